"""A proxy to an API server that can cut watches without a word: they stay open, and nothing comes any more."""

import http.client
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final, Self
from urllib.parse import parse_qs, urlsplit

from controlplane import Cluster

HOST: Final = "127.0.0.1"
_PASSED_ON: Final = ("Accept", "Authorization", "Content-Type", "User-Agent")


class WatchCutter(ThreadingHTTPServer):
    """Serves within its `with` block; `cut` silences the watches that are open, and those that come until `mend`."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, cluster: Cluster) -> None:
        super().__init__((HOST, 0), _Handler)
        self.upstream = urlsplit(cluster.server).netloc
        self.tls = ssl.create_default_context(cafile=cluster.ca_file)
        self.cuts = 0
        self._silent = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def cut(self) -> None:
        """Let no more changes through."""
        self.cuts += 1
        self._silent.set()

    def mend(self) -> None:
        """Let changes through to the watches that come from now on."""
        self._silent.clear()

    @property
    def silent(self) -> bool:
        return self._silent.is_set()

    def kubeconfig(self, original: Path, path: Path) -> Path:
        """The same credentials for the way through here."""
        config = json.loads(original.read_text())
        config["clusters"][0]["cluster"] = {"server": f"http://{HOST}:{self.server_port}"}
        path.write_text(json.dumps(config))
        return path


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: WatchCutter

    def do_GET(self) -> None:
        self._pass_on()

    def do_POST(self) -> None:
        self._pass_on()

    def do_PUT(self) -> None:
        self._pass_on()

    def do_PATCH(self) -> None:
        self._pass_on()

    def do_DELETE(self) -> None:
        self._pass_on()

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name: self.headers[name] for name in _PASSED_ON if name in self.headers}
        upstream = http.client.HTTPSConnection(self.server.upstream, context=self.server.tls)
        try:
            upstream.request(self.command, self.path, body or None, headers)
            answer = upstream.getresponse()
            if "watch" in parse_qs(urlsplit(self.path).query):
                self._stream(answer)
            else:
                self._reply(answer, answer.read())
        finally:
            upstream.close()

    def _reply(self, answer: http.client.HTTPResponse, content: bytes) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.headers["Content-Type"])
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _stream(self, answer: http.client.HTTPResponse) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.headers["Content-Type"])
        self.send_header("Connection", "close")
        self.end_headers()
        cuts = self.server.cuts
        while line := answer.readline():
            if not self.server.silent and self.server.cuts == cuts:
                self.wfile.write(line)
                self.wfile.flush()
        if self.server.cuts != cuts:
            threading.Event().wait()  # nobody tells the other side that it is over

    def log_message(self, *_: object) -> None:
        pass
