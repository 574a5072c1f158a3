"""What the components share in the operator's own namespace, and how they tell clusters apart.

The controller writes all of it; the gate reads it.
"""

import asyncio
import logging
from base64 import b64decode
from typing import Final

from licet.cluster.api import JsonObject, KubeApi
from licet.cluster.errors import ApiError
from licet.cluster.records import KeptToken
from licet.cluster.resource import NAMESPACES
from licet.core.memory import Memory

MEMORY_NAME: Final = "licet-memory"
"""The ConfigMap of the marks and highest sequences, ..."""
MEMORY_KEY: Final = "memory.json"
"""... and where in its data they stand."""
TOKENS_NAME: Final = "licet-tokens"
"""The Secret of the verified tokens that are kept, each under the name of its License."""
CERTIFICATE_NAME: Final = "licet-gate-tls"
"""The Secret of the gate's serving certificate (type `kubernetes.io/tls`)."""

_RETRY_SECONDS: Final = 2.0
_logger: Final = logging.getLogger(__name__)


def read_memory(config_map: JsonObject) -> Memory | None:
    """Read the marks and sequences from their ConfigMap; None where it has none. Raises `MemoryFormatError`."""
    text = (config_map.get("data") or {}).get(MEMORY_KEY)
    return None if text is None else Memory.load(text)


def read_kept_tokens(secret: JsonObject) -> dict[str, KeptToken]:
    """Read the kept tokens from their Secret, by the name of their License; what is none is left out."""
    kept = {name: KeptToken.load(raw) for name, raw in secret_data(secret).items()}
    return {name: token for name, token in kept.items() if token is not None}


def secret_data(secret: JsonObject) -> dict[str, bytes]:
    """Decode the data of a Secret."""
    return {key: b64decode(value) for key, value in (secret.get("data") or {}).items()}


async def cluster_uid(api: KubeApi) -> str:
    """Give what tells clusters apart, the UID of the namespace `kube-system`; waits until it can be read."""
    while True:
        try:
            namespace = await api.get(NAMESPACES.path(name="kube-system"), metadata_only=True)
        except ApiError as error:
            _logger.warning("the cluster's identity can't be read, trying again: %s", error)
            await asyncio.sleep(_RETRY_SECONDS)
        else:
            return str(namespace["metadata"]["uid"])
