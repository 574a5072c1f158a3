"""How the programs of the control plane get into the cache; a stand-in for `go` writes files instead of compiling."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import controlplane
from controlplane import BuildError, ensure_binaries, kubernetes_versions
from controlplane.build import OLDEST_API_SERVER, PROGRAMS, Program, ensure_programs

HACK = Path(controlplane.__file__).parents[1]
NAMES = sorted(program.name for program in PROGRAMS)
OLDEST, NEWEST = kubernetes_versions()

GO = """#!/bin/sh
[ "$1" = env ] && echo go1.26.0 && exit
echo "$@" >> "$GO_LOG"
while [ "$1" != -o ]; do shift; done
echo half > "$2"
[ -n "$GO_SLOW" ] && sleep 0.2
case "$3" in *"${GO_FAILS:-none}"*) echo "undefined: something" >&2; exit 1;; esac
[ -n "$GO_HANGS" ] && exec sleep 5
echo whole > "$2"
"""


@pytest.fixture
def go_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Puts the stand-in on PATH, and gives the file with a line for each program that it has built."""
    go = tmp_path / "go"
    go.write_text(GO)
    go.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("GO_LOG", str(tmp_path / "go.log"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    return tmp_path / "go.log"


def test_programs_are_built_once(go_log: Path, tmp_path: Path) -> None:
    directory = ensure_binaries()

    assert ensure_binaries() == directory
    assert sorted(path.name for path in directory.iterdir()) == NAMES
    assert len(go_log.read_text().splitlines()) == len(NAMES)
    assert directory.is_relative_to(tmp_path / "cache" / "licet")


def test_program_of_ours_is_built_again_when_its_sources_change(go_log: Path, tmp_path: Path) -> None:
    module = tmp_path / "module"
    module.mkdir()
    (module / "go.mod").write_text("module ours\nrequire helm.sh/helm/v4 v4.3.1\nrequire k8s.io/client-go v0.37.1\n")
    (module / "go.sum").touch()
    ours = Program("ours", str(module), ".", "helm.sh/helm/v4", (), 1)

    directories = []
    for source in ("package main", "package main", "package main // changed"):
        (module / "main.go").write_text(source)
        directories.append(ensure_programs((ours,)))

    assert directories[0] == directories[1] != directories[2]
    assert len(go_log.read_text().splitlines()) == 2


def test_progress_names_each_program(go_log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ensure_binaries()

    progress = capsys.readouterr().err
    for number, program in enumerate(PROGRAMS, start=1):
        assert f"[{number}/{len(PROGRAMS)}] {program.name} {program.version}: done" in progress


def test_failed_build_says_what_the_compiler_said_and_leaves_nothing_half_made(
    go_log: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GO_FAILS", "kubectl")

    with pytest.raises(BuildError, match=r"cmd/kubectl failed[\s\S]*undefined: something"):
        ensure_binaries()

    built = [path for path in (tmp_path / "cache").rglob("*") if path.is_file() and path.suffix != ".lock"]
    assert [path.name for path in built if path.read_text() != "whole\n"] == []

    monkeypatch.delenv("GO_FAILS")
    assert sorted(path.name for path in ensure_binaries().iterdir()) == NAMES


def test_killed_build_leaves_nothing_that_counts_as_built(
    go_log: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GO_HANGS", "1")
    with build() as process:
        while not go_log.exists():
            assert process.poll() is None
        process.kill()

    monkeypatch.delenv("GO_HANGS")
    directory = ensure_binaries()
    assert sorted(path.name for path in directory.iterdir()) == NAMES
    assert {path.read_text() for path in directory.iterdir()} == {"whole\n"}


def test_two_builds_at_once_do_the_work_once(go_log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GO_SLOW", "1")

    with build() as one, build() as other:
        directories = {process.communicate()[0] for process in (one, other)}

    assert len(directories) == 1
    assert len(go_log.read_text().splitlines()) == len(NAMES)


def test_kubebuilder_assets_are_used_and_the_rest_is_built(
    go_log: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assets = tmp_path / "assets"
    assets.mkdir()
    for name in ("etcd", "kube-apiserver", "kubectl"):
        (assets / name).write_text("given")
        (assets / name).chmod(0o755)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(assets))

    directory, oldest = ensure_binaries(), ensure_binaries(OLDEST)

    assert sorted(path.name for path in directory.iterdir()) == NAMES
    assert {path.name for path in directory.iterdir() if path.read_text() == "given"} == {
        "etcd",
        "kube-apiserver",
        "kubectl",
    }
    assert (oldest / "kube-apiserver").read_text() == "whole\n"
    assert (oldest / "etcd").read_text() == "given"
    assert len(go_log.read_text().splitlines()) == len(NAMES) - 3 + 1


def test_of_the_oldest_kubernetes_there_is_the_api_server_and_the_rest_is_shared(go_log: Path) -> None:
    newest, oldest = ensure_binaries(NEWEST), ensure_binaries(OLDEST)

    assert newest == ensure_binaries() != oldest == ensure_binaries(OLDEST)
    assert sorted(path.name for path in oldest.iterdir()) == NAMES
    assert [path.name for path in oldest.iterdir() if not path.is_symlink()] == ["kube-apiserver"]
    assert len(go_log.read_text().splitlines()) == len(NAMES) + 1
    version = "-X=k8s.io/component-base/version.gitVersion="
    built = [line for line in go_log.read_text().splitlines() if line.endswith("cmd/kube-apiserver")]
    assert [line.partition(version)[2].split()[0] for line in built] == [PROGRAMS[0].version, OLDEST_API_SERVER.version]


def test_the_newest_kubernetes_is_built_without_the_oldest(go_log: Path) -> None:
    ensure_binaries()
    assert OLDEST_API_SERVER.version not in go_log.read_text()


def test_another_kubernetes_is_not_to_be_had(go_log: Path) -> None:
    with pytest.raises(BuildError, match=rf"Kubernetes 1.2 .* choose {OLDEST} or {NEWEST}"):
        ensure_binaries("1.2")


def test_kubebuilder_assets_that_do_not_exist_are_an_error(go_log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBEBUILDER_ASSETS", "/nowhere")

    with pytest.raises(BuildError, match="KUBEBUILDER_ASSETS"):
        ensure_binaries()


def build() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "controlplane", "build"],
        env=os.environ | {"PYTHONPATH": str(HACK)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
