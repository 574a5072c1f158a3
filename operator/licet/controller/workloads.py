"""Workloads as the inventory sees them: which images they have, what their labels tell of charts, and what made them.

Of an object only this is kept, and equal parts are kept once, so that thousands of Pods stay small.

What made an object is what its controller reference names, up to the topmost object: a Pod belongs to its Deployment.
An object without a controller belongs to the tool that applied it, where that can be told:

- A Helm release: by the annotations that Helm puts on all that it installs, and refuses to take over without. Hooks
  have none; those are told by the label that charts give them. Whether there is such a release, `Workloads` is asked
  to find out: both may be written by anybody.
- An Application of Argo CD: by its tracking annotation, if it names this very object, as annotations are copied along.
  The label that Argo CD may track by instead, nearly all charts set as well: it counts where Argo CD wrote the object.

References that are forged join an object to something else. They never hide what it has.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeVar

from licet.cluster.records import read_images
from licet.cluster.resource import WORKLOAD_KINDS
from licet.core import bounds
from licet.core.labels import Label
from licet.core.openings import HOOK_ANNOTATION, RELEASE_ANNOTATION
from licet.resources.installation import SourceKind

Object = Mapping[str, Any]
ChartLabels = tuple[tuple[str, str], ...]
"""The labels of one object, or template, that tell of charts."""

# Made over and over from the template of something else, and kept as history: of these, their Pods tell what runs.
_MADE_FROM_TEMPLATES: Final = frozenset({"ReplicaSet", "Job"})
_ENDED: Final = frozenset({"Succeeded", "Failed"})
_KIND: Final = re.compile(r"[A-Za-z][A-Za-z0-9]{0,62}")
_KINDS: Final = {kind.lower(): kind for kind in WORKLOAD_KINDS}
_TOOLS: Final = frozenset(kind.lower() for kind in SourceKind)
_SHARED: Final = 8192
_SHARED_IMAGES: Final = 64  # of one object; more are not kept beyond its deletion
_OWNER_LENGTH: Final = bounds.LABEL_LENGTH + len("_") + bounds.SOURCE_NAME_LENGTH  # of NAMESPACE_NAME, the longest

_INSTANCE: Final = "app.kubernetes.io/instance"
_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
_RELEASE_NAMESPACE: Final = "meta.helm.sh/release-namespace"
_FLUX_NAME: Final = "helm.toolkit.fluxcd.io/name"
_FLUX_NAMESPACE: Final = "helm.toolkit.fluxcd.io/namespace"
_TRACKING_ID: Final = "argocd.argoproj.io/tracking-id"
_ARGO_MANAGERS: Final = frozenset({"argocd-controller", "argocd-application-controller"})

_T = TypeVar("_T")


class Ref(NamedTuple):
    """An object, or what a tool knows as one thing: a release, an Application."""

    namespace: str
    kind: str
    name: str

    @property
    def where(self) -> str:
        """The object as messages name it."""
        return f'{self.kind} "{self.name}", namespace "{self.namespace}"'


@dataclass(frozen=True, slots=True)
class Workload:
    """What is kept of a workload."""

    images: frozenset[str] = frozenset()
    labels: frozenset[ChartLabels] = frozenset()
    owner: Ref | None = None
    """What controls it."""
    release: Ref | None = None
    """The Helm release that it says it belongs to."""
    application: Ref | None = None
    """The Application that brought it."""
    helm_release: Ref | None = None
    """The HelmRelease by which Flux installed it."""
    ended: bool = False
    """Whether it is a Pod that has run to its end."""

    @classmethod
    def read(cls, kind: str, obj: Object) -> "Workload":
        """Read an object of one of the `WORKLOAD_KINDS`."""
        metadata = obj["metadata"]
        namespace = metadata["namespace"]
        owner = _owner(metadata)
        if owner is not None and kind in _MADE_FROM_TEMPLATES:
            return cls(owner=owner)
        job = obj["spec"]["jobTemplate"] if kind == "CronJob" else obj
        template = obj if kind == "Pod" else job["spec"].get("template") or {}
        labelled = (_chart_labels(each.get("metadata") or {}) for each in (obj, job, template))
        labels = metadata.get("labels") or {}
        flux = labels.get(_FLUX_NAMESPACE), labels.get(_FLUX_NAME)
        images = read_images(template) if template.get("spec") else frozenset()
        return cls(
            images=_share(images) if len(images) <= _SHARED_IMAGES else images,
            labels=_share(frozenset(filter(None, labelled))),
            owner=owner,
            release=None if owner else _release(namespace, metadata),
            application=None if owner else _application(kind, metadata),
            helm_release=Ref(flux[0], SourceKind.HELM_RELEASE, flux[1]) if flux[0] and flux[1] else None,
            ended=kind == "Pod" and (obj.get("status") or {}).get("phase") in _ENDED,
        )


_known: Final = lru_cache(_SHARED)(lambda value: value)


def _share(value: _T) -> _T:
    """Give the value that was met first of those that are equal."""
    known: _T = _known(value)
    return known


def _chart_labels(metadata: Object) -> ChartLabels:
    labels = metadata.get("labels") or {}
    return tuple((label.value, labels[label]) for label in Label if label in labels)


def _owner(metadata: Object) -> Ref | None:
    """Read what controls an object; what can't be a kind, or is the name of a tool, is none."""
    for reference in metadata.get("ownerReferences") or ():
        kind, name = reference["kind"], reference["name"]
        if not reference.get("controller") or not _KIND.fullmatch(kind) or kind.lower() in _TOOLS:
            continue
        if len(name) <= _OWNER_LENGTH:
            return _share(Ref(metadata["namespace"], _KINDS.get(kind.lower(), kind), name))
    return None


def _release(namespace: str, metadata: Object) -> Ref | None:
    annotations, labels = metadata.get("annotations") or {}, metadata.get("labels") or {}
    if labels.get(_MANAGED_BY) == "Helm" and RELEASE_ANNOTATION in annotations:
        return _tool(annotations.get(_RELEASE_NAMESPACE), SourceKind.RELEASE, annotations[RELEASE_ANNOTATION])
    if HOOK_ANNOTATION in annotations:
        return _tool(namespace, SourceKind.RELEASE, labels.get(_INSTANCE))
    return None


def _application(kind: str, metadata: Object) -> Ref | None:
    namespace, name = metadata["namespace"], metadata["name"]
    tracked, colon, tracking = (metadata.get("annotations") or {}).get(_TRACKING_ID, "").partition(":")
    if colon:  # NAME:GROUP/KIND:NAMESPACE/NAME
        this = f"{WORKLOAD_KINDS[kind].group}/{kind}:{namespace}/{name}"
        return _tool(namespace, SourceKind.APPLICATION, tracked) if tracking == this else None
    managers = {each.get("manager") for each in metadata.get("managedFields") or ()}
    instance = (metadata.get("labels") or {}).get(_INSTANCE)
    return _tool(namespace, SourceKind.APPLICATION, instance) if managers & _ARGO_MANAGERS else None


def _tool(namespace: str | None, kind: SourceKind, name: str | None) -> Ref | None:
    """Name what a tool knows; what is too long for a name is none."""
    if not namespace or not name or max(len(namespace), len(name)) > _OWNER_LENGTH:
        return None
    return _share(Ref(namespace, kind.value, name))
