"""Counts the instructions of the core's workloads, which nothing else on the machine changes, and compares them.

valgrind's callgrind counts. A process runs all workloads and asks for its parent's ID before and after each, a call
that nothing else makes; callgrind writes down at each such call what it has counted since the last one.
"""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from bench.progress import say
from bench.workloads import workloads

BASELINE: Final = Path(__file__).with_name("instructions.json")
TOLERANCE: Final = 0.05
REPEATS: Final = 5

_SUMMARY: Final = re.compile(r"^summary: (\d+)$", re.MULTILINE)


class CountingError(Exception):
    """Instructions can't be counted here; the message says what to do."""


def count() -> dict[str, int]:
    """Gives the instructions of one run of each workload.

    Raises:
        CountingError: there is no valgrind, or it did not work.
    """
    if shutil.which("valgrind") is None:
        raise CountingError("there is no valgrind, which counts instructions: install the package of that name")
    say("counting instructions: about half a minute")
    with tempfile.TemporaryDirectory() as directory:
        output = Path(directory, "counted")
        answer = subprocess.run(
            [
                *("valgrind", "--tool=callgrind", f"--callgrind-out-file={output}", "--dump-before=getppid"),
                *(sys.executable, "-m", "bench.instructions"),
            ],
            env=os.environ | {"PYTHONHASHSEED": "0"},
            capture_output=True,
            text=True,
            check=False,
        )
        if answer.returncode != 0:
            raise CountingError(f"valgrind failed: {answer.stderr[-2000:]}")
        # Each file is of what came before a call: the first of them of all that comes before the first workload.
        names = answer.stdout.splitlines()
        counted = [_summary(Path(f"{output}.{number}")) for number in range(2, 2 * len(names) + 1, 2)]
    return {name: instructions // REPEATS for name, instructions in zip(names, counted, strict=True)}


def compare(counted: Mapping[str, int], baseline: Mapping[str, int], *, tolerance: float = TOLERANCE) -> list[str]:
    """Says which workloads take more instructions than the baseline allows, or are not in it."""
    complaints = []
    for name, instructions in counted.items():
        if name not in baseline:
            complaints.append(f"{name}: not in the baseline")
        elif instructions > baseline[name] * (1 + tolerance):
            more = instructions / baseline[name] - 1
            complaints.append(f"{name}: {instructions:,} instructions, {more:.0%} more than {baseline[name]:,}")
    return complaints


def load_baseline(path: Path = BASELINE) -> dict[str, int]:
    """Gives the baseline for this Python on this kind of machine; empty where there is none."""
    if not path.exists():
        return {}
    found: dict[str, int] = json.loads(path.read_text()).get(platform_key(), {})
    return found


def save_baseline(counted: Mapping[str, int], path: Path = BASELINE) -> None:
    """Makes this the baseline for this Python on this kind of machine."""
    known = json.loads(path.read_text()) if path.exists() else {}
    known[platform_key()] = dict(counted)
    path.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n")


def platform_key() -> str:
    """Names what instructions depend on besides the code and uv.lock, such as `CPython 3.11 x86_64`."""
    return f"{platform.python_implementation()} {sys.version_info.major}.{sys.version_info.minor} {platform.machine()}"


def _summary(path: Path) -> int:
    match = _SUMMARY.search(path.read_text())
    if match is None:
        raise CountingError(f"callgrind wrote no summary into {path}")
    return int(match[1])


def _run_counted() -> None:
    for workload in workloads():
        workload.action()
        os.getppid()
        for _ in range(REPEATS):
            workload.action()
        os.getppid()
        print(workload.name)


if __name__ == "__main__":
    _run_counted()
