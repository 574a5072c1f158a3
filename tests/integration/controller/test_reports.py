"""Policy reports: what the inventory finds, in the kinds that other tools have for it."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from controlplane import ApiError
from support.admission import release_secret
from support.controller_site import Site, eventually, log_lines
from support.helm_releases import release_document

CRDS: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
FILES: Final = {
    "policyreports": "wgpolicyk8s.io_policyreports.yaml",
    "reports": "openreports.io_reports.yaml",
}
GROUPS: Final = {"policyreports": "/apis/wgpolicyk8s.io/v1alpha2", "reports": "/apis/openreports.io/v1alpha1"}

Json = dict[str, Any]


class Reports:
    """What a test sees and does of the two kinds of reports."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def serve(self, kind: str) -> None:
        """Install a kind, as it is published."""
        definition = yaml.safe_load((Path(__file__).parent / "crds" / FILES[kind]).read_text())
        self.site.cluster.request("POST", f"{CRDS}?fieldValidation=Strict", definition)

    def withdraw(self, kind: str) -> None:
        """Uninstall a kind, with all its objects."""
        path = f"{CRDS}/{kind}.{GROUPS[kind].split('/')[2]}"
        if self._get(path) is not None:
            self.site.cluster.request("DELETE", path)
            eventually(lambda: self._get(path) is None)

    def path(self, kind: str, name: str = "/licet") -> str:
        return f"{GROUPS[kind]}/namespaces/{self.site.namespace}/{kind}{name}"

    def get(self, kind: str) -> Json | None:
        return self._get(self.path(kind))

    def results(self, kind: str = "policyreports") -> list[tuple[str, str, str]]:
        """Result, rule and Installation of each."""
        report = self.get(kind)
        assert report is not None
        return [(each["result"], each["rule"], each["resources"][0]["name"]) for each in report["results"]]

    def install(self, version: str, release: str = "web") -> None:
        """Install the vendor's chart, as Helm does."""
        document = release_document(
            self.site.product, version, name=release, namespace=self.site.namespace, revision=1, status="deployed"
        )
        self.site.cluster.request("POST", f"/api/v1/namespaces/{self.site.namespace}/secrets", release_secret(document))

    def uninstall(self, release: str = "web") -> None:
        self.site.delete("Secret", f"sh.helm.release.v1.{release}.v1")

    def license(self, versions: str) -> None:
        self.site.license(self.site.vendor.token(charts=[{"name": self.site.product, "versions": versions}]))

    def _get(self, path: str) -> Json | None:
        try:
            return self.site.cluster.request("GET", path)
        except ApiError as error:
            if error.status != 404:
                raise
            return None


@pytest.fixture
def reports(site: Site) -> Iterator[Reports]:
    """A release that came in without a license, and no kind of reports yet."""
    site.trust()
    made = Reports(site)
    made.install("2.4.1")
    eventually(lambda: site.condition("Installation", "web", "Licensed") == ("False", "NoLicense"))
    yield made
    for kind in FILES:
        made.withdraw(kind)


def test_kind_that_is_installed_later_gets_reports_and_gives_way_to_the_preferred_one(reports: Reports) -> None:
    reports.serve("policyreports")
    eventually(lambda: reports.results() == [("fail", "NoLicense", "web")])
    reports.serve("reports")
    eventually(lambda: reports.results("reports") == [("fail", "NoLicense", "web")])
    eventually(lambda: reports.get("policyreports") is None)
    assert reports.get("reports")["source"] == "licet"
    reports.withdraw("reports")
    eventually(lambda: reports.results() == [("fail", "NoLicense", "web")])


def test_report_follows_licenses_enforcement_and_installations(reports: Reports) -> None:
    site = reports.site
    reports.serve("policyreports")
    eventually(lambda: reports.results() == [("fail", "NoLicense", "web")])
    site.trust(enforcement="Warn")
    eventually(lambda: reports.results() == [("warn", "NoLicense", "web")])
    reports.license("2.x")
    eventually(lambda: reports.results() == [("pass", "Licensed", "web")])
    reports.install("3.1.0", release="api")
    eventually(lambda: reports.results() == [("warn", "VersionNotCovered", "api"), ("pass", "Licensed", "web")])
    assert reports.get("policyreports")["summary"] == {"pass": 1, "fail": 0, "warn": 1, "error": 0, "skip": 0}
    reports.uninstall("api")
    eventually(lambda: reports.results() == [("pass", "Licensed", "web")])
    reports.uninstall()
    eventually(lambda: reports.get("policyreports") is None)


def test_report_that_others_have_changed_or_deleted_is_put_right(reports: Reports) -> None:
    site = reports.site
    reports.serve("reports")
    eventually(lambda: reports.results("reports") == [("fail", "NoLicense", "web")])
    scope = {"apiVersion": "v1", "kind": "Namespace", "name": site.namespace}
    for change in ({"results": []}, {"summary": {"fail": 0}}, {"scope": scope}, {"source": "other"}):
        before = reports.get("reports")
        site.cluster.request("PATCH", reports.path("reports"), {**change, "metadata": {"labels": {"team": "pay"}}})
        eventually(lambda before=before: contents(reports.get("reports")) == contents(before))
    assert reports.get("reports")["metadata"]["labels"]["team"] == "pay"
    site.cluster.request("DELETE", reports.path("reports"))
    eventually(lambda: reports.results("reports") == [("fail", "NoLicense", "web")])


def contents(report: Json | None) -> Json:
    assert report is not None
    return {name: value for name, value in report.items() if name != "metadata"}


def test_reports_of_others_are_never_touched(reports: Reports, controller) -> None:
    site = reports.site
    reports.serve("policyreports")
    eventually(lambda: reports.results())
    site.cluster.request("DELETE", reports.path("policyreports"))
    foreign = {
        "apiVersion": "wgpolicyk8s.io/v1alpha2",
        "kind": "PolicyReport",
        "metadata": {"name": "polr-kyverno", "labels": {"app.kubernetes.io/managed-by": "kyverno"}},
        "results": [],
    }
    made = site.cluster.request("POST", reports.path("policyreports", ""), foreign)
    namespace = site.make_namespace("taken")
    path = f"{GROUPS['policyreports']}/namespaces/{namespace}/policyreports"
    taken = site.cluster.request("POST", path, {**foreign, "metadata": {"name": "licet"}})
    document = release_document(site.product, "2.4.1", name="web", namespace=namespace, revision=1, status="deployed")
    site.cluster.request("POST", f"/api/v1/namespaces/{namespace}/secrets", release_secret(document))
    eventually(
        lambda: any(f"{namespace}/licet is somebody else's" in line["message"] for line in log_lines(controller))
    )
    eventually(lambda: reports.results() == [("fail", "NoLicense", "web")])
    reports.uninstall()
    eventually(lambda: reports.get("policyreports") is None)
    assert site.cluster.request("GET", reports.path("policyreports", "/polr-kyverno")) == made
    assert site.cluster.request("GET", f"{path}/licet") == taken


def test_nothing_is_written_when_nothing_has_changed_not_even_at_a_restart(reports: Reports, controller) -> None:
    site = reports.site
    reports.serve("policyreports")
    eventually(lambda: reports.results() == [("fail", "NoLicense", "web")])
    version = reports.get("policyreports")["metadata"]["resourceVersion"]
    site.patch("Installation", "web", {"metadata": {"labels": {"a": "b"}}})
    controller.restart()
    eventually(lambda: controller.problem() is None)
    reports.install("2.5.0", release="other")  # by its report is seen that all was looked at
    eventually(lambda: len(reports.results()) == 2)
    reports.uninstall("other")
    eventually(lambda: len(reports.results()) == 1)
    time.sleep(1)
    assert int(reports.get("policyreports")["metadata"]["generation"]) == 3  # made, and changed for the other release
    assert int(reports.get("policyreports")["metadata"]["resourceVersion"]) > int(version)


def test_switched_off_nothing_is_reported(reports: Reports, controller) -> None:
    from dataclasses import replace  # the component is the same, but for its arguments

    controller.process.end()
    without = replace(controller, arguments=(*controller.arguments, "--no-policy-reports"))
    try:
        without.start()
        eventually(lambda: without.problem() is None)
        reports.serve("policyreports")
        reports.license("2.x")
        eventually(lambda: reports.site.condition("Installation", "web", "Licensed") == ("True", "Licensed"))
        assert reports.get("policyreports") is None
    finally:
        without.process.end()
