"""Makes the release samples of the unit tests: what Helm 3 and Helm 4 really store for a few charts.

Both Helms install the charts below into a real control plane, and the payloads of the Secrets that they make are kept
as they are. From the top of the repository:

    PYTHONPATH=hack .venv/bin/python hack/release-samples/generate.py tests/unit/core/data/releases
"""

import base64
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from controlplane import ControlPlane

HELPERS = """\
{{- define "labels" }}
    helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
    app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}
"""

CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-{{ .Chart.Name }}
  labels:
    {{- include "labels" . }}
data:
  text: "<ünïcode> & \\"quotes\\""
"""

HOOK = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-{{ .Chart.Name }}-hook
  labels: {"helm.sh/chart": {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | quote }} }
  annotations:
    helm.sh/hook: pre-install,pre-upgrade
"""


def chart_yaml(name: str, version: str, more: str = "") -> str:
    """Give a Chart.yaml."""
    return f"apiVersion: v2\nname: {name}\nversion: {version}\n{more}"


def chart_files(name: str, version: str, more: str = "") -> dict[str, str]:
    """Give the files of a chart of one ConfigMap."""
    return {
        f"{name}/Chart.yaml": chart_yaml(name, version, more),
        f"{name}/values.yaml": "Size: 1\nsize: 2\n",
        f"{name}/templates/_helpers.tpl": HELPERS,
        f"{name}/templates/config.yaml": CONFIG_MAP,
    }


def dependency(name: str, versions: str, more: str = "") -> str:
    """Give an entry of a chart's dependencies, which is a directory beside it."""
    return f"- {{name: {name}, version: {versions!r}, repository: 'file://../{name}'{more}}}\n"


FILES = (
    chart_files("acme-database", "0.9.0")
    | chart_files(
        "acme-platform",
        "2.4.1+build.7",
        "annotations: {licet.dev/released: '2026-10-01'}\ndependencies:\n" + dependency("acme-database", "0.9.0"),
    )
    | {"acme-platform/templates/hook.yaml": HOOK}
    | chart_files("acme-gateway", "v1.2.3")
    | chart_files("globex-cache", "7.0.0")
    | chart_files("globex-edge", "1.0.0", "dependencies:\n" + dependency("acme-gateway", "^1.0.0"))
    | chart_files(
        "globex-shop",
        "5.0.0",
        "dependencies:\n"
        + dependency("globex-cache", "7.x", ", condition: cache.enabled")
        + dependency("acme-platform", "^2.0.0", ", alias: store")
        + dependency("globex-cache", "7.x", ", alias: sessions")
        + dependency("globex-edge", ">=1"),
    )
    | {"globex-shop/values.yaml": "cache: {enabled: false}\n"}
)
CHARTS = ("acme-platform", "globex-shop")
PARENTS = ("acme-platform", "globex-edge", "globex-shop")  # in the order in which they need each other


def main(target: Path) -> None:
    """Install each chart with each Helm, and write the payloads to the directory."""
    target.mkdir(parents=True, exist_ok=True)
    with ControlPlane() as plane, tempfile.TemporaryDirectory() as directory:
        for path, text in FILES.items():
            file = Path(directory, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        environment = os.environ | {"KUBECONFIG": str(plane.kubeconfig), "HELM_CACHE_HOME": directory}

        def helm(program: str, *arguments: str) -> None:
            subprocess.run([plane.bin / program, *arguments], cwd=directory, env=environment, check=True)

        for parent in PARENTS:
            helm("helm", "dependency", "update", parent)
        for program, label in (("helm3", "helm3"), ("helm", "helm4")):
            for chart in CHARTS:
                release = f"{label}-{chart}"
                helm(program, "install", release, chart, "--namespace", release, "--create-namespace")
                secret = plane.request("GET", f"/api/v1/namespaces/{release}/secrets/sh.helm.release.v1.{release}.v1")
                (target / f"{release}.release").write_bytes(base64.b64decode(secret["data"]["release"]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
