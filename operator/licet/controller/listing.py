"""Listing objects of licet's own kinds, at start and from time to time, for what a watch does not tell.

kopf says nothing of objects that vanished while its watch had to begin anew.
"""

import asyncio
from typing import Final

from licet.cluster.api import KubeApi
from licet.cluster.resource import Resource
from licet.controller.intake import Intake
from licet.controller.world import OWN_KINDS, World

COMPARE_SECONDS: Final = 600.0  # how long it may take at most until such an object is missed


class Lister:
    """Brings the world to what there is."""

    def __init__(self, api: KubeApi, world: World, intake: Intake) -> None:
        self._api = api
        self._world = world
        self._intake = intake
        self._lock = asyncio.Lock()

    async def list_all(self) -> None:
        """List all kinds; raises `ApiError`, also where one of them is not served."""
        for resource in OWN_KINDS:
            await self.list(resource)

    async def list(self, resource: Resource) -> None:
        """List the objects of one kind, and take in those that are new, changed or gone; raises `ApiError`."""
        async with self._lock:
            before = {key: observed.uid for key, observed in self._world.observed[resource].items()}
            with self._intake.listing() as deleted:
                async for page in self._api.pages(resource.path()):
                    for obj in page.items:
                        metadata = obj["metadata"]
                        before.pop((metadata.get("namespace", ""), metadata["name"]), None)
                        if metadata["uid"] not in deleted:
                            self._intake.take(resource, obj)
            for key, uid in before.items():
                self._intake.forget(resource, key, uid)
