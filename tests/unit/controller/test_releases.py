import pytest
from hypothesis import given
from hypothesis import strategies as st

from licet.controller.releases import Releases, Revision
from licet.core.release import Storage
from support.properties import quick

KEY = ("prod-eu", "platform")


def revision(
    number: int,
    status: str = "superseded",
    *,
    release: str = "platform",
    uid: str = "",
    storage: Storage = Storage.SECRET,
) -> Revision:
    name = f"sh.helm.release.v1.{release}.v{number}"
    return Revision(storage, name, uid or f"{release}-{number}", release, number, status)


def releases(**statuses: str) -> Releases:
    """The release of KEY with revisions r1, r2, and so on, in these states."""
    found = Releases()
    for name, status in statuses.items():
        found.set("prod-eu", None, revision(int(name[1:]), status))
    return found


def metadata(**labels: str | None) -> dict:
    all_labels = {"name": "platform", "owner": "helm", "status": "deployed", "version": "3", **labels}
    kept = {label: value for label, value in all_labels.items() if value is not None}
    return {"metadata": {"name": "sh.helm.release.v1.platform.v3", "uid": "u-3", "labels": kept}}


# -- what is read ------------------------------------------------------------------------------------------------------


def test_revision_is_read_from_the_labels_that_helm_gives():
    for storage in Storage:
        assert Revision.read(storage, metadata()) == revision(3, "deployed", uid="u-3", storage=storage)


@pytest.mark.parametrize(
    "labels",
    [
        {"owner": None},
        {"owner": "tiller"},
        {"name": None},
        {"name": "../secrets"},
        {"name": "Platform"},
        {"version": None},
        {"version": "0"},
        {"version": "-1"},
        {"version": "three"},
        {"version": "9" * 10},
        {"version": "٣"},
    ],
)
def test_secret_without_the_labels_that_helm_gives_is_no_revision(labels):
    assert Revision.read(Storage.SECRET, metadata(**labels)) is None


def test_secret_without_labels_is_no_revision():
    assert Revision.read(Storage.SECRET, {"metadata": {"name": "x", "uid": "u"}}) is None


# -- which revision runs -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statuses", "number"),
    [
        ({"r1": "deployed"}, 1),
        ({"r1": "superseded", "r2": "deployed"}, 2),
        ({"r1": "deployed", "r2": "pending-upgrade"}, 1),
        ({"r1": "deployed", "r2": "failed"}, 1),
        ({"r1": "deployed", "r2": "failed", "r3": "pending-rollback"}, 1),
        ({"r1": "deployed", "r2": "deployed"}, 2),
        ({"r1": "pending-install"}, 1),
        ({"r1": "failed"}, 1),
        ({"r1": "superseded", "r2": "failed"}, 2),
        ({"r1": "unknown"}, 1),
        ({"r1": "superseded", "r2": "uninstalled"}, None),
        ({"r1": "uninstalling"}, None),
        ({"r1": "uninstalled", "r2": "pending-install"}, 2),
        ({}, None),
    ],
)
def test_what_runs_is_the_latest_deployed_revision_or_else_the_latest_unless_uninstalled(statuses, number):
    assert [each.number for each in releases(**statuses).running(KEY)] == ([] if number is None else [number])


def test_revisions_are_ordered_as_numbers():
    assert releases(r9="superseded", r10="failed", r2="superseded").latest(KEY) == (revision(10, "failed"),)


def test_each_storage_has_its_own_revisions_of_a_release():
    found = releases(r1="superseded", r2="deployed")
    moved = [revision(number, "deployed", uid=f"c-{number}", storage=Storage.CONFIG_MAP) for number in (1, 2)]
    for each in moved:
        found.set("prod-eu", None, each)
    assert found.running(KEY) == found.latest(KEY) == (revision(2, "deployed"), moved[1])
    assert found.newest(KEY, 1) == [revision(2, "deployed"), moved[1]]
    assert found.newest(KEY, 9) == [revision(2, "deployed"), revision(1), *reversed(moved)]
    found.set("prod-eu", revision(2, "deployed"), None)
    assert found.running(KEY) == (revision(1), moved[1])
    assert found.uids(KEY) == {"platform-1", "c-1", "c-2"}


# -- what is concerned -------------------------------------------------------------------------------------------------


def test_change_of_a_revision_concerns_its_release():
    found = releases(r1="deployed")
    assert found.set("prod-eu", revision(1, "deployed"), revision(1, "superseded")) == {KEY}
    assert found.running(KEY) == (revision(1, "superseded"),)


def test_secret_that_comes_to_belong_to_another_release_concerns_both():
    found = releases(r1="deployed")
    moved = Revision(Storage.SECRET, revision(1).object_name, "u", "gateway", 1, "deployed")
    assert found.set("prod-eu", revision(1, "deployed"), moved) == {KEY, ("prod-eu", "gateway")}
    assert found.latest(KEY) == ()


def test_release_without_revisions_is_none():
    found = releases(r1="superseded", r2="deployed")
    found.set("prod-eu", revision(1), None)
    assert list(found) == [KEY]
    found.set("prod-eu", revision(2), None)
    assert list(found) == []
    assert found.running(KEY) == ()
    assert found.uids(KEY) == frozenset()


def test_revision_that_was_not_known_can_be_deleted():
    assert Releases().set("prod-eu", revision(1), None) == {KEY}


def test_releases_of_one_name_in_two_namespaces_are_two():
    found = releases(r1="deployed")
    found.set("dev", None, revision(1, uid="u-dev"))
    assert found.in_namespace("dev") == [("dev", "platform")]
    assert found.uids(KEY) == {"platform-1"}


STATUSES = st.sampled_from(["deployed", "superseded", "failed", "pending-upgrade", "uninstalled", "uninstalling"])


@quick
@given(st.dictionaries(st.integers(1, 30), STATUSES))
def test_what_runs_does_not_depend_on_the_order_of_news(statuses):
    forwards, backwards = Releases(), Releases()
    for number, status in statuses.items():
        forwards.set("prod-eu", None, revision(number, status))
    for number, status in reversed(statuses.items()):
        backwards.set("prod-eu", None, revision(number, status))
    assert forwards.running(KEY) == backwards.running(KEY)
