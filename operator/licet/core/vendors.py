"""The trust anchors: whose signatures count, and which charts and images need a license.

- Two Vendors with one issuer: neither is trusted. What they claim still needs a license.
- Two Vendors that claim the same chart or image: that of the Vendor created first, then of the lesser name, holds.
- Within a Vendor the most specific pattern decides the product.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from licet.core.errors import VerificationError
from licet.core.globs import Glob
from licet.core.jwks import KeySet
from licet.core.reasons import Enforcement, Reason

_CLAIM_CACHE_SIZE = 4096


@dataclass(frozen=True, slots=True)
class ProductClaim:
    """Who claims a chart or image, and as which product."""

    vendor: str
    product: str


@dataclass(frozen=True, slots=True)
class Product:
    """A product of a vendor, and what of it needs a license."""

    name: str
    charts: tuple[Glob, ...] = ()
    images: tuple[Glob, ...] = ()


@dataclass(frozen=True, slots=True)
class Vendor:
    """One Vendor of the cluster."""

    name: str
    issuer: str
    keys: KeySet | None  # None: they can't be read, and no license of the vendor can be verified
    products: tuple[Product, ...] = ()
    enforcement: Enforcement = Enforcement.ENFORCE
    created: str = ""  # RFC 3339 in UTC, so that text order is time order

    @property
    def age(self) -> tuple[str, str]:
        """Sort key that puts the Vendor first whose claims hold against the others'."""
        return self.created, self.name

    def lists(self, product: str) -> bool:
        """Tell whether the product is one of this Vendor's."""
        return any(listed.name == product for listed in self.products)


@dataclass(frozen=True, slots=True)
class ClaimConflict:
    """A pattern of a Vendor that an older Vendor claims as well."""

    pattern: str
    other_vendor: str
    other_pattern: str


class VendorRegistry:
    """All Vendors of the cluster, and the answers to who signs and who claims what."""

    def __init__(self, vendors: Iterable[Vendor] = ()) -> None:
        self._vendors = tuple(sorted(vendors, key=lambda vendor: vendor.age))
        self._by_name = {vendor.name: vendor for vendor in self._vendors}
        self._by_issuer: dict[str, list[Vendor]] = {}
        for vendor in self._vendors:
            self._by_issuer.setdefault(vendor.issuer, []).append(vendor)
        # Names of charts recur with every release; a registry is immutable, so its answers are kept.
        self.claim_for_chart = lru_cache(_CLAIM_CACHE_SIZE)(self._claim_for_chart)

    def __iter__(self) -> Iterator[Vendor]:
        return iter(self._vendors)

    def get(self, name: str) -> Vendor | None:
        """Give the Vendor of this name."""
        return self._by_name.get(name)

    def for_issuer(self, issuer: str) -> Vendor:
        """Give the one Vendor of an issuer, compared exactly.

        Raises:
            VerificationError: `UnknownVendor` if there is none, `IssuerConflict` if there are several.
        """
        vendors = self._by_issuer.get(issuer, [])
        if not vendors:
            raise VerificationError(
                Reason.UNKNOWN_VENDOR,
                f"no Vendor has the issuer {issuer[:200]!r}; apply the Vendor that you trust for it",
            )
        if len(vendors) > 1:
            names = ", ".join(vendor.name for vendor in vendors)
            raise VerificationError(
                Reason.ISSUER_CONFLICT,
                f"the Vendors {names} have the same issuer, so none is trusted; delete all but one",
            )
        return vendors[0]

    def issuer_rivals(self, name: str) -> tuple[str, ...]:
        """Name the other Vendors that have the issuer of this one; none where there is no such Vendor."""
        vendor = self._by_name.get(name)
        rivals = self._by_issuer[vendor.issuer] if vendor else []
        return tuple(other.name for other in rivals if other.name != name)

    def claim_conflicts(self, name: str) -> tuple[ClaimConflict, ...]:
        """List the patterns of this Vendor that could match what an older Vendor claims, where the older one holds."""
        vendor = self._by_name[name]
        older = [other for other in self._vendors if other.age < vendor.age]
        return tuple(
            ClaimConflict(pattern=mine.text, other_vendor=other.name, other_pattern=theirs.text)
            for other in older
            for my_patterns, their_patterns in ((_charts(vendor), _charts(other)), (_images(vendor), _images(other)))
            for mine, _ in my_patterns
            for theirs, _ in their_patterns
            if mine.overlaps(theirs)
        )

    def claim_for_image(self, repository: str) -> ProductClaim | None:
        """Tell which Vendor's product an image repository belongs to; None needs no license."""
        claims = (_most_specific(vendor, _images(vendor), repository) for vendor in self._vendors)
        return next(filter(None, claims), None)

    def claim_for_product(self, product: str) -> ProductClaim | None:
        """Tell which Vendor lists a product of this name, the oldest where several do."""
        return next((ProductClaim(vendor.name, product) for vendor in self._vendors if vendor.lists(product)), None)

    def _claim_for_chart(self, chart: str) -> ProductClaim | None:
        """Tell which Vendor's product a chart of this name belongs to; None needs no license."""
        claims = (_most_specific(vendor, _charts(vendor), chart) for vendor in self._vendors)
        return next(filter(None, claims), None)


def _charts(vendor: Vendor) -> list[tuple[Glob, str]]:
    return [(glob, product.name) for product in vendor.products for glob in product.charts]


def _images(vendor: Vendor) -> list[tuple[Glob, str]]:
    return [(glob, product.name) for product in vendor.products for glob in product.images]


def _most_specific(vendor: Vendor, patterns: list[tuple[Glob, str]], name: str) -> ProductClaim | None:
    matching = [(glob.specificity, product) for glob, product in patterns if glob.matches(name)]
    return ProductClaim(vendor.name, max(matching)[1]) if matching else None
