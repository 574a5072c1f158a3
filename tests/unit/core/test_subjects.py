from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licet.core import bounds
from licet.core.errors import ReleaseError
from licet.core.labels import Label, find_labels, read_chart_label
from licet.core.release import Release, decode_release
from licet.core.subjects import Origin, find_subjects
from support.claimed_charts import CLAIMED, PLATFORM
from support.effort import least_seconds
from support.helm_releases import encode_release, release_document, resource

SAMPLES = Path(__file__).with_name("data") / "releases"
ACME = "https://charts.acme.example"
GLOBEX = "https://charts.globex.example"


def release(**members) -> Release:
    members.setdefault("manifest", "")
    return decode_release(encode_release(release_document(**members)))


def found(**members) -> list[tuple[str, str | None, Origin]]:
    return [(subject.name, subject.version, subject.origin) for subject in find_subjects(release(**members), CLAIMED)]


def stored(name: str, versions: str, repository: str = ACME, *, alias: str = "", enabled: bool = True) -> dict:
    """A dependency as Helm stores it: by its alias, if it has one."""
    entry = {"name": alias or name, "version": versions, "repository": repository, "enabled": enabled}
    return entry | ({"alias": alias} if alias else {})


def locked(name: str, version: str, repository: str = ACME) -> dict:
    return {"name": name, "version": version, "repository": repository}


def rendered(*paths: str, **members) -> str:
    return "".join(resource("ConfigMap", "x", source=path, **members) for path in paths)


# -- the chart of the release itself -----------------------------------------------------------------------------------


def test_the_root_chart_is_a_subject_with_its_release_date():
    subjects = find_subjects(
        release(chart="acme-platform", version="2.4.1", annotations={"licet.dev/released": "2026-10-01"}), CLAIMED
    )

    assert [(s.name, s.version, s.claim, s.released, s.origin) for s in subjects] == [
        ("acme-platform", "2.4.1", PLATFORM, "2026-10-01", Origin.ROOT)
    ]


def test_a_root_chart_without_the_annotation_has_no_release_date():
    assert find_subjects(release(chart="acme-platform", annotations={"other": "x"}), CLAIMED)[0].released is None


def test_a_release_without_protected_charts_has_no_subjects():
    assert not found(
        dependencies=[stored("redis", "7.x"), stored("postgres", "^1", alias="db")],
        locked=[locked("redis", "7.0.1"), locked("postgres", "1.4.0")],
        manifest=rendered("web/charts/redis/templates/a.yaml", chart="redis-7.0.1")
        + rendered("web/templates/a.yaml", chart="web-1.0.0", labels={"licet.dev/product": "unknown"}),
        hooks=[{"path": "web/charts/redis/templates/job.yaml", "manifest": "kind: Job\n"}],
    )


def test_subcharts_of_a_protected_root_of_the_same_product_are_covered():
    assert found(
        chart="acme-platform",
        version="2.4.1",
        dependencies=[stored("acme-platform-db", "0.9.0"), stored("acme-gateway", "1.0.0")],
        manifest=rendered("acme-platform/charts/acme-platform-db/templates/a.yaml", chart="acme-platform-db-0.9.0")
        + rendered(
            "acme-platform/templates/a.yaml", labels={"licet.dev/product": "platform", "licet.dev/version": "3.0.0"}
        ),
    ) == [("acme-platform", "2.4.1", Origin.ROOT), ("acme-gateway", "1.0.0", Origin.DEPENDENCY)]


# -- real releases -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("helm", ["helm3", "helm4"])
def test_the_charts_inside_a_real_umbrella_are_found_through_alias_lock_and_nesting(helm):
    """`store` is the alias of acme-platform; acme-gateway is inside of globex-edge, which nobody claims."""
    umbrella = decode_release((SAMPLES / f"{helm}-globex-shop.release").read_bytes())
    assert [dependency.name for dependency in umbrella.chart.dependencies] == ["store", "sessions", "globex-edge"]

    assert [(s.name, s.version, s.origin) for s in find_subjects(umbrella, CLAIMED)] == [
        ("acme-gateway", "v1.2.3", Origin.LABEL),
        ("acme-platform", "2.4.1+build.7", Origin.LOCK),
    ]


@pytest.mark.parametrize("helm", ["helm3", "helm4"])
def test_a_real_protected_root_is_found(helm):
    root = decode_release((SAMPLES / f"{helm}-acme-platform.release").read_bytes())

    assert [(s.name, s.version, s.released) for s in find_subjects(root, CLAIMED)] == [
        ("acme-platform", "2.4.1+build.7", "2026-10-01")
    ]


# -- dependencies and lock ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pinned", ["2.4.1", "=2.4.1", " = 2.4.1", "v2.4.1", "2.4.1-rc.1", "2.4.1+build"])
def test_a_dependency_that_pins_its_version_tells_it(pinned):
    assert found(dependencies=[stored("acme-platform", pinned)]) == [
        ("acme-platform", pinned.strip("= "), Origin.DEPENDENCY)
    ]


@pytest.mark.parametrize(
    "range_text", ["2.4", "2", "^2.4.1", "~2.4.1", ">=2.4.1", "2.x", "*", "2.4.1 || 3", "", "2.4.1 - 3.0.0"]
)
def test_a_dependency_with_a_range_and_nothing_else_has_no_version(range_text):
    assert found(dependencies=[stored("acme-platform", range_text)]) == [("acme-platform", None, Origin.DEPENDENCY)]


def test_the_version_of_a_range_is_taken_from_the_lock():
    assert found(
        dependencies=[stored("redis", "7.x"), stored("acme-platform", ">=2.0.0 <3.0.0")],
        locked=[locked("redis", "7.0.1"), locked("acme-platform", "2.4.1")],
    ) == [("acme-platform", "2.4.1", Origin.LOCK)]


def test_a_lock_that_is_out_of_date_tells_no_version():
    assert found(dependencies=[stored("acme-platform", "^3.0.0")], locked=[locked("acme-platform", "2.4.1")]) == [
        ("acme-platform", None, Origin.LOCK)
    ]


def test_a_lock_that_repeats_the_range_tells_no_version():
    """Helm locks a chart that lies in charts/ without a repository to the text of its range."""
    assert found(dependencies=[stored("acme-platform", "2.4", "")], locked=[locked("acme-platform", "2.4", "")]) == [
        ("acme-platform", None, Origin.LOCK)
    ]


def test_a_dependency_that_is_only_locked_was_switched_off():
    assert not found(
        dependencies=[stored("redis", "7.x")], locked=[locked("redis", "7.0.1"), locked("acme-platform", "2.4.1")]
    )


def test_a_dependency_that_is_switched_off_is_no_subject():
    assert not found(dependencies=[stored("acme-platform", "2.4.1", enabled=False)])


@pytest.mark.parametrize(
    "where",
    [
        {"manifest": rendered("web/charts/acme-platform/templates/a.yaml")},
        {"hooks": [{"path": "web/charts/acme-platform/templates/job.yaml", "manifest": "kind: Job\n"}]},
        {"manifest": rendered("web/templates/a.yaml", chart="acme-platform-2.4.1")},
    ],
    ids=["manifest", "hook", "label"],
)
def test_a_dependency_that_was_rendered_although_switched_off_is_a_subject(where):
    subjects = found(
        dependencies=[stored("acme-platform", "2.x", enabled=False)], locked=[locked("acme-platform", "2.4.1")], **where
    )

    assert [(name, version) for name, version, _ in subjects] == [("acme-platform", "2.4.1")]


def test_an_alias_is_traced_to_the_name_in_the_lock():
    assert found(
        dependencies=[stored("acme-platform", "^2.0.0", alias="store")],
        locked=[locked("acme-platform", "2.4.1")],
        manifest=rendered("web/charts/store/templates/a.yaml", chart="store-2.4.1"),
    ) == [("acme-platform", "2.4.1", Origin.LOCK)]


def test_an_alias_that_looks_like_a_claimed_name_is_traced_as_well():
    assert not found(
        dependencies=[stored("redis", "7.x", alias="acme-platform")],
        locked=[locked("redis", "7.0.1")],
        manifest=rendered("web/charts/acme-platform/templates/a.yaml", chart="acme-platform-7.0.1"),
    )


def test_one_chart_under_two_aliases_in_two_versions_is_two_subjects():
    assert found(
        dependencies=[
            stored("acme-platform", "^2.0.0", alias="blue"),
            stored("acme-platform", "^3.0.0", alias="green"),
        ],
        locked=[locked("acme-platform", "2.4.1"), locked("acme-platform", "3.1.0")],
    ) == [("acme-platform", "2.4.1", Origin.LOCK), ("acme-platform", "3.1.0", Origin.LOCK)]


def test_an_alias_is_told_from_its_neighbours_by_the_order_of_the_lock():
    """The dependency on acme-platform was switched off: of the two entries only the second is behind that of `a`."""
    assert not found(
        dependencies=[stored("a", "1.x"), stored("tools", "*", alias="t")],
        locked=[locked("acme-platform", "2.4.1"), locked("a", "1.0.0"), locked("tools", "1.2.0")],
    )


def test_an_alias_is_told_by_its_repository_and_its_range():
    others = [locked("acme-platform", "2.4.1"), locked("acme-platform", "1.2.0", GLOBEX)]

    assert not found(dependencies=[stored("tools", "1.x", alias="t")], locked=[*others, locked("tools", "1.2.0")])


def test_an_alias_that_can_be_a_protected_chart_counts_as_one():
    assert found(
        dependencies=[stored("tools", "*", alias="t")],
        locked=[locked("acme-platform", "2.4.1"), locked("tools", "1.2.0")],
    ) == [("acme-platform", "2.4.1", Origin.LOCK)]


@pytest.mark.parametrize("repository", ["@acme", "alias:acme"])
def test_a_repository_by_name_stands_for_any_url_in_the_lock(repository):
    assert found(
        dependencies=[stored("acme-platform", "2.x", repository, alias="store")],
        locked=[locked("acme-platform", "2.4.1")],
    ) == [("acme-platform", "2.4.1", Origin.LOCK)]


def test_an_alias_of_a_lock_that_is_out_of_date_is_still_traced():
    assert found(
        dependencies=[stored("acme-platform", "^3.0.0", alias="store")], locked=[locked("acme-platform", "2.4.1")]
    ) == [("acme-platform", None, Origin.LOCK)]


def test_too_many_dependencies_are_refused_rather_than_compared():
    many = [stored("acme-platform", "*") for _ in range(bounds.CHART_DEPENDENCIES + 1)]

    with pytest.raises(ReleaseError, match="dependencies"):
        found(dependencies=many, locked=[locked("acme-platform", "2.4.1")])


# -- paths -------------------------------------------------------------------------------------------------------------


def test_a_rendered_subchart_is_a_subject_without_version():
    assert found(manifest=rendered("web/charts/acme-platform/templates/a.yaml")) == [
        ("acme-platform", None, Origin.PATH)
    ]


def test_a_rendered_subchart_has_the_version_of_its_label():
    assert found(manifest=rendered("web/charts/acme-platform/templates/a.yaml", chart="acme-platform-2.4.1")) == [
        ("acme-platform", "2.4.1", Origin.LABEL)
    ]


def test_a_hook_is_rendered_as_well():
    hook = {"path": "web/charts/edge/charts/acme-gateway/templates/job.yaml", "manifest": "kind: Job\n"}

    assert found(hooks=[hook]) == [("acme-gateway", None, Origin.PATH)]


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_subcharts_are_found_at_any_depth(depth):
    path = "web/" + "charts/edge/" * (depth - 1) + "charts/acme-gateway/templates/deep/er/a.yaml"

    assert found(manifest=rendered("web/templates/a.yaml", path)) == [("acme-gateway", None, Origin.PATH)]


def test_a_chart_inside_a_protected_one_of_the_same_product_is_covered():
    assert found(
        dependencies=[stored("acme-platform", "2.4.1", alias="store")],
        locked=[locked("acme-platform", "2.4.1")],
        manifest=rendered("web/charts/store/charts/acme-platform-db/templates/a.yaml", chart="acme-platform-db-0.9.0")
        + rendered("web/charts/store/charts/acme-gateway/templates/a.yaml", chart="acme-gateway-1.0.0"),
    ) == [("acme-gateway", "1.0.0", Origin.LABEL), ("acme-platform", "2.4.1", Origin.DEPENDENCY)]


def test_a_chart_that_is_also_elsewhere_is_not_covered():
    assert ("acme-platform-db", "0.9.0", Origin.LABEL) in found(
        manifest=rendered(
            "web/charts/acme-platform/charts/acme-platform-db/templates/a.yaml", chart="acme-platform-db-0.9.0"
        )
        + rendered("web/charts/acme-platform-db/templates/a.yaml")
    )


@pytest.mark.parametrize("other", ["acme-platform", "edge/charts/acme-platform"])
def test_a_copy_that_is_not_listed_does_not_pass_for_the_one_that_is(other):
    """As when an umbrella's own copy goes by an alias, and a second one lies in charts/."""
    listed = {
        "dependencies": [stored("acme-platform", "2.x", alias="store")],
        "locked": [locked("acme-platform", "2.4.1")],
    }
    manifest = rendered("web/charts/store/templates/a.yaml", chart="store-2.4.1")
    assert found(**listed, manifest=manifest) == [("acme-platform", "2.4.1", Origin.LOCK)]

    path = f"web/charts/{other}/templates/a.yaml"
    assert ("acme-platform", None, Origin.PATH) in found(**listed, manifest=manifest + rendered(path))
    assert found(**listed, manifest=manifest + rendered(path, chart="acme-platform-3.0.0")) == [
        ("acme-platform", "2.4.1", Origin.LOCK),
        ("acme-platform", "3.0.0", Origin.LABEL),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "# Source: https://example.com/charts/acme-platform/templates/a.yaml\n",
        "# Source: other/charts/acme-platform/templates/a.yaml\n",
        "data:\n  text: |\n    # Source: web/charts/acme-platform/templates/a.yaml\n",
        "a: b # Source: web/charts/acme-platform/templates/a.yaml\n",
        "# Source: web/templates/charts/acme-platform/a.yaml\n",
        "# Source: web/charts/redis/templates/charts/acme-platform/a.yaml\n",
    ],
)
def test_other_comments_are_no_paths_of_subcharts(text):
    assert not found(manifest=text)


# -- labels ------------------------------------------------------------------------------------------------------------

LABELLED = {
    "plain": "metadata:\n  labels:\n    helm.sh/chart: acme-platform-2.4.1\n",
    "single quotes": "metadata:\n  labels:\n    'helm.sh/chart': 'acme-platform-2.4.1'\n",
    "double quotes": 'metadata:\n  labels:\n    "helm.sh/chart": "acme-platform-2.4.1"\n',
    "comment": "metadata:\n  labels: # mine\n    # theirs\n    helm.sh/chart: acme-platform-2.4.1 # yours\n",
    "flow": "metadata: {labels: {helm.sh/chart: acme-platform-2.4.1, a: b}}\n",
    "json": '{"metadata":{"labels":{"helm.sh/chart":"acme-platform-2.4.1"}}}\n',
    "spaces": "metadata:\n  labels:\n    helm.sh/chart   :    acme-platform-2.4.1   \n",
    "next line": "metadata:\n  labels:\n    helm.sh/chart:\n      acme-platform-2.4.1\n",
    "explicit key": "metadata:\n  labels:\n    ? helm.sh/chart\n    : acme-platform-2.4.1\n",
    "block": "metadata:\n  labels:\n    helm.sh/chart: >-\n      acme-platform-2.4.1\n",
    "tag": "metadata:\n  labels:\n    helm.sh/chart: !!str acme-platform-2.4.1\n",
    "anchor": "metadata:\n  labels: &l\n    helm.sh/chart: &c acme-platform-2.4.1\nspec: {selector: *l, x: *c}\n",
    "alias": "x: &c acme-platform-2.4.1\nmetadata:\n  labels:\n    helm.sh/chart: *c\n",
    "merge": "x: &l {helm.sh/chart: acme-platform-2.4.1}\nmetadata:\n  labels:\n    <<: *l\n",
    "windows": "metadata:\r\n  labels:\r\n    helm.sh/chart: acme-platform-2.4.1\r\n",
    "pod": "spec:\n  template:\n    metadata:\n      labels:\n        helm.sh/chart: acme-platform-2.4.1\n",
    "list": "kind: List\nitems:\n- metadata:\n    labels:\n      helm.sh/chart: acme-platform-2.4.1\n",
    "sequence": "- {metadata: {labels: {helm.sh/chart: acme-platform-2.4.1}}}\n",
    "sort of document": "--- # x\nmetadata: {labels: {helm.sh/chart: acme-platform-2.4.1}}\n...\n",
}


@pytest.mark.parametrize("document", LABELLED.values(), ids=LABELLED)
@pytest.mark.parametrize("place", ["first", "last", "hook"])
def test_labels_are_seen_however_templates_write_them(document, place):
    other = "---\n# Source: web/templates/a.yaml\nmetadata:\n  labels:\n    helm.sh/chart: web-1.0.0\n"
    members = {
        "first": {"manifest": document + other},
        "last": {"manifest": other + "---\n" + document},
        "hook": {"manifest": other, "hooks": [{"path": "web/templates/x.yaml", "manifest": document}]},
    }[place]

    assert found(**members) == [("acme-platform", "2.4.1", Origin.LABEL)]


NOT_LABELS = {
    "comment": "metadata:\n  labels:\n    # helm.sh/chart: acme-platform-2.4.1\n    a: b\n",
    "end of line": "metadata:\n  labels:\n    a: b # helm.sh/chart: acme-platform-2.4.1\n",
    "text": "data:\n  values.yaml: |\n    labels:\n      helm.sh/chart: acme-platform-2.4.1\n",
    "escaped json": 'annotations: {last: "{\\"labels\\":{\\"helm.sh/chart\\":\\"acme-platform-2.4.1\\"}}"}\n',
    "selector": "spec:\n  selector:\n    matchLabels:\n      helm.sh/chart: acme-platform-2.4.1\n",
    "annotation": "metadata:\n  annotations:\n    helm.sh/chart: acme-platform-2.4.1\n",
    "other key": "metadata:\n  labels:\n    x.helm.sh/chart: acme-platform-2.4.1\n",
    "too long": f"metadata:\n  labels:\n    helm.sh/chart: acme-platform-2.4.1-{'x' * 63}\n",
}


@pytest.mark.parametrize("document", NOT_LABELS.values(), ids=NOT_LABELS)
def test_what_only_looks_like_a_label_is_none(document):
    assert not found(manifest=document)


def test_what_only_looks_like_a_label_hides_none_that_comes_later():
    document = f"---\n# Source: web/templates/a.yaml\n{NOT_LABELS['text']}"
    labelled = rendered("web/templates/b.yaml", chart="acme-platform-2.4.1")
    assert found(manifest=document + labelled) == [("acme-platform", "2.4.1", Origin.LABEL)]


@pytest.mark.parametrize(
    "document",
    [
        "{{ not: yaml\nmetadata:\n  labels:\n    helm.sh/chart: acme-platform-2.4.1\n",
        "a: \x01\nlabels:\n    helm.sh/chart: acme-platform-2.4.1\n",
        f"a: {'[' * 200}{']' * 200}\nlabels:\n    helm.sh/chart: acme-platform-2.4.1\n",
        f"a: {'x' * bounds.LABELS_YAML_CHARACTERS}\nlabels:\n    helm.sh/chart: acme-platform-2.4.1\n",
    ],
    ids=["no yaml", "control character", "deep", "large"],
)
def test_in_what_cannot_be_parsed_all_that_looks_like_a_label_counts(document):
    assert found(manifest=document) == [("acme-platform", "2.4.1", Origin.LABEL)]


def test_a_label_without_version_tells_of_the_chart():
    assert found(manifest=rendered("web/templates/a.yaml", chart="acme-platform")) == [
        ("acme-platform", None, Origin.LABEL)
    ]


def test_versions_that_differ_are_as_many_subjects():
    assert found(
        dependencies=[stored("acme-platform", "2.4.1")],
        manifest=rendered("web/charts/acme-platform/templates/a.yaml", chart="acme-platform-3.1.0")
        + rendered("web/charts/acme-platform/templates/b.yaml", chart="acme-platform-3.1.0"),
    ) == [("acme-platform", "2.4.1", Origin.DEPENDENCY), ("acme-platform", "3.1.0", Origin.LABEL)]


def test_versions_that_are_equal_but_written_differently_are_one_subject():
    assert found(
        dependencies=[stored("acme-platform", "v2.4.1")],
        manifest=rendered("web/charts/acme-platform/templates/a.yaml", chart="acme-platform-2.4.1_build.7"),
    ) == [("acme-platform", "v2.4.1", Origin.DEPENDENCY)]


@pytest.mark.parametrize(
    ("value", "known", "expected"),
    [
        ("acme-platform-2.4.1", (), ("acme-platform", "2.4.1")),
        ("acme-platform-v2.4.1", (), ("acme-platform", "v2.4.1")),
        ("acme-platform-2.4.1-rc.1", (), ("acme-platform", "2.4.1-rc.1")),
        ("acme-platform-2.4.1_build.7", (), ("acme-platform", "2.4.1+build.7")),
        ("acme-platform-2.4.1-rc-1_b-2", (), ("acme-platform", "2.4.1-rc-1+b-2")),
        ("acme-platform-7", (), ("acme-platform", "7")),
        ("acme-7-2.4.1", (), ("acme-7", "2.4.1")),
        ("acme-7-2.4.1", ("acme",), ("acme", "7-2.4.1")),
        ("acme-7", ("acme-7",), ("acme-7", None)),
        ("acme_db-1.0.0", (), ("acme_db", "1.0.0")),
        ("acme-platform", (), ("acme-platform", None)),
        ("acme", (), ("acme", None)),
        ("", (), ("", None)),
        ("-", (), ("-", None)),
        (f"{'a' * 52}-1.2.3-rc.1", (), ("a" * 52, None)),
        (f"{'a' * 60}-1.", (), ("a" * 60, None)),
        (f"{'a' * 60}-1", (), ("a" * 60, None)),
        (f"{'a' * 30}-{'b' * 32}", (), (f"{'a' * 30}-{'b' * 32}", None)),
    ],
)
def test_chart_labels_are_taken_apart(value, known, expected):
    assert read_chart_label(value, known) == expected


@given(
    st.from_regex(r"[a-z][a-z0-9]{0,8}(-[a-z][a-z0-9]{0,8}){0,2}", fullmatch=True),
    st.from_regex(r"v?(0|[1-9][0-9]?)(\.(0|[1-9][0-9]?)){2}(-rc\.[1-9])?(\+[a-z0-9]{1,5})?", fullmatch=True),
)
def test_every_label_of_a_helm_template_gives_back_name_and_version(name, version):
    label = f"{name}-{version}".replace("+", "_")[:63].removesuffix("-")

    assert read_chart_label(label, ()) == (name, version)


def test_a_version_that_was_cut_off_is_taken_from_elsewhere():
    name = f"acme-platform-{'x' * 40}"
    label = f"{name}-2.4.1-rc.1_build"[:63]
    manifest = rendered(f"web/charts/{name}/templates/a.yaml", chart=label)

    assert found(manifest=manifest) == [(name, None, Origin.PATH)]
    assert found(dependencies=[stored(name, "2.4.1-rc.1")], manifest=manifest) == [
        (name, "2.4.1-rc.1", Origin.DEPENDENCY)
    ]


# -- labels of products ------------------------------------------------------------------------------------------------


def product(version: str | None, product: str = "platform", *, source: str = "web/templates/x.yaml", **members) -> str:
    labels = {"licet.dev/product": product} | ({"licet.dev/version": f'"{version}"'} if version else {})
    return resource("Deployment", "x", source=source, labels=labels, **members)


def test_the_labels_of_a_product_tell_of_it_and_its_version():
    assert found(manifest=product("3.1.0_build")) == [("platform", "3.1.0+build", Origin.LABEL)]


def test_a_product_without_version_is_a_subject_without_one():
    assert found(manifest=product(None)) == [("platform", None, Origin.LABEL)]


def test_the_labels_of_a_product_tell_the_version_of_its_charts_that_have_none():
    path = "web/charts/acme-platform/templates/a.yaml"

    assert found(manifest=rendered(path) + product("3.1.0", source=path)) == [("acme-platform", "3.1.0", Origin.LABEL)]
    assert found(manifest=rendered(path) + product("3.1.0")) == [
        ("acme-platform", None, Origin.PATH),
        ("platform", "3.1.0", Origin.LABEL),
    ]


def test_the_labels_of_a_product_add_nothing_to_a_chart_of_that_version():
    for version in ("2.4.1", None):
        assert found(dependencies=[stored("acme-platform", "2.4.1")], manifest=product(version)) == [
            ("acme-platform", "2.4.1", Origin.DEPENDENCY)
        ]


def test_a_version_of_a_product_that_none_of_its_charts_has_is_another_subject():
    assert found(dependencies=[stored("acme-platform", "2.4.1")], manifest=product("3.1.0")) == [
        ("acme-platform", "2.4.1", Origin.DEPENDENCY),
        ("platform", "3.1.0", Origin.LABEL),
    ]


def test_where_the_label_of_a_chart_stands_that_of_its_product_adds_nothing():
    assert found(manifest=product("3.1.0", chart="acme-platform-db-0.9.0")) == [
        ("acme-platform-db", "0.9.0", Origin.LABEL)
    ]


def test_the_versions_of_two_products_in_one_document_are_not_confused():
    items = [
        f"- metadata: {{labels: {{licet.dev/version: '{version}', licet.dev/product: {name}}}}}\n"
        for name, version in (("gateway", "1.0.0"), ("platform", "2.0.0"))
    ]

    assert found(manifest="items:\n" + "".join(items)) == [
        ("gateway", "1.0.0", Origin.LABEL),
        ("platform", "2.0.0", Origin.LABEL),
    ]


# -- hostile manifests -------------------------------------------------------------------------------------------------


def test_aliases_of_aliases_make_nothing_grow():
    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]\n" for n in range(1, 30))
    bomb = f"l0: &l0 {{helm.sh/chart: acme-platform-2.4.1}}\n{levels}metadata: {{labels: *l29}}\n"

    assert found(manifest=bomb) == [("acme-platform", "2.4.1", Origin.LABEL)]


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_nesting_costs_no_more_than_as_much_text_without_it(opening):
    document = "labels: {helm.sh/chart: acme-gateway-1.0.0}\n---\nlabels: {helm.sh/chart: acme-platform-2.4.1}\nx: "
    nested = document + opening * 50_000
    flat = document + "b: a\n" * (len(opening) * 10_000)

    assert len(found(manifest=nested)) == len(found(manifest=flat)) == 2
    assert least_seconds(lambda: found(manifest=nested)) < 50 * least_seconds(lambda: found(manifest=flat))


def test_charts_that_labels_and_paths_tell_of_are_capped():
    names = range(bounds.RELEASE_CHART_NAMES + 1)
    for manifest in (
        "".join(f"helm.sh/chart: a-{n}.0.0\n" for n in names),
        "".join(f"# Source: web/charts/a{n}/templates/a.yaml\n" for n in names),
    ):
        with pytest.raises(ReleaseError, match=str(bounds.RELEASE_CHART_NAMES)):
            found(manifest=manifest)


def test_labels_and_documents_to_look_into_are_capped():
    label = "labels: {helm.sh/chart: acme-platform-1.0.0}\n"

    assert len(found(manifest=label + "---\n" * (bounds.RELEASE_DOCUMENTS - 1))) == 1
    with pytest.raises(ReleaseError, match=f"{bounds.RELEASE_DOCUMENTS} documents"):
        found(manifest=label + "---\n" * bounds.RELEASE_DOCUMENTS)
    with pytest.raises(ReleaseError, match=f"{bounds.RELEASE_LABELS} labels"):
        found(manifest=label * (bounds.RELEASE_LABELS + 1))


def test_documents_of_no_interest_are_not_counted():
    assert not found(manifest="labels: {helm.sh/chart: web-1.0.0}\n" + "---\n" * bounds.RELEASE_DOCUMENTS)


def test_documents_without_anything_of_interest_are_not_parsed(monkeypatch):
    monkeypatch.setattr("licet.core.labels.yaml.parse", None)

    manifests = [("", rendered("a", chart="web-1.0.0")), ("", "x: {{")]

    assert not list(find_labels(manifests, lambda label, value: value == "other", str))


def test_the_same_labels_are_parsed_once(monkeypatch):
    documents = "".join(resource("ConfigMap", f"x{n}", source=f"a/{n % 2}", chart="web-1.0.0") for n in range(50))
    labels = {Label.CHART: "web-1.0.0"}

    assert list(find_labels([("", documents)], lambda label, value: True, len)) == [(3, labels)]
    assert list(find_labels([("", documents), ("b", documents)], lambda label, value: True, str)) == [
        ("a/0", labels),
        ("a/1", labels),
        ("b", labels),
    ]


@given(st.text("---\n \t'\"{}[]&*!:,#helm.sh/chart-1acme", max_size=80))
def test_no_text_is_answered_by_another_error(text):
    find_subjects(release(manifest=text + "\nhelm.sh/chart: acme-platform-1.0.0\n" + text), CLAIMED)
