"""Writing statuses: only when they differ from what the API server has, with an Event for each change of state."""

from collections.abc import Callable, Iterable
from typing import Final

from licet.cluster.api import JsonObject, KubeApi, Patch
from licet.cluster.errors import ApiError
from licet.cluster.events import EventRecorder, EventType, Regarding
from licet.cluster.resource import Resource
from licet.controller.observed import Observed, digest
from licet.resources.base import GROUP, VERSION
from licet.resources.meta import Condition, ConditionStatus, ConditionType, Status

# The condition that tells an object's state, by kind: the one whose every change is worth an Event. The others are
# only where they turn bad.
_TELLING: Final = {
    "Vendor": ConditionType.READY,
    "License": ConditionType.VALID,
    "Entitlement": ConditionType.LICENSED,
    "Installation": ConditionType.LICENSED,
}
_BAD_WHEN_TRUE: Final = frozenset({ConditionType.EXPIRING_SOON})


class StatusWriter:
    """Writes the statuses of licet's kinds."""

    def __init__(self, api: KubeApi, events: EventRecorder) -> None:
        self._api = api
        self._events = events

    async def write(
        self,
        resource: Resource,
        kind: str,
        key: tuple[str, str],
        observed: Observed,
        status: Status,
        remember: Callable[[Observed], None],
    ) -> None:
        """Write a status if it differs from the one observed, and have what is there then remembered.

        An object that is gone, or was made anew meanwhile, is left alone: its own event is on the way.

        Raises:
            ApiError: the API server did not take it.
        """
        document = status.as_json()
        wanted = digest(document)
        if wanted == observed.status_digest:
            return
        namespace, name = key
        path = resource.path(namespace or None, name, "status")
        patch: list[JsonObject] = [
            {"op": "test", "path": "/metadata/uid", "value": observed.uid},
            {"op": "add", "path": "/status", "value": document},
        ]
        try:
            await self._api.patch(path, patch, Patch.JSON)
        except ApiError as error:
            if error.is_not_found or (error.is_invalid and "/metadata/uid" in error.message):
                return
            raise
        remember(
            Observed(
                uid=observed.uid,
                generation=observed.generation,
                deleting=observed.deleting,
                status_digest=wanted,
                conditions=status.conditions,
            )
        )
        regarding = Regarding(f"{GROUP}/{VERSION}", kind, name, namespace, observed.uid)
        for condition in _worth_telling(kind, observed.conditions, status.conditions):
            holds = condition.status == ConditionStatus.TRUE
            good = holds != (condition.type in _BAD_WHEN_TRUE)
            self._events.emit(
                regarding,
                condition.reason,
                condition.message,
                event_type=EventType.NORMAL if good else EventType.WARNING,
            )


def _worth_telling(kind: str, before: Iterable[Condition], after: Iterable[Condition]) -> list[Condition]:
    known = {condition.type: (condition.status, condition.reason) for condition in before}
    telling = [
        condition
        for condition in after
        if known.get(condition.type) != (condition.status, condition.reason)
        and (condition.type == _TELLING[kind] or _is_bad(condition) or condition.type in known)
    ]
    # Several conditions may tell the same (Ready and Valid of a License): once is enough.
    return list({(condition.reason, condition.message): condition for condition in telling}.values())


def _is_bad(condition: Condition) -> bool:
    return (condition.status == ConditionStatus.TRUE) == (condition.type in _BAD_WHEN_TRUE)
