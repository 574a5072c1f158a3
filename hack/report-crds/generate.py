"""Writes the CRDs of policy reports for the tests, as their projects publish them, without descriptions.

    python hack/report-crds/generate.py

`Report` of openreports.io comes from the Go module of its API. `PolicyReport` of wgpolicyk8s.io, whose own module the
Go proxy does not have, comes from that of Kyverno, which installs it. Needs Go on the PATH; the Go proxy's checksum
database vouches for what is downloaded.
"""

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Final

import yaml

DIRECTORY: Final = Path(__file__).parents[2] / "tests" / "integration" / "controller" / "crds"
SOURCES: Final = {
    "github.com/openreports/reports-api@v0.2.1": "config/crd/openreports.io_reports.yaml",
    "github.com/kyverno/kyverno@v1.19.1": "config/crds/policyreport/wgpolicyk8s.io_policyreports.yaml",
}


def main() -> None:
    """Write one file for each CRD."""
    DIRECTORY.mkdir(exist_ok=True)
    for module, path in SOURCES.items():
        definition = without_descriptions(yaml.safe_load((download(module) / path).read_text(encoding="utf-8")))
        text = (
            f"# From {module}; written by hack/report-crds/generate.py.\n{yaml.safe_dump(definition, sort_keys=False)}"
        )
        (DIRECTORY / Path(path).name).write_text(text, encoding="utf-8")


def download(module: str) -> Path:
    """Have Go download a module, and give its directory in the module cache."""
    with tempfile.TemporaryDirectory() as empty:  # so that no go.mod around here decides the version
        answer = subprocess.run(
            ["go", "mod", "download", "-json", module], cwd=empty, check=True, stdout=subprocess.PIPE, text=True
        )
    return Path(json.loads(answer.stdout)["Dir"])


def without_descriptions(value: object, *, named: bool = False) -> object:
    """Leave out the descriptions of a schema; `named` is whether the keys are names of its members."""
    if isinstance(value, list):
        return [without_descriptions(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: without_descriptions(item, named=key == "properties" and not named)
        for key, item in value.items()
        if named or key != "description"
    }


if __name__ == "__main__":
    main()
