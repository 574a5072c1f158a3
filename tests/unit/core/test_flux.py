"""HelmReleases are read as Flux reads them."""

import json

import pytest

from licet.core.errors import GitOpsError
from licet.core.flux import SourceKind, SourceRef, read_helm_release, read_source
from licet.core.gitops import RequestedChart
from support.gitops import helm_chart, helm_release, oci_repository

CHART = RequestedChart("acme-platform", "2.4.1")


def read(**changes):
    return read_helm_release(json.dumps(helm_release(**changes)).encode())


@pytest.mark.parametrize(("version", "asked"), [("2.4.1", "2.4.1"), ("2.x", "2.x"), (None, "*"), ("", "*")])
def test_chart_and_version_are_those_of_the_template(version, asked):
    request = read(version=version).request
    assert request.charts == (RequestedChart("acme-platform", asked),)
    assert request.described == 'HelmRelease "web"'


@pytest.mark.parametrize("kind", ["GitRepository", "Bucket"])
def test_chart_at_a_path_tells_nothing(kind):
    found = read(chart="./charts/acme-platform", source_kind=kind)
    assert (found.request.charts, found.source) == ((), None)


@pytest.mark.parametrize(
    ("spec", "release", "namespaces"),
    [
        ({}, "web", ("apps",)),
        ({"targetNamespace": "prod"}, "prod-web", ("apps", "prod")),
        ({"storageNamespace": "helm"}, "web", ("helm", "apps")),
        ({"targetNamespace": "prod", "storageNamespace": "helm"}, "prod-web", ("helm", "prod")),
        ({"targetNamespace": "prod", "storageNamespace": "prod"}, "prod-web", ("prod",)),
        ({"targetNamespace": "prod", "releaseName": "shop"}, "shop", ("apps", "prod")),
    ],
)
def test_place_is_where_the_release_goes_and_where_helm_keeps_it(spec, release, namespaces):
    request = read(namespace="apps", **spec).request
    assert (request.release, request.namespaces) == (release, namespaces)


def test_long_name_of_a_release_is_shortened_like_the_helm_controller_does():
    # The expected name is that of the helm-controller's own test.
    name = "release-name-with-very-long-name-which-is-longer-than-53-characters"
    assert read(name=name).request.release == "release-name-with-very-long-name-which-i-788ca0d0d7b0"
    assert read(name="w" * 53).request.release == "w" * 53


def test_release_for_another_cluster_is_not_read():
    assert read(kubeConfig={"secretRef": {"name": "other"}}) is None


@pytest.mark.parametrize(
    ("reference", "source"),
    [
        ({"kind": "OCIRepository", "name": "acme"}, SourceRef(SourceKind.OCI_REPOSITORY, "prod-eu", "acme")),
        (
            {"kind": "HelmChart", "name": "acme", "namespace": "flux-system"},
            SourceRef(SourceKind.HELM_CHART, "flux-system", "acme"),
        ),
        ({"kind": "ExternalArtifact", "name": "acme"}, None),
    ],
)
def test_reference_is_to_the_object_that_tells_the_chart(reference, source):
    found = read(chart=None, chartRef=reference)
    assert (found.request.charts, found.source) == ((), source)
    assert found.with_chart(CHART).charts == (CHART,)
    assert found.with_chart(None).charts == ()


@pytest.mark.parametrize(
    ("ref", "versions"),
    [
        ({"tag": "2.4.1"}, "2.4.1"),
        ({"tag": "2.4.1_build.5"}, "2.4.1+build.5"),
        ({"semver": "2.x"}, "2.x"),
        ({"semver": "2.x", "tag": "3.1.0"}, "2.x"),
        ({"tag": "latest"}, None),
        ({}, None),
        ({"digest": f"sha256:{'0' * 64}", "semver": "2.x", "tag": "2.4.1"}, None),
    ],
)
def test_oci_repository_tells_the_chart_by_its_url_and_the_version_by_its_tag(ref, versions):
    found = read_source(SourceKind.OCI_REPOSITORY, oci_repository("oci://registry.example/charts/acme-platform", **ref))
    assert found == (versions and RequestedChart("acme-platform", versions))


@pytest.mark.parametrize(("kind", "chart"), [("HelmRepository", CHART), ("GitRepository", None)])
def test_helm_chart_tells_chart_and_version_when_they_are_of_a_repository(kind, chart):
    assert read_source(SourceKind.HELM_CHART, helm_chart("acme-platform", "2.4.1", source_kind=kind)) == chart


@pytest.mark.parametrize("obj", [{}, {"spec": None}, {"spec": {"url": 1}}])
def test_source_that_flux_can_not_read_tells_nothing(obj):
    assert [read_source(kind, obj) for kind in SourceKind] == [None, None]


@pytest.mark.parametrize("text", [b"", b"null", b"[]", b'{"spec":{}}', b'{"metadata":{},"spec":{"releaseName":1}}'])
def test_what_is_no_helm_release_is_said_to_be_none(text):
    with pytest.raises(GitOpsError, match="no HelmRelease that Flux can read"):
        read_helm_release(text)
