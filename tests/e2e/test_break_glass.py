"""An emergency: a release that no license covers comes in for a while, on record, and on nobody else's word."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from licet.core.timestamps import format_instant
from sandbox import Sandbox
from support.team import Answer, Team

REASON = "incident 4711: the renewal is on its way"
OLD = [{"name": "*", "versions": "2.x"}]


@pytest.fixture
def helm_program() -> str:
    return "helm"


@pytest.fixture
def site(team: Team) -> Team:
    team.trust()
    return team


def licet(site: Team, *arguments: str) -> Answer:
    return site.sandbox.run("licet", *arguments)


def opened(site: Team, *options: str, release: str = "web") -> str:
    """Open a BreakGlass for a release; gives its name."""
    answer = licet(site, "break-glass", "open", release, "-n", site.namespace, "--reason", REASON, *options)
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr == "", "the controller has looked at it"
    return answer.stdout.split()[1]


def user(sandbox: Sandbox) -> str:
    name: str = json.loads(sandbox.run("kubectl", "auth", "whoami", "-o", "json").stdout)["status"]["userInfo"][
        "username"
    ]
    return name


def status(site: Team, name: str) -> dict[str, Any]:
    found = site.get("breakglass", name)
    return (found or {}).get("status") or {}


def active(site: Team, name: str) -> str:
    return next((each["reason"] for each in status(site, name).get("conditions", ()) if each["type"] == "Active"), "")


def licensed(site: Team, release: str = "web") -> Callable[[], tuple[str, str] | None]:
    """Give what tells status and reason of the condition of the release's Installation."""

    def told() -> tuple[str, str] | None:
        conditions = (((site.get("installation", release) or {}).get("status")) or {}).get("conditions") or ()
        return next(((each["status"], each["reason"]) for each in conditions), None)

    return told


def manifest(site: Team, **spec: Any) -> dict[str, Any]:
    given = {
        "release": {"namespace": site.namespace, "name": "web"},
        "reason": REASON,
        "requestedBy": user(site.sandbox),
        "until": format_instant(int(time.time()) + 3600),
    }
    metadata = {"name": f"{site.product}-1"}
    return {"apiVersion": "licet.dev/v1alpha1", "kind": "BreakGlass", "metadata": metadata, "spec": {**given, **spec}}


def test_a_release_comes_in_while_it_is_open_and_everybody_can_see_that(site: Team) -> None:
    refused = site.helm("install", "web", site.chart("3.1.0"))
    assert refused.returncode != 0

    name = opened(site)
    installed = site.helm("install", "web", site.chart("3.1.0"))  # at once: no watch has to be waited for

    assert installed.returncode == 0, installed.stderr
    assert f"is not licensed: no license that counts grants product {site.product}" in installed.stderr
    assert f"It is let in by BreakGlass {name} of {user(site.sandbox)}, until " in installed.stderr
    site.eventually(lambda: licensed(site)() == ("False", "BreakGlass"), "the inventory tells how it came in")
    site.eventually(lambda: status(site, name).get("useCount") == 1, "it is counted")
    (use,) = status(site, name)["uses"]
    assert (use["revision"], use["charts"]) == (1, [{"name": site.product, "version": "3.1.0"}])
    site.eventually(lambda: {"Open", "Used"} <= set(events(site, name)), "both are Events")
    (row,) = [line for line in licet(site, "break-glass", "list").stdout.splitlines() if line.startswith(name)]
    assert row.split()[1:4] == [site.namespace, "web", user(site.sandbox)]
    checked = licet(site, "check", site.product, "3.2.0", "-n", site.namespace, "--release", "web")
    assert (checked.returncode, checked.stdout.split(":")[0]) == (0, "allowed (BreakGlass)")
    explained = licet(site, "explain", "release", "web", "-n", site.namespace)
    assert "BreakGlass" in explained.stdout
    assert f"BreakGlass {name}" in licet(site, "status").stdout.partition("Problems")[2]
    audit = licet(site, "audit", "-n", site.namespace)
    assert audit.returncode == 1
    assert f"Installation {site.namespace}/web (BreakGlass, since " in audit.stdout
    assert audit.stdout.partition("Break-glass\n")[2].splitlines()[1].startswith(name)
    other = site.helm("install", "other", site.chart("3.1.0"))
    assert other.returncode != 0, "it is for one release alone"

    closed = licet(site, "break-glass", "close", name)

    assert closed.stdout == f"BreakGlass {name} is closed; 1 revision came in by it.\n"
    assert site.helm("upgrade", "web", site.chart("3.2.0")).returncode != 0
    assert site.helm("upgrade", "web", site.chart("3.1.0")).returncode == 0, "what runs may be deployed again"
    site.eventually(lambda: licensed(site)() == ("False", "NoLicense"), "the inventory goes by what is there")
    assert site.helm("uninstall", "web").returncode == 0


def test_what_came_in_so_is_not_remembered_as_licensed(site: Team) -> None:
    name = opened(site)
    for version in ("3.1.0", "3.2.0"):
        answer = site.helm("upgrade", "--install", "web", site.chart(version))
        assert answer.returncode == 0, answer.stderr
    site.eventually(lambda: status(site, name).get("useCount") == 2, "both are counted")
    site.eventually(lambda: site.running_versions() == ["3.2.0"], "the inventory has what runs")
    licet(site, "break-glass", "close", name)
    answer = site.helm("rollback", "web", "1")
    assert answer.returncode != 0
    assert "is not licensed" in answer.stderr


def test_it_ends_by_itself_and_stays_on_record(site: Team) -> None:
    site.apply(manifest(site, until=format_instant(int(time.time()) + 15)))
    name = f"{site.product}-1"
    site.eventually(lambda: active(site, name) == "Open", "it is open")
    assert site.helm("install", "web", site.chart("3.1.0")).returncode == 0
    site.eventually(lambda: active(site, name) == "Expired", "it has ended")
    answer = site.helm("upgrade", "web", site.chart("3.2.0"))
    assert answer.returncode != 0
    assert f"BreakGlass {name} ended at" in answer.stderr
    site.eventually(lambda: licensed(site)() == ("False", "BreakGlass"), "how it came in is still to be seen")


def test_a_license_may_rule_it_out(site: Team) -> None:
    license_ = site.license(breakGlass=False, charts=OLD)
    site.kubectl("wait", "--for=condition=Valid", f"license/{license_}", "--timeout=60s")
    answer = licet(
        site, "break-glass", "open", "web", "-n", site.namespace, "--reason", REASON, "--chart", site.product, "3.1.0"
    )
    assert answer.returncode == 1
    ruled_out = f"license {license_} rules it out for product {site.product} of vendor {site.vendor.name}"
    assert ruled_out in answer.stderr
    refused = site.helm("install", "web", site.chart("3.1.0"))
    assert refused.returncode != 0
    assert f"does not help: license {license_} rules break-glass out." in refused.stderr


def test_charts_that_are_listed_come_in_alone(site: Team) -> None:
    opened(site, "--chart", site.product, "3.1.0")
    assert site.helm("install", "web", site.chart("3.2.0")).returncode != 0
    assert site.helm("install", "web", site.chart("3.1.0")).returncode == 0


def test_nobody_opens_one_in_the_name_of_another(site: Team) -> None:
    answer = site.sandbox.run("kubectl", "create", "-f", "-", stdin=json.dumps(manifest(site, requestedBy="jane")))
    assert answer.returncode != 0
    assert (
        f'spec.requestedBy has to be the user who opens the BreakGlass, which is "{user(site.sandbox)}"'
        in answer.stderr
    )
    impersonated = ("create", "-f", "-", "--as=jane", "--as-group=system:masters")
    answer = site.sandbox.run("kubectl", *impersonated, stdin=json.dumps(manifest(site, requestedBy="jane")))
    assert answer.returncode == 0, answer.stderr
    policy = lambda: site.get("validatingadmissionpolicy", "breakglasses.licet.dev") or {}  # noqa: E731
    site.eventually(lambda: "typeChecking" in (policy().get("status") or {}), "Kubernetes has checked its types")
    assert not policy()["status"]["typeChecking"].get("expressionWarnings"), "it is compiled with types"


@pytest.mark.parametrize("hours", [-1, 25], ids=["past", "too long"])
def test_nobody_opens_one_for_longer_than_a_day_or_in_the_past(site: Team, hours: int) -> None:
    until = format_instant(int(time.time()) + hours * 3600)
    answer = site.sandbox.run("kubectl", "create", "-f", "-", stdin=json.dumps(manifest(site, until=until)))
    assert answer.returncode != 0
    assert "spec.until has to be later than now and at most 24 hours ahead: after 20" in answer.stderr


def test_nobody_prolongs_one(site: Team) -> None:
    name = opened(site)
    later = json.dumps({"spec": {"until": format_instant(int(time.time()) + 7200)}})
    answer = site.sandbox.run("kubectl", "patch", "breakglass", name, "--type=merge", f"-p={later}")
    assert "a BreakGlass can't be changed" in answer.stderr


def test_administrators_of_namespaces_may_not_open_any(site: Team) -> None:
    site.kubectl("create", "rolebinding", "jane", "--clusterrole=admin", "--user=jane", "-n", site.namespace)
    asked = ("auth", "can-i", "create", "breakglasses.licet.dev", "--as=jane", "-n", site.namespace)
    assert site.sandbox.run("kubectl", *asked).stdout.strip() == "no"


def test_it_helps_without_a_controller(site: Team) -> None:
    site.sandbox.controller.process.end()
    try:
        site.apply(manifest(site))
        assert site.helm("install", "web", site.chart("3.1.0")).returncode == 0
    finally:
        site.sandbox.start()
    site.eventually(lambda: status(site, f"{site.product}-1").get("useCount") == 1, "it is counted")


def test_workloads_of_the_release_come_in_as_well_and_their_images_are_not_remembered(site: Team) -> None:
    """Where the API server judges workloads, whatever else is made in the namespace is refused as ever."""
    image = f"registry.example/{site.product}/api:3.1.0"
    plain, released = made_of(image), made_of(image, annotations={"meta.helm.sh/release-name": "web"})
    hook = made_of(image, annotations={"helm.sh/hook": "pre-upgrade"})
    site.eventually(lambda: "is not licensed" in refusal(site, released), "the policies know the Vendor")

    name = opened(site)

    site.eventually(lambda: refusal(site, released) == "", "the policies know the BreakGlass")
    assert refusal(site, hook) == ""
    assert "is not licensed" in refusal(site, plain)
    chart = site.chart("3.1.0", templates={"deployment.yaml": json.dumps(made_of(image))})
    installed = site.helm("install", "web", chart)
    assert installed.returncode == 0, installed.stderr
    site.eventually(lambda: [each["tag"] for each in images(site)] == ["3.1.0"], "the inventory knows the image")
    site.eventually(lambda: licensed(site)() == ("False", "BreakGlass"), "and how it came in")
    licet(site, "break-glass", "close", name)
    site.eventually(lambda: "is not licensed" in refusal(site, released), "the policies know that it is over")
    policy = site.get("workloadpolicy", site.vendor.name)
    assert policy is not None
    assert policy["spec"]["past"] == []


def events(site: Team, name: str) -> list[str]:
    """Give the reasons of the Events about a BreakGlass, which Kubernetes has in this namespace."""
    about = f"--field-selector=involvedObject.kind=BreakGlass,involvedObject.name={name}"
    found = json.loads(site.kubectl("get", "events", "-n", "default", about, "-o", "json"))
    return [each["reason"] for each in found["items"]]


def made_of(image: str, **metadata: Any) -> dict[str, Any]:
    labels = {"app": "web"}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "api", "image": image}]}}
    spec = {"selector": {"matchLabels": labels}, "template": pod}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", **metadata}, "spec": spec}


def refusal(site: Team, workload: dict[str, Any]) -> str:
    command = ("create", "-f", "-", "-n", site.namespace, "--dry-run=server")
    return site.sandbox.run("kubectl", *command, stdin=json.dumps(workload)).stderr


def images(site: Team) -> list[dict[str, Any]]:
    found = (site.get("installation", "web") or {}).get("status") or {}
    return list(found.get("images") or ())
