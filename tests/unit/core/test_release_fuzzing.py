"""Releases that are not quite what Helm stores: each is read or refused, and nothing else ever happens."""

import yaml
from hypothesis import given
from hypothesis import strategies as st

from licet.core.errors import ReleaseError
from licet.core.release import decode_release
from licet.core.subjects import Origin, find_subjects
from licet.core.vendors import VendorRegistry
from support.helm_releases import encode_release, release_document
from support.properties import fuzzed
from support.release_fuzzing import payloads
from support.vendor_simulator import VendorSimulator

CLAIMED = VendorRegistry([VendorSimulator().vendor()])

NAMES = st.from_regex(r"[a-z][a-z0-9.-]{0,12}", fullmatch=True)
VALUES = st.recursive(
    NAMES | st.text(max_size=12) | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
STYLES = st.fixed_dictionaries(
    {
        "default_flow_style": st.sampled_from([None, True, False]),
        "default_style": st.sampled_from([None, "'", '"', "|", ">"]),
        "indent": st.integers(2, 7),
        "width": st.sampled_from([20, 80, 1000]),
        "canonical": st.booleans(),
        "explicit_start": st.booleans(),
    }
)


@fuzzed(100)
@given(payloads())
def test_whatever_is_wrong_with_a_release_it_is_read_or_refused(payload):
    try:
        release = decode_release(payload)
        subjects = find_subjects(release, CLAIMED)
    except ReleaseError:
        return
    claimed = CLAIMED.claim_for_chart(release.chart.name) is not None
    assert claimed == any(subject.origin is Origin.ROOT for subject in subjects)


@fuzzed(40)
@given(
    document=st.dictionaries(NAMES, VALUES, max_size=3),
    around=st.dictionaries(NAMES, NAMES, max_size=3),
    version=st.sampled_from(["2.4.1", "3.0.0-rc.1", "v1.2.3"]),
    style=STYLES,
    of_pods=st.booleans(),
)
def test_label_is_seen_however_yaml_is_written_and_whatever_is_around_it(document, around, version, style, of_pods):
    labels = {"metadata": {"labels": {**around, "helm.sh/chart": f"acme-platform-{version}"}}}
    document = {**document, **({"spec": {"template": labels}} if of_pods else labels)}
    manifest = yaml.safe_dump(document, **style)

    release = decode_release(encode_release(release_document(manifest=manifest)))

    assert [(each.name, each.version) for each in find_subjects(release, CLAIMED)] == [("acme-platform", version)]
