"""A release of a few kilobytes must not cost the gate more time or memory than one of Helm's."""

import base64
import gzip

import pytest

from licet.core import bounds
from licet.core.errors import ReleaseError
from licet.core.release import decode_release
from licet.core.subjects import find_subjects
from licet.core.vendors import VendorRegistry
from licet.gate import decoding
from support.admission import release_secret
from support.helm_releases import encode_release, release_document
from support.vendor_simulator import VendorSimulator

CLAIMED = VendorRegistry([VendorSimulator().vendor()])


def subjects(**document):
    """The protected charts of a release."""
    return find_subjects(decode_release(encode_release(release_document(**document))), CLAIMED)


@pytest.mark.parametrize("breaks", [b"\n" * 57, b"\r\n" * 500], ids=["some", "more than it looks at"])
def test_line_breaks_at_the_end_hide_no_claim_of_size(breaks):
    payload = base64.b64encode(gzip.compress(bytes(50_000_000)))
    assert decoding._claimed_size(payload + breaks) == 50_000_000


def test_protected_charts_are_capped():
    listed = [{"name": f"acme-platform-{n}", "version": "1.0.0", "enabled": True} for n in range(300)]
    with pytest.raises(ReleaseError, match=str(bounds.RELEASE_SUBJECTS)):
        subjects(dependencies=listed)
    labels = "".join(
        f"---\nlabels: {{licet.dev/product: acme-platform, licet.dev/version: 1.0.{n}}}\n" for n in range(300)
    )
    with pytest.raises(ReleaseError, match=str(bounds.RELEASE_SUBJECTS)):
        subjects(manifest=labels)


def test_names_of_charts_inside_are_capped():
    with pytest.raises(ReleaseError, match="name of over 250 characters"):
        subjects(dependencies=[{"name": "acme-platform-" + "x" * 500, "version": "1.0.0", "enabled": True}])


def test_dependencies_are_not_compared_with_a_lock_without_end():
    listed = [{"name": "acme-platform", "version": "<1", "enabled": True}] * 300
    with pytest.raises(ReleaseError, match="300 dependencies and a lock with 300 entries"):
        subjects(dependencies=listed, locked=[{"name": "acme-platform", "version": "5.0.0"}] * 300)


@pytest.mark.parametrize("path", ["charts/x/" * 1000, "charts/" + "/" * 100_000])
def test_paths_of_templates_are_capped(path):
    with pytest.raises(ReleaseError, match="a path of over 4096 characters"):
        subjects(manifest=f"# Source: web/{'charts/'}{path}t\n")


def test_large_text_of_wide_characters_is_refused():
    for text in ("😀" + "x" * bounds.RELEASE_WIDE_BYTES, "x" * bounds.RELEASE_WIDE_BYTES + "😀"):
        with pytest.raises(ReleaseError, match="such as emoji"):
            decode_release(encode_release(release_document(manifest=text)))
    decode_release(encode_release(release_document(manifest="😀" + "x" * 1_000_000)))


async def test_namespace_of_any_length_makes_no_message_long(scene):
    namespace = "x" * 100_000
    scene.truth.add_namespaces(namespace)
    decision = await scene.decide(release_secret(release_document("acme-platform", namespace=namespace)))
    assert len(decision.judgement.explanation) < 1000
