import base64
import gzip
import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licet.core import bounds
from licet.core.charts import Dependency, LockedDependency
from licet.core.errors import ReleaseError
from licet.core.gojson import fold
from licet.core.release import Hook, decode_release
from support.helm_releases import encode_release, go_json, release_document

SAMPLES = sorted(Path(__file__).with_name("data").joinpath("releases").glob("*.release"))

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def minimal(**members):
    return {"chart": {"metadata": {"name": "web", "version": "1.0.0"}}} | members


def with_text(old: str, new: str, document=None) -> bytes:
    """Encode a release whose JSON text has one place changed."""
    text = go_json(document or release_document()).decode()
    assert old in text
    return encode_release(text.replace(old, new, 1).encode())


def nested(levels: int) -> bytes:
    """A release whose JSON is nested that many levels deep, within free-form values."""
    inside = levels - 3
    values = '{"a":' * (inside - 1) + "{}" + "}" * (inside - 1)
    return encode_release(
        f'{{"chart":{{"metadata":{{"name":"web","version":"1.0.0"}},"values":{{"a":{values}}}}}}}'.encode()
    )


# -- what Helm stores --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_releases_that_helm_made_are_read(sample):
    release = decode_release(sample.read_bytes())

    assert release.name == release.namespace == sample.stem
    assert (release.revision, release.status) == (1, "deployed")
    assert release.chart.name == sample.stem.split("-", 1)[1]
    assert "<ünïcode> & " in release.manifest
    assert [hook.path.rpartition("/")[2] for hook in release.hooks] == ["hook.yaml"]


def test_both_helms_are_among_the_samples():
    assert {path.stem.split("-")[0] for path in SAMPLES} == {"helm3", "helm4"}


def test_build_metadata_and_annotations_of_a_real_chart_are_kept():
    chart = decode_release(next(path for path in SAMPLES if path.stem == "helm4-acme-platform").read_bytes()).chart

    assert chart.version == "2.4.1+build.7"
    assert chart.annotations == {"licet.dev/released": "2026-10-01"}


def test_all_that_a_decision_asks_for_is_read():
    release = decode_release(
        encode_release(
            release_document(
                "shop",
                "v1.2.3+build",
                name="shop-prod",
                namespace="prod",
                revision=7,
                status="pending-upgrade",
                annotations={"licet.dev/released": "2026-10-01"},
                dependencies=[
                    {"name": "db", "version": "1.x", "repository": "oci://r", "alias": "db", "enabled": True}
                ],
                locked=[{"name": "postgres", "version": "1.4.0", "repository": "oci://r"}],
                manifest="---\n# Source: shop/templates/a.yaml\n",
                hooks=[{"path": "shop/templates/job.yaml", "manifest": "kind: Job\n"}],
            )
        )
    )

    assert (release.name, release.namespace, release.revision) == ("shop-prod", "prod", 7)
    assert release.status == "pending-upgrade"
    assert (release.chart.name, release.chart.version) == ("shop", "v1.2.3+build")
    assert release.chart.annotations == {"licet.dev/released": "2026-10-01"}
    assert release.chart.dependencies == (Dependency("db", "1.x", "oci://r", "db", enabled=True),)
    assert release.chart.locked == (LockedDependency("postgres", "1.4.0", "oci://r"),)
    assert release.manifest == "---\n# Source: shop/templates/a.yaml\n"
    assert release.hooks == (Hook("shop/templates/job.yaml", "kind: Job\n"),)


@given(
    manifest=TEXTS, annotations=st.dictionaries(TEXTS, TEXTS, max_size=4), values=st.dictionaries(TEXTS, JSON_VALUES)
)
def test_whatever_texts_and_values_a_release_has_it_reads_back(manifest, annotations, values):
    document = release_document(manifest=manifest, annotations=annotations, values=values)

    for compress in (True, False):
        release = decode_release(encode_release(document, compress=compress))
        assert release.manifest == manifest
        assert release.chart.annotations == annotations


def test_json_that_is_not_gzipped_is_legal():
    document = release_document("shop", "2.0.0")

    assert decode_release(encode_release(document, compress=False)) == decode_release(encode_release(document))


def test_null_leaves_a_field_out():
    document = minimal(name=None, info=None, manifest=None, hooks=[None], version=None, namespace=None, config=None)
    document["chart"] |= {"lock": None, "templates": [None], "values": None, "schema": None, "files": None}
    document["chart"]["metadata"] |= {"annotations": {"a": None}, "dependencies": [None], "maintainers": None}

    release = decode_release(encode_release(document))

    assert (release.name, release.namespace, release.revision, release.status) == ("", "", 0, "")
    assert release.hooks == release.chart.dependencies == release.chart.locked == ()
    assert release.chart.annotations == {"a": ""}


def test_members_that_helm_does_not_know_are_skipped_however_often_they_come():
    payload = encode_release(
        b'{"future":1,"future":{"name":[]},"chart":{"x":0,"metadata":{"name":"web","version":"1"}}}'
    )

    assert decode_release(payload).chart.name == "web"


def test_a_release_of_950_kib_passes():
    noise = base64.b64encode(os.urandom(710 * 1024)).decode()
    payload = encode_release(release_document(manifest=f"data: {noise}\n"))

    assert 950 * 1024 <= len(payload) < 1024 * 1024
    assert decode_release(payload).manifest.endswith(noise + "\n")


# -- base64 ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("breaks", [b"\n", b"\r\n", b"\r"])
def test_line_breaks_in_base64_are_ignored_as_go_ignores_them(breaks):
    payload = encode_release(release_document())
    wrapped = breaks.join(payload[at : at + 3] for at in range(0, len(payload), 3)) + breaks

    assert decode_release(wrapped) == decode_release(payload)


def test_unused_bits_of_base64_may_be_set_as_for_go():
    assert base64.b64encode(b'{"a":1}')[-4:] == b"fQ=="

    with pytest.raises(ReleaseError, match="name of its chart"):
        decode_release(base64.b64encode(b'{"a":1}')[:-4] + b"fR==")


@pytest.mark.parametrize(
    "payload",
    [
        b"!!!!",
        b"QUJD!",
        b"QUJD QUJD",
        b"QUI",
        b"QUI=QUI=",
        b"QQ=",
        b"=QUJ",
        b"QUJD====",
        b"QUJD-_==",
        "é".encode(),
        b"\xff" * 8,
    ],
)
def test_garbage_base64_is_refused(payload):
    with pytest.raises(ReleaseError, match="not base64"):
        decode_release(payload)


ALPHABET = "[A-Za-z0-9+/]"
GO_BASE64 = re.compile(rf"(?:{ALPHABET}{{4}})*(?:{ALPHABET}{{2}}==|{ALPHABET}{{3}}=)?")


@given(st.text("Qk+/-_= =\n", max_size=12))
def test_what_go_takes_for_base64_is_taken_for_it_and_nothing_else(text):
    with pytest.raises(ReleaseError) as refusal:
        decode_release(text.encode())

    assert ("not base64" in str(refusal.value)) == (GO_BASE64.fullmatch(text.replace("\n", "")) is None)


# -- gzip --------------------------------------------------------------------------------------------------------------

JSON = go_json(release_document())


def gzipped(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(gzipped(JSON) + gzipped(b" "), id="a second member, which Go would read as well"),
        pytest.param(gzipped(JSON) + gzipped(JSON), id="the same member again"),
        pytest.param(gzipped(JSON) + b"\0" * 8, id="zeros behind it"),
        pytest.param(gzipped(JSON)[:-4] + (1).to_bytes(4, "little"), id="a trailer that tells less"),
        pytest.param(gzipped(JSON)[:-4] + (1 << 20).to_bytes(4, "little"), id="a trailer that tells more"),
        pytest.param(gzipped(JSON)[:-8] + b"\0\0\0\0" + gzipped(JSON)[-4:], id="a wrong checksum"),
        pytest.param(gzipped(JSON)[:-1], id="a cut trailer"),
        pytest.param(gzipped(JSON)[: len(gzipped(JSON)) // 2], id="half of it"),
        pytest.param(gzipped(JSON)[:4], id="a cut header"),
        pytest.param(b"\x1f\x8b\x08\xe0" + gzipped(JSON)[4:], id="reserved flags"),
        pytest.param(b"\x1f\x8b\x08\x04" + gzipped(JSON)[4:10] + b"\0\0" + gzipped(JSON)[10:], id="an extra field"),
        pytest.param(gzipped(JSON)[:10] + b"\xff" * 40, id="no deflate stream"),
    ],
)
def test_gzip_that_is_not_one_whole_member_is_refused(data):
    with pytest.raises(ReleaseError, match="gzip"):
        decode_release(base64.b64encode(data))


def test_gzip_with_a_name_and_a_comment_in_its_header_is_legal():
    plain = gzipped(JSON)
    flagged = plain[:3] + b"\x18" + plain[4:10] + b"name\0comment\0" + plain[10:]

    assert decode_release(base64.b64encode(flagged)) == decode_release(base64.b64encode(plain))


def test_a_bomb_of_700_mib_is_refused_in_little_memory():
    """A process of its own, so that its peak of memory is that of this one release."""
    program = textwrap.dedent("""
        import resource
        from licet.core.errors import ReleaseError
        from licet.core.release import decode_release
        from support.helm_releases import encode_bomb
        for payload in (encode_bomb(700), encode_bomb(700, claimed_size=1000)):
            assert len(payload) < 1 << 20
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            try:
                decode_release(payload)
            except ReleaseError as error:
                print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, error)
    """)
    path = os.pathsep.join(filter(None, sys.path))
    output = subprocess.check_output([sys.executable, "-c", program], text=True, env=os.environ | {"PYTHONPATH": path})
    reports = [line.split(" ", 1) for line in output.splitlines()]

    assert [message for _, message in reports] == [
        "the release is gzip of 734003200 bytes; at most 67108864 are read",
        "the release is gzip that is truncated, or longer than its trailer says",
    ]
    assert all(int(kibibytes) < 16 * 1024 for kibibytes, _ in reports)


def test_the_payload_is_capped():
    with pytest.raises(ReleaseError, match=str(bounds.REVIEW_BYTES)):
        decode_release(b"A" * (bounds.REVIEW_BYTES + 1))


# -- JSON --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        b"[]",
        b'"release"',
        b"7",
        b"{",
        JSON + b"{}",
        JSON + b"x",
        b"\xef\xbb\xbf" + JSON,
        JSON.decode().encode("utf-16"),
        b'{"chart":{"values":{"a":NaN}}}',
        b'{"chart":{"values":{"a":Infinity}}}',
        b'{"chart":{"values":{"a":01}}}',
        b'{"chart":{"values":{"a":"\n"}}}',
        b'{"chart":{"values":{"a":"\\x"}}}',
        b'{"chart":{"values":{"a":1,}}}',
        b'{"chart":{"values":{"a":[1 2]}}}',
        b'{"chart":{"values":{"a":1]}}',
        b'{"chart":{"values":{"a":"\\ud800"}}}',
        b'{"unknown":"\xff"}',
        b'{"chart":{"values":{"\xc3\x28":1}}}',
        b'{"config":{"a":"\xed\xa0\x80"}}',
    ],
)
def test_what_is_not_a_json_object_in_utf_8_is_refused(text):
    for compress in (True, False):
        with pytest.raises(ReleaseError, match=r"not JSON|not what Helm can read"):
            decode_release(encode_release(text, compress=compress))


def test_json_may_be_spaced():
    spaced = json.dumps(release_document(), indent=2).encode() + b" \r\n\t"

    assert decode_release(encode_release(spaced)) == decode_release(encode_release(release_document()))


def test_nesting_is_capped_at_200_levels():
    assert decode_release(nested(bounds.RELEASE_JSON_DEPTH)).chart.name == "web"
    for levels in (*range(bounds.RELEASE_JSON_DEPTH + 1, sys.getrecursionlimit() + 50), 10_000):
        with pytest.raises(ReleaseError, match="nested over 200 levels"):
            decode_release(nested(levels))


@pytest.mark.parametrize("place", ["chart", "unknown", "config", "manifest"])
def test_nesting_is_capped_wherever_it_is(place):
    with pytest.raises(ReleaseError, match=r"nested|not what Helm can read"):
        decode_release(encode_release(f'{{"{place}":{"[" * 10_000}{"]" * 10_000}}}'.encode()))


@pytest.mark.parametrize(
    "place", ['"values":{', '"config":{', '"import-values":[{', '"email":', '"data":', '"events":']
)
def test_nesting_is_capped_in_what_is_not_read(place):
    deep = '"unknown":' + "[" * bounds.RELEASE_JSON_DEPTH + "]" * bounds.RELEASE_JSON_DEPTH
    with pytest.raises(ReleaseError, match="nested over 200 levels"):
        decode_release(
            with_text(place, f"{place}{deep}," if place.endswith("{") else f"{deep},{place}", full_document())
        )


@pytest.mark.parametrize("text", ["[" * 5000, '"[[', '\\"[' * 300, "\\\\", '\\\\"{', '{"a": "[['])
def test_brackets_in_texts_are_not_nesting(text):
    assert decode_release(encode_release(minimal(manifest=text, config={text: text}))).manifest == text


@pytest.mark.parametrize("run", [1, 2, 3, 1 << 20])
@pytest.mark.parametrize("before", range(-3, 4))
def test_escapes_at_the_edge_of_a_chunk_are_read_right(before, run):
    start = len('{"manifest":"')
    manifest = "x" * ((1 << 20) - start + before) + "\\" * run + '"[' * 300
    payload = encode_release(b'{"manifest":%s,%s' % (json.dumps(manifest).encode(), go_json(minimal())[1:]))

    assert decode_release(payload).manifest == manifest


@pytest.mark.parametrize(
    "values",
    [b"[" + b"[]," * 700_000 + b"0]", b"[" + b"0," * 1_100_000 + b"0]", b"[" + b'"",' * 700_000 + b'""]'],
    ids=["objects", "elements", "strings"],
)
def test_objects_made_of_a_release_are_capped(values):
    with pytest.raises(ReleaseError, match=f"{bounds.RELEASE_JSON_TOKENS} JSON tokens"):
        decode_release(encode_release(b'{"chart":{"values":{"a":%s}}}' % values))


# -- names -------------------------------------------------------------------------------------------------------------

STRUCT_MEMBERS = {
    '"name":"web","info"': ("name", "$"),
    '"info":': ("info", "$"),
    '"chart":': ("chart", "$"),
    '"manifest":': ("manifest", "$"),
    '"hooks":': ("hooks", "$"),
    '"namespace":': ("namespace", "$"),
    '"status":': ("status", "$.info"),
    '"metadata":': ("metadata", "$.chart"),
    '"lock":': ("lock", "$.chart"),
    '"templates":': ("templates", "$.chart"),
    '"annotations":': ("annotations", "$.chart.metadata"),
    '"apiVersion":': ("apiVersion", "$.chart.metadata"),
    '"dependencies":[{"alias"': ("dependencies", "$.chart.metadata"),
    '"email":': ("email", "$.chart.metadata.maintainers[0]"),
    '"alias":': ("alias", "$.chart.metadata.dependencies[0]"),
    '"digest":': ("digest", "$.chart.lock"),
    '"repository":"locked"': ("repository", "$.chart.lock.dependencies[1]"),
    '"data":': ("data", "$.chart.templates[0]"),
    '"events":': ("events", "$.hooks[0]"),
    '"phase":': ("phase", "$.hooks[0].last_run"),
}


def full_document():
    return release_document(
        dependencies=[{"alias": "db", "name": "db", "version": "1.x", "import-values": [{"Child": 1, "child": 2}]}],
        locked=[{"name": "db", "version": "1.0.0"}, {"name": "other", "repository": "locked"}],
        hooks=[{"path": "web/templates/hook.yaml", "manifest": "kind: Job"}],
    )


@pytest.mark.parametrize("place", STRUCT_MEMBERS)
def test_doubled_members_on_struct_paths_are_refused(place):
    name, path = STRUCT_MEMBERS[place]

    with pytest.raises(ReleaseError) as refusal:
        decode_release(with_text(place, f'"{name}":null,{place}', full_document()))

    assert f"member '{name}' at `{path}` more than once" in str(refusal.value)


@pytest.mark.parametrize("place", STRUCT_MEMBERS)
def test_case_folded_members_on_struct_paths_are_refused(place):
    name, path = STRUCT_MEMBERS[place]

    for spelling in (name.upper(), name.swapcase().title(), name.upper().lower().capitalize()):
        for document in (f'"{spelling}":null,{place}', place.replace(f'"{name}"', f'"{spelling}"')):
            with pytest.raises(ReleaseError) as refusal:
                decode_release(with_text(place, document, full_document()))
            assert f"takes its member '{spelling}' at `{path}` for '{name}'" in str(refusal.value)


def test_characters_that_fold_to_ascii_are_seen_through():
    for spelling in ("hoo\N{KELVIN SIGN}s", "hook\N{LATIN SMALL LETTER LONG S}", "HOO\\u212AS"):
        with pytest.raises(ReleaseError, match="'hooks'"):
            decode_release(with_text('"hooks":', f'"{spelling}":'))


def test_escapes_do_not_hide_a_name():
    doubled = with_text('"chart":', '"\\u0063hart":{},"chart":')

    with pytest.raises(ReleaseError, match="more than once"):
        decode_release(doubled)
    assert decode_release(with_text('"chart":', '"\\u0063hart":')).chart.name == "web"


@pytest.mark.parametrize(
    ("place", "odd"),
    [
        ('"values":{', '"values":{"Chart":1,"chart":2,"NAME":3,"name":4,'),
        ('"values":{', '"values":{"metadata":{"name":"a","Name":"b","name":"c"},'),
        ('"config":{', '"config":{"replicas":0,"Replicas":0,'),
        ('"annotations":{', '"annotations":{"Name":"a","name":"b","NAME":"c"'),
        ('"import-values":[{', '"import-values":[{"child":3,'),
    ],
)
def test_odd_and_doubled_names_are_legal_where_helm_reads_maps(place, odd):
    assert decode_release(with_text(place, odd, full_document())).chart.name == "web"


def test_of_doubled_annotations_the_last_counts_as_in_go():
    payload = with_text('"annotations":{', '"annotations":{"a":"1","A":"2","a":"3"')

    assert decode_release(payload).chart.annotations == {"a": "3", "A": "2"}


@given(st.characters(exclude_categories=["Cs"]), st.sampled_from(["name", "chart", "hooks", "status", "apiVersion"]))
def test_only_characters_of_the_same_simple_fold_are_alike(character, name):
    """Under Unicode simple folding, ASCII letters are alike in both cases; so are k and Kelvin sign, s and long s."""
    orbit = {"k": "kK\N{KELVIN SIGN}", "s": "sS\N{LATIN SMALL LETTER LONG S}"}
    first = name[0].lower()

    assert (fold(character + name[1:]) == fold(name)) == (character in orbit.get(first, first + first.upper()))


# -- types -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        ('"name":"web","info"', '"name":7,"info"'),
        ('"info":{', '"info":[],"x":{'),
        ('"chart":{', '"chart":"x","x":{'),
        ('"metadata":{', '"metadata":[],"x":{'),
        ('"values":{', '"values":[],"x":{'),
        ('"config":{', '"config":true,"x":{'),
        ('"annotations":{}', '"annotations":{"a":1}'),
        ('"dependencies":[]', '"dependencies":{}'),
        ('"dependencies":[]', '"dependencies":["acme"]'),
        ('"dependencies":[]', '"dependencies":[{"enabled":"true"}]'),
        ('"dependencies":[]', '"dependencies":[{"tags":[1]}]'),
        ('"templates":[', '"templates":[[],'),
        ('"hooks":[]', '"hooks":[{"weight":"1"}]'),
        ('"hooks":[]', '"hooks":[{"last_run":""}]'),
        ('"deleted":""', '"deleted":0'),
        ('"notes":"', '"resources":{"v1/Pod":[{}]},"notes":"'),
        ('"version":1,"namespace"', '"version":1.0,"namespace"'),
        ('"version":1,"namespace"', '"version":1e0,"namespace"'),
        ('"version":1,"namespace"', '"version":9223372036854775808,"namespace"'),
        ('"version":1,"namespace"', '"version":"1","namespace"'),
        ('"version":"1.0.0"', '"version":1.0'),
        ('"manifest":"', '"manifest":["x"],"x":"'),
    ],
)
def test_types_that_helm_could_not_read_are_refused(place, wrong):
    with pytest.raises(ReleaseError, match="not what Helm can read"):
        decode_release(with_text(place, wrong))


# -- the chart ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["name", "version"])
@pytest.mark.parametrize("value", ["absent", "", None])
def test_a_release_without_a_chart_name_or_version_is_refused(missing, value):
    document = release_document()
    if value == "absent":
        del document["chart"]["metadata"][missing]
    else:
        document["chart"]["metadata"][missing] = value

    with pytest.raises(ReleaseError, match=f"does not say the {missing} of its chart"):
        decode_release(encode_release(document))


@pytest.mark.parametrize("document", [{}, {"chart": None}, {"chart": {}}, {"chart": {"metadata": None}}])
def test_a_release_without_a_chart_is_refused(document):
    with pytest.raises(ReleaseError, match="does not say the name of its chart"):
        decode_release(encode_release(document))


@pytest.mark.parametrize(
    "name", ["a/b", "../acme-platform", ".", "..", "acme\n", "acme\0", "acme\u200b", "\u202eacme", "a" * 251]
)
def test_chart_names_that_helm_never_stores_are_refused(name):
    with pytest.raises(ReleaseError, match="name of the release's chart"):
        decode_release(encode_release(release_document(name, "1.0.0")))


@pytest.mark.parametrize(
    "name", ["Acme-Platform", "acme.platform_2", "acme platform", "приложение", "a" * 250, "-", "{{}}"]
)
def test_odd_chart_names_that_helm_allows_are_read(name):
    assert decode_release(encode_release(release_document(name, "1.0.0"))).chart.name == name


@pytest.mark.parametrize("version", ["v1.2.3+build", "1", "v2.0.0-rc.1+x.y", "0.0.0", "latest"])
def test_versions_are_kept_as_they_are_written(version):
    assert decode_release(encode_release(release_document("web", version))).chart.version == version


# -- in general --------------------------------------------------------------------------------------------------------


def test_refusals_do_not_show_what_the_release_holds():
    for payload in (
        with_text('"replicas":2', '"replicas":hunter2'),
        with_text('"config":{"replicas":2}', '"config":"hunter2"'),
        with_text('"namespace":"prod-eu"', '"namespace":{"hunter2":"hunter2"}'),
    ):
        with pytest.raises(ReleaseError) as refusal:
            decode_release(payload)
        assert "hunter2" not in str(refusal.value)


def test_a_release_does_not_show_its_manifests():
    release = decode_release(encode_release(release_document(manifest="hunter2", hooks=[{"manifest": "hunter2"}])))

    assert "hunter2" not in repr(release)


@given(st.binary(max_size=200))
def test_no_bytes_are_answered_by_another_error(data):
    for payload in (data, base64.b64encode(data), base64.b64encode(b"\x1f\x8b\x08" + data), encode_release(data)):
        with pytest.raises(ReleaseError):
            decode_release(payload)


@given(st.data())
def test_a_release_that_is_damaged_anywhere_is_refused_or_a_release(data):
    text = bytearray(go_json(full_document()))
    for _ in range(data.draw(st.integers(1, 3))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.sampled_from(b'{}[]",:\\nN \x00\x80'))
    try:
        release = decode_release(encode_release(bytes(text)))
    except ReleaseError:
        return
    read = json.loads(text)
    assert release.chart.name == read["chart"]["metadata"]["name"]
    assert release.chart.version == read["chart"]["metadata"]["version"]
