"""The work of the core that has a price: verifying, evaluating, matching versions, reading releases.

Everything is the same in each run, so that instructions can be counted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from bench.releases import PRODUCT, Size, Subject, payload
from bench.vendor import CLUSTER, BenchVendor
from licet.core.coverage import VersionSet
from licet.core.evaluate import evaluate
from licet.core.licenses import Assessment, Candidate, assess
from licet.core.memory import Memory
from licet.core.namespaces import Namespace
from licet.core.release import decode_release
from licet.core.semver import Version
from licet.core.token import read_token, verify_token
from licet.core.vendors import VendorRegistry

BARE: Final = "Ed25519 alone"
VERIFY: Final = "verify a token"

_NOW: Final = 1_767_225_600  # 2026-01-01T00:00:00Z
_LICENSES: Final = (1, 10, 100)


@dataclass(frozen=True, slots=True)
class Workload:
    """Something to do; `repeats` is how often, to make it long enough for a clock."""

    name: str
    action: Callable[[], object]
    repeats: int


def workloads() -> list[Workload]:
    """Gives all of them; what they need, such as keys and packed releases, is there already."""
    vendor = BenchVendor()
    registry = VendorRegistry([vendor.vendor])
    token = vendor.token(now=_NOW)
    unverified = read_token(token)
    key = next(iter(vendor.vendor.keys.keys.values())) if vendor.vendor.keys else None
    if key is None:
        raise AssertionError("the vendor has keys")
    found = [
        Workload(BARE, partial(key.public_key.verify, unverified.signature, unverified.signing_input), 200),
        Workload(VERIFY, partial(verify_token, token, registry, cluster=CLUSTER), 200),
    ]
    namespace = Namespace("prod-eu", {})
    for count in _LICENSES:
        assessment = _assessment(vendor, registry, count)
        action = partial(evaluate, assessment, vendor.name, PRODUCT, namespace)
        found.append(Workload(f"evaluate {count} license{'s' if count > 1 else ''}", action, 1000 // count))
    found.append(Workload("match a version", _match, 1000))
    for size, repeats in ((Size.SMALL, 100), (Size.LARGE, 5)):
        release = payload(Subject.LICENSED, size)
        name = f"decode a release of {len(release) // 1000} KB"
        found.append(Workload(name, partial(decode_release, release), repeats))
    return found


def _assessment(vendor: BenchVendor, registry: VendorRegistry, count: int) -> Assessment:
    candidates = []
    for number in range(count):
        token = verify_token(vendor.token(series=f"series-{number}", now=_NOW), registry, cluster=CLUSTER)
        candidates.append(Candidate(f"license-{number}", token, None))
    return assess(candidates, registry, Memory(), _NOW + 1)


_RANGE: Final = VersionSet.parse(">=2.0.0 <3.0.0 || ~4.1.0", ("rc",))


def _match() -> bool:
    return _RANGE.covers(Version.parse("2.14.3")) and not _RANGE.covers(Version.parse("3.0.0-rc.1"))
