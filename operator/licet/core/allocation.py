"""Who gets how much of a limit: reservations first, in order of age; the others share what is left.

A reservation draws from the pools that its namespace may use, restricted ones before those open to all, so that a
reservation leaves the most for the others. What no longer fits gets what is left. An unlimited pool grants everything.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from licet.core.evaluate import LimitRight, Rights

Key = tuple[str, str]  # namespace and name of an Entitlement
_PoolKey = tuple[str, tuple[str, str, str]]  # limit, and source of the pool


@dataclass(frozen=True, slots=True)
class Reservation:
    """The amounts that one Entitlement asks for, by limit."""

    key: Key
    created: str  # RFC 3339 in UTC, so that text order is time order
    amounts: Mapping[str, int]

    @property
    def age(self) -> tuple[str, Key]:
        """Sort key that puts first who is served first."""
        return self.created, self.key


@dataclass(frozen=True)
class Allocation:
    """The outcome for all Entitlements of one product."""

    granted: Mapping[Key, Mapping[str, int]] = field(default_factory=dict)
    _left: Mapping[_PoolKey, int] = field(default_factory=dict)  # untouched pools are absent

    def left(self, name: str, limit: LimitRight) -> int | None:
        """Give what reservations leave of a limit to those who share it; None is unlimited."""
        if limit.total is None:
            return None
        return sum(self._left.get((name, pool.source), pool.amount or 0) for pool in limit.pools)


def allocate(reservations: Iterable[Reservation], rights_in: Callable[[str], Rights]) -> Allocation:
    """Serve the reservations of all Entitlements of one product.

    Args:
        reservations: in any order.
        rights_in: gives the rights of a namespace, by its name, in that product.
    """
    granted: dict[Key, dict[str, int]] = {}
    left: dict[_PoolKey, int] = {}
    for reservation in sorted(reservations, key=lambda each: each.age):
        limits = rights_in(reservation.key[0]).limits
        granted[reservation.key] = {
            name: _draw(name, amount, limits.get(name), left) for name, amount in reservation.amounts.items()
        }
    return Allocation(granted, left)


def _draw(name: str, amount: int, limit: LimitRight | None, left: dict[_PoolKey, int]) -> int:
    if limit is None:
        return 0
    if limit.total is None:
        return amount
    wanted = amount
    for pool in limit.pools:
        key = name, pool.source
        available = left.get(key, pool.amount or 0)
        taken = min(wanted, available)
        left[key] = available - taken
        wanted -= taken
    return amount - wanted
