import pytest
from hypothesis import given
from hypothesis import strategies as st

from licet.controller.observed import Observed, Written, digest
from licet.resources.meta import ConditionStatus
from support.properties import quick

READY = {
    "type": "Ready",
    "status": "True",
    "reason": "Projected",
    "message": "all is well",
    "lastTransitionTime": "2026-01-01T00:00:00Z",
    "observedGeneration": 1,
}
documents = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def obj(version: int = 7, status: object = None, **metadata: object) -> dict:
    return {"metadata": {"uid": "u-1", "resourceVersion": str(version), "generation": 3, **metadata}, "status": status}


def backwards(document: object) -> object:
    """The same document, with the members of its objects the other way around."""
    match document:
        case dict():
            return {name: backwards(value) for name, value in reversed(document.items())}
        case list():
            return [backwards(value) for value in document]
        case other:
            return other


# -- digests -----------------------------------------------------------------------------------------------------------


@quick
@given(documents)
def test_digest_does_not_depend_on_the_order_of_members(document):
    assert digest(document) == digest(backwards(document))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1}, {"a": 2}),
        ({"a": 1}, {"b": 1}),
        ({"a": 1}, {"a": "1"}),
        ({"a": 1}, {"a": True}),
        ({"a": None}, {}),
        ([1, 2], [2, 1]),
        ([["a"], "b"], ["a", ["b"]]),
        ({}, []),
    ],
)
def test_digests_of_different_documents_differ(one, other):
    assert digest(one) != digest(other)


def test_digest_is_small():
    assert len(digest({"message": "x" * 30_000})) == 16


# -- objects -----------------------------------------------------------------------------------------------------------


def test_object_is_read_as_far_as_writing_its_status_needs_it():
    observed = Observed.read(obj(status={"conditions": [READY]}))
    assert (observed.uid, observed.version, observed.generation, observed.deleting) == ("u-1", 7, 3, False)
    assert [(each.type, each.status) for each in observed.conditions] == [("Ready", ConditionStatus.TRUE)]


def test_object_that_is_being_deleted_is_known_for_it():
    assert Observed.read(obj(deletionTimestamp="2026-01-01T00:00:00Z")).deleting


def test_object_without_a_status_has_an_empty_one():
    assert Observed.read(obj(status=None)) == Observed.read(obj(status={}))


@pytest.mark.parametrize(
    "change", [{"status": "Maybe"}, {"type": ""}, {"lastTransitionTime": "yesterday"}, {"reason": "not a word"}]
)
def test_conditions_that_cannot_be_read_are_none_and_differ_from_none(change):
    observed = Observed.read(obj(status={"conditions": [READY | change]}))
    assert observed.conditions == ()
    assert observed.status_digest != Observed.read(obj()).status_digest, "so that they are written anew"


def test_objects_that_differ_in_nothing_but_their_version_are_equal():
    assert Observed.read(obj(7)) == Observed.read(obj(8))
    assert Observed.read(obj(7)) != Observed.read(obj(8, generation=4))
    assert Observed.read(obj(7)) != Observed.read(obj(8, status={"state": "Active"}))


# -- what was written --------------------------------------------------------------------------------------------------


def test_status_that_was_written_is_that_of_the_object_until_its_echo_comes():
    status = {"conditions": [READY]}
    echo = Observed.read(obj(9, status=status))
    written = Observed.read(obj(7)).with_status(status, version=9)
    assert (written, written.conditions) == (echo, echo.conditions)


def test_version_stays_that_of_what_was_read_so_that_the_echo_is_not_older():
    assert Observed.read(obj(7)).with_status({}, version=9).version == 7


def test_status_that_was_written_before_the_object_was_read_is_out_of_date():
    newer = Observed.read(obj(9, status={"state": "Active"}))
    assert newer.with_status({}, version=8) is newer


@pytest.mark.parametrize(("version", "kept"), [("9", 10), ("10", 10), ("11", 11)])
def test_of_what_watch_and_answer_tell_the_newer_is_kept(version, kept):
    known = Written.read({"metadata": {"uid": "u", "resourceVersion": "10"}}, b"known")
    told = Written.read({"metadata": {"uid": "u", "resourceVersion": version}}, b"told")
    assert told.or_newer(known).version == kept
    assert told.or_newer(None) is told
