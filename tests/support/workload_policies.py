"""A cluster whose API server judges workloads by licet's admission policies, with nothing of licet running."""

import http.client
import json
import secrets
import ssl
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from controlplane import ApiError, Cluster
from licet.core.globs import Glob
from licet.core.licenses import Assessment
from licet.core.parameters import Claimed, Pattern, VendorParameters, vendor_parameters
from licet.core.reasons import Enforcement
from licet.core.vendors import VendorRegistry
from licet.core.workloads import PastWorkloads
from licet.resources.workloadpolicy import WorkloadPolicy

ROOT: Final = Path(__file__).parents[2]
POLICIES: Final = ROOT / "charts" / "licet" / "policies" / "workloads.yaml"
CRD: Final = ROOT / "crds" / "licet.dev_workloadpolicies.yaml"
PARAMETERS: Final = "/apis/licet.dev/v1alpha1/workloadpolicies"
SECONDS: Final = 60

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
        """Ask no more."""
        self._asking.close()

    def install(self) -> None:
        """Serve the CRD and put the policies in force."""
        for path in (CRD, POLICIES):
            for document in yaml.safe_load_all(path.read_text()):
                self._create(document)
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                self.cluster.request("GET", PARAMETERS)
                break
            except ApiError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        self.await_parameters()

    def publish(
        self,
        registry: VendorRegistry,
        assessment: Assessment,
        past: Mapping[str, PastWorkloads] | None = None,
        *,
        exempt_users: tuple[str, ...] = (),
    ) -> None:
        """Make these the parameters, all that there are, and wait until the API server goes by them."""
        wanted = {
            vendor.name: WorkloadPolicy.of(
                vendor_parameters(vendor, registry, assessment, past or {}), exempt_users=exempt_users
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
        deadline = time.monotonic() + SECONDS
        while self.refusal("default", image_pod(image)) is None:
            assert time.monotonic() < deadline, "the policies are not in force"
            time.sleep(0.05)
        self.cluster.request("DELETE", f"{PARAMETERS}/canary")

    def refusal(self, namespace: str, pod: Json) -> str | None:
        """What the API server says against creating a Pod; None when it would create it. Nothing is written."""
        status, answer = self._asking.post(f"/api/v1/namespaces/{namespace}/pods?dryRun=All", pod)
        if status < http.client.BAD_REQUEST:
            return None
        message = str(answer["message"])
        assert "ValidatingAdmissionPolicy 'workloads.licet.dev'" in message, message
        return message

    def _create(self, document: Json) -> None:
        group, _, version = document["apiVersion"].partition("/")
        plural = {"ValidatingAdmissionPolicy": "validatingadmissionpolicies"}.get(
            document["kind"], f"{document['kind'].lower()}s"
        )
        self.cluster.request("POST", f"/apis/{group}/{version}/{plural}?fieldValidation=Strict", document)


class Connection:
    """One connection as the administrator that is kept, since thousands of questions go over it."""

    def __init__(self, cluster: Cluster) -> None:
        certificates = cluster.ca_file.parent
        context = ssl.create_default_context(cafile=cluster.ca_file)
        context.load_cert_chain(certificates / "admin.crt", certificates / "admin.key")
        self._connection = http.client.HTTPSConnection(
            cluster.server.removeprefix("https://"), context=context, timeout=SECONDS
        )

    def close(self) -> None:
        """End it."""
        self._connection.close()

    def post(self, path: str, body: Json, headers: Iterable[tuple[str, str]] = ()) -> tuple[int, Json]:
        """Post JSON; gives the status and what comes back."""
        head = {"Accept": "application/json", "Content-Type": "application/json", **dict(headers)}
        self._connection.request("POST", path, json.dumps(body), head)
        response = self._connection.getresponse()
        return response.status, json.loads(response.read())
