"""Which kinds of others are served: told by a watch of their CustomResourceDefinitions, so that nobody asks in a loop.

A kind may be installed after licet, and go away again. It is served from when its definition is established and has the
version that is wanted, until it is being deleted.
"""

import asyncio
from collections.abc import Collection
from functools import partial
from typing import Final

from licet.cluster.api import JsonObject, KubeApi
from licet.cluster.resource import DEFINITIONS, Resource
from licet.cluster.watch import Informer


class ServedKinds:
    """Keeps up with which of these kinds are served, while `run` does; `changed` is set whenever that changes."""

    def __init__(self, api: KubeApi, kinds: Collection[Resource]) -> None:
        self.changed: Final = asyncio.Event()
        self._informers = {
            kind: Informer(
                api,
                DEFINITIONS,
                partial(served_by, kind),
                lambda *_: self.changed.set(),
                field_selector=f"metadata.name={kind}",  # for which the right to see these definitions is enough
            )
            for kind in kinds
        }

    def __contains__(self, kind: object) -> bool:
        return any(kind == each and informer.store for each, informer in self._informers.items())

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for informer in self._informers.values():
                tasks.create_task(informer.run())


def served_by(kind: Resource, definition: JsonObject) -> str | None:
    """Give the UID of a CustomResourceDefinition by which a kind is served; None for one by which it is not."""
    conditions = (definition.get("status") or {}).get("conditions") or ()
    established = any(each["type"] == "Established" and each["status"] == "True" for each in conditions)
    versions = {each["name"] for each in definition["spec"]["versions"] if each["served"]}
    if not established or kind.version not in versions or "deletionTimestamp" in definition["metadata"]:
        return None
    uid: str = definition["metadata"]["uid"]
    return uid
