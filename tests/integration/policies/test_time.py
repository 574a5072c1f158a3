"""Licenses end on time in the API server by itself, whatever clients write about the time.

Everything here happens with nothing of licet running: the parameters were written once, and nobody follows them up.
"""

import secrets
import time
from dataclasses import dataclass
from typing import Any

import pytest

from support.assessing import assess_tokens, registry_of
from support.vendor_simulator import DAY, VendorSimulator
from support.workload_policies import APPLY, JSON_PATCH, MERGE_PATCH, PolicyCluster, image_pod

REPOSITORY = "registry.example/acme-platform/api"
FIRST, SECOND = f"{REPOSITORY}:2.0.0", f"{REPOSITORY}:2.1.0"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
LONG_AGO = "2020-01-01T00:00:00Z"
FAR_AHEAD = "2090-01-01T00:00:00Z"

Json = dict[str, Any]


def license_until(policies: PolicyCluster, end: int, *, grace: str = "P0D") -> None:
    """Publish the parameters of a license that ends, as they were when it was good."""
    vendor = VendorSimulator(end - 30 * DAY)
    token = vendor.token(exp=end, gracePeriod=grace)
    policies.publish(registry_of(vendor), assess_tokens(vendor, [token], clock=vendor.now))


def deployment(image: str, *, name: str = "web", **metadata: Any) -> Json:
    labels = {"app": name}
    pod = {"metadata": {"labels": labels}, "spec": image_pod(image)["spec"]}
    spec = {"replicas": 0, "selector": {"matchLabels": labels}, "template": pod}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, **metadata}, "spec": spec}


@dataclass
class Running:
    """A Deployment that was created under a license which is over now."""

    policies: PolicyCluster
    name: str

    @property
    def path(self) -> str:
        return f"{DEPLOYMENTS}/{self.name}"

    def patch(self, patch: object, *, media_type: str = MERGE_PATCH, path: str = "") -> str | None:
        return self.policies.send("PATCH", f"{self.path}{path}", patch, media_type=media_type).refusal

    def current(self) -> Json:
        body = self.policies.cluster.request("GET", self.path)
        del body["metadata"]["resourceVersion"]
        return body


@pytest.fixture
def running(policies: PolicyCluster) -> Running:
    made = Running(policies, f"web-{secrets.token_hex(4)}")
    license_until(policies, int(time.time()) + DAY)
    assert policies.send("POST", DEPLOYMENTS, deployment(FIRST, name=made.name)).refusal is None
    license_until(policies, int(time.time()) - 1)
    return made


def test_a_license_ends_to_the_second_with_nobody_to_see_it(policies: PolicyCluster) -> None:
    end = int(time.time()) + 12
    license_until(policies, end)
    assert policies.refusal("default", image_pod(FIRST)) is None
    name = f"web-{secrets.token_hex(4)}"
    assert policies.send("POST", DEPLOYMENTS, deployment(FIRST, name=name)).refusal is None
    update = {"spec": {"template": image_patch(SECOND)}}
    query = f"{DEPLOYMENTS}/{name}?dryRun=All"
    assert policies.send("PATCH", query, update, media_type=MERGE_PATCH).refusal is None
    assert time.time() < end, "the machine was too slow for this test"

    time.sleep(end + 1 - time.time())

    assert policies.refusal("default", image_pod(FIRST)) is not None
    assert policies.send("PATCH", query, update, media_type=MERGE_PATCH).refusal is not None


def image_patch(image: str) -> Json:
    return {"spec": {"containers": [{"name": "c0", "image": image}]}}


def test_the_grace_period_counts(policies: PolicyCluster) -> None:
    license_until(policies, int(time.time()) - DAY, grace="P2D")
    assert policies.refusal("default", image_pod(FIRST)) is None
    license_until(policies, int(time.time()) - 3 * DAY, grace="P2D")
    assert policies.refusal("default", image_pod(FIRST)) is not None


def test_after_the_end_scaling_and_labels_are_free_and_new_images_are_not(running: Running) -> None:
    assert running.patch({"spec": {"replicas": 2}}, path="/scale") is None
    assert running.patch({"metadata": {"labels": {"team": "pay"}}}) is None
    assert running.patch({"spec": {"template": {"metadata": {"annotations": {"restarted": "now"}}}}}) is None
    assert running.patch({"spec": {"template": image_patch(SECOND)}}) is not None
    assert running.patch({"spec": {"template": image_patch("nginx")}}) is None


@pytest.mark.parametrize("when", [LONG_AGO, FAR_AHEAD, None])
def test_a_client_cannot_say_when_it_created_something(policies: PolicyCluster, running: Running, when) -> None:
    body = deployment(FIRST, name="forged", creationTimestamp=when)
    assert policies.send("POST", f"{DEPLOYMENTS}?dryRun=All", body).refusal is not None


ENTRY = {
    "manager": "kubectl",
    "operation": "Update",
    "apiVersion": "apps/v1",
    "fieldsType": "FieldsV1",
    "fieldsV1": {"f:spec": {"f:replicas": {}}},
}
FORGERIES: dict[str, list[Json]] = {
    "no list": [],
    "an empty entry, which resets the list": [{}],
    "an entry without a time": [ENTRY],
    "one old entry": [{**ENTRY, "time": LONG_AGO}],
    "one old entry for everything": [
        {**ENTRY, "time": LONG_AGO, "fieldsV1": {"f:spec": {"f:template": {"f:spec": {"f:containers": {}}}}}}
    ],
}


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES.keys())
class TestManagedFieldsAreForgedInVain:
    """On an update, the server's time is that of the fields which change; a client may write what it likes."""

    def test_by_put(self, running: Running, forgery: list[Json]) -> None:
        body = running.current()
        body["metadata"]["managedFields"] = forgery
        body["spec"]["template"]["spec"]["containers"][0]["image"] = SECOND
        assert running.policies.send("PUT", running.path, body).refusal is not None

    def test_by_merge_patch(self, running: Running, forgery: list[Json]) -> None:
        patch = {"metadata": {"managedFields": forgery}, "spec": {"template": image_patch(SECOND)}}
        assert running.patch(patch) is not None

    def test_by_json_patch(self, running: Running, forgery: list[Json]) -> None:
        patch = [
            {"op": "replace", "path": "/metadata/managedFields", "value": forgery},
            {"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": SECOND},
        ]
        assert running.patch(patch, media_type=JSON_PATCH) is not None

    def test_in_advance(self, running: Running, forgery: list[Json]) -> None:
        """First the list alone, which is nobody's business; then the image."""
        assert running.patch({"metadata": {"managedFields": forgery}}) is None
        assert running.patch({"spec": {"template": image_patch(SECOND)}}) is not None


def test_forced_server_side_apply_is_judged_by_the_servers_time(running: Running) -> None:
    body = deployment(SECOND, name=running.name)
    query = f"{running.path}?fieldManager=kubectl&force=true"
    assert running.policies.send("PATCH", query, body, media_type=APPLY).refusal is not None
    created = query.replace(running.name, "applied")
    body["metadata"]["name"] = "applied"
    assert running.policies.send("PATCH", created, body, media_type=APPLY).refusal is not None


def test_a_container_that_is_added_to_a_pod_is_judged_by_the_servers_time(
    policies: PolicyCluster, namespace: str
) -> None:
    license_until(policies, int(time.time()) - 1)
    path = f"/api/v1/namespaces/{namespace}/pods"
    assert policies.send("POST", path, image_pod("nginx")).refusal is None
    debug = {"spec": {"ephemeralContainers": [{"name": "debug", "image": FIRST}]}}
    for forgery in ({}, *({"metadata": {"managedFields": entries}} for entries in FORGERIES.values())):
        query = f"{path}/web/ephemeralcontainers?dryRun=All"
        assert policies.send("PATCH", query, {**debug, **forgery}, media_type=MERGE_PATCH).refusal is not None


def test_a_time_ahead_only_ends_a_license_sooner(policies: PolicyCluster) -> None:
    license_until(policies, int(time.time()) + DAY)
    made = Running(policies, f"web-{secrets.token_hex(4)}")
    assert policies.send("POST", DEPLOYMENTS, deployment(FIRST, name=made.name)).refusal is None
    update = {"spec": {"template": image_patch(SECOND)}}
    assert policies.send("PATCH", f"{made.path}?dryRun=All", update, media_type=MERGE_PATCH).refusal is None
    forged = [{**ENTRY, "manager": "other", "time": FAR_AHEAD}]
    assert made.patch({"metadata": {"managedFields": forgery_beside(made, forged)}}) is None
    assert made.patch(update) is not None


def forgery_beside(made: Running, forged: list[Json]) -> list[Json]:
    return [*made.current()["metadata"]["managedFields"], *forged]
