import asyncio
import base64
import gzip
import threading

import pytest

from licet.core.errors import ReleaseError
from licet.core.release import Storage
from licet.core.vendors import VendorRegistry
from licet.gate import decoding
from licet.gate.decoding import Decoders
from licet.gate.review import ReleaseObject
from support.helm_releases import encode_release, release_document
from support.vendor_simulator import VendorSimulator

REGISTRY = VendorRegistry([VendorSimulator().vendor()])


def secret(payload: bytes, format_: str = "helm.sh/release.v1") -> ReleaseObject:
    return ReleaseObject(Storage.SECRET, "sh.helm.release.v1.web.v1", "web", format_, payload)


def large(megabytes: int) -> bytes:
    return encode_release(release_document("acme-platform", manifest="# x\n" * (megabytes * 250_000)))


async def test_release_is_read_down_to_what_a_decision_needs():
    read = await Decoders().read(
        secret(encode_release(release_document("acme-platform", "2.4.1", revision=3))), REGISTRY
    )
    assert (read.name, read.namespace, read.revision) == ("web", "prod-eu", 3)
    assert [(subject.name, subject.version) for subject in read.subjects] == [("acme-platform", "2.4.1")]


async def test_format_that_is_not_known_is_refused_unread():
    with pytest.raises(ReleaseError, match=r"'helm\.sh/release\.v2' is not known"):
        await Decoders().read(secret(b"", "helm.sh/release.v2"), REGISTRY)


@pytest.mark.parametrize("size", [3, 1000, 5_000_000])
def test_claim_of_size_is_that_of_the_gzip_trailer(size):
    payload = base64.b64encode(gzip.compress(bytes(size)))
    assert decoding._claimed_size(payload) == max(size, len(payload))
    assert decoding._claimed_size(payload[:-6] + b"\r\n" + payload[-6:] + b"\n") >= size


@pytest.mark.parametrize("payload", [b"", b"x", b"====", b"?" * 100, b"\n" * 100])
def test_payload_without_a_claim_is_as_large_as_it_is(payload):
    assert decoding._claimed_size(payload) == len(payload)


@pytest.mark.parametrize(("payload", "at_once"), [(encode_release(release_document()), True), (large(1), False)])
async def test_event_loop_reads_tiny_releases_alone(payload, at_once, monkeypatch):
    readers = []
    monkeypatch.setattr(decoding, "_read", lambda *_: readers.append(threading.current_thread()))
    await Decoders().read(secret(payload), REGISTRY)
    assert (readers == [threading.main_thread()]) is at_once


async def test_queue_of_large_releases_holds_up_no_small_one(monkeypatch):
    monkeypatch.setattr(decoding, "_TINY_BYTES", 0)
    monkeypatch.setattr(decoding, "_LARGE_BYTES", 1024 * 1024)
    decoders, payload = Decoders(), large(10)
    queue = [asyncio.create_task(decoders.read(secret(payload), REGISTRY)) for _ in range(6)]
    await asyncio.sleep(0)
    await decoders.read(secret(encode_release(release_document())), REGISTRY)
    assert not queue[-1].done()
    await asyncio.gather(*queue)
