"""The demo tells the story that the README promises, and leaves nothing."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import demo
from support.process_table import processes

HACK = Path(demo.__file__).parents[1]

# In this order. What the admin, the team and Helm are told, not how it is laid out.
STORY = (
    "$ licet keygen --key acme.pem",
    "kind: Vendor",
    "$ licet issue license.yaml --key acme.pem",
    "$ kubectl apply -f vendor.yaml -f acme-prod.yaml",
    "$ helm -n prod-eu install web acme-platform-3.1.0.tgz",
    'denied the request: licet: chart acme-platform 3.1.0 (release "web", namespace "prod-eu") is not licensed',
    "$ helm template web acme-platform-3.1.0.tgz",
    "licet: image registry.acme.example/platform/server:3.1.0",
    "$ helm -n prod-eu install web acme-platform-2.4.1.tgz",
    "STATUS: deployed",
    'LICET_LIMIT_SEATS: "25"',
    "$ kubectl apply -f acme-prod.yaml",
    'LICET_LIMIT_SEATS: "100"',
    "$ helm -n prod-eu upgrade web acme-platform-3.1.0.tgz",
    "STATUS: deployed",
    "$ helm -n prod-eu uninstall web",
    "That was the story",
)


def environment(directory: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(HACK), "TMPDIR": str(directory), "NO_COLOR": "1"}


def test_the_story_comes_out_as_it_is_told_and_nothing_stays(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "demo"], env=environment(tmp_path), capture_output=True, text=True, check=False
    )

    assert told.returncode == 0, told.stdout + told.stderr
    lines: Iterator[str] = iter(told.stdout.splitlines())
    for part in STORY:
        assert any(part in line for line in lines), f"{part!r} does not follow:\n{told.stdout}"
    assert "PRIVATE KEY" not in told.stdout
    assert "\033" not in told.stdout
    assert processes(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    with interrupted(environment(tmp_path)) as process:
        process.wait(30)

    assert process.returncode == 130
    assert processes(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def interrupted(variables: Mapping[str, str]) -> "subprocess.Popen[str]":
    """The demo, which has begun to tell when Ctrl-C is pressed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "demo"],
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    assert process.stdout is not None
    if not any(line.startswith("$ ") for line in process.stdout):
        pytest.fail(process.stderr.read() if process.stderr else "")
    os.killpg(process.pid, signal.SIGINT)
    return process
