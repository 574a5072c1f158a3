"""Helm releases to be created, as the API server gets them: of three kinds, and of two sizes.

The documents have the members that Helm writes, and text that compresses about as well as charts do.
"""

import base64
import gzip
import json
import random
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from bench.progress import say

NAMESPACE: Final = "bench"
PRODUCT: Final = "acme-platform"
LICENSED_RANGE: Final = ">=2.0.0 <3.0.0"
LABEL: Final = "bench.licet.dev/subject"
"""Says of what kind a release is, for those who can't read it."""
LABEL_RULE: Final = f"object.metadata.?labels[?'{LABEL}'].orValue('') != 'refused'"
"""Their rule, in CEL."""

_WORDS: Final = tuple(
    f"{first}{second}"
    for first in ("acme", "data", "edge", "flow", "grid", "host", "link", "mesh", "node", "port", "site", "zone")
    for second in ("", "-api", "-cache", "-core", "-db", "-jobs", "-queue", "-web")
)
_SEED: Final = 20_261_122
_COMPRESSION: Final = 9  # as Helm
_PROBE: Final = 999_999


class Subject(StrEnum):
    """What is installed: a chart that the license covers, one that it does not, and one that needs none."""

    LICENSED = "licensed"
    REFUSED = "refused"
    UNPROTECTED = "unprotected"


class Size(StrEnum):
    """How much is installed: a payload, as it lies in the Secret, of 12 KB and of 450 KB or more."""

    SMALL = "small"
    LARGE = "large"


_PAYLOAD_BYTES: Final = {Size.SMALL: 12_000, Size.LARGE: 460_000}
_CHART: Final = {
    Subject.LICENSED: (PRODUCT, "2.3.0"),
    Subject.REFUSED: (PRODUCT, "9.0.0"),
    Subject.UNPROTECTED: ("web-shop", "1.0.0"),
}


def write_secrets(directory: Path, subject: Subject, size: Size, count: int) -> Path:
    """Writes so many release Secrets into a file, one a line, and gives the file; their names differ."""
    path = directory / f"{subject}-{size}.jsonl"
    say(f"writing {count} {size} releases, {subject}")
    with path.open("wb") as file:
        for number in range(count):
            file.write(json.dumps(_secret(subject, size, number), separators=(",", ":")).encode() + b"\n")
    return path


def probe(subject: Subject) -> dict[str, Any]:
    """Gives one small release Secret, whose name is none of those in files."""
    return _secret(subject, Size.SMALL, _PROBE)


def payload(subject: Subject, size: Size, number: int = 0) -> bytes:
    """Gives what lies under `release` in the Secret: gzipped JSON in base64, without that of Kubernetes itself."""
    chart, version = _CHART[subject]
    document = _document(chart, version, _release(subject, size, number), _resources(chart, version, size))
    return base64.b64encode(gzip.compress(json.dumps(document, separators=(",", ":")).encode(), _COMPRESSION, mtime=0))


def _secret(subject: Subject, size: Size, number: int) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "helm.sh/release.v1",
        "metadata": _metadata(subject, _release(subject, size, number)),
        "data": {"release": base64.b64encode(payload(subject, size, number)).decode()},
    }


def _metadata(subject: Subject, release: str) -> dict[str, Any]:
    labels = {"name": release, "owner": "helm", "status": "pending-install", "version": "1", LABEL: subject.value}
    return {"name": f"sh.helm.release.v1.{release}.v1", "labels": labels}


def _release(subject: Subject, size: Size, number: int) -> str:
    return f"{subject}-{size}-{number}"


def _document(chart: str, version: str, release: str, resources: list[str]) -> dict[str, Any]:
    return {
        "name": release,
        "info": {
            "first_deployed": "2026-10-01T10:00:00.123456789Z",
            "last_deployed": "2026-10-01T10:00:00.123456789Z",
            "deleted": "",
            "description": "Initial install underway",
            "status": "pending-install",
        },
        "chart": {
            "metadata": {"name": chart, "version": version, "apiVersion": "v2", "type": "application"},
            "lock": None,
            "templates": [
                {"name": f"templates/{number}.yaml", "data": base64.b64encode(text.encode()).decode()}
                for number, text in enumerate(resources)
            ],
            "values": {"replicas": 2, "image": {"repository": "registry.example/app", "tag": ""}},
            "schema": None,
            "files": [],
        },
        "manifest": "".join(
            f"---\n# Source: {chart}/templates/{number}.yaml\n{text}" for number, text in enumerate(resources)
        ),
        "hooks": [],
        "version": 1,
        "namespace": NAMESPACE,
    }


_chosen: Final[dict[tuple[str, Size], list[str]]] = {}


def _resources(chart: str, version: str, size: Size) -> list[str]:
    """Gives as many rendered templates as make a payload of this size."""
    if (chart, size) not in _chosen:
        count = 4
        while True:
            resources = list(_render(chart, version, count))
            text = json.dumps(_document(chart, version, "release", resources)).encode()
            length = len(base64.b64encode(gzip.compress(text, _COMPRESSION)))
            if length >= _PAYLOAD_BYTES[size]:
                break
            count = max(count + 1, count * _PAYLOAD_BYTES[size] // length)
        _chosen[chart, size] = resources
    return _chosen[chart, size]


def _render(chart: str, version: str, count: int) -> Iterator[str]:
    source = random.Random(_SEED)  # noqa: S311 - text, not a secret
    for number in range(count):
        lines = [
            f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {source.choice(_WORDS)}-{number}\n  labels:",
            f"    helm.sh/chart: {chart}-{version}\n    app.kubernetes.io/managed-by: Helm\ndata:",
        ]
        lines += [
            f"  {word}.{key}: {source.choice(_WORDS)}.{source.choice(_WORDS)}:{source.randrange(65536)}"
            for key, word in enumerate(source.choices(_WORDS, k=24))
        ]
        yield "\n".join(lines) + "\n"
