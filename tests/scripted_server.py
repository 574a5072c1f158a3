"""An HTTP server on loopback that answers as a test tells it to: for what a real API server does only by accident."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def answer(body: object, status: int = 200, **headers: str) -> Answer:
    """One JSON document; bytes are sent as they are."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    async def respond(_: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(body=content, status=status, headers=named, content_type="application/json")

    return respond


def refusal(status: int, reason: str, message: str = "no", **headers: str) -> Answer:
    """A Status object, as the API server explains a refusal."""
    body = {"kind": "Status", "status": "Failure", "code": status, "reason": reason, "message": message}
    return answer(body, status, **headers)


def page(*items: dict, version: str = "10", next_page: str = "") -> Answer:
    """A list, or a part of one."""
    metadata = {"resourceVersion": version} | ({"continue": next_page} if next_page else {})
    return answer({"metadata": metadata, "items": list(items)})


def stream(*events: dict, hold: bool = False) -> Answer:
    """A watch that sends these events and then ends, or with `hold` stays open and silent."""

    async def respond(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for event in events:
            await response.write(json.dumps(event).encode() + b"\n")
        if hold:
            await asyncio.Event().wait()
        return response

    return respond


async def hang_up(request: web.Request) -> web.StreamResponse:
    """No answer: the connection is cut."""
    request.transport.abort()
    return web.Response()


@dataclass
class ScriptedServer:
    """Gives its answers one after the other, and the last one for ever; notes what it is asked."""

    directory: Path
    url: str = ""
    answers: deque[Answer] = field(default_factory=deque)
    requests: list[web.Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def will(self, *answers: Answer) -> None:
        """Add answers."""
        self.answers.extend(answers)

    def kubeconfig(self, **user: object) -> str:
        """Write a kubeconfig that leads here, for a user with these credentials; gives its path."""
        return write_kubeconfig(self.directory / "kubeconfig", cluster={"server": self.url}, user=user)

    async def respond(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(await request.read())
        self.requests.append(request)
        chosen = self.answers.popleft() if len(self.answers) > 1 else self.answers[0]
        return await chosen(request)


@asynccontextmanager
async def scripted_server(directory: Path) -> AsyncIterator[ScriptedServer]:
    server = ScriptedServer(directory)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.respond)
    async with TestServer(app, shutdown_timeout=0.1) as listening:
        server.url = str(listening.make_url("")).rstrip("/")
        yield server


def write_kubeconfig(path: Path, *, cluster: dict, user: dict) -> str:
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "it", "user": "me"}}],
        "clusters": [{"name": "it", "cluster": cluster}],
        "users": [{"name": "me", "user": user}],
    }
    path.write_text(yaml.safe_dump(document))
    return str(path)
