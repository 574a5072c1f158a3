"""What the workloads of a source have that needs a license, and whether it has one: values in and out."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from licet.controller.workloads import Ref, Workload
from licet.core.images import ImageReference
from licet.core.licenses import Assessment
from licet.core.namespaces import Namespace
from licet.core.vendors import ProductClaim, VendorRegistry
from licet.core.verdict import Ground
from licet.core.workload_reasons import WorkloadDecision, explain
from licet.core.workloads import PastWorkloads, WorkloadVerdict, judge_images, judge_labels, labelled_charts


@dataclass(frozen=True, slots=True)
class Finding:
    """One image, or one chart that labels tell of, in one namespace."""

    namespace: str
    decision: WorkloadDecision

    @property
    def claim(self) -> ProductClaim:
        """Whose it is."""
        return self.decision.verdict.claim

    @property
    def licensed(self) -> bool:
        """Tell whether a license covers it, now or still in its grace period."""
        return self.decision.verdict.license is not None


def find(
    members: Iterable[tuple[Ref, Workload]],
    namespace: Callable[[str], Namespace],
    registry: VendorRegistry,
    assessment: Assessment,
) -> tuple[Finding, ...]:
    """Judge, by the licenses alone, what needs one: each thing once, in an order that is always the same.

    Args:
        members: workloads, each with the topmost object that it belongs to, which is what messages name.
        namespace: gives a namespace by its name.
        registry: the Vendors.
        assessment: the Licenses.
    """
    roots: dict[tuple[str, Workload], Ref] = {}  # Pods of one template are equal
    for root, workload in members:
        key = root.namespace, workload
        roots[key] = min(roots.get(key, root), root)
    found: dict[tuple[str, str], tuple[Ref, WorkloadVerdict]] = {}
    for (name, workload), root in roots.items():
        for verdict in _verdicts(workload, namespace(name), registry, assessment):
            thing = name, _identity(verdict)
            found[thing] = min(found.get(thing, (root, verdict)), (root, verdict), key=_order)
    return tuple(
        Finding(name, explain(verdict, root.where, namespace(name), registry, assessment))
        for (name, _), (root, verdict) in sorted(found.items(), key=lambda each: each[0])
    )


def let_in(findings: Iterable[Finding], products: Collection[tuple[str, str]]) -> tuple[Finding, ...]:
    """Say of what is not licensed that a BreakGlass let it in, where it is of these products, by vendor and name."""
    return tuple(
        finding
        if finding.licensed or (finding.claim.vendor, finding.claim.product) not in products
        else replace(finding, decision=replace(finding.decision, ground=Ground.BREAK_GLASS))
        for finding in findings
    )


def needs_license(workload: Workload, registry: VendorRegistry) -> bool:
    """Tell whether a Vendor claims an image of a workload, or a chart that its labels tell of."""
    return any(registry.claim_for_image(*ImageReference.parse(image).names) for image in workload.images) or any(
        True for labels in workload.labels for _ in labelled_charts(dict(labels), registry)
    )


def _verdicts(
    workload: Workload, namespace: Namespace, registry: VendorRegistry, assessment: Assessment
) -> Iterator[WorkloadVerdict]:
    if workload.ended:
        return
    judged = namespace, registry, assessment, PastWorkloads()
    yield from judge_images(workload.images, *judged)
    for labels in workload.labels:
        yield from judge_labels(dict(labels), *judged)


def _order(found: tuple[Ref, WorkloadVerdict]) -> tuple[Ref, str]:
    root, verdict = found
    return root, verdict.subject


def _identity(verdict: WorkloadVerdict) -> str:
    """Give what is equal for the same thing, however it is written."""
    match verdict.item:
        case ImageReference(digest=digest) as image:
            return f"image {image.canonical}@{digest or ''}"
        case chart:
            return f"chart {chart.name} {chart.version}"
