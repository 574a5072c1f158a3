"""What kopf watches: licet's own kinds. Its handlers only take note, and enqueue what follows.

Handlers of events, unlike those of causes, put neither finalizers nor annotations on users' objects. kopf swallows
their errors and never calls them again; so they do nothing that can fail for a reason other than a bug.
"""

from collections.abc import Callable
from typing import Any, Final

import aiohttp
import kopf
from aiohttp import hdrs

from licet.cluster.connection import Connection
from licet.cluster.records import LicenseRecord, VendorRecord
from licet.controller.observed import Observed
from licet.controller.queue import Item, Kind
from licet.controller.world import EntitlementRecord, InstallationRecord, World
from licet.resources.base import GROUP, VERSION

PLURALS: Final = ("vendors", "licenses", "entitlements", "installations")

_DELETED: Final = "DELETED"


class Intake:
    """Takes objects of licet's kinds into the world, and enqueues what has to be reconciled because of them."""

    def __init__(self, world: World, enqueue: Callable[[Item], None]) -> None:
        self._world = world
        self._enqueue = enqueue

    def take(self, plural: str, obj: dict[str, Any], *, deleted: bool = False) -> None:
        """Take in an object as it is now, or its deletion."""
        metadata = obj["metadata"]
        key = metadata.get("namespace", ""), metadata["name"]
        {
            "vendors": self._take_vendor,
            "licenses": self._take_license,
            "entitlements": self._take_entitlement,
            "installations": self._take_installation,
        }[plural](key, None if deleted else obj)

    def known(self, plural: str) -> set[tuple[str, str]]:
        """Give the keys of all objects of a kind that were taken in."""
        world = self._world
        match plural:
            case "vendors":
                return {("", name) for name in world.vendors}
            case "licenses":
                return {("", name) for name in world.licenses}
            case "entitlements":
                return set(world.entitlements.records)
            case _:
                return set(world.installations)

    def _take_vendor(self, key: tuple[str, str], obj: dict[str, Any] | None) -> None:
        name, world = key[1], self._world
        before = world.ledger.vendors.get(name)
        record = VendorRecord.read(obj) if obj is not None else None
        if obj is None:
            world.vendors.pop(name, None)
        else:
            world.vendors[name] = Observed.read(obj)
        if record == before:
            self._enqueue(Item(Kind.VENDOR, name=name))  # perhaps somebody changed its status
            return
        world.ledger.set_vendor(name, record)
        for other in world.vendors:
            self._enqueue(Item(Kind.VENDOR, name=other))  # conflicts concern both sides
        self._enqueue(Item(Kind.ASSESSMENT))
        for entitlement, known in world.entitlements.records.items():
            if known.request.vendor == name:
                self._enqueue(Item(Kind.ENTITLEMENT, *entitlement))
        if (before and before.vendor.products) != (record and record.vendor.products):
            for release in world.forget_subjects():
                self._enqueue(Item(Kind.INSTALLATION, *release))

    def _take_license(self, key: tuple[str, str], obj: dict[str, Any] | None) -> None:
        name, world = key[1], self._world
        before = world.ledger.licenses.get(name)
        record = LicenseRecord.read(obj) if obj is not None else None
        if obj is None:
            world.licenses.pop(name, None)
        else:
            world.licenses[name] = Observed.read(obj)
            self._enqueue(Item(Kind.LICENSE, name=name))
        if record == before:
            return
        world.ledger.set_license(name, record)
        if record is not None and record.token_from is not None:
            self._enqueue(Item(Kind.TOKEN, name=record.token_from.name))
        self._enqueue(Item(Kind.ASSESSMENT))

    def _take_entitlement(self, key: tuple[str, str], obj: dict[str, Any] | None) -> None:
        before = self._world.entitlements.records.get(key)
        record = EntitlementRecord.read(obj) if obj is not None else None
        if record is not None and record == before:
            return  # the echo of a status that was just written
        for affected in self._world.set_entitlement(key, record):
            self._enqueue(Item(Kind.ENTITLEMENT, *affected))

    def _take_installation(self, key: tuple[str, str], obj: dict[str, Any] | None) -> None:
        record = InstallationRecord.read(obj) if obj is not None else None
        before = self._world.installations.get(key)
        if record == before:
            return
        if record is None:
            del self._world.installations[key]
        else:
            self._world.installations[key] = record
        self._enqueue(Item(Kind.INSTALLATION, *key))


def register(registry: kopf.OperatorRegistry, intake: Intake, kubeconfig: str | None) -> None:
    """Have kopf log in as the rest of the process does, watch licet's kinds, and tell the intake."""

    @kopf.on.login(registry=registry)
    async def log_in(**_: object) -> kopf.AiohttpSession:
        connection = await Connection.open(kubeconfig)
        header = await connection.authorization()
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=connection.endpoint.tls, limit=0),
            headers={hdrs.AUTHORIZATION: header} if header else {},
            proxy=connection.endpoint.proxy,
        )
        return kopf.AiohttpSession(server=connection.endpoint.server, aiohttp_session=session)

    for plural in PLURALS:

        @kopf.on.event(GROUP, VERSION, plural, param=plural, registry=registry)
        async def take(*, event: kopf.RawEvent, param: str = plural, **_: Any) -> None:  # noqa: ANN401 - kopf's form
            intake.take(param, dict(event["object"]), deleted=event["type"] == _DELETED)
