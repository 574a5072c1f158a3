"""ULIDs: identifiers of 26 characters that sort by time, for decisions and for licenses."""

from typing import Final

RANDOM_BYTES: Final = 10

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32
_LENGTH: Final = 26


def format_ulid(milliseconds: int, randomness: bytes) -> str:
    """Make a ULID of an instant in milliseconds since 1970 (48 bits) and 10 random bytes."""
    value = milliseconds << (8 * RANDOM_BYTES) | int.from_bytes(randomness[:RANDOM_BYTES], "big")
    return "".join(_ALPHABET[value >> (5 * position) & 31] for position in reversed(range(_LENGTH)))
