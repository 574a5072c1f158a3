"""Gatekeeper and Kyverno, each with the one rule that a label allows, and without all that this rule does not need.

They run beside the API server, as the administrator, and their registration has a URL in place of a Service. Neither
its audits and reports, nor its mutations, nor its background controllers run: only what answers reviews.
"""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import yaml

from bench.releases import LABEL, LABEL_RULE, Subject
from bench.serving import RELEASES_ONLY, RULE, Serving, webhook, webhook_reviews
from bench.setting import Manifest, apply, eventually, process
from controlplane import ApiError, ControlPlane
from controlplane.certs import Authority
from sandbox.components import HOST, free_port

_GATEKEEPER: Final = "gatekeeper-system"
_TEMPLATE: Final = "refusedlabel"
_CONSTRAINTS: Final = "constraints.gatekeeper.sh/v1beta1"
_REGO: Final = f"""\
package {_TEMPLATE}
violation[{{"msg": "refused"}}] {{ input.review.object.metadata.labels["{LABEL}"] == "{Subject.REFUSED}" }}
"""


@contextmanager
def gatekeeper(plane: ControlPlane, *, program: Path, source: Path) -> Iterator[Serving]:
    """Runs Gatekeeper with a constraint in Rego, its first language."""
    definitions = _definitions(source / "charts" / "gatekeeper" / "crds")
    apply(plane, _namespace(_GATEKEEPER), *definitions)
    plane.await_served(definitions)
    # It owns the statuses that it writes by a Pod of its own.
    pod = {"name": "bench", "namespace": _GATEKEEPER}
    containers = [{"name": "manager", "image": "gatekeeper"}]
    apply(plane, {"apiVersion": "v1", "kind": "Pod", "metadata": pod, "spec": {"containers": containers}})
    apply(plane, _gatekeeper_template())
    with ExitStack() as stack:
        certificates = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        authority = Authority.create("bench")
        authority.serving("gatekeeper", names=["gatekeeper"], addresses=[HOST]).write(certificates, "tls")
        (certificates / "ca.crt").write_bytes(authority.certificate)
        port = free_port()
        command = [str(program), f"--host={HOST}", f"--port={port}", f"--cert-dir={certificates}"]
        command += ["--disable-cert-rotation", "--operation=webhook", "--operation=generate"]
        command += [f"--health-addr={HOST}:{free_port()}", f"--prometheus-port={free_port()}"]
        command += ["--disable-opa-builtin={http.send}", f"--kubeconfig={plane.kubeconfig}"]
        environment = {"POD_NAME": pod["name"], "POD_NAMESPACE": _GATEKEEPER, "NAMESPACE": _GATEKEEPER}
        log = plane.directory / "log" / "gatekeeper.log"
        pid = stack.enter_context(process(command, log=log, environment=environment))
        constraint = {
            "apiVersion": _CONSTRAINTS,
            "kind": "RefusedLabel",
            "metadata": {"name": "bench"},
            "spec": {"match": {"kinds": [{"apiGroups": [""], "kinds": ["Secret"]}]}},
        }
        # It makes a kind of the template, and that takes it a moment.
        path = f"/apis/{_CONSTRAINTS}/{_TEMPLATE}"
        eventually(lambda: plane.request("POST", path, constraint), (ApiError,), log)
        name = "validation.gatekeeper.sh"
        apply(plane, webhook(name, f"https://{HOST}:{port}/v1/admit", authority.certificate))
        yield Serving(webhook_reviews(name), pid=pid)


def _gatekeeper_template() -> Manifest:
    return {
        "apiVersion": "templates.gatekeeper.sh/v1",
        "kind": "ConstraintTemplate",
        "metadata": {"name": _TEMPLATE},
        "spec": {
            "crd": {"spec": {"names": {"kind": "RefusedLabel"}}},
            "targets": [{"target": "admission.k8s.gatekeeper.sh", "rego": _REGO}],
        },
    }


_KYVERNO: Final = "kyverno"
_KYVERNO_SERVICE: Final = "kyverno-svc"
_DEPLOYMENT: Final = "kyverno-admission-controller"


@contextmanager
def kyverno(plane: ControlPlane, *, program: Path, source: Path) -> Iterator[Serving]:
    """Runs Kyverno with a ValidatingPolicy, which has taken the place of its ClusterPolicy, judged in its webhook."""
    definitions = _definitions(source / "config" / "crds")
    metadata = {"namespace": _KYVERNO}
    maps = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}, "data": {}}
        for name in ("kyverno", "kyverno-metrics")
    ]
    apply(plane, _namespace(_KYVERNO), *definitions, *maps, _kyverno_deployment())
    plane.await_served(definitions)
    port = free_port()
    server = f"{HOST}:{port}"
    command = [str(program), f"--kubeconfig={plane.kubeconfig}", f"--serverIP={server}"]
    command += [f"--webhookServerHost={HOST}", f"--webhookServerPort={port}"]
    command += [f"--metricsHost={HOST}", f"--metricsPort={free_port()}", "--controllerRuntimeMetricsAddress=0"]
    command += [f"--{kind}SecretName={_KYVERNO_SERVICE}.{_KYVERNO}.svc.kyverno-tls-{end}" for kind, end in _SECRETS]
    command += ["--backgroundServiceAccountName=none", "--reportsServiceAccountName=none"]
    command += ["--generateValidatingAdmissionPolicy=false", "--admissionReports=false"]
    command += ["--omitEvents=PolicyApplied,PolicySkipped,PolicyViolation"]
    environment = {
        "KYVERNO_NAMESPACE": _KYVERNO,
        "KYVERNO_SERVICEACCOUNT_NAME": _DEPLOYMENT,
        "KYVERNO_DEPLOYMENT": _DEPLOYMENT,
        "KYVERNO_POD_NAME": "bench",
        "KYVERNO_SVC": _KYVERNO_SERVICE,
        "INIT_CONFIG": "kyverno",
        "METRICS_CONFIG": "kyverno-metrics",
    }
    log = plane.directory / "log" / "kyverno.log"
    with process(command, log=log, environment=environment) as pid:
        # It judges policies too, so it refuses them until it serves.
        path = "/apis/policies.kyverno.io/v1/validatingpolicies"
        eventually(lambda: plane.request("POST", path, _kyverno_policy()), (ApiError,), log)
        yield Serving(webhook_reviews("vpol.validate.kyverno.svc-fail-finegrained-bench"), pid=pid)


_SECRETS: Final = (("ca", "ca"), ("tls", "pair"))


def _kyverno_policy() -> Manifest:
    return {
        "apiVersion": "policies.kyverno.io/v1",
        "kind": "ValidatingPolicy",
        "metadata": {"name": "bench"},
        "spec": {
            "validationActions": ["Deny"],
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [RULE]},
            "matchConditions": [RELEASES_ONLY],
            "validations": [{"expression": LABEL_RULE, "message": "refused"}],
        },
    }


def _kyverno_deployment() -> Manifest:
    """Its own Deployment, by which it knows that it is not going down; no Pod of it ever runs."""
    labels = {"app": _DEPLOYMENT}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "kyverno", "image": "kyverno"}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": _DEPLOYMENT, "namespace": _KYVERNO},
        "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": pod},
    }


def _definitions(directory: Path) -> list[dict[str, Any]]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    texts = [path.read_text() for path in sorted(directory.rglob("*.yaml"))]
    return [each for text in texts for each in yaml.load_all(text, Loader=loader) if each]


def _namespace(name: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
