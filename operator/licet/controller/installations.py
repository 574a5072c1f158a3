"""What an Installation says: what is installed, whether that is licensed, and what ran before; values in and out.

Of a release it lists the charts of what runs, and the images that its workloads have now, whatever the release says of
these. Of anything else it lists images, and the charts that labels tell of.

The history is what the gate goes by when a release or an Application is to go back. Of each chart version of a release
it remembers whether a license covered it when it was first seen in a revision. What no release brought has no revisions
that would tell one deployment from the next, so every look at it counts: a version ran licensed if a license was once
seen to cover it. What ran licensed stays so, whatever becomes of the license.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from licet.controller.findings import Finding
from licet.controller.observed import Observed
from licet.controller.world import InstallationRecord
from licet.core import bounds
from licet.core.images import ImageReference
from licet.core.subjects import Subject
from licet.core.verdict import ChartVerdict, Ground
from licet.core.workload_reasons import WorkloadDecision
from licet.core.workloads import LabelledChart
from licet.resources.installation import InstallationStatus, InstalledChart, InstalledImage, PastChart, Source
from licet.resources.meta import ConditionStatus, ConditionType, Observation, conditions, find

Verdicts = Mapping[int, Sequence[ChartVerdict]]  # by revision

_LICENSED: Final = frozenset({Ground.LICENSED, Ground.IN_GRACE})
_TOLD: Final = 10  # of what is not licensed, in a message


def installation_status(
    source: Source,
    namespace: str,
    record: InstallationRecord,
    observed: Observed,
    verdicts: Verdicts,
    *,
    installed: Sequence[ChartVerdict],
    findings: Sequence[Finding],
    now: int,
) -> InstallationStatus:
    """Say what is installed.

    Args:
        source: what brought it in.
        namespace: the Installation's.
        record: what the Installation has said before.
        observed: the Installation as it is.
        verdicts: about the protected charts of the revisions of a release that matter now.
        installed: those of them about what runs.
        findings: what its workloads have; of a release, images only.
        now: epoch seconds.
    """
    charts = (*map(_installed, installed), *_labelled(findings))
    return InstallationStatus(
        observed_generation=observed.generation,
        source=source,
        charts=charts[: bounds.INSTALLATION_CHARTS],
        images=_images(findings, namespace),
        first_seen=record.first_seen if record.first_seen is not None else now,
        history=remember_labelled(extend_history(record.history, verdicts), findings),
        conditions=conditions(
            (_licensed([*installed, *(finding.decision for finding in findings)]),),
            previous=observed.conditions,
            generation=observed.generation,
            now=now,
        ),
    )


def first_unlicensed(verdicts: Verdicts, history: Iterable[PastChart]) -> bool:
    """Tell whether something unlicensed is seen for the first time."""
    known = {(entry.chart, entry.version): entry.revision for entry in history}
    return any(
        not verdict.licensed
        and _is_memorable(verdict.subject)
        and known.get(_chart_version(verdict.subject), 0) < number
        for number, charts in verdicts.items()
        for verdict in charts
    )


def is_news(findings: Iterable[Finding], observed: Observed | None) -> bool:
    """Tell whether something unlicensed is found in workloads for the first time, as far as the Installation says."""
    condition = find(observed.conditions, ConditionType.LICENSED) if observed is not None else None
    known = condition is not None and condition.status is ConditionStatus.FALSE
    return not known and not all(finding.licensed for finding in findings)


def extend_history(history: Iterable[PastChart], verdicts: Verdicts) -> tuple[PastChart, ...]:
    """Add what was not seen before; a revision that is in the history keeps what it was when first seen.

    Of a chart version there is one entry, with its latest revision: licensed, if it was licensed in any.
    """
    entries = {(entry.chart, entry.version): entry for entry in history}
    for number, charts in sorted(verdicts.items()):
        for verdict in charts:
            key = _chart_version(verdict.subject)
            before = entries.get(key)
            if not _is_memorable(verdict.subject) or (before is not None and before.revision >= number):
                continue
            licensed = verdict.licensed or (before is not None and before.licensed)
            entries[key] = PastChart(chart=key[0], version=key[1], revision=number, licensed=licensed)
    return _latest(entries.values())


def remember_labelled(history: Iterable[PastChart], findings: Iterable[Finding]) -> tuple[PastChart, ...]:
    """Add the charts that labels tell of: what is seen for the first time has the next number.

    Of a chart version there is one entry, which keeps its number: licensed, if it was licensed in any look.
    """
    entries = {(entry.chart, entry.version): entry for entry in history}
    number = max((entry.revision for entry in entries.values()), default=0) + 1
    for chart in islice(_labelled(findings), bounds.INSTALLATION_CHARTS):
        key = chart.name, chart.version
        before = entries.get(key)
        entries[key] = PastChart(
            chart=chart.name,
            version=chart.version,
            revision=before.revision if before is not None else number,
            licensed=chart.license is not None or (before is not None and before.licensed),
        )
    return _latest(entries.values())


def _latest(entries: Iterable[PastChart]) -> tuple[PastChart, ...]:
    ordered = sorted(entries, key=lambda entry: (entry.revision, entry.chart, entry.version))
    return tuple(ordered[-bounds.INSTALLATION_HISTORY :])


def _installed(verdict: ChartVerdict) -> InstalledChart:
    claim = verdict.subject.claim
    return InstalledChart(
        name=verdict.subject.name[: bounds.GLOB_LENGTH],
        version=(verdict.subject.version or "unknown")[: bounds.VERSION_LENGTH],
        vendor=claim.vendor,
        product=claim.product,
        license=verdict.license or None,
    )


def _labelled(findings: Iterable[Finding]) -> Iterator[InstalledChart]:
    for finding in findings:
        verdict = finding.decision.verdict
        if isinstance(verdict.item, LabelledChart):
            yield InstalledChart(
                name=verdict.item.name,
                version=verdict.item.version[: bounds.VERSION_LENGTH],
                vendor=verdict.claim.vendor,
                product=verdict.claim.product,
                license=verdict.license,
            )


def _images(findings: Iterable[Finding], namespace: str) -> tuple[InstalledImage, ...]:
    """List images, those without a license first where not all have room."""
    images = [
        InstalledImage(
            repository=image.repository[: bounds.IMAGE_NAME_LENGTH],
            tag=image.tag[: bounds.IMAGE_NAME_LENGTH] if image.tag else None,
            digest=image.digest[: bounds.IMAGE_NAME_LENGTH] if image.digest else None,
            namespace=finding.namespace if finding.namespace != namespace else None,
            vendor=verdict.claim.vendor,
            product=verdict.claim.product,
            license=verdict.license,
        )
        for finding in findings
        for verdict in (finding.decision.verdict,)
        if isinstance(image := verdict.item, ImageReference)
    ]
    if len(images) > bounds.INSTALLATION_IMAGES:
        images.sort(key=lambda image: image.license is not None)
    return tuple(images[: bounds.INSTALLATION_IMAGES])


def _licensed(decisions: Sequence[ChartVerdict | WorkloadDecision]) -> Observation:
    short = [decision for decision in decisions if decision.ground not in _LICENSED]
    if short:
        worst = min(short, key=lambda decision: decision.ground is Ground.BREAK_GLASS)
        return Observation(ConditionType.LICENSED, False, worst.ground, _joined(short))
    if not decisions:
        return Observation(ConditionType.LICENSED, True, "NothingRuns", "nothing is installed that needs a license")
    grace = [decision for decision in decisions if decision.ground is Ground.IN_GRACE]
    message = _joined(grace) or "licenses cover all that is installed"
    return Observation(ConditionType.LICENSED, True, (grace or decisions)[0].ground, message)


def _joined(decisions: Sequence[ChartVerdict | WorkloadDecision]) -> str:
    told = [decision.explanation for decision in decisions[:_TOLD]]
    more = [f"and {len(decisions) - _TOLD} more"] if len(decisions) > _TOLD else []
    return "; ".join(told + more)


def _chart_version(subject: Subject) -> tuple[str, str]:
    return subject.name, subject.version or ""


def _is_memorable(subject: Subject) -> bool:
    """Tell whether a chart has a version, and both are of a length that charts have."""
    return len(subject.name) <= bounds.GLOB_LENGTH and 0 < len(subject.version or "") <= bounds.VERSION_LENGTH
