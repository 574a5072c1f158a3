from typing import Any

import pytest

from licet.controller.children import Child, Children, content_digest, manifest, with_others_metadata
from licet.resources.entitlement import TargetKind

KINDS = pytest.mark.parametrize("kind", list(TargetKind))
KEY = (TargetKind.CONFIG_MAP, "prod-eu", "platform")
DATA = {"entitlements.json": "{}", "LICET_STATE": "Active"}


def sent(kind: TargetKind = TargetKind.CONFIG_MAP, data: dict[str, str] = DATA, owner: str = "u-ent") -> dict[str, Any]:
    return manifest(kind, "platform", data, owner_name="platform", owner_uid=owner)


def stored(kind: TargetKind = TargetKind.CONFIG_MAP, *, version: int = 5, uid: str = "u-1", **members: Any) -> Any:
    """What was sent, as the API server gives it; `members` replace some, those of the metadata too."""
    body = sent(kind)
    labels = body["metadata"]["labels"] | members.pop("labels", {})
    owners = [*members.pop("others", ()), *body["metadata"]["ownerReferences"]]
    metadata = {"uid": uid, "resourceVersion": str(version), "namespace": "prod-eu", "labels": labels}
    for name in ("annotations", "finalizers", "labels", "ownerReferences"):
        if name in members:
            metadata[name] = members.pop(name)
    return body | {"metadata": body["metadata"] | {"ownerReferences": owners} | metadata} | members


def child(version: int, uid: str = "u-1", owner: str = "u-ent", content: bytes = b"") -> Child:
    return Child(uid, version, owner, content, frozen=False, has_others_metadata=False)


def owner(**changes: Any) -> dict[str, Any]:
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "u-web", "controller": False}
    return {**reference, **changes}


# -- what an object is known for ---------------------------------------------------------------------------------------


@KINDS
def test_object_as_it_was_sent_is_recognised_in_what_comes_back(kind):
    read = Child.read(kind, stored(kind))
    assert read.content == content_digest(kind, sent(kind))
    assert read.owner_uid == "u-ent"
    assert not read.frozen
    assert not read.has_others_metadata


@KINDS
@pytest.mark.parametrize(
    "change",
    [
        {"data": {}},
        {"data": {**DATA, "added": ""}},
        {"binaryData": {"added": "AA=="}},
        {"immutable": True},
        {"type": "kubernetes.io/tls"},
        {"labels": {"app.kubernetes.io/managed-by": "Helm"}},
        {"labels": {}, "ownerReferences": []},
        {"ownerReferences": [sent(owner="u-other")["metadata"]["ownerReferences"][0]]},
        {"ownerReferences": [{**sent()["metadata"]["ownerReferences"][0], "controller": False}]},
    ],
)
def test_change_of_what_licet_answers_for_is_noticed(kind, change):
    assert Child.read(kind, stored(kind, **change)).content != content_digest(kind, sent(kind))


@KINDS
@pytest.mark.parametrize(
    "change",
    [
        {"labels": {"team": "pay"}},
        {"annotations": {"note": "ours"}},
        {"finalizers": ["example.com/wait"]},
        {"others": [owner()]},
    ],
)
def test_metadata_of_others_is_free_to_them(kind, change):
    read = Child.read(kind, stored(kind, **change))
    assert read.content == content_digest(kind, sent(kind))
    assert read.has_others_metadata


@pytest.mark.parametrize(
    "reference",
    [
        owner(controller=True),
        {**sent()["metadata"]["ownerReferences"][0], "apiVersion": "licet.example/v1"},
        {**sent()["metadata"]["ownerReferences"][0], "controller": None},
    ],
)
def test_only_an_entitlement_that_controls_it_owns_it(reference):
    assert Child.read(TargetKind.CONFIG_MAP, stored(ownerReferences=[reference])).owner_uid == ""


def test_entitlement_of_another_version_of_the_api_owns_it_as_well():
    reference = {**sent()["metadata"]["ownerReferences"][0], "apiVersion": "licet.dev/v1"}
    assert Child.read(TargetKind.CONFIG_MAP, stored(ownerReferences=[reference])).owner_uid == "u-ent"


def test_what_cannot_be_replaced_is_known_for_it():
    assert Child.read(TargetKind.SECRET, stored(TargetKind.SECRET, type="kubernetes.io/tls")).frozen
    assert Child.read(TargetKind.CONFIG_MAP, stored(immutable=True)).frozen


def test_replacement_takes_over_what_others_have_put_on():
    others = owner(controller=True, uid="u-web")
    current = stored(
        labels={"team": "pay", "app.kubernetes.io/managed-by": "nobody"}, annotations={"note": "ours"}, others=[others]
    )
    metadata = with_others_metadata(sent(), current)["metadata"]
    assert metadata["labels"] == {"team": "pay", "app.kubernetes.io/managed-by": "licet"}
    assert metadata["annotations"] == {"note": "ours"}
    assert [each["uid"] for each in metadata["ownerReferences"]] == ["u-web", "u-ent"]
    assert metadata["resourceVersion"] == "5", "so that what they put on meanwhile is not lost"


# -- what is known of all ----------------------------------------------------------------------------------------------


def test_older_news_of_an_object_are_left_out():
    children = Children()
    children.set(KEY, child(7, content=b"new"))
    children.set(KEY, child(6, content=b"old"))
    assert children.get(KEY) == child(7, content=b"new")


def test_news_of_an_object_made_anew_replace_those_of_the_former():
    children = Children()
    children.set(KEY, child(7, uid="u-1", owner="u-old"))
    children.set(KEY, child(9, uid="u-2", owner="u-new"))
    assert children.of("u-old") == {}
    assert children.of("u-new") == {KEY: child(9, uid="u-2", owner="u-new")}


def test_deletion_counts_for_the_object_with_its_uid():
    children = Children()
    children.set(KEY, child(9, uid="u-2"))
    children.forget(KEY, "u-1")
    assert children.get(KEY) == child(9, uid="u-2")
    children.forget(KEY, "u-2")
    assert children.get(KEY) is None
    assert children.of("u-ent") == {}
    children.forget(KEY, "u-2")


def test_objects_of_an_entitlement_are_found_under_all_their_names():
    children, other = Children(), (TargetKind.SECRET, "prod-eu", "former")
    children.set(KEY, child(1))
    children.set(other, child(2, uid="u-2"))
    children.set((TargetKind.SECRET, "dev", "platform"), child(3, uid="u-3", owner="u-dev"))
    assert set(children.of("u-ent")) == {KEY, other}


def test_object_that_comes_to_belong_to_another_is_found_with_that_one_only():
    children = Children()
    children.set(KEY, child(1))
    children.set(KEY, child(2, owner="u-other"))
    assert children.of("u-ent") == {}
    assert set(children.of("u-other")) == {KEY}
