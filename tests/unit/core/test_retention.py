"""What ran may fill the memory of a namespace, but nobody else's, and never the parameters."""

import pytest

from licet.core import bounds
from licet.core.retention import within_bounds
from licet.core.workloads import PastWorkloads

SMALL = PastWorkloads(frozenset({"registry.example/api:2.0.0"}), frozenset({("acme-platform", "2.0.0")}))


def images(count: int, *, length: int = 1000) -> PastWorkloads:
    return PastWorkloads(frozenset(f"registry.example/{number:04}".ljust(length, "x") for number in range(count)))


def size(past: dict[str, PastWorkloads]) -> int:
    return sum(len(image) for ran in past.values() for image in ran.images)


def test_what_has_room_is_told_whole():
    past = {"prod-eu": SMALL, "prod-us": images(100), "empty": PastWorkloads()}
    assert within_bounds(past) == past


def test_who_runs_too_much_does_not_take_the_memory_of_others():
    past = {"a-flooded": images(1000), "prod-eu": SMALL, "z-flooded": images(1000)}
    kept = within_bounds(past)
    assert kept["prod-eu"] == SMALL
    assert bounds.POLICY_PAST_BYTES * 0.9 < size(kept) < bounds.POLICY_PAST_BYTES
    assert len(kept["a-flooded"].images) == len(kept["z-flooded"].images) > 0


@pytest.mark.parametrize(
    ("length", "told"), [(bounds.POLICY_REFERENCE_LENGTH, 1), (bounds.POLICY_REFERENCE_LENGTH + 1, 0)]
)
def test_names_that_are_too_long_are_left_out(length, told):
    kept = within_bounds({"prod-eu": images(1, length=length)})
    assert len(kept["prod-eu"].images) == told


def test_of_too_many_names_and_namespaces_some_are_told():
    kept = within_bounds({"prod-eu": images(bounds.POLICY_PAST + 1, length=30)})
    assert len(kept["prod-eu"].images) == bounds.POLICY_PAST
    namespaces = {f"team-{number}": SMALL for number in range(bounds.POLICY_NAMESPACES + 1)}
    assert len(within_bounds(namespaces)) == bounds.POLICY_NAMESPACES
