"""Helm's own reading of a release's payload: a Go program that is made of Helm's modules, hack/release-oracle."""

import base64
import json
import subprocess
from typing import Any, Final

from controlplane.build import Program, ensure_programs
from licet.core.release import Release

HELMS: Final = ("3", "4")

Meaning = dict[str, Any]

_PROGRAM: Final = Program("release-oracle", "../release-oracle", ".", "helm.sh/helm/v4", (), 40)


class Oracle:
    """The program, which goes on answering until it is closed."""

    def __init__(self) -> None:
        program = ensure_programs((_PROGRAM,)) / _PROGRAM.name
        self._process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def close(self) -> None:
        """End the program."""
        self._process.communicate(timeout=30)

    def read(self, payload: bytes) -> dict[str, Meaning | None]:
        """Give what a payload means to each Helm; None where it can't read it."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(base64.b64encode(payload) + b"\n")
        process.stdin.flush()
        answer = json.loads(process.stdout.readline())
        return {helm: meaning_to_helm(answer[helm]["release"]) if "release" in answer[helm] else None for helm in HELMS}


def meaning_to_helm(release: Meaning) -> Meaning:
    """Take what a decision depends on out of a release as Helm writes it down."""
    chart = release.get("chart") or {}
    metadata, lock = chart.get("metadata") or {}, chart.get("lock") or {}
    return {
        "name": release.get("name", ""),
        "namespace": release.get("namespace", ""),
        "revision": release.get("version", 0),
        "status": (release.get("info") or {}).get("status", ""),
        "chart": (metadata.get("name", ""), metadata.get("version", "")),
        "annotations": metadata.get("annotations") or {},
        "dependencies": [
            (*_dependency(each), each.get("alias", ""), each.get("enabled", False))
            for each in metadata.get("dependencies") or ()
            if each
        ],
        "locked": [_dependency(each) for each in lock.get("dependencies") or () if each],
        "manifest": release.get("manifest", ""),
        "hooks": [(each.get("path", ""), each.get("manifest", "")) for each in release.get("hooks") or () if each],
    }


def meaning_to_licet(release: Release) -> Meaning:
    """Take the same out of a release as licet has read it."""
    chart = release.chart
    return {
        "name": release.name,
        "namespace": release.namespace,
        "revision": release.revision,
        "status": release.status,
        "chart": (chart.name, chart.version),
        "annotations": dict(chart.annotations),
        "dependencies": [
            (each.name, each.version, each.repository, each.alias, each.enabled) for each in chart.dependencies
        ],
        "locked": [(each.name, each.version, each.repository) for each in chart.locked],
        "manifest": release.manifest,
        "hooks": [(each.path, each.manifest) for each in release.hooks],
    }


def _dependency(entry: Meaning) -> tuple[str, str, str]:
    return entry.get("name", ""), entry.get("version", ""), entry.get("repository", "")
