"""What policy reports say of Installations."""

from typing import Any

import msgspec
import pytest

from licet.controller.reporting import read_reported, report_content
from licet.core import bounds
from licet.core.reasons import Enforcement
from licet.core.timestamps import format_instant
from licet.core.vendors import VendorRegistry
from support.vendor_simulator import DAY, NOW, VendorSimulator

Json = dict[str, Any]


def registry(enforcement: Enforcement = Enforcement.ENFORCE) -> VendorRegistry:
    return VendorRegistry([VendorSimulator().vendor(enforcement=enforcement)])


def chart(license_: str | None = None, *, product: str = "acme-platform", version: str = "2.4.1") -> Json:
    return {"name": product, "version": version, "vendor": "acme", "product": product, "license": license_}


def installation(
    *charts: Json,
    licensed: bool = False,
    reason: str = "NoLicense",
    message: str = "",
    name: str = "web",
    **status: Any,
) -> Json:
    """An Installation as it is in a list: without its kind."""
    condition = {
        "type": "Licensed",
        "status": str(licensed),
        "reason": reason,
        "message": message or f"{name}: {reason}",
        "lastTransitionTime": format_instant(NOW - DAY),
    }
    source = {"kind": "Release", "name": name}
    return {
        "metadata": {"namespace": "prod-eu", "name": name, "uid": f"uid-{name}"},
        "status": {"source": source, "charts": list(charts), "conditions": [condition], **status},
    }


def results(*installations: Json, enforcement: Enforcement = Enforcement.ENFORCE) -> list[Json]:
    content = report(*installations, enforcement=enforcement)
    return content["results"] if content else []


def report(*installations: Json, enforcement: Enforcement = Enforcement.ENFORCE) -> Json | None:
    return report_content((each for obj in installations for each in read_reported(obj)), registry(enforcement))


@pytest.mark.parametrize(
    ("enforcement", "expected"),
    [
        (Enforcement.ENFORCE, ("fail", "high", True)),
        (Enforcement.WARN, ("warn", "medium", False)),
        (Enforcement.AUDIT, ("warn", "low", False)),
    ],
)
def test_what_is_not_licensed_is_told_as_its_vendor_enforces(enforcement, expected):
    (result,) = results(installation(chart()), enforcement=enforcement)
    assert (result["result"], result["severity"], result["scored"]) == expected
    assert (result["source"], result["policy"], result["rule"]) == ("licet", "licet", "NoLicense")
    assert (result["message"], result["timestamp"]) == ("web: NoLicense", {"seconds": NOW - DAY, "nanos": 0})


@pytest.mark.parametrize("enforcement", Enforcement)
def test_what_is_licensed_passes(enforcement):
    (result,) = results(installation(chart("acme-prod"), licensed=True, reason="Licensed"), enforcement=enforcement)
    assert (result["result"], result["rule"], result["scored"]) == ("pass", "Licensed", True)
    assert len(result["properties"].pop("resultID")) == 32
    assert result["properties"] == {
        "vendor": "acme",
        "product": "acme-platform",
        "license": "acme-prod",
        "charts": "acme-platform 2.4.1",
        "source": "Release/web",
        "installation": "web",
    }


def test_license_in_grace_passes_and_says_so():
    (result,) = results(installation(chart("acme-prod"), licensed=True, reason="InGrace"))
    assert (result["result"], result["rule"], result["message"]) == ("pass", "InGrace", "web: InGrace")


def test_each_product_of_an_installation_has_a_result_of_its_own():
    failing, passing = results(installation(chart("acme-prod"), chart(product="acme-edge")))
    assert (failing["result"], failing["properties"]["product"]) == ("fail", "acme-edge")
    assert (passing["result"], passing["rule"], passing["message"]) == ("pass", "Licensed", "licensed by acme-prod")


def test_result_is_about_the_workload_where_there_is_but_that():
    (result,) = results(installation(chart(), source={"kind": "Deployment", "name": "api"}, name="deployment.api"))
    assert result["resources"] == [
        {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "prod-eu", "name": "api"}
    ]
    (result,) = results(installation(chart()))
    assert result["resources"] == [
        {
            "apiVersion": "licet.dev/v1alpha1",
            "kind": "Installation",
            "namespace": "prod-eu",
            "name": "web",
            "uid": "uid-web",
        }
    ]


def test_results_have_ids_of_their_own_that_change_as_they_turn():
    deployment = {"kind": "Deployment", "name": "web"}
    alike = [installation(chart(), chart(product="acme-edge"), name=name, source=deployment) for name in ("a", "b")]
    turned = installation(chart("acme-prod"), licensed=True, reason="Licensed", name="a", source=deployment)
    ids = [each["properties"]["resultID"] for each in (*results(*alike), *results(turned))]
    assert len(set(ids)) == 5
    assert ids[:4] == [each["properties"]["resultID"] for each in results(*alike)]


def test_installation_that_is_not_licensed_as_a_whole_has_a_result():
    (result,) = results(installation(reason="ReleaseUnreadable"))
    assert (result["result"], result["rule"]) == ("fail", "ReleaseUnreadable")
    assert "vendor" not in result["properties"]


@pytest.mark.parametrize("status", [None, {}, {"conditions": []}])
def test_what_the_controller_has_not_looked_at_is_not_reported(status):
    assert read_reported({**installation(chart()), "status": status}) == ()


def test_where_nothing_runs_there_is_no_report():
    assert report(installation(licensed=True, reason="NothingRuns")) is None


def test_report_never_outgrows_its_bound_and_tells_the_worst_first():
    many = [installation(chart("acme-prod"), licensed=True, name=f"web-{number}") for number in range(1500)]
    content = report(*many, installation(chart(), name="zzz", message="N" * 5000))
    assert content is not None
    assert len(msgspec.json.encode(content["results"])) <= bounds.REPORT_BYTES + len(content["results"]) + 2
    assert content["results"][0]["properties"]["installation"] == "zzz"
    assert len(content["results"][0]["message"]) == bounds.REPORT_TEXT_LENGTH
    assert content["summary"] == {"pass": 1500, "fail": 1, "warn": 0, "error": 0, "skip": 0}
    assert len(content["results"]) < 1501


def test_report_is_the_same_whatever_the_order_of_installations():
    made = [installation(chart(), name=f"web-{number}") for number in range(5)]
    assert report(*made) == report(*reversed(made))
