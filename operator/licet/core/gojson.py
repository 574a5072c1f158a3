"""Reading JSON that Go's encoding/json reads into structs, where no two readers can understand it differently.

Go looks for the fields of a struct without regard to case (by Unicode simple folding, so that a long s is an s and
the Kelvin sign a k), lets the last of several members win, and skips members that it does not know. Others do not.
So wherever Go reads an object into a struct, these rules hold here:

- A member that folds to the name of a field has to be spelled like it, and must not be doubled.
- A member that is no field is skipped, whatever it is called and however often.
- `null` leaves a field at its zero value, as in Go; any other value has to be of the field's type.

What Go reads into a map keeps its members by the names as they are spelled, and the last of several wins.

Stricter than Go, which replaces both and says nothing: bytes that are not UTF-8, and halves of surrogate pairs. It
writes neither.
"""

import codecs
import re
from dataclasses import dataclass
from functools import cache
from typing import Final, TypeVar, get_args

import msgspec

from licet.core import bounds
from licet.core.errors import ReleaseError

_S = TypeVar("_S", bound=msgspec.Struct)


def decode_struct(data: bytes, struct: type[_S], what: str) -> _S:
    """Read a JSON object as Go reads it into a struct.

    The time per byte is spent in C, and no object is made of a value that the struct does not ask for. Large strings
    and free-form values cost next to nothing.

    Args:
        data: the JSON text.
        struct: mirrors the struct of Go. A field that has structs inside is one of them or a list of them; every field
            admits None for `null`, and so do the elements of lists. Fields are in the order in which Go writes them,
            and structs of which there are many omit defaults: that alone makes lists of them fast to check.
        what: how messages call the object.

    Raises:
        ReleaseError: it is not JSON in UTF-8, is over a cap, or breaks a rule above. Messages name the place, and show
            nothing of the values.
    """
    _check_text(data, what)
    _check_width(data, what)
    _check_tokens(data, what)
    try:
        value = msgspec.json.decode(data, type=struct)
        _check_members(data, value, "$", bounds.RELEASE_JSON_DEPTH, what)
    except msgspec.ValidationError as error:
        raise ReleaseError(f"{what} is not what Helm can read: {error}") from None
    except msgspec.DecodeError as error:
        raise ReleaseError(f"{what} is not JSON: {error}") from None
    except RecursionError:
        raise _too_deep(what) from None
    return value


def fold(name: str) -> str:
    """Fold a name like Go: two names with one fold, one of which is a field's (so ASCII), mean the same to it."""
    return name.lower().replace(_LONG_S, "s")  # `lower` turns the Kelvin sign into k; no other character becomes ASCII


_LONG_S: Final = "\N{LATIN SMALL LETTER LONG S}"


# -- text and tokens ---------------------------------------------------------------------------------------------------

_WIDE: Final = re.compile(rb"[\xf0-\xf4]|\\u[dD][89abAB]")
_WIDE_OVERLAP: Final = 3  # bytes of a match that may lie in the next piece
_CHUNK: Final = 1 << 20
_FEW: Final = 16  # at most one in so many
_ESCAPED: Final = re.compile(rb'\\[\\"]')
_PUNCTUATION: Final = b'"[]{},:'
_EVERYTHING_ELSE: Final = bytes(set(range(256)) - set(_PUNCTUATION))
_BRACES_TO_BRACKETS: Final = bytes.maketrans(b"{}", b"[]")


def _check_text(data: bytes, what: str) -> None:
    if data.isascii():
        return
    decoder = codecs.getincrementaldecoder("utf-8")()
    view = memoryview(data)
    try:
        for start in range(0, len(data), _CHUNK):  # in pieces: all at once may take four times the memory
            decoder.decode(view[start : start + _CHUNK])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise ReleaseError(f"{what} is not JSON: it is not UTF-8") from None


def _check_width(data: bytes, what: str) -> None:
    """Refuse a large text with characters beyond U+FFFF: for one of them, Python gives its string four bytes for each.

    Nothing but escapes of UTF-16 surrogates stands for them besides UTF-8 of four bytes.
    """
    if len(data) <= bounds.RELEASE_WIDE_BYTES:
        return
    for start in range(0, len(data), _CHUNK):  # in pieces, so that other threads get their turn
        if _WIDE.search(data, start, start + _CHUNK + _WIDE_OVERLAP):
            limit = bounds.RELEASE_WIDE_BYTES
            raise ReleaseError(f"{what} has characters beyond U+FFFF, such as emoji, and is over {limit} bytes")


def _check_tokens(data: bytes, what: str) -> None:
    """Count the tokens of a JSON text before anything is made of it, exactly only where there may be too many.

    A short text is not counted: what is made of it takes a comma and another character at least, each.
    """
    limit = bounds.RELEASE_JSON_TOKENS
    if len(data) <= 2 * limit or _count_punctuation(data) <= limit:
        return
    if len(_tokens(data)) > limit:
        raise ReleaseError(f"{what} has more than {limit} JSON tokens")


def _count_punctuation(data: bytes) -> int:
    """Count what may be tokens: that which stands inside of strings as well."""
    pieces = (data[start : start + _CHUNK] for start in range(0, len(data), _CHUNK))
    return sum(len(piece.translate(None, delete=_EVERYTHING_ELSE)) for piece in pieces)


def _tokens(data: bytes) -> bytes:
    """Strip a JSON text of all but its punctuation, or of all but that and the one inside of strings if that is long.

    That the text is JSON is not checked here: what is said of other texts does not matter, as they are refused.
    """
    tokens = _punctuation(data)
    if tokens.count(b'"') > bounds.RELEASE_JSON_TOKENS:
        return tokens
    return b"".join(tokens.split(b'"')[::2])  # what stands between quotation marks is text


def _punctuation(data: bytes) -> bytes:
    """Strip a JSON text of all but its punctuation. That inside of strings stays, less escaped quotation marks."""
    kept = bytearray()
    start = 0
    while start < len(data):
        piece = data[start : start + _CHUNK]
        if (len(piece) - len(piece.rstrip(b"\\"))) % 2:  # it ends in the middle of an escape
            piece = data[start : start + _CHUNK + 1]
        kept += _without_escapes(piece).translate(None, delete=_EVERYTHING_ELSE)
        start += len(piece)
    return bytes(kept)


def _without_escapes(piece: bytes) -> bytes:
    """Take escaped backslashes and quotation marks away. The backslashes of a run pair up from its start."""
    if piece.count(b"\\") * _FEW < len(piece):
        return _ESCAPED.sub(b"", piece)  # fast from one to the next, but slow and greedy for memory at each
    return piece.replace(rb"\\", b"").replace(rb"\"", b"")


# -- members -----------------------------------------------------------------------------------------------------------


class _Name:
    """A member's name as a dictionary key that equals no other, so that none of several like members is lost."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


_MEMBERS: Final = msgspec.json.Decoder(dict[_Name, msgspec.Raw], dec_hook=lambda _, text: _Name(text))
_ELEMENTS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_ENCODER: Final = msgspec.json.Encoder()
_CONTAINERS: Final = frozenset(b"[{")
_COMPARED: Final = 8 * 1024 * 1024  # bytes of a list that is written once more to compare it


@dataclass(frozen=True, slots=True)
class _Fields:
    """The fields of a struct in JSON: the attribute of each, and the name of each by what it folds to."""

    attributes: dict[str, str]
    folded: dict[str, str]


@cache
def _fields_of(struct: type[msgspec.Struct]) -> _Fields:
    attributes = {field.encode_name: field.name for field in msgspec.structs.fields(struct)}
    return _Fields(attributes, {fold(name): name for name in attributes})


def _check_members(data: bytes | msgspec.Raw, value: msgspec.Struct, path: str, levels: int, what: str) -> None:
    """Check an object that has been read: the names of its members, and how deep what was skipped is nested.

    Args:
        data: the object as JSON text.
        value: what was made of it.
        path: where it is, for messages.
        levels: how deep it may be nested.
        what: how messages call the whole text.
    """
    fields = _fields_of(type(value))
    members = [(key.text, member) for key, member in _MEMBERS.decode(data).items()]
    seen: set[str] = set()
    for name, _ in members:
        if name not in fields.attributes:
            if meant := fields.folded.get(fold(name)):
                raise ReleaseError(f"{what} is ambiguous: Helm takes its member {name!r} at `{path}` for {meant!r}")
        elif name in seen:
            raise ReleaseError(f"{what} is ambiguous: it has the member {name!r} at `{path}` more than once")
        seen.add(name)
    for name, member in members:
        attribute = fields.attributes.get(name)
        match attribute and getattr(value, attribute):
            case msgspec.Struct() as inner:
                _check_members(member, inner, f"{path}.{name}", levels - 1, what)
            case [*elements] if any(isinstance(element, msgspec.Struct) for element in elements):
                _check_elements(member, elements, f"{path}.{name}", levels - 1, what)
            case _:
                _check_depth(member, levels - 1, what)


def _check_elements(
    data: msgspec.Raw, elements: list[msgspec.Struct | None], path: str, levels: int, what: str
) -> None:
    """Check a list that has been read, as `_check_members` does an object.

    What is written as licet would write it has no member twice, none that is not a field, and none that is skipped.
    That is told faster of hundreds of files than by a look at each.
    """
    kind = next(type(element) for element in elements if element is not None)
    if len(memoryview(data)) <= _COMPARED and not _has_raw(kind) and _ENCODER.encode(elements) == bytes(data):
        return
    for index, (element, text) in enumerate(zip(elements, _ELEMENTS.decode(data), strict=True)):
        if element is not None:
            _check_members(text, element, f"{path}[{index}]", levels - 1, what)


@cache
def _has_raw(annotation: object) -> bool:
    """Tell whether values of a type hold text that was not read."""
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return any(_has_raw(field.type) for field in msgspec.structs.fields(annotation))
    return annotation is msgspec.Raw or any(map(_has_raw, get_args(annotation)))


def _check_depth(value: msgspec.Raw, levels: int, what: str) -> None:
    """Check how deep a value is nested, without making anything of it."""
    view = memoryview(value)
    if len(view) <= levels or view[0] not in _CONTAINERS:
        return
    data = view.tobytes()
    if data.count(b"[") + data.count(b"{") <= levels:
        return
    nested = _tokens(data).translate(_BRACES_TO_BRACKETS, delete=b",:")
    for _ in range(levels):  # each turn takes the innermost level away, all over the text
        if not nested:
            return
        nested = nested.replace(b"[]", b"")
    if nested:
        raise _too_deep(what)


def _too_deep(what: str) -> ReleaseError:
    return ReleaseError(f"{what} is JSON nested over {bounds.RELEASE_JSON_DEPTH} levels deep, or not JSON")
