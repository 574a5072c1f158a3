"""What came in past the policies, by means that nothing stops, the inventory sees."""

import json
from collections.abc import Callable

import pytest

from support.attacks import LICENSED, UNLICENSED, Json, image
from support.team import Team

UNSTOPPED: dict[str, tuple[str, ...]] = {
    "a static Pod that the kubelet reports": ("--as=system:node:a", "--as-group=system:nodes"),
    "a Pod that somebody made in the name of a controller": (
        "--as=system:serviceaccount:kube-system:replicaset-controller",
    ),
}


@pytest.mark.parametrize("way", UNSTOPPED)
def test_pod_that_came_in_past_the_policies_is_in_the_inventory(site: Team, way: str) -> None:
    command = ("run", "web", f"--image={image(site, UNLICENSED)}", "-n", site.namespace)
    site.kubectl(*command, *UNSTOPPED[way], "--as-group=system:masters")
    site.eventually(lambda: image(site, UNLICENSED) in unlicensed(site), "the inventory tells of it", 30)


def owner(team: Team) -> Json:
    """A reference to a Deployment that is licensed; to none that is there, the Pod would be collected as garbage."""
    team.kubectl("create", "deployment", "licensed", f"--image={image(team, LICENSED)}", "-n", team.namespace)
    deployment = team.get("deployment", "licensed")
    assert deployment is not None
    uid = deployment["metadata"]["uid"]
    return {"apiVersion": "apps/v1", "kind": "Deployment", "name": "licensed", "uid": uid, "controller": True}


HIDING: dict[str, Callable[[Team], Json]] = {
    "among others": lambda team: {"images": [*(image(team, f"2.{number}.0") for number in range(300))]},
    "behind a forged owner": lambda team: {"ownerReferences": [owner(team)]},
    "behind a release that there is not": lambda team: {
        "annotations": {"meta.helm.sh/release-name": "nothing", "meta.helm.sh/release-namespace": team.namespace},
        "labels": {"app.kubernetes.io/managed-by": "Helm"},
    },
    "behind labels of a licensed chart": lambda team: {"labels": {"helm.sh/chart": f"{team.product}-{LICENSED}"}},
    "behind Argo CD": lambda team: {
        "annotations": {"argocd.argoproj.io/tracking-id": f"app:/Pod:{team.namespace}/web"},
        "labels": {"app.kubernetes.io/instance": "app"},
    },
}


@pytest.mark.parametrize("way", HIDING)
def test_nothing_that_is_written_on_a_pod_hides_it_from_the_inventory(site: Team, way: str) -> None:
    metadata = HIDING[way](site)
    images = [*metadata.pop("images", ()), image(site, UNLICENSED)]
    containers = [{"name": f"c{number}", "image": each} for number, each in enumerate(images)]
    metadata |= {"name": "web", "namespace": site.namespace}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": containers}}
    somebody = UNSTOPPED["a Pod that somebody made in the name of a controller"]
    site.kubectl("create", "-f-", *somebody, "--as-group=system:masters", stdin=json.dumps(pod))
    site.eventually(lambda: image(site, UNLICENSED) in unlicensed(site), "the inventory tells of it", 30)


def test_pod_in_an_exempt_namespace_is_in_the_inventory(site: Team) -> None:
    command = ("run", site.product, f"--image={image(site, UNLICENSED)}", "-n", "kube-system")
    site.kubectl(*command)
    try:
        site.eventually(
            lambda: image(site, UNLICENSED) in unlicensed(site, "kube-system"), "the inventory tells of it", 30
        )
    finally:
        site.kubectl("delete", "pod", site.product, "-n", "kube-system", "--force", "--grace-period=0")


def unlicensed(team: Team, namespace: str = "") -> str:
    """What the inventory tells of things in a namespace that are not licensed."""
    listed = json.loads(team.kubectl("get", "installations", "-n", namespace or team.namespace, "-o", "json"))
    statuses = [item.get("status") or {} for item in listed["items"]]
    return json.dumps([status for status in statuses if licensed_condition(status) == "False"])


def licensed_condition(status: Json) -> str | None:
    return next((each["status"] for each in status.get("conditions", ()) if each["type"] == "Licensed"), None)


def test_what_rides_along_with_an_open_break_glass_is_in_the_inventory(site: Team) -> None:
    """Whoever may write in the namespace can write the release's name on something else."""
    annotations = {"meta.helm.sh/release-name": "web"}
    pod: Json = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web", "namespace": site.namespace, "annotations": annotations},
        "spec": {"containers": [{"name": "main", "image": image(site, UNLICENSED)}]},
    }

    def create() -> bool:
        return site.sandbox.run("kubectl", "create", "-f-", stdin=json.dumps(pod)).returncode == 0

    assert not create()
    options = ("-n", site.namespace, "--reason", "incident 4711: the renewal is on its way")
    opened = site.sandbox.run("licet", "break-glass", "open", "web", *options)
    assert opened.returncode == 0, opened.stderr
    site.eventually(create, "the policies know the BreakGlass", 30)
    site.eventually(lambda: image(site, UNLICENSED) in unlicensed(site), "the inventory tells of it", 30)
    pod["metadata"] |= {"name": "other", "annotations": {}}
    assert not create(), "it is for one release alone"
