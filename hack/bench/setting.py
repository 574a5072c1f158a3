"""Setting things up on a control plane: what is applied, what is run beside it, and when it is in force."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from bench.releases import NAMESPACE, Subject, probe
from controlplane import ApiError, Cluster
from sandbox import SandboxError

Manifest = dict[str, Any]

_IN_FORCE_SECONDS: Final = 90.0
_POLL_SECONDS: Final = 0.1


def await_denial(plane: Cluster) -> None:
    """Returns when the arm refuses what it has to refuse, and nothing else; what is tried leaves nothing behind.

    Raises:
        SandboxError: that is not so after a minute and a half.
    """
    path = f"/api/v1/namespaces/{NAMESPACE}/secrets?dryRun=All"
    deadline = time.monotonic() + _IN_FORCE_SECONDS
    while True:
        refused = [subject for subject in Subject if not _admits(plane, path, subject)]
        if refused == [Subject.REFUSED]:
            return
        if time.monotonic() > deadline:
            raise SandboxError(f"not in force after {_IN_FORCE_SECONDS:.0f} s: it refuses {refused}")
        time.sleep(_POLL_SECONDS)


def _admits(plane: Cluster, path: str, subject: Subject) -> bool:
    try:
        plane.request("POST", path, probe(subject))
    except ApiError:
        return False
    return True


def apply(cluster: Cluster, *manifests: Manifest) -> None:
    """Applies manifests with kubectl.

    Raises:
        SandboxError: the API server refuses them.
    """
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests})
    _kubectl(cluster, "apply", "--server-side", "--force-conflicts", "-f-", stdin=text)


def eventually(action: Callable[[], object], errors: tuple[type[Exception], ...], log: Path) -> None:
    """Tries something until it raises none of these errors.

    Raises:
        SandboxError: it still does after a minute and a half; the message shows the end of the log.
    """
    deadline = time.monotonic() + _IN_FORCE_SECONDS
    while True:
        try:
            action()
        except errors as error:
            if time.monotonic() > deadline:
                raise SandboxError(
                    f"not after {_IN_FORCE_SECONDS:.0f} s: {error}\n{log.read_text()[-2000:]}"
                ) from error
            time.sleep(_POLL_SECONDS)
        else:
            return


@contextmanager
def process(command: Sequence[str], *, log: Path, environment: Mapping[str, str] | None = None) -> Iterator[int]:
    """Runs a program for as long as the block runs, and gives its process ID."""
    with log.open("ab") as output:
        child = subprocess.Popen(
            command,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        yield child.pid
    finally:
        child.kill()
        child.wait()


def _kubectl(cluster: Cluster, *arguments: str, stdin: str = "") -> None:
    answer = subprocess.run(
        [cluster.bin / "kubectl", *arguments],
        input=stdin,
        env=os.environ | {"KUBECONFIG": str(cluster.kubeconfig)},
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode != 0:
        raise SandboxError(f"kubectl {arguments[0]} failed: {answer.stderr}")
