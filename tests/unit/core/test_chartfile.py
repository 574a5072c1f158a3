import contextlib
import gzip
import io
import os
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licet.core import bounds
from licet.core.chartfile import is_chart_file, read_chart_archive, read_chart_tree, subjects_of_chart
from licet.core.charts import Dependency, LockedDependency
from licet.core.errors import ChartError
from licet.core.subjects import Origin
from support.claimed_charts import CLAIMED, PLATFORM

Files = dict[str, bytes]


def chart(name: str = "web", version: str = "1.0.0", more: str = "", values: str = "", lock: str = "") -> Files:
    """The files of a chart."""
    files = {
        "Chart.yaml": f"apiVersion: v2\nname: {name}\nversion: {version}\n{more}",
        "values.yaml": values,
        "Chart.lock": lock,
    }
    return {path: text.encode() for path, text in files.items() if text}


def inside(*charts: Files, unpacked: bool = True) -> Files:
    """The files of charts inside of another one, in directories or packages of their own."""
    files: Files = {}
    for number, content in enumerate(charts):
        if unpacked:
            files |= {f"charts/c{number}/{path}": data for path, data in content.items()}
        else:
            files[f"charts/c{number}-1.0.0.tgz"] = package(content)
    return files


def package(files: Files, *, name: str = "any-name") -> bytes:
    """What `helm package` makes of files."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        for path, data in files.items():
            member = tarfile.TarInfo(f"{name}/{path}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return target.getvalue()


def depends(*entries: str) -> str:
    return "dependencies:\n" + "".join(f"- {{{entry}}}\n" for entry in entries)


def found(files: Files) -> list[tuple[str, str | None, Origin]]:
    return [(s.name, s.version, s.origin) for s in subjects_of_chart(read_chart_tree(files), CLAIMED)]


# -- what is read ------------------------------------------------------------------------------------------------------


def test_all_that_a_chart_says_of_itself_is_read():
    read = read_chart_tree(
        chart(
            "shop",
            "v1.2.3+build",
            "annotations: {licet.dev/released: 2026-10-01, n: 1.10, b: true, empty: }\n"
            + depends("name: redis, version: 7.x, repository: 'oci://r', alias: cache"),
            lock="dependencies:\n- {name: redis, version: 7.0.1, repository: 'oci://r'}\ndigest: sha256:0\n",
        )
    )

    assert (read.name, read.version) == ("shop", "v1.2.3+build")
    assert read.annotations == {"licet.dev/released": "2026-10-01", "n": "1.1", "b": "true", "empty": ""}
    assert read.dependencies == (Dependency("redis", "7.x", "oci://r", "cache"),)
    assert read.locked == (LockedDependency("redis", "7.0.1", "oci://r"),)


def test_a_package_and_its_directory_are_read_alike():
    inner = chart("redis", "7.0.1") | inside(chart("deeper", "0.1.0"))
    for unpacked in (True, False):
        files = chart(more=depends("name: redis, version: 7.x")) | inside(inner, unpacked=unpacked)

        assert read_chart_archive(package(files)) == read_chart_tree(files)
        assert [(c.name, c.version) for c in read_chart_tree(files).subcharts] == [("redis", "7.0.1")]


def test_the_old_format_has_its_dependencies_in_files_of_their_own():
    files = chart() | {
        "requirements.yaml": depends("name: acme-platform, version: 2.x").encode(),
        "requirements.lock": b"dependencies: [{name: acme-platform, version: 2.4.1}]",
    }

    assert found(files) == [("acme-platform", "2.4.1", Origin.LOCK)]


def test_other_files_do_not_count():
    noise = {
        "templates/a.yaml": b"{{",
        "README.md": b"\xff",
        "charts/README.md": b"",
        "charts/x.tgz.prov": b"",
        "crds/c.yaml": b":",
    }
    ignored = {"charts/_old/Chart.yaml": b":", "charts/.git/Chart.yaml": b":"}

    assert read_chart_tree(chart() | noise | ignored) == read_chart_tree(chart())
    assert read_chart_archive(package(chart() | noise | ignored)) == read_chart_tree(chart())


@pytest.mark.parametrize(
    ("path", "counts"),
    [
        ("Chart.yaml", True),
        ("Chart.lock", True),
        ("values.yaml", True),
        ("charts/db/Chart.yaml", True),
        ("charts/db-1.0.0.tgz", True),
        ("charts/db/charts/x.tgz", True),
        ("files/x.tgz", False),
        ("templates/a.yaml", False),
        ("charts/db/templates/a.yaml", False),
    ],
)
def test_what_does_not_count_need_not_be_read(path, counts):
    assert is_chart_file(path) is counts


def test_a_byte_order_mark_is_ignored():
    assert read_chart_tree({"Chart.yaml": b"\xef\xbb\xbf" + chart()["Chart.yaml"]}).name == "web"


# -- subjects ----------------------------------------------------------------------------------------------------------


def test_the_chart_itself_is_a_subject_with_its_release_date():
    files = chart("acme-platform", "2.4.1", "annotations: {licet.dev/released: 2026-10-01}\n")

    subject = subjects_of_chart(read_chart_tree(files), CLAIMED)[0]

    assert (subject.name, subject.version, subject.claim) == ("acme-platform", "2.4.1", PLATFORM)
    assert (subject.released, subject.origin) == ("2026-10-01", Origin.ROOT)


def test_a_chart_without_protected_charts_has_no_subjects():
    assert not found(chart(more=depends("name: redis, version: 7.x")) | inside(chart("redis", "7.0.1")))


def test_charts_inside_have_the_versions_of_their_own():
    files = chart(more=depends("name: acme-platform, version: ^2.0.0")) | inside(chart("acme-platform", "2.4.1"))

    assert found(files) == [("acme-platform", "2.4.1", Origin.PACKAGE)]


def test_charts_inside_that_nobody_lists_are_subjects():
    assert found(chart() | inside(chart("acme-gateway", "1.0.0"))) == [("acme-gateway", "1.0.0", Origin.PACKAGE)]


def test_an_alias_does_not_hide_a_chart():
    files = chart(more=depends("name: acme-platform, version: 2.x, alias: store")) | inside(
        chart("acme-platform", "2.4.1")
    )

    assert found(files) == [("acme-platform", "2.4.1", Origin.PACKAGE)]


@pytest.mark.parametrize("unpacked", [True, False])
def test_charts_are_found_at_any_depth(unpacked):
    files = chart("acme-gateway", "1.0.0")
    for _ in range(bounds.CHART_DEPTH):
        files = chart("edge", "1.0.0") | inside(files, unpacked=unpacked)

    assert found(files) == [("acme-gateway", "1.0.0", Origin.PACKAGE)]
    with pytest.raises(ChartError, match="levels deep"):
        found(chart() | inside(files, unpacked=unpacked))


def test_charts_inside_a_protected_one_of_the_same_product_are_covered():
    platform = chart("acme-platform", "2.4.1") | inside(
        chart("acme-platform-db", "0.9.0"), chart("acme-gateway", "1.0.0")
    )

    assert found(platform) == [("acme-platform", "2.4.1", Origin.ROOT), ("acme-gateway", "1.0.0", Origin.PACKAGE)]
    assert found(chart() | inside(platform)) == [
        ("acme-gateway", "1.0.0", Origin.PACKAGE),
        ("acme-platform", "2.4.1", Origin.PACKAGE),
    ]


def test_dependencies_that_are_not_inside_have_the_versions_of_the_lock():
    listed = depends("name: acme-platform, version: 2.x, repository: r", "name: acme-gateway, version: 1.0.0")
    lock = "dependencies: [{name: acme-platform, version: 2.4.1, repository: r}]"

    assert found(chart(more=listed, lock=lock)) == [
        ("acme-gateway", "1.0.0", Origin.DEPENDENCY),
        ("acme-platform", "2.4.1", Origin.LOCK),
    ]
    assert found(chart(more=depends("name: acme-platform, version: 2.x"))) == [
        ("acme-platform", None, Origin.DEPENDENCY)
    ]


# -- conditions and tags -----------------------------------------------------------------------------------------------

CONDITIONS = [
    ("", "", True),
    ("condition: acme.enabled", "", True),
    ("condition: acme.enabled", "acme: {enabled: true}", True),
    ("condition: acme.enabled", "acme: {enabled: false}", False),
    ("condition: acme.enabled", "acme: {enabled: 'false'}", True),
    ("condition: acme.enabled", "acme: {enabled: null}", True),
    ("condition: acme.enabled", "acme: {enabled: {a: 1}}", True),
    ("condition: acme.enabled", "acme: false", True),
    ("condition: 'a.b,c.d'", "c: {d: false}", False),
    ("condition: 'a.b,c.d'", "a: {b: true}\nc: {d: false}", True),
    ("condition: 'a.b,c.d'", "a: {b: 7}\nc: {d: false}", False),
    ("condition: 'a.b, c.d'", "c: {d: false}", True),
    ("condition: acme-platform.enabled", "", False),
    ("condition: acme-platform.enabled", "acme-platform: {enabled: true}", True),
    ("condition: global.acme", "global: {acme: false}", False),
    ("tags: [x, y]", "tags: {x: false}", False),
    ("tags: [x, y]", "tags: {x: false, y: true}", True),
    ("tags: [x, y]", "tags: {z: false}", True),
    ("tags: [x, y]", "tags: {x: 'false'}", True),
    ("tags: [x], condition: a.b", "tags: {x: false}\na: {b: true}", True),
    ("tags: [x], condition: a.b", "tags: {x: true}\na: {b: false}", False),
    ("tags: [x], condition: a.b", "tags: {x: false}", False),
]


@pytest.mark.parametrize(("switch", "values", "on"), CONDITIONS)
def test_conditions_and_tags_switch_charts_as_helm_does(switch, values, on):
    listed = f"name: acme-platform, version: 2.x{', ' if switch else ''}{switch}"
    inner = chart("acme-platform", "2.4.1", values="enabled: false\n")

    assert bool(found(chart(more=depends(listed), values=values) | inside(inner))) is on


def test_one_alias_of_a_chart_may_be_on_while_another_is_off():
    listed = [
        "name: acme-platform, version: 2.x, alias: a, condition: a.use",
        "name: acme-platform, version: 2.x, alias: b",
    ]
    files = chart(more=depends(*listed), values="a: {use: false}") | inside(chart("acme-platform", "2.4.1"))

    assert found(files) == [("acme-platform", "2.4.1", Origin.PACKAGE)]


def test_conditions_of_charts_inside_are_judged_below_the_names_that_they_go_by():
    edge = chart(
        "edge", "1.0.0", depends("name: acme-gateway, version: 1.x, condition: gateway.use"), "gateway: {use: true}"
    )
    listed = depends("name: edge, version: 1.x, alias: rim")
    for values, on in (("", True), ("rim: {gateway: {use: false}}", False), ("edge: {gateway: {use: false}}", True)):
        files = chart(more=listed, values=values) | inside(edge | inside(chart("acme-gateway", "1.0.0")))

        assert bool(found(files)) is on


def test_charts_inside_one_that_is_off_are_off():
    edge = chart("edge", "1.0.0") | inside(chart("acme-gateway", "1.0.0"))
    files = chart(more=depends("name: edge, version: 1.x, condition: use"), values="use: false") | inside(edge)

    assert not found(files)


def test_a_chart_without_dependencies_is_installed_with_all_inside_of_it():
    """Helm looks at the conditions of charts inside only on the way through dependencies."""
    edge = chart("edge", "1.0.0", depends("name: acme-gateway, version: 1.x, condition: x"), "x: false")

    assert found(chart() | inside(edge | inside(chart("acme-gateway", "1.0.0"))))


def test_several_documents_of_values_lie_over_one_another():
    values = "a: {b: false}\n---\na: {b: true}\n---\n# empty\n"
    files = chart(more=depends("name: acme-platform, version: 2.x, condition: a.b"), values=values)

    assert found(files | inside(chart("acme-platform", "2.4.1")))


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "chart_yaml",
    [
        b"",
        b"- a\n",
        b"name: web\n",
        b"version: 1.0.0\n",
        b"name: ''\nversion: 1.0.0\n",
        b"name: a/b\nversion: 1.0.0\n",
        b"name: ..\nversion: 1.0.0\n",
        b"name: web\nversion: latest\n",
        b"name: [web]\nversion: 1.0.0\n",
        b"Name: web\nversion: 1.0.0\n",
        b"name: web\nversion: 1.0.0\nDependencies: []\n",
        b"name: web\nversion: 1.0.0\ndependencies: {}\n",
        b"name: web\nversion: 1.0.0\ndependencies: [redis]\n",
        b"name: web\nversion: 1.0.0\ndependencies: [{Name: redis}]\n",
        b"name: web\nversion: 1.0.0\ndependencies: [{name: redis, tags: x}]\n",
        b"name: web\nversion: 1.0.0\nannotations: []\n",
        b"name: web\nversion: 1.0.0\nannotations: {a: {b: c}}\n",
        b"{{ name }}",
        b"name: \xff",
        b"name: &a [*a]\nversion: 1\n",
        b"name: *nothing\nversion: 1\n",
        b"name: " + b"x" * bounds.CHART_YAML_BYTES,
        b"name: web\nversion: 1.0.0\nx: " + b"[" * 5000 + b"]" * 5000,
    ],
)
def test_a_chart_that_helm_could_not_install_is_refused(chart_yaml):
    for read in (lambda files: read_chart_archive(package(files)), read_chart_tree):
        with pytest.raises(ChartError, match=r"Chart\.yaml"):
            read({"Chart.yaml": chart_yaml})


def test_a_directory_that_is_no_chart_is_refused():
    with pytest.raises(ChartError, match=r"the chart has no Chart\.yaml"):
        read_chart_tree({"README.md": b""})


def test_messages_say_which_chart_inside_is_meant():
    broken = inside(chart("edge") | {"charts/db/values.yaml": b""}, unpacked=False)

    with pytest.raises(ChartError, match=r"the chart: charts/c0-1\.0\.0\.tgz: charts/db has no Chart\.yaml"):
        read_chart_tree(chart() | broken)


def test_aliases_that_stand_for_too_much_are_refused():
    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]\n" for n in range(1, 9))

    with pytest.raises(ChartError, match="nodes"):
        read_chart_tree(chart(values=f"l0: &l0 x\n{levels}"))


def test_aliases_that_stand_for_little_are_legal():
    values = "base: &base {enabled: false}\nacme: {<<: *base}\nlist: [*base, *base]\n"
    files = chart(more=depends("name: acme-platform, version: 2.x, condition: acme.enabled"), values=values)

    assert not found(files | inside(chart("acme-platform", "2.4.1")))


WHOLE = package(chart())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\x03\x04",
        WHOLE[:-1],
        WHOLE[: len(WHOLE) // 2],
        WHOLE[:-8] + b"\0" * 8,
        gzip.compress(b"x" * 3000),
        b"\x1f\x8b\x08",
    ],
    ids=["empty", "zip", "cut by a byte", "cut in half", "wrong checksum", "no archive inside", "magic number alone"],
)
def test_what_is_no_package_is_refused(data):
    with pytest.raises(ChartError, match="the chart is not a package"):
        read_chart_archive(data)


@pytest.mark.parametrize("path", ["../Chart.yaml", "/Chart.yaml", "a/../../Chart.yaml", "..\\Chart.yaml"])
def test_files_outside_of_the_chart_are_refused(path):
    with pytest.raises(ChartError, match="outside of its directory"):
        read_chart_archive(package(chart() | {path: b""}))


def test_a_file_that_is_there_twice_is_refused():
    with pytest.raises(ChartError, match=r"'Chart\.yaml' twice"):
        read_chart_archive(package(chart() | {"./Chart.yaml": b"name: acme-platform\n"}))


def test_links_are_not_followed():
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        member = tarfile.TarInfo("web/Chart.yaml")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(member)

    with pytest.raises(ChartError, match=r"no Chart\.yaml"):
        read_chart_archive(target.getvalue())


def test_what_packages_decompress_to_is_capped(monkeypatch):
    monkeypatch.setattr(bounds, "CHART_BYTES", 1 << 20)
    filler = {"values.yaml": b"# " + os.urandom(1).hex().encode() * (300 << 10)}

    with pytest.raises(ChartError, match="bytes large"):
        read_chart_archive(package(chart() | {"README.md": bytes(1 << 20)}))
    with pytest.raises(ChartError, match="bytes large"):
        read_chart_tree(chart() | inside(chart("a") | filler, chart("b") | filler, unpacked=False))


def test_files_and_charts_are_counted():
    with pytest.raises(ChartError, match=f"more than {bounds.CHART_FILES} files"):
        read_chart_archive(package(chart() | {f"templates/{n}.yaml": b"" for n in range(bounds.CHART_FILES)}))
    with pytest.raises(ChartError, match=f"over {bounds.CHART_DEPENDENCIES} charts"):
        read_chart_tree(chart() | inside(*[{"Chart.yaml": b"{name: a, version: '1'}"}] * bounds.CHART_DEPENDENCIES))


@given(
    st.binary(max_size=200),
    st.sampled_from(["Chart.yaml", "Chart.lock", "values.yaml", "requirements.yaml", "charts/a.tgz"]),
)
def test_no_bytes_are_answered_by_another_error(data, path):
    for read, argument in (
        (read_chart_archive, data),
        (read_chart_archive, package(chart() | {path: data})),
        (read_chart_tree, chart() | {path: data}),
    ):
        with contextlib.suppress(ChartError):
            read(argument)
