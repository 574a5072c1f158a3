"""The inventory of what no Helm release brought in, and of what the workloads of releases really have."""

import time

import pytest

from support.admission import release_secret
from support.controller_site import Site, eventually, log_lines, metrics
from support.helm_releases import release_document
from support.workload_objects import of_release, owner_reference, workload

LICENSED, SHORT = ("True", "Licensed"), ("False", "VersionNotCovered")


class Team:
    """Brings workloads of the vendor's into its namespace, past the gate."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.licenses = 0

    def license(self, versions: str = ">=2.0.0 <3.0.0", **claims: object) -> None:
        """Apply a license that covers these versions; a later one supersedes it."""
        grants = {
            "charts": [{"name": self.site.product, "versions": versions}],
            "images": [{"repository": f"registry.example/{self.site.product}/*", "tags": versions}],
        }
        self.licenses += 1
        self.site.license(self.site.vendor.token(series="s", sequence=self.licenses, **grants, **claims))

    def image(self, tag: str, repository: str = "api") -> str:
        return f"registry.example/{self.site.product}/{repository}:{tag}"

    def apply(self, kind: str, name: str, *tags: str, **metadata: object) -> tuple[str, str, str]:
        """Create a workload of images with these tags; gives what names it as a controller."""
        images = map(self.image, tags)
        made = self.site.put_in(workload(kind, name, *images, namespace=self.site.namespace, **metadata))
        return kind, name, made["metadata"]["uid"]

    def set_image(self, kind: str, name: str, tag: str, repository: str = "api") -> None:
        """Change the first image, as `kubectl set image` does."""

        def change() -> bool:
            obj = self.site.get(kind, name)
            template = obj if kind == "Pod" else obj["spec"]["template"]
            template["spec"]["containers"][0]["image"] = self.image(tag, repository)
            self.site.replace(obj)
            return True

        eventually(change)  # Kubernetes' own controllers write these objects as well

    def release(self, name: str, version: str = "2.4.1", *, recorded_in: str = "") -> None:
        """Write a release of the vendor's chart in the way of Helm."""
        namespace = recorded_in or self.site.namespace
        document = release_document(self.site.product, version, name=name, namespace=self.site.namespace)
        self.site.cluster.request("POST", f"/api/v1/namespaces/{namespace}/secrets", release_secret(document))

    # -- what the inventory says ---------------------------------------------------------------------------------------

    def installations(self) -> list[str]:
        return sorted(each["metadata"]["name"] for each in self.site.all("Installation"))

    def status(self, name: str) -> dict:
        return self.site.get("Installation", name)["status"]

    def tags(self, name: str) -> list[str]:
        return [image["tag"] for image in self.status(name)["images"]]

    def licensed(self, name: str) -> tuple[str, str]:
        return self.site.condition("Installation", name, "Licensed")

    def await_licensed(self, name: str, expected: tuple[str, str]) -> None:
        eventually(lambda: self.licensed(name) == expected)


@pytest.fixture
def team(site) -> Team:
    """A vendor's license covers versions 2."""
    site.trust()
    team = Team(site)
    team.license()
    eventually(lambda: site.condition("License", f"license-{site.id}", "Valid") == ("True", "Verified"))
    return team


def test_workload_that_no_release_made_has_an_installation(team):
    site = team.site
    chart = {"helm.sh/chart": f"{site.product}-2.4.1"}
    team.apply("Deployment", "web", "2.4.1", "3.0.0", labels=chart, template_labels=chart)
    team.await_licensed("deployment.web", SHORT)
    status = team.status("deployment.web")
    assert status["source"] == {"kind": "Deployment", "name": "web"}
    claim = {"vendor": site.vendor.name, "product": site.product}
    repository = f"registry.example/{site.product}/api"
    covered = {"license": f"license-{site.id}"}
    assert status["charts"] == [{"name": site.product, "version": "2.4.1", **claim, **covered}]
    assert status["images"] == [
        {"repository": repository, "tag": "2.4.1", **claim, **covered},
        {"repository": repository, "tag": "3.0.0", **claim},
    ]
    assert status["history"] == [{"chart": site.product, "version": "2.4.1", "revision": 1, "licensed": True}]
    (condition,) = status["conditions"]
    assert condition["message"].startswith(
        f'image {team.image("3.0.0")} (Deployment "web", namespace "{site.namespace}") is not licensed: license '
    )
    eventually(lambda: ("Warning", "VersionNotCovered") in site.events("deployment.web"))
    assert "ownerReferences" not in site.get("Installation", "deployment.web")["metadata"]


@pytest.mark.parametrize(
    "kind", ["StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job", "CronJob", "Pod"]
)
def test_workloads_of_every_kind_are_listed(team, kind):
    site, groups = team.site, {"Job": "batch/v1", "CronJob": "batch/v1", "Pod": "v1", "ReplicationController": "v1"}
    body = workload(kind, "web", team.image("3.0.0"), namespace=site.namespace)
    prefix = "/api/v1" if groups.get(kind) == "v1" else f"/apis/{groups.get(kind, 'apps/v1')}"
    site.cluster.request("POST", f"{prefix}/namespaces/{site.namespace}/{kind.lower()}s", body)
    team.await_licensed(f"{kind.lower()}.web", SHORT)


def test_license_that_comes_later_makes_it_licensed_and_its_end_unlicensed(team):
    team.apply("Deployment", "web", "3.0.0")
    team.await_licensed("deployment.web", SHORT)
    first_seen = team.status("deployment.web")["firstSeen"]
    ends = int(time.time()) + 8
    team.license(">=2.0.0 <4.0.0", exp=ends)
    team.await_licensed("deployment.web", LICENSED)
    team.await_licensed("deployment.web", ("False", "LicenseExpired"))
    assert time.time() >= ends
    assert team.status("deployment.web")["firstSeen"] == first_seen
    eventually(
        lambda: (
            team.site.events("deployment.web")
            == [("Warning", "VersionNotCovered"), ("Normal", "Licensed"), ("Warning", "LicenseExpired")]
        )
    )


def test_workload_right_after_its_license_is_never_told_to_have_none(team):
    for number in range(4, 8):
        team.license(f">=2.0.0 <{number}.0.0")
        team.apply("Deployment", f"web-{number}", f"{number - 1}.0.0")
        eventually(lambda number=number: team.status(f"deployment.web-{number}"))
        assert team.licensed(f"deployment.web-{number}") == LICENSED


def test_what_needs_no_license_has_no_installation(team):
    team.site.put_in(workload("Deployment", "nginx", "nginx:1", namespace=team.site.namespace))
    team.apply("Deployment", "web", "2.4.1")
    eventually(lambda: team.installations() == ["deployment.web"])


def test_edited_workload_is_told_of_and_so_is_the_end_of_it(team):
    team.apply("Deployment", "web", "2.4.1")
    team.await_licensed("deployment.web", LICENSED)
    team.set_image("Deployment", "web", "3.0.0")
    team.await_licensed("deployment.web", SHORT)
    team.site.patch("Deployment", "web", {"spec": {"replicas": 0}})
    team.site.patch(
        "Deployment", "web", {"spec": {"template": {"spec": {"containers": [{"name": "c0", "image": "a"}]}}}}
    )
    eventually(lambda: team.installations() == [])
    team.set_image("Deployment", "web", "2.4.1")
    team.await_licensed("deployment.web", LICENSED)
    team.site.delete("Deployment", "web")
    eventually(lambda: team.installations() == [])


def test_pods_and_replica_sets_belong_to_their_deployment(team):
    team.apply("Deployment", "web", "2.4.1")
    team.site.patch("Deployment", "web", {"spec": {"replicas": 1}})
    (pod,) = eventually(lambda: team.site.all("Pod"))
    team.set_image("Pod", pod["metadata"]["name"], "3.0.0")
    eventually(lambda: team.tags("deployment.web") == ["2.4.1", "3.0.0"])
    assert team.licensed("deployment.web") == SHORT
    team.set_image("Deployment", "web", "2.5.0")  # no node runs the new Pod, so the old one stays
    eventually(lambda: team.tags("deployment.web") == ["2.5.0", "3.0.0"])
    eventually(lambda: len(team.site.all("ReplicaSet")) == 2)
    eventually(lambda: team.installations() == ["deployment.web"])


def test_debug_container_is_told_of(team):
    team.apply("Pod", "web", "2.4.1")
    team.await_licensed("pod.web", LICENSED)
    debug = {"name": "debug", "image": team.image("3.0.0"), "targetContainerName": "c0"}
    pod = team.site.get("Pod", "web")
    pod["spec"]["ephemeralContainers"] = [debug]
    path = f"/api/v1/namespaces/{team.site.namespace}/pods/web/ephemeralcontainers"
    team.site.cluster.request("PUT", path, pod)
    team.await_licensed("pod.web", SHORT)


def test_forged_owner_hides_nothing(team):
    nobody = {"uid": "none", "api_version": "forged.example/v1"}  # else the garbage collector would delete them
    team.apply("Pod", "web", "3.0.0", ownerReferences=[owner_reference("Rollout", "web", **nobody)])
    team.apply("Pod", "lost", "3.0.0", ownerReferences=[owner_reference("ReplicaSet", "none", **nobody)])
    eventually(lambda: len(team.installations()) == 2)
    lost, rollout = team.installations()
    assert lost == "replicaset.none"
    for name in (lost, rollout):
        team.await_licensed(name, SHORT)
    assert team.status(rollout)["source"] == {"kind": "Rollout", "name": "web"}


def test_application_of_argo_cd_is_one_installation(team):
    for name, tag in (("api", "2.4.1"), ("worker", "3.0.0")):
        tracking = f"argocd_shop:apps/Deployment:{team.site.namespace}/{name}"
        team.apply("Deployment", name, tag, annotations={"argocd.argoproj.io/tracking-id": tracking})
    copied = {"argocd.argoproj.io/tracking-id": f"argocd_shop:apps/Deployment:{team.site.namespace}/api"}
    team.apply("Deployment", "copy", "2.5.0", annotations=copied)
    eventually(lambda: len(team.installations()) == 2)
    application, copy = team.installations()
    assert copy == "deployment.copy"
    eventually(lambda: team.tags(application) == ["2.4.1", "3.0.0"])
    assert team.status(application)["source"] == {"kind": "Application", "name": "shop", "namespace": "argocd"}
    assert team.licensed(application) == SHORT


# -- releases ----------------------------------------------------------------------------------------------------------


def test_workloads_of_a_release_are_listed_with_it_and_so_is_what_was_edited(team):
    team.release("web")
    team.apply("Deployment", "api", "2.4.1", **of_release("web", team.site.namespace))
    eventually(lambda: team.tags("web") == ["2.4.1"])
    assert team.licensed("web") == LICENSED
    team.set_image("Deployment", "api", "3.0.0")
    team.await_licensed("web", SHORT)
    assert [chart["version"] for chart in team.status("web")["charts"]] == ["2.4.1"]
    eventually(lambda: team.installations() == ["web"])


def test_release_of_another_chart_with_protected_images_has_an_installation(team):
    namespace = team.site.namespace
    document = release_document("renamed", "1.0.0", name="web", namespace=namespace)
    team.site.cluster.request("POST", f"/api/v1/namespaces/{namespace}/secrets", release_secret(document))
    team.apply("Deployment", "api", "3.0.0", **of_release("web", namespace))
    team.await_licensed("web", SHORT)
    assert team.status("web")["source"] == {"kind": "Release", "name": "web"}


def test_release_that_flux_made_is_told_by_its_labels(team):
    team.release("shop-web")
    metadata = of_release("shop-web", team.site.namespace)
    metadata["labels"] |= {"helm.toolkit.fluxcd.io/name": "web", "helm.toolkit.fluxcd.io/namespace": "flux"}
    team.apply("Deployment", "api", "2.4.1", **metadata)
    expected = {"kind": "HelmRelease", "name": "web", "namespace": "flux"}
    eventually(lambda: team.status("shop-web")["source"] == expected)
    assert len(team.status("shop-web")["history"]) == 1


def test_release_that_is_recorded_in_another_namespace_is_one_installation_there(team):
    site, flux = team.site, team.site.make_namespace("flux")
    team.apply("Deployment", "api", "3.0.0", **of_release("web", site.namespace))
    team.await_licensed("deployment.api", SHORT)
    team.release("web", recorded_in=flux)
    eventually(lambda: site.condition("Installation", "web", "Licensed", namespace=flux) == SHORT)
    (image,) = site.get("Installation", "web", namespace=flux)["status"]["images"]
    assert (image["tag"], image["namespace"]) == ("3.0.0", site.namespace)
    eventually(lambda: team.installations() == [])
    site.patch("License", f"license-{site.id}", {"spec": {"allowedNamespaces": {"names": [flux]}}})
    eventually(lambda: site.condition("Installation", "web", "Licensed", namespace=flux) == ("False", "NoLicense"))


def test_workload_of_a_release_that_is_not_there_stands_alone_until_it_is(team):
    team.apply("Deployment", "api", "3.0.0", **of_release("web", team.site.namespace))
    team.await_licensed("deployment.api", SHORT)
    team.release("web")
    eventually(lambda: team.installations() == ["web"])
    team.await_licensed("web", SHORT)
    team.site.delete("Secret", "sh.helm.release.v1.web.v1", namespace=team.site.namespace)
    team.await_licensed("deployment.api", SHORT)
    eventually(lambda: team.installations() == ["deployment.api"])


def test_a_release_with_the_name_of_a_workloads_installation_takes_it_without_its_memory(team):
    chart = {"helm.sh/chart": f"{team.site.product}-2.4.1"}
    team.apply("Deployment", "web", "2.4.1", labels=chart)
    team.await_licensed("deployment.web", LICENSED)
    team.release("deployment.web", "3.0.0")
    team.await_licensed("deployment.web", SHORT)
    assert [entry["version"] for entry in team.status("deployment.web")["history"]] == ["3.0.0"]
    eventually(lambda: len(team.installations()) == 2)
    (other,) = set(team.installations()) - {"deployment.web"}
    eventually(lambda: team.licensed(other) == LICENSED)
    assert team.status(other)["source"] == {"kind": "Deployment", "name": "web"}
    team.site.delete("Secret", "sh.helm.release.v1.deployment.web.v1", namespace=team.site.namespace)
    eventually(lambda: team.installations() == ["deployment.web"])
    team.await_licensed("deployment.web", LICENSED)
    assert team.status("deployment.web")["source"] == {"kind": "Deployment", "name": "web"}


# -- changes of other things -------------------------------------------------------------------------------------------


def test_vendor_that_comes_later_finds_what_is_there_and_one_that_goes_leaves_nothing(site):
    team = Team(site)
    team.apply("Deployment", "web", "2.4.1")
    site.trust()
    team.await_licensed("deployment.web", ("False", "NoLicense"))
    site.patch("Vendor", site.vendor.name, {"spec": {"products": [{"name": site.product, "charts": ["another"]}]}})
    eventually(lambda: team.installations() == [])


def test_mirror_that_a_vendor_names_later_is_looked_at(team):
    site = team.site
    site.put_in(workload("Deployment", "web", f"harbor.bank/acme/{site.product}/api:3.0.0", namespace=site.namespace))
    mirrors = [{"source": "registry.example", "mirror": "harbor.bank/acme"}]
    site.patch("Vendor", site.vendor.name, {"spec": {"mirrors": mirrors}})
    team.await_licensed("deployment.web", SHORT)


def test_labels_of_the_namespace_count(team):
    site = team.site
    team.apply("Deployment", "web", "2.4.1")
    team.await_licensed("deployment.web", LICENSED)
    selector = {"selector": {"matchLabels": {"team": "pay"}}}
    site.patch("License", f"license-{site.id}", {"spec": {"allowedNamespaces": selector}})
    team.await_licensed("deployment.web", ("False", "NoLicense"))
    site.patch("Namespace", site.namespace, {"metadata": {"labels": {"team": "pay"}}})
    team.await_licensed("deployment.web", LICENSED)


def test_installation_that_is_deleted_is_made_again(team):
    team.apply("Deployment", "web", "3.0.0")
    team.await_licensed("deployment.web", SHORT)
    team.site.delete("Installation", "deployment.web")
    eventually(lambda: team.licensed("deployment.web") == SHORT)


def test_metric_tells_what_is_licensed(team, controller):
    team.apply("Deployment", "web", "3.0.0")
    team.await_licensed("deployment.web", SHORT)
    labels = (
        f'installation="deployment.web",kind="Deployment",namespace="{team.site.namespace}",'
        f'product="{team.site.product}",vendor="{team.site.vendor.name}"'
    )
    eventually(lambda: f"licet_installation_licensed{{{labels}}} 0.0" in metrics(controller))
    team.license(">=2.0.0 <4.0.0")
    team.await_licensed("deployment.web", LICENSED)
    eventually(lambda: f"licet_installation_licensed{{{labels}}} 1.0" in metrics(controller))
    team.site.delete("Deployment", "web")
    eventually(lambda: labels not in metrics(controller))


# -- faults ------------------------------------------------------------------------------------------------------------


def test_restart_writes_nothing_and_finds_what_has_changed_meanwhile(team, controller):
    team.release("shop")
    team.apply("Deployment", "api", "3.0.0", **of_release("shop", team.site.namespace))
    for name in ("stays", "goes", "changes"):
        team.apply("Deployment", name, "3.0.0", "2.4.1")
        team.await_licensed(f"deployment.{name}", SHORT)
    team.await_licensed("shop", SHORT)
    before = team.site.versions("Installation")
    controller.process.end()
    team.site.delete("Deployment", "goes")
    team.set_image("Deployment", "changes", "2.5.0")
    team.apply("Deployment", "comes", "3.0.0")
    controller.start()
    team.await_licensed("deployment.comes", SHORT)
    eventually(lambda: team.tags("deployment.changes") == ["2.4.1", "2.5.0"])
    eventually(lambda: "deployment.goes" not in team.installations())
    after = team.site.versions("Installation")
    for name in ("deployment.stays", "shop"):
        assert after["Installation", team.site.namespace, name] == before["Installation", team.site.namespace, name]


def test_status_of_a_workload_causes_no_work(team, controller):
    team.apply("Deployment", "web", "2.4.1")
    team.await_licensed("deployment.web", LICENSED)
    path = f"/apis/apps/v1/namespaces/{team.site.namespace}/deployments/web/status"
    worked = 'licet_reconcile_seconds_count{kind="installation",result="success"}'

    def count() -> str:
        return next(line for line in metrics(controller).splitlines() if line.startswith(worked))

    def at_rest() -> bool:
        earlier = count()
        time.sleep(2.5)  # longer than anything of other tests is looked at again
        return count() == earlier

    eventually(at_rest)
    with team.site.undisturbed_writes():
        before = count()
        for replicas in range(1, 6):
            team.site.cluster.request("PATCH", path, {"status": {"replicas": replicas}})
        team.site.entitlement()  # which is heard of after these
        team.site.await_state("Active")
    assert count() == before


def test_namespace_that_is_deleted_takes_its_installations_along(team, controller):
    team.apply("Deployment", "web", "3.0.0")
    team.await_licensed("deployment.web", SHORT)
    team.site.delete("Namespace", team.site.namespace)
    elsewhere = team.site.make_namespace("other")
    team.site.put_in(workload("Deployment", "web", team.image("3.0.0"), namespace=elsewhere))
    eventually(lambda: team.site.condition("Installation", "deployment.web", "Licensed", namespace=elsewhere) == SHORT)
    eventually(lambda: team.site.all("Installation") == [])
    lines = (*log_lines(controller, level="warning"), *log_lines(controller, level="error"))
    reconciling = [line["message"] for line in lines if line["logger"] == "licet.controller.queue"]
    assert not [message for message in reconciling if team.site.namespace in message]


def test_without_the_right_to_list_some_workloads_all_else_goes_on(team, controller):
    site = team.site
    team.apply("Deployment", "web", "3.0.0")
    team.apply("Pod", "web", "3.0.0")
    team.await_licensed("deployment.web", SHORT)
    team.await_licensed("pod.web", SHORT)
    role = site.get("ClusterRole", "licet-controller")
    rules = [rule for rule in role["rules"] if "apps" not in rule["apiGroups"]]
    controller.process.end()
    try:
        site.patch("ClusterRole", "licet-controller", {"rules": rules})
        eventually(lambda: not site.controller_may("list", "apps", "deployments"))
        controller.start()
        team.set_image("Pod", "web", "3.1.0")
        eventually(lambda: team.tags("pod.web") == ["3.1.0"])
        assert "deployment.web" in team.installations(), "what can't be seen is not taken to be gone"
        eventually(lambda: "deployments.apps" in (controller.problem() or ""))
        failed = "watch of deployments.apps failed"
        eventually(lambda: any(failed in line["message"] for line in log_lines(controller)))
        site.delete("Deployment", "web")
    finally:
        site.patch("ClusterRole", "licet-controller", {"rules": role["rules"]})
    eventually(lambda: team.installations() == ["pod.web"])
