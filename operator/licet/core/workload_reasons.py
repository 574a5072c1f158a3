"""Why an image or chart of a workload is licensed or not, for people: the words to the verdicts of `workloads`.

The admission policies say the same of what they refuse, as far as CEL can.

- Of several licenses in force the one that comes closest is told of; where none is in force, why.
- Only licenses that allow the workload's namespace are named.
"""

from dataclasses import dataclass

from licet.core.evaluate import Contribution, in_force
from licet.core.images import ImageReference, with_sources
from licet.core.licenses import Assessment
from licet.core.namespaces import Namespace
from licet.core.reasons import State
from licet.core.timestamps import format_instant
from licet.core.vendors import VendorRegistry
from licet.core.verdict import Ground, Result, Shortfall, missing_license, nearest, result_without_license
from licet.core.workloads import LabelledChart, WorkloadVerdict, licensed_tags, repository_glob


@dataclass(frozen=True, slots=True)
class WorkloadDecision:
    """What becomes of an image or chart of a workload, and why."""

    verdict: WorkloadVerdict
    result: Result
    ground: Ground
    explanation: str = ""
    """A sentence for people, where there is something to say."""


def explain(
    verdict: WorkloadVerdict, where: str, namespace: Namespace, registry: VendorRegistry, assessment: Assessment
) -> WorkloadDecision:
    """Explain a verdict.

    Args:
        verdict: of `judge_images` or `judge_labels`.
        where: the workload as messages name it, such as `Deployment "web", namespace "prod-eu"`.
        namespace: that of the workload.
        registry: the Vendors that it was judged by.
        assessment: the Licenses that it was judged by.
    """
    thing = f"{verdict.subject} ({where})"
    parts = in_force(assessment, verdict.claim.vendor, verdict.claim.product, (namespace,))
    if verdict.license is not None:
        in_grace = [part for part in parts if part.license.phase is State.GRACE]
        if any(part.license.name_for((namespace,)) == verdict.license for part in in_grace):
            grace = format_instant(max(part.license.token.claims.grace_until for part in in_grace))
            explanation = (
                f"{thing} is licensed until {grace} only, since license {verdict.license} expired. "
                "Apply a renewed license."
            )
            return WorkloadDecision(verdict, Result.ALLOWED, Ground.IN_GRACE, explanation)
        return WorkloadDecision(verdict, Result.ALLOWED, Ground.LICENSED)
    if parts:
        shortfall = nearest([_shortfall(verdict, namespace, registry, part) for part in reversed(parts)])
    else:
        shortfall = missing_license(verdict.claim, (namespace,), registry, assessment)
    if verdict.ran_here:
        explanation = (
            f"{thing} is not licensed any more: {shortfall.problem}. It is admitted because it ran licensed here. "
            f"{shortfall.remedy}."
        )
        return WorkloadDecision(verdict, Result.ALLOWED, Ground.RAN_LICENSED, explanation)
    result = result_without_license(verdict.claim, registry)
    explanation = f"{thing} is not licensed: {shortfall.problem}. {shortfall.remedy}."
    return WorkloadDecision(verdict, result, shortfall.ground, explanation)


def _shortfall(
    verdict: WorkloadVerdict, namespace: Namespace, registry: VendorRegistry, part: Contribution
) -> Shortfall:
    """Explain why a grant in force does not cover it."""
    holder = part.holder((namespace,))
    match verdict.item:
        case ImageReference() as image:
            covered = _tags(image, verdict, registry, part)
            ground, missing = Ground.IMAGE_NOT_COVERED, "does not cover this repository"
        case LabelledChart(name):
            entries = part.grant.charts or ()
            covered = [entry.versions_text for entry in entries if entry.name.matches(name)]
            ground, missing = Ground.CHART_NOT_COVERED, "does not cover this chart"
    remedy = "Deploy a covered version, or apply a license that covers it"
    if covered:
        return Shortfall(Ground.VERSION_NOT_COVERED, f"{holder} covers {' || '.join(dict.fromkeys(covered))}", remedy)
    return Shortfall(ground, f"{holder} {missing}", f"Apply a license that covers {verdict.subject}")


def _tags(image: ImageReference, verdict: WorkloadVerdict, registry: VendorRegistry, part: Contribution) -> list[str]:
    """List the tags that a grant covers of an image's repository."""
    vendor = registry.get(verdict.claim.vendor)
    names = with_sources(image.names, vendor.mirrors if vendor else ())
    entries = [entry for entry in part.grant.images or () if any(map(repository_glob(entry).matches, names))]
    return [str(licensed_tags(entry)) for entry in entries]
