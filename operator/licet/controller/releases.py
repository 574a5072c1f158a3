"""Helm releases as the metadata of their objects shows them: which revisions there are, and in what state.

Helm 3 and 4 label each Secret or ConfigMap of a release with `name`, `version` (the revision), `status` and
`owner: helm`; nothing but this metadata is watched, since a release can be of a megabyte.

Helm looks into one storage only, so the same name in both is two releases to it, each with revisions of its own. To
licet it is one, of which a part may run from either: as it is while a release is moved from one storage to the other.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from licet.cluster.api import JsonObject
from licet.core.release import Storage
from licet.core.timestamps import parse_instant

ReleaseKey = tuple[str, str]  # namespace and name of the release

_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")  # as Helm takes them
_REVISION: Final = re.compile(r"[1-9][0-9]{0,8}")
_NOTHING_RUNS: Final = frozenset({"uninstalled", "uninstalling"})


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision of a release: the object that holds it, and its state."""

    storage: Storage
    object_name: str
    uid: str
    release: str
    number: int
    status: str
    created: int = 0
    """When Helm began it, in epoch seconds of the API server."""

    @classmethod
    def read(cls, storage: Storage, obj: JsonObject) -> "Revision | None":
        """Read the metadata of a release's object; None for one without the labels that Helm gives."""
        metadata = obj["metadata"]
        labels = metadata.get("labels") or {}
        release, number = labels.get("name", ""), labels.get("version", "")
        if labels.get("owner") != "helm" or not _NAME.fullmatch(release) or not _REVISION.fullmatch(number):
            return None
        created = metadata.get("creationTimestamp")
        return cls(
            storage=storage,
            object_name=metadata["name"],
            uid=metadata["uid"],
            release=release,
            number=int(number),
            status=labels.get("status", ""),
            created=parse_instant(created) if created else 0,
        )


class Releases:
    """The revisions of all releases of the cluster."""

    def __init__(self) -> None:
        self._revisions: defaultdict[ReleaseKey, dict[tuple[Storage, str], Revision]] = defaultdict(dict)

    def __iter__(self) -> Iterator[ReleaseKey]:
        return iter(self._revisions)

    def __contains__(self, key: object) -> bool:
        return key in self._revisions

    def uids(self, key: ReleaseKey) -> frozenset[str]:
        """Give the UIDs of the objects that hold a release's revisions."""
        return frozenset(revision.uid for revision in self._revisions.get(key, {}).values())

    def in_namespace(self, namespace: str) -> list[ReleaseKey]:
        """List the releases of a namespace."""
        return [key for key in self._revisions if key[0] == namespace]

    def set(self, namespace: str, old: Revision | None, new: Revision | None) -> frozenset[ReleaseKey]:
        """Take in an object with a revision, or its deletion; gives the releases that this concerns."""
        concerned: set[ReleaseKey] = set()
        if old is not None:
            key = namespace, old.release
            self._revisions[key].pop((old.storage, old.object_name), None)
            if not self._revisions[key]:
                del self._revisions[key]
            concerned.add(key)
        if new is not None:
            key = namespace, new.release
            self._revisions[key][new.storage, new.object_name] = new
            concerned.add(key)
        return frozenset(concerned)

    def newest(self, key: ReleaseKey, count: int) -> list[Revision]:
        """List the newest revisions of a release, so many in each storage, and those in Secrets first."""
        return [revision for revisions in self._by_storage(key) for revision in revisions[:count]]

    def latest(self, key: ReleaseKey) -> tuple[Revision, ...]:
        """Give the latest revision of a release in each storage that has any."""
        return tuple(revisions[0] for revisions in self._by_storage(key))

    def running(self, key: ReleaseKey) -> tuple[Revision, ...]:
        """Give the revision of each storage that runs: the latest deployed one, else the latest, unless uninstalled.

        An upgrade that failed, or is on its way, leaves the revision before it deployed; an install that failed may
        have left a part of itself running.
        """
        return tuple(filter(None, map(_running, self._by_storage(key))))

    def _by_storage(self, key: ReleaseKey) -> list[list[Revision]]:
        ordered = sorted(self._revisions.get(key, {}).values(), key=lambda revision: revision.number, reverse=True)
        by_storage = ([revision for revision in ordered if revision.storage is storage] for storage in Storage)
        return [revisions for revisions in by_storage if revisions]


def _running(revisions: list[Revision]) -> Revision | None:
    deployed = (revision for revision in revisions if revision.status == "deployed")
    return next(deployed, None if revisions[0].status in _NOTHING_RUNS else revisions[0])
