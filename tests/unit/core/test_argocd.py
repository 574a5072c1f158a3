"""Applications and ApplicationSets are read as Argo CD reads them."""

import json

import pytest

from licet.core import bounds
from licet.core.argocd import read_application, read_application_set
from licet.core.errors import GitOpsError
from licet.core.gitops import RequestedChart
from support.gitops import HERE, application, application_set, source

CHART = RequestedChart("acme-platform", "2.4.1")


def read(**changes):
    return read_application(json.dumps(application(**changes)).encode())


def read_set(*generators, **changes):
    return read_application_set(json.dumps(application_set("web", *generators, **changes)).encode())


def charts(requests):
    return [(chart.name, chart.versions) for request in requests for chart in request.charts]


def test_chart_version_and_place_are_those_of_the_source():
    (request,) = read()
    assert (request.charts, request.release, request.namespaces) == ((CHART,), "web", ("prod-eu",))
    assert request.described == 'Application "web"'


def test_source_may_name_its_release():
    (request,) = read(source=source(helm={"releaseName": "shop", "values": "a: 1"}))
    assert request.release == "shop"


def test_all_sources_count_and_each_chart_once():
    requests = read(sources=[source(), source("acme-addon", "1.x"), source(), source(None, "main", ref="values")])
    assert charts(requests) == [("acme-platform", "2.4.1"), ("acme-addon", "1.x")]


def test_sources_with_releases_of_their_own_are_requests_of_their_own():
    requests = read(sources=[source(), source("acme-addon", "1.x", helm={"releaseName": "addon"})])
    assert [(request.release, charts([request])) for request in requests] == [
        ("web", [("acme-platform", "2.4.1")]),
        ("addon", [("acme-addon", "1.x")]),
    ]


def test_sources_count_before_the_source():
    assert charts(read(source=source(), sources=[source("acme-addon", "1.x")])) == [("acme-addon", "1.x")]


def test_what_a_hydrator_takes_from_git_is_not_told():
    dry = {"repoURL": "https://git.example/apps", "path": "web", "targetRevision": "main"}
    hydrator = {"drySource": dry, "syncSource": {"targetBranch": "env/prod", "path": "web"}}
    assert read(source=source(), sourceHydrator=hydrator) == ()


@pytest.mark.parametrize(
    ("changes", "chart"),
    [
        ({"chart": None}, None),  # Git
        ({"chart": None, "repoURL": "oci://registry.example/charts/acme-platform"}, ("acme-platform", "2.4.1")),
        (
            {"chart": None, "repoURL": "oci://registry.example/acme-platform", "targetRevision": "2.4.1_b"},
            ("acme-platform", "2.4.1+b"),
        ),
        ({"chart": None, "repoURL": "oci://registry.example/acme-platform", "targetRevision": "latest"}, None),
        ({"chart": "platform/acme-platform"}, ("acme-platform", "2.4.1")),
        ({"targetRevision": "2.x"}, ("acme-platform", "2.x")),
        ({"targetRevision": ""}, None),  # Argo CD asks for one
    ],
)
def test_chart_is_told_by_name_or_by_the_url_of_an_artifact(changes, chart):
    given = source()
    given.update(changes)
    found = {name: value for name, value in given.items() if value is not None}
    assert charts(read(source=found)) == ([chart] if chart else [])


@pytest.mark.parametrize(
    ("destination", "here"),
    [
        ({"server": HERE, "namespace": "prod-eu"}, True),
        ({"server": f"{HERE}/", "namespace": "prod-eu"}, True),
        ({"name": "in-cluster", "namespace": "prod-eu"}, True),
        ({"server": "https://other.example", "namespace": "prod-eu"}, False),
        ({"name": "other", "namespace": "prod-eu"}, False),
        ({"server": HERE}, False),  # then the manifests tell where they go
        ({}, False),
    ],
)
def test_only_what_is_for_a_namespace_of_this_cluster_is_read(destination, here):
    assert bool(read(destination=destination)) is here


@pytest.mark.parametrize("text", [b"", b"[]", b'{"metadata":{}}', b'{"metadata":{},"spec":{"sources":{}}}'])
@pytest.mark.parametrize(
    ("reader", "kind"), [(read_application, "Application"), (read_application_set, "ApplicationSet")]
)
def test_what_is_no_application_is_said_to_be_none(text, reader, kind):
    with pytest.raises(GitOpsError, match=f"no {kind} that Argo CD can read"):
        reader(text)


# -- ApplicationSets ---------------------------------------------------------------------------------------------------


def test_template_of_an_application_set_is_read_like_an_application():
    (request,) = read_set()
    assert (request.described, request.charts) == ('ApplicationSet "web"', (CHART,))


@pytest.mark.parametrize(
    "template",
    [
        application(source=source("{{chart}}"))["spec"],
        application(source=source(version="{{.version}}"))["spec"],
        application(source=source(None, repoURL="oci://{{registry}}/acme-platform"))["spec"],
        application(destination={"server": "{{url}}", "namespace": "prod-eu"})["spec"],
        application(destination={"name": "{{name}}", "namespace": "prod-eu"})["spec"],
        application(destination={"server": HERE, "namespace": "{{ns}}"})["spec"],
    ],
)
def test_what_depends_on_parameters_is_left_to_the_applications(template):
    assert read_set(template=template) == ()


@pytest.mark.parametrize("field", [{"helm": {"values": "cluster: {{cluster}}"}}, {"repoURL": "https://{{registry}}"}])
def test_other_fields_may_have_parameters(field):
    template = application(source=source(**field))["spec"]
    assert charts(read_set(template=template)) == [("acme-platform", "2.4.1")]


def test_what_a_patch_may_change_is_left_to_the_applications():
    assert read_set(templatePatch="spec: {}") == ()


@pytest.mark.parametrize("generator", ["list", "clusters", "matrix"])
def test_template_of_a_generator_is_laid_over_that_of_the_set(generator):
    overlay = {"metadata": {}, "spec": {"project": "", "source": {"repoURL": "", "targetRevision": "3.1.0"}}}
    requests = read_set({generator: {"template": overlay}, "selector": {"matchLabels": {"a": "b"}}})
    assert charts(requests) == [("acme-platform", "2.4.1"), ("acme-platform", "3.1.0")]
    assert {request.namespaces for request in requests} == {("prod-eu",)}


def test_template_of_a_generator_may_go_elsewhere():
    overlay = {"spec": {"destination": {"namespace": "prod-us"}}}
    assert [request.namespaces for request in read_set({"list": {"template": overlay}})] == [("prod-eu",), ("prod-us",)]


def test_too_many_generators_are_said_to_be_too_many():
    with pytest.raises(GitOpsError, match="generators"):
        read_set(*([{"list": {}}] * (bounds.GITOPS_GENERATORS + 1)))


def test_too_many_sources_are_said_to_be_too_many_also_when_generators_multiply_them():
    half = [source()] * (bounds.GITOPS_SOURCES // 2)
    template, overlay = application(sources=half)["spec"], {"spec": {"destination": {"namespace": "prod-us"}}}
    assert len(read_set({"list": {"template": overlay}}, template=template)) == 2
    with pytest.raises(GitOpsError, match="sources; split it up"):
        read_set(*[{"list": {"template": overlay}}] * 2, template=template)


def test_what_is_nested_too_deep_to_be_read_is_said_to_be_none():
    plugin = b"[" * 100_000 + b"]" * 100_000
    with pytest.raises(GitOpsError, match="no ApplicationSet that Argo CD can read"):
        read_application_set(b'{"metadata":{"name":"a"},"spec":{"template":{},"generators":[{"plugin":%b}]}}' % plugin)


def test_template_of_a_generator_that_can_not_be_read_is_said_to_be_none():
    with pytest.raises(GitOpsError, match="template of a generator"):
        read_set({"list": {"template": {"spec": {"sources": 1}}}})
