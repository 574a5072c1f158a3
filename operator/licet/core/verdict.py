"""The gate's decision about a release: pure, so that the gate, the command line and the inventory decide alike.

- A release without a protected chart needs no license.
- Each protected chart needs a license that counts, allows every namespace of the release, and covers name and version.
- What is not licensed, but runs here in this very version or ran here licensed, is admitted with a warning: unwinding
  and deploying again never need a license.
- What is not licensed, but let in by a BreakGlass of the release, is admitted with a warning. That licenses nothing.
- Of what a GitOps tool only asks for, a range is licensed where some version in it may be, and when a version was
  released is left to the release that comes of it (`licet.core.gitops`).
- What the Vendor's enforcement makes of a refusal (refuse, warn, record) is decided per chart. Under one that only
  records, nothing at all is said to whoever installs.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain

from licet.core import bounds
from licet.core.breakglass import NO_EMERGENCY, Emergency, admit
from licet.core.charts import read_version, read_versions
from licet.core.claims import ChartGrant
from licet.core.evaluate import Contribution, in_force, preferred
from licet.core.licenses import Assessment
from licet.core.namespaces import Namespace
from licet.core.reasons import Enforcement, Reason, State
from licet.core.semver import Constraint, Version
from licet.core.subjects import RELEASED_ANNOTATION, Claim, Origin, Subject
from licet.core.timestamps import format_instant, parse_date
from licet.core.vendors import VendorRegistry


class Result(StrEnum):
    """What becomes of a release, or of one chart of it; in order of severity."""

    ALLOWED = "allowed"
    AUDITED = "audited"
    WARNED = "warned"
    DENIED = "denied"


class Ground(StrEnum):
    """Why: the `reason` of metrics and log lines."""

    NOT_PROTECTED = "NotProtected"
    LICENSED = "Licensed"
    IN_GRACE = "InGrace"
    RUNS_HERE = "RunsHere"
    RAN_LICENSED = "RanLicensed"
    BREAK_GLASS = "BreakGlass"
    NO_LICENSE = "NoLicense"
    LICENSE_EXPIRED = "LicenseExpired"
    LICENSE_NOT_YET_VALID = "LicenseNotYetValid"
    ISSUER_CONFLICT = "IssuerConflict"
    CHART_NOT_COVERED = "ChartNotCovered"
    IMAGE_NOT_COVERED = "ImageNotCovered"
    VERSION_NOT_COVERED = "VersionNotCovered"
    VERSION_UNKNOWN = "VersionUnknown"
    MAINTENANCE_ENDED = "MaintenanceEnded"
    RELEASE_DATE_UNKNOWN = "ReleaseDateUnknown"
    RELEASE_UNREADABLE = "ReleaseUnreadable"


_RESULT_OF: dict[Enforcement, Result] = {
    Enforcement.ENFORCE: Result.DENIED,
    Enforcement.WARN: Result.WARNED,
    Enforcement.AUDIT: Result.AUDITED,
}
_DISTANCE: dict[Ground, int] = {  # others are nearer
    Ground.VERSION_NOT_COVERED: 1,
    Ground.CHART_NOT_COVERED: 2,
    Ground.IMAGE_NOT_COVERED: 2,
}


@dataclass(frozen=True, slots=True)
class ReleaseRef:
    """The release that is judged, and every namespace that it names: its Secret's own and its payload's."""

    name: str
    namespaces: tuple[Namespace, ...]
    described: str = ""
    """What asks for the release, as messages name it, where that is not Helm itself: `HelmRelease "web"`."""

    @property
    def where(self) -> str:
        """The release as messages name it."""
        names = " and ".join(f'"{shown(namespace.name)}"' for namespace in self.namespaces)
        described = self.described or f'release "{self.name}"'
        return f"{described}, namespace {names}"


def shown(name: str) -> str:
    """Cut what is no name of a namespace or release (Helm allows 53 characters): a payload says what it likes."""
    return name if len(name) <= bounds.NAME_LENGTH else f"{name[: bounds.NAME_LENGTH]}…"


@dataclass(frozen=True, slots=True)
class RanHere:
    """What an Installation remembers of a release, or of an Application of Argo CD, as (chart, version)."""

    running: frozenset[tuple[str, str]] = frozenset()
    licensed: frozenset[tuple[str, str]] = frozenset()
    rendered: frozenset[tuple[str, str]] = frozenset()
    """What an Application runs, which no release may refer to, whatever it is called."""
    rendered_licensed: frozenset[tuple[str, str]] = frozenset()
    """What once ran licensed by an Application; nor may a release refer to that."""

    @classmethod
    def of_applications(cls, several: Iterable["RanHere"]) -> "RanHere":
        """Give what Applications ran, of all that is remembered in one place."""
        parts = tuple(several)
        return cls(
            rendered=frozenset(chain.from_iterable(part.rendered for part in parts)),
            rendered_licensed=frozenset(chain.from_iterable(part.rendered_licensed for part in parts)),
        )

    @property
    def of_application(self) -> "RanHere":
        """What an Application may refer to: nothing that a release ran, whatever it is called."""
        return RanHere(running=self.rendered, licensed=self.rendered_licensed)


@dataclass(frozen=True, slots=True)
class ChartVerdict:
    """The decision about one protected chart."""

    subject: Subject
    result: Result
    ground: Ground
    license: str = ""  # name of the License that covers it
    explanation: str = ""  # a sentence for people, where there is something to say
    break_glasses: tuple[str, ...] = ()  # names of the BreakGlasses that admit it

    @property
    def licensed(self) -> bool:
        """Tell whether a license covers it, now or still in its grace period."""
        return self.ground in {Ground.LICENSED, Ground.IN_GRACE}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision about a release."""

    result: Result
    ground: Ground
    charts: tuple[ChartVerdict, ...] = ()
    message: str = ""  # the denial, where it is one
    warnings: tuple[str, ...] = field(default=())

    @property
    def permitted(self) -> bool:
        """Tell whether the release may be written."""
        return self.result is not Result.DENIED


@dataclass(frozen=True, slots=True)
class Shortfall:
    """Why a chart or image is not licensed, and what to do about it; both without a full stop."""

    ground: Ground
    problem: str
    remedy: str


def judge(
    subjects: Iterable[Subject],
    release: ReleaseRef,
    registry: VendorRegistry,
    assessment: Assessment,
    ran_here: RanHere,
    emergency: Emergency = NO_EMERGENCY,
) -> Verdict:
    """Decide about a release with these protected charts; `emergency` has the BreakGlasses of this release."""
    charts = tuple(_judge_chart(subject, release, registry, assessment, ran_here, emergency) for subject in subjects)
    if not charts:
        return Verdict(Result.ALLOWED, Ground.NOT_PROTECTED)
    first = decisive(charts)
    return Verdict(
        result=first.result,
        ground=first.ground,
        charts=charts,
        message=" ".join(chart.explanation for chart in charts if chart.result is Result.DENIED),
        warnings=tuple(
            chart.explanation
            for chart in charts
            if chart.explanation
            and chart.result in {Result.ALLOWED, Result.WARNED}
            and _enforcement(chart.subject.claim, registry) is not Enforcement.AUDIT
        ),
    )


def decisive(charts: Iterable[ChartVerdict]) -> ChartVerdict:
    """Give the chart, of at least one, that decides about all: by the severest result, then by a BreakGlass."""
    return max(charts, key=lambda chart: (list(Result).index(chart.result), chart.ground is Ground.BREAK_GLASS))


def covering_license(subject: Subject, namespaces: Sequence[Namespace], assessment: Assessment) -> Contribution | None:
    """Give the grant in force that licenses a chart in all of the namespaces, or None."""
    version = _read_version(subject)
    if version is None:
        return None
    parts = in_force(assessment, subject.claim.vendor, subject.claim.product, namespaces)
    return preferred(part for part in parts if _shortfall(subject, version, namespaces, part) is None)


def result_without_license(claim: Claim, registry: VendorRegistry) -> Result:
    """Tell what becomes of what no license covers: what the Vendor that claims it wants."""
    return _RESULT_OF[_enforcement(claim, registry)]


def _judge_chart(
    subject: Subject,
    release: ReleaseRef,
    registry: VendorRegistry,
    assessment: Assessment,
    ran_here: RanHere,
    emergency: Emergency,
) -> ChartVerdict:
    chart = f"chart {subject.name} {subject.version or '(version unknown)'} ({release.where})"
    part = covering_license(subject, release.namespaces, assessment)
    if part is not None:
        name = part.license.name_for(release.namespaces)
        if part.license.phase is State.ACTIVE:
            return ChartVerdict(subject, Result.ALLOWED, Ground.LICENSED, name)
        grace = format_instant(part.license.token.claims.grace_until)
        explanation = f"{chart} is licensed until {grace} only, since license {name} expired. Apply a renewed license."
        return ChartVerdict(subject, Result.ALLOWED, Ground.IN_GRACE, name, explanation)
    shortfall = _nearest_shortfall(subject, release, registry, assessment)
    if subject.version is not None:
        here = (subject.name, subject.version)
        ground = Ground.RUNS_HERE if here in ran_here.running else Ground.RAN_LICENSED
        if here in ran_here.running | ran_here.licensed:
            it = "a version in this range" if isinstance(_read_version(subject), Constraint) else "this version"
            explanation = (
                f"{chart} is not licensed{' any more' if here in ran_here.licensed else ''}: {shortfall.problem}. "
                f"It is admitted because {it} {'runs' if ground is Ground.RUNS_HERE else 'ran licensed'} here. "
                f"{shortfall.remedy}."
            )
            return ChartVerdict(subject, Result.ALLOWED, ground, explanation=explanation)
    admission = admit(subject, release.namespaces, emergency, assessment)
    if admission.by:
        names = tuple(each.name for each in admission.by)
        first = min(admission.by, key=lambda each: each.ends)
        explanation = (
            f"{chart} is not licensed: {shortfall.problem}. It is let in by BreakGlass {', '.join(names)} of "
            f"{first.requested_by}, until {format_instant(first.ends)} only. {shortfall.remedy}."
        )
        return ChartVerdict(subject, Result.ALLOWED, Ground.BREAK_GLASS, explanation=explanation, break_glasses=names)
    remark = f" {admission.remark}." if admission.remark else ""
    return ChartVerdict(
        subject,
        result_without_license(subject.claim, registry),
        shortfall.ground,
        explanation=f"{chart} is not licensed: {shortfall.problem}. {shortfall.remedy}.{remark}",
    )


def _enforcement(claim: Claim, registry: VendorRegistry) -> Enforcement:
    vendor = registry.get(claim.vendor)
    return vendor.enforcement if vendor else Enforcement.ENFORCE


def _read_version(subject: Subject) -> Version | Constraint | None:
    text = subject.version or ""
    return read_versions(text) if subject.origin is Origin.REQUEST else read_version(text)


def _shortfall(
    subject: Subject, version: Version | Constraint, namespaces: Sequence[Namespace], part: Contribution
) -> Shortfall | None:
    """Explain why a grant in force does not cover a chart; None if it does."""
    grant, claims = part.grant, part.license.token.claims
    holder = part.holder(namespaces)
    if grant.charts is not None and not any(entry.covers(subject.name, version) for entry in grant.charts):
        entries = [entry for entry in grant.charts if entry.name.matches(subject.name)]
        if not entries:
            return Shortfall(
                Ground.CHART_NOT_COVERED,
                f"{holder} does not cover this chart",
                f"Apply a license that covers chart {subject.name}",
            )
        return Shortfall(
            Ground.VERSION_NOT_COVERED,
            f"{holder} covers {_versions(entries)}",
            f"Install a covered version, or apply a license that covers {subject.version}",
        )
    if grant.maintenance_until is None or subject.origin is Origin.REQUEST:
        return None
    try:
        released = parse_date(subject.released or "")
    except ValueError:
        covered = f"{holder} covers what was released until {grant.maintenance_until}"
        if subject.origin is Origin.ROOT:
            silent = f"and the chart does not say when it was released (annotation {RELEASED_ANNOTATION})"
            remedy = "Ask the vendor for a chart that says so"
        else:
            silent = "and a release does not tell when a chart inside of another was released"
            remedy = f"Install {subject.name} as a release of its own"
        return Shortfall(Ground.RELEASE_DATE_UNKNOWN, f"{covered}, {silent}", remedy)
    if released <= grant.maintenance_until:
        return None
    return Shortfall(
        Ground.MAINTENANCE_ENDED,
        f"it was released on {released}, and the maintenance of {holder} ended with {grant.maintenance_until}",
        f"Install a version released until then, or apply license {claims.jti} renewed with maintenance",
    )


def _versions(entries: Sequence[ChartGrant]) -> str:
    return " || ".join(dict.fromkeys(entry.versions_text for entry in entries))


def _nearest_shortfall(
    subject: Subject, release: ReleaseRef, registry: VendorRegistry, assessment: Assessment
) -> Shortfall:
    """Explain a refusal by the license that comes closest, of those that the release's namespaces may know about."""
    if subject.version is None:
        return Shortfall(
            Ground.VERSION_UNKNOWN,
            "the release does not tell which version of it is inside",
            "Run helm dependency update on the parent chart, so that its Chart.lock names the version",
        )
    version = _read_version(subject)
    if version is None:
        return Shortfall(
            Ground.VERSION_UNKNOWN,
            "its version is not a semantic version",
            "Package the chart with a version such as 1.2.3",
        )
    parts = in_force(assessment, subject.claim.vendor, subject.claim.product, release.namespaces)
    shortfalls = [_shortfall(subject, version, release.namespaces, part) for part in reversed(parts)]
    if told := [shortfall for shortfall in shortfalls if shortfall]:
        return nearest(told)
    return missing_license(subject.claim, release.namespaces, registry, assessment)


def nearest(shortfalls: Iterable[Shortfall]) -> Shortfall:
    """Choose what to tell of several licenses in force, of which none covers a thing: the one that comes closest."""
    return min(shortfalls, key=lambda shortfall: _DISTANCE.get(shortfall.ground, 0))


def missing_license(
    claim: Claim, namespaces: Sequence[Namespace], registry: VendorRegistry, assessment: Assessment
) -> Shortfall:
    """Explain that no license of a product is in force, by those that the namespaces may know about."""
    vendor, product = claim.vendor, claim.product
    rivals = registry.issuer_rivals(vendor)
    if rivals:
        return Shortfall(
            Ground.ISSUER_CONFLICT,
            f"Vendor {vendor} has the same issuer as {', '.join(rivals)}, so no license of it is trusted",
            "Delete all but one of these Vendors",
        )
    known = [
        (standing, standing.token.claims)
        for standing in assessment.standings.values()
        if standing.token is not None
        and standing.token.vendor == vendor
        and any(grant.product == product for grant in standing.token.claims.license.grants)
        and all(standing.allows(namespace) for namespace in namespaces)
    ]
    remedy = f"Apply a license of vendor {vendor} that is valid now"
    expired = [(claims.grace_until, each.name, claims.exp) for each, claims in known if each.phase is State.EXPIRED]
    if expired:
        grace_until, name, exp = max(expired)
        problem = f"license {name} expired at {format_instant(exp)}"
        if grace_until > exp:
            problem += f", and its grace period ended at {format_instant(grace_until)}"
        return Shortfall(Ground.LICENSE_EXPIRED, problem, remedy)
    waiting = [(claims.nbf, each.name, each.message) for each, claims in known if each.reason is Reason.NOT_YET_VALID]
    if waiting:
        _, name, message = min(waiting)
        return Shortfall(Ground.LICENSE_NOT_YET_VALID, f"license {name} {message}", remedy)
    return Shortfall(
        Ground.NO_LICENSE,
        f"no license that counts grants product {product} of vendor {vendor} here",
        "Apply a License from the vendor; kubectl get licenses shows why one that is there does not count",
    )
