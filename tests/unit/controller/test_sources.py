"""By what workloads came in, and which Installation is whose."""

from itertools import pairwise

import pytest

from licet.controller.releases import ReleaseKey
from licet.controller.sources import Sources
from licet.controller.workloads import Ref, Workload

API = frozenset({"registry.example/acme-platform/api:1"})


def ref(kind: str, name: str, namespace: str = "prod-eu") -> Ref:
    return Ref(namespace, kind, name)


class Cluster:
    def __init__(self) -> None:
        self.releases: set[ReleaseKey] = set()
        self.sources = Sources(self.releases.__contains__)

    def put(self, workload: Ref, **members: Ref) -> frozenset[Ref]:
        return self.sources.set(workload, Workload(images=API, **members))


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


DEPLOYMENT, REPLICA_SET, POD = ref("Deployment", "web"), ref("ReplicaSet", "web-1"), ref("Pod", "web-1-a")
RELEASE, APPLICATION = ref("Release", "shop"), ref("Application", "shop")


def test_workload_that_nothing_made_is_its_own_source(cluster):
    assert cluster.put(DEPLOYMENT) == {DEPLOYMENT}
    assert [root for root, _ in cluster.sources.members(DEPLOYMENT)] == [DEPLOYMENT]


ORDERS = [
    (DEPLOYMENT, REPLICA_SET, POD),
    (POD, REPLICA_SET, DEPLOYMENT),
    (REPLICA_SET, POD, DEPLOYMENT),
]


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: " ".join(each.kind for each in order))
def test_pod_belongs_to_its_topmost_controller_in_whatever_order_they_are_heard_of(cluster, order):
    owners = {REPLICA_SET: DEPLOYMENT, POD: REPLICA_SET}
    for each in order:
        concerned = cluster.put(each, **({"owner": owners[each]} if each in owners else {}))
    assert DEPLOYMENT in concerned
    assert cluster.sources.of(POD) == DEPLOYMENT
    assert [root for root, _ in cluster.sources.members(DEPLOYMENT)] == [DEPLOYMENT] * 3
    assert not list(cluster.sources.members(REPLICA_SET))


def test_what_is_moved_concerns_both_sources(cluster):
    cluster.put(POD, owner=REPLICA_SET)
    assert cluster.put(REPLICA_SET, owner=DEPLOYMENT) == {REPLICA_SET, DEPLOYMENT}
    assert cluster.put(REPLICA_SET) == {DEPLOYMENT, REPLICA_SET}


def test_what_is_deleted_is_no_member_any_more(cluster):
    cluster.put(DEPLOYMENT)
    assert cluster.sources.set(DEPLOYMENT, None) == {DEPLOYMENT}
    assert not list(cluster.sources.members(DEPLOYMENT))
    assert cluster.sources.set(DEPLOYMENT, None) == frozenset()


def test_release_counts_only_if_there_is_one(cluster):
    cluster.put(DEPLOYMENT, release=RELEASE, application=APPLICATION)
    assert cluster.sources.of(DEPLOYMENT) == APPLICATION
    cluster.releases.add(("prod-eu", "shop"))
    assert cluster.sources.of(DEPLOYMENT) == RELEASE
    assert [root for root, _ in cluster.sources.members(RELEASE)] == [DEPLOYMENT]
    assert not list(cluster.sources.members(APPLICATION))


def test_release_has_workloads_in_other_namespaces_too(cluster):
    cluster.releases.add(("prod-eu", "shop"))
    elsewhere = ref("Deployment", "agent", namespace="agents")
    cluster.put(elsewhere, release=RELEASE)
    assert [root for root, _ in cluster.sources.members(RELEASE)] == [elsewhere]


def test_release_that_is_recorded_in_another_namespace_has_the_workloads_that_name_its_own(cluster):
    recorded = ref("Release", "shop", namespace="flux")
    cluster.put(DEPLOYMENT, release=RELEASE)
    cluster.put(POD, owner=DEPLOYMENT)
    cluster.releases.add(("flux", "shop"))
    assert cluster.sources.of(DEPLOYMENT) == DEPLOYMENT
    assert cluster.sources.set_place(("flux", "shop"), "prod-eu") == {DEPLOYMENT}
    assert cluster.sources.set_place(("flux", "shop"), "prod-eu") == frozenset()
    assert [root for root, _ in cluster.sources.members(recorded)] == [DEPLOYMENT] * 2
    assert cluster.sources.places(("flux", "shop")) == ("flux", "prod-eu")
    assert cluster.sources.placed("prod-eu") == {("flux", "shop")}
    cluster.releases.add(("prod-eu", "shop"))
    assert cluster.sources.of(DEPLOYMENT) == RELEASE, "one that has the very name comes first"
    assert not list(cluster.sources.members(recorded))
    cluster.releases.remove(("prod-eu", "shop"))
    cluster.sources.forget_places(("flux", "shop"))
    assert cluster.sources.placed("prod-eu") == frozenset()
    assert cluster.sources.of(DEPLOYMENT) == DEPLOYMENT
    assert not list(cluster.sources.members(recorded))


def test_release_that_installs_where_it_is_recorded_has_no_other_place(cluster):
    for namespace in ("", "prod-eu"):
        assert cluster.sources.set_place(("prod-eu", "shop"), namespace) == frozenset()
    assert cluster.sources.places(("prod-eu", "shop")) == ("prod-eu",)


def test_no_more_than_some_namespaces_are_taken_to_be_of_one_release(cluster):
    cluster.sources.set_place(("flux", "shop"), "x" * 64)
    for number in range(100):
        cluster.sources.set_place(("flux", "shop"), f"prod-{number}")
    assert 2 < len(cluster.sources.places(("flux", "shop"))) < 20
    assert cluster.sources.placed("x" * 64) == frozenset()


def test_controller_that_is_no_workload_is_the_source_of_what_it_controls(cluster):
    rollout = ref("Rollout", "web")
    cluster.put(REPLICA_SET, owner=rollout)
    cluster.put(POD, owner=REPLICA_SET)
    assert [root for root, _ in cluster.sources.members(rollout)] == [rollout] * 2
    assert not cluster.sources.is_early(rollout)


def test_pod_of_a_workload_that_is_not_there_is_an_orphan(cluster):
    cluster.put(POD, owner=REPLICA_SET)
    assert cluster.sources.is_early(REPLICA_SET)
    assert [root for root, _ in cluster.sources.members(REPLICA_SET)] == [REPLICA_SET]
    cluster.put(REPLICA_SET)
    assert not cluster.sources.is_early(REPLICA_SET)


def test_circle_of_forged_owners_hides_nothing(cluster):
    cluster.put(REPLICA_SET, owner=DEPLOYMENT)
    cluster.put(DEPLOYMENT, owner=REPLICA_SET)
    cluster.put(POD, owner=REPLICA_SET)
    found = {source: [each for each, _ in cluster.sources.members(source)] for source in (REPLICA_SET, DEPLOYMENT, POD)}
    assert found == {REPLICA_SET: [REPLICA_SET], DEPLOYMENT: [DEPLOYMENT], POD: [POD]}
    itself = ref("Pod", "self")
    cluster.put(itself, owner=itself)
    assert [each for each, _ in cluster.sources.members(itself)] == [itself]


def test_circle_that_an_owner_closes_concerns_all_that_lose_their_source(cluster):
    cluster.put(DEPLOYMENT)
    cluster.put(REPLICA_SET, owner=DEPLOYMENT)
    cluster.put(POD, owner=REPLICA_SET)
    assert cluster.put(DEPLOYMENT, owner=REPLICA_SET) == {DEPLOYMENT, REPLICA_SET, POD}
    assert cluster.put(DEPLOYMENT) == {DEPLOYMENT, REPLICA_SET, POD}


def test_long_chain_of_forged_owners_hides_nothing_and_is_not_climbed(cluster):
    pods = [ref("Pod", f"pod-{number}") for number in range(100)]
    for pod, owner in pairwise(reversed(pods)):
        cluster.put(pod, owner=owner)
    assert cluster.put(pods[0]) == {pods[0]}
    sources = {cluster.sources.of(pod) for pod in pods}
    assert sum(len(list(cluster.sources.members(source))) for source in sources) == 100
    assert len(list(cluster.sources.within(pods[0]))) < 20


def test_workload_of_a_release_that_is_not_there_may_be_early(cluster):
    cluster.put(DEPLOYMENT, release=RELEASE)
    assert cluster.sources.is_early(DEPLOYMENT)
    cluster.releases.add(("prod-eu", "shop"))
    assert not cluster.sources.is_early(cluster.sources.of(DEPLOYMENT))
    cluster.put(POD)
    assert not cluster.sources.is_early(POD)


# -- Installations -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "name"),
    [
        (ref("Release", "shop"), "shop"),
        (ref("Deployment", "web"), "deployment.web"),
        (ref("CronJob", "web"), "cronjob.web"),
        (ref("Application", "shop"), "application.shop"),
    ],
)
def test_installation_is_named_after_its_source(cluster, source, name):
    assert cluster.sources.installation(source) == ("prod-eu", name)


ODD = [ref("Application", "argocd_shop"), ref("Deployment", "w" * 250), ref("Pod", "Web")]


@pytest.mark.parametrize("source", ODD, ids=lambda source: source.name[:12])
def test_name_that_no_object_can_have_gives_way_to_a_digest(cluster, source):
    _, name = cluster.sources.installation(source)
    assert name.startswith(f"{source.kind.lower()}.")
    assert 63 < len(name) < 253


def test_kinds_that_differ_in_case_alone_have_installations_of_their_own(cluster):
    rollouts = [ref("Rollout", "web"), ref("ROLLOUT", "web"), ref("Rollout", "web-2")]
    assert len({cluster.sources.installation(each) for each in rollouts}) == 3


def test_a_release_keeps_its_name_from_a_workload(cluster):
    source = ref("Deployment", "web")
    short = cluster.sources.enlist(source)
    assert cluster.sources.source(short) == source
    cluster.releases.add(short)
    long = cluster.sources.installation(source)
    assert long != short
    assert len(long[1]) > 63  # which no label, and so no release, can be
    assert cluster.sources.displaced(short) == (short, long)
    assert (cluster.sources.source(short), cluster.sources.source(long)) == (None, source)
    cluster.releases.clear()
    assert (cluster.sources.source(short), cluster.sources.source(long)) == (source, None)


def test_source_that_was_not_enlisted_is_unknown(cluster):
    assert cluster.sources.source(("prod-eu", "deployment.web")) is None
    assert cluster.sources.displaced(("prod-eu", "deployment.web")) == ()
    cluster.sources.enlist(ref("Deployment", "web"))
    cluster.sources.forget(("prod-eu", "deployment.web"))
    assert cluster.sources.source(("prod-eu", "deployment.web")) is None
