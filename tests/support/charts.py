"""Helm charts for tests: small, real, and made on the spot in the version that a test needs."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

_CONFIG_MAP: Final = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-{{ .Chart.Name }}
data:
  version: {{ .Chart.Version | quote }}
  note: {{ .Values.note | default "none" | quote }}
"""

_HOOK: Final = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-hook
  annotations: {"helm.sh/hook": "pre-install,pre-upgrade", "helm.sh/hook-delete-policy": before-hook-creation}
data:
  version: {{ .Chart.Version | quote }}
"""


@dataclass(frozen=True, slots=True)
class Inside:
    """A chart inside of another one, listed as its dependency."""

    chart: Path
    version: str  # as the parent writes it, mostly a range
    alias: str = ""


class Charts:
    """Makes charts below a directory; each is a directory that Helm installs as it is."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._made = 0

    def make(
        self,
        name: str,
        version: str,
        *,
        annotations: Mapping[str, str] | None = None,
        hook: bool = False,
        templates: Mapping[str, str] | None = None,
        inside: Sequence[Inside] = (),
        vendored: Sequence[Path] = (),
        listed: bool = True,
    ) -> Path:
        """Make a chart with a ConfigMap that tells its version and the value `note`.

        `inside` are dependencies by path, for `helm dependency update` to fetch and lock. `vendored` charts are put
        into `charts/` as they are, without a lock, and named as dependencies where they are `listed`.
        """
        self._made += 1
        chart = self._directory / f"{self._made}" / name
        (chart / "templates").mkdir(parents=True)
        files = {"configmap.yaml": _CONFIG_MAP, **({"hook.yaml": _HOOK} if hook else {}), **(templates or {})}
        for file_name, text in files.items():
            (chart / "templates" / file_name).write_text(text)
        for other in vendored:
            shutil.copytree(other, chart / "charts" / other.name)
        (chart / "Chart.yaml").write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "v2",
                    "name": name,
                    "version": version,
                    "annotations": dict(annotations or {}),
                    "dependencies": [
                        *({"name": other.name, "version": ">=0.0.0-0"} for other in (vendored if listed else ())),
                        *(_dependency(each) for each in inside),
                    ],
                }
            )
        )
        return chart


def _dependency(inside: Inside) -> dict[str, Any]:
    entry = {"name": inside.chart.name, "version": inside.version, "repository": f"file://{inside.chart}"}
    return entry | ({"alias": inside.alias} if inside.alias else {})
