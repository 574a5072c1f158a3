"""How somebody who judges releases is registered, and what is known of them while they are at work."""

import base64
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from bench.counters import metrics
from bench.setting import Manifest

RULE: Final = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["secrets"]}
RELEASES_ONLY: Final = {"name": "releases", "expression": "object.type == 'helm.sh/release.v1'"}

_METRICS_SECONDS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """Somebody at work.

    `reviews` gives, from the API server's metrics, how often they were asked about a Secret; of its own policies it
    counts refusals only. `pid` is of their process, where they have one. `status` is the base of the URL of their own
    metrics, where these are of use.
    """

    reviews: Callable[[str], float] | None = field(default=None, kw_only=False)
    counts_refusals_only: bool = False
    pid: int | None = None
    status: str | None = None

    def metrics(self) -> str:
        """Gives their own metrics; empty where there are none."""
        if self.status is None:
            return ""
        with urllib.request.urlopen(f"{self.status}/metrics", timeout=_METRICS_SECONDS) as response:  # noqa: S310 - http
            text: str = response.read().decode()
            return text


def webhook(name: str, url: str, authority: bytes) -> Manifest:
    """Gives the registration of a webhook that is asked about releases alone."""
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [
            {
                "name": name,
                "admissionReviewVersions": ["v1"],
                "clientConfig": {"url": url, "caBundle": base64.b64encode(authority).decode()},
                "rules": [RULE],
                "matchConditions": [RELEASES_ONLY],
                "failurePolicy": "Fail",
                "sideEffects": "None",
                "timeoutSeconds": 10,
            }
        ],
    }


def webhook_reviews(name: str) -> Callable[[str], float]:
    """Tells how to count what the webhook of this name was asked about objects that were to be created."""
    metric = "apiserver_admission_webhook_admission_duration_seconds_count"
    return lambda text: metrics(text, metric, name=name, operation="CREATE", type="validating")
