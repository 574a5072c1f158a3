"""What the API server of a cluster judges workloads by: its admission policy, and what that remembers."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from licet.cli.facts import WorkloadFacts
from licet.cli.live import describe_refusal, get_object, if_allowed, list_objects, read_cluster, read_namespaces
from licet.cluster.api import JsonObject, KubeApi
from licet.cluster.errors import ApiError
from licet.cluster.resource import ADMISSION_POLICIES, WORKLOAD_POLICIES
from licet.core.workloads import PastWorkloads

_POLICY: Final = "workloads.licet.dev"


async def workload_facts_from_cluster(
    api: KubeApi, *, operator_namespace: str, namespaces: Collection[str], at: int
) -> WorkloadFacts:
    """Give what the cluster says about workloads in namespaces; raises `ApiError` and `ClusterError`.

    A namespace that does not exist yet is as it would be made, without labels of its own.
    """
    cluster, (past, past_notes), (exempt, policy_notes), places = await asyncio.gather(
        read_cluster(api, operator_namespace),
        _read_past(api),
        _read_exempt(api, operator_namespace),
        read_namespaces(api, namespaces),
    )
    return WorkloadFacts(
        registry=cluster.ledger.registry,
        assessment=cluster.ledger.assess(cluster.memory, at),
        namespaces=places,
        exempt=exempt,
        past=past,
        notes=(*policy_notes, *past_notes, *cluster.notes(at)),
    )


async def _read_exempt(api: KubeApi, operator_namespace: str) -> tuple[frozenset[str], tuple[str, ...]]:
    """Read which namespaces the policy leaves out, and what to say where there is no policy.

    Who may not read the policy is not troubled: it leaves out at least the operator's own namespace.
    """
    policy = await if_allowed(get_object(api, ADMISSION_POLICIES.path(name=_POLICY)))
    if isinstance(policy, ApiError):
        return frozenset({operator_namespace}), ()
    if policy is None:
        note = "this cluster's API server judges no workloads: that takes workloadPolicies.enabled, and Kubernetes 1.34"
        return frozenset({operator_namespace}), (note,)
    selector = (policy["spec"].get("matchConstraints") or {}).get("namespaceSelector") or {}
    terms = [term for term in selector.get("matchExpressions") or () if term["operator"] == "NotIn"]
    return frozenset(name for term in terms for name in term.get("values") or ()), ()


async def _read_past(api: KubeApi) -> tuple[Mapping[str, PastWorkloads], tuple[str, ...]]:
    """Read what the policies remember, by namespace, and what to say where the caller may not."""
    policies = await if_allowed(list_objects(api, WORKLOAD_POLICIES))
    if isinstance(policies, ApiError):
        return {}, (f"what once ran licensed is left out of account: {describe_refusal(policies)}",)
    return _past_workloads(each for policy in policies for each in policy["spec"]["past"]), ()


def _past_workloads(entries: Iterable[JsonObject]) -> Mapping[str, PastWorkloads]:
    past: defaultdict[str, PastWorkloads] = defaultdict(PastWorkloads)
    for entry in entries:
        known = past[entry["namespace"]]
        charts = {(name, version) for name, _, version in (chart.partition(" ") for chart in entry["charts"])}
        past[entry["namespace"]] = PastWorkloads(known.images | set(entry["images"]), known.charts | charts)
    return past
