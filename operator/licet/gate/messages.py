"""How the gate's texts reach people: complete, on one line, and within what the API server passes on.

The API server drops a warning that has control characters, and cuts every one to 256 characters once all of them
together are over 4096 (`apiserver/pkg/endpoints/filters/warning.go`). So all of them together stay well below that.
"""

from collections.abc import Iterable
from typing import Final

WARNINGS_BYTES: Final = 3 * 1024  # others may have something to warn of as well
DENIAL_BYTES: Final = 8 * 1024


def signed(text: str, decision_id: str, *, limit: int = DENIAL_BYTES) -> str:
    """Give a text as coming from licet, with the decision that it explains, in at most `limit` bytes.

    Whatever the text says too much is cut at its end; who it is from and which decision it is about always remain.
    """
    start, end = "licet: ", f" [decision {decision_id}]"
    content, room = printable(text).encode(), limit - len(start) - len(end)
    if len(content) > room:
        content = content[: room - len("…".encode())] + "…".encode()
    return f"{start}{content.decode(errors='ignore')}{end}"


def warnings(texts: Iterable[str], decision_id: str) -> tuple[str, ...]:
    """Give texts as warnings of an AdmissionResponse; where that is too much, the last points to the log line."""
    more = signed("There are more warnings; the log of the gate has them all", decision_id)
    room = WARNINGS_BYTES - len(more)
    told: list[str] = []
    for text in texts:
        warning = signed(text, decision_id, limit=WARNINGS_BYTES - len(more))
        room -= len(warning.encode())
        if room < 0:
            return (*told, more)
        told.append(warning)
    return tuple(told)


def printable(text: str) -> str:
    """Give a text with everything escaped that is not to be printed: names in it come from others."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )
