"""What licet reads in a release is what Helm reads in it: both are given the same payloads, most of them broken.

Whatever a Helm accepts, licet reads to the same meaning, or refuses. What Helm does not accept can do no harm: Helm
does nothing with it.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given

from licet.core.errors import ReleaseError
from licet.core.release import decode_release
from support.helm_releases import encode_release, release_document
from support.properties import fuzzed
from support.release_fuzzing import payloads
from support.release_oracle import HELMS, Meaning, Oracle, meaning_to_licet

SAMPLES: Final = sorted(Path(__file__).parents[1].joinpath("unit", "core", "data", "releases").glob("*.release"))
EXAMPLES: Final = 2500


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    made = Oracle()
    yield made
    made.close()


def read_by_licet(payload: bytes) -> Meaning | None:
    """What a payload means to licet; None where it is refused."""
    try:
        return meaning_to_licet(decode_release(payload))
    except ReleaseError:
        return None


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_releases_that_helm_made_mean_the_same_to_all(oracle: Oracle, sample: Path) -> None:
    payload = sample.read_bytes()
    read = read_by_licet(payload)
    assert read is not None
    assert oracle.read(payload) == dict.fromkeys(HELMS, read)


def test_no_release_means_to_licet_what_it_means_to_no_helm(oracle: Oracle) -> None:
    read_by_all = refused_by_licet = 0

    @fuzzed(EXAMPLES)
    @given(payloads())
    def compare(payload: bytes) -> None:
        nonlocal read_by_all, refused_by_licet
        to_licet = read_by_licet(payload)
        to_helm = [meaning for meaning in oracle.read(payload).values() if meaning is not None]
        assert to_licet is None or all(meaning == to_licet for meaning in to_helm)
        read_by_all += bool(to_licet and to_helm)
        refused_by_licet += to_licet is None and bool(to_helm)

    compare()
    assert read_by_all > EXAMPLES / 10
    assert refused_by_licet > EXAMPLES / 100, "what Helm takes, but could be taken otherwise"


def test_release_that_two_majors_of_helm_read_differently_is_refused(oracle: Oracle) -> None:
    """Helm 4 puts the members of `info` into an order of its own before it reads them; Helm 3 takes the last."""
    document = json.dumps(release_document()).replace('"status":', '"Status": "deployed", "status":', 1)
    reordered = document.replace('"Status": "deployed", "status": "pending-install"', '"status": "x", "Status": "y"')
    payload = encode_release(reordered.encode())

    to_helm = oracle.read(payload)

    assert [meaning and meaning["status"] for meaning in to_helm.values()] == ["y", "x"]
    assert read_by_licet(payload) is None
