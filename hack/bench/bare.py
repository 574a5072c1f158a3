"""A bare client: sends what it was given, as fast as a number of connections can, and does nothing else."""

import asyncio
import base64
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import yaml

from sandbox import SandboxError

_TIMEOUT_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Call:
    """A request to send; the body is JSON."""

    method: str
    path: str
    body: bytes

    @property
    def media_type(self) -> str:
        """What the body is: a PATCH is a merge patch."""
        return "application/merge-patch+json" if self.method == "PATCH" else "application/json"


def send(kubeconfig: Path, groups: Sequence[Sequence[Call]], *, connections: int) -> float:
    """Sends groups of calls, each group in its order, and gives how many seconds that took.

    Raises:
        SandboxError: the API server can't be reached, or refuses one.
    """
    config = yaml.safe_load(kubeconfig.read_text())
    server = config["clusters"][0]["cluster"]["server"]
    headers, context = _credentials(kubeconfig.parent, config)
    try:
        return asyncio.run(_send(server, headers, context, groups, connections))
    except* (OSError, aiohttp.ClientError) as errors:
        first = errors.exceptions[0]
    raise SandboxError(f"the bare client failed: {first!r}")


async def _send(
    server: str, headers: Mapping[str, str], context: ssl.SSLContext, groups: Sequence[Sequence[Call]], connections: int
) -> float:
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS)
    connector = aiohttp.TCPConnector(limit=connections, ssl=context)
    waiting = iter(groups)
    async with aiohttp.ClientSession(server, headers=headers, connector=connector, timeout=timeout) as session:

        async def work() -> None:
            for group in waiting:
                for call in group:
                    content = {"Content-Type": call.media_type}
                    async with session.request(call.method, call.path, data=call.body, headers=content) as response:
                        text = await response.read()
                        if not response.ok:
                            raise OSError(f"{call.method} {call.path}: {response.status} {text[:300]!r}")

        started = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            for _ in range(connections):
                tasks.create_task(work())
        return time.monotonic() - started


def _credentials(directory: Path, config: dict[str, Any]) -> tuple[dict[str, str], ssl.SSLContext]:
    """Gives the headers and the TLS context of a user with a token, or of the administrator with a certificate."""
    authority = base64.b64decode(config["clusters"][0]["cluster"]["certificate-authority-data"]).decode()
    context = ssl.create_default_context(cadata=authority)
    user = config["users"][0]["user"]
    if "token" in user:
        return {"Authorization": f"Bearer {user['token']}"}, context
    context.load_cert_chain(directory / "pki" / "admin.crt", directory / "pki" / "admin.key")
    return {}, context
