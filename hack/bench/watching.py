"""Hearing, as it happens, that Entitlements are written."""

import http.client
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

from controlplane import Cluster
from sandbox import SandboxError

_ENTITLEMENTS: Final = "/apis/licet.dev/v1alpha1/entitlements"
_WAIT_SECONDS: Final = 600.0


class Watch:
    """Hears of Entitlements that are written, and when; it gets metadata only, so as not to cost much."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._changed = threading.Condition()
        self._count = 0
        self.first = self.last = 0.0

    @property
    def duration(self) -> float:
        """Seconds from the first event to the last, since `begin`."""
        return self.last - self.first

    def begin(self) -> None:
        """Counts anew."""
        with self._changed:
            self._count = 0

    def await_events(self, count: int) -> None:
        """Returns when so many Entitlements have been written.

        Raises:
            SandboxError: that takes more than ten minutes.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._count >= count, timeout=_WAIT_SECONDS):
                raise SandboxError(f"after {_WAIT_SECONDS:.0f} s {self._count} of {count} Entitlements are written")

    @contextmanager
    def reading(self) -> Iterator["Watch"]:
        """Reads while the block runs, from what is there at its begin."""
        accept = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
        version = self._cluster.request("GET", f"{_ENTITLEMENTS}?limit=1")["metadata"]["resourceVersion"]
        certificates = self._cluster.ca_file.parent
        context = ssl.create_default_context(cafile=self._cluster.ca_file)
        context.load_cert_chain(certificates / "admin.crt", certificates / "admin.key")
        connection = http.client.HTTPSConnection(urlsplit(self._cluster.server).netloc, context=context)
        path = f"{_ENTITLEMENTS}?watch=1&resourceVersion={version}&timeoutSeconds=36000"
        connection.request("GET", path, headers={"Accept": accept})
        response = connection.getresponse()
        thread = threading.Thread(target=self._read, args=(response,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            if connection.sock is not None:
                connection.sock.close()

    def _read(self, response: http.client.HTTPResponse) -> None:
        try:
            while response.readline():
                with self._changed:
                    self.last = time.monotonic()
                    self.first = self.last if not self._count else self.first
                    self._count += 1
                    self._changed.notify_all()
        except (OSError, ValueError, http.client.HTTPException):
            return  # the connection was closed, because nobody wants to know any more
