"""Builds the programs of a control plane, once, into a cache that all clones of the repository share.

The versions are those that the go.mod files in hack/tools pin; the cache is keyed by them, by how the programs are
built, and by the platform. A program appears in the cache complete or not at all, and one build runs at a time.

Of the oldest Kubernetes that licet's admission policies work on, there is the API server alone; what stands beside it
is that of the newest.
"""

import fcntl
import hashlib
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from controlplane.commands import API_SERVER
from controlplane.errors import BuildError
from controlplane.golang import Go, find_go

TOOLS: Final = Path(__file__).parents[1] / "tools"
ASSETS_VARIABLE: Final = "KUBEBUILDER_ASSETS"
REPORT_SECONDS: Final = 20  # between two lines of progress where the output is not a terminal
OUTPUT_LINES: Final = 40  # of a failed build, shown to the user

_NOTHING_GIVEN: Final[Mapping[str, Path]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Program:
    """A program to build: `package` of the Go module in hack/tools/`module`, versioned with `release` of its go.mod."""

    name: str
    module: str
    package: str
    release: str
    version_variables: tuple[str, ...]
    seconds: int  # to build on two cores after those before it in PROGRAMS, from nothing

    @property
    def version(self) -> str:
        """The version that go.mod pins, such as `v1.37.1`."""
        return self._pinned(self.release)

    @property
    def minor_version(self) -> str:
        """The version as far as the minor number, such as `1.37`."""
        return ".".join(self.version.removeprefix("v").split(".")[:2])

    @property
    def linker_flags(self) -> str:
        """Strips the program, and sets what it answers when asked for its version."""
        major, minor = self.minor_version.split(".")
        _, kubernetes_minor, _ = self._pinned("k8s.io/client-go").split(".", 2)  # v0.37.1 is of Kubernetes 1.37.1
        values = {"version": self.version, "major": major, "minor": minor, "kubernetes_minor": kubernetes_minor}
        return " ".join(["-s", "-w", *(f"-X={variable.format(**values)}" for variable in self.version_variables)])

    def _pinned(self, release: str) -> str:
        go_mod = (TOOLS / self.module / "go.mod").read_text()
        match = re.search(rf"^\t?(?:require )?{re.escape(release)} (v\S+)", go_mod, re.MULTILINE)
        if match is None:
            raise BuildError(f"{TOOLS / self.module / 'go.mod'} does not require {release}")
        return match[1]


_KUBERNETES_VERSION = tuple(
    f"k8s.io/component-base/version.{assignment}"
    for assignment in (
        "gitVersion={version}",
        "gitMajor={major}",
        "gitMinor={minor}",
        "gitCommit=",
        "gitTreeState=archive",
    )
)


def _kubernetes(name: str, seconds: int, module: str = "kubernetes") -> Program:
    package = f"k8s.io/kubernetes/cmd/{name}"
    return Program(name, module, package, "k8s.io/kubernetes", _KUBERNETES_VERSION, seconds)


# Of the Kubernetes that Helm 3 renders for where it asks no cluster, and that it lints against.
_HELM3_KUBERNETES_VERSION = tuple(
    f"helm.sh/helm/v3/pkg/{package}.{assignment}"
    for package in ("chartutil", "lint/rules")
    for assignment in ("k8sVersionMajor=1", "k8sVersionMinor={kubernetes_minor}")
)


def _helm(name: str, module: str, release: str, seconds: int, variables: tuple[str, ...] = ()) -> Program:
    version = f"{release}/internal/version.version={{version}}"
    return Program(name, module, f"{release}/cmd/helm", release, (version, *variables), seconds)


PROGRAMS: Final = (
    _kubernetes(API_SERVER, 270),
    Program("etcd", "kubernetes", "go.etcd.io/etcd/server/v3", "go.etcd.io/etcd/server/v3", (), 10),
    _kubernetes("kube-controller-manager", 90),
    _kubernetes("kubectl", 20),
    _helm("helm", "kubernetes", "helm.sh/helm/v4", 20),
    _helm("helm3", "helm3", "helm.sh/helm/v3", 60, _HELM3_KUBERNETES_VERSION),
)
OLDEST_API_SERVER: Final = _kubernetes(API_SERVER, 300, "kubernetes-oldest")
ASSETS: Final = ("etcd", API_SERVER, "kubectl")  # what envtest keeps in KUBEBUILDER_ASSETS


def kubernetes_versions() -> tuple[str, str]:
    """Gives the minor versions of Kubernetes that there is an API server of: the oldest and the newest."""
    return OLDEST_API_SERVER.minor_version, PROGRAMS[0].minor_version


def ensure_binaries(kubernetes: str | None = None) -> Path:
    """Gives a directory with every program of `PROGRAMS`, and builds what is not in the cache yet.

    `kubernetes` says of which minor version the API server is, by default the newest. Programs in the directory that
    KUBEBUILDER_ASSETS names are taken instead of being built, save for the API server of the oldest version. Progress
    goes to stderr.

    Raises:
        BuildError: a program does not build, KUBEBUILDER_ASSETS names no directory, or there is no such version.
        GoError: there is no Go to build with.
    """
    oldest, newest = kubernetes_versions()
    if kubernetes not in {None, oldest, newest}:
        raise BuildError(f"there is no Kubernetes {kubernetes} to build here; choose {oldest} or {newest}")
    directory = ensure_programs(PROGRAMS, _assets())
    if kubernetes != oldest:
        return directory
    shared = {program.name: directory / program.name for program in PROGRAMS if program.name != OLDEST_API_SERVER.name}
    return ensure_programs((OLDEST_API_SERVER,), shared)


def ensure_programs(programs: Sequence[Program], given: Mapping[str, Path] = _NOTHING_GIVEN) -> Path:
    """Gives a directory with these programs; those that are given become links, the others are built if need be.

    Raises:
        BuildError: a program does not build.
        GoError: there is no Go to build with.
    """
    cache = cache_directory()
    directory = cache / "bin" / _key(programs, given)
    if not _missing(programs, directory):
        return directory
    directory.mkdir(parents=True, exist_ok=True)
    with _locked(cache / "build.lock"):
        for leftover in directory.glob(".new-*"):  # of a build that was killed
            leftover.unlink()
        for name, target in given.items():
            _link(directory / name, target)
        if missing := _missing(programs, directory):  # else another process has built them meanwhile
            _build_all(missing, find_go(cache), directory)
    return directory


def cache_directory() -> Path:
    """`$XDG_CACHE_HOME/licet`, by default `~/.cache/licet` (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "licet"


def _assets() -> dict[str, Path]:
    configured = os.environ.get(ASSETS_VARIABLE)
    if not configured:
        return {}
    directory = Path(configured).resolve()
    if not directory.is_dir():
        raise BuildError(f"{ASSETS_VARIABLE} names {configured}, which is not a directory")
    return {name: directory / name for name in ASSETS if os.access(directory / name, os.X_OK)}


def _key(programs: Sequence[Program], given: Mapping[str, Path]) -> str:
    """Changes with all that the programs depend on, save the Go toolchain: a newer one is no reason to build again."""
    recipes = [(program.name, program.package, program.linker_flags) for program in programs]
    digest = hashlib.sha256(repr((recipes, given, platform.system(), platform.machine())).encode())
    for module in sorted({program.module for program in programs}):
        for name in ("go.mod", "go.sum"):
            digest.update((TOOLS / module / name).read_bytes())
    for program in programs:
        if program.package.startswith("."):  # of ours, with sources that change without a version
            for source in sorted((TOOLS / program.module / program.package).glob("*.go")):
                digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def _missing(programs: Sequence[Program], directory: Path) -> list[Program]:
    return [program for program in programs if not (directory / program.name).exists()]


def _link(path: Path, target: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(target)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("controlplane: another process is building the control plane, waiting for it", file=sys.stderr)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build_all(programs: list[Program], go: Go, directory: Path) -> None:
    estimate = sum(program.seconds for program in programs)
    print(
        f"controlplane: building {', '.join(program.name for program in programs)}"
        f" once for all clones, about {max(1, round(estimate / 60))} min on 2 cores",
        file=sys.stderr,
    )
    for number, program in enumerate(programs, start=1):
        _build(program, go, directory, f"[{number}/{len(programs)}] {program.name} {program.version}")


def _build(program: Program, go: Go, directory: Path, title: str) -> None:
    temporary = directory / f".new-{program.name}-{os.getpid()}"
    command = [str(go.program), "build", "-trimpath", "-buildvcs=false", "-mod=readonly"]
    command += ["-ldflags", program.linker_flags, "-o", str(temporary), program.package]
    # Nothing that the user has set for other projects may change what is built here.
    fixed = {"CGO_ENABLED": "0", "GOFLAGS": "", "GOOS": "", "GOARCH": "", "GOWORK": "off", "GOTOOLCHAIN": "local"}
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            command,
            cwd=TOOLS / program.module,
            env=os.environ | fixed | go.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            code = _wait_with_progress(process, title, program.seconds)
            if code != 0:
                output.seek(0)
                said = "".join(output.readlines()[-OUTPUT_LINES:])
                raise BuildError(f"go build of {program.package} failed (exit code {code}):\n{said}")
            temporary.replace(directory / program.name)
        finally:
            process.kill()  # nothing, unless the user has interrupted
            process.wait()
            temporary.unlink(missing_ok=True)


def _wait_with_progress(process: subprocess.Popen[bytes], title: str, estimate: int) -> int:
    start = time.monotonic()
    terminal = sys.stderr.isatty()
    begin, end = ("\r", "\x1b[K") if terminal else ("", "\n")
    interval = 1 if terminal else REPORT_SECONDS
    while True:
        try:
            code = process.wait(timeout=interval)
        except subprocess.TimeoutExpired:
            elapsed = round(time.monotonic() - start)
            print(
                f"{begin}controlplane: {title}: {elapsed} s of about {estimate} s", end=end, file=sys.stderr, flush=True
            )
            continue
        word = "done" if code == 0 else "failed"
        print(
            f"{begin}controlplane: {title}: {word} after {time.monotonic() - start:.0f} s{end.strip()}", file=sys.stderr
        )
        return code
