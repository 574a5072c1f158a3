"""From a request of the API server to the response: judge what is the gate's to judge, put it on record, answer."""

import asyncio
from typing import Final

from licet.gate.judge import Judge
from licet.gate.messages import signed, warnings
from licet.gate.records import DecisionLog
from licet.gate.requests import RequestJudge
from licet.gate.review import AdmissionRequest, encode_response, release_object

# Names of audit annotations; the API server puts the name of the webhook and a slash before each.
DECISION_ANNOTATION: Final = "decision"
RESULT_ANNOTATION: Final = "result"
REASON_ANNOTATION: Final = "reason"


class Webhook:
    """Answers reviews."""

    def __init__(self, releases: Judge, requests: RequestJudge, log: DecisionLog) -> None:
        self._releases = releases
        self._requests = requests
        self._log = log

    async def answer(self, request: AdmissionRequest, deadline: float) -> bytes:
        """Give the response to a request, before a deadline in the event loop's time.

        Raises:
            ReviewError: the request's object is not what an API server sends.
            UndecidedError, TimeoutError: as `Judge.decide` and `RequestJudge.decide`.
        """
        begun = asyncio.get_running_loop().time()
        stored = release_object(request)
        if stored is not None:
            decision = await self._releases.decide(request, stored, deadline=deadline)
        elif (requested := await self._requests.decide(request, deadline=deadline)) is not None:
            decision = requested
        else:
            return encode_response(request.uid)
        loop = asyncio.get_running_loop()
        loop.call_soon(self._log.record, decision, loop.time() - begun)  # the API server gets its answer first
        judgement = decision.judgement
        denial = judgement.denial
        return encode_response(
            request.uid,
            denial=None if denial is None else signed(denial, decision.id),
            warnings=warnings(judgement.warnings, decision.id),
            audit_annotations={
                DECISION_ANNOTATION: decision.id,
                RESULT_ANNOTATION: judgement.verdict.result.value,
                REASON_ANNOTATION: judgement.verdict.ground.value,
            },
        )
