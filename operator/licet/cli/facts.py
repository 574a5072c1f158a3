"""What a verdict about a chart depends on, and the same from files."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from licet.cli.files import InputError
from licet.cli.manifests import Manifests
from licet.core.breakglass import NO_EMERGENCY, Emergency
from licet.core.licenses import Assessment
from licet.core.memory import Memory
from licet.core.namespaces import Namespace
from licet.core.vendors import VendorRegistry
from licet.core.verdict import ChartVerdict, RanHere
from licet.core.workloads import PastWorkloads

_NAME_LABEL: Final = "kubernetes.io/metadata.name"  # which the API server gives every namespace


@dataclass(frozen=True, slots=True)
class Facts:
    """Vendors and Licenses, judged at one instant, and the place of the release."""

    registry: VendorRegistry
    assessment: Assessment
    namespace: Namespace
    ran_here: RanHere
    emergency: Emergency = NO_EMERGENCY
    notes: tuple[str, ...] = ()
    """What else a person should know who reads the verdict."""


@dataclass(frozen=True, slots=True)
class WorkloadFacts:
    """Vendors and Licenses, judged at one instant, and the places of workloads; all by the names of namespaces."""

    registry: VendorRegistry
    assessment: Assessment
    namespaces: Mapping[str, Namespace]
    exempt: frozenset[str]
    """Names of the namespaces in which nothing is judged."""
    past: Mapping[str, PastWorkloads]
    """What once ran licensed."""
    notes: tuple[str, ...] = ()
    """What else a person should know who reads the verdicts."""


def facts_from_files(manifests: Manifests, namespace: Namespace, *, cluster_uid: str | None, at: int) -> Facts:
    """Give what files say, about a namespace in which nothing is installed yet.

    Args:
        manifests: from the files.
        namespace: of the release.
        cluster_uid: UID of the namespace `kube-system` of the cluster, or None, where bindings to clusters do
            not matter.
        at: epoch seconds.

    Raises:
        InputError: no Vendor is among the manifests.
    """
    facts = workload_facts_from_files(manifests, [namespace], cluster_uid=cluster_uid, at=at)
    return Facts(facts.registry, facts.assessment, namespace, RanHere(), notes=facts.notes)


def workload_facts_from_files(
    manifests: Manifests,
    namespaces: Iterable[Namespace],
    *,
    exempt: Iterable[str] = (),
    cluster_uid: str | None,
    at: int,
) -> WorkloadFacts:
    """Give what files say, about namespaces in which nothing runs yet; arguments and errors as `facts_from_files`."""
    if not manifests.vendors:
        raise InputError("the files hold no Vendor; --vendor tells what needs a license, and whose keys count")
    ledger = manifests.ledger(cluster_uid)
    assessment = ledger.assess(Memory(), at)
    places = {namespace.name: namespace for namespace in namespaces}
    notes = [*_not_counting(assessment), *(note for each in places.values() for note in _not_for(each, assessment))]
    if cluster_uid is None:
        notes += _bound(assessment)
    return WorkloadFacts(ledger.registry, assessment, places, frozenset(exempt), {}, tuple(notes))


def new_namespace(name: str, labels: Mapping[str, str] = MappingProxyType({})) -> Namespace:
    """Give a namespace as it is once it is made with these labels."""
    return Namespace(name, {_NAME_LABEL: name, **labels})


def describe_chart(chart: ChartVerdict) -> dict[str, object]:
    """Write the verdict about a chart for programs."""
    return {
        "name": chart.subject.name,
        "version": chart.subject.version,
        "vendor": chart.subject.claim.vendor,
        "product": chart.subject.claim.product,
        "result": str(chart.result),
        "reason": str(chart.ground),
        "license": chart.license or None,
        "breakGlasses": list(chart.break_glasses),
        "explanation": chart.explanation,
    }


def _not_counting(assessment: Assessment) -> Iterator[str]:
    for standing in assessment.standings.values():
        if standing.phase is None:
            yield f"License {standing.name} does not count ({standing.reason}): {standing.message}"


def _not_for(namespace: Namespace, assessment: Assessment) -> Iterator[str]:
    for license_ in assessment.counting:
        if not license_.allows(namespace):
            yield f"License {', '.join(license_.licenses)} is not for namespace {namespace.name}"


def _bound(assessment: Assessment) -> Iterator[str]:
    for license_ in assessment.counting:
        if license_.token.claims.license.bindings.clusters is not None:
            yield f"License {license_.licenses[0]} is bound to clusters; --cluster-uid tells which to judge for"
