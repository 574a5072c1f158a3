"""Helm releases for tests: documents in the form that Helm stores, and the payload that it makes of them."""

import base64
import gzip
import json
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

Document = dict[str, Any]


def encode_release(document: Mapping[str, Any] | bytes, *, compress: bool = True) -> bytes:
    """Make the value under the key `release` of a Secret's data, before Kubernetes' own base64, as Helm makes it.

    A document given as bytes is taken for the JSON text, right or wrong; without `compress` the JSON is not gzipped.
    """
    text = document if isinstance(document, bytes) else go_json(document)
    return base64.b64encode(gzip.compress(text, mtime=0) if compress else text)


def encode_bomb(mebibytes: int, *, claimed_size: int | None = None) -> bytes:
    """Make a payload that decompresses to so many mebibytes of zeros; a claimed size is a lie of its trailer."""
    zeros = bytes(1 << 20)
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = deflate.compress(zeros) + deflate.flush(zlib.Z_FULL_FLUSH)  # complete in itself, so it can be repeated
    checksum = 0
    for _ in range(mebibytes):
        checksum = zlib.crc32(zeros, checksum)
    size = len(zeros) * mebibytes if claimed_size is None else claimed_size
    header = gzip.compress(b"", mtime=0)[:10]
    trailer = checksum.to_bytes(4, "little") + size.to_bytes(4, "little")
    return base64.b64encode(header + block * mebibytes + deflate.flush() + trailer)


def go_json(value: object) -> bytes:
    """Write JSON like Go: compact, in UTF-8, with the characters that mean something to HTML escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode()


def release_document(
    chart: str = "web",
    version: str = "1.0.0",
    *,
    name: str = "web",
    namespace: str = "prod-eu",
    revision: int = 1,
    status: str = "pending-install",
    annotations: Mapping[str, str] | None = None,
    dependencies: Iterable[Mapping[str, Any]] = (),
    locked: Iterable[Mapping[str, Any]] | None = None,
    manifest: str | None = None,
    hooks: Iterable[Mapping[str, Any]] = (),
    values: Mapping[str, Any] | None = None,
) -> Document:
    """Make a release document with a few templates and values; `dependencies` and `locked` are in Helm's JSON form."""
    metadata: Document = {
        "name": chart,
        "version": version,
        "description": "A chart <for> tests & demos",
        "maintainers": [{"name": "Jo", "email": "jo@example.com"}],
        "apiVersion": "v2",
        "appVersion": "7.4",
        "annotations": dict(annotations or {}),
        "dependencies": [dict(dependency) for dependency in dependencies],
        "type": "application",
    }
    if manifest is None:
        manifest = resource(
            "ConfigMap", f"{name}-config", source=f"{chart}/templates/config.yaml", chart=f"{chart}-{version}"
        )
    return {
        "name": name,
        "info": {
            "first_deployed": "2026-10-01T10:00:00.123456789Z",
            "last_deployed": "2026-10-01T10:00:00.123456789+02:00",
            "deleted": "",
            "description": "Initial install underway",
            "status": status,
            "notes": "Thanks for installing",
        },
        "chart": {
            "metadata": metadata,
            "lock": locked
            if locked is None
            else {
                "generated": "2026-09-30T08:00:00.5+02:00",
                "digest": f"sha256:{'0' * 64}",
                "dependencies": [dict(dependency) for dependency in locked],
            },
            "templates": [
                {"name": f"templates/{kind}.yaml", "data": base64.b64encode(kind.encode() * 90).decode()}
                for kind in ("config", "deployment", "service", "_helpers")
            ],
            "values": {"replicas": 1, "image": {"repository": "registry.example/web", "tag": ""}, "Name": 1, "name": 2},
            "schema": None,
            "files": [{"name": "README.md", "data": base64.b64encode(b"# web\n" * 40).decode()}],
        },
        "config": dict(values or {"replicas": 2}),
        "manifest": manifest,
        "hooks": [
            {
                "name": "hook",
                "kind": "Job",
                "events": ["pre-install"],
                "last_run": {"started_at": "", "completed_at": "", "phase": ""},
            }
            | dict(hook)
            for hook in hooks
        ],
        "version": revision,
        "namespace": namespace,
    }


def resource(
    kind: str, name: str, *, source: str, chart: str | None = None, labels: Mapping[str, str] | None = None
) -> str:
    """Make a rendered template as it stands in a release's manifest; `chart` is its label `helm.sh/chart`."""
    all_labels = (
        ({"helm.sh/chart": chart} if chart else {}) | {"app.kubernetes.io/managed-by": "Helm"} | dict(labels or {})
    )
    lines = [
        f"---\n# Source: {source}\napiVersion: v1\nkind: {kind}\nmetadata:\n  name: {name}\n  labels:",
        *(f"    {label}: {text}" for label, text in all_labels.items()),
        "data:\n  key: value\n",
    ]
    return "\n".join(lines)
