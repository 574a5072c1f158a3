"""What brought workloads in: all workloads of the cluster by their source, and the Installation of each source.

A source is a Helm release that there is, an Application, or a topmost object: a workload that nothing else made, or
what controls workloads without being one, such as a Rollout.

Flux keeps the record of a release in another namespace than it installs it to, if it is told to. Such a release is
known by the namespace of the record; workloads name the other one.

An Installation has the name of its release. That of another source is KIND.NAME, with a digest for kinds that are no
workloads, which may differ in upper and lower case alone. Where a release has that very name, it is KIND.DIGEST, longer
than the name of a release can be: an Installation is never of two sources.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Final

from licet.cluster.resource import WORKLOAD_KINDS
from licet.controller.releases import ReleaseKey
from licet.controller.workloads import Ref, Workload
from licet.resources.installation import SourceKind

InstallationKey = tuple[str, str]  # namespace and name

_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")  # RFC 1123 subdomain
_NAME_LENGTH: Final = 253
_NAMESPACE: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")  # RFC 1123 label
_PLACES: Final = 16  # of one release besides that of its record; in truth there is one
_DEPTH: Final = 16  # objects on the way from a workload to its source; operators of operators make it five
_SHORT_DIGEST: Final = 10
_NAMED_ALONE: Final = frozenset({*WORKLOAD_KINDS, SourceKind.APPLICATION})


class Sources:
    """The workloads of the cluster; `is_release` tells whether there is a Helm release of that namespace and name."""

    def __init__(self, is_release: Callable[[ReleaseKey], bool]) -> None:
        self._is_release = is_release
        self._workloads: dict[Ref, Workload] = {}
        self._inside: defaultdict[Ref, set[Ref]] = defaultdict(set)  # by all that they may belong to
        self._named: dict[InstallationKey, Ref] = {}
        self._places: defaultdict[ReleaseKey, set[str]] = defaultdict(set)  # other namespaces that releases install to
        self._recorded: defaultdict[ReleaseKey, set[ReleaseKey]] = defaultdict(set)  # the same the other way round

    def set(self, ref: Ref, workload: Workload | None) -> frozenset[Ref]:
        """Take in a workload, or its deletion; gives the sources that this concerns."""
        concerned = self._sources_within(ref)
        for parent in _parents(self._workloads.pop(ref, None)):
            self._inside[parent].discard(ref)
            if not self._inside[parent]:
                del self._inside[parent]
        if workload is not None:
            self._workloads[ref] = workload
            for parent in _parents(workload):
                self._inside[parent].add(ref)
        return concerned | self._sources_within(ref)

    def set_place(self, release: ReleaseKey, namespace: str) -> frozenset[Ref]:
        """Take in to which namespace a release says it installs; gives the sources that its workloads had before.

        What a release says may be anything: it counts as far as it can be true.
        """
        record_namespace, name = release
        known = self._places.get(release, ())
        if namespace in {record_namespace, *known} or not _NAMESPACE.fullmatch(namespace) or len(known) == _PLACES:
            return frozenset()
        before = {self.of(ref) for ref, _ in self.within(Ref(namespace, SourceKind.RELEASE, name))}
        self._places[release].add(namespace)
        self._recorded[namespace, name].add(release)
        return frozenset(before)

    def places(self, release: ReleaseKey) -> tuple[str, ...]:
        """Give the namespaces of a release: that of its record first."""
        return release[0], *sorted(self._places.get(release, ()))

    def placed(self, namespace: str) -> frozenset[ReleaseKey]:
        """Give the releases that install to a namespace, of those that are recorded in another."""
        recorded = (releases for (place, _), releases in self._recorded.items() if place == namespace)
        return frozenset().union(*recorded)

    def forget_places(self, release: ReleaseKey) -> None:
        """Take in that there is no such release any more."""
        for namespace in self._places.pop(release, ()):
            key = namespace, release[1]
            self._recorded[key].discard(release)
            if not self._recorded[key]:
                del self._recorded[key]

    def of(self, ref: Ref) -> Ref:
        """Give the source of a workload."""
        *_, source = self._path(ref)
        return source

    def __iter__(self) -> Iterator[tuple[Ref, Workload]]:
        return iter(self._workloads.items())

    def within(self, ref: Ref) -> Iterator[tuple[Ref, Workload]]:
        """List a workload, or what a tool has brought, with all inside that may have it on the path to their source."""
        seen: set[Ref] = set()
        level = [ref]
        if ref.kind == SourceKind.RELEASE:
            level += (ref._replace(namespace=place) for place in self._places.get((ref.namespace, ref.name), ()))
        for _ in range(_DEPTH):
            below: list[Ref] = []
            for current in level:
                if current in seen:
                    continue
                seen.add(current)
                if (workload := self._workloads.get(current)) is not None:
                    yield current, workload
                below += self._inside.get(current, ())
            level = below

    def members(self, source: Ref) -> Iterator[tuple[Ref, Workload]]:
        """List the workloads of a source, each with the topmost object that it belongs to."""
        for ref, workload in self.within(source):
            path = self._path(ref)
            if path[-1] == source:
                yield next((each for each in reversed(path) if each.kind not in _TOOLS), ref), workload

    def is_early(self, source: Ref) -> bool:
        """Tell whether this may not be the source yet: what it says it belongs to is not there, or not heard of yet."""
        workload = self._workloads.get(source)
        if workload is None:
            return source.kind in WORKLOAD_KINDS and source in self._inside
        return workload.release is not None

    # -- Installations -------------------------------------------------------------------------------------------------

    def installation(self, source: Ref) -> InstallationKey:
        """Give the Installation of a source."""
        if source.kind == SourceKind.RELEASE:
            return source.namespace, source.name
        short, long = _names(source)
        return source.namespace, long if not short or self._is_release((source.namespace, short)) else short

    def enlist(self, source: Ref) -> InstallationKey:
        """Have `source` find this source by its Installation, which is given."""
        key = self.installation(source)
        if source.kind != SourceKind.RELEASE:
            self._named[key] = source
        return key

    def source(self, installation: InstallationKey) -> Ref | None:
        """Give the source of an Installation, if it was enlisted and is not a release."""
        source = self._named.get(installation)
        if source is None or self.installation(source) != installation:
            return None
        return source

    def displaced(self, release: ReleaseKey) -> tuple[InstallationKey, ...]:
        """Give the Installations of the source that loses its name to a release, or gets it back."""
        source = self._named.get(release)
        if source is None:
            return ()
        self.enlist(source)
        return tuple((source.namespace, name) for name in _names(source))

    def forget(self, installation: InstallationKey) -> None:
        """Take in that there is nothing of which this would be the Installation."""
        self._named.pop(installation, None)

    # ------------------------------------------------------------------------------------------------------------------

    def _sources_within(self, ref: Ref) -> frozenset[Ref]:
        return frozenset(self.of(each) for each, _ in self.within(ref))

    def _path(self, ref: Ref) -> list[Ref]:
        """List a workload, what made it, and so on up to the source.

        What is in a circle, or in too deep, is its own source: only forgery makes such.
        """
        path = [ref]
        while (parent := self._parent(path[-1])) is not None:
            if parent in path or len(path) == _DEPTH:
                return [ref]
            path.append(parent)
        return path

    def _parent(self, ref: Ref) -> Ref | None:
        return next(filter(None, map(self._existing, _parents(self._workloads.get(ref)))), None)

    def _existing(self, parent: Ref) -> Ref | None:
        """Give what a workload belongs to by the name that it is known by; None for a release that there is not."""
        key = parent.namespace, parent.name
        if parent.kind != SourceKind.RELEASE or self._is_release(key):
            return parent
        recorded = min(filter(self._is_release, self._recorded.get(key, ())), default=None)
        return Ref(recorded[0], parent.kind, recorded[1]) if recorded is not None else None


_TOOLS: Final = frozenset(SourceKind)


def _parents(workload: Workload | None) -> Iterator[Ref]:
    """List what a workload may belong to, the first that there is being the right one."""
    if workload is not None:
        yield from filter(None, (workload.owner, workload.release, workload.application))


def _names(source: Ref) -> tuple[str, str]:
    """Give the names that an Installation may have; the short one is empty where it would be no name."""
    kind, digest = source.kind.lower(), sha256(f"{source.kind}/{source.name}".encode()).hexdigest()
    short = f"{kind}.{source.name}" + ("" if source.kind in _NAMED_ALONE else f".{digest[:_SHORT_DIGEST]}")
    fits = len(short) <= _NAME_LENGTH and _NAME.fullmatch(short)
    return short if fits else "", f"{kind}.{digest}"
