"""A PostgreSQL server that takes every statement and keeps nothing: where Helm can store releases outside the cluster.

It speaks as much of version 3.0 of the frontend/backend protocol as Helm's driver needs for statements without results.
"""

import re
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_AUTHENTICATION_OK = (b"R", struct.pack("!i", 0))
_PARSED, _BOUND, _CLOSED, _NO_ROWS = (b"1", b""), (b"2", b""), (b"3", b""), (b"n", b"")
_TEXT = 25  # the type's object ID


class _Session(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        (length,) = struct.unpack("!i", self.rfile.read(4))
        self.rfile.read(length - 4)
        self._send(_AUTHENTICATION_OK, _ready(b"I"))
        statement, transaction = "", b"I"
        while kind := self.rfile.read(1):
            (length,) = struct.unpack("!i", self.rfile.read(4))
            content = self.rfile.read(length - 4)
            match kind:
                case b"Q":
                    statement = content.decode()
                    transaction = _transaction(statement, transaction)
                    self._send(_done(statement), _ready(transaction))
                case b"P":
                    statement = content.split(b"\0")[1].decode()
                    self._send(_PARSED)
                case b"D":
                    self._send(*([_parameters(statement)] if content[:1] == b"S" else []), _NO_ROWS)
                case b"B":
                    self._send(_BOUND)
                case b"E":
                    transaction = _transaction(statement, transaction)
                    self._send(_done(statement))
                case b"C":
                    self._send(_CLOSED)
                case b"S":
                    self._send(_ready(transaction))
                case b"X":
                    return

    def _send(self, *messages: tuple[bytes, bytes]) -> None:
        for kind, content in messages:
            self.wfile.write(kind + struct.pack("!i", len(content) + 4) + content)


def _ready(transaction: bytes) -> tuple[bytes, bytes]:
    return b"Z", transaction


def _transaction(statement: str, before: bytes) -> bytes:
    """Tell whether a statement leaves the session within a transaction (T) or idle (I)."""
    return {"BEGIN": b"T", "COMMIT": b"I", "ROLLBACK": b"I"}.get(_command(statement), before)


def _command(statement: str) -> str:
    return (statement.split() or ["SELECT"])[0].strip("\0;").upper()


def _done(statement: str) -> tuple[bytes, bytes]:
    """Say that a statement is complete, and that it was about one row if it wrote any."""
    command = _command(statement)
    tag = {"INSERT": "INSERT 0 1", "UPDATE": "UPDATE 1", "SELECT": "SELECT 0"}.get(command, command)
    return b"C", tag.encode() + b"\0"


def _parameters(statement: str) -> tuple[bytes, bytes]:
    count = len(set(re.findall(r"\$\d+", statement)))
    return b"t", struct.pack(f"!h{count}i", count, *[_TEXT] * count)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


@contextmanager
def empty_database() -> Iterator[str]:
    """Give the connection string of such a server, which runs as long as the block."""
    with _Server(("127.0.0.1", 0), _Session) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port: int = server.server_address[1]
        yield f"postgresql://helm@127.0.0.1:{port}/helm?sslmode=disable"
        server.shutdown()
