"""How the gate's texts reach people: complete, on one line, and within what the API server passes on.

The API server drops a warning that has control characters, and cuts warnings to 256 characters each once all of them
together are over 4096 (`apiserver/pkg/endpoints/filters/warning.go`). So a long warning is told in several pieces.
"""

import textwrap
from collections.abc import Iterable
from typing import Final

WARNING_LENGTH: Final = 256
WARNING_PIECES: Final = 12  # 3,072 characters: others may have something to warn of as well
DENIAL_BYTES: Final = 8 * 1024
_CONTINUED: Final = "… "


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
    """Give texts as warnings of an AdmissionResponse; what is too much for them points to the decision's log line."""
    pieces = [
        piece
        for text in texts
        for piece in textwrap.wrap(
            signed(text, decision_id), WARNING_LENGTH, subsequent_indent=_CONTINUED, break_on_hyphens=False
        )
    ]
    if len(pieces) > WARNING_PIECES:
        more = signed("There are more warnings; the log of the gate has them all", decision_id)
        pieces[WARNING_PIECES - 1 :] = [more]
    return tuple(pieces)


def printable(text: str) -> str:
    """Give a text with everything escaped that is not to be printed: names in it come from others."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )
