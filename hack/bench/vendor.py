"""A vendor, to have something licensed: a key, the same in each run, the manifest of its Vendor, and tokens."""

import hashlib
import itertools
import time
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.releases import LICENSED_RANGE, PRODUCT
from licet.core.globs import Glob
from licet.core.issue import issue_token
from licet.core.jwks import KeySet, key_to_jwk
from licet.core.vendors import Product, Vendor

_API: Final = "licet.dev/v1alpha1"
_KEY_ID: Final = "bench-2026"
CLUSTER: Final = "0d5a7a5e-3c1f-4f0e-9b6e-0c6f2f1f7a11"
"""The UID of a cluster, where one is needed and there is none."""


class BenchVendor:
    """One vendor with one product; its tokens have what those of a real vendor have."""

    def __init__(self, name: str = "bench", product: str = PRODUCT) -> None:
        self.name = name
        self.product = product
        self.issuer = f"https://licenses.{name}.example"
        self._charts = (product, f"{product}-*")
        self._key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())
        self._numbers = itertools.count(1)

    @property
    def jwks(self) -> dict[str, Any]:
        """Its public keys."""
        return {"keys": [key_to_jwk(_KEY_ID, self._key.public_key())]}

    @property
    def vendor(self) -> Vendor:
        """The Vendor as the core takes it."""
        product = Product(self.product, tuple(map(Glob.parse, self._charts)))
        return Vendor(self.name, self.issuer, KeySet.parse(self.jwks), (product,), created="2026-01-01T00:00:00Z")

    @property
    def manifest(self) -> dict[str, Any]:
        """The Vendor, to be applied."""
        spec = {
            "issuer": self.issuer,
            "jwks": self.jwks,
            "products": [{"name": self.product, "charts": list(self._charts)}],
        }
        return {"apiVersion": _API, "kind": "Vendor", "metadata": {"name": self.name}, "spec": spec}

    def license(self, token: str, name: str = "bench") -> dict[str, Any]:
        """A License with this token, to be applied."""
        return {"apiVersion": _API, "kind": "License", "metadata": {"name": name}, "spec": {"token": token}}

    def token(self, *, plan: str = "pro", series: str = "production", now: int | None = None) -> str:
        """A token of one year from `now` on, which licenses the charts in `releases.LICENSED_RANGE`.

        Each one has a higher sequence than the one before.
        """
        number = next(self._numbers)
        grant = {
            "product": self.product,
            "plan": plan,
            "features": {"sso": True, "audit-log": True, "modules": ["orders", "billing"], "nodes": 12},
            "limits": {"seats": {"max": 250}, "calls": {"max": 1_000_000, "per": "month"}},
            "charts": [{"name": f"{self.product}*", "versions": LICENSED_RANGE}],
        }
        spec = {
            "iss": self.issuer,
            "sub": "customer-42",
            "exp": "P365D",
            "license": {
                "series": series,
                "sequence": number,
                "customer": {"name": "Globex"},
                "gracePeriod": "P14D",
                "grants": [grant],
            },
        }
        return issue_token(spec, self._key, kid=_KEY_ID, now=now or int(time.time()), token_id=f"lic_{number:06}")
