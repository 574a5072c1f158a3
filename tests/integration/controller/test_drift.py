"""Foreign edits of projected objects are undone."""

import pytest

from support.controller_site import eventually

KINDS = ["ConfigMap", "Secret"]


def contents(site, kind: str, name: str = "app") -> dict:
    obj = site.get(kind, name)
    return {member: obj.get(member) for member in ("data", "binaryData", "immutable", "type")} | {
        "labels": obj["metadata"]["labels"]
    }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "edit",
    [
        {"data": {"entitlements.json": "e30="}},
        {"data": {"entitlements.json": None}},
        {"data": {"added": "e30="}},
        {"data": None},
        {"metadata": {"labels": {"app.kubernetes.io/managed-by": None}}},
        {"metadata": {"labels": {"app.kubernetes.io/managed-by": "me"}}},
        {"immutable": True},
        {"immutable": True, "data": {"added": "e30="}},
    ],
    ids=[
        "changed key",
        "removed key",
        "added key",
        "emptied",
        "label removed",
        "label changed",
        "frozen",
        "frozen and changed",
    ],
)
def test_edit_of_a_projected_object_is_undone(projected, kind, edit):
    before = contents(projected, kind)
    projected.patch(kind, "app", edit)
    eventually(lambda: contents(projected, kind) == before)


def test_binary_data_that_was_added_is_removed(projected):
    projected.patch("ConfigMap", "app", {"binaryData": {"more": "AAAA"}})
    eventually(lambda: "binaryData" not in projected.get("ConfigMap", "app"))


@pytest.mark.parametrize("kind", KINDS)
def test_deleted_object_is_made_again(projected, kind):
    before = contents(projected, kind)
    projected.delete(kind, "app")
    eventually(lambda: contents(projected, kind) == before)


@pytest.mark.parametrize("kind", KINDS)
def test_labels_and_annotations_of_others_stay(projected, kind):
    theirs = {"annotations": {"example.com/a": "b"}, "labels": {"team": "pay"}}
    before = projected.patch(kind, "app", {"metadata": theirs})["metadata"]["resourceVersion"]
    projected.patch(kind, "app", {"data": {"added": "e30="}})
    eventually(lambda: "added" not in projected.get(kind, "app")["data"])
    metadata = projected.get(kind, "app")["metadata"]
    assert metadata["resourceVersion"] != before
    assert metadata["annotations"] == theirs["annotations"]
    assert metadata["labels"] == {"app.kubernetes.io/managed-by": "licet", "team": "pay"}
    projected.patch(kind, "app", {"metadata": {"annotations": None}})
