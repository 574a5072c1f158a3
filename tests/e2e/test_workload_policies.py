"""Workloads are judged by the API server as the controller told it, and go on being judged with nothing of licet."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import sandbox as sandboxes
from sandbox import Sandbox
from support.team import Team

ROLLOUTS = "system:serviceaccount:argo-rollouts:argo-rollouts"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A sandbox of this module's own, in which a user is exempt."""
    with sandboxes.temporary((f"workloadPolicies.exemptUsers[0]={ROLLOUTS}",)) as running:
        yield running


@pytest.fixture
def helm_program() -> str:
    return "helm"


@pytest.fixture
def site(team: Team) -> Team:
    team.trust()
    team.eventually(lambda: "licet: image" in run(team, "1.0.0"), "the policies know the Vendor")
    return team


def image(team: Team, version: str) -> str:
    return f"registry.example/{team.product}/api:{version}"


def run(team: Team, version: str, name: str = "web", *, user: str = "") -> str:
    """What the API server says against a Pod with this version; empty when it makes it."""
    impersonated = (f"--as={user}", "--as-group=system:masters") if user else ()
    command = ("run", name, f"--image={image(team, version)}", "-n", team.namespace, "--dry-run=server", *impersonated)
    return team.sandbox.run("kubectl", *command).stderr


def images_2(team: Team) -> dict[str, object]:
    return {"images": [{"repository": f"registry.example/{team.product}/*", "tags": "2.x"}]}


def test_workloads_follow_licenses(site: Team) -> None:
    assert "no license that counts" in run(site, "2.0.0")
    name = site.license(**images_2(site))
    site.eventually(lambda: run(site, "2.0.0") == "", "the policies know the License")
    assert f"licet: image {image(site, '3.0.0')}" in run(site, "3.0.0")
    assert run(site, "3.0.0", user=ROLLOUTS) == ""
    site.kubectl("delete", "license", name)
    site.eventually(lambda: "licet: image" in run(site, "2.0.0"), "the policies know that it is gone")


def test_a_vendor_that_is_gone_claims_nothing(site: Team) -> None:
    site.kubectl("delete", "vendor", site.vendor.name)
    site.eventually(lambda: run(site, "1.0.0") == "", "the policies forgot it")
    assert site.get("workloadpolicy", site.vendor.name) is None


def test_admins_see_whom_the_policies_know(site: Team) -> None:
    site.eventually(lambda: site.get("workloadpolicy", site.vendor.name), "the policies know the Vendor")
    header, row = site.kubectl("get", "wlp", site.vendor.name).splitlines()
    assert header.split() == ["NAME", "VENDOR", "ENFORCEMENT", "AGE"]
    assert row.split()[:3] == [site.vendor.name, site.vendor.name, "Enforce"]


def test_foreign_changes_are_undone(site: Team) -> None:
    site.license(**images_2(site))
    site.eventually(lambda: run(site, "2.0.0") == "", "the policies know the License")
    refused = run(site, "3.0.0")
    name = site.vendor.name
    site.kubectl("patch", "workloadpolicy", name, "--type=merge", '-p={"spec":{"images":[]}}')
    site.eventually(lambda: run(site, "3.0.0") == refused, "the claims are back")
    site.kubectl("label", "workloadpolicy", name, "licet.dev/enforcement=Audit", "--overwrite")
    site.eventually(lambda: run(site, "3.0.0") == refused, "the label is back")
    site.kubectl("delete", "workloadpolicy", name)
    site.eventually(lambda: run(site, "3.0.0") == refused, "the object is back")


def test_nothing_is_written_when_nothing_changed(site: Team) -> None:
    site.license(**images_2(site))
    site.eventually(lambda: run(site, "2.0.0") == "", "the policies know the License")
    site.eventually(lambda: licenses_of(site.get("vendor", site.vendor.name)) == 1, "the Vendor says so")
    before, vendor = site.get("workloadpolicy", site.vendor.name), site.get("vendor", site.vendor.name)
    site.sandbox.controller.restart(signal.SIGKILL)
    site.sandbox.wait()
    time.sleep(2)
    after = site.get("workloadpolicy", site.vendor.name)
    assert before is not None
    assert after is not None
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
    assert site.get("vendor", site.vendor.name) == vendor


def licenses_of(vendor: dict[str, Any] | None) -> int | None:
    """How many Licenses a Vendor's status tells."""
    count: int | None = ((vendor or {}).get("status") or {}).get("licenses")
    return count


def test_the_vendor_tells_whether_all_is_judged(site: Team) -> None:
    site.eventually(lambda: judged(site) == ("True", "Judged"), "the policies know the Vendor")
    images = [{"repository": f"registry.example/{site.product}/*", "tags": ">=2.0.0 !=2.1-rc"}]
    name = site.license(images=images, jti="lic_odd")
    site.eventually(lambda: judged(site) == ("False", "RangeNotExpressible"), "what can't be judged is told")
    assert "license lic_odd: >=2.0.0 !=2.1-rc rules out" in condition(site)["message"]
    site.eventually(lambda: run(site, "1.0.0") == "", "what can't be judged is let in")
    site.kubectl("delete", "license", name)
    site.eventually(lambda: judged(site) == ("True", "Judged"), "all is judged again")


def condition(team: Team) -> dict[str, str]:
    """What the Vendor says of its workloads."""
    vendor = team.get("vendor", team.vendor.name) or {}
    conditions: list[dict[str, str]] = (vendor.get("status") or {}).get("conditions", [])
    return next((each for each in conditions if each["type"] == "WorkloadsJudged"), {"status": "", "reason": ""})


def judged(team: Team) -> tuple[str, str]:
    found = condition(team)
    return found["status"], found["reason"]


def test_with_controller_and_gate_stopped_licenses_still_hold_and_end(site: Team) -> None:
    end = int(time.time()) + 20
    site.license(exp=end, **images_2(site))
    site.eventually(lambda: run(site, "2.0.0") == "", "the policies know the License")
    site.kubectl("create", "deployment", "web", f"--image={image(site, '2.0.0')}", "-n", site.namespace)
    site.sandbox.end()
    try:
        assert run(site, "2.1.0") == ""
        assert run(site, "3.0.0") != ""
        time.sleep(max(0, end + 1 - time.time()))

        assert f"licet: image {image(site, '2.1.0')}" in run(site, "2.1.0")
        other = ("set", "image", "deployment/web", f"api={image(site, '2.1.0')}", "-n", site.namespace)
        assert "licet: image" in site.sandbox.run("kubectl", *other).stderr
        site.kubectl("scale", "deployment/web", "--replicas=3", "-n", site.namespace)
        site.kubectl("label", "deployment/web", "team=pay", "-n", site.namespace)
        site.eventually(lambda: ready_to_run(site) == 3, "the controllers of Kubernetes make Pods")
    finally:
        site.sandbox.start()


DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{containers: [{{name: web, image: "registry.example/{product}/api:{{{{ .Chart.Version }}}}"}}]}}
"""


def test_what_helm_only_renders_is_judged_as_it_is_applied(site: Team) -> None:
    site.license(**images_2(site))
    site.eventually(lambda: run(site, "2.0.0") == "", "the policies know the License")

    def apply(version: str) -> str:
        chart = site.chart(version, templates={"web.yaml": DEPLOYMENT.format(product=site.product)})
        rendered = site.helm("template", "web", chart).stdout
        return site.sandbox.run("kubectl", "apply", "-n", site.namespace, "-f", "-", stdin=rendered).stderr

    assert f"licet: image {image(site, '3.0.0')}" in apply("3.0.0")
    assert site.get("deployment", "web") is None
    assert apply("2.0.0") == ""
    assert site.get("deployment", "web") is not None
    assert site.names("secret") == set(), "there is no release for the gate to judge"


def ready_to_run(team: Team) -> int:
    deployment = team.get("deployment", "web") or {}
    replicas: int = (deployment.get("status") or {}).get("replicas", 0)
    return replicas


def test_images_that_ran_here_licensed_come_back_after_the_license_is_gone(site: Team) -> None:
    """By rollback, and by deploying again; the memory outlives the controller."""
    elsewhere = f"{site.namespace}-other"
    site.create_namespace(elsewhere)
    name = site.license(**images_2(site))
    site.eventually(lambda: run(site, "2.0.0") == "", "the policies know the License")
    site.kubectl("create", "deployment", "web", f"--image={image(site, '2.0.0')}", "-n", site.namespace)
    site.eventually(lambda: remembered(site) == {image(site, "2.0.0")}, "what runs is remembered")
    site.kubectl("set", "image", "deployment/web", f"api={image(site, '2.1.0')}", "-n", site.namespace)
    both = {image(site, "2.0.0"), image(site, "2.1.0")}
    site.eventually(lambda: remembered(site) == both, "what runs is remembered")
    site.kubectl("delete", "license", name)
    site.eventually(lambda: "licet: image" in run(site, "2.2.0"), "the policies know that the License is gone")
    site.sandbox.controller.restart(signal.SIGKILL)
    site.sandbox.wait()

    site.kubectl("rollout", "undo", "deployment/web", "-n", site.namespace)
    site.kubectl("delete", "deployment", "web", "-n", site.namespace)
    site.kubectl("create", "deployment", "web", f"--image={image(site, '2.1.0')}", "-n", site.namespace)
    assert run(site, "2.2.0") != ""
    there = ("run", "web", f"--image={image(site, '2.0.0')}", "-n", elsewhere, "--dry-run=server")
    assert "licet: image" in site.sandbox.run("kubectl", *there).stderr
    assert remembered(site) == both


def test_namespace_that_is_made_anew_while_no_controller_runs_inherits_no_images(site: Team) -> None:
    name = site.license(**images_2(site))
    site.eventually(lambda: run(site, "2.0.0") == "", "the policies know the License")
    site.kubectl("create", "deployment", "web", f"--image={image(site, '2.0.0')}", "-n", site.namespace)
    site.eventually(lambda: remembered(site) == {image(site, "2.0.0")}, "what runs is remembered")
    site.kubectl("delete", "license", name)
    site.eventually(lambda: "licet: image" in run(site, "2.1.0"), "the policies know that the License is gone")
    site.sandbox.controller.process.end()
    try:
        site.kubectl("delete", "namespace", site.namespace)
        site.create_namespace(site.namespace)
    finally:
        site.sandbox.start()
    site.eventually(lambda: remembered(site) == set(), "nothing ran in this namespace")
    site.eventually(lambda: "licet: image" in run(site, "2.0.0"), "so the image may not come back")


def test_images_that_came_in_unlicensed_are_not_remembered(team: Team) -> None:
    team.kubectl("create", "deployment", "web", f"--image={image(team, '2.0.0')}", "-n", team.namespace)
    team.trust()
    team.eventually(lambda: "licet: image" in run(team, "2.0.0"), "the policies know the Vendor")
    team.kubectl("scale", "deployment/web", "--replicas=2", "-n", team.namespace)
    team.eventually(lambda: ready_to_run(team) == 2, "what runs is left alone")
    assert remembered(team) == set()
    assert run(team, "2.0.0") != ""


def remembered(team: Team) -> set[str]:
    policy = team.get("workloadpolicy", team.vendor.name) or {"spec": {"past": []}}
    return {image for past in policy["spec"]["past"] for image in past["images"]}


def test_charts_that_ran_here_licensed_may_come_back(site: Team, tmp_path: Path) -> None:
    """By their labels: what of them was licensed is remembered by the inventory."""
    name = site.license(charts=[{"name": site.product, "versions": "2.x"}], images=[])
    answer = site.helm("install", "web", site.chart("2.0.0"))
    assert answer.returncode == 0, answer.stderr

    def labelled(version: str) -> str:
        command = ("run", "web", "--image=nginx", f"--labels=helm.sh/chart={site.product}-{version}")
        return site.sandbox.run("kubectl", *command, "-n", site.namespace, "--dry-run=server").stderr

    site.eventually(lambda: bool((site.get("installation", "web") or {}).get("status")), "the inventory knows it")
    site.kubectl("delete", "license", name)
    site.eventually(lambda: labelled("2.1.0") != "", "the license is gone")
    assert labelled("2.0.0") == ""
