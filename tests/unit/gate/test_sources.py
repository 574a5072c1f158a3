"""The chart that a HelmRelease refers to is looked up, and done without where there is no answer."""

import asyncio

import pytest

from licet.cluster.errors import ApiError
from licet.core.flux import SourceKind, SourceRef
from licet.core.gitops import RequestedChart
from licet.gate import sources
from licet.gate.sources import SourceReader
from support.gitops import oci_repository

SOURCE = SourceRef(SourceKind.OCI_REPOSITORY, "prod-eu", "acme")


class Api:
    """Answers with one object, or an error, or never."""

    def __init__(self, answer) -> None:
        self._answer = answer
        self.asked = []

    async def get(self, path: str):
        self.asked.append(path)
        if self._answer is None:
            await asyncio.Event().wait()
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


async def test_source_is_read_from_the_api_server():
    api = Api(oci_repository("oci://registry.example/acme-platform", tag="2.4.1"))
    assert await SourceReader(api).chart(SOURCE) == RequestedChart("acme-platform", "2.4.1")
    assert api.asked == ["/apis/source.toolkit.fluxcd.io/v1/namespaces/prod-eu/ocirepositories/acme"]


@pytest.mark.parametrize("status", [0, 403, 404, 500])
async def test_source_that_can_not_be_read_tells_nothing(status):
    error = ApiError("GET /", status=status, reason="Unknown", message="no")
    assert await SourceReader(Api(error)).chart(SOURCE) is None


async def test_source_that_takes_too_long_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(sources, "_SECONDS", 0.01)
    assert await SourceReader(Api(None)).chart(SOURCE) is None


async def test_name_that_no_object_can_have_is_not_asked_for():
    api = Api({})
    assert await SourceReader(api).chart(SourceRef(SourceKind.HELM_CHART, "prod-eu", "../x")) is None
    assert api.asked == []
