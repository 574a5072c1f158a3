"""Reading the YAML files of a chart into plain values, as Helm reads them, under caps.

Aliases are legal in them, and harmless until something walks through all that they stand for. So a file is refused when
it would have too many nodes with every alias replaced. Dates are texts, as they are to Helm.
"""

from typing import Final

import yaml

from licet.core import bounds
from licet.core.errors import ChartError

Table = dict[object, object]
"""A mapping of YAML."""


def read_documents(data: bytes, what: str) -> list[Table]:
    """Read the documents of a YAML file, each of which has to be a mapping; empty ones are left out.

    Args:
        data: the file.
        what: how messages call it.

    Raises:
        ChartError: it is not YAML in UTF-8, not of mappings, or over a cap.
    """
    if len(data) > bounds.CHART_YAML_BYTES:
        raise ChartError(f"{what} has {len(data)} bytes; at most {bounds.CHART_YAML_BYTES} are read")
    try:
        text = data.decode("utf-8-sig")
        _check_size(text, what)
        documents = list(yaml.load_all(text, Loader=_Loader))
    except (yaml.YAMLError, ValueError) as error:
        raise ChartError(f"{what} is not YAML: {' '.join(str(error).split())}") from None
    if not all(document is None or isinstance(document, dict) for document in documents):
        raise ChartError(f"{what} is not a mapping")
    return [document for document in documents if document]


class _Loader(yaml.CSafeLoader):
    """Resolves plain scalars to what they are to Helm."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}

_NO_ANCHOR: Final = ""


def _check_size(text: str, what: str) -> None:
    """Count nodes, and with each alias those that it stands for."""
    sizes: dict[str, int] = {}  # by anchor, once the node is complete
    open_nodes = [(_NO_ANCHOR, 0)]  # from the file inwards
    for event in yaml.parse(text, Loader=_Loader):
        match event:
            case yaml.CollectionStartEvent(anchor=anchor):
                open_nodes.append((anchor or _NO_ANCHOR, 1))
                if len(open_nodes) > bounds.YAML_DEPTH:
                    raise ChartError(f"{what} is nested over {bounds.YAML_DEPTH} levels deep")
                continue
            case yaml.CollectionEndEvent():
                anchor, size = open_nodes.pop()
            case yaml.ScalarEvent():
                anchor, size = event.anchor, 1
            case yaml.AliasEvent() if event.anchor in sizes:
                anchor, size = _NO_ANCHOR, sizes[event.anchor]
            case yaml.AliasEvent():
                raise ChartError(f"{what} has an alias of something that is not complete before it")
            case _:
                continue
        if anchor:
            sizes[anchor] = size
        outer_anchor, outer_size = open_nodes[-1]
        open_nodes[-1] = outer_anchor, outer_size + size
        if outer_size + size > bounds.CHART_YAML_NODES:
            raise ChartError(f"{what} has more than {bounds.CHART_YAML_NODES} nodes")
