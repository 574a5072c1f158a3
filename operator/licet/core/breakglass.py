"""Break-glass: letting one Helm release in without a license, in an emergency, for a while, and on record.

- It is no right. Nothing is granted, projected or remembered as licensed by it; a release is admitted with a warning.
- It is for one release of one namespace, and where it lists charts, for these alone in these versions. A release that
  names several namespaces needs one in each.
- It ends when it says, and a day after its creation at the latest, whatever it says. Both are read against the clock
  alone: an emergency may be that the clock was wrong, and what licet remembers of it with it.
- One from the future counts for nothing: a clock that is turned back opens what has ended only where it was open then.
- A license may rule it out for its products, wherever that license is meant to be used, even when it is over.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from licet.core import bounds
from licet.core.licenses import Assessment
from licet.core.namespaces import Namespace
from licet.core.subjects import Subject
from licet.core.timestamps import format_instant
from licet.core.vendors import ProductClaim, VendorRegistry


@dataclass(frozen=True, slots=True)
class BreakGlass:
    """One emergency: which release is let in, and who says so; instants are epoch seconds."""

    name: str
    namespace: str
    release: str
    requested_by: str
    reason: str
    created: int
    until: int
    charts: tuple[tuple[str, str], ...] | None = None
    """Name and version of the charts that it is for; None: all of the release."""

    @property
    def ends(self) -> int:
        """The instant from which it admits nothing any more."""
        return min(self.until, self.created + bounds.BREAK_GLASS_SECONDS)

    def is_open(self, now: int) -> bool:
        """Tell whether it has begun, give or take what clocks may differ, and not ended."""
        return self.created <= now + bounds.CLOCK_LEAD_SECONDS and now < self.ends

    def is_for(self, chart: str, version: str | None) -> bool:
        """Tell whether it is for a chart of the release in this version."""
        return self.charts is None or (chart, version) in self.charts


@dataclass(frozen=True, slots=True)
class Emergency:
    """The BreakGlasses of one release, in any state, and the instant at which they are looked at."""

    break_glasses: tuple[BreakGlass, ...] = ()
    now: int = 0

    @classmethod
    def of(
        cls, break_glasses: Iterable[BreakGlass], release: str, namespaces: Collection[str], *, now: int
    ) -> "Emergency":
        """Choose those of a release, in one of the namespaces."""
        return cls(
            tuple(each for each in break_glasses if each.release == release and each.namespace in namespaces), now
        )

    def when(self, instant: int) -> "Emergency":
        """Look back to an instant at which something began by the API server's clock, which created them as well."""
        return Emergency(tuple(each for each in self.break_glasses if each.created <= instant), instant)


NO_EMERGENCY: Final = Emergency()


@dataclass(frozen=True, slots=True)
class Admission:
    """What BreakGlasses make of a chart that is not licensed: those by which it is admitted, or why by none."""

    by: tuple[BreakGlass, ...] = ()
    remark: str = ""
    """Of one that does not help, why; empty where there is none."""


def admit(subject: Subject, namespaces: Sequence[Namespace], emergency: Emergency, assessment: Assessment) -> Admission:
    """Tell whether BreakGlasses admit a chart that is not licensed, of their release in all of the namespaces."""
    by: list[BreakGlass] = []
    for namespace in namespaces:
        there = [each for each in emergency.break_glasses if each.namespace == namespace.name]
        fitting = [each for each in there if each.is_open(emergency.now) and each.is_for(subject.name, subject.version)]
        if not fitting:
            return Admission(remark=_remark(there, emergency.now))
        by.append(max(fitting, key=lambda each: (each.ends, each.name)))
    ruled_out = forbidding_license(subject.claim.vendor, subject.claim.product, namespaces, assessment)
    if by and ruled_out is not None:
        return Admission(remark=f"BreakGlass {by[0].name} does not help: license {ruled_out} rules break-glass out")
    return Admission(by=tuple(dict.fromkeys(by)))


def forbidding_license(
    vendor: str, product: str, namespaces: Sequence[Namespace], assessment: Assessment
) -> str | None:
    """Name a license, in force or over, that rules break-glass out for a product in one of the namespaces."""
    for license_ in assessment.by_product.get((vendor, product), ()):
        allowed = [namespace for namespace in namespaces if license_.allows(namespace)]
        if allowed and not license_.token.claims.license.break_glass:
            return license_.name_for(allowed)
    return None


def products(
    break_glass: BreakGlass, namespace: Namespace, registry: VendorRegistry, assessment: Assessment
) -> dict[ProductClaim, str | None]:
    """Give the products that a BreakGlass is about, each with the license that rules it out, or None.

    Those are the products of the charts that it lists; without such a list, all products of all Vendors.
    """
    if break_glass.charts is None:
        claims: Iterable[ProductClaim | None] = (
            ProductClaim(vendor.name, product.name) for vendor in registry for product in vendor.products
        )
    else:
        claims = (registry.claim_for_chart(name) for name, _ in break_glass.charts)
    return {
        claim: forbidding_license(claim.vendor, claim.product, (namespace,), assessment)
        for claim in claims
        if claim is not None
    }


def _remark(break_glasses: Sequence[BreakGlass], now: int) -> str:
    """Explain why BreakGlasses of the release do not help, by the one that ends last."""
    latest = max(break_glasses, key=lambda each: (each.ends, each.name), default=None)
    if latest is None:
        return ""
    if now >= latest.ends:
        return f"BreakGlass {latest.name} ended at {format_instant(latest.ends)}"
    if not latest.is_open(now):
        created = format_instant(latest.created)
        return f"BreakGlass {latest.name} was created at {created}, which is in the future; check the clock"
    charts = ", ".join(f"{name} {version}" for name, version in latest.charts or ())
    return f"BreakGlass {latest.name} is for {charts} only"
