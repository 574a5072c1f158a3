"""Objects of Flux and Argo CD, as their users apply them, and the CRDs of these kinds."""

import json
from pathlib import Path
from typing import Any, Final

from controlplane import ApiError, Cluster

Json = dict[str, Any]

HERE: Final = "https://kubernetes.default.svc"

_DEFINITIONS: Final = Path(__file__).with_name("crds")


def install_definitions(cluster: Cluster) -> None:
    """Give a cluster the CRDs of Flux and Argo CD, if it has not got them, and wait until it serves them."""
    definitions = [json.loads(file.read_text()) for file in sorted(_DEFINITIONS.iterdir())]
    for definition in definitions:
        try:
            cluster.request("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
    cluster.await_served(definitions)


def helm_release(
    name: str = "web",
    chart: str | None = "acme-platform",
    version: str | None = "2.4.1",
    *,
    namespace: str = "prod-eu",
    source_kind: str = "HelmRepository",
    **spec: Any,
) -> Json:
    """A HelmRelease with a chart from a repository; `spec` adds to its spec. Without `chart`, say `chartRef` there."""
    template: Json = {"chart": chart, "sourceRef": {"kind": source_kind, "name": "acme"}}
    if version is not None:
        template["version"] = version
    given = {"chart": {"spec": template}} if chart is not None else {}
    return {
        "apiVersion": "helm.toolkit.fluxcd.io/v2",
        "kind": "HelmRelease",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"interval": "10m", **given, **spec},
    }


def oci_repository(url: str, *, name: str = "acme", namespace: str = "prod-eu", **ref: str) -> Json:
    """An OCIRepository; `ref` is tag, semver or digest."""
    return {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "OCIRepository",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"interval": "10m", "url": url, **({"ref": ref} if ref else {})},
    }


def helm_chart(
    chart: str, version: str, *, name: str = "acme", namespace: str = "prod-eu", source_kind: str = "HelmRepository"
) -> Json:
    """A HelmChart."""
    return {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "HelmChart",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "interval": "10m",
            "chart": chart,
            "version": version,
            "sourceRef": {"kind": source_kind, "name": "acme"},
        },
    }


def source(chart: str | None = "acme-platform", version: str = "2.4.1", **members: Any) -> Json:
    """A source of an Application, with a chart of a repository."""
    given = {"chart": chart} if chart is not None else {}
    return {"repoURL": "https://charts.acme.example", **given, "targetRevision": version, **members}


def application(name: str = "web", *, destination: Json | None = None, namespace: str = "argocd", **spec: Any) -> Json:
    """An Application for namespace `prod-eu` of this cluster; `spec` are its sources, by default one with a chart."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "project": "default",
            "destination": {"server": HERE, "namespace": "prod-eu"} if destination is None else destination,
            **(spec or {"source": source()}),
        },
    }


def application_set(
    name: str = "web", *generators: Json, template: Json | None = None, namespace: str = "argocd", **spec: Any
) -> Json:
    """An ApplicationSet; `template` is the spec of its Applications, by default that of `application()`."""
    listed: Json = {"list": {"elements": [{"cluster": "here"}]}}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "ApplicationSet",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "generators": list(generators) or [listed],
            "template": {
                "metadata": {"name": "web-{{cluster}}"},
                "spec": application()["spec"] if template is None else template,
            },
            **spec,
        },
    }
