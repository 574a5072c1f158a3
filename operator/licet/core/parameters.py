"""What the API server's admission policies go by: the licenses of a vendor, as values that they only have to compare.

The policies (`charts/licet/policies`) are fixed text. What licenses and Vendors say reaches them as data alone, in one
object per Vendor, so that nobody can bring in an expression. They know the time, and judge as `licet.core.workloads`
does with nothing of licet running; a right whose license ends meanwhile ends there too.

- Only licenses that count and are not over become rights, by the time that `licet.core.licenses` goes by.
- Of licenses that grant the same to the same namespaces, the one that lasts longest is told of.
- What a license covers that cannot be said in intervals of versions is covered altogether here. It is left to the
  gate, and listed.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final

from licet.core import bounds
from licet.core.claims import ChartGrant, ImageGrant
from licet.core.coverage import EVERY, VersionSet
from licet.core.globs import Glob
from licet.core.images import Mirror
from licet.core.intervals import Interval, IntervalError, Intervals
from licet.core.licenses import Assessment, CountingLicense
from licet.core.namespaces import NamespaceScope, Operator
from licet.core.openings import Opening
from licet.core.reasons import Enforcement, State
from licet.core.retention import chart_key, within_bounds
from licet.core.vendors import Vendor, VendorRegistry, chart_patterns, image_patterns
from licet.core.workloads import PastWorkloads, licensed_tags, repository_glob

_CACHE_SIZE: Final = 4096  # vendors write the same few entries into all licenses
_TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")  # OCI distribution specification, "Pulling manifests"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern of names as a regular expression of RE2, and what every match begins with, which is checked first."""

    prefix: str
    expression: str

    @classmethod
    def of(cls, glob: Glob) -> "Pattern":
        """Say a glob as a regular expression; of the characters that it may have, only the dot and the star matter."""
        return cls(glob.text.partition("*")[0], f"^{glob.text.replace('.', '[.]').replace('*', '.*')}$")


@dataclass(frozen=True, slots=True)
class Claimed:
    """A pattern of names that need a license, and for which product."""

    pattern: Pattern
    product: str


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What an older Vendor claims, whose claim holds against this one's."""

    vendor: str
    images: tuple[Pattern, ...]
    charts: tuple[Pattern, ...]
    mirrors: tuple[Mirror, ...]


@dataclass(frozen=True, slots=True)
class Coverage:
    """Which versions of which images or charts a right is about."""

    pattern: Pattern
    text: str
    """The versions, for messages."""
    every: bool = False
    """Whether all versions are covered, and images with a bare digest."""
    tags: tuple[str, ...] = ()
    """Tags that are covered literally."""
    releases: tuple[Interval, ...] = ()
    prereleases: tuple[Interval, ...] = ()
    channels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SelectorTerm:
    """A requirement that the labels of a namespace have to meet."""

    key: str
    operator: Operator
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scope:
    """The namespaces that a License is narrowed to: those named, and those that meet all terms of the selector."""

    names: tuple[str, ...]
    selector: tuple[SelectorTerm, ...] | None


@dataclass(frozen=True, slots=True)
class Right:
    """What one License grants of one product. A member that is None does not restrict."""

    license: str
    product: str
    trial: bool
    until: int
    """Epoch seconds: the end of the license with its grace period."""
    namespaces: tuple[Pattern, ...] | None
    scope: Scope | None
    images: tuple[Coverage, ...] | None
    charts: tuple[Coverage, ...] | None


@dataclass(frozen=True, slots=True)
class Past:
    """What once ran licensed in a namespace: images in canonical form, and charts as `NAME VERSION`."""

    namespace: str
    images: tuple[str, ...]
    charts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VendorParameters:
    """All that the policies have to know about one Vendor."""

    vendor: str
    enforcement: Enforcement
    images: tuple[Claimed, ...]
    """What this Vendor claims, the most specific pattern first."""
    charts: tuple[Claimed, ...]
    products: tuple[str, ...]
    """Those that are this Vendor's by name: no older Vendor lists one of that name."""
    mirrors: tuple[Mirror, ...]
    elsewhere: tuple[Elsewhere, ...]
    rights: tuple[Right, ...]
    past: tuple[Past, ...]
    openings: tuple[Opening, ...] = ()
    unexpressed: tuple[str, ...] = field(default=())
    """What could not be said in intervals, and why."""


def vendor_parameters(
    vendor: Vendor,
    registry: VendorRegistry,
    assessment: Assessment,
    past: Mapping[str, PastWorkloads],
    openings: tuple[Opening, ...] = (),
) -> VendorParameters:
    """Give what the policies have to know about a Vendor; equal circumstances give equal values.

    Args:
        vendor: one of the registry.
        registry: all Vendors, since the claims of older ones hold.
        assessment: the judgement of all Licenses.
        past: by namespace, what once ran licensed there.
        openings: what open BreakGlasses let in of this Vendor's.
    """
    older = [other for other in registry if other.age < vendor.age]
    unexpressed: list[str] = []
    rights = _unite(
        right
        for license_ in assessment.counting
        if license_.token.vendor == vendor.name and license_.phase is not State.EXPIRED
        for right in _rights(license_, unexpressed)
    )
    return VendorParameters(
        vendor=vendor.name,
        enforcement=vendor.enforcement,
        images=_claimed(image_patterns(vendor)),
        charts=_claimed(chart_patterns(vendor)),
        products=tuple(
            sorted(
                {product.name for product in vendor.products if not any(other.lists(product.name) for other in older)}
            )
        ),
        mirrors=vendor.mirrors,
        elsewhere=tuple(filter(None, (_elsewhere(vendor, other) for other in older))),
        rights=rights,
        past=tuple(
            _past(namespace, ran) for namespace, ran in sorted(within_bounds(past).items()) if ran != PastWorkloads()
        ),
        openings=openings[: bounds.POLICY_OPENINGS],
        unexpressed=tuple(dict.fromkeys(unexpressed)),
    )


def _claimed(patterns: Iterable[tuple[Glob, str]]) -> tuple[Claimed, ...]:
    ordered = sorted(patterns, key=lambda each: (each[0].specificity, each[1]), reverse=True)
    return tuple(Claimed(Pattern.of(glob), product) for glob, product in ordered)


def _elsewhere(vendor: Vendor, other: Vendor) -> Elsewhere | None:
    """Give what of an older Vendor's claims could concern this one; with mirrors, any pattern of images could."""
    mirrored = bool(vendor.mirrors or other.mirrors)
    mine = [glob for glob, _ in image_patterns(vendor)]
    images = [glob for glob, _ in image_patterns(other) if mine and (mirrored or any(map(glob.overlaps, mine)))]
    mine = [glob for glob, _ in chart_patterns(vendor)]
    charts = [glob for glob, _ in chart_patterns(other) if any(map(glob.overlaps, mine))]
    if not images and not charts:
        return None
    return Elsewhere(other.name, tuple(map(Pattern.of, images)), tuple(map(Pattern.of, charts)), other.mirrors)


def _rights(license_: CountingLicense, unexpressed: list[str]) -> Iterator[Right]:
    """Give a right for each License that carries the token, as each may be narrowed to other namespaces."""
    claims = license_.token.claims
    allowed = claims.license.bindings.namespaces
    for grant in license_.grants:
        images = None if grant.images is None else [_cover_image(entry) for entry in grant.images]
        charts = None if grant.charts is None else [_cover_chart(entry) for entry in grant.charts]
        problems = (problem for _, problem in (*(images or ()), *(charts or ())) if problem)
        unexpressed.extend(f"license {claims.jti}: {problem}" for problem in problems)
        for name, scope in zip(license_.licenses, license_.scopes, strict=True):
            yield Right(
                license=name,
                product=grant.product,
                trial=claims.license.trial,
                until=claims.grace_until,
                namespaces=None if allowed is None else tuple(map(Pattern.of, allowed)),
                scope=None if scope is None else _scope(scope),
                images=None if images is None else tuple(covered for covered, _ in images),
                charts=None if charts is None else tuple(covered for covered, _ in charts),
            )


def _unite(rights: Iterable[Right]) -> tuple[Right, ...]:
    """Keep of rights that differ in nothing but their license and its end the one that lasts, the latest last."""
    lasting: dict[Right, Right] = {}
    for right in rights:
        grants = replace(right, license="", until=0)
        other = lasting.pop(grants, right)
        lasting[grants] = max(right, other, key=lambda each: each.until)
    return tuple(lasting.values())


@lru_cache(_CACHE_SIZE)
def _cover_image(entry: ImageGrant) -> tuple[Coverage, str]:
    """Give what an entry of a grant covers, and if that can't be said in intervals, why."""
    pattern, tags = Pattern.of(repository_glob(entry)), licensed_tags(entry)
    if EVERY in tags.alternatives:
        return Coverage(pattern, str(tags), every=True), ""
    return _cover(pattern, str(tags), tags.versions, tuple(filter(_TAG.fullmatch, tags.alternatives)))


@lru_cache(_CACHE_SIZE)
def _cover_chart(entry: ChartGrant) -> tuple[Coverage, str]:
    """Give what an entry of a grant covers, and if that can't be said in intervals, why."""
    pattern = Pattern.of(entry.name)
    if entry.versions is None:
        return Coverage(pattern, entry.versions_text, every=True), ""
    return _cover(pattern, entry.versions_text, (VersionSet.parse(entry.versions, entry.channels),))


def _cover(
    pattern: Pattern, text: str, versions: Sequence[VersionSet], tags: tuple[str, ...] = ()
) -> tuple[Coverage, str]:
    try:
        found = Intervals.of(*versions)
    except IntervalError as error:
        return Coverage(pattern, text, every=True), str(error)
    covered = Coverage(
        pattern, text, tags=tags, releases=found.releases, prereleases=found.prereleases, channels=found.channels
    )
    return covered, ""


def _scope(scope: NamespaceScope) -> Scope:
    selector = scope.selector
    terms = None
    if selector is not None:
        terms = tuple(SelectorTerm(term.key, term.operator, tuple(sorted(term.values))) for term in selector)
    return Scope(tuple(sorted(scope.names)), terms)


def _past(namespace: str, ran: PastWorkloads) -> Past:
    return Past(namespace, tuple(sorted(ran.images)), tuple(sorted(map(chart_key, ran.charts))))
