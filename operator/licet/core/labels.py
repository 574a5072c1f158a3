r"""Finding the labels that tell of charts in rendered manifests, without parsing what can't hold one of interest.

Templates write labels as they like: in block or flow style, quoted or not, as JSON, with comments, anchors and merged
maps. A search for the labels' keys gives all their places and, in nearly every manifest, the answer that nothing is of
interest. Only the documents where it finds something are then parsed as YAML, event by event, so that neither aliases
nor nesting make anything grow.

A label is a member of a mapping that stands under the key `labels`; in a document with anchors, of any mapping, as a
merge may bring it there. Text that only looks like a label (a comment, a file within a ConfigMap, a selector) is none.
In a document that is no YAML, or too large to be parsed, everything that looks like a label is taken for one.

Not seen: keys or values spelled with escapes (`"helm.sh\u002fchart"`), which no template writes by accident.
"""

import re
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Final, TypeVar

import yaml

from licet.core import bounds
from licet.core.charts import read_version
from licet.core.errors import ReleaseError

_Place = TypeVar("_Place", bound=Hashable)


class Label(StrEnum):
    """The labels that tell of charts."""

    CHART = "helm.sh/chart"
    PRODUCT = "licet.dev/product"
    VERSION = "licet.dev/version"


Labels = Mapping[Label, str]
"""Those of them that one object has."""


def find_labels(
    manifests: Iterable[tuple[str, str]],
    is_of_interest: Callable[[Label, str], bool],
    place_of: Callable[[str], _Place],
) -> Iterator[tuple[_Place, Labels]]:
    """Find the objects that have a label of interest, and where each is.

    Of documents at one place with the same labels only the first is looked at, unless what was found there is no label.

    Args:
        manifests: YAML streams, each of any number of documents, with the path of the template that it is from. Where
            that is empty, it is in the comment that Helm writes above each document, unless something took it away.
        is_of_interest: judges a label by its value.
        place_of: gives the place that a path is at; an empty one is that of no template.

    Raises:
        ReleaseError: there are too many labels or documents to look into.
    """
    parser = _Parser()
    seen: set[tuple[_Place, frozenset[_Found]]] = set()
    for path, manifest in manifests:
        if not any(is_of_interest(label, value) for label, value in _search(manifest)):
            continue
        for count, document in enumerate(_documents(manifest), start=1):
            if count > bounds.RELEASE_DOCUMENTS:
                raise ReleaseError(f"the release has a manifest of more than {bounds.RELEASE_DOCUMENTS} documents")
            found = _search(document)
            if not any(is_of_interest(label, value) for label, value in found):
                continue
            place = place_of(path or _source(document))
            if (place, found) in seen:
                continue
            labels = parser.labels_of(document)
            told = list(_as_found(found)) if labels is None else labels
            if labels is None or found <= {label for each in told for label in each.items()}:
                seen.add((place, found))
            yield from ((place, each) for each in told)


def read_chart_label(value: str, known_names: Collection[str]) -> tuple[str, str | None]:
    """Take the value of `helm.sh/chart` apart: NAME-VERSION, where Helm's templates write `_` for `+`.

    Where several hyphens could be the one between, a known name decides, then a version of all three numbers, then the
    shorter name. Helm's templates cut the value off to fit in a label; then its end tells no version.

    Returns:
        The name, and the version or None.
    """
    if value in known_names:
        return value, None
    cut_off = len(value) >= bounds.LABEL_LENGTH - 1  # a hyphen at the end is taken off as well
    splits = [
        (name, version)
        for hyphen in re.finditer("-", value)
        for name, version in ((value[: hyphen.start()], value[hyphen.end() :].replace("_", "+")),)
        if read_version(version) or (cut_off and _VERSION_START.match(version))
    ]
    if not splits:
        return value, None
    name, version = max(
        splits, key=lambda split: (split[0] in known_names, bool(_ALL_NUMBERS.match(split[1])), -len(split[0]))
    )
    return name, None if cut_off else version


_VERSION_START: Final = re.compile(r"v?\d", re.ASCII)
_ALL_NUMBERS: Final = re.compile(r"v?\d+\.\d+\.\d", re.ASCII)


# -- search ------------------------------------------------------------------------------------------------------------

_Found = tuple[Label, str]

# Behind a key: its closing quotation mark, the colon, anchors and tags, the sign of a block, an opening quotation mark.
_VALUE: Final = re.compile(r"""["']?\s*+:\s*+(?:[&!]\S*+\s++)*+(?:[|>][-+\d]*+\s++)?["']?([\w.+-]*+)""", re.ASCII)


def _search(text: str) -> frozenset[_Found]:
    """Find all that looks like one of the labels; a value that is an alias or is no plain word is given as empty."""
    found: set[_Found] = set()
    for label in Label:
        values: set[str] = set()
        for count, value in enumerate(_values(text, label), start=1):
            values.add(value)
            if len(values) > bounds.RELEASE_CHART_NAMES or count > bounds.RELEASE_LABELS:
                raise ReleaseError(
                    f"the release has more than {bounds.RELEASE_LABELS} labels of charts,"
                    f" or of more than {bounds.RELEASE_CHART_NAMES} charts"
                )
        found.update((label, value) for value in values if len(value) <= bounds.LABEL_LENGTH)  # as Kubernetes demands
    return frozenset(found)


def _values(text: str, label: str) -> Iterator[str]:
    """Give what follows each place where a label's key stands; its text is looked for faster than by a pattern."""
    at = text.find(label)
    while at >= 0:
        end = at + len(label)
        if match := _VALUE.match(text, end):
            end = match.end()
            yield match[1]
        at = text.find(label, end)


def _documents(manifest: str) -> Iterator[str]:
    """Split a stream where Helm splits it: at lines that begin with three hyphens."""
    start = 0
    while (end := manifest.find("\n---", start)) >= 0:
        yield manifest[start : end + 1]
        start = end + len("\n---")
    yield manifest[start:]


def _source(document: str) -> str:
    """Give the path of the template that Helm says a document is from; empty where it does not."""
    match = _SOURCE.match(document)
    return match[1] if match else ""


_SOURCE: Final = re.compile(r"(?:---)?[ \t]*\n?# Source: (.*)")


def _as_found(found: Iterable[_Found]) -> Iterator[Labels]:
    """Take what looks like labels for labels. A version belongs to a product only where there is but one version."""
    versions = [value for label, value in found if label is Label.VERSION]
    for label, value in sorted(found):
        if label is Label.PRODUCT and len(versions) == 1:
            yield {label: value, Label.VERSION: versions[0]}
        elif label is not Label.VERSION:
            yield {label: value}


# -- YAML --------------------------------------------------------------------------------------------------------------

_KEYS: Final = frozenset(map(str, Label))


class _Parser:
    """Reads labels from documents, while its budget of characters lasts."""

    def __init__(self) -> None:
        self._budget = bounds.LABELS_YAML_CHARACTERS

    def labels_of(self, document: str) -> list[Labels] | None:
        """Give the labels of each object in a document; None if it can't be parsed."""
        self._budget -= len(document)
        if self._budget < 0:
            return None
        reader = _Reader()
        try:
            for event in yaml.parse(document, Loader=yaml.CSafeLoader):
                reader.take(event)
        except (yaml.YAMLError, _TooDeepError):
            return None
        return [mapping.labels for mapping in reader.mappings if mapping.is_labels or reader.has_anchors]


class _TooDeepError(Exception):
    """A document is nested so deep that libyaml, whose time grows with depth times length, must not read on."""


class _Mapping:
    """A mapping that is being read."""

    __slots__ = ("is_labels", "key", "labels")

    def __init__(self, *, is_labels: bool) -> None:
        self.is_labels = is_labels
        self.key: str | None = None  # of the member whose value comes next
        self.labels: dict[Label, str] = {}

    def take(self, scalar: str) -> None:
        """Take the next key or value; an empty one stands in for a collection."""
        if self.key is None:
            self.key = scalar
            return
        if self.key in _KEYS:
            self.labels[Label(self.key)] = scalar
        self.key = None


class _Reader:
    """Follows the events of YAML, and keeps the mappings that have one of the labels for a key."""

    def __init__(self) -> None:
        self.mappings: list[_Mapping] = []
        self.has_anchors = False
        self._scalars: dict[str, str] = {}  # by anchor
        self._open: list[_Mapping | None] = [None]  # from the document inwards; sequences are None, too

    def take(self, event: yaml.Event) -> None:
        """Take the next event."""
        match event:
            case yaml.ScalarEvent(anchor=anchor, value=value):
                self._take_anchor(anchor, value)
                self._take_scalar(value)
            case yaml.AliasEvent(anchor=anchor):
                self._take_scalar(self._scalars.get(anchor or "", ""))
            case yaml.CollectionStartEvent(anchor=anchor):
                self._take_anchor(anchor, "")
                self._start(event)
            case yaml.CollectionEndEvent():
                self._end()

    def _take_anchor(self, anchor: str | None, value: str) -> None:
        if anchor is not None:
            self.has_anchors = True
            self._scalars[anchor] = value

    def _take_scalar(self, value: str) -> None:
        mapping = self._open[-1]
        if mapping is not None:
            mapping.take(value)

    def _start(self, event: yaml.CollectionStartEvent) -> None:
        outer = self._open[-1]
        is_labels = outer is not None and outer.key == "labels"
        self._open.append(_Mapping(is_labels=is_labels) if isinstance(event, yaml.MappingStartEvent) else None)
        if len(self._open) > bounds.YAML_DEPTH:
            raise _TooDeepError

    def _end(self) -> None:
        mapping = self._open.pop()
        if mapping is not None and mapping.labels:
            self.mappings.append(mapping)
        self._take_scalar("")
