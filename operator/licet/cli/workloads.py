"""Workloads in plain manifests, and the verdict about them that the API server's admission policies would give.

Looked at is what the policies look at (`charts/licet/policies`): images of containers, init containers, ephemeral
containers and volumes, and the labels of a workload and of what it is a template for. Other kinds are passed over.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from licet.cli.facts import WorkloadFacts
from licet.cli.files import InputError, name_of, read_text
from licet.cli.manifests import Manifest, manifests_of
from licet.cluster.resource import WORKLOAD_KINDS
from licet.core import bounds
from licet.core.workload_reasons import WorkloadDecision, explain
from licet.core.workloads import PastWorkloads, judge_images, judge_labels

_KINDS: Final = frozenset((resource.group, kind) for kind, resource in WORKLOAD_KINDS.items())
_REQUESTS: Final = frozenset(
    {("helm.toolkit.fluxcd.io", "HelmRelease"), ("argoproj.io", "Application"), ("argoproj.io", "ApplicationSet")}
)


@dataclass(frozen=True, slots=True)
class Workload:
    """What of a workload is judged; a lone image has neither kind nor name."""

    kind: str
    name: str
    namespace: str
    images: tuple[str, ...]
    labels: tuple[Mapping[str, str], ...] = ()

    @property
    def where(self) -> str:
        """The workload as messages name it."""
        place = f'namespace "{self.namespace}"'
        return f'{self.kind} "{self.name}", {place}' if self.kind else place


@dataclass(frozen=True, slots=True)
class Found:
    """What files hold."""

    workloads: tuple[Workload, ...]
    requests: tuple[str, ...]
    """Objects by which Flux or Argo CD are to install something, as messages name them: the gate judges these."""


def read_workloads(paths: Iterable[str], namespace: str) -> Found:
    """Read the workloads of files of manifests, in YAML or JSON, Lists included.

    Args:
        paths: of the files, `-` being standard input.
        namespace: of workloads that name none.

    Raises:
        InputError: a file can't be read, or holds something that the API server would not take for its kind.
    """
    workloads: list[Workload] = []
    requests: list[str] = []
    for path in paths:
        source = name_of(path)
        for manifest in manifests_of(read_text(path), source):
            group, slash, _ = str(manifest.get("apiVersion")).rpartition("/")
            kind = (group if slash else "", str(manifest["kind"]))
            if kind in _KINDS:
                workloads.append(_workload(manifest, source, namespace))
            elif kind in _REQUESTS:
                requests.append(f'{kind[1]} "{_name(manifest)}"')
    if len({workload.namespace for workload in workloads}) > bounds.CHECKED_NAMESPACES:
        raise InputError(f"the workloads are of more than {bounds.CHECKED_NAMESPACES} namespaces; ask in parts")
    return Found(tuple(workloads), tuple(requests))


def decide(workloads: Iterable[Workload], facts: WorkloadFacts) -> Iterator[tuple[Workload, WorkloadDecision]]:
    """Decide about all images and charts of workloads that need a license."""
    for workload in workloads:
        if workload.namespace in facts.exempt:
            continue
        namespace = facts.namespaces[workload.namespace]
        past = facts.past.get(workload.namespace, PastWorkloads())
        judged = namespace, facts.registry, facts.assessment, past
        verdicts = [
            *judge_images(workload.images, *judged),
            *(verdict for labels in workload.labels for verdict in judge_labels(labels, *judged)),
        ]
        for verdict in dict.fromkeys(verdicts):  # a chart's label stands on the workload and on its Pods
            yield workload, explain(verdict, workload.where, namespace, facts.registry, facts.assessment)


def _name(manifest: Manifest) -> str:
    metadata = manifest.get("metadata")
    return str(metadata.get("name")) if isinstance(metadata, Mapping) else ""


def _workload(manifest: Manifest, source: str, namespace: str) -> Workload:
    kind = str(manifest["kind"])
    try:
        read = msgspec.convert(manifest, _Object)
    except msgspec.ValidationError as error:
        raise InputError(f"{source}: a {kind} is not usable: {error}") from error
    spec, templates = read.spec, []
    if spec.job_template is not None:
        templates.append(spec.job_template)
        spec = spec.job_template.spec
    if spec.template is not None:
        templates.append(spec.template)
        spec = spec.template.spec
    containers = (
        container
        for listed in (spec.containers, spec.init_containers, spec.ephemeral_containers)
        for container in listed or ()
    )
    images = [container.image for container in containers]
    images += [volume.image.reference for volume in spec.volumes or () if volume.image is not None]
    metadata = [read.metadata, *(template.metadata for template in templates)]
    return Workload(
        kind=kind,
        name=read.metadata.name or f"{read.metadata.generate_name or ''}…",
        namespace=read.metadata.namespace or namespace,
        images=tuple(dict.fromkeys(image for image in images if image)),
        labels=tuple(each.labels for each in metadata if each is not None and each.labels),
    )


# -- what of Kubernetes' API matters here ------------------------------------------------------------------------------


class _Metadata(msgspec.Struct, rename="camel"):
    name: str | None = None
    generate_name: str | None = None
    namespace: str | None = None
    labels: dict[str, str] | None = None


class _Container(msgspec.Struct):
    image: str | None = None


class _ImageVolume(msgspec.Struct):
    reference: str | None = None


class _Volume(msgspec.Struct):
    image: _ImageVolume | None = None


class _Spec(msgspec.Struct, rename="camel"):
    """The spec of a Pod, or of something that has a template for one."""

    containers: list[_Container] | None = None
    init_containers: list[_Container] | None = None
    ephemeral_containers: list[_Container] | None = None
    volumes: list[_Volume] | None = None
    template: "_Template | None" = None
    job_template: "_Template | None" = None


class _Template(msgspec.Struct):
    spec: _Spec
    metadata: _Metadata | None = None


class _Object(msgspec.Struct):
    metadata: _Metadata
    spec: _Spec
