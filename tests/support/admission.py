"""Release Secrets and ConfigMaps as Helm writes them, and the AdmissionReviews in which an API server asks of them."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from support.helm_releases import encode_release

Json = dict[str, Any]


def release_secret(document: Mapping[str, Any], *, payload: bytes | None = None, **changes: Any) -> Json:
    """The Secret in which Helm keeps a release; `changes` replace its members, `payload` the encoded release."""
    name, revision = document["name"], document["version"]
    labels = {"name": name, "owner": "helm", "status": document["info"]["status"], "version": str(revision)}
    release = encode_release(document) if payload is None else payload
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": f"sh.helm.release.v1.{name}.v{revision}", "labels": labels},
        "type": "helm.sh/release.v1",
        "data": {"release": base64.b64encode(release).decode()},
        **changes,
    }


def release_config_map(document: Mapping[str, Any], *, payload: bytes | None = None, **changes: Any) -> Json:
    """The ConfigMap in which Helm keeps a release with HELM_DRIVER=configmap; its payload is in base64 once only."""
    release = encode_release(document) if payload is None else payload
    obj = {**release_secret(document), "kind": "ConfigMap", "data": {"release": release.decode()}}
    del obj["type"]
    return {**obj, **changes}


def review(obj: Json, old: Json | None = None, *, namespace: str = "prod-eu", **changes: Any) -> Json:
    """The AdmissionReview of an object that is created, or updated from `old`; `changes` are to its request."""
    kind = obj["kind"]
    group, _, version = obj["apiVersion"].rpartition("/")
    request = {
        "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
        "kind": {"group": group, "version": version, "kind": kind},
        "resource": {"group": group, "version": version, "resource": f"{kind.lower()}s"},
        "name": obj["metadata"].get("name", ""),
        "namespace": namespace,
        "operation": "CREATE" if old is None else "UPDATE",
        "userInfo": {"username": "jane", "groups": ["system:authenticated"]},
        "object": obj,
        "oldObject": old,
        "dryRun": False,
        "options": {"apiVersion": "meta.k8s.io/v1", "kind": "CreateOptions"},
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {**request, **changes}}


def encoded(document: object) -> bytes:
    """JSON, as it is posted."""
    return json.dumps(document).encode()
