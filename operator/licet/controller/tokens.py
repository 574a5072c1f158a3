"""Reading the tokens that Licenses refer to in Secrets of the operator's namespace.

A License whose reference is new is judged once its Secret has been read, and not before: what it gave until then stays.
"""

from collections.abc import Callable

from licet.cluster.api import KubeApi
from licet.cluster.errors import ApiError
from licet.cluster.resource import SECRETS
from licet.cluster.state import secret_data
from licet.controller.queue import Item, Kind
from licet.controller.world import World


class Tokens:
    """Reads Secrets, and has all Licenses judged anew after each."""

    def __init__(self, api: KubeApi, world: World, namespace: str, enqueue: Callable[[Item], None]) -> None:
        self._api = api
        self._world = world
        self._namespace = namespace
        self._enqueue = enqueue

    async def read_new(self) -> None:
        """Read the Secrets that have not been read yet; raises `ApiError`."""
        for name in {record.token_from.name for record in self._world.unread.values() if record.token_from}:
            await self.read(name)

    async def read(self, name: str) -> None:
        """Read a Secret; where that fails, what was read of it before still holds.

        Raises:
            ApiError: it can't be read, for another reason than that it does not exist.
        """
        try:
            data = secret_data(await self._api.get(SECRETS.path(self._namespace, name)))
        except ApiError as error:
            self._admit(name)
            if not error.is_not_found:
                raise
            self._world.ledger.set_secret(name, None)
        else:
            self._admit(name)
            self._world.ledger.set_secret(name, data)
        finally:
            self._enqueue(Item(Kind.ASSESSMENT))

    def _admit(self, name: str) -> None:
        """Have the Licenses judged that waited for this Secret."""
        unread = self._world.unread
        for license_name, record in list(unread.items()):
            if record.token_from is not None and record.token_from.name == name:
                del unread[license_name]
                self._world.ledger.set_license(license_name, record)
                self._enqueue(Item(Kind.LICENSE, name=license_name))
