"""What an Installation says of a release: what runs, whether that is licensed, and what ran before; values in and out.

The history is what the gate goes by when a release is to go back: of each chart version it remembers whether a license
covered it when it was first seen in a revision. That is never changed afterwards, whatever becomes of the license.
"""

from collections.abc import Iterable, Mapping, Sequence

from licet.controller.observed import Observed
from licet.controller.world import InstallationRecord
from licet.core import bounds
from licet.core.subjects import Subject
from licet.core.verdict import ChartVerdict, Ground
from licet.resources.installation import InstallationStatus, InstalledChart, PastChart, Source, SourceKind
from licet.resources.meta import ConditionType, Observation, conditions

Verdicts = Mapping[int, Sequence[ChartVerdict]]  # by revision


def installation_status(
    release: str,
    record: InstallationRecord,
    observed: Observed,
    verdicts: Verdicts,
    *,
    installed: Sequence[ChartVerdict],
    now: int,
) -> InstallationStatus:
    """Say what is installed.

    Args:
        release: its name.
        record: what the Installation has said before.
        observed: the Installation as it is.
        verdicts: about the protected charts of the revisions that matter now.
        installed: those of them about what runs.
        now: epoch seconds.
    """
    return InstallationStatus(
        observed_generation=observed.generation,
        source=Source(kind=SourceKind.RELEASE, name=release),
        charts=tuple(_installed(verdict) for verdict in installed)[: bounds.INSTALLATION_CHARTS],
        first_seen=record.first_seen if record.first_seen is not None else now,
        history=extend_history(record.history, verdicts),
        conditions=conditions(
            (_licensed(installed),), previous=observed.conditions, generation=observed.generation, now=now
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
    ordered = sorted(entries.values(), key=lambda entry: (entry.revision, entry.chart, entry.version))
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


def _licensed(verdicts: Iterable[ChartVerdict]) -> Observation:
    verdicts = tuple(verdicts)
    short = [verdict for verdict in verdicts if not verdict.licensed]
    if short:
        message = "; ".join(verdict.explanation for verdict in short)
        worst = min(short, key=lambda verdict: verdict.ground is Ground.BREAK_GLASS)
        return Observation(ConditionType.LICENSED, False, worst.ground, message)
    if not verdicts:
        return Observation(ConditionType.LICENSED, True, "NothingRuns", "no protected chart is installed")
    grace = [verdict for verdict in verdicts if verdict.ground is Ground.IN_GRACE]
    message = "; ".join(verdict.explanation for verdict in grace) or "licenses cover all that is installed"
    return Observation(ConditionType.LICENSED, True, (grace or verdicts)[0].ground, message)


def _chart_version(subject: Subject) -> tuple[str, str]:
    return subject.name, subject.version or ""


def _is_memorable(subject: Subject) -> bool:
    """Tell whether a chart has a version, and both are of a length that charts have."""
    return len(subject.name) <= bounds.GLOB_LENGTH and 0 < len(subject.version or "") <= bounds.VERSION_LENGTH
