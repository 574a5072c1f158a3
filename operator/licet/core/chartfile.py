"""Reading charts from packages and directories, so that they can be judged before anything is installed.

The result is what Helm would install with the values that the chart comes with: charts inside that its conditions and
tags switch off are left out. Of the files only Chart.yaml, Chart.lock, values.yaml and those of `charts/` count; of
charts of the old format, requirements.yaml and requirements.lock as well. A file `.helmignore` is not obeyed.
"""

import gzip
import io
import posixpath
import tarfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from functools import reduce
from typing import Final

from licet.core import bounds, subjects
from licet.core.charts import Chart, Dependency, LockedDependency, is_chart_name, read_version
from licet.core.chartyaml import Table, read_documents
from licet.core.conditions import Listed, Package, installed_chart, merge
from licet.core.dependencies import resolve_dependencies
from licet.core.errors import ChartError
from licet.core.gojson import fold
from licet.core.subjects import Claim, Claims, Origin, Subject, same_product


def read_chart_archive(data: bytes) -> Chart:
    """Read a chart's package, the `.tgz` that `helm package` makes.

    Raises:
        ChartError: it is not one that Helm could install, or over a cap.
    """
    return installed_chart(_Reader().archive(data, "the chart", 0))


def read_chart_tree(files: Mapping[str, bytes]) -> Chart:
    """Read the files of a chart's directory, by their paths from there with `/` between (`charts/db/Chart.yaml`).

    Raises:
        ChartError: it is not a chart that Helm could install, or over a cap.
    """
    return installed_chart(_Reader().tree(files, "the chart", 0))


def is_chart_file(path: str) -> bool:
    """Tell whether a file is among those that count, so that no other needs to be read."""
    return posixpath.basename(path) in _FILES or (path.startswith(_CHARTS) and path.endswith(_PACKAGE_SUFFIX))


def subjects_of_chart(chart: Chart, claims: Claims) -> tuple[Subject, ...]:
    """Find the protected charts of a chart from a package or directory, as `find_subjects` does in a release.

    The charts inside have the versions of their own. Dependencies that are not inside, and without which Helm would not
    install the chart, have those of Chart.lock.
    """
    found = subjects.Collection(chart, claims)
    for inner, around in _charts_inside(chart, found):
        claim = found.claim_for(inner.name)
        if claim is not None and not any(same_product(claim, outer) for outer in around):
            found.add(inner.name, inner.version, claim, Origin.PACKAGE, (inner.name,))
    packaged = {inner.name for inner in chart.subcharts}
    for dependency in resolve_dependencies(chart):
        for identity in dependency.identities:
            claim = found.claim_for(identity.name)
            if claim is not None and dependency.enabled and identity.name not in packaged:
                origin = Origin.LOCK if identity.locked else Origin.DEPENDENCY
                found.add(identity.name, identity.version, claim, origin, (dependency.directory,))
    return found.subjects()


def _charts_inside(
    chart: Chart, found: subjects.Collection, around: tuple[Claim, ...] = ()
) -> Iterator[tuple[Chart, tuple[Claim, ...]]]:
    """Give all charts inside, each with the claims on those that it is inside of."""
    for inner in chart.subcharts:
        yield inner, around
        claim = found.claim_for(inner.name)
        yield from _charts_inside(inner, found, (*around, claim) if claim else around)


# -- files -------------------------------------------------------------------------------------------------------------

_CHART: Final = "Chart.yaml"
_VALUES: Final = "values.yaml"
_OLD_DEPENDENCIES: Final = "requirements.yaml"
_LOCKS: Final = ("Chart.lock", "requirements.lock")
_FILES: Final = frozenset({_CHART, _VALUES, _OLD_DEPENDENCIES, *_LOCKS})
_CHARTS: Final = "charts/"
_PACKAGE_SUFFIX: Final = ".tgz"


class _Reader:
    """Reads one chart with all charts inside, within what is left of the caps."""

    def __init__(self) -> None:
        self._bytes = bounds.CHART_BYTES
        self._charts = bounds.CHART_DEPENDENCIES

    def archive(self, data: bytes, what: str, depth: int) -> Package:
        """Read a package; messages call it as told, and it is inside of that many others."""
        return self.tree(self._unpack(data, what), what, depth)

    def tree(self, files: Mapping[str, bytes], what: str, depth: int) -> Package:
        """Read the files of a chart."""
        self._charts -= 1
        if depth > bounds.CHART_DEPTH or self._charts < 0:
            raise ChartError(
                f"{what} is one of over {bounds.CHART_DEPENDENCIES} charts, or over {bounds.CHART_DEPTH} levels deep"
            )
        return _read_package(
            {path: content for path, content in files.items() if path in _FILES},
            tuple(self._read_inside(files, what, depth + 1)),
            what,
        )

    def _read_inside(self, files: Mapping[str, bytes], what: str, depth: int) -> Iterator[Package]:
        directories: dict[str, dict[str, bytes]] = {}
        for path, content in files.items():
            name, slash, rest = path.removeprefix(_CHARTS).partition("/")
            if not path.startswith(_CHARTS) or name.startswith(("_", ".")):
                continue
            if slash:
                directories.setdefault(name, {})[rest] = content
            elif name.endswith(_PACKAGE_SUFFIX):
                yield self.archive(content, f"{what}: {_CHARTS}{name}", depth)
        for name, content_by_path in directories.items():
            yield self.tree(content_by_path, f"{what}: {_CHARTS}{name}", depth)

    def _unpack(self, data: bytes, what: str) -> dict[str, bytes]:
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as compressed:
                content = compressed.read(self._bytes + 1)
            self._bytes -= len(content)
            if self._bytes < 0:
                raise ChartError(f"{what} is over {bounds.CHART_BYTES} bytes large")
            with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
                return _read_members(archive, what)
        except (OSError, EOFError, zlib.error, tarfile.TarError, ValueError, OverflowError) as error:
            raise ChartError(f"{what} is not a package of Helm's, a gzipped tar archive: {error}") from None


def _read_members(archive: tarfile.TarFile, what: str) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for count, member in enumerate(archive, start=1):
        if count > bounds.CHART_FILES:
            raise ChartError(f"{what} has more than {bounds.CHART_FILES} files")
        if not member.isreg() or member.issparse():
            continue
        path = posixpath.normpath(member.name.replace("\\", "/").partition("/")[2])
        if path.startswith(("..", "/")):
            raise ChartError(f"{what} has a file outside of its directory: {member.name[:80]!r}")
        if not is_chart_file(path):
            continue
        if path in files:
            raise ChartError(f"{what} has {path!r} twice")
        content = archive.extractfile(member)
        files[path] = content.read() if content else b""
    return files


# -- Chart.yaml and Chart.lock -----------------------------------------------------------------------------------------

_CHART_FIELDS: Final = frozenset({"name", "version", "annotations", "dependencies"})
_DEPENDENCY_FIELDS: Final = frozenset({"name", "version", "repository", "alias", "condition", "tags"})


def _read_package(files: Mapping[str, bytes], inside: tuple[Package, ...], what: str) -> Package:
    if _CHART not in files:
        raise ChartError(f"{what} has no {_CHART}")
    documents = {name: read_documents(content, f"{name} of {what}") for name, content in files.items()}
    tables: dict[str, Table] = {name: tables[0] if tables else {} for name, tables in documents.items()}
    where = f"{_CHART} of {what}"
    fields = _fields(tables[_CHART], _CHART_FIELDS, where)
    name, version = _text(fields.get("name"), where), _text(fields.get("version"), where)
    if not is_chart_name(name):
        raise ChartError(f"{where} has no name that Helm allows: {name[:80]!r}")
    if read_version(version) is None:
        raise ChartError(f"{where} has no version that Helm allows: {version[:80]!r}")
    annotations = {} if fields.get("annotations") is None else fields["annotations"]
    if not isinstance(annotations, dict):
        raise ChartError(f"{where}: annotations are not a mapping")
    lock = next((tables[name] for name in _LOCKS if name in tables), {})
    dependencies = tables.get(_OLD_DEPENDENCIES, tables[_CHART]).get("dependencies")
    return Package(
        name=name,
        version=version,
        annotations={str(key): _text(value, where) for key, value in annotations.items()},
        listed=tuple(_read_listed(dependencies, where)),
        locked=tuple(_read_locked(lock.get("dependencies"), f"the lock of {what}")),
        values=reduce(lambda lower, upper: merge(upper, lower), documents.get(_VALUES, []), {}),
        inside=inside,
    )


def _read_listed(value: object, where: str) -> Iterator[Listed]:
    for entry in _entries(value, where):
        dependency = Dependency(
            name=_text(entry.get("name"), where),
            version=_text(entry.get("version"), where),
            repository=_text(entry.get("repository"), where),
            alias=_text(entry.get("alias"), where),
        )
        tags = [] if entry.get("tags") is None else entry["tags"]
        if not isinstance(tags, list):
            raise ChartError(f"{where}: the tags of dependency {dependency.name[:80]!r} are not a list")
        yield Listed(dependency, _text(entry.get("condition"), where), tuple(map(str, tags)))


def _read_locked(value: object, where: str) -> Iterator[LockedDependency]:
    for entry in _entries(value, where):
        yield LockedDependency(*(_text(entry.get(field), where) for field in ("name", "version", "repository")))


def _entries(value: object, where: str) -> Iterator[dict[str, object]]:
    entries = [] if value is None else value
    if not isinstance(entries, list) or len(entries) > bounds.CHART_DEPENDENCIES:
        raise ChartError(f"{where}: dependencies are not a list, or over {bounds.CHART_DEPENDENCIES}")
    for entry in entries:
        if not isinstance(entry, dict):
            raise ChartError(f"{where}: a dependency is not a mapping")
        yield _fields(entry, _DEPENDENCY_FIELDS, where)


def _fields(table: Table, names: Collection[str], where: str) -> dict[str, object]:
    """Give the members that Helm reads into fields of these names; it takes names in other letters for them as well."""
    for key in table:
        if key not in names and fold(str(key)) in names:
            raise ChartError(f"{where} has {key!r}, which Helm takes for {fold(str(key))!r}: spell it like that")
    return {name: table[name] for name in names if name in table}


def _text(value: object, where: str) -> str:
    """Give a text; Helm takes numbers and booleans for texts, too."""
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case float():
            return str(int(value)) if value.is_integer() else str(value)
        case _:
            raise ChartError(f"{where}: there is a list or mapping in the place of a text")
