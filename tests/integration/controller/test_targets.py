"""Whose an object is, and what becomes of it when its Entitlement changes or goes."""

import time

import pytest

from support.controller_site import COLLECTED_SECONDS, eventually

KINDS = ["ConfigMap", "Secret"]


@pytest.mark.parametrize("kind", KINDS)
def test_object_of_somebody_else_is_never_touched_and_its_name_taken_once_it_is_gone(site, kind):
    theirs = site.create(kind, "app", data={"theirs": "dGhlaXJz"})
    site.entitlement()
    eventually(lambda: site.condition("Entitlement", "app") == ("False", "TargetConflict"))
    assert f"{kind} app exists and is not this Entitlement's" in site.message("Entitlement", "app")
    other = ({*KINDS} - {kind}).pop()
    assert site.get("Entitlement", "app")["status"]["targets"] == [{"kind": other, "name": "app"}]
    assert site.get(kind, "app") == theirs
    site.delete(kind, "app")
    eventually(lambda: site.condition("Entitlement", "app") == ("True", "Projected"))
    assert "entitlements.json" in site.get(kind, "app")["data"]


def owned_by(site, owner: str, name: str, labels: dict) -> None:
    """Make a ConfigMap that belongs to another Entitlement."""
    owners = eventually(lambda: site.get("ConfigMap", owner))["metadata"]["ownerReferences"]
    body = {"metadata": {"name": name, "labels": labels, "ownerReferences": owners}, "data": {"a": "b"}}
    site.cluster.request("POST", f"/api/v1/namespaces/{site.namespace}/configmaps", body)


def test_object_that_belongs_to_another_entitlement_is_not_taken(site):
    site.entitlement("other")
    owned_by(site, "other", "app", labels={})
    site.entitlement()
    eventually(lambda: site.condition("Entitlement", "app") == ("False", "TargetConflict"))
    assert site.get("ConfigMap", "app")["data"] == {"a": "b"}


def test_object_of_licet_under_a_name_that_its_entitlement_does_not_ask_for_is_removed(site):
    site.entitlement("other")
    owned_by(site, "other", "copy", labels={"app.kubernetes.io/managed-by": "licet"})
    site.patch("Entitlement", "other", {"spec": {"features": ["sso"]}})
    eventually(lambda: site.find("ConfigMap", "copy") is None)


def test_object_of_a_deleted_entitlement_of_that_name_is_left_to_the_garbage_collector_and_made_anew(site):
    site.entitlement()
    first = eventually(lambda: site.get("ConfigMap", "app"))["metadata"]["uid"]
    # The garbage collector has to wait for this one.
    site.patch("ConfigMap", "app", {"metadata": {"finalizers": ["example.com/wait"]}})
    site.delete("Entitlement", "app")
    site.entitlement()
    eventually(lambda: site.condition("Entitlement", "app") == ("False", "TargetPending"))
    assert site.get("ConfigMap", "app")["metadata"]["uid"] == first
    site.patch("ConfigMap", "app", {"metadata": {"finalizers": None}})
    eventually(lambda: site.condition("Entitlement", "app") == ("True", "Projected"), seconds=COLLECTED_SECONDS)
    assert site.get("ConfigMap", "app")["metadata"]["uid"] != first


def test_entitlement_that_is_replaced_gets_objects_of_its_own(site):
    for _ in range(3):
        site.entitlement()
        eventually(lambda: site.condition("Entitlement", "app") == ("True", "Projected"), seconds=COLLECTED_SECONDS)
        uid = site.get("Entitlement", "app")["metadata"]["uid"]
        for kind in KINDS:
            assert site.get(kind, "app")["metadata"]["ownerReferences"][0]["uid"] == uid
        site.delete("Entitlement", "app")


def test_older_of_two_entitlements_has_the_target_and_the_younger_takes_over(site):
    target = {"configMap": {"name": "shared"}}
    site.entitlement("older", target=target)
    eventually(lambda: site.condition("Entitlement", "older") == ("True", "Projected"))
    time.sleep(1.1)  # creation times are whole seconds
    site.entitlement("a-younger", target=target)
    eventually(lambda: site.condition("Entitlement", "a-younger") == ("False", "TargetConflict"))
    assert "is the target of the older Entitlement older" in site.message("Entitlement", "a-younger")
    assert site.condition("Entitlement", "older") == ("True", "Projected")
    site.delete("Entitlement", "older")
    eventually(lambda: site.condition("Entitlement", "a-younger") == ("True", "Projected"), seconds=COLLECTED_SECONDS)
    owner = site.get("ConfigMap", "shared")["metadata"]["ownerReferences"][0]["name"]
    assert owner == "a-younger"


def test_renamed_target_removes_the_object_of_the_old_name(projected):
    projected.patch("Entitlement", "app", {"spec": {"target": {"configMap": {"name": "new"}}}})
    eventually(lambda: projected.condition("Entitlement", "app") == ("True", "Projected"))
    assert projected.get("ConfigMap", "new")["data"]["LICET_PLAN"] == "pro"
    eventually(lambda: projected.find("ConfigMap", "app") is None)
    assert projected.find("Secret", "app") is not None
    projected.patch("Entitlement", "app", {"spec": {"target": None}})
    eventually(lambda: projected.find("ConfigMap", "app") and not projected.find("ConfigMap", "new"))


def test_object_of_the_old_name_stays_until_the_new_one_is_there(projected):
    projected.create("ConfigMap", "new", data={"theirs": "1"})
    projected.patch("Entitlement", "app", {"spec": {"target": {"configMap": {"name": "new"}}}})
    eventually(lambda: projected.condition("Entitlement", "app") == ("False", "TargetConflict"))
    assert projected.get("ConfigMap", "app")["data"]["LICET_PLAN"] == "pro"
    projected.delete("ConfigMap", "new")
    eventually(lambda: projected.condition("Entitlement", "app") == ("True", "Projected"))
    eventually(lambda: projected.find("ConfigMap", "app") is None)


def test_deleted_entitlement_takes_its_objects_along(projected):
    projected.delete("Entitlement", "app")
    objects = ("Entitlement", *KINDS)
    eventually(lambda: not any(projected.find(kind, "app") for kind in objects), seconds=COLLECTED_SECONDS)


def test_entitlement_that_is_deleted_in_the_foreground_goes(projected):
    path = f"/apis/licet.dev/v1alpha1/namespaces/{projected.namespace}/entitlements/app"
    projected.cluster.request("DELETE", path, {"propagationPolicy": "Foreground"})
    objects = ("Entitlement", *KINDS)
    eventually(lambda: not any(projected.find(kind, "app") for kind in objects), seconds=COLLECTED_SECONDS)
