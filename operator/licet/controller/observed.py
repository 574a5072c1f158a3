"""What is remembered of an object as the API server has it: enough to write it only when it changes."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any, Final, Self

import msgspec
from pydantic import TypeAdapter, ValidationError

from licet.resources.meta import Condition

_ENCODER: Final = msgspec.json.Encoder(order="sorted")
_CONDITIONS: Final = TypeAdapter(tuple[Condition, ...])


def digest(document: object) -> bytes:
    """Give 16 bytes that are equal for equal JSON documents, whatever the order of members."""
    return blake2b(_ENCODER.encode(document), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Observed:
    """An object of one of licet's kinds, as far as writing its status needs it.

    `version` is the resourceVersion, which grows with every change of any object of a kind, across deletion and
    creation too, and may be compared (KEP-5504).
    """

    uid: str
    version: int = field(compare=False)
    generation: int
    deleting: bool
    status_digest: bytes
    encoded_conditions: bytes = field(default=b"[]", compare=False)
    """As JSON: as models they would take five times the memory, for each object."""

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """The conditions of the status; those that can't be read are none, and are written anew."""
        try:
            return _CONDITIONS.validate_json(self.encoded_conditions)
        except ValidationError:
            return ()

    @classmethod
    def read(cls, obj: Mapping[str, Any]) -> Self:
        """Read an object as the API server gives it."""
        metadata, status = obj["metadata"], obj.get("status") or {}
        return cls(
            uid=metadata["uid"],
            version=int(metadata["resourceVersion"]),
            generation=metadata.get("generation", 0),
            deleting="deletionTimestamp" in metadata,
            status_digest=digest(status),
            encoded_conditions=_encoded_conditions(status),
        )

    def with_status(self, status: Mapping[str, Any], *, version: int) -> Self:
        """Take in the status that was written in the change `version`, unless the object as read is newer than that."""
        if version < self.version:
            return self
        return replace(self, status_digest=digest(status), encoded_conditions=_encoded_conditions(status))


@dataclass(frozen=True, slots=True)
class Written:
    """An object that the controller answers for as a whole, such as a policy report."""

    uid: str
    version: int = field(compare=False)
    content: bytes
    """A digest of what it answers for."""

    @classmethod
    def read(cls, obj: Mapping[str, Any], content: bytes) -> Self:
        """Read an object as the API server gives it."""
        metadata = obj["metadata"]
        return cls(metadata["uid"], int(metadata["resourceVersion"]), content)

    def or_newer(self, known: Self | None) -> Self:
        """Give this, or what is known if that is newer: a watch may be faster or slower than the answer to a write."""
        return self if known is None or known.version < self.version else known


def _encoded_conditions(status: Mapping[str, Any]) -> bytes:
    return _ENCODER.encode(status.get("conditions") or [])
