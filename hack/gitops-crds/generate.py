"""Writes the CRDs of Flux and Argo CD for the tests, from the Go modules of their APIs, without descriptions.

    python hack/gitops-crds/generate.py

controller-gen reads the types, as it does for the projects themselves. The modules in `flux/` and `argocd/` pin which,
and it. What is written is JSON on one line: that of ApplicationSets, with Applications inside of generators inside of
generators, would have 23,000 lines. Takes some minutes the first time; needs Go on the PATH.
"""

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Final

import yaml

MODULES: Final = Path(__file__).parent
DIRECTORY: Final = MODULES.parents[1] / "tests" / "support" / "crds"

PACKAGES: Final = {
    "flux": ("github.com/fluxcd/helm-controller/api/v2", "github.com/fluxcd/source-controller/api/v1"),
    "argocd": ("github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1",),
}
KINDS: Final = frozenset({"HelmRelease", "HelmChart", "OCIRepository", "Application", "ApplicationSet"})


def main() -> None:
    """Write one file for each CRD."""
    DIRECTORY.mkdir(exist_ok=True)
    for module, packages in PACKAGES.items():
        with tempfile.TemporaryDirectory() as written:
            paths = [f"paths={package}" for package in packages]
            command = ["go", "tool", "controller-gen", "crd:maxDescLen=0", *paths, f"output:crd:dir={written}"]
            subprocess.run(command, cwd=MODULES / module, check=True)
            for path in sorted(Path(written).iterdir()):
                definition = yaml.safe_load(path.read_text(encoding="utf-8"))
                if definition["spec"]["names"]["kind"] in KINDS:
                    text = json.dumps(definition, separators=(",", ":"))
                    (DIRECTORY / f"{path.stem}.json").write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
