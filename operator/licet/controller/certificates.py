"""Keeps the gate's certificate and what the API server trusts of it: a CA, a leaf, and the webhooks' CA bundle.

- The names in the certificate are those that the webhook configuration itself calls the gate by.
- A new CA is published beside the old one before it issues anything, and the old one stays published for a day after
  the gate has had a certificate of the new: whichever certificate a replica serves, and however late an API server
  hears of the bundle, they agree.
- Whatever stands in the Secrets and does not do its job (lost, damaged, over, for other names) is made anew.
- Where the configuration says that somebody else keeps its CA bundle, this keeps out.

The Secrets have no owner: a webhook configuration that is deleted and made again costs no certificate.
"""

import ipaddress
import logging
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import prometheus_client

from licet.cluster.api import JsonObject, KubeApi
from licet.cluster.errors import ApiError
from licet.cluster.resource import SECRETS, WEBHOOK_CONFIGURATIONS
from licet.cluster.state import CERTIFICATE_NAME, secret_data
from licet.controller.pki import Authority, CertificateError, ServingCertificate

WEBHOOK_CONFIGURATION: Final = "licet-gate"
CA_SECRET: Final = "licet-ca"  # noqa: S105 - a name
SERVING_SECRET: Final = CERTIFICATE_NAME

# Annotations of the webhook configuration that say that its CA bundle is somebody else's to keep.
MODE_ANNOTATION: Final = "licet.dev/certificate"
MODE_EXISTING: Final = "existing"
INJECTOR_PREFIX: Final = "cert-manager.io/inject-"

PROPAGATION_SECONDS: Final = 60  # from writing a CA bundle until every API server uses it, with room to spare
RETIREMENT_SECONDS: Final = 86_400  # from writing a certificate until every replica serves it, with room to spare
RESYNC_SECONDS: Final = 3600  # no timer is trusted for longer: machines sleep, clocks are set

_LABELS: Final = {"app.kubernetes.io/name": "licet", "app.kubernetes.io/part-of": "licet"}

_CA_NOT_AFTER: Final = prometheus_client.Gauge(
    "licet_gate_ca_not_after_timestamp_seconds",
    "When the CA of the gate's certificates expires, in seconds since 1970; it is replaced months before.",
)
_logger: Final = logging.getLogger(__name__)

T = TypeVar("T")


class GateCertificate:
    """Reconciles the Secrets `licet-ca` and `licet-gate-tls` of a namespace, and the CA bundle of `licet-gate`.

    To be reconciled at start, and whenever one of these three is changed or deleted.
    """

    def __init__(self, api: KubeApi, namespace: str) -> None:
        self._api = api
        self._namespace = namespace
        self._bundle = b""  # as the API server has it
        self._bundle_since = 0  # when that was first seen

    async def reconcile(self, *, now: int) -> float:
        """Bring Secrets and CA bundle to what they have to be at `now`, in epoch seconds.

        Gives the seconds after which to look again, because time alone makes something due.

        Raises:
            ApiError: a request failed; a change that somebody else made meanwhile is a conflict.
            CertificateError: the webhook configuration calls the gate by something that can't stand in a certificate.
        """
        configuration = await self._read(WEBHOOK_CONFIGURATIONS.path(name=WEBHOOK_CONFIGURATION))
        if configuration is None or is_kept_by_others(configuration) or not (names := gate_names(configuration)):
            return RESYNC_SECONDS
        ca_secret = await self._read(SECRETS.path(self._namespace, CA_SECRET))
        serving_secret = await self._read(SECRETS.path(self._namespace, SERVING_SECRET))
        serving = self._load(ServingCertificate.load, SERVING_SECRET, serving_secret)
        if serving is not None and not (serving.is_valid(now) and serving.names == names):
            serving = None

        authority = self._load(Authority.load, CA_SECRET, ca_secret)
        if authority is None or not authority.is_valid(now) or authority.renew_at <= now:
            authority = Authority.create(now=now, retiring=serving.issuer if serving else None)
            await self._write(CA_SECRET, "Opaque", ca_secret, authority.dump())
            _logger.info("the gate's certificates have a new CA")
        elif _retire_at(authority, serving) <= now:
            authority = authority.retired()
            await self._write(CA_SECRET, "Opaque", ca_secret, authority.dump())
            _logger.info("the CA that the gate's certificates had before is no longer trusted")

        await self._publish(configuration, authority.bundle, now=now)

        if serving is None or self._replace_at(authority, serving) <= now:
            serving = authority.issue(names, now=now)
            await self._write(SERVING_SECRET, "kubernetes.io/tls", serving_secret, serving.dump())
            _logger.info("the gate has a new certificate, for %s", ", ".join(sorted(names)))

        _CA_NOT_AFTER.set(authority.not_after)
        due = min(authority.renew_at, _retire_at(authority, serving), self._replace_at(authority, serving))
        return max(1, min(due - now, RESYNC_SECONDS))

    def _replace_at(self, authority: Authority, serving: ServingCertificate) -> float:
        """When a certificate that is not over is to be replaced."""
        if authority.issued(serving):
            return serving.renew_at
        return self._bundle_since + PROPAGATION_SECONDS if authority.trusts(serving) else 0

    async def _publish(self, configuration: JsonObject, bundle: bytes, *, now: int) -> None:
        encoded = b64encode(bundle).decode()
        stale = [each for each in _client_configs(configuration) if each.get("caBundle") != encoded]
        for client_config in stale:
            client_config["caBundle"] = encoded
        if stale:
            # The whole object, with the resourceVersion that was read: nobody else's change is overwritten.
            await self._api.replace(WEBHOOK_CONFIGURATIONS.path(name=WEBHOOK_CONFIGURATION), configuration)
            _logger.info("the webhook configuration has a new CA bundle")
        if stale or bundle != self._bundle:
            self._bundle, self._bundle_since = bundle, now

    def _load(self, load: Callable[[Mapping[str, bytes]], T], name: str, secret: JsonObject | None) -> T | None:
        if secret is None:
            return None
        try:
            return load(secret_data(secret))
        except CertificateError as error:
            _logger.warning("Secret %s/%s is made anew: %s", self._namespace, name, error)
            return None

    async def _read(self, path: str) -> JsonObject | None:
        try:
            return await self._api.get(path)
        except ApiError as error:
            if error.is_not_found:
                return None
            raise

    async def _write(self, name: str, secret_type: str, secret: JsonObject | None, data: Mapping[str, bytes]) -> None:
        """Write a Secret over what was read of it; one whose type is another, or that is immutable, is made anew."""
        content = {key: b64encode(value).decode() for key, value in data.items()}
        if secret is not None:
            path = SECRETS.path(self._namespace, name)
            if secret.get("type") == secret_type and not secret.get("immutable"):
                await self._api.replace(path, {**secret, "data": content})
                return
            await self._api.delete(path, uid=secret["metadata"]["uid"])
        metadata = {"name": name, "labels": dict(_LABELS)}
        await self._api.create(
            SECRETS.path(self._namespace), {"metadata": metadata, "type": secret_type, "data": content}
        )


def gate_names(configuration: JsonObject) -> frozenset[str]:
    """Give the DNS names and IP addresses by which the webhooks of a configuration call the gate.

    The API server verifies the certificate for NAME.NAMESPACE.svc where a webhook names a Service, and for the host of
    its URL else (Kubernetes, `WebhookClientConfig`). The other names of a Service are for people who look at the gate.
    """
    names: set[str] = set()
    for client_config in _client_configs(configuration):
        if service := client_config.get("service"):
            name = f"{service['name']}.{service['namespace']}"
            names |= {name, f"{name}.svc", f"{name}.svc.cluster.local"}
        elif host := urlsplit(client_config.get("url", "")).hostname:
            names.add(_canonical(host))
    return frozenset(names)


def is_kept_by_others(configuration: JsonObject) -> bool:
    """Tell whether a webhook configuration says that its CA bundle is not for this controller to keep."""
    annotations: Mapping[str, str] = configuration["metadata"].get("annotations") or {}
    return annotations.get(MODE_ANNOTATION) == MODE_EXISTING or any(
        name.startswith(INJECTOR_PREFIX) for name in annotations
    )


def _retire_at(authority: Authority, serving: ServingCertificate | None) -> float:
    """When the CA before the issuing one is to be forgotten."""
    if authority.retiring is None or serving is None or not authority.issued(serving):
        return float("inf")
    return serving.issued_at + RETIREMENT_SECONDS


def _canonical(host: str) -> str:
    """Write an IP address, of which there are several forms, as certificates are read; leave a DNS name."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host


def _client_configs(configuration: JsonObject) -> Iterator[dict[str, Any]]:
    return (each["clientConfig"] for each in configuration.get("webhooks") or ())
