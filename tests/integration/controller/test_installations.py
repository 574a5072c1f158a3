"""The inventory: which protected charts Helm releases have installed, by which license, and what ran before."""

import time

import pytest

from support.admission import release_config_map, release_secret
from support.controller_site import NAMESPACE, eventually, log_lines
from support.helm_releases import release_document


class Helm:
    """Writes releases of the vendor's chart in the way of Helm."""

    def __init__(self, site, release: str = "web", namespace: str | None = None, storage: str = "Secret") -> None:
        self.site = site
        self.release = release
        self.storage = storage
        self.namespace = namespace or site.namespace

    def revision(
        self, number: int, version: str, status: str = "deployed", *, chart: str | None = None, **document
    ) -> None:
        """Write a revision."""
        body = release_document(
            chart or self.site.product,
            version,
            name=self.release,
            namespace=self.namespace,
            revision=number,
            status=status,
            **document,
        )
        stored = (release_secret if self.storage == "Secret" else release_config_map)(body)
        plural = f"{self.storage.lower()}s"
        self.site.cluster.request("POST", f"/api/v1/namespaces/{self.namespace}/{plural}", stored)

    def mark(self, number: int, status: str) -> None:
        """Change the status of a revision."""
        patch = {"metadata": {"labels": {"status": status}}}
        self.site.patch(self.storage, self._object(number), patch, namespace=self.namespace)

    def prune(self, number: int) -> None:
        """Delete a revision."""
        self.site.delete(self.storage, self._object(number), namespace=self.namespace)

    def _object(self, number: int) -> str:
        return f"sh.helm.release.v1.{self.release}.v{number}"

    # -- what the inventory says of it ---------------------------------------------------------------------------------

    def status(self) -> dict:
        return self.site.get("Installation", self.release, namespace=self.namespace)["status"]

    def installed(self) -> list[str]:
        return [f"{chart['name']} {chart['version']}" for chart in self.status()["charts"]]

    def history(self) -> list[tuple[int, str, bool]]:
        return [(entry["revision"], entry["version"], entry["licensed"]) for entry in self.status()["history"]]

    def licensed(self) -> tuple[str, str]:
        return self.site.condition("Installation", self.release, "Licensed", namespace=self.namespace)


@pytest.fixture
def helm(site) -> Helm:
    """A vendor's license covers versions 2 of its chart."""
    site.trust()
    license_versions(site, ">=2.0.0 <3.0.0")
    eventually(lambda: site.condition("License", f"license-{site.id}", "Valid") == ("True", "Verified"))
    return Helm(site)


def license_versions(site, versions: str, **claims: object) -> None:
    charts = [{"name": site.product, "versions": versions}]
    site.sequence = getattr(site, "sequence", 0) + 1
    site.license(site.vendor.token(charts=charts, series="s", sequence=site.sequence, **claims))


def test_install_makes_an_installation(helm):
    site = helm.site
    began = int(time.time())
    helm.revision(1, "2.4.1")
    eventually(lambda: helm.installed() == [f"{site.product} 2.4.1"])
    assert helm.status()["charts"] == [
        {
            "name": site.product,
            "version": "2.4.1",
            "vendor": site.vendor.name,
            "product": site.product,
            "license": f"license-{site.id}",
        }
    ]
    assert helm.status()["source"] == {"kind": "Release", "name": "web"}
    assert helm.history() == [(1, "2.4.1", True)]
    assert helm.licensed() == ("True", "Licensed")
    assert time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began)) <= helm.status()["firstSeen"]
    assert "ownerReferences" not in site.get("Installation", "web")["metadata"]


def test_upgrade_shows_once_it_is_deployed(helm):
    product = helm.site.product
    helm.revision(1, "2.4.1")
    eventually(lambda: helm.installed() == [f"{product} 2.4.1"])
    first_seen = helm.status()["firstSeen"]
    helm.revision(2, "2.5.0", "pending-upgrade")
    eventually(lambda: helm.history() == [(1, "2.4.1", True), (2, "2.5.0", True)])
    assert helm.installed() == [f"{product} 2.4.1"]
    helm.mark(1, "superseded")
    helm.mark(2, "deployed")
    eventually(lambda: helm.installed() == [f"{product} 2.5.0"])
    assert helm.history() == [(1, "2.4.1", True), (2, "2.5.0", True)]
    assert helm.status()["firstSeen"] == first_seen


def test_release_in_config_maps_is_followed_from_install_to_uninstall(helm):
    release = Helm(helm.site, storage="ConfigMap")
    product = helm.site.product
    release.revision(1, "2.4.1")
    eventually(lambda: release.installed() == [f"{product} 2.4.1"])
    release.revision(2, "3.0.0")
    release.mark(1, "superseded")
    eventually(lambda: release.installed() == [f"{product} 3.0.0"])
    assert release.licensed() == ("False", "VersionNotCovered")
    assert release.history() == [(1, "2.4.1", True), (2, "3.0.0", False)]
    release.prune(1)
    release.prune(2)
    eventually(lambda: helm.site.find("Installation", "web") is None)


def test_release_in_both_storages_is_one_installation_of_all_that_runs(helm):
    product = helm.site.product
    moved = Helm(helm.site, storage="ConfigMap")
    helm.revision(1, "2.4.1")
    moved.revision(1, "2.5.0")
    eventually(lambda: helm.installed() == [f"{product} 2.4.1", f"{product} 2.5.0"])
    helm.prune(1)
    eventually(lambda: helm.installed() == [f"{product} 2.5.0"])
    assert helm.history() == [(1, "2.4.1", True), (1, "2.5.0", True)]


def test_failed_upgrade_leaves_what_ran(helm):
    helm.revision(1, "2.4.1")
    helm.revision(2, "2.5.0", "pending-upgrade")
    eventually(lambda: len(helm.history()) == 2)
    helm.mark(2, "failed")
    helm.revision(3, "2.4.1", "pending-rollback")
    eventually(lambda: helm.history() == [(2, "2.5.0", True), (3, "2.4.1", True)])
    assert helm.installed() == [f"{helm.site.product} 2.4.1"]


def test_uninstall_deletes_the_installation(helm):
    helm.revision(1, "2.4.1")
    eventually(helm.installed)
    helm.mark(1, "uninstalling")
    eventually(lambda: helm.installed() == [])
    helm.prune(1)
    eventually(lambda: helm.site.find("Installation", "web") is None)


def test_installation_stays_while_there_is_any_revision(helm):
    helm.revision(1, "2.4.1")
    eventually(lambda: helm.installed() == [f"{helm.site.product} 2.4.1"])
    helm.revision(2, "2.5.0")
    eventually(lambda: helm.installed() == [f"{helm.site.product} 2.5.0"])
    uid = helm.site.get("Installation", "web")["metadata"]["uid"]
    helm.prune(1)
    helm.revision(3, "2.6.0")
    eventually(lambda: helm.installed() == [f"{helm.site.product} 2.6.0"])
    assert helm.site.get("Installation", "web")["metadata"]["uid"] == uid
    assert helm.history() == [(1, "2.4.1", True), (2, "2.5.0", True), (3, "2.6.0", True)]


def test_uninstalled_release_that_keeps_its_history_keeps_its_memory(helm):
    helm.revision(1, "2.4.1")
    eventually(helm.installed)
    helm.mark(1, "uninstalled")
    eventually(lambda: helm.installed() == [])
    assert helm.history() == [(1, "2.4.1", True)]
    assert helm.licensed() == ("True", "NothingRuns")


def test_reinstalled_release_is_a_new_installation(helm):
    for _ in range(3):
        helm.revision(1, "2.4.1")
        eventually(lambda: helm.installed() == [f"{helm.site.product} 2.4.1"])
        helm.prune(1)
        helm.revision(1, "2.5.0")
        eventually(lambda: helm.installed() == [f"{helm.site.product} 2.5.0"])
        helm.prune(1)
        eventually(lambda: helm.site.find("Installation", "web") is None)


def test_release_without_a_protected_chart_makes_none(helm):
    helm.revision(1, "1.0.0", chart="nginx")
    other = Helm(helm.site, "marker")
    other.revision(1, "2.4.1")
    eventually(other.installed)
    assert helm.site.find("Installation", "web") is None


def test_what_came_in_past_the_gate_is_told(helm):
    helm.revision(1, "3.1.0")
    eventually(lambda: helm.licensed() == ("False", "VersionNotCovered"))
    assert helm.history() == [(1, "3.1.0", False)]
    assert "license" not in helm.status()["charts"][0]
    eventually(lambda: ("Warning", "VersionNotCovered") in helm.site.events("web"))


def test_version_that_was_not_licensed_when_first_seen_is_no_memory_even_when_licensed_later(helm):
    helm.revision(1, "3.1.0")
    eventually(lambda: helm.licensed() == ("False", "VersionNotCovered"))
    license_versions(helm.site, ">=2.0.0 <4.0.0")
    eventually(lambda: helm.licensed() == ("True", "Licensed"))
    assert helm.history() == [(1, "3.1.0", False)]
    helm.revision(2, "3.1.0")  # deployed again, with the license
    eventually(lambda: helm.history() == [(2, "3.1.0", True)])


def test_end_of_the_license_is_told_and_takes_no_memory(helm):
    ends = int(time.time()) + 8
    license_versions(helm.site, ">=2.0.0 <3.0.0", exp=ends)
    helm.revision(1, "2.4.1")
    eventually(lambda: helm.licensed() == ("True", "Licensed"))
    eventually(lambda: helm.licensed() == ("False", "LicenseExpired"))
    assert time.time() >= ends
    assert helm.history() == [(1, "2.4.1", True)]
    assert helm.installed() == [f"{helm.site.product} 2.4.1"]
    eventually(lambda: ("Warning", "LicenseExpired") in helm.site.events("web"))
    helm.revision(2, "2.4.1")  # deployed again, which the gate allows
    eventually(lambda: helm.history() == [(2, "2.4.1", True)])


def test_install_right_after_the_license_is_remembered_as_licensed(helm):
    for number in range(1, 6):
        release = Helm(helm.site, f"web-{number}")
        license_versions(helm.site, f"{number + 2}.x")
        release.revision(1, f"{number + 2}.0.0")
        eventually(release.history)
        assert release.history() == [(1, f"{number + 2}.0.0", True)]


def test_install_right_after_a_license_in_a_secret_is_remembered_as_licensed(helm):
    site = helm.site
    for number in range(1, 4):
        release = Helm(site, f"web-{number}")
        token = site.vendor.token(charts=[{"name": site.product, "versions": f"{number + 10}.x"}])
        site.license_from(site.token_secret(token, name=f"token-{number}"), name=f"license-{number}")
        release.revision(1, f"{number + 10}.0.0")
        eventually(release.history)
        assert release.history() == [(1, f"{number + 10}.0.0", True)]


def test_install_into_a_new_namespace_is_judged_by_its_labels(helm):
    site = helm.site
    site.patch(
        "License", f"license-{site.id}", {"spec": {"allowedNamespaces": {"selector": {"matchLabels": {"team": "pay"}}}}}
    )
    for number in range(3):
        namespace = site.make_namespace(f"new-{number}", team="pay")
        release = Helm(site, namespace=namespace)
        release.revision(1, "2.4.1")
        eventually(release.history)
        assert release.history() == [(1, "2.4.1", True)]


def test_vendor_that_comes_later_finds_what_is_installed(site):
    helm = Helm(site)
    helm.revision(1, "2.4.1")
    site.trust()
    eventually(lambda: helm.licensed() == ("False", "NoLicense"))
    assert helm.installed() == [f"{site.product} 2.4.1"]
    site.patch(
        "Vendor", site.vendor.name, {"spec": {"products": [{"name": site.product, "charts": ["another-chart"]}]}}
    )
    eventually(lambda: helm.licensed() == ("True", "NothingRuns"))
    assert helm.history() == [(1, "2.4.1", False)]


def test_protected_chart_inside_of_another_is_listed(helm):
    dependency = {"name": helm.site.product, "version": "2.4.1", "repository": "", "enabled": True}
    helm.revision(1, "1.0.0", chart="umbrella", dependencies=[dependency])
    eventually(lambda: helm.installed() == [f"{helm.site.product} 2.4.1"])


def test_controller_that_was_down_learns_what_has_changed(helm, controller):
    site = helm.site
    names = ("stays", "goes", "changes", "comes")
    releases = {name: Helm(site, name) for name in names}
    for name in names[:3]:
        releases[name].revision(1, "2.4.1")
        eventually(releases[name].installed)
    before = site.versions("Installation")
    controller.process.end()
    releases["goes"].prune(1)
    releases["changes"].mark(1, "superseded")
    releases["changes"].revision(2, "2.5.0", "superseded")
    releases["changes"].revision(3, "2.5.1")
    releases["comes"].revision(1, "2.6.0")
    controller.start()
    eventually(lambda: releases["comes"].installed() == [f"{site.product} 2.6.0"])
    eventually(lambda: releases["changes"].installed() == [f"{site.product} 2.5.1"])
    assert releases["changes"].history() == [(1, "2.4.1", True), (2, "2.5.0", True), (3, "2.5.1", True)]
    eventually(lambda: site.find("Installation", "goes") is None)
    stays = ("Installation", site.namespace, "stays")
    assert site.versions("Installation")[stays] == before[stays]


def test_installation_that_is_deleted_is_made_again(helm):
    helm.revision(1, "2.4.1")
    eventually(helm.installed)
    helm.site.delete("Installation", "web")
    eventually(lambda: helm.installed() == [f"{helm.site.product} 2.4.1"])


BROKEN = {
    "base64 of nothing": {"data": {"release": "AAAA"}},
    "no payload": {"data": {}},
    "no data": {"data": None},
    "base64 of something else": {"data": {"release": "bm90IGEgcmVsZWFzZQ=="}},
}


@pytest.mark.parametrize("change", BROKEN.values(), ids=BROKEN)
def test_release_that_cannot_be_read_harms_no_other(helm, controller, change):
    body = release_document(helm.site.product, "2.4.1", name="broken", namespace=helm.site.namespace)
    secret = {**release_secret(body), **change}
    helm.site.cluster.request("POST", f"/api/v1/namespaces/{helm.site.namespace}/secrets", secret)
    helm.revision(1, "2.4.1")
    eventually(helm.installed)
    told = f"release {helm.site.namespace}/broken, revision 1, can't be read"
    eventually(lambda: any(told in line["message"] for line in log_lines(controller, level="warning")))


LABELS = {
    "no number": {"version": "one"},
    "number too large": {"version": "9" * 30},
    "number zero": {"version": "0"},
    "name that is none": {"name": "Web_1"},
    "no owner": {"owner": ""},
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_secret_that_helm_did_not_make_is_left_out(helm, labels):
    body = release_document(helm.site.product, "2.4.1", name="odd", namespace=helm.site.namespace)
    secret = release_secret(body)
    secret["metadata"]["labels"] |= labels
    helm.site.cluster.request("POST", f"/api/v1/namespaces/{helm.site.namespace}/secrets", secret)
    helm.revision(1, "2.4.1")
    eventually(helm.installed)
    assert [each["metadata"]["name"] for each in helm.site.all("Installation")] == ["web"]


def test_version_that_is_none_is_listed_and_not_remembered_as_licensed(helm):
    helm.revision(1, "not-a-version")
    eventually(lambda: helm.licensed() == ("False", "VersionUnknown"))
    assert helm.history() == [(1, "not-a-version", False)]


def test_release_in_the_namespace_of_the_operator_is_listed(helm):
    release = Helm(helm.site, f"web-{helm.site.id}", namespace=NAMESPACE)
    release.revision(1, "2.4.1")
    eventually(lambda: release.installed() == [f"{helm.site.product} 2.4.1"])
    release.prune(1)
    eventually(lambda: helm.site.find("Installation", release.release, namespace=NAMESPACE) is None)


def test_without_inventory_no_release_is_read(helm, plane, controller):
    from dataclasses import replace  # the component is the same, but for its arguments

    helm.revision(1, "2.4.1")
    eventually(helm.installed)
    before = helm.site.versions("Installation")
    controller.process.end()
    without = replace(controller, arguments=(*controller.arguments, "--no-inventory"))
    try:
        without.start()
        eventually(lambda: without.problem() is None)
        helm.revision(2, "2.5.0")
        helm.site.entitlement()
        helm.site.await_state("Active")
        assert helm.site.versions("Installation") == before
    finally:
        without.process.end()
