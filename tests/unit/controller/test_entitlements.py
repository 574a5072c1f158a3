from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licet.controller.entitlements import EntitlementRecord, Entitlements
from licet.resources.entitlement import TargetKind
from support.known_world import entitlement_manifest
from support.properties import quick

SHARED = {"configMap": {"name": "shared"}}
CHILD = (TargetKind.CONFIG_MAP, "prod-eu", "shared")


def record(name: str = "platform", day: int = 1, namespace: str = "prod-eu", **spec: Any) -> EntitlementRecord:
    manifest = entitlement_manifest(name, namespace, **spec)
    created = {"uid": f"uid-{name}", "creationTimestamp": f"2026-01-{day:02}T00:00:00Z"}
    return EntitlementRecord.read(manifest | {"metadata": manifest["metadata"] | created})


def entitlements(*records: EntitlementRecord) -> Entitlements:
    known = Entitlements()
    for each in records:
        known.set(each.request.key, each)
    return known


@pytest.mark.parametrize(
    ("target", "names"),
    [
        ({}, ("platform", "platform")),
        ({"configMap": {"name": "c"}}, ("c", "platform")),
        ({"secret": {"name": "s"}}, ("platform", "s")),
        ({"configMap": {"name": "c"}, "secret": {"name": "s"}}, ("c", "s")),
    ],
)
def test_targets_have_the_entitlements_name_unless_they_are_given_one(target, names):
    assert list(record(target=target).child_keys()) == [
        (TargetKind.CONFIG_MAP, "prod-eu", names[0]),
        (TargetKind.SECRET, "prod-eu", names[1]),
    ]


@pytest.mark.parametrize("reverse", [False, True])
def test_of_two_entitlements_with_one_target_the_older_wins(reverse):
    older, younger = record("b", 1, target=SHARED), record("a", 2, target=SHARED)
    known = entitlements(*([younger, older] if reverse else [older, younger]))
    assert known.owner_of(CHILD) == ("prod-eu", "b")
    known.set(("prod-eu", "b"), None)
    assert known.owner_of(CHILD) == ("prod-eu", "a")


def test_of_two_of_one_age_the_lesser_name_wins():
    assert entitlements(record("b", target=SHARED), record("a", target=SHARED)).owner_of(CHILD) == ("prod-eu", "a")


def test_configmap_and_secret_of_one_name_are_two_targets():
    known = entitlements(
        record("a", target={"configMap": {"name": "x"}}), record("b", target={"secret": {"name": "x"}})
    )
    assert known.owner_of((TargetKind.CONFIG_MAP, "prod-eu", "x")) == ("prod-eu", "a")
    assert known.owner_of((TargetKind.SECRET, "prod-eu", "x")) == ("prod-eu", "b")


def test_targets_of_two_namespaces_do_not_meet():
    known = entitlements(record("a", 2), record("a", 1, namespace="dev"))
    assert known.owner_of((TargetKind.SECRET, "prod-eu", "a")) == ("prod-eu", "a")


def test_target_that_nobody_asks_for_belongs_to_nobody():
    assert entitlements(record()).owner_of(CHILD) is None


def test_entitlement_that_asks_for_another_target_gives_up_the_one_before():
    known = entitlements(record(target=SHARED))
    known.set(("prod-eu", "platform"), record())
    assert known.owner_of(CHILD) is None
    assert known.by_target.keys() == set(record().child_keys())


steps = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c"]),
        st.none() | st.tuples(st.integers(1, 2), st.sampled_from(["shared", "own"]), st.sampled_from(["p", "q"])),
    ),
    max_size=10,
)


@quick
@given(steps)
def test_what_is_found_does_not_depend_on_what_was_before(steps):
    known: Entitlements = Entitlements()
    last: dict[str, EntitlementRecord] = {}
    for name, change in steps:
        if change is None:
            last.pop(name, None)
        else:
            day, target, product = change
            last[name] = record(name, day, product=product, target={"configMap": {"name": target}})
        known.set(("prod-eu", name), last.get(name))
    fresh = entitlements(*last.values())
    assert known.records == fresh.records
    assert known.by_uid == fresh.by_uid
    assert known.by_target == fresh.by_target
    for index in ("by_product", "by_namespace"):
        assert {key: found for key, found in getattr(known, index).items() if found} == getattr(fresh, index)
