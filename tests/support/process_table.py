"""What runs on this machine."""

import subprocess
from pathlib import Path


def processes(directory: Path) -> list[str]:
    """The command lines of all processes that name the directory, or something in it."""
    table = subprocess.run(["ps", "-e", "-ww", "-o", "args="], capture_output=True, text=True, check=True).stdout
    return [line for line in table.splitlines() if f"{directory}/" in line or line.endswith(f" {directory}")]
