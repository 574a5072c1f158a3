"""Reading releases, all but tiny ones off the event loop, with memory for few large ones at a time.

A release is read for a moment only: what is kept of it is small, however large it is. Large and small ones take turns
among themselves, so that a queue of large ones holds up no small one.
"""

import asyncio
import binascii
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from licet.core.errors import ReleaseError
from licet.core.release import RELEASE_TYPE, decode_release
from licet.core.subjects import Subject, find_subjects
from licet.core.vendors import VendorRegistry
from licet.gate.review import ReleaseObject

_TINY_BYTES: Final = 64 * 1024  # decompressed; read in a fraction of a millisecond, of which a thread would be a fifth
_LARGE_BYTES: Final = 4 * 1024 * 1024  # decompressed; charts of hundreds of templates stay below
_TAIL: Final = 64  # of the payload, where its last characters are, with line breaks between
_FIELD: Final = 8  # characters of base64 that have the last 4 bytes in them
_LINE_BREAKS: Final = b"\r\n"


@dataclass(frozen=True, slots=True)
class ReadRelease:
    """What a decision needs of a release."""

    name: str
    namespace: str
    revision: int
    subjects: tuple[Subject, ...]


class Decoders:
    """Threads that read releases: one at a time of those that are large, a few of the others, none of tiny ones."""

    def __init__(self) -> None:
        self._small = ThreadPoolExecutor(2, thread_name_prefix="decode-small")
        self._large = ThreadPoolExecutor(1, thread_name_prefix="decode-large")

    async def read(self, stored: ReleaseObject, registry: VendorRegistry) -> ReadRelease:
        """Read the release in an object, and find its protected charts.

        Raises:
            ReleaseError: it can't be read without doubt.
        """
        size = _claimed_size(stored.payload)
        if size <= _TINY_BYTES:
            return _read(stored, registry)
        lane = self._large if size > _LARGE_BYTES else self._small
        return await asyncio.get_running_loop().run_in_executor(lane, _read, stored, registry)


def _read(stored: ReleaseObject, registry: VendorRegistry) -> ReadRelease:
    if stored.format != RELEASE_TYPE:
        raise ReleaseError(f"its format {stored.format[:80]!r} is not known; licet knows {RELEASE_TYPE}")
    release = decode_release(stored.payload)
    return ReadRelease(release.name, release.namespace, release.revision, find_subjects(release, registry))


def _claimed_size(payload: bytes) -> int:
    """Tell to how many bytes a payload decompresses by its own account, which `decode_release` holds it to.

    It is the last field of a gzip member (RFC 1952, ISIZE). What is not gzip may be told too large, but not too small.
    """
    end = payload[-_TAIL:].translate(None, delete=_LINE_BREAKS)
    if len(end) < _FIELD:
        end = payload.translate(None, delete=_LINE_BREAKS)
    try:
        size = int.from_bytes(binascii.a2b_base64(end[-_FIELD:])[-4:], "little")
    except binascii.Error:
        size = 0  # refused before anything is decompressed
    return max(size, len(payload))
