"""The trust anchors: whose signatures count, and which charts and images need a license.

- Two Vendors with one issuer: neither is trusted. What they claim still needs a license.
- Of several claims to a chart or image that of the oldest Vendor holds; of equally old ones that of the lesser name.
- Where several patterns of a Vendor match, the most specific one tells the product.
- An image is a Vendor's when one of its repository's names is, in lower case, or that of the source which a mirror of
  this Vendor's has it from.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from licet.core.errors import VerificationError
from licet.core.globs import Glob
from licet.core.images import Mirror, lower, with_sources
from licet.core.jwks import KeySet
from licet.core.reasons import Enforcement, Reason

_KEPT_CLAIMS: Final = 4096
_KEPT_CHARACTERS: Final = 512  # of the names that one of these is about; real ones are shorter


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
    mirrors: tuple[Mirror, ...] = ()

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
        # Names of charts recur with every release, those of images with every Pod. A registry is immutable, so its
        # answers are kept.
        self.claim_for_chart = _kept(self._claim_for_chart)
        self.claim_for_image = _kept(self._claim_for_image)

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
            for patterns in (chart_patterns, image_patterns)
            for mine, _ in patterns(vendor)
            for theirs, _ in patterns(other)
            if mine.overlaps(theirs)
        )

    def claim_for_product(self, product: str) -> ProductClaim | None:
        """Tell which Vendor lists a product of this name, the oldest where several do."""
        return next((ProductClaim(vendor.name, product) for vendor in self._vendors if vendor.lists(product)), None)

    def _claim_for_chart(self, chart: str) -> ProductClaim | None:
        """Tell which Vendor's product a chart of this name belongs to; None needs no license."""
        claims = (_most_specific(vendor, chart_patterns(vendor), chart) for vendor in self._vendors)
        return next(filter(None, claims), None)

    def _claim_for_image(self, *names: str) -> ProductClaim | None:
        """Tell which Vendor's product an image belongs to, by all names of its repository; None needs no license."""
        claims = (
            _most_specific(vendor, image_patterns(vendor), *with_sources(names, vendor.mirrors))
            for vendor in self._vendors
        )
        return next(filter(None, claims), None)


def _kept(answer: Callable[..., ProductClaim | None]) -> Callable[..., ProductClaim | None]:
    """Keep the answers about names, save long ones: a release may have names of megabytes, which would be kept too."""
    kept = lru_cache(_KEPT_CLAIMS)(answer)
    return lambda *names: (kept if sum(map(len, names)) <= _KEPT_CHARACTERS else answer)(*names)


def chart_patterns(vendor: Vendor) -> list[tuple[Glob, str]]:
    """List the patterns of charts, each with its product."""
    return [(glob, product.name) for product in vendor.products for glob in product.charts]


def image_patterns(vendor: Vendor) -> list[tuple[Glob, str]]:
    """List the patterns of image repositories, in lower case, each with its product."""
    return [(Glob(lower(glob.text)), product.name) for product in vendor.products for glob in product.images]


def _most_specific(vendor: Vendor, patterns: list[tuple[Glob, str]], *names: str) -> ProductClaim | None:
    matching = [(glob.specificity, product) for glob, product in patterns if any(map(glob.matches, names))]
    return ProductClaim(vendor.name, max(matching)[1]) if matching else None
