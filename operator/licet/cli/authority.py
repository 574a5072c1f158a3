"""Whose Vendors and Licenses an answer goes by: those of files, or those of a cluster."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from licet.cli.facts import Facts, WorkloadFacts, facts_from_files, new_namespace, workload_facts_from_files
from licet.cli.manifests import Manifests


@dataclass(frozen=True, slots=True)
class Authority:
    """Vendors and Licenses of files or else of a cluster, at one instant (`at`, in epoch seconds)."""

    manifests: Manifests | None
    """None for those of a cluster."""
    namespace_labels: Mapping[str, str]
    cluster_uid: str | None
    operator_namespace: str
    kubeconfig: str | None
    kube_context: str | None
    at: int

    def facts(self, namespace: str, release: str) -> Facts:
        """Give what is known about a release."""
        if self.manifests is not None:
            place = new_namespace(namespace, self.namespace_labels)
            return facts_from_files(self.manifests, place, cluster_uid=self.cluster_uid, at=self.at)
        # What talks to clusters takes longer to import than a check of files runs.
        from licet.cli.live import ask, facts_from_cluster

        return ask(
            self.kubeconfig,
            self.kube_context,
            lambda api: facts_from_cluster(
                api, operator_namespace=self.operator_namespace, namespace=namespace, release=release, at=self.at
            ),
        )

    def workload_facts(self, namespaces: Sequence[str]) -> WorkloadFacts:
        """Give what is known about workloads in namespaces."""
        if self.manifests is not None:
            places = [new_namespace(name, self.namespace_labels) for name in namespaces]
            exempt = [self.operator_namespace]
            return workload_facts_from_files(
                self.manifests, places, exempt=exempt, cluster_uid=self.cluster_uid, at=self.at
            )
        from licet.cli.live import ask
        from licet.cli.secondlayer import workload_facts_from_cluster

        return ask(
            self.kubeconfig,
            self.kube_context,
            lambda api: workload_facts_from_cluster(
                api, operator_namespace=self.operator_namespace, namespaces=namespaces, at=self.at
            ),
        )
