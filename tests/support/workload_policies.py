"""A cluster whose API server judges workloads by licet's admission policies, with nothing of licet running."""

import http.client
import json
import secrets
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from controlplane import Cluster
from licet.core.globs import Glob
from licet.core.licenses import Assessment
from licet.core.openings import Opening
from licet.core.parameters import Claimed, Pattern, VendorParameters, vendor_parameters
from licet.core.reasons import Enforcement
from licet.core.vendors import VendorRegistry
from licet.core.workloads import PastWorkloads
from licet.resources.workloadpolicy import WorkloadPolicy
from support.assessing import assess_tokens
from support.gate_process import until
from support.vendor_simulator import VendorSimulator

ROOT: Final = Path(__file__).parents[2]
POLICIES: Final = ROOT / "charts" / "licet" / "policies" / "workloads.yaml"
CRD: Final = ROOT / "crds" / "licet.dev_workloadpolicies.yaml"
PARAMETERS: Final = "/apis/licet.dev/v1alpha1/workloadpolicies"
SECONDS: Final = 60
IDLE_SECONDS: Final = 60  # the API server closes what was idle for 90

JSON: Final = "application/json"
MERGE_PATCH: Final = "application/merge-patch+json"
JSON_PATCH: Final = "application/json-patch+json"
APPLY: Final = "application/apply-patch+yaml"

Json = dict[str, Any]


def image_pod(*images: str, name: str = "web", **metadata: Any) -> Json:
    """A Pod with a container for each image."""
    containers = [{"name": f"c{number}", "image": image} for number, image in enumerate(images)]
    return {"metadata": {"name": name, **metadata}, "spec": {"containers": containers}}


class PolicyCluster:
    """Writes parameters as the controller would, and asks the API server for its verdict."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._asking = Connection(cluster)

    def close(self) -> None:
        """End the connection over which it is asked; the next question begins another."""
        self._asking.close()

    def install(self) -> None:
        """Serve the CRD and put the policies in force."""
        definitions = list(yaml.safe_load_all(CRD.read_text()))
        for document in definitions:
            self._create(document)
        self.cluster.await_served(definitions)  # of policies that come before, it would look for it 30 s later
        for document in yaml.safe_load_all(POLICIES.read_text()):
            self._create(document)
        self.await_parameters()

    def publish(
        self,
        registry: VendorRegistry,
        assessment: Assessment,
        past: Mapping[str, PastWorkloads] | None = None,
        *,
        exempt_users: tuple[str, ...] = (),
        openings: Mapping[str, tuple[Opening, ...]] | None = None,
    ) -> None:
        """Make these the parameters, all that there are, and wait until the API server goes by them.

        `past` is by namespace, `openings` by Vendor.
        """
        wanted = {
            vendor.name: WorkloadPolicy.of(
                vendor_parameters(vendor, registry, assessment, past or {}, (openings or {}).get(vendor.name, ())),
                exempt_users=exempt_users,
            ).as_object()
            for vendor in registry
        }
        self.replace(wanted)

    def replace(self, wanted: Mapping[str, Json]) -> None:
        """Make these objects the parameters, all that there are."""
        for item in self.cluster.request("GET", PARAMETERS)["items"]:
            self.cluster.request("DELETE", f"{PARAMETERS}/{item['metadata']['name']}")
        for body in wanted.values():
            self.cluster.request("POST", f"{PARAMETERS}?fieldValidation=Strict", body)
        self.await_parameters()

    def await_parameters(self) -> None:
        """Wait until the API server has seen all parameters: it sees one that is written after them as the last."""
        image = f"canary.example/{secrets.token_hex(8)}"
        parameters = VendorParameters(
            vendor="canary",
            enforcement=Enforcement.ENFORCE,
            images=(Claimed(Pattern.of(Glob(image)), "canary"),),
            charts=(),
            products=(),
            mirrors=(),
            elsewhere=(),
            rights=(),
            past=(),
        )
        self.cluster.request("POST", PARAMETERS, WorkloadPolicy.of(parameters).as_object())
        refused = f"licet: image {image} "
        until(
            lambda: refused in (self.refusal("default", image_pod(image)) or ""),
            lambda: "the policies are not in force",
        )
        self.cluster.request("DELETE", f"{PARAMETERS}/canary")

    def await_default_account(self, namespace: str) -> None:
        """Wait for the ServiceAccount without which, made by a controller, no Pod is admitted in a namespace."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/default"
        until(lambda: self.send("GET", path, None).status == http.client.OK)

    def refusal(self, namespace: str, pod: Json) -> str | None:
        """What the policies say against creating a Pod; None when it could be created. Nothing is written."""
        return self.send("POST", f"/api/v1/namespaces/{namespace}/pods?dryRun=All", pod).refusal

    def send(self, method: str, path: str, body: object, *, media_type: str = JSON, user: str = "") -> "Answer":
        """Send a request as the administrator, or with the administrator's rights as another user."""
        headers = {"Impersonate-User": user, "Impersonate-Group": "system:masters"} if user else {}
        return self._asking.send(method, path, body, {"Content-Type": media_type, **headers})

    def _create(self, document: Json) -> None:
        group, _, version = document["apiVersion"].partition("/")
        plural = {"ValidatingAdmissionPolicy": "validatingadmissionpolicies"}.get(
            document["kind"], f"{document['kind'].lower()}s"
        )
        self.cluster.request("POST", f"/apis/{group}/{version}/{plural}?fieldValidation=Strict", document)


def license_images(
    policies: PolicyCluster, images: list[Json] | None, vendor: Mapping[str, Any] | None = None, **publish: Any
) -> None:
    """Have a license for these images, and for charts of versions 2; None is no license at all.

    `vendor` replaces members of the Vendor.
    """
    simulator = VendorSimulator(int(time.time()))
    tokens = {}
    if images is not None:
        tokens["acme-prod"] = simulator.token(images=images, charts=[{"name": "acme-*", "versions": "2.x"}])
    registry = VendorRegistry([simulator.vendor(**(vendor or {}))])
    policies.publish(registry, assess_tokens(simulator, tokens, clock=simulator.now), **publish)


@dataclass(frozen=True)
class Answer:
    """What the API server answers."""

    status: int
    body: Json
    warnings: tuple[str, ...]

    @property
    def refusal(self) -> str | None:
        """What the policies say against it; None when nobody says anything against it."""
        if self.status < http.client.BAD_REQUEST:
            return None
        message = str(self.body["message"])
        assert self.status == http.client.FORBIDDEN, message
        assert "ValidatingAdmissionPolicy 'workloads.licet.dev'" in message, message
        return message


class Connection:
    """One connection as the administrator that is kept, since thousands of questions go over it."""

    def __init__(self, cluster: Cluster) -> None:
        self._used = time.monotonic()
        certificates = cluster.ca_file.parent
        context = ssl.create_default_context(cafile=cluster.ca_file)
        context.load_cert_chain(certificates / "admin.crt", certificates / "admin.key")
        self._connection = http.client.HTTPSConnection(
            cluster.server.removeprefix("https://"), context=context, timeout=SECONDS
        )

    def close(self) -> None:
        """End it."""
        self._connection.close()

    def send(self, method: str, path: str, body: object, headers: Mapping[str, str]) -> Answer:
        """Send JSON."""
        if time.monotonic() - self._used > IDLE_SECONDS:
            self._connection.close()  # it is begun anew
        self._connection.request(method, path, json.dumps(body), {"Accept": JSON, **headers})
        response = self._connection.getresponse()
        self._used = time.monotonic()
        return Answer(response.status, json.loads(response.read()), tuple(response.headers.get_all("Warning") or ()))
