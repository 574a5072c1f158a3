"""What the chart of licet installs, as the sandbox installs it: without Pods, and with the gate at a local address."""

import subprocess
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

import yaml

from sandbox.errors import SandboxError

CHART: Final = Path(__file__).parents[2] / "charts" / "licet"

# Local processes stand in for Pods, and a URL for the Service that leads to them.
_LEFT_OUT: Final = frozenset({"Deployment", "PodDisruptionBudget", "Service"})

Manifest = dict[str, Any]


def render(helm: Path, namespace: str, values: Sequence[str] = ()) -> list[Manifest]:
    """Gives all that `helm template` makes of the chart, CRDs included; `values` are `--set` assignments.

    Raises:
        SandboxError: Helm refuses.
    """
    command = [str(helm), "template", "licet", str(CHART), "--namespace", namespace, "--include-crds"]
    command += [f"--set={value}" for value in values]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise SandboxError(f"helm template failed: {answer.stderr}")
    return [document for document in yaml.load_all(answer.stdout, Loader=_LOADER) if document]


def localize(manifests: Sequence[Manifest], gate: str) -> tuple[list[Manifest], list[Manifest]]:
    """Gives the CRDs, and the rest without Pods, the webhooks leading to `gate`, the base of a URL."""
    kept = [deepcopy(manifest) for manifest in manifests if manifest["kind"] not in _LEFT_OUT]
    for manifest in kept:
        if manifest["kind"] == "ValidatingWebhookConfiguration":
            for webhook in manifest["webhooks"]:
                service = webhook["clientConfig"].pop("service")
                webhook["clientConfig"]["url"] = f"{gate}{service['path']}"
    definitions = [manifest for manifest in kept if manifest["kind"] == "CustomResourceDefinition"]
    return definitions, [manifest for manifest in kept if manifest not in definitions]


def arguments(manifests: Sequence[Manifest], deployment: str) -> list[str]:
    """Gives the arguments that a Deployment of the chart starts licet with."""
    (found,) = (each for each in manifests if (each["kind"], each["metadata"]["name"]) == ("Deployment", deployment))
    (container,) = found["spec"]["template"]["spec"]["containers"]
    given: list[str] = container["args"]
    return given


_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
