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
from collections.abc import Iterator
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
            admits None for `null`, and so do the elements of lists.
        what: how messages call the object.

    Raises:
        ReleaseError: it is not JSON in UTF-8, is over a cap, or breaks a rule above. Messages name the place, and show
            nothing of the values.
    """
    _check_text(data, what)
    _check_structure(data, what)
    try:
        value = msgspec.json.decode(data, type=struct)
    except msgspec.ValidationError as error:
        raise ReleaseError(f"{what} is not what Helm can read: {error}") from None
    except msgspec.DecodeError as error:
        raise ReleaseError(f"{what} is not JSON: {error}") from None
    _check_names(data, struct, "$", what)
    return value


def fold(name: str) -> str:
    """Fold a name like Go: two names with one fold, one of which is a field's (so ASCII), mean the same to it."""
    return name.lower().replace(_LONG_S, "s")  # `lower` turns the Kelvin sign into k; no other character becomes ASCII


_LONG_S: Final = "\N{LATIN SMALL LETTER LONG S}"


# -- text and structure ------------------------------------------------------------------------------------------------

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


def _check_structure(data: bytes, what: str) -> None:
    """Count the tokens and levels of a JSON text before anything is made of it.

    That the text is JSON is not checked here: what is said of other texts does not matter, as they are refused.
    """
    tokens = _punctuation(data)
    if tokens.count(b'"') <= bounds.RELEASE_JSON_TOKENS:
        tokens = b"".join(tokens.split(b'"')[::2])  # what stands between quotation marks is text
    if len(tokens) > bounds.RELEASE_JSON_TOKENS:
        raise ReleaseError(f"{what} has more than {bounds.RELEASE_JSON_TOKENS} JSON tokens")
    nested = tokens.translate(_BRACES_TO_BRACKETS, delete=b",:")
    for _ in range(bounds.RELEASE_JSON_DEPTH):  # each turn takes the innermost level away, all over the text
        if not nested:
            return
        nested = nested.replace(b"[]", b"")
    if nested:
        raise ReleaseError(f"{what} is JSON nested over {bounds.RELEASE_JSON_DEPTH} levels deep, or not JSON")


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


# -- names -------------------------------------------------------------------------------------------------------------


class _Name:
    """A member's name as a dictionary key that equals no other, so that none of several like members is lost."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


_MEMBERS: Final = msgspec.json.Decoder(dict[_Name, msgspec.Raw], dec_hook=lambda _, text: _Name(text))
_ELEMENTS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_OBJECT: Final = ord("{")
_ARRAY: Final = ord("[")


@dataclass(frozen=True, slots=True)
class _Fields:
    """The names of a struct's fields: each with the struct inside of it, and each by what it folds to."""

    structs: dict[str, type[msgspec.Struct] | None]
    folded: dict[str, str]


@cache
def _fields_of(struct: type[msgspec.Struct]) -> _Fields:
    structs = {field.encode_name: _struct_in(field.type) for field in msgspec.structs.fields(struct)}
    return _Fields(structs, {fold(name): name for name in structs})


def _struct_in(annotation: object) -> type[msgspec.Struct] | None:
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return annotation
    return next(filter(None, map(_struct_in, get_args(annotation))), None)


def _check_names(data: bytes | msgspec.Raw, struct: type[msgspec.Struct], path: str, what: str) -> None:
    fields = _fields_of(struct)
    seen: set[str] = set()
    for key, value in _MEMBERS.decode(data).items():
        name = key.text
        if name not in fields.structs:
            if meant := fields.folded.get(fold(name)):
                raise ReleaseError(f"{what} is ambiguous: Helm takes its member {name!r} at `{path}` for {meant!r}")
            continue
        if name in seen:
            raise ReleaseError(f"{what} is ambiguous: it has the member {name!r} at `{path}` more than once")
        seen.add(name)
        inner = fields.structs[name]
        if inner is not None:
            for index, element in _objects(value):
                _check_names(element, inner, f"{path}.{name}{index}", what)


def _objects(value: msgspec.Raw) -> Iterator[tuple[str, msgspec.Raw]]:
    """Give the object that a value is, or the objects that it lists."""
    match memoryview(value)[0]:
        case first if first == _OBJECT:
            yield "", value
        case first if first == _ARRAY:
            for index, element in enumerate(_ELEMENTS.decode(value)):
                if memoryview(element)[0] == _OBJECT:
                    yield f"[{index}]", element
