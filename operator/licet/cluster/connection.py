"""Where the API server is and how to authenticate to it: what the `kubernetes` package finds, kept fresh for aiohttp.

- The order is that of the field (controller-runtime's): what the caller names, then ``KUBECONFIG``, then the Pod's own
  ServiceAccount, then ``~/.kube/config``.
- Credentials change under a running process: projected ServiceAccount tokens and certificates are rotated, exec plugins
  hand out short-lived tokens. They are asked for anew once a minute, as client-go does, and everything is read again
  when the API server answers 401 or no longer matches the CA.
- A proxy is used only where the kubeconfig names one (``proxy-url``); the environment's is ignored, because it is set
  for other traffic and rarely leads to the API server.
"""

import asyncio
import os
import ssl
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import yaml
from kubernetes import config
from kubernetes.client import Configuration

from licet.core.errors import LicetError

_CREDENTIALS_FRESH_SECONDS: Final = 60.0
_RELOAD_PAUSE_SECONDS: Final = 5.0
# What the package's loaders raise for a configuration that is missing, damaged or not of the expected shape.
_LOADING_ERRORS: Final = (
    config.ConfigException,
    OSError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    yaml.YAMLError,
)


class ClusterConfigError(LicetError):
    """No usable description of a cluster was found, or the one found cannot be used."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An API server as one reading of the configuration describes it."""

    server: str  # scheme, host, port and perhaps a path, without a trailing slash
    tls: ssl.SSLContext | bool
    tls_server_name: str | None
    proxy: str | None
    credentials: Configuration

    def authorization(self) -> str | None:
        """The value of the Authorization header; may read files and run an exec plugin, so it belongs in a thread."""
        value: str | None = self.credentials.get_api_key_with_prefix("BearerToken")
        return value.strip() if value else None


class Connection:
    """The current endpoint and Authorization header; shared by all requests of one client."""

    def __init__(self, endpoint: Endpoint, *, kubeconfig: str | os.PathLike[str] | None, context: str | None) -> None:
        self.endpoint = endpoint
        self._kubeconfig = kubeconfig
        self._context = context
        self._header: str | None = None
        self._fresh_until = 0.0
        self._read_at = time.monotonic()
        self._lock = asyncio.Lock()

    @classmethod
    async def open(cls, kubeconfig: str | os.PathLike[str] | None = None, context: str | None = None) -> "Connection":
        """Read the configuration; raises `ClusterConfigError` where there is none that can be used."""
        endpoint = await asyncio.to_thread(read_endpoint, kubeconfig, context)
        return cls(endpoint, kubeconfig=kubeconfig, context=context)

    async def authorization(self) -> str | None:
        """The Authorization header for a request made now; None where a client certificate speaks for the caller."""
        if time.monotonic() < self._fresh_until:
            return self._header
        async with self._lock:
            if time.monotonic() >= self._fresh_until:
                await self._ask_for_header()
        return self._header

    async def reread(self, *, tried_at: float) -> bool:
        """Read everything anew after a request begun at the monotonic instant `tried_at` was not let in.

        Gives whether the request is worth another try: true where a reading newer than it exists. One reading serves
        all requests that failed together, and a cluster that keeps refusing causes one every few seconds at most.
        """
        async with self._lock:
            if self._read_at > tried_at:
                return True
            if time.monotonic() < self._read_at + _RELOAD_PAUSE_SECONDS:
                return False
            try:
                self.endpoint = await asyncio.to_thread(read_endpoint, self._kubeconfig, self._context)
                await self._ask_for_header()
            except ClusterConfigError:
                return False
            finally:
                self._read_at = time.monotonic()
        return True

    async def _ask_for_header(self) -> None:
        try:
            self._header = await asyncio.to_thread(self.endpoint.authorization)
        except _LOADING_ERRORS as error:
            # A token file is missing for a moment while it is swapped: the last token is the best there is.
            if self._header is None:
                raise ClusterConfigError(f"the credentials cannot be read: {_safe(error)}") from error
        self._fresh_until = time.monotonic() + _CREDENTIALS_FRESH_SECONDS


def read_endpoint(kubeconfig: str | os.PathLike[str] | None = None, context: str | None = None) -> Endpoint:
    """Read host, trust and credentials with the `kubernetes` package; raises `ClusterConfigError`.

    Reads files and may run an exec plugin, for which it blocks.
    """
    if not kubeconfig and not context and not os.environ.get("KUBECONFIG") and "KUBERNETES_SERVICE_HOST" in os.environ:
        source = "the Pod's ServiceAccount"
        read = _read_service_account
    else:
        source = os.fspath(kubeconfig or os.environ.get("KUBECONFIG") or Path("~/.kube/config").expanduser())
        read = partial(_read_kubeconfig, source, context)
    try:
        return read(Configuration(proxy="", no_proxy=""))  # not None, which stands for the environment's
    except _LOADING_ERRORS as error:
        raise ClusterConfigError(
            f"no cluster can be reached with {source}: {_safe(error)} (another kubeconfig is taken from KUBECONFIG)"
        ) from error


def _read_service_account(settings: Configuration) -> Endpoint:
    config.load_incluster_config(settings)  # type: ignore[no-untyped-call] # the package is not annotated
    return _endpoint(settings)


def _read_kubeconfig(path: str, context: str | None, settings: Configuration) -> Endpoint:
    # Certificates and keys that stand inline in a kubeconfig are written to files, because OpenSSL loads from nothing
    # else; here they live only until the TLS context has them.
    with tempfile.TemporaryDirectory(prefix="licet-") as scratch:
        config.load_kube_config(  # type: ignore[no-untyped-call] # the package is not annotated
            path, context, client_configuration=settings, temp_file_path=scratch
        )
        return _endpoint(settings)


def _endpoint(settings: Configuration) -> Endpoint:
    return Endpoint(
        server=settings.host.rstrip("/"),
        tls=_tls(settings) if settings.host.startswith("https:") else False,
        tls_server_name=settings.tls_server_name,
        proxy=_proxy(settings.proxy),
        credentials=settings,
    )


def _safe(error: Exception) -> str:
    # The loader names a faulty entry of a kubeconfig by printing it, the user's token included.
    return str(error).partition("{")[0].strip() or type(error).__name__


def _proxy(url: str | None) -> str | None:
    if not url:
        return None
    if not url.startswith(("http://", "https://")):
        raise ClusterConfigError(f"proxy-url {url!r} is not supported: it is to be an http:// or https:// URL")
    return url


def _tls(settings: Configuration) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.ssl_ca_cert)
    # Python 3.13 began to refuse CAs without the extensions that RFC 5280 asks for, which many clusters have and which
    # Go's verifier, the measure of this field, accepts.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not settings.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if settings.cert_file:
        context.load_cert_chain(settings.cert_file, settings.key_file)
    return context
