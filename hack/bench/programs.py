"""The programs that are measured with and against, built from Go like those of the control plane."""

import os
import subprocess
from pathlib import Path
from typing import Final

from controlplane import BuildError
from controlplane.build import TOOLS, Program, cache_directory, ensure_programs
from controlplane.golang import find_go

_OWN: Final = Path(__file__).parent / "tools"

GATEKEEPER: Final = Program(
    "gatekeeper",
    "gatekeeper",
    "github.com/open-policy-agent/gatekeeper/v3",
    "github.com/open-policy-agent/gatekeeper/v3",
    ("github.com/open-policy-agent/gatekeeper/v3/pkg/version.Version={version}",),
    420,
)
KYVERNO: Final = Program(
    "kyverno",
    "kyverno",
    "github.com/kyverno/kyverno/cmd/kyverno",
    "github.com/kyverno/kyverno",
    ("github.com/kyverno/kyverno/pkg/version.BuildVersion={version}",),
    600,
)


def build_tools() -> Path:
    """Builds the load and the webhook that does nothing, and gives the directory with `load` and `webhook`.

    Raises:
        BuildError: they do not build.
    """
    cache = cache_directory()
    directory = cache / "bench"
    directory.mkdir(parents=True, exist_ok=True)
    go = find_go(cache)
    fixed = {"CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off", "GOTOOLCHAIN": "local"}
    answer = subprocess.run(
        [str(go.program), "build", "-trimpath", "-o", f"{directory}/", "./..."],
        cwd=_OWN,
        env=os.environ | fixed | go.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode != 0:
        raise BuildError(f"go build in {_OWN} failed:\n{answer.stderr}")
    return directory


def build_peer(program: Program) -> Path:
    """Builds one of the peers where that is still to be done, and gives the program.

    Raises:
        BuildError: it does not build.
    """
    return ensure_programs((program,)) / program.name


def source(program: Program) -> Path:
    """Gives the directory with the source of a peer, in which its CRDs lie."""
    go = find_go(cache_directory())
    answer = subprocess.run(
        [str(go.program), "list", "-m", "-f", "{{.Dir}}", program.release],
        cwd=TOOLS / program.module,
        env=os.environ | {"GOFLAGS": "-mod=mod", "GOWORK": "off"} | go.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return Path(answer.stdout.strip())
