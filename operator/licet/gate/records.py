"""What remains of a decision: a log line, a Kubernetes Event where there is something to say, and metrics."""

import logging
import time
from dataclasses import replace
from typing import Final

import prometheus_client

from licet.cluster.events import MESSAGE_BYTES, EventRecorder, EventType, RateLimits
from licet.core.verdict import ChartVerdict, Ground, Result
from licet.gate.deliberation import Decision
from licet.gate.messages import printable, signed

_EVENTS: Final = {
    Result.DENIED: ("ReleaseDenied", EventType.WARNING),
    Result.WARNED: ("ReleaseWarned", EventType.WARNING),
    Result.AUDITED: ("ReleaseAudited", EventType.NORMAL),
    Result.ALLOWED: ("ReleaseAllowed", EventType.NORMAL),  # licensed for a while only, or for what it was
}

_BREAK_GLASS: Final = ("ReleaseAllowedByBreakGlass", EventType.WARNING)

# In one namespace, whatever the releases are called: the recorder's own limit is for each release.
_EVENTS_BURST: Final = 30
_EVENTS_REFILL_SECONDS: Final = 10.0
_NAMESPACES: Final = 4096

_DECISIONS: Final = prometheus_client.Counter(
    "licet_gate_decisions",
    "Decisions about releases, and about what asks for them, one for each protected chart; vendor and product are "
    "empty where none is protected.",
    ["vendor", "product", "result", "reason"],
)
_SECONDS: Final = prometheus_client.Histogram(
    "licet_gate_decision_seconds",
    "Time from the arrival of a review to the decision.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
_logger: Final = logging.getLogger(__name__)


class DecisionLog:
    """Keeps decisions on record; dry runs leave no Event, nor do more decisions than a namespace has use for."""

    def __init__(self, events: EventRecorder) -> None:
        self._events = events
        self._limits = RateLimits(burst=_EVENTS_BURST, refill_seconds=_EVENTS_REFILL_SECONDS, size=_NAMESPACES)

    def record(self, decision: Decision, seconds: float) -> None:
        """Record a decision that took so long."""
        verdict = decision.judgement.verdict
        _SECONDS.observe(seconds)
        for chart in verdict.charts:
            claim = chart.subject.claim
            _DECISIONS.labels(claim.vendor, claim.product, chart.result, chart.ground).inc()
        if not verdict.charts:
            _DECISIONS.labels("", "", verdict.result, verdict.ground).inc()
        _log(decision, seconds)
        explanation = decision.judgement.explanation
        namespace = decision.regarding.namespace
        if explanation and not decision.dry_run and self._limits.admit(namespace, time.monotonic()):
            reason, event_type = _BREAK_GLASS if verdict.ground is Ground.BREAK_GLASS else _EVENTS[verdict.result]
            self._events.emit(
                replace(decision.regarding, name=decision.regarding.name or "release"),
                reason,
                signed(explanation, decision.id, limit=MESSAGE_BYTES),
                event_type=event_type,
            )


def _log(decision: Decision, seconds: float) -> None:
    judgement = decision.judgement
    verdict = judgement.verdict
    fields = {
        "decision": decision.id,
        "result": verdict.result.value,
        "reason": verdict.ground.value,
        "kind": decision.regarding.kind,
        "namespace": decision.regarding.namespace,
        "release": printable(decision.release),
        "revision": decision.revision,
        "charts": [_chart(chart) for chart in verdict.charts],
        "explanation": printable(judgement.explanation),
        "user": decision.user,
        "dryRun": decision.dry_run,
        "live": judgement.live,
        "seconds": round(seconds, 6),
    }
    _logger.info("release %s", verdict.result.value, extra=fields)


def _chart(chart: ChartVerdict) -> dict[str, object]:
    subject = chart.subject
    return {
        "name": subject.name,
        "version": subject.version,
        "origin": subject.origin.value,
        "vendor": subject.claim.vendor,
        "product": subject.claim.product,
        "result": chart.result.value,
        "reason": chart.ground.value,
        "license": chart.license or None,
        "breakGlasses": list(chart.break_glasses),
    }
