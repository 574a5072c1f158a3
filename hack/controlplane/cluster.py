"""A running cluster as its users see it: where it is, requests to it, and credentials for it."""

import base64
import http.client
import json
import ssl
import time
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import yaml

from controlplane.certs import KeyPair
from controlplane.errors import ApiError, ControlPlaneError
from controlplane.files import write_private
from controlplane.layout import Layout

REQUEST_TIMEOUT = 30.0  # seconds
RETRIES = 10  # of what the API server puts off, as in client-go
SERVED_TIMEOUT = 60.0  # seconds
POLL_SECONDS = 0.05
ACCESS_REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"


class Cluster:
    """The control plane in `directory`, which may have been started by another process."""

    def __init__(self, directory: Path) -> None:
        self._layout = Layout(directory.resolve())

    @property
    def directory(self) -> Path:
        """The directory that everything lies in."""
        return self._layout.directory

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig file of the cluster's administrator (group system:masters)."""
        return self._layout.kubeconfig

    @property
    def bin(self) -> Path:
        """A directory with kubectl, helm (Helm 4) and helm3."""
        return self._layout.bin

    @property
    def ca_file(self) -> Path:
        """The PEM certificate of the CA that the API server's own is signed by."""
        return self._layout.certificates / "ca.crt"

    @cached_property
    def server(self) -> str:
        """The URL of the API server, such as `https://127.0.0.1:41234`."""
        url: str = yaml.safe_load(self.kubeconfig.read_text())["clusters"][0]["cluster"]["server"]
        return url

    def request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Sends one request as the administrator, and gives the JSON object that comes back.

        A PATCH is a JSON merge patch. An answer that is not JSON, such as that of /readyz, comes back under `text`.
        What the API server puts off (429 with Retry-After, as while it fills its caches after a start) is asked again.

        Raises:
            ApiError: the API server answered with an error status.
            OSError: it could not be reached.
        """
        for _ in range(RETRIES):
            response, content = self._exchange(method, path, body)
            retry_after = response.headers.get("Retry-After", "")
            if response.status != http.HTTPStatus.TOO_MANY_REQUESTS or not retry_after.isdecimal():
                break
            time.sleep(float(retry_after))
        if response.status >= http.HTTPStatus.BAD_REQUEST:
            message = str(content.get("message", content.get("text", "")))
            raise ApiError(response.status, str(content.get("reason", response.reason)), message)
        return content

    def await_served(self, definitions: Iterable[Mapping[str, Any]]) -> None:
        """Returns when the API server serves what these CustomResourceDefinitions define, and clients find it.

        `kubectl wait --for=condition=Established` fails for one that has no conditions yet, and does not wait for
        discovery, by which kubectl and admission policies look kinds up.

        Raises:
            ControlPlaneError: that takes more than a minute.
        """
        deadline = time.monotonic() + SERVED_TIMEOUT
        for definition in definitions:
            spec = definition["spec"]
            for version in spec["versions"]:
                while version["served"] and not self._serves(f"/apis/{spec['group']}/{version['name']}", spec["names"]):
                    if time.monotonic() > deadline:
                        name = definition["metadata"]["name"]
                        raise ControlPlaneError(f"{name} is not served after {SERVED_TIMEOUT:.0f} s")
                    time.sleep(POLL_SECONDS)

    def allows(self, user: str, *, verb: str, group: str, resource: str) -> bool:
        """Tells whether the API server lets a user do this everywhere, by the roles and bindings of which it has heard.

        `resource` may be followed by a subresource, as in `entitlements/status`.
        """
        plural, _, subresource = resource.partition("/")
        attributes = {"verb": verb, "group": group, "resource": plural, "subresource": subresource}
        body = {"spec": {"user": user, "resourceAttributes": attributes}}
        allowed: bool = self.request("POST", ACCESS_REVIEWS, body)["status"]["allowed"]
        return allowed

    def _serves(self, path: str, names: Mapping[str, str]) -> bool:
        try:
            self.request("GET", f"{path}/{names['plural']}?limit=1")
            return any(resource["name"] == names["plural"] for resource in self.request("GET", path)["resources"])
        except ApiError as error:
            if error.status != http.HTTPStatus.NOT_FOUND:
                raise
            return False

    def service_account_kubeconfig(
        self, namespace: str, name: str, path: Path, *, expiration_seconds: int = 3600
    ) -> Path:
        """Writes a kubeconfig (mode 0600) with a token of a ServiceAccount, so that its holder is under its RBAC.

        The token comes from the TokenRequest API, which issues none for less than 600 seconds. A file that exists is
        replaced in one step, so calling this again renews the token of a running program.

        Raises:
            ApiError: there is no such ServiceAccount.
        """
        answer = self.request(
            "POST",
            f"/api/v1/namespaces/{quote(namespace)}/serviceaccounts/{quote(name)}/token",
            {
                "apiVersion": "authentication.k8s.io/v1",
                "kind": "TokenRequest",
                "spec": {"expirationSeconds": expiration_seconds},
            },
        )
        user = {"token": answer["status"]["token"]}
        write_private(path, kubeconfig(self.server, self.ca_file.read_bytes(), name, user, namespace=namespace))
        return path

    def _exchange(
        self, method: str, path: str, body: Mapping[str, Any] | None
    ) -> tuple[http.client.HTTPResponse, dict[str, Any]]:
        connection = http.client.HTTPSConnection(
            urlsplit(self.server).netloc, context=self._administrator, timeout=REQUEST_TIMEOUT
        )
        try:
            media_type = "application/merge-patch+json" if method == "PATCH" else "application/json"
            headers = {"Accept": "application/json", "Content-Type": media_type}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            return response, _decode(response)
        finally:
            connection.close()

    @cached_property
    def _administrator(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.ca_file)
        certificates = self._layout.certificates
        context.load_cert_chain(certificates / "admin.crt", certificates / "admin.key")
        return context


def kubeconfig(server: str, ca: bytes, user_name: str, user: Mapping[str, str], *, namespace: str = "default") -> bytes:
    """Gives a kubeconfig file with one context, written as JSON, which is YAML."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "licet", "cluster": {"server": server, "certificate-authority-data": _base64(ca)}}],
        "users": [{"name": user_name, "user": user}],
        "contexts": [
            {"name": "licet", "context": {"cluster": "licet", "user": user_name, "namespace": namespace}},
        ],
        "current-context": "licet",
    }
    return json.dumps(content, indent=2).encode() + b"\n"


def certificate_user(pair: KeyPair) -> dict[str, str]:
    """Gives the `user` of a kubeconfig that authenticates with a client certificate."""
    return {
        "client-certificate-data": _base64(pair.certificate),
        "client-key-data": _base64(pair.private_key),
    }


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _decode(response: http.client.HTTPResponse) -> dict[str, Any]:
    text = response.read().decode()
    if response.headers.get_content_type() != "application/json":
        return {"text": text}
    content: dict[str, Any] = json.loads(text)
    return content
