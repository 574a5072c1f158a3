"""What of a chart's package Helm installs: which of the charts inside their conditions and tags leave switched on.

Follows `ProcessDependencies` (`dependencies.go`) of Helm 3 and 4, with the values that the package comes with:

- The tags of a dependency switch it off where the values under `tags` are false for one of them and true for none. The
  first of its conditions that leads to a boolean decides over that.
- Charts inside that no dependency lists are installed. A chart without dependencies is installed with all inside of it.
- The values of a chart stand above those of the charts inside, which are found under their names or aliases. A null
  there takes a value away, as in Helm 3; Helm 4 passes over it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from licet.core.charts import Chart, Dependency, LockedDependency, in_range
from licet.core.chartyaml import Table


@dataclass(frozen=True, slots=True)
class Listed:
    """A dependency with what switches it."""

    dependency: Dependency
    condition: str = ""
    """Paths in the values, separated by commas."""
    tags: tuple[str, ...] = ()

    @property
    def directory(self) -> str:
        """What the chart goes by: its alias or its name."""
        return self.dependency.alias or self.dependency.name


@dataclass(frozen=True, slots=True)
class Package:
    """A chart as it is packaged, with all charts inside."""

    name: str
    version: str
    annotations: dict[str, str] = field(default_factory=dict)
    listed: tuple[Listed, ...] = ()
    locked: tuple[LockedDependency, ...] = ()
    values: Table = field(default_factory=dict)
    inside: "tuple[Package, ...]" = ()


def installed_chart(package: Package) -> Chart:
    """Give the chart that Helm installs of a package when the user sets no values."""
    return _switch(package, {}, "")


def merge(upper: Table, lower: Table) -> Table:
    """Lay one table of values over another; null in the upper one takes a value of the lower one away."""
    merged = lower | upper
    for key in upper.keys() & lower.keys():
        above, below = upper[key], lower[key]
        if above is None:
            del merged[key]
        elif isinstance(above, dict) and isinstance(below, dict):
            merged[key] = merge(above, below)
    return merged


def _switch(package: Package, outer_values: Table, path: str) -> Chart:
    if not package.listed:
        return _with_everything(package)
    directories = _directories(package)
    values = _coalesce(package, directories, outer_values)
    listed = [_switch_dependency(entry, values, path) for entry in package.listed]
    off = {entry.directory for entry in listed if not entry.dependency.enabled}
    inside = [_switch(chart, values, f"{path}{directory}.") for directory, chart in directories if directory not in off]
    return _chart(package, listed, inside)


def _with_everything(package: Package) -> Chart:
    return _chart(package, package.listed, map(_with_everything, package.inside))


def _chart(package: Package, listed: Iterable[Listed], inside: Iterable[Chart]) -> Chart:
    return Chart(
        name=package.name,
        version=package.version,
        annotations=package.annotations,
        dependencies=tuple(entry.dependency for entry in listed),
        locked=package.locked,
        subcharts=tuple(inside),
    )


def _directories(package: Package) -> list[tuple[str, Package]]:
    """Give the charts inside with what they go by; one that several dependencies list comes as often."""
    unlisted = [
        (chart.name, chart) for chart in package.inside if not any(_is_of(entry, chart) for entry in package.listed)
    ]
    of_dependencies = (
        (entry.directory, next((chart for chart in package.inside if _is_of(entry, chart)), None))
        for entry in package.listed
    )
    return unlisted + [(directory, chart) for directory, chart in of_dependencies if chart]


def _is_of(entry: Listed, chart: Package) -> bool:
    return entry.dependency.name == chart.name and in_range(chart.version, entry.dependency.version)


def _switch_dependency(entry: Listed, values: Table, path: str) -> Listed:
    enabled = _enabled_by_tags(entry.tags, values.get("tags"))
    for condition in entry.condition.strip().split(","):
        value = _value_at(values, path + condition) if condition else None
        if isinstance(value, bool):
            enabled = value
            break
    return replace(entry, dependency=replace(entry.dependency, enabled=enabled))


def _enabled_by_tags(tags: Sequence[str], switches: object) -> bool:
    states = [switches.get(tag) for tag in tags] if isinstance(switches, dict) else []
    return any(state is True for state in states) or not any(state is False for state in states)


def _value_at(values: Table, path: str) -> object:
    value: object = values
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _coalesce(package: Package, directories: Iterable[tuple[str, Package]], outer_values: Table) -> Table:
    """Give the values of a chart, with those of the charts inside under what they go by."""
    values = merge(outer_values, package.values)
    for directory, chart in directories:
        own = _table(values, directory)
        shared = merge(_table(values, "global"), _table(own, "global"))
        values[directory] = _coalesce(chart, [(each.name, each) for each in chart.inside], own | {"global": shared})
    return values


def _table(values: Table, key: str) -> Table:
    table = values.get(key)
    return table if isinstance(table, dict) else {}
