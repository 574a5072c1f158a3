"""What is remembered of an object's status as the API server has it: enough to write it only when it changes."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final, Self

import msgspec

from licet.resources.meta import Condition

_ENCODER: Final = msgspec.json.Encoder(order="sorted")


def digest(document: object) -> bytes:
    """Give 16 bytes that are equal for equal JSON documents, whatever the order of members."""
    return blake2b(_ENCODER.encode(document), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Observed:
    """An object of one of licet's kinds, as far as writing its status needs it."""

    uid: str
    generation: int
    deleting: bool
    status_digest: bytes
    conditions: tuple[Condition, ...]

    @classmethod
    def read(cls, obj: Mapping[str, Any]) -> Self:
        """Read an object as the API server gives it."""
        metadata, status = obj["metadata"], obj.get("status") or {}
        return cls(
            uid=metadata["uid"],
            generation=metadata.get("generation", 0),
            deleting="deletionTimestamp" in metadata,
            status_digest=digest(status),
            conditions=tuple(Condition.model_validate(condition) for condition in status.get("conditions") or ()),
        )
