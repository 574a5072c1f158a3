"""What users of Flux and Argo CD see of the gate, on a real API server with the CRDs of both."""

import json

import pytest

from controlplane import ApiError
from support.gate_process import NAMESPACE, apply, kubectl, until
from support.gitops import (
    HERE,
    application,
    application_set,
    helm_chart,
    helm_release,
    install_definitions,
    oci_repository,
    source,
)


@pytest.fixture(scope="module", autouse=True)
def definitions(cluster):
    install_definitions(cluster)


class Tools:
    """Flux and Argo CD in one namespace, for the chart of the site's vendor."""

    def __init__(self, site) -> None:
        self.site = site
        self.cluster, self.namespace, self.chart = site.cluster, site.namespace, site.vendor.product

    def helm_release(self, version: str | None = "2.4.1", **members):
        given = {"name": "web", "chart": self.chart, "namespace": self.namespace, **members}
        return helm_release(version=version, **given)

    def source(self, version: str = "2.4.1", **members):
        return source(self.chart, version, **members)

    def spec(self, version: str = "2.4.1"):
        """The spec of an Application."""
        return {"source": self.source(version), "destination": self.destination}

    @property
    def destination(self):
        return {"name": "in-cluster", "namespace": self.namespace}

    def application(self, version: str = "2.4.1", **members):
        return application(namespace=self.namespace, **{**self.spec(version), **members})

    def application_set(self, version: str = "2.4.1", **members):
        template = {"project": "default", **self.spec(version)}
        return application_set(namespace=self.namespace, **{"template": template, **members})

    def path(self, obj) -> str:
        plural = "ocirepositories" if obj["kind"] == "OCIRepository" else f"{obj['kind'].lower()}s"
        return f"/apis/{obj['apiVersion']}/namespaces/{self.namespace}/{plural}"

    def create(self, obj) -> ApiError | None:
        """Create an object; gives the refusal, if it is one."""
        try:
            self.cluster.request("POST", self.path(obj), obj)
        except ApiError as error:
            return error
        return None

    def change(self, obj, *, subresource: str = "", **members) -> ApiError | None:
        """Change members of what is there; gives the refusal, if it is one."""
        path = f"{self.path(obj)}/{obj['metadata']['name']}{subresource}"
        current = self.cluster.request("GET", path)
        for name, value in members.items():
            current[name] = {**current.get(name, {}), **value} if isinstance(value, dict) else value
        try:
            self.cluster.request("PUT", path, current)
        except ApiError as error:
            return error
        return None

    def delete(self, obj) -> None:
        self.cluster.request("DELETE", f"{self.path(obj)}/{obj['metadata']['name']}")

    def there(self, obj) -> bool:
        try:
            self.cluster.request("GET", f"{self.path(obj)}/{obj['metadata']['name']}")
        except ApiError as error:
            if error.status != 404:
                raise
            return False
        return True


@pytest.fixture
def tools(site) -> Tools:
    return Tools(site)


@pytest.fixture
def no_gate(site):
    """Stops the gate when it is called, and has it back after the test."""
    yield site.gate.kill
    site.gate.kill()
    site.gate.start()
    site.gate.await_ready()


KINDS = ["helm_release", "application", "application_set"]


@pytest.mark.parametrize("kind", KINDS)
def test_licensed_version_is_admitted_and_another_refused_in_the_words_of_the_contract(tools, kind):
    tools.site.apply_license()
    refusal = tools.create(getattr(tools, kind)("3.1.0"))
    obj = getattr(tools, kind)()
    webhook = "helmreleases" if kind == "helm_release" else "applications"
    assert str(refusal).startswith(
        f'403 Forbidden: admission webhook "{webhook}.gate.licet.dev" denied the request: '
        f'licet: chart {tools.chart} 3.1.0 ({obj["kind"]} "web", namespace "{tools.namespace}") is not licensed: '
        f"license {tools.site.license} (plan pro) covers >=2.0.0 <3.0.0. Install a covered version, or apply a license "
        "that covers 3.1.0. [decision "
    )
    assert tools.create(obj) is None
    decision = str(refusal).rpartition(" ")[2].rstrip("]")
    line = tools.site.gate.line(decision=decision)
    assert (line["kind"], line["result"], line["reason"]) == (obj["kind"], "denied", "VersionNotCovered")
    until(lambda: decision in kubectl(tools.cluster, "get", "events", "-n", tools.namespace, "-o", "yaml").stdout)


@pytest.mark.parametrize("options", [["--dry-run=server"], ["--server-side", "--field-manager=kustomize-controller"]])
def test_whoever_applies_a_version_that_is_not_licensed_is_told_at_once(tools, options):
    tools.site.apply_license()
    stdin = json.dumps(tools.helm_release("3.1.0"))
    told = kubectl(tools.cluster, "apply", *options, "-f", "-", stdin=stdin, check=False)
    assert told.returncode != 0
    assert f"licet: chart {tools.chart} 3.1.0 (HelmRelease" in told.stderr
    assert not tools.there(tools.helm_release())


def test_warning_of_a_vendor_that_only_warns_is_shown(tools):
    tools.site.apply_vendor(enforcement="Warn")
    told = kubectl(tools.cluster, "apply", "-f", "-", stdin=json.dumps(tools.helm_release("3.1.0")))
    assert f"Warning: licet: chart {tools.chart} 3.1.0 (HelmRelease" in told.stderr


def test_helm_release_without_a_version_asks_for_any(tools):
    refusal = tools.create(tools.helm_release(None))
    assert f"licet: chart {tools.chart} * (HelmRelease" in str(refusal)
    tools.site.apply_license()
    assert tools.create(tools.helm_release(None)) is None


@pytest.mark.parametrize("kind", KINDS)
def test_update_to_what_is_not_licensed_is_refused_and_others_are_not(tools, kind):
    tools.site.apply_license()
    make = getattr(tools, kind)
    assert tools.create(make()) is None
    assert "is not licensed" in str(tools.change(make(), spec=make("3.1.0")["spec"]))
    assert tools.change(make(), spec=make("2.5.0")["spec"]) is None


def test_license_has_to_allow_every_namespace_that_the_release_names(tools):
    other = f"{tools.namespace}-other"
    apply(tools.cluster, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": other}})
    tools.site.apply_license(bindings={"namespaces": [tools.namespace]})
    for spec in ({"targetNamespace": other}, {"storageNamespace": other}):
        assert "no license that counts" in str(tools.create(tools.helm_release(**spec)))
    tools.site.apply_license(bindings={"namespaces": [tools.namespace, other]}, series="s", sequence=2)
    assert tools.create(tools.helm_release(targetNamespace=other)) is None


def test_release_kept_where_none_is_judged_is_not_installed_elsewhere(tools):
    refusal = tools.create(tools.helm_release(chart="./web", source_kind="GitRepository", storageNamespace=NAMESPACE))
    assert f"it has Helm keep its release in {NAMESPACE}, where none is judged" in str(refusal)


# -- references, read under the RBAC of the chart ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["OCIRepository", "HelmChart"])
def test_chart_that_is_referred_to_is_judged_when_it_is_there(tools, kind):
    tools.site.apply_license()

    def refer(version: str):
        if kind == "HelmChart":
            obj = helm_chart(tools.chart, version, name=f"v{version}", namespace=tools.namespace)
        else:
            url = f"oci://registry.example/charts/{tools.chart}"
            obj = oci_repository(url, name=f"v{version}", namespace=tools.namespace, tag=version)
        return obj, tools.helm_release(name=f"v{version}", chart=None, chartRef={"kind": kind, "name": f"v{version}"})

    for version, admitted in (("2.4.1", True), ("3.1.0", False)):
        told, referring = refer(version)
        assert tools.create(told) is None
        assert (tools.create(referring) is None) is admitted
    assert tools.create(refer("3.2.0")[1]) is None  # not there yet: the release tells


# -- without a gate ----------------------------------------------------------------------------------------------------


def test_whatever_asks_for_nothing_new_is_written_without_a_gate(tools, no_gate):
    tools.site.apply_license()
    objects = [getattr(tools, kind)() for kind in KINDS]
    for obj in objects:
        obj["metadata"]["finalizers"] = ["example.com/wait"]
        assert tools.create(obj) is None
    flux, argo_cd, argo_cd_set = objects
    no_gate()
    for obj, newer in zip(objects, (getattr(tools, kind)("2.5.0") for kind in KINDS), strict=True):
        assert "failed calling webhook" in str(tools.change(obj, spec=newer["spec"]))
        assert tools.change(obj, metadata={"labels": {"team": "pay"}}) is None

    assert tools.change(flux, spec={"suspend": True, "values": {"replicas": 2}, "interval": "1h"}) is None
    assert tools.change(flux, subresource="/status", status={"observedGeneration": 2}) is None

    assert tools.change(argo_cd, operation={"sync": {"revision": "2.3.0"}}) is None
    assert tools.change(argo_cd, status={"sourceType": "Helm"}) is None
    helm = {"values": "replicas: 2", "parameters": [{"name": "a", "value": "b"}]}
    assert tools.change(argo_cd, spec={"source": tools.source(helm=helm)}) is None
    assert tools.change(argo_cd, spec={"syncPolicy": {"automated": {"prune": True}}}) is None
    assert tools.change(argo_cd_set, spec={"syncPolicy": {"preserveResourcesOnDeletion": True}}) is None

    for obj in objects:
        tools.delete(obj)
        assert tools.change(obj, metadata={"finalizers": []}) is None
        assert not tools.there(obj)


def test_what_is_for_another_cluster_or_for_licet_itself_is_written_without_a_gate(tools, no_gate):
    no_gate()
    assert tools.create(tools.helm_release("3.1.0", kubeConfig={"secretRef": {"name": "other"}})) is None
    elsewhere = {"server": "https://other.example", "namespace": tools.namespace}
    assert tools.create(tools.application("3.1.0", destination=elsewhere)) is None
    licet = tools.application("3.1.0", destination={"name": "in-cluster", "namespace": NAMESPACE})
    licet["metadata"]["name"] = "licet"
    assert tools.create(licet) is None
    assert "failed calling webhook" in str(tools.change(licet, spec={"destination": tools.destination}))


def test_release_that_comes_back_from_another_cluster_is_judged(tools):
    spec = {"kubeConfig": {"secretRef": {"name": "other"}}}
    assert tools.create(tools.helm_release("3.1.0", **spec)) is None
    assert "is not licensed" in str(tools.change(tools.helm_release(), spec={"kubeConfig": None}))


# -- Applications ------------------------------------------------------------------------------------------------------


def test_every_source_of_an_application_is_judged(tools):
    tools.site.apply_license()
    spec = {"destination": tools.destination, "project": "default"}
    several = application(namespace=tools.namespace, sources=[tools.source(), tools.source("3.1.0")], **spec)
    assert f"chart {tools.chart} 3.1.0" in str(tools.create(several))
    dry = {"repoURL": "https://git.example/apps", "path": "web", "targetRevision": "main"}
    hydrator = {"drySource": dry, "syncSource": {"targetBranch": "env/prod", "path": "web"}}
    assert tools.create(application(namespace=tools.namespace, sourceHydrator=hydrator, **spec)) is None
    unhydrated = {"sourceHydrator": None, "source": tools.source("3.1.0")}
    assert f"chart {tools.chart} 3.1.0" in str(tools.change(application(), spec=unhydrated))


@pytest.mark.parametrize("server", [HERE, f"{HERE}/"])
def test_this_cluster_is_known_by_its_address_with_a_slash_or_without(tools, server):
    destination = {"server": server, "namespace": tools.namespace}
    assert "is not licensed" in str(tools.create(tools.application(destination=destination)))


def test_application_set_is_judged_for_what_it_tells_and_its_applications_for_the_rest(tools):
    tools.site.apply_license()
    assert tools.create(tools.application_set("{{version}}")) is None
    assert "is not licensed" in str(tools.create(tools.application("3.1.0")))
    overlay = {"metadata": {}, "spec": {"project": "", "destination": {}, "source": tools.source("3.1.0")}}
    listed = {"list": {"elements": [], "template": overlay}}
    refusal = tools.change(tools.application_set(), spec={**tools.application_set()["spec"], "generators": [listed]})
    assert f"chart {tools.chart} 3.1.0 (ApplicationSet" in str(refusal)
