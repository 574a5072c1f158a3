"""What is installed of licensed products, and whether it is licensed: what the controller wrote, and what holds now.

- Installations are what is known of what is installed; only the controller may write them. What they say about
  licenses is not taken on trust: each chart and image is judged once more by Vendors and Licenses, which are read and
  verified here, where the caller's rights are enough for that.
- Licensed is what both say is licensed. Where they differ, the controller is behind, or does not run.
- When a chart was released is not written down. So under a license with an end of maintenance the controller's word
  holds, which has read the release.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from licet.core.images import ImageReference
from licet.core.licenses import Assessment
from licet.core.namespaces import Namespace
from licet.core.subjects import Origin, Subject
from licet.core.vendors import ProductClaim, VendorRegistry
from licet.core.verdict import ChartVerdict, Ground, RanHere, ReleaseRef, judge
from licet.core.workload_reasons import WorkloadDecision, explain
from licet.core.workloads import LabelledChart, PastWorkloads, judge_chart, judge_images
from licet.resources.installation import (
    RELEASE_KINDS,
    Installation,
    InstallationStatus,
    InstalledChart,
    InstalledImage,
)
from licet.resources.meta import Condition, ConditionStatus, ConditionType, find

Item = InstalledChart | InstalledImage

_UNKNOWN_VERSION: Final = "unknown"  # as the controller writes it where a release does not tell


class ItemType(StrEnum):
    """What an entry is about."""

    CHART = "chart"
    IMAGE = "image"
    INSTALLATION = "installation"
    """The whole of it: it is not licensed, and lists nothing that could be."""


@dataclass(frozen=True, slots=True)
class Verified:
    """Vendors and Licenses as they were verified here, at one instant, and the namespaces by their names."""

    registry: VendorRegistry
    assessment: Assessment
    namespaces: Mapping[str, Namespace]


@dataclass(frozen=True, slots=True)
class Entry:
    """One chart or image that needs a license, in one namespace."""

    namespace: str
    """Where it runs."""
    installation: tuple[str, str]
    """Namespace and name."""
    source: tuple[str, str, str]
    """Kind, namespace and name of what put it in."""
    type: ItemType
    name: str
    version: str | None
    """For an image its tag."""
    digest: str | None
    vendor: str
    product: str
    license: str | None
    recorded: bool
    """Whether it is licensed, by what the controller wrote."""
    judged: bool | None
    """Whether it is licensed now; None where that can't be told here."""
    reason: str
    message: str
    """Why it is not licensed, and what to do; or what there is to say of it besides."""
    since: int | None
    """Since when it is not licensed, in epoch seconds, where that was written down."""
    first_seen: int | None

    @property
    def licensed(self) -> bool:
        """Tell whether it is, by all that is known."""
        return self.recorded and self.judged is not False

    @property
    def differs(self) -> bool:
        """Tell whether what the controller wrote is no longer so."""
        return self.judged is not None and self.judged != self.recorded


@dataclass(frozen=True, slots=True)
class Total:
    """What is installed of one product under one license, or under none."""

    vendor: str
    product: str
    license: str | None
    installations: int
    charts: int
    images: int
    findings: int


def list_entries(installations: Iterable[Installation], verified: Verified | None) -> Iterator[Entry]:
    """List what Installations hold; `verified` is None where licenses can't be verified."""
    for installation in installations:
        status = installation.status
        if status is None:
            continue
        items: tuple[Item, ...] = (*status.charts, *status.images)
        yield from (_entry(installation, status, item, verified) for item in items)
        condition = find(status.conditions, ConditionType.LICENSED)
        if condition is not None and condition.status == ConditionStatus.FALSE and all(each.license for each in items):
            yield _whole(installation, status, condition)


def totals(entries: Iterable[Entry]) -> tuple[Total, ...]:
    """Add up entries by vendor, product and license."""
    groups: dict[tuple[str, str, str], list[Entry]] = {}
    for entry in entries:
        if entry.type is not ItemType.INSTALLATION:
            groups.setdefault((entry.vendor, entry.product, entry.license or ""), []).append(entry)
    return tuple(
        Total(
            vendor=vendor,
            product=product,
            license=license_ or None,
            installations=len({entry.installation for entry in group}),
            charts=sum(entry.type is ItemType.CHART for entry in group),
            images=sum(entry.type is ItemType.IMAGE for entry in group),
            findings=sum(not entry.licensed for entry in group),
        )
        for (vendor, product, license_), group in sorted(groups.items())
    )


@dataclass(frozen=True, slots=True)
class _Judgement:
    """What licenses say of an item now."""

    licensed: bool
    reason: str
    license: str | None = None
    explanation: str = ""


def _entry(installation: Installation, status: InstallationStatus, item: Item, verified: Verified | None) -> Entry:
    metadata, condition = installation.metadata, find(status.conditions, ConditionType.LICENSED)
    own_namespace = metadata.namespace or ""
    namespace, source = own_namespace, _source(installation)
    match item:
        case InstalledImage(repository=name, tag=version, digest=digest):
            type_, namespace = ItemType.IMAGE, item.namespace or own_namespace
        case InstalledChart(name=name, version=version):
            type_, digest = ItemType.CHART, None
    judgement = _judge(item, source, metadata.name, namespace, verified) if verified is not None else None
    reason, message = _why(condition, item, judgement)
    return Entry(
        namespace=namespace,
        installation=(own_namespace, metadata.name),
        source=source,
        type=type_,
        name=name,
        version=version,
        digest=digest,
        vendor=item.vendor,
        product=item.product,
        license=judgement.license if judgement is not None else item.license,
        recorded=item.license is not None,
        judged=judgement.licensed if judgement is not None else None,
        reason=reason,
        message=message,
        since=condition.last_transition_time if condition is not None and item.license is None else None,
        first_seen=status.first_seen,
    )


def _whole(installation: Installation, status: InstallationStatus, condition: Condition) -> Entry:
    namespace = installation.metadata.namespace or ""
    return Entry(
        namespace=namespace,
        installation=(namespace, installation.metadata.name),
        source=_source(installation),
        type=ItemType.INSTALLATION,
        name=installation.metadata.name,
        version=None,
        digest=None,
        vendor="",
        product="",
        license=None,
        recorded=False,
        judged=None,
        reason=condition.reason,
        message=condition.message,
        since=condition.last_transition_time,
        first_seen=status.first_seen,
    )


def _source(installation: Installation) -> tuple[str, str, str]:
    namespace, name = installation.metadata.namespace or "", installation.metadata.name
    source = installation.status.source if installation.status else None
    return (source.kind, source.namespace or namespace, source.name) if source else ("", namespace, name)


def _why(condition: Condition | None, item: Item, judgement: _Judgement | None) -> tuple[str, str]:
    """Give reason and message of an entry."""
    recorded = item.license is not None
    if judgement is None:
        if recorded and (condition is None or condition.status != ConditionStatus.TRUE):
            return Ground.LICENSED, ""  # the condition is about something else
        return (condition.reason, condition.message) if condition is not None else ("", "")
    if not (judgement.licensed or recorded) and condition is not None and condition.reason == Ground.BREAK_GLASS:
        return condition.reason, condition.message
    if judgement.licensed is recorded:
        return judgement.reason, judgement.explanation
    if recorded:
        return judgement.reason, f"{judgement.explanation} The controller still has it as licensed by {item.license}."
    by = f"by License {judgement.license}" if judgement.license else "without a License"
    said = condition.message if condition is not None else ""
    return condition.reason if condition is not None else "", f"{said} The controller is behind: it may run {by} now."


# -- judging -----------------------------------------------------------------------------------------------------------


def _judge(
    item: Item, source: tuple[str, str, str], installation: str, namespace: str, verified: Verified
) -> _Judgement | None:
    """Judge an item by licenses alone, as the controller does; None where too little is known."""
    place = verified.namespaces.get(namespace) or Namespace(namespace)
    kind, _, name = source
    claimed = _claimed(item, verified.registry)
    if claimed is None:
        return _Judgement(licensed=True, reason=Ground.NOT_PROTECTED)
    if isinstance(item, InstalledChart) and kind in RELEASE_KINDS:
        version = item.version if item.version != _UNKNOWN_VERSION else None
        subject = Subject(item.name, version, claimed, None, Origin.ROOT)
        release = ReleaseRef(installation, (place,))  # which has the name of its release, also where Flux made that
        (chart,) = judge((subject,), release, verified.registry, verified.assessment, RanHere()).charts
        return _of_release(chart)
    judged = place, verified.registry, verified.assessment
    if isinstance(item, InstalledChart):
        labelled = LabelledChart(item.name, item.version)
        verdict = judge_chart(labelled, claimed, place, verified.assessment, PastWorkloads())
    else:
        (verdict,) = judge_images([_reference(item)], *judged, PastWorkloads())
    return _of_workload(explain(verdict, f'{kind} "{name}", namespace "{namespace}"', *judged))


def _claimed(item: Item, registry: VendorRegistry) -> ProductClaim | None:
    """Tell who claims an item now; a label may name a product in place of a chart."""
    if isinstance(item, InstalledImage):
        return registry.claim_for_image(*ImageReference.parse(_reference(item)).names)
    vendor = registry.get(item.vendor)
    is_product = item.name == item.product and vendor is not None and vendor.lists(item.product)
    return registry.claim_for_chart(item.name) or (ProductClaim(item.vendor, item.product) if is_product else None)


def _reference(image: InstalledImage) -> str:
    return f"{image.repository}{f':{image.tag}' if image.tag else ''}{f'@{image.digest}' if image.digest else ''}"


def _of_release(chart: ChartVerdict) -> _Judgement | None:
    if chart.ground is Ground.RELEASE_DATE_UNKNOWN:
        return None
    return _Judgement(chart.licensed, chart.ground, chart.license or None, chart.explanation)


def _of_workload(decision: WorkloadDecision) -> _Judgement:
    license_ = decision.verdict.license
    return _Judgement(license_ is not None, decision.ground, license_, decision.explanation)
