"""The commands that ask a cluster, on a real API server."""

import base64
import csv
import io
import json
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from controlplane import ApiError, Cluster
from licet.cluster.records import KeptToken, SecretRef
from licet.core.licenses import assess
from licet.core.memory import Memory
from licet.core.parameters import vendor_parameters
from licet.core.timestamps import format_instant
from licet.core.vendors import VendorRegistry
from licet.core.workloads import PastWorkloads
from licet.resources import WorkloadPolicy
from support.admission import release_config_map, release_secret
from support.command_line import Answer, licet
from support.gate_process import apply, install, kubectl, until
from support.helm_releases import release_document
from support.vendor_simulator import DAY, VendorSimulator
from support.workload_policies import POLICIES

API = "/apis/licet.dev/v1alpha1"
COVERED = ">=2.0.0 <3.0.0"


@dataclass
class Site:
    """A cluster with licet's kinds, an operator's namespace and a team's, and a vendor of the test's own."""

    cluster: Cluster
    vendor: VendorSimulator
    operator: str
    team: str

    def ask(self, *arguments: object, kubeconfig: Path | None = None, stdin: str = "") -> Answer:
        return licet(*arguments, "--kubeconfig", kubeconfig or self.cluster.kubeconfig, stdin=stdin)

    def check(self, version: str, *arguments: object, kubeconfig: Path | None = None) -> Answer:
        place = ("-n", self.team, "--operator-namespace", self.operator)
        return self.ask("check", self.vendor.product, version, *place, *arguments, kubeconfig=kubeconfig)

    def explain(self, release: str, *arguments: object, kubeconfig: Path | None = None) -> Answer:
        place = ("-n", self.team, "--operator-namespace", self.operator)
        return self.ask("explain", "release", release, *place, *arguments, kubeconfig=kubeconfig)

    def apply_license(self, name: str | None = None, *, spec: dict[str, Any] | None = None, **claims: object) -> str:
        """For versions 2 of the vendor's chart, unless the claims say otherwise; gives its name."""
        name = name or f"{self.vendor.name}-prod"
        charts = [{"name": self.vendor.product, "versions": COVERED}]
        token = self.vendor.token(**{"charts": charts, "plan": "pro", **claims})
        apply(self.cluster, self.vendor.license_manifest(name, token, **(spec or {})))
        return name

    def write_memory(self, memory: Memory) -> None:
        metadata = {"name": "licet-memory", "namespace": self.operator}
        data = {"memory.json": memory.dump()}
        apply(self.cluster, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})

    def read_memory(self) -> Memory:
        path = f"/api/v1/namespaces/{self.operator}/configmaps/licet-memory"
        return Memory.load(self.cluster.request("GET", path)["data"]["memory.json"])

    def set_status(self, path: str, kind: str, name: str, status: dict[str, Any]) -> None:
        current = self.cluster.request("GET", f"{API}{path}/{name}")
        self.cluster.request("PUT", f"{API}{path}/{name}/status", {**current, "status": status})

    def write_installation(self, release: str, **status: Any) -> None:
        path = f"/namespaces/{self.team}/installations"
        body = {"apiVersion": "licet.dev/v1alpha1", "kind": "Installation", "metadata": {"name": release}}
        self.cluster.request("POST", f"{API}{path}", body)
        self.set_status(path, "Installation", release, {"source": {"kind": "Release", "name": release}, **status})

    def write_release(self, release: str, version: str, **changes: Any) -> None:
        document = release_document(
            self.vendor.product, version, name=release, namespace=self.team, status="deployed", **changes
        )
        self.cluster.request("POST", f"/api/v1/namespaces/{self.team}/secrets", release_secret(document))

    def account(self, name: str, tmp_path: Path, *rules: dict[str, Any]) -> Path:
        """Somebody with these rights in the whole cluster."""
        unique = f"{name}-{secrets.token_hex(4)}"
        subject = {"kind": "ServiceAccount", "name": unique, "namespace": self.team}
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": unique}
        rbac = "rbac.authorization.k8s.io/v1"
        apply(
            self.cluster,
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": unique, "namespace": self.team}},
            {"apiVersion": rbac, "kind": "ClusterRole", "metadata": {"name": unique}, "rules": list(rules)},
            {
                "apiVersion": rbac,
                "kind": "ClusterRoleBinding",
                "metadata": {"name": unique},
                "subjects": [subject],
                "roleRef": reference,
            },
        )
        user = f"system:serviceaccount:{self.team}:{unique}"
        until(lambda: all(self._may(user, rule) for rule in rules))
        return self.cluster.service_account_kubeconfig(self.team, unique, tmp_path / f"{unique}.kubeconfig")

    def _may(self, user: str, rule: dict[str, Any]) -> bool:
        """Whether the API server has heard of a right."""
        asked = {"group": rule["apiGroups"][-1], "resource": rule["resources"][-1], "verb": rule["verbs"][-1]}
        return self.cluster.allows(user, **asked)


@pytest.fixture(scope="module")
def cluster(control_plane: Cluster) -> Cluster:
    install(control_plane)
    return control_plane


@pytest.fixture
def site(cluster: Cluster, namespace: str) -> Iterator[Site]:
    name = f"cli-{secrets.token_hex(4)}"
    operator = f"{namespace}-system"
    vendor = VendorSimulator(int(time.time()), name=name, product=f"{name}-platform")
    cluster.request("POST", "/api/v1/namespaces", {"metadata": {"name": operator}})
    apply(cluster, vendor.vendor_manifest())
    yield Site(cluster, vendor, operator, namespace)
    cluster.request("DELETE", f"{API}/vendors/{name}")
    for license_ in cluster.request("GET", f"{API}/licenses")["items"]:
        if license_["metadata"]["name"].startswith(name):
            cluster.request("DELETE", f"{API}/licenses/{license_['metadata']['name']}")
    cluster.request("DELETE", f"/api/v1/namespaces/{operator}")


def test_check_gives_the_verdict_of_the_clusters_licenses(site: Site) -> None:
    assert site.check("2.4.1").code == 1
    name = site.apply_license()
    assert site.check("2.4.1").code == 0
    answer = site.check("3.1.0", "-o", "json")
    assert answer.code == 1
    assert f"license {name} (plan pro) covers {COVERED}" in answer.document["message"]


def test_check_reads_tokens_from_the_secrets_that_licenses_refer_to(site: Site) -> None:
    reference = {"name": "token", "key": "license.jwt"}
    name = f"{site.vendor.name}-prod"
    manifest = site.vendor.license_manifest(name, "")
    manifest["spec"] = {"tokenFrom": {"secretKeyRef": reference}}
    apply(site.cluster, manifest)
    assert site.check("2.4.1").code == 1
    metadata = {"name": "token", "namespace": site.operator}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"license.jwt": ""}}
    apply(site.cluster, {**secret, "stringData": {"license.jwt": site.vendor.token()}})
    assert site.check("2.4.1").code == 0


def test_tokens_that_the_controller_keeps_stand_in_for_secrets_that_are_gone(site: Site) -> None:
    name = f"{site.vendor.name}-prod"
    manifest = site.vendor.license_manifest(name, "")
    manifest["spec"] = {"tokenFrom": {"secretKeyRef": {"name": "gone", "key": "license.jwt"}}}
    apply(site.cluster, manifest)
    uid = site.cluster.request("GET", f"{API}/licenses/{name}")["metadata"]["uid"]
    kept = KeptToken(uid, SecretRef("gone", "license.jwt"), site.vendor.token()).dump()
    metadata = {"name": "licet-tokens", "namespace": site.operator}
    data = {name: base64.b64encode(kept).decode()}
    apply(site.cluster, {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data})
    assert site.check("2.4.1").code == 0


def test_check_judges_by_what_the_cluster_remembers(site: Site) -> None:
    site.apply_license(series="sub_1", sequence=1)
    assert site.check("2.4.1").code == 0
    newer = {(site.vendor.issuer, "cust_42", "sub_1"): (2, site.vendor.now, "lic_newer")}
    site.write_memory(Memory(highest=newer))
    assert site.check("2.4.1").code == 1
    site.write_memory(Memory(marks={site.vendor.issuer: site.vendor.now + 400 * DAY}))
    answer = site.check("2.4.1")
    assert answer.code == 1
    assert "denied (LicenseExpired)" in answer.out
    assert f"note: the cluster has seen {format_instant(site.vendor.now + 400 * DAY)}" in answer.out


def test_check_lets_in_again_what_the_release_runs(site: Site) -> None:
    chart = {"name": site.vendor.product, "version": "1.0.0", "vendor": site.vendor.name, "product": "x"}
    site.write_installation("web", charts=[chart])
    assert site.check("1.0.0", "--release", "other").code == 1
    answer = site.check("1.0.0", "--release", "web")
    assert answer.code == 0
    assert answer.out.startswith("allowed (RunsHere): ")


def test_check_reads_the_labels_of_the_namespace(site: Site) -> None:
    site.apply_license(spec={"allowedNamespaces": {"selector": {"matchLabels": {"team": "pay"}}}})
    assert site.check("2.4.1").code == 1
    site.cluster.request("PATCH", f"/api/v1/namespaces/{site.team}", {"metadata": {"labels": {"team": "pay"}}})
    assert site.check("2.4.1").code == 0


def test_namespace_that_helm_is_to_create_has_the_label_of_its_name(site: Site) -> None:
    new = f"{site.team}-new"
    site.apply_license(spec={"allowedNamespaces": {"selector": {"matchLabels": {"kubernetes.io/metadata.name": new}}}})
    assert site.check("2.4.1", "-n", new).code == 0
    assert site.check("2.4.1", "-n", f"{new}er").code == 1


def test_who_may_not_read_is_told_what_is_missing(site: Site, tmp_path: Path) -> None:
    nobody = site.account("nobody", tmp_path)
    answer = site.check("2.4.1", kubeconfig=nobody)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("licet: the cluster does not let you do this: ")
    assert "is forbidden: User" in answer.err


def test_cluster_that_does_not_answer_gives_no_answer(site: Site, tmp_path: Path) -> None:
    config = json.loads(site.cluster.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    (tmp_path / "config").write_text(json.dumps(config))
    answer = site.check("2.4.1", kubeconfig=tmp_path / "config")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("licet: the cluster does not answer: ")
    assert site.check("2.4.1", "--context", "other").code == 2


def test_status_shows_the_columns_of_kubectl_and_what_is_wrong(site: Site) -> None:
    name = site.apply_license()
    message = "expired yesterday. Apply a renewed license"
    condition = {"type": "Valid", "status": "False", "reason": "Expired", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    status = {
        "vendor": site.vendor.name,
        "customer": "Globex",
        "conditions": [{**condition, "message": message}, {**condition, "type": "Ready", "message": message}],
    }
    site.set_status("/licenses", "License", name, status)
    answer = site.ask("status")
    assert answer.code == 0
    (row,) = (line for line in answer.out.splitlines() if line.startswith(name))
    shown = kubectl(site.cluster, "get", "license", name).stdout.splitlines()[1]
    assert row.split() == shown.split()[:-1]  # less the age
    assert answer.out.count(message) == 1
    assert f"License {name} (Expired): {message}" in answer.out
    assert f"Vendor {site.vendor.name} (NoStatus): the controller has not looked at it yet" in answer.out


def test_status_for_programs_has_everything_but_tokens(site: Site) -> None:
    name = site.apply_license()
    answer = site.ask("status", "-o", "json")
    (license_,) = (each for each in answer.document["licenses"] if each["name"] == name)
    assert "token" not in license_.get("spec", {})
    assert "eyJ" not in answer.out
    problems = [each for each in answer.document["problems"] if each["name"] == name]
    assert problems == [
        {
            "kind": "License",
            "name": name,
            "reason": "NoStatus",
            "message": "the controller has not looked at it yet; is it running?",
        }
    ]


def test_status_of_a_namespace_leaves_out_those_of_others(site: Site) -> None:
    site.write_installation("web")
    assert [each["name"] for each in site.ask("status", "-n", site.team, "-o", "json").document["installations"]] == [
        "web"
    ]
    assert site.ask("status", "-n", site.operator, "-o", "json").document["installations"] == []


def test_status_shows_what_the_caller_may_list(site: Site, tmp_path: Path) -> None:
    rule = {"apiGroups": ["licet.dev"], "resources": ["licenses"], "verbs": ["list"]}
    reader = site.account("reader", tmp_path, rule)
    answer = site.ask("status", "-o", "json", kubeconfig=reader)
    assert answer.code == 0
    assert set(answer.document) == {"licenses", "problems"}
    assert answer.err.count("licet: the cluster does not let you do this: ") == 4
    nobody = site.account("nobody", tmp_path)
    answer = site.ask("status", kubeconfig=nobody)
    assert (answer.code, answer.out) == (2, "")
    assert "the cluster lets you list nothing of licet" in answer.err


def test_explain_tells_what_covers_a_release_and_what_would_be_let_in(site: Site) -> None:
    name = site.apply_license(gracePeriod="P1D")
    site.write_release("web", "2.4.1", revision=2)
    history = {"chart": site.vendor.product, "revision": 1, "licensed": True}
    site.write_installation("web", history=[{**history, "version": "1.9.0"}])
    answer = site.explain("web")
    assert answer.code == 0
    assert answer.out.startswith(f"Release web in namespace {site.team}, revision 2 (deployed)\n")
    rows = [line.split() for line in answer.out.splitlines()]
    assert [site.vendor.product, "2.4.1", site.vendor.product, "yes", "Licensed", name] in rows
    assert ["1", site.vendor.product, "1.9.0", "yes"] in rows
    until = format_instant(site.vendor.now + 366 * DAY)
    assert [name, "pro", site.vendor.product, *COVERED.split(), until] in rows
    document = site.explain("web", "-o", "json").document
    assert document["covered"][0]["versions"] == COVERED
    assert document["history"][0]["version"] == "1.9.0"


def test_explain_says_why_what_runs_is_not_licensed(site: Site) -> None:
    site.apply_license()
    site.write_release("web", "3.1.0")
    answer = site.explain("web", "-o", "json")
    assert answer.code == 0
    (chart,) = answer.document["charts"]
    assert (chart["result"], chart["reason"]) == ("denied", "VersionNotCovered")
    assert f"covers {COVERED}" in chart["explanation"]


def test_explain_goes_by_the_inventory_where_the_release_may_not_be_read(site: Site, tmp_path: Path) -> None:
    site.apply_license()
    site.write_release("web", "2.4.1")
    chart = {"name": site.vendor.product, "version": "2.4.1", "vendor": site.vendor.name}
    site.write_installation("web", charts=[{**chart, "product": site.vendor.product}])
    everything = {"apiGroups": ["licet.dev"], "resources": ["*"], "verbs": ["get", "list"]}
    cluster = {"apiGroups": [""], "resources": ["namespaces", "configmaps"], "verbs": ["get"]}
    auditor = site.account("auditor", tmp_path, everything, cluster)
    answer = site.explain("web", kubeconfig=auditor)
    assert answer.code == 0
    assert "yes        Licensed" in answer.out
    assert "note: what the inventory has is shown: the cluster does not let you" in answer.out


def test_release_in_a_config_map_is_explained_like_one_in_a_secret(site: Site) -> None:
    site.apply_license()
    document = release_document(
        site.vendor.product, "2.4.1", name="web", namespace=site.team, revision=3, status="deployed"
    )
    site.cluster.request("POST", f"/api/v1/namespaces/{site.team}/configmaps", release_config_map(document))
    answer = site.explain("web")
    assert answer.code == 0
    assert f"Release web in namespace {site.team}, revision 3 (deployed, in a ConfigMap)\n" in answer.out
    assert "yes        Licensed" in answer.out


def test_release_that_is_not_there_can_not_be_explained(site: Site) -> None:
    answer = site.explain("missing")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == f"licet: there is no Helm release 'missing' in namespace '{site.team}'\n"


def test_release_without_a_protected_chart_needs_no_license(site: Site) -> None:
    document = release_document("nginx", "1.0.0", name="web", namespace=site.team, status="deployed")
    site.cluster.request("POST", f"/api/v1/namespaces/{site.team}/secrets", release_secret(document))
    answer = site.explain("web")
    assert answer.code == 0
    assert "Nothing in it needs a license." in answer.out


def reset(site: Site, *arguments: str, stdin: str = "") -> Answer:
    return site.ask("clock", "reset", "--operator-namespace", site.operator, *arguments, stdin=stdin)


def test_clock_reset_forgets_times_and_keeps_sequences(site: Site) -> None:
    highest = {(site.vendor.issuer, "cust_42", "sub_1"): (2, site.vendor.now, "lic_2")}
    site.write_memory(Memory(marks={site.vendor.issuer: site.vendor.now + DAY}, highest=highest))
    answer = reset(site, "--yes")
    assert answer.code == 0
    assert format_instant(site.vendor.now + DAY) in answer.out
    memory = site.read_memory()
    assert memory.now(site.vendor.issuer, 0) == 0
    assert memory.highest == highest


def test_clock_reset_leaves_an_event(site: Site) -> None:
    site.write_memory(Memory(marks={site.vendor.issuer: site.vendor.now + DAY}))
    assert reset(site, "--yes").code == 0
    (event,) = site.cluster.request("GET", f"/api/v1/namespaces/{site.operator}/events")["items"]
    assert event["reason"] == "ClockReset"
    assert event["involvedObject"]["name"] == "licet-memory"
    assert format_instant(site.vendor.now + DAY) in event["message"]


@pytest.mark.parametrize(("said", "code", "forgotten"), [("y\n", 0, True), ("n\n", 1, False), ("", 130, False)])
def test_clock_reset_asks_first(said: str, code: int, forgotten: bool, site: Site) -> None:
    before = Memory(marks={site.vendor.issuer: site.vendor.now + DAY})
    site.write_memory(before)
    assert reset(site, stdin=said).code == code
    assert (site.read_memory() != before) is forgotten


def test_clock_without_a_memory_has_nothing_to_reset(site: Site) -> None:
    answer = reset(site, "--yes")
    assert answer.code == 2
    assert f"there is no ConfigMap licet-memory in namespace {site.operator}" in answer.err
    site.write_memory(Memory())
    assert reset(site, "--yes").out == "No time is remembered.\n"


def test_who_may_not_reset_changes_nothing(site: Site, tmp_path: Path) -> None:
    before = Memory(marks={site.vendor.issuer: site.vendor.now + DAY})
    site.write_memory(before)
    viewer = site.account("viewer", tmp_path, {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]})
    answer = site.ask("clock", "reset", "--yes", "--operator-namespace", site.operator, kubeconfig=viewer)
    assert answer.code == 2
    assert "does not let you" in answer.err
    assert site.read_memory() == before


def test_cluster_without_licet_is_told_as_such(cluster: Cluster, tmp_path: Path) -> None:
    """The paths of its kinds are not known there; here a prefix of the server's URL makes them so."""
    config = json.loads(cluster.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] += "/elsewhere"
    (tmp_path / "config").write_text(json.dumps(config))
    with pytest.raises(ApiError):
        cluster.request("GET", "/elsewhere/apis/licet.dev/v1alpha1/vendors")
    answer = licet("status", "--kubeconfig", tmp_path / "config")
    assert answer.code == 2
    assert "licet is not installed in it" in answer.err


# -- workloads ---------------------------------------------------------------------------------------------------------


def check_image(site: Site, tag: str, *arguments: object, kubeconfig: Path | None = None) -> Answer:
    """Ask about a Pod with an image of the vendor's."""
    image = f"registry.example/{site.vendor.product}/api:{tag}"
    metadata, spec = {"name": "web"}, {"containers": [{"name": "api", "image": image}]}
    pod = json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    place = ("-n", site.team, "--operator-namespace", site.operator)
    return site.ask("check", "-f", "-", *place, *arguments, kubeconfig=kubeconfig, stdin=pod)


def test_check_of_workloads_goes_by_the_clusters_licenses(site: Site) -> None:
    assert check_image(site, "2.4.1").code == 1
    images = [{"repository": f"registry.example/{site.vendor.product}/*", "tags": COVERED}]
    name = site.apply_license(images=images)
    assert check_image(site, "2.4.1").code == 0
    answer = check_image(site, "3.1.0", "-o", "json")
    assert answer.code == 1
    assert f"license {name} (plan pro) covers {COVERED}" in answer.document["message"]


def test_check_of_workloads_leaves_out_the_namespaces_that_the_policy_does(site: Site, tmp_path: Path) -> None:
    image = f"registry.example/{site.vendor.product}/api:3.1.0"
    question = ("check", "--image", image, "-n", "kube-system", "--operator-namespace", site.operator)
    answer = site.ask(*question)
    assert answer.code == 1
    assert "note: this cluster's API server judges no workloads" in answer.out
    policy, *_ = yaml.safe_load_all(POLICIES.read_text().replace('["licet-system"]', '["licet-system", "kube-system"]'))
    apply(site.cluster, policy)  # without a binding it judges nothing
    try:
        answer = site.ask(*question)
        assert answer.code == 0
        assert "note: the API server judges no workload in namespace kube-system" in answer.out
        rules = (
            {"apiGroups": ["licet.dev"], "resources": ["vendors", "licenses", "workloadpolicies"], "verbs": ["list"]},
            {"apiGroups": [""], "resources": ["namespaces", "configmaps", "secrets"], "verbs": ["get"]},
        )
        answer = site.ask(*question, kubeconfig=site.account("pipeline", tmp_path, *rules))
        assert answer.code == 1  # it is not known to be left out
        assert "note:" not in answer.out
    finally:
        kubectl(site.cluster, "delete", "validatingadmissionpolicy", policy["metadata"]["name"])


def test_check_of_workloads_lets_back_in_what_the_policies_remember(site: Site, tmp_path: Path) -> None:
    image = f"registry.example/{site.vendor.product}/api:1.0.0"
    past = {site.team: PastWorkloads(images=frozenset({image}))}
    registry = VendorRegistry([site.vendor.vendor()])
    assessment = assess((), registry, Memory(), site.vendor.now)
    body = WorkloadPolicy.of(vendor_parameters(site.vendor.vendor(), registry, assessment, past)).as_object()
    site.cluster.request("POST", f"{API}/workloadpolicies", body)
    try:
        answer = check_image(site, "1.0.0")
        assert answer.code == 0
        assert answer.out.startswith("allowed (RanLicensed): ")
        assert check_image(site, "1.0.1").code == 1
        rules = (
            {"apiGroups": ["licet.dev"], "resources": ["vendors", "licenses"], "verbs": ["list"]},
            {"apiGroups": [""], "resources": ["namespaces", "configmaps", "secrets"], "verbs": ["get"]},
        )
        answer = check_image(site, "1.0.0", kubeconfig=site.account("pipeline", tmp_path, *rules))
        assert answer.code == 1
        assert "note: what once ran licensed is left out of account: " in answer.out
    finally:
        site.cluster.request("DELETE", f"{API}/workloadpolicies/{site.vendor.name}")


# -- audit -------------------------------------------------------------------------------------------------------------


def audit(site: Site, *arguments: object, kubeconfig: Path | None = None) -> Answer:
    place = ("--operator-namespace", site.operator, "--vendor", site.vendor.name)
    return site.ask("audit", *place, *arguments, kubeconfig=kubeconfig)


def write_inventory(site: Site, version: str, *, licensed: bool, release: str = "web") -> None:
    """The controller's word about a release, and that it has looked at the Vendor."""
    condition = {"reason": "Trusted", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z", "status": "True"}
    site.set_status("/vendors", "Vendor", site.vendor.name, {"conditions": [{**condition, "type": "Ready"}]})
    word = {"reason": "Licensed" if licensed else "NoLicense", "message": "it says so", "status": str(licensed)}
    chart = {"name": site.vendor.product, "version": version, "vendor": site.vendor.name}
    license_ = {"license": f"{site.vendor.name}-prod"} if licensed else {}
    charts = [{**chart, "product": site.vendor.product, **license_}]
    site.write_installation(release, charts=charts, conditions=[{**condition, "type": "Licensed", **word}])


def test_audit_lists_what_is_licensed_and_exits_with_zero(site: Site) -> None:
    name = site.apply_license()
    write_inventory(site, "2.4.1", licensed=True)
    answer = audit(site)
    assert (answer.code, answer.err) == (0, "")
    rows = [line.split() for line in answer.out.splitlines()]
    product = site.vendor.product
    assert [
        site.team,
        "Release/web",
        site.vendor.name,
        product,
        "chart",
        product,
        "2.4.1",
        "yes",
        "Licensed",
        name,
    ] in rows
    assert [site.vendor.name, product, name, "1", "1", "0", "0"] in rows
    assert "\nFindings\nnone\n" in answer.out


def test_audit_exits_with_one_and_tells_what_to_do_where_something_has_no_license(site: Site) -> None:
    site.apply_license()
    write_inventory(site, "2.4.1", licensed=True)
    write_inventory(site, "3.1.0", licensed=False, release="api")
    answer = audit(site)
    assert answer.code == 1
    assert f"Installation {site.team}/api (VersionNotCovered, since 2026-01-01T00:00:00Z): chart" in answer.out
    assert "Install a covered version, or apply a license that covers 3.1.0." in answer.out
    document = audit(site, "--findings-only", "-o", "json").document
    assert [entry["installation"]["name"] for entry in document["entries"]] == ["api"]
    assert [total["findings"] for total in document["totals"]] == [1, 0]


def test_audit_for_programs_keeps_its_form(site: Site) -> None:
    name = site.apply_license()
    write_inventory(site, "2.4.1", licensed=True)
    document = audit(site, "-o", "json").document
    assert set(document) >= {"schemaVersion", "cluster", "time", "totals", "entries", "notes"}
    assert document["schemaVersion"] == 1
    uid = site.cluster.request("GET", "/api/v1/namespaces/kube-system")["metadata"]["uid"]
    assert document["cluster"] == uid
    product = site.vendor.product
    claimed = {"vendor": site.vendor.name, "product": product, "license": name}
    assert document["totals"] == [{**claimed, "installations": 1, "charts": 1, "images": 0, "findings": 0}]
    assert document["entries"] == [
        {
            "namespace": site.team,
            "installation": {"namespace": site.team, "name": "web"},
            "source": {"kind": "Release", "namespace": site.team, "name": "web"},
            "type": "chart",
            "name": product,
            "version": "2.4.1",
            "digest": None,
            **claimed,
            "licensed": True,
            "recorded": True,
            "judged": True,
            "reason": "Licensed",
            "message": "",
            "since": None,
            "firstSeen": None,
        }
    ]
    (row,) = csv.DictReader(io.StringIO(audit(site, "-o", "csv").out, newline=""))
    assert (row["cluster"], row["namespace"], row["sourceKind"], row["sourceName"]) == (
        uid,
        site.team,
        "Release",
        "web",
    )
    assert (row["name"], row["version"], row["license"], row["licensed"]) == (product, "2.4.1", name, "true")


def test_audit_sees_what_a_controller_that_stands_still_does_not(site: Site) -> None:
    now = site.vendor.now
    site.apply_license(iat=now - 40 * DAY, nbf=now - 40 * DAY, exp=now - DAY)
    write_inventory(site, "2.4.1", licensed=True)
    site.write_memory(Memory(marks={site.vendor.issuer: now - DAY}))
    answer = audit(site)
    assert answer.code == 1
    assert "(LicenseExpired): chart" in answer.out
    assert "note: what the controller wrote is no longer so for" in answer.out
    assert f"note: the controller last wrote down the time at {format_instant(now - DAY)}" in answer.out


def test_audit_of_who_may_not_read_licenses_goes_by_the_controllers_word(site: Site, tmp_path: Path) -> None:
    site.apply_license()
    write_inventory(site, "3.1.0", licensed=False)
    inventory = {"apiGroups": ["licet.dev"], "resources": ["vendors", "installations"], "verbs": ["list"]}
    auditor = site.account("auditor", tmp_path, inventory)
    answer = audit(site, "-o", "json", kubeconfig=auditor)
    assert answer.code == 1
    (entry,) = answer.document["entries"]
    assert (entry["judged"], entry["reason"], entry["message"]) == (None, "NoLicense", "it says so")
    assert answer.document["cluster"] is None
    assert any("licenses are not verified" in note for note in answer.document["notes"])
    nobody = audit(site, kubeconfig=site.account("nobody", tmp_path))
    assert (nobody.code, nobody.out) == (2, "")
    assert "the cluster does not let you do this" in nobody.err


def test_audit_of_a_namespace_leaves_out_those_of_others(site: Site) -> None:
    site.apply_license()
    write_inventory(site, "3.1.0", licensed=False)
    assert audit(site, "-n", site.team).code == 1
    assert audit(site, "-n", site.operator).code == 0


def test_audit_of_what_is_not_there_gives_no_answer(site: Site) -> None:
    """A name that is mistyped in a nightly job must not be good news for ever."""
    write_inventory(site, "2.4.1", licensed=False)
    for option, name, said in (("-n", "nosuch", "no namespace nosuch"), ("--vendor", "nosuch", "no Vendor nosuch")):
        answer = audit(site, option, name)
        assert (answer.code, answer.out) == (2, "")
        assert said in answer.err


@pytest.mark.parametrize("form", ["json", "yaml", "csv"])
def test_audit_writes_what_it_has_judged_itself_in_every_form(site: Site, form: str) -> None:
    site.apply_license()
    write_inventory(site, "2.4.1", licensed=True)
    answer = audit(site, "-o", form)
    assert (answer.code, answer.err) == (0, "")
    assert "Licensed" in answer.out


def test_audit_without_an_inventory_gives_no_answer(site: Site) -> None:
    write_inventory(site, "2.4.1", licensed=True)
    labels = {"app": "licet"}
    container = {"name": "controller", "image": "licet", "args": ["controller", "--no-inventory"]}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "licet-controller"}, "spec": spec}
    path = f"/apis/apps/v1/namespaces/{site.operator}/deployments"
    site.cluster.request("POST", path, deployment)
    answer = audit(site)
    assert (answer.code, answer.out) == (2, "")
    assert "this cluster keeps no inventory" in answer.err
    container["args"] = ["controller"]
    site.cluster.request("PATCH", f"{path}/licet-controller", {"spec": spec})
    assert "note: the controller is not ready" in audit(site).out
