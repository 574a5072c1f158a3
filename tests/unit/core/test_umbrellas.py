"""Umbrella charts of every shape: each protected copy inside is told, and none for another."""

from collections.abc import Iterator
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from licet.core.release import decode_release
from licet.core.subjects import find_subjects
from support.claimed_charts import CLAIMED
from support.helm_releases import Document, encode_release, release_document, resource
from support.properties import fuzzed


@dataclass(frozen=True)
class Copy:
    """A chart that lies inside of another, and what lies in its `charts/`."""

    name: str
    version: str
    labelled: bool
    inside: tuple["Copy", ...] = ()


@dataclass(frozen=True)
class Listed:
    """A copy that Chart.yaml lists, as `helm dependency update` fetches and locks it."""

    copy: Copy
    alias: str
    versions: str  # the range


@dataclass(frozen=True)
class Umbrella:
    """A chart with others inside of it; the directories of the outermost differ."""

    listed: tuple[Listed, ...]
    has_lock: bool
    unlisted: tuple[Copy, ...]  # they only lie in `charts/`, but Helm renders them as well


def copies(inside: st.SearchStrategy[tuple[Copy, ...]]) -> st.SearchStrategy[Copy]:
    names = st.sampled_from(["acme-platform", "acme-platform-db", "acme-gateway", "redis"])
    return st.builds(Copy, names, st.sampled_from(["1.0.0", "2.4.1", "3.1.0"]), st.booleans(), inside)


def several(strategy: st.SearchStrategy[Copy]) -> st.SearchStrategy[tuple[Copy, ...]]:
    return st.lists(strategy, max_size=2, unique_by=lambda each: each.name).map(tuple)


COPIES = copies(several(copies(st.just(()))))


@st.composite
def umbrellas(draw: st.DrawFn) -> Umbrella:
    has_lock = draw(st.booleans())
    listed: dict[str, Listed] = {}
    for number, copy in enumerate(draw(st.lists(COPIES, max_size=3))):
        alias = f"part{number}" if has_lock and draw(st.booleans()) else ""  # without a lock, nothing tells an alias
        listed[alias or copy.name] = Listed(copy, alias, draw(st.sampled_from([">=1", "*", copy.version])))
    unlisted = (copy for copy in draw(several(COPIES)) if copy.name not in listed)  # Helm renders only one of those
    return Umbrella(tuple(listed.values()), has_lock, tuple(unlisted))


def stored(umbrella: Umbrella) -> Document:
    """The release that Helm stores of an umbrella."""
    dependencies = [
        {"name": each.alias or each.copy.name, "alias": each.alias, "version": each.versions, "enabled": True}
        for each in umbrella.listed
    ]
    locked = [{"name": each.copy.name, "version": each.copy.version} for each in umbrella.listed]
    outermost = [*((each.alias or each.copy.name, each.copy) for each in umbrella.listed)]
    outermost += [(copy.name, copy) for copy in umbrella.unlisted]
    manifest = "".join(rendered(copy, directory, "web") for directory, copy in outermost)
    return release_document(
        dependencies=dependencies, locked=locked if umbrella.has_lock else None, manifest=manifest or "# nothing\n"
    )


def rendered(copy: Copy, directory: str, around: str) -> str:
    path = f"{around}/charts/{directory}"
    label = f"{directory}-{copy.version}" if copy.labelled else None  # Helm gives a chart its alias for a name
    own = resource("ConfigMap", "x", source=f"{path}/templates/a.yaml", chart=label)
    return own + "".join(rendered(inner, inner.name, path) for inner in copy.inside)


def protected(copy: Copy, *, told: bool, around: tuple[object, ...] = ()) -> Iterator[tuple[Copy, bool]]:
    """The protected copies that nothing around them covers, and whether something tells the version of each."""
    claim = CLAIMED.claim_for_chart(copy.name)
    if claim is not None and claim not in around:
        yield copy, told or copy.labelled
    for inner in copy.inside:
        yield from protected(inner, told=False, around=(*around, claim))


@fuzzed(100)
@given(umbrellas())
def test_each_copy_of_a_protected_chart_is_told_with_its_own_version_or_with_none(umbrella):
    copies = [
        found
        for each in umbrella.listed
        for found in protected(each.copy, told=umbrella.has_lock or each.versions == each.copy.version)
    ]
    copies += [found for copy in umbrella.unlisted for found in protected(copy, told=False)]

    subjects = find_subjects(decode_release(encode_release(stored(umbrella))), CLAIMED)

    versions = {(subject.name, subject.version) for subject in subjects}
    assert {(copy.name, copy.version if told else None) for copy, told in copies} <= versions
    if all(told for _, told in copies):
        assert all(subject.version for subject in subjects), "what tells everything of itself is not refused"
