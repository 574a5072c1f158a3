"""The story: a license is made, applied, asked for, and upgraded."""

from pathlib import Path
from typing import Any, Final

from controlplane import ApiError
from demo.stage import Stage, StoryError
from sandbox import Sandbox

CHART: Final = Path(__file__).parents[2] / "examples" / "charts" / "acme-platform"

LICENSE: Final = """\
iss: https://licenses.acme.example
sub: cust_42
exp: P365D
license:
  series: sub_9f2
  sequence: {sequence}
  customer: {{name: Globex}}
  gracePeriod: P14D
  grants:
    - product: acme-platform
      plan: {plan}
      features: {features}
      limits: {{seats: {{max: {seats}}}}}
      charts: [{{name: acme-platform, versions: "{versions}"}}]
      images: [{{repository: "registry.acme.example/platform/*", tags: "{versions}"}}]
"""

ENTITLEMENT: Final = """\
apiVersion: licet.dev/v1alpha1
kind: Entitlement
metadata: {namespace: prod-eu, name: platform}
spec:
  vendorRef: {name: acme}
  product: acme-platform
  target:
    configMap: {name: platform-entitlements}
    secret: {name: platform-license}
"""

CONFIG_MAP: Final = "/api/v1/namespaces/prod-eu/configmaps/platform-entitlements"
SHOW_CONFIG_MAP: Final = "kubectl -n prod-eu get configmap platform-entitlements -o yaml"
SHOW_VALUES: Final = f"{SHOW_CONFIG_MAP} | grep LICET_"


def play(stage: Stage, sandbox: Sandbox) -> None:
    """Plays the story; raises `StoryError` where it comes out otherwise."""
    stage.scene(
        "Acme, the vendor",
        """Acme sells acme-platform, which its customers run in clusters of their own. It makes a signing key, publishes
        the Vendor manifest that goes with it, and signs a license for a customer: version 2, plan pro, 25 seats.""",
    )
    stage.run(
        "licet keygen --key acme.pem --vendor acme --issuer https://licenses.acme.example \\\n"
        "    --product acme-platform --image 'registry.acme.example/platform/*' > vendor.yaml"
    )
    stage.expect(stage.run("cat vendor.yaml"), "kind: Vendor", "issuer: https://licenses.acme.example")
    stage.file("license.yaml", license_spec(1, "pro", "{sso: true}", 25, ">=2.0.0 <3.0.0"))
    stage.run("licet issue license.yaml --key acme.pem -o manifests --name acme-prod > acme-prod.yaml")
    for version in ("2.4.1", "3.1.0"):
        stage.run(f"helm package acme-platform --version {version} --app-version {version}")

    stage.scene(
        "Globex, the customer: its cluster admin",
        "The admin trusts Acme by applying its Vendor, and applies the license that was bought.",
    )
    stage.run("kubectl apply -f vendor.yaml -f acme-prod.yaml")
    stage.run("kubectl wait --for=condition=Valid license/acme-prod")
    stage.expect(stage.run("kubectl get vendors,licenses"), "Globex", "Verified")

    stage.scene(
        "Globex: the team that runs acme-platform",
        """An Entitlement asks for what the license gives this namespace: a ConfigMap for the application to read, and a
        Secret with the signed token, for it to verify.""",
    )
    stage.run("kubectl create namespace prod-eu")
    stage.file("entitlement.yaml", ENTITLEMENT)
    stage.run("kubectl apply -f entitlement.yaml")
    stage.run("kubectl -n prod-eu wait --for=condition=Licensed entitlement/platform")
    stage.expect(stage.run("kubectl -n prod-eu get entitlements"), "pro", "Active")

    stage.scene("Version 3.1.0 was not bought", "Helm is refused before it has made anything, and says what to do.")
    refusal = stage.run("helm -n prod-eu install web acme-platform-3.1.0.tgz", fails=True)
    stage.expect(refusal, "acme-platform 3.1.0", "not licensed", "acme-prod", ">=2.0.0 <3.0.0", "[decision ")
    stage.expect(stage.run("kubectl -n prod-eu get deployments,services"), "No resources found")

    stage.scene(
        "It was not bought for kubectl either",
        """Whoever has Helm only render a chart gets past the gate. But the API server itself judges images and chart
        labels, whatever brings them in; it would go on doing so with nothing of licet running.""",
    )
    refusal = stage.run(
        "helm template web acme-platform-3.1.0.tgz --show-only templates/deployment.yaml \\\n"
        "    | kubectl -n prod-eu apply -f -",
        fails=True,
    )
    stage.expect(refusal, "licet: image registry.acme.example/platform/server:3.1.0", "covers >=2.0.0 <3.0.0")

    stage.scene(
        "Version 2.4.1 was",
        "The same command goes through. (Its Pods stay pending: this cluster has an API server, but no node.)",
    )
    stage.expect(stage.run("helm -n prod-eu install web acme-platform-2.4.1.tgz"), "STATUS: deployed")
    stage.expect(stage.run("kubectl -n prod-eu get deployments,services"), "deployment.apps/web", "service/web")
    stage.note("This is what the application reads, as a file or as environment variables:")
    stage.expect(stage.run(SHOW_CONFIG_MAP), 'LICET_LIMIT_SEATS: "25"', "LICET_PLAN: pro")

    stage.scene(
        "Globex upgrades",
        "Acme signs the next license of the series, for version 3 and 100 seats. The admin applies it.",
    )
    stage.file("license.yaml", license_spec(2, "enterprise", "{sso: true, audit: true}", 100, ">=2.0.0 <4.0.0"))
    stage.run("licet issue license.yaml --key acme.pem -o manifests --name acme-prod > acme-prod.yaml")
    stage.run("kubectl apply -f acme-prod.yaml")
    seconds = stage.eventually(lambda: seats(sandbox) == "100", "the ConfigMap follows the license")
    stage.note(f"{seconds:.2f} s later the ConfigMap has followed, while the application runs:")
    stage.expect(
        stage.run(SHOW_CONFIG_MAP), 'LICET_LIMIT_SEATS: "100"', "LICET_PLAN: enterprise", "LICET_FEATURE_AUDIT"
    )

    stage.scene("Now version 3.1.0 goes in", "And licet remembers what was installed, and by which license.")
    stage.expect(stage.run("helm -n prod-eu upgrade web acme-platform-3.1.0.tgz"), "STATUS: deployed")
    stage.eventually(lambda: installed_version(sandbox) == "3.1.0", "the Installation names the version")
    stage.expect(stage.run("kubectl get installations -A"), "acme-platform-3.1.0", "True")

    stage.scene("In the end", "Uninstalling never needs a license.")
    stage.expect(stage.run("helm -n prod-eu uninstall web"), "uninstalled")


def license_spec(sequence: int, plan: str, features: str, seats: int, versions: str) -> str:
    """Gives the specification of a license for `licet issue`."""
    return LICENSE.format(sequence=sequence, plan=plan, features=features, seats=seats, versions=versions)


def seats(sandbox: Sandbox) -> str | None:
    """Gives the seats that the application reads of."""
    data: dict[str, str] = read(sandbox, CONFIG_MAP).get("data", {})
    return data.get("LICET_LIMIT_SEATS")


def installed_version(sandbox: Sandbox) -> str | None:
    """Gives the version of the chart that the inventory names."""
    installation = read(sandbox, "/apis/licet.dev/v1alpha1/namespaces/prod-eu/installations/web")
    versions: list[str] = [chart["version"] for chart in installation.get("status", {}).get("charts", ())]
    return versions[0] if versions else None


def read(sandbox: Sandbox, path: str) -> dict[str, Any]:
    """Gives an object, empty where there is none."""
    try:
        return sandbox.cluster.request("GET", path)
    except ApiError as error:
        if error.reason != "NotFound":
            raise StoryError(str(error)) from error
        return {}
