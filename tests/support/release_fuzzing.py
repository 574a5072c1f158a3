"""Payloads of releases for fuzzing: those that Helm could have stored, with a few things wrong in each.

A payload is made from a release whose every member is there, as the tree of its JSON text, in which members may come
twice and any text may stand for a value. Then follow some faults anywhere in the tree, the text, or its wrapping.
"""

import base64
import gzip
import json
import struct
import zlib
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Final, TypeAlias

from hypothesis import strategies as st

from support.helm_releases import release_document, resource

Draw: TypeAlias = Callable[[st.SearchStrategy], object]


@dataclass
class Members:
    """A JSON object: its members in order, each name as the text of a JSON string."""

    items: list[tuple[bytes, "Node"]]


Node: TypeAlias = Members | list["Node"] | bytes  # the last is the text of any other value


def tree(value: object) -> Node:
    """Make the tree of a JSON value."""
    match value:
        case dict():
            return Members([(_text(name), tree(member)) for name, member in value.items()])
        case list() | tuple():
            return [tree(element) for element in value]
        case _:
            return _text(value)


def text(node: Node) -> bytes:
    """Write a tree as JSON."""
    match node:
        case Members(items):
            return b"{" + b",".join(name + b":" + text(value) for name, value in items) + b"}"
        case list():
            return b"[" + b",".join(map(text, node)) + b"]"
        case _:
            return node


def _text(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


# -- faults ------------------------------------------------------------------------------------------------------------

_VALUES: Final = st.sampled_from(
    [
        *(b"null", b"true", b"false", b"0", b"-0", b"7", b"1.0", b"1e2", b"1E400", b"0.1", b"9223372036854775807"),
        *(b"9223372036854775808", b"-9223372036854775808", b"01", b"+1", b".5", b"NaN", b"-", b"1_0", b"nil", b""),
        *(b'""', b'"acme-platform"', b'"web"', b'"3.1.0"', b'">=1"', b'"\\u0061cme-platform"', b'"\\ud800"'),
        *(b'"\\ud83d\\ude00"', b'"\xff"', b'"\xed\xa0\x80"', b'"\xc0\x80"', b'"\\u0000"', b'"\x01"', b'"\\x41"'),
        *(b'"AAAA"', b'"2026-10-01T10:00:00Z"', b"[]", b"[null]", b"[[]]", b'["a"]', b"{}", b"[1,]", b"'web'"),
        *(b'{"name":"acme-platform","version":"3.1.0"}', b'{"name":"web","name":"acme-platform"}'),
        *(b'{"Name":"acme-platform"}', b'{"metadata":{"name":"acme-platform"}}', b'{"":0,"":{}}', b'{"a":1,}'),
        *(b"{/**/}", b"[" * 150 + b"]" * 150, b"[" * 210 + b"]" * 210, b'{"a":' * 198 + b"1" + b"}" * 198),
    ]
)
_ALIKE: Final = {"s": "sS\u017f", "k": "kK\u212a"}  # the long s and the Kelvin sign fold to letters of ASCII


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    if isinstance(node, bytes):
        return
    for child in (value for _, value in node.items) if isinstance(node, Members) else node:
        yield from _nodes(child)


def _pick(draw: Draw, node: Node) -> tuple[Members, int] | None:
    """Choose an object and a place in it."""
    members = [each for each in _nodes(node) if isinstance(each, Members) and each.items]
    if not members:
        return None
    chosen = members[draw(st.integers(0, len(members) - 1))]
    return chosen, draw(st.integers(0, len(chosen.items) - 1))


@st.composite
def _other_values(draw: Draw, node: Node) -> Node:
    """Give a value from elsewhere in the tree, or one that is nowhere."""
    if draw(st.booleans()):
        return draw(_VALUES)
    nodes = list(_nodes(node))
    return deepcopy(nodes[draw(st.integers(0, len(nodes) - 1))])


@st.composite
def _spellings(draw: Draw, name: bytes) -> bytes:
    """Give a name that Go takes for the same, or nearly."""
    letters = name.decode()[1:-1]
    how = draw(st.sampled_from(["case", "alike", "escape", "more", "less"]))
    at = draw(st.integers(0, max(len(letters) - 1, 0)))
    if how == "case":
        letters = draw(st.sampled_from([letters.upper(), letters.title(), letters[:at] + letters[at:].swapcase()]))
    elif how == "alike":
        letters = "".join(draw(st.sampled_from(_ALIKE.get(letter, letter))) for letter in letters)
    elif how == "escape" and letters[at : at + 1].isalpha():
        letters = f"{letters[:at]}\\u{ord(letters[at]):04x}{letters[at + 1 :]}"
    elif how == "more":
        letters += draw(st.sampled_from([" ", "_", "\\u0000", "\u200b", "-"]))
    elif how == "less":
        letters = letters.replace("_", draw(st.sampled_from(["", "-", "_"])))
    return f'"{letters}"'.encode()


def _double(draw: Draw, node: Node) -> None:
    if place := _pick(draw, node):
        members, at = place
        name, value = members.items[at]
        again = draw(_other_values(node) | st.just(value) | _parts(value))
        name = draw(_spellings(name)) if draw(st.booleans()) else name
        members.items.insert(draw(st.integers(0, len(members.items))), (name, deepcopy(again)))


@st.composite
def _parts(draw: Draw, value: Node) -> Node:
    """Give a part of a value: Go unites objects that come twice."""
    match value:
        case Members(items):
            return Members([item for item in items if draw(st.booleans())])
        case list():
            return [element for element in value if draw(st.booleans())]
        case _:
            return value


def _respell(draw: Draw, node: Node) -> None:
    if place := _pick(draw, node):
        members, at = place
        name, value = members.items[at]
        members.items[at] = draw(_spellings(name)), value


def _replace(draw: Draw, node: Node) -> None:
    if place := _pick(draw, node):
        members, at = place
        members.items[at] = members.items[at][0], draw(_other_values(node))


def _leave_out(draw: Draw, node: Node) -> None:
    if place := _pick(draw, node):
        members, at = place
        del members.items[at]


def _move(draw: Draw, node: Node) -> None:
    """Put a member where it does not belong."""
    source, target = _pick(draw, node), _pick(draw, node)
    if source and target:
        target[0].items.insert(target[1], deepcopy(source[0].items[source[1]]))


def _fill_list(draw: Draw, node: Node) -> None:
    lists = [each for each in _nodes(node) if isinstance(each, list)]
    chosen = lists[draw(st.integers(0, len(lists) - 1))] if lists else []
    chosen.insert(draw(st.integers(0, len(chosen))), draw(_other_values(node)))


_FAULTS: Final = st.sampled_from([_double, _double, _respell, _replace, _replace, _leave_out, _move, _fill_list])
_BITS_OF_TEXT: Final = st.sampled_from([b" ", b"\n", b"\xef\xbb\xbf", b"{}", b"null", b",", b'"', b"\\", b"}", b"\x00"])


def _whole_release() -> Node:
    dependency = {"name": "store", "version": "^2", "repository": "oci://r", "condition": "a", "tags": ["b"]}
    document = release_document(
        annotations={"licet.dev/released": "2026-10-01"},
        dependencies=[dependency | {"enabled": True, "alias": "store", "import-values": ["x", {"child": "c"}]}],
        locked=[{"name": "acme-platform", "version": "2.4.1", "repository": "oci://r"}],
        manifest=resource("Service", "x", source="web/charts/store/templates/s.yaml", chart="acme-platform-2.4.1"),
        hooks=[{"path": "web/charts/store/templates/j.yaml", "manifest": "kind: Job", "weight": 1}],
    )
    document["info"] |= {"rollback_revision": 1, "resources": {"v1/Pod": []}}
    document["hooks"][0] |= {"delete_policies": ["hook-failed"], "output_log_policies": ["hook-failed"]}
    document["chart"] |= {"schemamodtime": "0001-01-01T00:00:00Z", "modtime": "2026-10-01T10:00:00Z"}
    document["chart"]["metadata"] |= {
        **dict.fromkeys(("home", "icon", "condition", "tags"), "text"),
        "sources": ["text"],
        "keywords": ["text"],
        "deprecated": False,
        "kubeVersion": ">=1.30",
    }
    document["apply_method"] = "ssa"
    return tree(document)


def _small_release() -> Node:
    return tree({"name": "web", "version": 1, "chart": {"metadata": {"name": "web", "version": "1.0.0"}}})


_SEEDS: Final = (_whole_release(), _small_release())


@st.composite
def texts(draw: Draw) -> bytes:
    """Give the JSON text of a release with up to four faults in it."""
    node = deepcopy(draw(st.sampled_from(_SEEDS)))
    for _ in range(draw(st.integers(0, 4))):
        draw(_FAULTS)(draw, node)
    written = text(node)
    if draw(st.integers(0, 9)) == 0:
        at = draw(st.integers(0, len(written)))
        kept = at + draw(st.sampled_from([0, 0, 1, 40]))
        written = written[:at] + draw(_BITS_OF_TEXT) + written[kept:]
    return written


# -- wrapping ----------------------------------------------------------------------------------------------------------


def _member(data: bytes, *, flags: int = 0, extra: bytes = b"") -> bytes:
    """Make a gzip member (RFC 1952) with these flags, and what they announce, in its header."""
    deflate = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    header = b"\x1f\x8b\x08" + bytes([flags]) + b"\x00" * 4 + b"\x00\xff" + extra
    trailer = struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)
    return header + deflate.compress(data) + deflate.flush() + trailer


_WRAPPINGS: Final[tuple[Callable[[bytes], bytes], ...]] = (
    lambda data: data,  # as before Helm compressed
    lambda data: _member(data, flags=8, extra=b"release.json\x00"),
    lambda data: _member(data, flags=8, extra=b"n" * 600 + b"\x00"),
    lambda data: _member(data, flags=4, extra=b"\x02\x00ab"),
    lambda data: _member(data, flags=16, extra=b"a comment\x00"),
    lambda data: _member(data, flags=0xE0),
    lambda data: _member(data, flags=2, extra=b"\x00\x00"),
    lambda data: _member(data) + _member(b""),
    lambda data: _member(data[:40]) + _member(data[40:]),
    lambda data: _member(data) + b"\x00",
    lambda data: _member(data)[:-1],
    lambda data: _member(data)[:-4] + b"\x00\x00\x00\x00",
    lambda data: _member(data)[:-8] + b"\x00" * 4 + _member(data)[-4:],
    lambda data: _member(data)[:30] + b"\xff\xff" + _member(data)[32:],
    lambda data: b"\x1f\x8b\x07" + _member(data)[3:],
    lambda data: _member(_member(data)),
)
_ENCODINGS: Final[tuple[Callable[[bytes], bytes], ...]] = (
    lambda encoded: b"\r\n".join(encoded[at : at + 64] for at in range(0, len(encoded), 64)),
    lambda encoded: encoded.rstrip(b"="),
    lambda encoded: encoded + b"=",
    lambda encoded: encoded + b"AAAA",
    lambda encoded: b" " + encoded,
    lambda encoded: encoded.replace(b"+", b"-").replace(b"/", b"_"),
    lambda encoded: base64.b64encode(encoded),
    lambda encoded: encoded[:8] + b"\n\n" + encoded[8:] + b"\n",
    lambda encoded: b"",
)


@st.composite
def payloads(draw: Draw) -> bytes:
    """Give what stands under the key `release`: mostly wrapped as Helm does it."""
    data = draw(texts())
    common = draw(st.integers(0, 9)) > 0
    wrapped = gzip.compress(data, 1, mtime=0) if common else draw(st.sampled_from(_WRAPPINGS))(data)
    encoded = base64.b64encode(wrapped)
    return encoded if draw(st.integers(0, 19)) > 0 else draw(st.sampled_from(_ENCODINGS))(encoded)
