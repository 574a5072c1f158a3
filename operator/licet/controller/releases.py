"""Helm releases as their Secrets' metadata shows them: which revisions there are, and in what state.

Helm 3 and 4 label each release Secret with `name`, `version` (the revision), `status` and `owner: helm`; nothing but
this metadata is watched, since a release can be of a megabyte.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from licet.cluster.api import JsonObject

ReleaseKey = tuple[str, str]  # namespace and name of the release

_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")  # as Helm takes them
_REVISION: Final = re.compile(r"[1-9][0-9]{0,8}")
_NOTHING_RUNS: Final = frozenset({"uninstalled", "uninstalling"})


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision of a release: the Secret that holds it, and its state."""

    secret: str
    uid: str
    release: str
    number: int
    status: str

    @classmethod
    def read(cls, obj: JsonObject) -> "Revision | None":
        """Read the metadata of a release Secret; None for one without the labels that Helm gives."""
        metadata = obj["metadata"]
        labels = metadata.get("labels") or {}
        release, number = labels.get("name", ""), labels.get("version", "")
        if labels.get("owner") != "helm" or not _NAME.fullmatch(release) or not _REVISION.fullmatch(number):
            return None
        return cls(metadata["name"], metadata["uid"], release, int(number), labels.get("status", ""))


class Releases:
    """The revisions of all releases of the cluster."""

    def __init__(self) -> None:
        self._revisions: defaultdict[ReleaseKey, dict[str, Revision]] = defaultdict(dict)

    def __iter__(self) -> Iterator[ReleaseKey]:
        return iter(self._revisions)

    def uids(self, key: ReleaseKey) -> frozenset[str]:
        """Give the UIDs of the Secrets that hold a release's revisions."""
        return frozenset(revision.uid for revision in self._revisions.get(key, {}).values())

    def in_namespace(self, namespace: str) -> list[ReleaseKey]:
        """List the releases of a namespace."""
        return [key for key in self._revisions if key[0] == namespace]

    def set(self, namespace: str, old: Revision | None, new: Revision | None) -> frozenset[ReleaseKey]:
        """Take in a release Secret, or its deletion; gives the releases that this concerns."""
        concerned: set[ReleaseKey] = set()
        if old is not None:
            key = namespace, old.release
            self._revisions[key].pop(old.secret, None)
            if not self._revisions[key]:
                del self._revisions[key]
            concerned.add(key)
        if new is not None:
            key = namespace, new.release
            self._revisions[key][new.secret] = new
            concerned.add(key)
        return frozenset(concerned)

    def latest(self, key: ReleaseKey) -> Revision | None:
        """Give the latest revision of a release; None where there is no revision."""
        return max(self._revisions.get(key, {}).values(), key=lambda revision: revision.number, default=None)

    def running(self, key: ReleaseKey) -> Revision | None:
        """Give the revision that runs: the latest deployed one, else the latest, unless it was uninstalled.

        An upgrade that failed, or is on its way, leaves the revision before it deployed; an install that failed may
        have left a part of itself running.
        """
        revisions = self._revisions.get(key, {}).values()
        deployed = [revision for revision in revisions if revision.status == "deployed"]
        if deployed:
            return max(deployed, key=lambda revision: revision.number)
        latest = self.latest(key)
        return latest if latest is not None and latest.status not in _NOTHING_RUNS else None
