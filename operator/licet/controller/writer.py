"""Writing statuses: only when they differ from what the API server has, with an Event for each change of state."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

from licet.cluster.api import JsonObject, KubeApi, Patch
from licet.cluster.errors import ApiError
from licet.cluster.events import EventRecorder, EventType, Regarding
from licet.cluster.resource import BREAK_GLASSES, ENTITLEMENTS, INSTALLATIONS, LICENSES, VENDORS, Resource
from licet.controller.observed import Observed, digest
from licet.controller.world import World
from licet.core.allocation import Key
from licet.resources.base import GROUP, VERSION
from licet.resources.meta import Condition, ConditionStatus, ConditionType, Status

# The kind of each resource, and the condition that tells its state: each change of it is worth an Event. The others
# are when they turn bad, and when that is over.
_TELLING: Final = {
    VENDORS: ("Vendor", ConditionType.READY),
    LICENSES: ("License", ConditionType.VALID),
    ENTITLEMENTS: ("Entitlement", ConditionType.LICENSED),
    INSTALLATIONS: ("Installation", ConditionType.LICENSED),
    BREAK_GLASSES: ("BreakGlass", ConditionType.ACTIVE),
}
_BAD_WHEN_TRUE: Final = frozenset({ConditionType.EXPIRING_SOON, ConditionType.ACTIVE})


class StatusWriter:
    """Writes the statuses of licet's kinds."""

    def __init__(self, api: KubeApi, world: World, events: EventRecorder) -> None:
        self._api = api
        self._world = world
        self._events = events

    async def write(self, resource: Resource, key: Key, observed: Observed, status: Status) -> None:
        """Write a status that was derived from an object as observed, if it differs from the one that it has.

        An object that is gone, or was made anew meanwhile, is left alone: its own event is on the way.

        Raises:
            ApiError: the API server did not take it.
        """
        document = status.as_json()
        if digest(document) == observed.status_digest:
            return
        namespace, name = key
        patch: list[JsonObject] = [
            {"op": "test", "path": "/metadata/uid", "value": observed.uid},
            {"op": "add", "path": "/status", "value": document},
        ]
        try:
            written = await self._api.patch(resource.path(namespace or None, name, "status"), patch, Patch.JSON)
        except ApiError as error:
            if error.is_not_found or _failed_the_test(error):
                return
            raise
        known = self._world.observed[resource]
        if (current := known.get(key)) is not None and current.uid == observed.uid:
            version = int(written["metadata"]["resourceVersion"])
            known[key] = current.with_status(document, version=version)
        self._tell(resource, key, observed, status)

    def _tell(self, resource: Resource, key: Key, observed: Observed, status: Status) -> None:
        kind, telling = _TELLING[resource]
        regarding = Regarding(f"{GROUP}/{VERSION}", kind, key[1], key[0], observed.uid)
        for condition in _worth_telling(telling, observed.conditions, status.conditions):
            event_type = EventType.WARNING if _is_bad(condition) else EventType.NORMAL
            self._events.emit(regarding, condition.reason, condition.message, event_type=event_type)


def _failed_the_test(error: ApiError) -> bool:
    """Tell a patch whose `test` failed from a status that is not valid, for which the API server names the fields."""
    return error.status == HTTPStatus.UNPROCESSABLE_ENTITY and not error.causes


def _worth_telling(telling: str, before: Iterable[Condition], after: Iterable[Condition]) -> list[Condition]:
    known = {condition.type: (condition.status, condition.reason) for condition in before}
    changed = [
        condition
        for condition in after
        if known.get(condition.type) != (condition.status, condition.reason)
        and (condition.type == telling or _is_bad(condition) or condition.type in known)
    ]
    # Several conditions may tell the same (Ready and Valid of a License): once is enough.
    return list({(condition.reason, condition.message): condition for condition in changed}.values())


def _is_bad(condition: Condition) -> bool:
    return (condition.status == ConditionStatus.TRUE) == (condition.type in _BAD_WHEN_TRUE)
