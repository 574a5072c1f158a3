"""HelmReleases of Flux: which chart they ask for, in which version, and where.

Read as Flux reads them (`helm.toolkit.fluxcd.io/v2`, `source.toolkit.fluxcd.io/v1`):

- The release goes to `targetNamespace`, and Helm keeps it in `storageNamespace`; either is by default the HelmRelease's
  own. Its name is by default that of the HelmRelease, with a target namespace before it, shortened to what Helm allows.
- A chart comes from a HelmRepository by name and version, from an OCIRepository by its URL and tag. A Git repository or
  a bucket has it at a path, which tells neither.
- `chartRef` refers to another object that says which chart it is; so the request is complete only with that.
- With `kubeConfig` the release goes to another cluster, and is that cluster's to judge.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final

import msgspec

from licet.core.errors import UNREADABLE, GitOpsError
from licet.core.gitops import InstallRequest, RequestedChart

KIND: Final = "HelmRelease"

_CHART_REPOSITORY: Final = "HelmRepository"
_RELEASE_NAME_LENGTH: Final = 53  # what Helm allows
_HASH_LENGTH: Final = 12


class SourceKind(StrEnum):
    """The kinds of objects that tell the chart of a HelmRelease which refers to them."""

    HELM_CHART = "HelmChart"
    OCI_REPOSITORY = "OCIRepository"


@dataclass(frozen=True, slots=True)
class SourceRef:
    """The object that tells which chart is meant."""

    kind: SourceKind
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class HelmRelease:
    """What a HelmRelease asks for, and the object that tells which chart it is, where another one does."""

    request: InstallRequest
    source: SourceRef | None = None

    def with_chart(self, chart: RequestedChart | None) -> InstallRequest:
        """Give the request for the chart that `source` turned out to be; None where that does not tell."""
        return replace(self.request, charts=(chart,) if chart else ())


def read_helm_release(obj: bytes | msgspec.Raw) -> HelmRelease | None:
    """Read a HelmRelease; None for one that is for another cluster.

    Raises:
        GitOpsError: it is not what its definition describes.
    """
    try:
        found = _HELM_RELEASE.decode(obj)
    except UNREADABLE as error:
        raise GitOpsError(f"it is no {KIND} that Flux can read: {error}") from None
    spec, metadata = found.spec, found.metadata
    if spec.kube_config is not None:
        return None
    namespace = metadata.namespace
    target = spec.target_namespace
    request = InstallRequest(
        described=f'{KIND} "{metadata.name}"',
        release=_shortened(spec.release_name or (f"{target}-{metadata.name}" if target else metadata.name)),
        namespaces=tuple(dict.fromkeys((spec.storage_namespace or namespace, target or namespace))),
        charts=_charts(spec.chart.spec) if spec.chart else (),
    )
    reference = spec.chart_ref
    if reference is None or reference.kind not in set(SourceKind):
        return HelmRelease(request)
    return HelmRelease(request, SourceRef(SourceKind(reference.kind), reference.namespace or namespace, reference.name))


def read_source(kind: SourceKind, obj: Mapping[str, Any]) -> RequestedChart | None:
    """Read which chart an object stands for, as the API server gives it; None where it does not tell."""
    try:
        match kind:
            case SourceKind.HELM_CHART:
                (chart,) = _charts(msgspec.convert(obj, _HelmChart).spec) or (None,)
                return chart
            case SourceKind.OCI_REPOSITORY:
                return _oci_chart(msgspec.convert(obj, _OCIRepository).spec)
    except msgspec.ValidationError:
        return None  # nor can Flux read it


def _charts(spec: "_ChartSpec") -> tuple[RequestedChart, ...]:
    if spec.source_ref.kind != _CHART_REPOSITORY:
        return ()
    chart = RequestedChart.at(spec.chart, spec.version or "*")
    return (chart,) if chart else ()


def _oci_chart(spec: "_OCISpec") -> RequestedChart | None:
    reference = spec.ref or _OCIRef()
    if reference.digest:  # it comes before everything else, and tells no version
        return None
    # Helm writes the plus sign of a version as an underscore into the tag, which can't have one.
    return RequestedChart.at(spec.url, reference.semver or reference.tag.replace("_", "+"))


def _shortened(name: str) -> str:
    """Shorten a release's name as the helm-controller does: its beginning, and a part of its SHA-256."""
    if len(name) <= _RELEASE_NAME_LENGTH:
        return name
    kept = name[: _RELEASE_NAME_LENGTH - _HASH_LENGTH - 1]
    return f"{kept}-{sha256(name.encode()).hexdigest()[:_HASH_LENGTH]}"


class _Metadata(msgspec.Struct):
    name: str = ""
    namespace: str = ""


class _Source(msgspec.Struct):
    kind: str = ""


class _ChartSpec(msgspec.Struct, rename="camel"):
    chart: str = ""
    version: str = ""
    source_ref: _Source = msgspec.field(default_factory=_Source)


class _ChartTemplate(msgspec.Struct):
    spec: _ChartSpec = msgspec.field(default_factory=_ChartSpec)


class _ChartRef(msgspec.Struct):
    kind: str = ""
    name: str = ""
    namespace: str = ""


class _Spec(msgspec.Struct, rename="camel"):
    chart: _ChartTemplate | None = None
    chart_ref: _ChartRef | None = None
    kube_config: dict[str, Any] | None = None
    release_name: str = ""
    target_namespace: str = ""
    storage_namespace: str = ""


class _HelmRelease(msgspec.Struct):
    metadata: _Metadata
    spec: _Spec = msgspec.field(default_factory=_Spec)


class _HelmChart(msgspec.Struct):
    spec: _ChartSpec


class _OCIRef(msgspec.Struct):
    digest: str = ""
    semver: str = ""
    tag: str = ""


class _OCISpec(msgspec.Struct):
    url: str = ""
    ref: _OCIRef | None = None


class _OCIRepository(msgspec.Struct):
    spec: _OCISpec


_HELM_RELEASE: Final = msgspec.json.Decoder(_HelmRelease)
