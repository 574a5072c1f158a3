"""The watches that feed the gate's cache, and its serving certificate."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

from licet.cluster.api import JsonObject, KubeApi
from licet.cluster.records import LicenseRecord, VendorRecord, read_break_glass, read_namespace, read_ran_here
from licet.cluster.resource import BREAK_GLASSES, CONFIG_MAPS, INSTALLATIONS, LICENSES, NAMESPACES, SECRETS, VENDORS
from licet.cluster.state import (
    CERTIFICATE_NAME,
    MEMORY_NAME,
    TOKENS_NAME,
    read_kept_tokens,
    read_memory,
    secret_data,
)
from licet.cluster.watch import Informer
from licet.gate.cache import Cache
from licet.gate.certificate import KeyPair


class Feed:
    """Watches everything that decisions depend on; `on_certificate` gets each serving certificate that appears."""

    def __init__(
        self, api: KubeApi, cache: Cache, *, namespace: str, on_certificate: Callable[[KeyPair], None]
    ) -> None:
        self._informers: tuple[Informer[Any], ...] = (  # each of another type of projection
            Informer(api, VENDORS, VendorRecord.read, lambda key, _, new: cache.set_vendor(key[1], new)),
            Informer(api, LICENSES, LicenseRecord.read, lambda key, _, new: cache.set_license(key[1], new)),
            Informer(
                api,
                NAMESPACES,
                read_namespace,
                lambda key, _, new: cache.set_namespace(key[1], new),
                metadata_only=True,
            ),
            Informer(api, INSTALLATIONS, read_ran_here, lambda key, _, new: cache.set_installation(key, new)),
            Informer(
                api,
                SECRETS,
                read_kept_tokens,
                lambda _key, _old, new: cache.set_kept(new),
                namespace=namespace,
                field_selector=f"metadata.name={TOKENS_NAME}",
            ),
            Informer(
                api,
                CONFIG_MAPS,
                read_memory,
                lambda _key, _old, new: cache.set_memory(new),
                namespace=namespace,
                field_selector=f"metadata.name={MEMORY_NAME}",
            ),
            Informer(
                api,
                SECRETS,
                _read_certificate,
                lambda _key, _old, new: on_certificate(new) if new is not None else None,
                namespace=namespace,
                field_selector=f"metadata.name={CERTIFICATE_NAME}",
            ),
        )

        # The gate looks for these anew before it refuses anything, and goes by the watch only where it can't: that the
        # watch is away, such as before the CRD is there, is no reason not to serve.
        self._break_glasses = Informer(
            api, BREAK_GLASSES, read_break_glass, lambda key, _, new: cache.set_break_glass(key[1], new)
        )

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as group:
            for informer in (*self._informers, self._break_glasses):
                group.create_task(informer.run(), name=f"watch {informer.resource}")

    async def synced(self) -> None:
        """Wait until everything was listed once."""
        for informer in self._informers:
            await informer.synced.wait()

    def problems(self, now: float) -> Iterator[str]:
        """Say at a monotonic instant which watches can't be relied on, and why."""
        return filter(None, (informer.problem(now) for informer in self._informers))


def _read_certificate(secret: JsonObject) -> KeyPair | None:
    data = secret_data(secret)
    chain, key = data.get("tls.crt"), data.get("tls.key")
    return KeyPair(chain, key) if chain and key else None
