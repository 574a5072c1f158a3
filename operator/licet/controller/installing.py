"""Making, writing and deleting Installations."""

from collections.abc import Iterable
from typing import Final

from licet.cluster.api import KubeApi
from licet.cluster.errors import ApiError
from licet.cluster.releases import list_revisions
from licet.cluster.resource import INSTALLATIONS, NAMESPACES
from licet.controller.entitlements import ProductKey
from licet.controller.observed import Observed
from licet.controller.sources import InstallationKey
from licet.controller.world import InstallationRecord, World
from licet.controller.writer import StatusWriter
from licet.core import bounds
from licet.resources.base import GROUP, VERSION
from licet.resources.installation import InstallationStatus

_LOOK_AGAIN_SECONDS: Final = 10.0


class Installer:
    """Brings Installations to what they are to be; every method raises `ApiError`."""

    def __init__(self, api: KubeApi, world: World, writer: StatusWriter) -> None:
        self._api = api
        self._world = world
        self._writer = writer

    async def is_new(self, namespace: str) -> bool:
        """Tell whether there is a namespace that was not heard of yet: its labels, as its event, are on their way."""
        if namespace in self._world.namespaces:
            return False
        try:
            found = await self._api.get(NAMESPACES.path(name=namespace), metadata_only=True)
        except ApiError as error:
            if not error.is_not_found:
                raise
            return False
        return "deletionTimestamp" not in found["metadata"]

    async def create(self, key: InstallationKey) -> Observed | None:
        """Make an Installation without a status; None where its namespace is being deleted."""
        namespace, name = key
        body = {"apiVersion": f"{GROUP}/{VERSION}", "kind": "Installation", "metadata": {"name": name}}
        try:
            created = await self._api.create(INSTALLATIONS.path(namespace), body)
        except ApiError as error:
            if not error.is_namespace_terminating:
                raise
            return None
        return self._world.observed[INSTALLATIONS].setdefault(key, Observed.read(created))

    async def write(
        self,
        key: InstallationKey,
        observed: Observed,
        status: InstallationStatus,
        licensed: Iterable[tuple[ProductKey, bool]],
    ) -> None:
        """Write a status if it differs, and remember it.

        Args:
            key: of the Installation.
            observed: the Installation as it is.
            status: what it is to say.
            licensed: the product of each thing that is installed, and whether a license covers that thing.
        """
        await self._writer.write(INSTALLATIONS, key, observed, status)
        world = self._world
        if key not in world.observed[INSTALLATIONS]:
            return
        world.installations[key] = InstallationRecord(status.first_seen, status.history, status.source)
        products: dict[ProductKey, bool] = {}
        for product, covered in licensed:
            products[product] = covered and products.get(product, True)
        world.licensed[key] = products

    async def remove(self, key: InstallationKey) -> float | None:
        """Delete the Installation of what is gone; gives the seconds after which to look again, or None.

        That of a release goes when a live list finds no revision, that of workloads once all of them were listed.
        """
        world = self._world
        world.licensed.pop(key, None)
        world.sources.forget(key)  # before anything is awaited: it may be enlisted anew meanwhile
        observed = world.observed[INSTALLATIONS].get(key)
        if observed is not None:
            record = world.installations.get(key, InstallationRecord())
            if not record.is_of_release:
                if not world.workloads_listed():
                    return _LOOK_AGAIN_SECONDS
            elif len(key[1]) <= bounds.LABEL_LENGTH and await list_revisions(self._api, *key):
                return None
            await self._api.remove(INSTALLATIONS.path(*key), uid=observed.uid)
        return None
