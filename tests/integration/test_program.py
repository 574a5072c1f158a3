"""The installed program as a process: signals, closed pipes, and what others see of it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.vendor_simulator import VendorSimulator

BIN = Path(sys.executable).parent
LICET = str(BIN / "licet")


def environment(**variables: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "TMPDIR"}}
    return {**kept, **variables}


def test_reader_that_leaves_is_no_error() -> None:
    token = VendorSimulator().token()
    reader, writer = os.pipe()
    os.close(reader)
    with subprocess.Popen(
        [LICET, "inspect", token], stdout=writer, stderr=subprocess.PIPE, env=environment()
    ) as process:
        os.close(writer)
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_interrupt_is_quiet() -> None:
    with subprocess.Popen(
        [LICET, "inspect", "-"], stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(b"e")  # it reads until it has everything
        process.stdin.flush()
        while b"read" not in Path(f"/proc/{process.pid}/wchan").read_bytes() and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 130
        assert process.stderr.read() == b"\n"


@pytest.mark.parametrize("program", ["licet", "kubectl-licet"])
def test_program_is_kubectls_plugin_as_well(program: str) -> None:
    done = subprocess.run(
        [BIN / program, "verify", "-h"], capture_output=True, text=True, check=True, env=environment()
    )
    assert done.stdout.startswith(f"Usage: {program.replace('-', ' ')} verify ")


def test_disk_that_is_full_is_told() -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([LICET, "version"], stdout=full, stderr=subprocess.PIPE, env=environment(), check=False)
    assert (done.returncode, done.stderr) == (2, b"licet: No space left on device\n")


def test_output_that_is_closed_is_no_error() -> None:
    done = subprocess.run(["sh", "-c", f"{LICET} version >&-"], capture_output=True, env=environment(), check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_output_that_lacks_a_character_is_no_error() -> None:
    token = VendorSimulator().token(customer={"name": "Müller 株式"})
    done = subprocess.run(
        [LICET, "inspect", token], capture_output=True, env=environment(PYTHONIOENCODING="latin-1"), check=True
    )
    assert "Müller \\u682a\\u5f0f".encode("latin-1") in done.stdout
