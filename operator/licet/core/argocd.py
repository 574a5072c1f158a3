"""Applications and ApplicationSets of Argo CD: which charts they ask for, in which versions, and where.

Read as Argo CD reads them (`argoproj.io/v1alpha1`):

- Of `sourceHydrator`, `sources` and `source` the first that is there counts. A hydrator's sources are in Git.
- A source has a chart of a repository in `chart`, or is an OCI artifact whose URL ends with the chart's name. What Git
  has, nothing here tells. `targetRevision` is a version or a range.
- The destination is this cluster by its address or its name. What goes to others, is theirs to judge.
- Argo CD renders a chart as the release `helm.releaseName`, by default the Application's name; it makes none.
- An ApplicationSet makes Applications of its template, over which each generator may lay one of its own. What has
  parameters in it can't be told before the Applications are there, and neither can what `templatePatch` changes: those
  are judged as they are made.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, Final, TypeVar

import msgspec

from licet.core import bounds
from licet.core.errors import UNREADABLE, GitOpsError
from licet.core.gitops import InstallRequest, RequestedChart

APPLICATION: Final = "Application"
APPLICATION_SET: Final = "ApplicationSet"

_HERE_BY_ADDRESS: Final = "https://kubernetes.default.svc"
_HERE_BY_NAME: Final = "in-cluster"
_OCI: Final = "oci://"
_PARAMETER: Final = "{{"  # begins one in either template language of Argo CD

_T = TypeVar("_T", bound=msgspec.Struct)


def read_application(obj: bytes | msgspec.Raw) -> tuple[InstallRequest, ...]:
    """Read what an Application asks for in this cluster: one request for each release that it renders.

    Raises:
        GitOpsError: it is not what its definition describes, or has too many sources.
    """
    found = _decode(_APPLICATION, obj, APPLICATION)
    return _requests(APPLICATION, found.metadata.name, [found.spec])


def read_application_set(obj: bytes | msgspec.Raw) -> tuple[InstallRequest, ...]:
    """Read what the Applications of an ApplicationSet are going to ask for, in as far as it can be told.

    Raises:
        GitOpsError: it is not what its definition describes, or has too many generators or sources.
    """
    found = _decode(_APPLICATION_SET, obj, APPLICATION_SET)
    if found.spec.template_patch:
        return ()
    return _requests(APPLICATION_SET, found.metadata.name, _templates(found.spec))


def _requests(kind: str, name: str, specs: Iterable["_ApplicationSpec"]) -> tuple[InstallRequest, ...]:
    charts: dict[tuple[str, str], list[RequestedChart]] = {}
    for count, (namespace, source) in enumerate(_sources_here(specs), start=1):
        if count > bounds.GITOPS_SOURCES:
            raise GitOpsError(f"it has more than {bounds.GITOPS_SOURCES} sources; split it up")
        chart = _chart(source)
        if chart is not None:
            release = (source.helm or _Helm()).release_name or name
            charts.setdefault((release, namespace), []).append(chart)
    described = f'{kind} "{name}"'
    return tuple(
        InstallRequest(described, release, (namespace,), tuple(dict.fromkeys(asked)))
        for (release, namespace), asked in charts.items()
    )


def _sources_here(specs: Iterable["_ApplicationSpec"]) -> Iterator[tuple[str, "_Source"]]:
    """Give the sources of what goes to this cluster, each with the namespace that it goes to."""
    for spec in specs:
        namespace = spec.destination.namespace
        if _is_here(spec.destination) and namespace and _PARAMETER not in namespace:
            yield from ((namespace, source) for source in _sources(spec))


def _is_here(destination: "_Destination") -> bool:
    return destination.server.rstrip("/") == _HERE_BY_ADDRESS or destination.name == _HERE_BY_NAME


def _sources(spec: "_ApplicationSpec") -> list["_Source"]:
    if spec.source_hydrator is not None:
        return []
    return spec.sources or ([spec.source] if spec.source else [])


def _chart(source: "_Source") -> RequestedChart | None:
    path, versions = source.chart, source.target_revision
    if not path and source.repo_url.startswith(_OCI):
        path, versions = source.repo_url, versions.replace("_", "+")
    return None if _PARAMETER in path or _PARAMETER in versions else RequestedChart.at(path, versions)


# -- ApplicationSets ---------------------------------------------------------------------------------------------------


def _templates(spec: "_ApplicationSetSpec") -> Iterator["_ApplicationSpec"]:
    """Give the spec of an Application for the template as it is, and for what each generator makes of it."""
    base = spec.template.spec
    yield base
    if len(spec.generators) > bounds.GITOPS_GENERATORS:
        raise GitOpsError(f"it has more than {bounds.GITOPS_GENERATORS} generators; split it up")
    for generator in chain.from_iterable(map(dict.values, spec.generators)):
        overlay = _template_of(generator)
        if overlay is not None:
            yield _laid_over(overlay.spec, base)


def _template_of(generator: object) -> "_Template | None":
    """Give the template of a generator; None for what is none, such as the selector beside it, or has none."""
    template = generator.get("template") if isinstance(generator, dict) else None
    if not template:
        return None
    try:
        return msgspec.convert(template, _Template)
    except msgspec.ValidationError as error:
        raise GitOpsError(f"the template of a generator is none that Argo CD can read: {error}") from None


def _laid_over(overlay: _T, base: _T) -> _T:
    """Lay a template over another as Argo CD does: what it has wins, what it lacks is from below; lists stay whole."""
    merged: dict[str, Any] = {}
    for name in overlay.__struct_fields__:
        above, below = getattr(overlay, name), getattr(base, name)
        if isinstance(above, msgspec.Struct) and isinstance(below, msgspec.Struct):
            merged[name] = _laid_over(above, below)
        else:
            merged[name] = above or below
    return type(overlay)(**merged)


# -- JSON --------------------------------------------------------------------------------------------------------------


def _decode(decoder: "msgspec.json.Decoder[_T]", obj: bytes | msgspec.Raw, kind: str) -> _T:
    try:
        return decoder.decode(obj)
    except UNREADABLE as error:
        raise GitOpsError(f"it is no {kind} that Argo CD can read: {error}") from None


class _Helm(msgspec.Struct, rename="camel"):
    release_name: str = ""


class _Source(msgspec.Struct, rename="camel"):
    repo_url: str = msgspec.field(name="repoURL", default="")
    chart: str = ""
    target_revision: str = ""
    helm: _Helm | None = None


class _Hydrator(msgspec.Struct):
    """Only whether it is there matters."""


class _Destination(msgspec.Struct):
    server: str = ""
    name: str = ""
    namespace: str = ""


class _ApplicationSpec(msgspec.Struct, rename="camel"):
    destination: _Destination = msgspec.field(default_factory=_Destination)
    source: _Source | None = None
    sources: list[_Source] | None = None
    source_hydrator: _Hydrator | None = None


class _Metadata(msgspec.Struct):
    name: str = ""


class _Application(msgspec.Struct):
    metadata: _Metadata
    spec: _ApplicationSpec


class _Template(msgspec.Struct):
    spec: _ApplicationSpec = msgspec.field(default_factory=_ApplicationSpec)


class _ApplicationSetSpec(msgspec.Struct, rename="camel"):
    template: _Template
    template_patch: str | None = None
    generators: list[dict[str, Any]] = []


class _ApplicationSet(msgspec.Struct):
    metadata: _Metadata
    spec: _ApplicationSetSpec


_APPLICATION: Final = msgspec.json.Decoder(_Application)
_APPLICATION_SET: Final = msgspec.json.Decoder(_ApplicationSet)
