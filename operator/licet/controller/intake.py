"""Taking in objects of licet's own kinds: into the world, and what has to be reconciled because of them on the queue.

- Objects come from a watch and, now and then, from a list, and each of the two may be behind the other: what is older
  than what is known of that name is left out, and so is what has been heard to be deleted while it was listed.
- A deletion counts for the object with its UID, since the watch may tell it after the creation of the next one of that
  name.
- What can't be read leaves everything else alone, and what was known of it as it was.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from licet.cluster.api import JsonObject
from licet.cluster.records import LicenseRecord, VendorRecord
from licet.cluster.resource import BREAK_GLASSES, ENTITLEMENTS, INSTALLATIONS, LICENSES, VENDORS, Resource
from licet.controller.entitlements import EntitlementRecord
from licet.controller.observed import Observed
from licet.controller.queue import Item, Kind
from licet.controller.uses import BreakGlassRecord
from licet.controller.world import InstallationRecord, World
from licet.core.allocation import Key

_KINDS: Final = {
    VENDORS: Kind.VENDOR,
    LICENSES: Kind.LICENSE,
    ENTITLEMENTS: Kind.ENTITLEMENT,
    INSTALLATIONS: Kind.INSTALLATION,
    BREAK_GLASSES: Kind.BREAK_GLASS,
}
_logger: Final = logging.getLogger(__name__)


class Intake:
    """Takes in what is heard of Vendors, Licenses, Entitlements, Installations and BreakGlasses."""

    def __init__(self, world: World, enqueue: Callable[[Item], None]) -> None:
        self._world = world
        self._enqueue = enqueue
        self._deleted: set[str] | None = None  # UIDs, while somebody lists
        self._change: Final = {
            VENDORS: self._change_vendor,
            LICENSES: self._change_license,
            ENTITLEMENTS: self._change_entitlement,
            INSTALLATIONS: self._change_installation,
            BREAK_GLASSES: self._change_break_glass,
        }

    def take(self, resource: Resource, obj: JsonObject) -> None:
        """Take in an object as it is now, or was a moment ago."""
        metadata = obj["metadata"]
        key = metadata.get("namespace", ""), metadata["name"]
        before = self._world.observed[resource].get(key)
        if before is not None and int(metadata["resourceVersion"]) <= before.version:
            return
        try:
            observed = Observed.read(obj)
            self._change[resource](key, obj)
        except Exception:
            _logger.exception("%s %s can't be read; what was known of it stays", resource, "/".join(filter(None, key)))
            return
        self._world.observed[resource][key] = observed
        if observed != before:
            self._enqueue(Item(_KINDS[resource], *key))

    def forget(self, resource: Resource, key: Key, uid: str) -> None:
        """Take in that an object is gone."""
        if self._deleted is not None:
            self._deleted.add(uid)
        observed = self._world.observed[resource].get(key)
        if observed is None or observed.uid != uid:
            return
        del self._world.observed[resource][key]
        self._change[resource](key, None)

    @contextmanager
    def listing(self) -> Iterator[set[str]]:
        """Note the UIDs of the objects that are forgotten while the block runs; one block at a time."""
        self._deleted = set()
        try:
            yield self._deleted
        finally:
            self._deleted = None

    def _change_vendor(self, key: Key, obj: JsonObject | None) -> None:
        name, world = key[1], self._world
        before = world.ledger.vendors.get(name)
        record = None if obj is None else VendorRecord.read(obj)
        if record == before:
            return
        world.ledger.set_vendor(name, record)
        for other in world.ledger.vendors:
            self._enqueue(Item(Kind.VENDOR, name=other))  # conflicts concern both sides
        self._enqueue(Item(Kind.ASSESSMENT))
        for entitlement, known in world.entitlements.records.items():
            if known.request.vendor == name:
                self._enqueue(Item(Kind.ENTITLEMENT, *entitlement))
        if _chart_claims(before) != _chart_claims(record):
            for release in world.forget_subjects():
                self._enqueue(Item(Kind.INSTALLATION, *release))
        if _claims(before) != _claims(record):
            self._enqueue(Item(Kind.INVENTORY))

    def _change_license(self, key: Key, obj: JsonObject | None) -> None:
        name, world = key[1], self._world
        before = world.unread.get(name) or world.ledger.licenses.get(name)
        record = None if obj is None else LicenseRecord.read(obj)
        if record == before:
            return
        world.unread.pop(name, None)
        if record is not None and record.token_from is not None:
            world.unread[name] = record
            self._enqueue(Item(Kind.TOKEN, name=record.token_from.name))
        else:
            world.ledger.set_license(name, record)
            self._enqueue(Item(Kind.ASSESSMENT))

    def _change_entitlement(self, key: Key, obj: JsonObject | None) -> None:
        # One that is being deleted in the foreground waits for its objects to be collected.
        gone = obj is None or "deletionTimestamp" in obj["metadata"]
        record = EntitlementRecord.read(obj) if obj is not None and not gone else None
        if record == self._world.entitlements.records.get(key):
            return
        for affected in self._world.set_entitlement(key, record):
            self._enqueue(Item(Kind.ENTITLEMENT, *affected))

    def _change_installation(self, key: Key, obj: JsonObject | None) -> None:
        if obj is None:
            gone = self._world.installations.pop(key, None)
            self._enqueue(Item(Kind.INSTALLATION, *key))
            for vendor in self._world.policies if gone is not None and gone.history else ():
                self._enqueue(Item(Kind.WORKLOAD_POLICY, name=vendor))  # they carry what once ran licensed
        else:
            self._world.installations[key] = InstallationRecord.read(obj)

    def _change_break_glass(self, key: Key, obj: JsonObject | None) -> None:
        name, world = key[1], self._world
        before = world.break_glasses.get(name)
        record: BreakGlassRecord | None = None
        if obj is None:
            world.break_glasses.pop(name, None)
        else:
            record = BreakGlassRecord.read(obj)
            observed = world.observed[BREAK_GLASSES].get(key)
            if before is not None and observed is not None and observed.uid == obj["metadata"]["uid"]:
                for use in before.uses:
                    record = record.with_use(use)  # it may not have been written yet
            world.break_glasses[name] = record
        if before is not None and record is not None and before.break_glass == record.break_glass:
            return  # the echo of its status
        self._enqueue(Item(Kind.ASSESSMENT))
        for each in (before, record):
            if each is not None:
                self._enqueue(Item(Kind.INSTALLATION, each.break_glass.namespace, each.break_glass.release))


def _chart_claims(record: VendorRecord | None) -> object:
    """Give what decides which charts a Vendor claims; of several Vendors, the one created first does."""
    return (record.vendor.products, record.vendor.created) if record is not None else ()


def _claims(record: VendorRecord | None) -> object:
    """Give what decides which images a Vendor claims."""
    return (_chart_claims(record), record.vendor.mirrors) if record is not None else ()
