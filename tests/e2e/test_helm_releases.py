"""What a user of Helm sees of the gate, with both majors of Helm."""

import time

import pytest

from support.team import HELMS, Team

RANGE_2 = ">=2.0.0 <3.0.0"


def covers(team: Team, versions: str, **more: object) -> dict[str, object]:
    return {"charts": [{"name": team.product, "versions": versions}], **more}


@pytest.fixture(params=HELMS)
def helm_program(request: pytest.FixtureRequest) -> str:
    program: str = request.param
    return program


def test_unlicensed_install_is_refused_and_leaves_nothing_behind(team: Team) -> None:
    team.trust()
    name = team.license(plan="pro", **covers(team, RANGE_2))

    answer = team.helm("install", "web", team.chart("3.1.0", hook=True))

    assert answer.returncode != 0
    assert (
        f'licet: chart {team.product} 3.1.0 (release "web", namespace "{team.namespace}") is not licensed: '
        f"license {name} (plan pro) covers {RANGE_2}. "
        "Install a covered version, or apply a license that covers 3.1.0. [decision 01" in answer.stderr
    )
    assert team.names("configmap") == set()
    assert team.names("secret") == set()


def test_licensed_install_upgrade_rollback_and_uninstall_go_through(team: Team) -> None:
    team.trust()
    team.license(**covers(team, RANGE_2))

    for arguments in (
        ("install", "web", team.chart("2.0.0", hook=True)),
        ("upgrade", "web", team.chart("2.4.1", hook=True)),
        ("upgrade", "--install", "web", team.chart("2.5.0", hook=True)),
        ("rollback", "web", "1"),
    ):
        answer = team.helm(*arguments)
        assert answer.returncode == 0, answer.stderr
        assert "licet" not in answer.stderr

    assert team.installed_version() == "2.0.0"
    assert team.helm("uninstall", "web").returncode == 0
    assert team.names("configmap") == {"web-hook"}  # Helm leaves hooks
    team.eventually(lambda: team.get("installation", "web") is None, "the Installation is deleted")


def test_refused_upgrade_leaves_the_running_revision_deployed_and_the_next_one_works(team: Team) -> None:
    team.trust()
    team.license(**covers(team, RANGE_2))
    assert team.helm("install", "web", team.chart("2.0.0")).returncode == 0

    for arguments in (("upgrade",), ("upgrade", "--install")):
        answer = team.helm(*arguments, "web", team.chart("3.1.0", hook=True))
        assert answer.returncode != 0
        assert "is not licensed" in answer.stderr
        assert team.revisions() == [(1, "deployed", f"{team.product}-2.0.0")]
        assert team.installed_version() == "2.0.0"
        assert team.names("configmap") == {f"web-{team.product}"}

    assert team.helm("upgrade", "web", team.chart("2.1.0")).returncode == 0
    assert team.revisions()[-1] == (2, "deployed", f"{team.product}-2.1.0")


def test_refused_atomic_upgrade_leaves_the_running_revision_deployed(team: Team) -> None:
    team.trust()
    team.license(**covers(team, RANGE_2))
    assert team.helm("install", "web", team.chart("2.0.0")).returncode == 0
    atomic = "--rollback-on-failure" if team.helm_program == "helm" else "--atomic"

    answer = team.helm("upgrade", atomic, "--timeout", "60s", "web", team.chart("3.1.0"))

    assert answer.returncode != 0
    assert "is not licensed" in answer.stderr
    assert team.revisions() == [(1, "deployed", f"{team.product}-2.0.0")]
    assert team.installed_version() == "2.0.0"


def test_atomic_upgrade_that_fails_for_its_own_reason_rolls_back(team: Team) -> None:
    team.trust()
    team.license(**covers(team, RANGE_2))
    assert team.helm("install", "web", team.chart("2.0.0")).returncode == 0
    atomic = "--rollback-on-failure" if team.helm_program == "helm" else "--atomic"
    broken = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: Not_A_Name}\n"

    answer = team.helm(
        "upgrade", atomic, "--timeout", "60s", "web", team.chart("2.1.0", templates={"broken.yaml": broken})
    )

    assert answer.returncode != 0
    assert "licet" not in answer.stderr
    assert team.revisions()[-1] == (3, "deployed", f"{team.product}-2.0.0")
    assert team.installed_version() == "2.0.0"


def test_expired_license_still_lets_the_same_version_be_deployed_again_and_gone_back_to(team: Team) -> None:
    team.trust()
    name = team.license(**covers(team, RANGE_2))
    assert team.helm("install", "web", team.chart("2.0.0")).returncode == 0
    assert team.helm("upgrade", "web", team.chart("2.1.0")).returncode == 0
    team.eventually(lambda: team.running_versions() == ["2.1.0"], "the inventory has what ran and what runs")
    team.license(name, exp=int(time.time()) - 60, iat=int(time.time()) - 120, nbf=0, **covers(team, RANGE_2))
    team.eventually(lambda: "is not licensed" in team.gate_says("2.2.0"), "the gate knows that the license is over")

    again = team.helm("upgrade", "web", team.chart("2.1.0"), "--set", "note=changed")
    assert again.returncode == 0, again.stderr
    assert "is not licensed any more" in again.stderr
    assert "It is admitted because this version runs here" in again.stderr

    back = team.helm("rollback", "web", "1")
    assert back.returncode == 0, back.stderr
    assert "ran licensed here" in back.stderr

    onwards = team.helm("upgrade", "web", team.chart("2.2.0"))
    assert onwards.returncode != 0
    assert "expired" in onwards.stderr
    assert team.helm("uninstall", "web").returncode == 0


def test_version_that_came_in_unlicensed_is_no_memory_to_go_back_to(team: Team) -> None:
    team.trust(enforcement="Warn")
    assert team.helm("install", "web", team.chart("3.0.0")).returncode == 0
    team.eventually(team.installation_is("False"), "the inventory tells of it")
    team.trust(enforcement="Enforce")
    team.license(**covers(team, RANGE_2))
    assert team.helm("upgrade", "web", team.chart("2.0.0")).returncode == 0
    team.eventually(team.installation_is("True"), "the inventory follows")

    answer = team.helm("rollback", "web", "1")

    assert answer.returncode != 0
    assert "is not licensed" in answer.stderr
    assert team.installed_version() == "2.0.0"


def test_grace_period_admits_with_a_warning(team: Team) -> None:
    team.trust()
    now = int(time.time())
    team.license(exp=now - 60, iat=now - 120, nbf=0, gracePeriod="P1D", **covers(team, RANGE_2))

    answer = team.helm("install", "web", team.chart("2.0.0"))

    assert answer.returncode == 0
    assert "is licensed until" in answer.stderr


def test_warn_admits_with_a_warning_on_the_terminal_and_audit_is_silent(team: Team) -> None:
    team.trust(enforcement="Warn")
    warned = team.helm("install", "web", team.chart("3.1.0"))
    assert warned.returncode == 0
    assert "is not licensed" in warned.stderr
    assert "[decision 01" in warned.stderr

    team.trust(enforcement="Audit")
    audited = team.helm("install", "other", team.chart("3.1.0"))
    assert audited.returncode == 0
    assert "licet" not in audited.stderr


def test_chart_that_nobody_claims_is_none_of_the_gates_business(team: Team) -> None:
    team.trust()

    answer = team.helm("install", "web", str(team.charts.make("somebody-elses", "3.1.0")))

    assert answer.returncode == 0
    assert "licet" not in answer.stderr
    assert team.get("installation", "web") is None


def test_install_right_after_applying_the_license_never_races(team: Team) -> None:
    team.trust()
    for attempt in range(10):
        version = f"{attempt + 1}.0.0"
        team.license(**covers(team, version))
        answer = team.helm("upgrade", "--install", "web", team.chart(version))
        assert answer.returncode == 0, answer.stderr


def test_install_right_after_applying_vendor_secret_and_license_never_races(team: Team) -> None:
    team.trust()
    for attempt in range(5):
        name, version = f"{team.vendor.name}-{attempt}", f"{attempt + 1}.0.0"
        token = team.vendor.token(**covers(team, version))
        team.kubectl(
            "create", "secret", "generic", name, "-n", team.sandbox.namespace, f"--from-literal=license.jwt={token}"
        )
        manifest = team.vendor.license_manifest(name, "")
        manifest["spec"] = {"tokenFrom": {"secretKeyRef": {"name": name, "key": "license.jwt"}}}
        team.apply(manifest)
        answer = team.helm("upgrade", "--install", "web", team.chart(version))
        assert answer.returncode == 0, answer.stderr


def test_license_of_other_namespaces_does_not_count_and_is_not_named(team: Team) -> None:
    team.trust()
    name = team.license(spec={"allowedNamespaces": {"names": ["elsewhere"]}}, **covers(team, RANGE_2))

    answer = team.helm("install", "web", team.chart("2.0.0"))

    assert answer.returncode != 0
    assert "is not licensed" in answer.stderr
    assert name not in answer.stderr


def test_namespace_label_opens_a_license(team: Team) -> None:
    team.trust()
    selector = {"matchLabels": {"team": team.vendor.name}}
    team.license(spec={"allowedNamespaces": {"selector": selector}}, **covers(team, RANGE_2))
    assert team.helm("install", "web", team.chart("2.0.0")).returncode != 0

    team.create_namespace(team.namespace, team=team.vendor.name)

    assert team.helm("install", "web", team.chart("2.0.0")).returncode == 0


def test_maintenance_covers_what_was_released_in_time(team: Team) -> None:
    team.trust()
    team.license(maintenanceUntil="2026-06-30", **covers(team, ">=2.0.0"))

    in_time = team.helm("install", "old", team.chart("2.0.0", annotations={"licet.dev/released": "2026-06-30"}))
    late = team.helm("install", "new", team.chart("2.1.0", annotations={"licet.dev/released": "2026-07-01"}))
    silent = team.helm("install", "silent", team.chart("2.1.0"))

    assert in_time.returncode == 0, in_time.stderr
    assert late.returncode != 0
    assert "it was released on 2026-07-01" in late.stderr
    assert silent.returncode != 0
    assert "licet.dev/released" in silent.stderr


def test_channel_admits_its_prereleases_only(team: Team) -> None:
    team.trust()
    team.license(charts=[{"name": team.product, "versions": RANGE_2, "channels": ["rc"]}])

    assert team.helm("install", "rc", team.chart("2.1.0-rc.1")).returncode == 0
    assert team.helm("install", "beta", team.chart("2.1.0-beta.1")).returncode != 0
    assert team.helm("install", "next", team.chart("3.0.0-rc.1")).returncode != 0
