"""Reading YAML and JSON as data and nothing else: what a hostile or careless file can do is named here, and refused.

YAML is read as Kubernetes reads it, but for three things that are more often mistakes than meant: members that occur
twice, aliases (of which a few lines make gigabytes) and tags. Dates stay the text that they are, and so does a lone
`=`, which CRDs have among their enums.
"""

import json
from collections.abc import Iterator
from typing import Final, NoReturn

import yaml

from licet.cli.files import InputError, name_of, read_text
from licet.core import bounds

_SCALARS: Final = frozenset(f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null"))
_PLAIN_TEXT: Final = frozenset({"tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value"})
_MAPPING: Final = "tag:yaml.org,2002:map"
_SEQUENCE: Final = "tag:yaml.org,2002:seq"


def read_documents(path: str) -> list[object]:
    """Read the documents of a YAML or JSON file, or of standard input for `-`; empty ones are left out.

    Raises:
        InputError: it can't be read, is neither, or is refused by the rules above.
    """
    return parse_documents(read_text(path), name_of(path))


def read_document(path: str) -> object:
    """Read the one document of a YAML or JSON file, or of standard input for `-`.

    Raises:
        InputError: as `read_documents`, or there are more than one.
    """
    documents = read_documents(path)
    if len(documents) != 1:
        raise InputError(f"{name_of(path)} has {len(documents)} documents; one is expected")
    return documents[0]


def parse_documents(text: str, name: str) -> list[object]:
    """Read the documents of a YAML or JSON text; `name` is what messages call it.

    Raises:
        InputError: as `read_documents`.
    """
    if text.lstrip().startswith(("{", "[")):
        try:
            return [_read_json(text)]
        except json.JSONDecodeError:
            pass  # YAML in flow style begins alike
        except (ValueError, RecursionError) as error:
            raise InputError(f"{name} is not acceptable JSON: {_describe(error)}") from error
    try:
        return list(_yaml_documents(text))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise InputError(f"{name} is not YAML: {where}{error.problem or error.context}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"{name} is not acceptable YAML: {_describe(error)}") from error


def _read_json(text: str) -> object:
    document: object = json.loads(text, object_pairs_hook=_members, parse_constant=_refuse_constant)
    _check_depth(document, bounds.YAML_DEPTH)
    return document


def _yaml_documents(text: str) -> Iterator[object]:
    loader = (yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader)(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            value = None if node is None else _Reader(loader).value(node, bounds.YAML_DEPTH)
            if value is not None:
                yield value
    finally:
        loader.dispose()


class _Reader:
    """Turns the nodes of one YAML document into values."""

    def __init__(self, loader: yaml.CSafeLoader | yaml.SafeLoader) -> None:
        self._loader = loader
        self._seen: set[int] = set()

    def value(self, node: yaml.Node, depth: int) -> object:
        if depth == 0:
            _refuse(node, f"nested deeper than {bounds.YAML_DEPTH}")
        if id(node) in self._seen:  # an alias gives the very node that it stands for
            _refuse(node, "an alias (*name) is not accepted; write the value out")
        self._seen.add(id(node))
        if isinstance(node, yaml.MappingNode) and node.tag == _MAPPING:
            return self._mapping(node, depth)
        if isinstance(node, yaml.SequenceNode) and node.tag == _SEQUENCE:
            return [self.value(item, depth - 1) for item in node.value]
        if node.tag in _PLAIN_TEXT:
            return str(node.value)
        if node.tag not in _SCALARS:
            _refuse(node, f"tag {node.tag!r} is not accepted")
        value: object = self._loader.construct_object(node)
        return value

    def _mapping(self, node: yaml.MappingNode, depth: int) -> dict[str, object]:
        members: dict[str, object] = {}
        for key, value in node.value:
            name = self.value(key, depth - 1)
            if not isinstance(name, str):
                _refuse(key, "the name of a member has to be text; put it in quotes")
            if name in members:
                _refuse(key, f"member {name!r} occurs twice")
            members[name] = self.value(value, depth - 1)
        return members


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"member {next(name for name in names if names.count(name) > 1)!r} occurs twice")
    return members


def _check_depth(value: object, depth: int) -> None:
    if depth == 0:
        raise ValueError(f"nested deeper than {bounds.YAML_DEPTH}")
    for member in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        if isinstance(member, dict | list):
            _check_depth(member, depth - 1)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number in JSON")


def _refuse(node: yaml.Node, problem: str) -> NoReturn:
    raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


def _describe(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)
