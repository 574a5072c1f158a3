"""Charts as the command line is given them: a package, a directory, or a name with a version."""

import os
from collections.abc import Iterator
from pathlib import Path

from licet.cli.files import InputError, read_bytes
from licet.core import bounds
from licet.core.chartfile import is_chart_file, read_chart_archive, read_chart_tree
from licet.core.charts import Chart, is_chart_name
from licet.core.semver import Version
from licet.core.subjects import RELEASED_ANNOTATION


def read_chart(path: str) -> Chart:
    """Read a chart from its package or directory.

    Raises:
        InputError: there is none, or it can't be read.
        ChartError: it is no chart that Helm could install.
    """
    if os.path.isdir(path):  # noqa: PTH112 - what is given may be no path at all, of which Path complains
        return read_chart_tree(dict(_files(Path(path))))
    if not os.path.exists(path):  # noqa: PTH110 - as above
        raise InputError(f"{path!r} is no file; to ask about a chart by its name, give the version as well")
    return read_chart_archive(read_bytes(path))


def chart_by_name(name: str, version: str, released: str | None) -> Chart:
    """Give a chart of which nothing is known but name, version and the day of its release.

    Raises:
        InputError: there is no chart of this name, because it is that of a file.
        RangeError: the version is none.
    """
    if os.path.isfile(name) or not is_chart_name(name):  # noqa: PTH113 - as above
        raise InputError(
            f"{name[:80]!r} is not the name of a chart; about a package or directory, ask without a version"
        )
    Version.parse(version)
    return Chart(name, version, annotations={RELEASED_ANNOTATION: released} if released else {})


def _files(root: Path) -> Iterator[tuple[str, bytes]]:
    """Read the files of a chart's directory that count, by their paths from there; links are followed, as by Helm."""
    files_left, bytes_left = bounds.CHART_FILES, bounds.CHART_BYTES
    for directory, directories, names in os.walk(root, followlinks=True):
        if Path(directory) == root:
            directories[:] = [name for name in directories if name == "charts"]
        files_left -= len(names) + len(directories)
        if files_left < 0:
            raise InputError(f"{root} has more than {bounds.CHART_FILES} files in its charts/, the most that are read")
        for name in names:
            file = Path(directory, name)
            path = file.relative_to(root).as_posix()
            if not is_chart_file(path):
                continue
            content = read_bytes(str(file), may_be_empty=True)
            bytes_left -= len(content)
            if bytes_left < 0:
                raise InputError(f"{root} is larger than {bounds.CHART_BYTES // 2**20} MiB, the most that is read")
            yield path, content
