"""Looking up the chart that a HelmRelease refers to, in the cluster; without an answer it goes without that."""

import asyncio
import logging
from typing import Final

from licet.cluster.api import KubeApi
from licet.cluster.resource import HELM_CHARTS, OCI_REPOSITORIES, Resource
from licet.core.errors import LicetError
from licet.core.flux import SourceKind, SourceRef, read_source
from licet.core.gitops import RequestedChart

_SECONDS: Final = 1.0
_RESOURCES: Final[dict[SourceKind, Resource]] = {
    SourceKind.HELM_CHART: HELM_CHARTS,
    SourceKind.OCI_REPOSITORY: OCI_REPOSITORIES,
}
_logger: Final = logging.getLogger(__name__)


class SourceReader:
    """Reads the sources of Flux from the API server."""

    def __init__(self, api: KubeApi) -> None:
        self._api = api

    async def chart(self, source: SourceRef) -> RequestedChart | None:
        """Give the chart that a source stands for; None where that can't be told now.

        A source that is not there yet is the rule where both are applied together. The release tells in the end.
        """
        try:
            async with asyncio.timeout(_SECONDS):
                obj = await self._api.get(_RESOURCES[source.kind].path(source.namespace, source.name))
        except (LicetError, TimeoutError) as error:
            reason = str(error) or f"no answer within {_SECONDS} s"
            _logger.info("the chart of a HelmRelease is left to its release: %s", reason)
            return None
        return read_source(source.kind, obj)
