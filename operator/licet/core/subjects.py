"""Finding the protected charts inside a release: the subjects of a decision.

A subject is a chart that a Vendor claims. What tells of one:

- The chart of the release itself, by its name and version.
- Its dependencies that are switched on. A version that is a range is taken from `chart.lock`, and so is the real name
  of a dependency that Helm stored under its alias.
- The paths of the templates that Helm rendered: `# Source: web/charts/NAME/templates/…` in the manifest, and the paths
  of hooks. They tell of subcharts at any depth, but not of versions.
- The labels `helm.sh/chart: NAME-VERSION`, and `licet.dev/product` with `licet.dev/version`, in manifest and hooks.
  Where a product's label stands without a chart's, the product's name stands for that of the chart.

A chart inside of a protected one of the same product is covered by that. A protected chart whose version nothing tells
is a subject without one; one that is there in several versions is as many subjects. Each copy of a chart has to be told
for itself: dependencies and lock tell of the directory that they name, and labels of the one whose template they are
in. Only where something has taken Helm's comments away, labels tell of all copies.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from itertools import chain, takewhile
from typing import Final, Protocol, TypeAlias

from licet.core import bounds
from licet.core.charts import Chart, read_version
from licet.core.dependencies import Identity, ResolvedDependency, resolve_dependencies
from licet.core.errors import ReleaseError
from licet.core.labels import Label, find_labels, read_chart_label
from licet.core.release import Release
from licet.core.semver import Version

RELEASED_ANNOTATION: Final = "licet.dev/released"


class Claim(Protocol):
    """Whose product a chart is."""

    @property
    def vendor(self) -> str:
        """Name of the Vendor."""

    @property
    def product(self) -> str:
        """Name of the product."""


class Claims(Protocol):
    """Where it is looked up which charts need a license."""

    def claim_for_chart(self, chart: str, /) -> Claim | None:
        """Give the claim on charts of this name; None needs no license."""

    def claim_for_product(self, product: str, /) -> Claim | None:
        """Give the claim of the Vendor that lists this product."""


class Origin(StrEnum):
    """What tells of a subject, and of its version if anything does."""

    ROOT = "root"
    DEPENDENCY = "dependency"
    LOCK = "lock"
    PACKAGE = "package"
    PATH = "source path"
    LABEL = "label"
    REQUEST = "request"  # of a GitOps tool, for what is not there yet: `licet.core.gitops`


@dataclass(frozen=True, slots=True)
class Subject:
    """A protected chart that a decision is about."""

    name: str
    version: str | None
    """As it is written where it was found; None when nothing tells it."""
    claim: Claim
    released: str | None
    """The annotation `licet.dev/released` of the release's own chart; Helm does not store that of charts inside."""
    origin: Origin


def find_subjects(release: Release, claims: Claims) -> tuple[Subject, ...]:
    """Find the protected charts of a release: its own chart first, then those inside by name and version.

    Raises:
        ReleaseError: the release tells of too many charts to look into.
    """
    return _Search(release, claims).run()


Place: TypeAlias = tuple[str, ...] | None
"""Where a chart is: the directories on the way to it from the root, which has none; None where that is not known."""


class Collection:
    """Subjects as they are found: the chart at the root, and those inside, less what is covered and what repeats."""

    def __init__(self, root: Chart, claims: Claims) -> None:
        self._claims = claims
        self._root: Subject | None = None
        claim = claims.claim_for_chart(root.name)
        if claim is not None:
            self._root = Subject(root.name, root.version, claim, root.annotations.get(RELEASED_ANNOTATION), Origin.ROOT)
        self._inside: dict[str, dict[Version | str | None, Subject]] = {}
        self._count = 0  # of those
        self._told: defaultdict[str, set[Place]] = defaultdict(set)  # by chart, where something tells a version of it
        self._untold: defaultdict[str, set[Place]] = defaultdict(set)  # and where it is without

    def claim_for(self, name: str) -> Claim | None:
        """Give the claim on a chart inside; None for one that the chart at the root covers."""
        return self._unless_covered(self._claims.claim_for_chart(name))

    def claim_for_product(self, product: str) -> Claim | None:
        """Give the claim on a product inside; None for that of the chart at the root."""
        return self._unless_covered(self._claims.claim_for_product(product))

    def add(self, name: str, version: str | None, claim: Claim, origin: Origin, place: Place) -> None:
        """Add what tells of a chart at a place. Versions that are equal but written differently are the same.

        Raises:
            ReleaseError: the name is too long for one, or there are too many subjects.
        """
        if len(name) > bounds.CHART_NAME_LENGTH:
            raise ReleaseError(f"it has a chart inside with a name of over {bounds.CHART_NAME_LENGTH} characters")
        key = (version and (read_version(version) or version)) or None
        versions = self._inside.setdefault(name, {})
        if key not in versions:
            versions[key] = Subject(name, version or None, claim, None, origin)
            self._count += 1
        if self._count > bounds.RELEASE_SUBJECTS:
            raise ReleaseError(f"it has more than {bounds.RELEASE_SUBJECTS} charts inside that need a license")
        (self._told if version else self._untold)[name].add(place)

    def untold(self, claim: Claim, place: Place) -> list[str]:
        """Name the charts of a product that are without a version at a place, or anywhere if the place is unknown."""
        names = dict.fromkeys(subject.name for subject in self.of_product(claim) if subject.version is None)
        return [name for name in names if place is None or place in self._untold[name]]

    def of_product(self, claim: Claim) -> list[Subject]:
        """Give what was found inside of a product."""
        return [subject for _, subject in self._of_product(claim)]

    def tells(self, claim: Claim, version: str) -> bool:
        """Tell whether something inside of a product was found in a version, or in none where that is no version."""
        wanted = read_version(version)
        found = (key if isinstance(key, Version) else None for key, _ in self._of_product(claim))
        return any(each == wanted for each in found)

    def _of_product(self, claim: Claim) -> Iterator[tuple[Version | str | None, Subject]]:
        return (
            (key, subject)
            for versions in self._inside.values()
            for key, subject in versions.items()
            if same_product(subject.claim, claim)
        )

    def subjects(self) -> tuple[Subject, ...]:
        """Give the subjects; a chart is none without a version where the version of each of its copies is told."""
        inside = (
            subject
            for name, subjects in sorted(self._inside.items())
            for subject in sorted(subjects.values(), key=lambda subject: subject.version or "")
            if subject.version is not None or not self._is_told(name)
        )
        return (*filter(None, (self._root,)), *inside)

    def _is_told(self, name: str) -> bool:
        told = self._told[name]
        return None in told or all(place in told or (place is None and told) for place in self._untold[name])

    def _unless_covered(self, claim: Claim | None) -> Claim | None:
        covered = claim is not None and self._root is not None and same_product(claim, self._root.claim)
        return None if covered else claim


def same_product(one: Claim, other: Claim) -> bool:
    """Tell whether two claims are of the same product of the same Vendor."""
    return (one.vendor, one.product) == (other.vendor, other.product)


class _Search:
    """The search through one release."""

    def __init__(self, release: Release, claims: Claims) -> None:
        self._release = release
        self._found = Collection(release.chart, claims)
        self._rendered = _rendered_places(release)
        self._dependencies: dict[str, ResolvedDependency] = {}
        self._covered: set[str] = set()  # charts that are only inside of protected ones of the same product
        self._known_names = {release.chart.name}
        self._charts_by_label: dict[str, _Claimed] = {}

    def run(self) -> tuple[Subject, ...]:
        self._search_dependencies()
        self._search_paths()
        self._search_labels()
        return self._found.subjects()

    def _search_dependencies(self) -> None:
        chart = self._release.chart
        listed = {dependency.name for dependency in chart.dependencies} | {locked.name for locked in chart.locked}
        self._known_names |= listed
        if not any(map(self._found.claim_for, listed)):
            return
        for dependency in resolve_dependencies(chart):
            self._dependencies[dependency.directory] = dependency
            if dependency.enabled:
                self._add_dependency(dependency)

    def _add_dependency(self, dependency: ResolvedDependency) -> None:
        for identity in dependency.identities:
            if claim := self._found.claim_for(identity.name):
                at = (dependency.directory,)
                rendered = any(place[:1] == at for place in self._rendered)
                # Where the paths say nothing of it, any label may be its own.
                self._add(identity, claim, Origin.DEPENDENCY, at if identity.version or rendered else None)

    def _search_paths(self) -> None:
        covered: set[str] = set()
        uncovered: set[str] = set()
        for place in sorted(self._rendered):
            self._known_names.update(place)
            around: list[Claim] = []
            for depth, directory in enumerate(place):
                claimed = self._claimed(self._identities(directory) if depth == 0 else (_unversioned(directory),))
                for identity, claim in claimed:
                    if any(same_product(claim, outer) for outer in around):
                        covered.add(identity.name)
                    else:
                        uncovered.add(identity.name)
                        self._add(identity, claim, Origin.PATH, place[: depth + 1])
                around += [claim for _, claim in claimed]
        self._covered = covered - uncovered

    def _search_labels(self) -> None:
        products: dict[tuple[str, str, Place], Claim] = {}
        release = self._release
        manifests = (("", release.manifest), *((hook.path, hook.manifest) for hook in release.hooks))
        for place, labels in find_labels(manifests, self._is_of_interest, partial(_place, release.chart.name)):
            labelled = self._charts_labelled(labels.get(Label.CHART, ""))
            for identity, claim in labelled:
                self._add(identity, claim, Origin.LABEL, place)
            product = self._found.claim_for_product(labels.get(Label.PRODUCT, ""))
            if product is not None and not any(same_product(product, claim) for _, claim in labelled):
                products[product.product, labels.get(Label.VERSION, "").replace("_", "+"), place] = product
        for (_, version, place), claim in products.items():
            self._add_product(claim, version or None, place)

    def _is_of_interest(self, label: Label, value: str) -> bool:
        match label:
            case Label.CHART:
                return not value or bool(self._charts_labelled(value))
            case Label.PRODUCT:
                return not value or self._found.claim_for_product(value) is not None
            case Label.VERSION:
                return False

    def _charts_labelled(self, value: str) -> "_Claimed":
        """Give the charts that a label `helm.sh/chart` tells of."""
        claimed = self._charts_by_label.get(value)
        if claimed is None:
            name, version = read_chart_label(value, self._known_names)
            claimed = [
                (identity if version is None else Identity(identity.name, version, locked=False), claim)
                for identity, claim in self._claimed(self._identities(name))
                if identity.name not in self._covered
            ]
            self._charts_by_label[value] = claimed
        return claimed

    def _add_product(self, claim: Claim, version: str | None, place: Place) -> None:
        """Add what the labels of a product tell, which is the version of its charts there that have none themselves."""
        if version is None:
            names = [] if self._found.of_product(claim) else [claim.product]
        else:
            names = self._found.untold(claim, place)
            if not self._found.tells(claim, version):
                names = names or [claim.product]
        for name in names:
            self._found.add(name, version, claim, Origin.LABEL, place)

    def _identities(self, directory: str) -> Iterable[Identity]:
        """Give the charts that something goes by this name for, among the dependencies of the release's own chart."""
        dependency = self._dependencies.get(directory)
        return dependency.identities if dependency else (_unversioned(directory),)

    def _claimed(self, identities: Iterable[Identity]) -> "_Claimed":
        return [(identity, claim) for identity in identities if (claim := self._found.claim_for(identity.name))]

    def _add(self, identity: Identity, claim: Claim, origin: Origin, place: Place) -> None:
        origin = Origin.LOCK if identity.locked else origin
        self._found.add(identity.name, identity.version, claim, origin, place)


_Claimed = list[tuple[Identity, Claim]]


def _unversioned(name: str) -> Identity:
    return Identity(name, None, locked=False)


def _rendered_places(release: Release) -> set[tuple[str, ...]]:
    """Give the place of each subchart that a template was rendered of."""
    root = release.chart.name
    found: set[tuple[str, ...]] = set()
    for template in chain(_sources(release.manifest, f"{root}/charts/"), (hook.path for hook in release.hooks)):
        if place := _place(root, template):
            found.add(place)
            if len(found) > bounds.RELEASE_CHART_NAMES:
                raise ReleaseError(f"the release has templates of more than {bounds.RELEASE_CHART_NAMES} charts")
    return found


def _sources(manifest: str, root: str) -> Iterator[str]:
    """Give the paths in the comments that Helm writes above each template that is below the root."""
    comment = f"# Source: {root}"
    at = manifest.find(comment)
    while at >= 0:
        end = manifest.find("\n", at)
        end = end if end >= 0 else len(manifest)
        if at == 0 or manifest[at - 1] == "\n":
            yield manifest[at + len("# Source: ") : end]
        at = manifest.find(comment, end)


def _place(root: str, template: str) -> Place:
    """Take the path of a template apart: `web/charts/a/charts/b/templates/x.yaml` into `a` and `b`."""
    chart, _, path = template[: bounds.TEMPLATE_PATH_LENGTH].partition("/")
    if chart != root:
        return None
    if len(template) > bounds.TEMPLATE_PATH_LENGTH:
        raise ReleaseError(f"it has a template with a path of over {bounds.TEMPLATE_PATH_LENGTH} characters")
    parts = path.split("/")
    pairs = zip(parts[::2], parts[1::2], strict=False)  # the name of the template, at the end, may have no partner
    return tuple(name for _, name in takewhile(lambda pair: pair[0] == "charts", pairs))
