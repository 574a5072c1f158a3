from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licet.core.allocation import Allocation, Reservation, allocate
from licet.core.evaluate import Rights, evaluate
from licet.core.namespaces import Namespace
from support.assessing import assess_tokens
from support.properties import quick
from support.vendor_simulator import NOW, VendorSimulator

DAYS = [f"2026-01-{day:02}T00:00:00Z" for day in range(1, 29)]


@pytest.fixture
def acme() -> VendorSimulator:
    return VendorSimulator()


def seats(acme: VendorSimulator, maximum: int | None, *namespaces: str, **claims: Any) -> str:
    bindings = {"bindings": {"namespaces": list(namespaces)}} if namespaces else {}
    return acme.token(limits={"seats": {"max": maximum}}, **bindings, **claims)


def reserve(name: str, amount: int, namespace: str = "eu", created: str = DAYS[0], limit: str = "seats") -> Reservation:
    return Reservation((namespace, name), created, {limit: amount})


class Pools:
    """Licenses, and what is left of them once reservations are served."""

    def __init__(self, acme: VendorSimulator, *tokens: str) -> None:
        self._assessment = assess_tokens(acme, tokens)

    def rights_in(self, namespace: str) -> Rights:
        return evaluate(self._assessment, "acme", "acme-platform", Namespace(namespace))

    def serve(self, *reservations: Reservation) -> Allocation:
        return allocate(reservations, self.rights_in)

    def left(self, allocation: Allocation, namespace: str = "eu", limit: str = "seats") -> int | None:
        return allocation.left(limit, self.rights_in(namespace).limits[limit])


def granted(allocation: Allocation, limit: str = "seats") -> Mapping[str, int]:
    return {name: amounts[limit] for (_, name), amounts in allocation.granted.items()}


# -- who comes first ---------------------------------------------------------------------------------------------------


def test_reservations_are_granted_while_the_pool_lasts_and_the_rest_gets_what_is_left(acme):
    pools = Pools(acme, seats(acme, 25))
    served = pools.serve(reserve("a", 10), reserve("b", 10), reserve("c", 10), reserve("d", 10))
    assert granted(served) == {"a": 10, "b": 10, "c": 5, "d": 0}
    assert pools.left(served) == 0


def test_the_older_comes_first_then_the_namespace_then_the_name(acme):
    reservations = [
        reserve("z", 1, namespace="z", created=DAYS[0]),
        reserve("z", 1, namespace="a", created=DAYS[1]),
        reserve("a", 1, namespace="b", created=DAYS[1]),
        reserve("b", 1, namespace="b", created=DAYS[1]),
        reserve("a", 1, namespace="a", created=DAYS[2]),
    ]
    for amount in range(6):
        served = Pools(acme, seats(acme, amount)).serve(*reservations[::-1])
        assert [served.granted[each.key]["seats"] for each in reservations] == amount * [1] + (5 - amount) * [0]


def test_reservation_that_does_not_fit_takes_all_that_is_left(acme):
    served = Pools(acme, seats(acme, 5)).serve(reserve("large", 4), reserve("larger", 4), reserve("small", 1))
    assert granted(served) == {"large": 4, "larger": 1, "small": 0}


def test_what_is_not_reserved_is_left_to_share(acme):
    pools = Pools(acme, seats(acme, 25))
    assert pools.left(pools.serve()) == 25
    assert pools.left(pools.serve(reserve("a", 10))) == 15
    assert pools.left(pools.serve(reserve("a", 0))) == 25


def test_reservation_of_one_limit_leaves_the_others_alone(acme):
    token = acme.token(limits={"seats": {"max": 5}, "nodes": {"max": 7}})
    pools = Pools(acme, token)
    served = pools.serve(reserve("a", 3, limit="nodes"))
    assert (pools.left(served), pools.left(served, limit="nodes")) == (5, 4)


def test_several_limits_are_reserved_at_once(acme):
    pools = Pools(acme, acme.token(limits={"seats": {"max": 5}, "nodes": {"max": 7}}))
    both = Reservation(("eu", "a"), DAYS[0], {"seats": 6, "nodes": 6})
    assert pools.serve(both).granted[both.key] == {"seats": 5, "nodes": 6}


def test_limit_that_is_not_licensed_gives_nothing(acme):
    pools = Pools(acme, seats(acme, 5))
    assert granted(pools.serve(reserve("a", 3, limit="nodes")), "nodes") == {"a": 0}
    assert granted(Pools(acme).serve(reserve("a", 3))) == {"a": 0}


def test_unlimited_pool_grants_whatever_is_reserved(acme):
    pools = Pools(acme, seats(acme, None), seats(acme, 5))
    served = pools.serve(reserve("a", 1000), reserve("b", 10**9))
    assert granted(served) == {"a": 1000, "b": 10**9}
    assert pools.left(served) is None


# -- pools of different licenses ---------------------------------------------------------------------------------------


def test_pools_of_several_licenses_add_up(acme):
    pools = Pools(acme, seats(acme, 5), seats(acme, 6))
    served = pools.serve(reserve("a", 8), reserve("b", 8))
    assert granted(served) == {"a": 8, "b": 3}


def test_reservation_draws_only_from_licenses_that_its_namespace_may_use(acme):
    pools = Pools(acme, seats(acme, 5, "eu"), seats(acme, 7, "us"))
    served = pools.serve(reserve("a", 10, "eu"), reserve("b", 10, "us"), reserve("c", 1, "dev"))
    assert granted(served) == {"a": 5, "b": 7, "c": 0}


@pytest.mark.parametrize("ids", [("a", "z"), ("z", "a")])
def test_reservation_draws_first_from_licenses_that_others_may_not_use(acme, ids):
    pools = Pools(acme, seats(acme, 5, jti=ids[0]), seats(acme, 5, "eu", jti=ids[1]))
    served = pools.serve(reserve("a", 5, "eu"), reserve("b", 5, "us"))
    assert granted(served) == {"a": 5, "b": 5}
    assert (pools.left(served, "eu"), pools.left(served, "us")) == (0, 0)


def test_what_is_left_to_share_is_counted_by_namespace(acme):
    pools = Pools(acme, seats(acme, 5), seats(acme, 7, "eu"))
    served = pools.serve(reserve("a", 9, "eu"))
    assert (pools.left(served, "eu"), pools.left(served, "us")) == (3, 3)


# -- properties --------------------------------------------------------------------------------------------------------

ACME = VendorSimulator()
NAMESPACES = ["eu", "us", "dev"]
pool_lists = st.lists(
    st.tuples(st.none() | st.integers(0, 20), st.lists(st.sampled_from(NAMESPACES), max_size=2, unique=True)).map(
        lambda pool: seats(ACME, pool[0], *pool[1], iat=NOW - 1)
    ),
    max_size=4,
)
reservation_lists = st.lists(
    st.builds(
        reserve,
        st.text("abc", min_size=1, max_size=2),
        st.integers(0, 15),
        st.sampled_from(NAMESPACES),
        st.sampled_from(DAYS[:3]),
    ),
    max_size=6,
    unique_by=lambda reservation: reservation.key,
)


@quick
@given(pool_lists, reservation_lists)
def test_reservations_never_exceed_what_they_ask_for_nor_the_pools(tokens, reservations):
    pools = Pools(ACME, *tokens)
    served = pools.serve(*reservations)
    for reservation in reservations:
        assert 0 <= served.granted[reservation.key]["seats"] <= reservation.amounts["seats"]
    for namespace in NAMESPACES:
        limit = pools.rights_in(namespace).limits.get("seats")
        if limit is not None and limit.total is not None:
            used = sum(served.granted[each.key]["seats"] for each in reservations if each.key[0] == namespace)
            left = served.left("seats", limit)
            assert left is not None
            assert left >= 0
            assert used + left <= limit.total
    finite = [pool for each in NAMESPACES for pool in getattr(pools.rights_in(each).limits.get("seats"), "pools", ())]
    if all(pool.amount is not None for pool in finite):
        amounts = {pool.source: pool.amount or 0 for pool in finite}
        assert sum(granted_amount["seats"] for granted_amount in served.granted.values()) <= sum(amounts.values())


@quick
@given(pool_lists, reservation_lists, st.randoms(use_true_random=False))
def test_allocation_does_not_depend_on_the_order_of_reservations(tokens, reservations, random):
    pools = Pools(ACME, *tokens)
    shuffled = random.sample(reservations, len(reservations))
    assert pools.serve(*reservations) == pools.serve(*shuffled)


@quick
@given(pool_lists, pool_lists, reservation_lists)
def test_adding_licenses_takes_nothing_from_a_reservation(some, more, reservations):
    before, after = Pools(ACME, *some).serve(*reservations), Pools(ACME, *some, *more).serve(*reservations)
    for reservation in reservations:
        assert after.granted[reservation.key]["seats"] >= before.granted[reservation.key]["seats"]


@quick
@given(pool_lists, reservation_lists)
def test_nothing_is_left_while_a_reservation_of_the_namespace_wants_more(tokens, reservations):
    pools = Pools(ACME, *tokens)
    served = pools.serve(*reservations)
    for reservation in reservations:
        limit = pools.rights_in(reservation.key[0]).limits.get("seats")
        if limit is not None and served.granted[reservation.key]["seats"] < reservation.amounts["seats"]:
            assert served.left("seats", limit) == 0
