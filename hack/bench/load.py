"""Creating release Secrets with the program that is made for it."""

import json
import subprocess
from pathlib import Path
from typing import Any

from bench.releases import NAMESPACE
from controlplane import Cluster
from sandbox import SandboxError


def create(cluster: Cluster, tools: Path, bodies: Path, *, count: int, clients: int, start: int = 0) -> dict[str, Any]:
    """Creates the Secrets of a file from the one numbered `start` on, and gives the program's report.

    It has `milliseconds` of each request, `seconds` of all together, `statuses` with their numbers, and `refusal`, the
    first answer that is not 201. `tools` is the directory that has the program `load`.

    Raises:
        SandboxError: the API server can't be reached.
    """
    url = f"{cluster.server}/api/v1/namespaces/{NAMESPACE}/secrets"
    command = [str(tools / "load"), "-url", url, "-certificates", str(cluster.ca_file.parent)]
    command += ["-bodies", str(bodies), "-from", str(start), "-count", str(count), "-clients", str(clients)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise SandboxError(f"the load failed: {answer.stderr}")
    report: dict[str, Any] = json.loads(answer.stdout)
    return report
