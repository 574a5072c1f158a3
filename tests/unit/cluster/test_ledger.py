from typing import Any

import pytest

from licet.cluster import ledger as ledger_module
from licet.cluster.ledger import Ledger
from licet.cluster.records import KeptToken, LicenseRecord, SecretRef, VendorRecord
from licet.core.licenses import Standing
from licet.core.memory import Memory
from licet.core.reasons import Enforcement, Reason
from licet.core.token import verify_token
from support.vendor_simulator import CLUSTER, DAY, NOW, YEAR, VendorSimulator

REFERENCE = SecretRef("acme-license", "license.jwt")


@pytest.fixture
def acme() -> VendorSimulator:
    return VendorSimulator()


class Tables:
    """A ledger that is fed with a vendor and its Licenses."""

    def __init__(self, acme: VendorSimulator, **options: Any) -> None:
        self.ledger = Ledger(CLUSTER, **options)
        self.ledger.set_vendor("acme", VendorRecord(acme.vendor()))

    def inline(self, name: str, token: str) -> None:
        self.ledger.set_license(name, LicenseRecord(name, f"uid-{name}", token, None, None))

    def referring(self, name: str = "acme-prod", uid: str = "uid-1", reference: SecretRef = REFERENCE) -> None:
        self.ledger.set_license(name, LicenseRecord(name, uid, None, reference, None))

    def secret(self, token: str | bytes, key: str = REFERENCE.key) -> bool:
        raw = token if isinstance(token, bytes) else token.encode()
        return self.ledger.set_secret(REFERENCE.name, {key: raw, "other": b"5ecret"})

    def standing(self, name: str = "acme-prod", clock: int = NOW) -> Standing:
        return self.ledger.assess(Memory(), clock).standings[name]


@pytest.fixture
def tables(acme) -> Tables:
    return Tables(acme)


# -- tokens ------------------------------------------------------------------------------------------------------------


def test_inline_token_is_verified(acme, tables):
    tables.inline("acme-prod", acme.token())
    assert tables.standing().reason is Reason.VERIFIED
    assert isinstance(tables.ledger.assess(Memory(), NOW).counting[0].token.text, str)


@pytest.mark.parametrize("around", ["{}\n", "  {}  ", "\n{}\r\n"])
def test_space_around_a_token_does_not_matter(acme, tables, around):
    tables.inline("acme-prod", around.format(acme.token()))
    assert tables.standing().reason is Reason.VERIFIED
    tables.referring()
    tables.secret(around.format(acme.token()))
    assert tables.standing().reason is Reason.VERIFIED


def test_token_in_a_secret_is_verified(acme, tables):
    tables.referring()
    assert tables.ledger.references() == {REFERENCE}
    assert tables.secret(acme.token())
    assert tables.standing().reason is Reason.VERIFIED


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"password"])
def test_secret_that_holds_no_token_harms_only_its_license(acme, tables, raw):
    tables.referring()
    tables.inline("other", acme.token())
    tables.secret(raw)
    standing = tables.standing()
    assert standing.reason is Reason.MALFORMED
    assert "password" not in standing.message
    assert tables.standing("other").reason is Reason.VERIFIED


@pytest.mark.parametrize("raw", [b"", b" \n"])
def test_blank_secret_is_taken_for_a_missing_one(acme, tables, raw):
    """As it is left by what syncs Secrets and fails half-way; a missing one takes no rights away."""
    tables.referring()
    tables.secret(raw)
    assert tables.standing().reason is Reason.TOKEN_UNAVAILABLE


def test_license_may_be_there_before_its_vendor_and_its_secret(acme):
    tables = Tables(acme)
    tables.ledger.set_vendor("acme", None)
    tables.referring()
    assert tables.standing().reason is Reason.TOKEN_UNAVAILABLE
    tables.secret(acme.token())
    assert tables.standing().reason is Reason.UNKNOWN_VENDOR
    tables.ledger.set_vendor("acme", VendorRecord(acme.vendor()))
    assert tables.standing().reason is Reason.VERIFIED


def test_secret_that_no_license_refers_to_is_not_taken_in(acme, tables):
    assert not tables.secret(acme.token())
    tables.referring()
    assert tables.standing().reason is Reason.TOKEN_UNAVAILABLE


def test_secret_tells_whether_it_changes_a_token(acme, tables):
    tables.referring()
    token = acme.token()
    assert [tables.secret(token), tables.secret(token), tables.secret(acme.token())] == [True, False, True]
    assert [tables.ledger.set_secret(REFERENCE.name, None), tables.ledger.set_secret(REFERENCE.name, None)] == [
        True,
        False,
    ]
    assert not tables.ledger.set_secret("other", {"license.jwt": b"x"})


@pytest.mark.parametrize("change", [None, {}, {"other-key": b"x"}])
def test_secret_without_the_token_leaves_it_unavailable(acme, tables, change):
    tables.referring()
    tables.secret(acme.token())
    tables.ledger.set_secret(REFERENCE.name, change)
    standing = tables.standing()
    assert (standing.reason, standing.usable) == (Reason.TOKEN_UNAVAILABLE, False)
    assert standing.message.startswith("key 'license.jwt' of Secret 'acme-license' can't be read")


def test_deleted_license_is_judged_no_more(acme, tables):
    tables.inline("acme-prod", acme.token())
    tables.ledger.set_license("acme-prod", None)
    tables.ledger.set_license("never-was", None)
    assert tables.ledger.assess(Memory(), NOW).standings == {}


def test_license_that_changes_is_judged_by_its_new_token(acme, tables):
    tables.inline("acme-prod", acme.forged_token())
    tables.standing()
    tables.inline("acme-prod", acme.token())
    assert tables.standing().reason is Reason.VERIFIED


# -- vendors -----------------------------------------------------------------------------------------------------------


def test_removed_vendor_or_key_acts_at_once(acme, tables):
    tables.inline("acme-prod", acme.token())
    assert tables.standing().reason is Reason.VERIFIED
    acme.rotate_key("acme-2027")
    acme.withdraw_key("acme-2026")
    tables.ledger.set_vendor("acme", VendorRecord(acme.vendor()))
    assert tables.standing().reason is Reason.UNKNOWN_KEY
    tables.ledger.set_vendor("acme", None)
    assert tables.standing().reason is Reason.UNKNOWN_VENDOR


def test_key_that_is_added_later_is_taken_up(acme, tables):
    acme.rotate_key("acme-2027")
    tables.inline("acme-prod", acme.token())
    assert tables.standing().reason is Reason.UNKNOWN_KEY
    tables.ledger.set_vendor("acme", VendorRecord(acme.vendor()))
    assert tables.standing().reason is Reason.VERIFIED


def test_second_vendor_of_an_issuer_takes_the_trust_of_both_and_gives_it_back(acme, tables):
    tables.inline("acme-prod", acme.token())
    rival = VendorSimulator(name="rival", issuer=acme.issuer)
    tables.ledger.set_vendor("rival", VendorRecord(rival.vendor()))
    assert tables.standing().reason is Reason.ISSUER_CONFLICT
    tables.ledger.set_vendor("rival", None)
    assert tables.standing().reason is Reason.VERIFIED


def test_change_of_enforcement_shows_in_the_registry(acme, tables):
    tables.ledger.set_vendor("acme", VendorRecord(acme.vendor(enforcement=Enforcement.AUDIT)))
    vendor = tables.ledger.registry.get("acme")
    assert vendor is not None
    assert vendor.enforcement is Enforcement.AUDIT


# -- signatures are checked once ---------------------------------------------------------------------------------------


@pytest.fixture
def checks(monkeypatch) -> list[str]:
    """The tokens whose verification was asked for."""
    asked: list[str] = []

    def counting(text: str, *arguments: Any, **options: Any) -> Any:
        asked.append(text)
        return verify_token(text, *arguments, **options)

    monkeypatch.setattr(ledger_module, "verify_token", counting)
    return asked


def test_token_is_verified_once_while_vendors_stay_the_same(acme, tables, checks):
    good, bad = acme.token(), acme.forged_token()
    tables.inline("good", good)
    tables.inline("copy", good)
    tables.inline("bad", bad)
    for clock in (NOW, NOW + DAY):
        tables.ledger.assess(Memory(), clock)
    tables.ledger.set_vendor("acme", VendorRecord(acme.vendor()))  # as it was
    tables.ledger.assess(Memory(), NOW)
    assert sorted(checks) == sorted([good, bad])
    tables.ledger.set_vendor("acme", VendorRecord(acme.vendor(enforcement=Enforcement.WARN)))
    tables.ledger.assess(Memory(), NOW)
    assert len(checks) == 4


def test_what_no_license_carries_any_more_is_not_held_on_to(acme, tables, checks):
    token = acme.token()
    for record in (token, acme.token(), token):
        tables.inline("acme-prod", record)
        tables.ledger.assess(Memory(), NOW)
    assert checks.count(token) == 2


# -- kept tokens -------------------------------------------------------------------------------------------------------


def test_tokens_of_secrets_are_kept_once_verified_and_inline_ones_are_not(acme, tables):
    token = acme.token()
    tables.referring()
    tables.inline("inline", acme.token())
    assert tables.ledger.tokens_to_keep() == {}
    tables.secret(token)
    assert tables.ledger.tokens_to_keep() == {"acme-prod": KeptToken("uid-1", REFERENCE, token)}


def test_lost_secret_takes_no_rights_until_their_own_end(acme, tables):
    tables.referring()
    tables.secret(acme.token(gracePeriod="P14D"))
    tables.ledger.kept = tables.ledger.tokens_to_keep()
    tables.ledger.set_secret(REFERENCE.name, None)
    for clock, state in ((NOW, "Active"), (NOW + YEAR, "Grace"), (NOW + YEAR + 14 * DAY, "Expired")):
        standing = tables.standing(clock=clock)
        assert (standing.reason, standing.phase) == (Reason.TOKEN_UNAVAILABLE, state)
    assert tables.ledger.tokens_to_keep() == tables.ledger.kept


def test_restart_takes_no_rights_while_the_secret_is_gone(acme, tables):
    tables.referring()
    tables.secret(acme.token())
    again = Tables(acme)
    again.ledger.kept = tables.ledger.tokens_to_keep()
    again.referring()
    standing = again.standing()
    assert (standing.reason, standing.phase) == (Reason.TOKEN_UNAVAILABLE, "Active")


def test_token_that_is_there_wins_over_the_one_that_was_kept(acme, tables):
    tables.referring()
    tables.secret(acme.token())
    tables.ledger.kept = tables.ledger.tokens_to_keep()
    tables.secret("something else")
    assert tables.standing().reason is Reason.MALFORMED
    assert tables.ledger.tokens_to_keep() == {}


def test_token_that_was_kept_for_another_license_of_that_name_does_not_count(acme, tables):
    tables.ledger.kept = {"acme-prod": KeptToken("uid-1", REFERENCE, acme.token())}
    tables.referring(uid="uid-2")
    standing = tables.standing()
    assert (standing.reason, standing.phase) == (Reason.TOKEN_UNAVAILABLE, None)
    assert tables.ledger.tokens_to_keep() == {}


@pytest.mark.parametrize(
    "reference",
    [SecretRef("other", "license.jwt"), SecretRef("acme-license", "other")],
    ids=["another Secret", "another key"],
)
def test_kept_token_holds_until_there_is_one_where_the_license_now_says(acme, tables, reference):
    token = acme.token()
    tables.ledger.kept = {"acme-prod": KeptToken("uid-1", REFERENCE, token)}
    tables.referring(reference=reference)
    standing = tables.standing()
    assert (standing.reason, standing.phase) == (Reason.TOKEN_UNAVAILABLE, "Active")
    assert tables.ledger.tokens_to_keep() == {"acme-prod": KeptToken("uid-1", reference, token)}


def test_kept_token_is_verified_like_any_other(acme, tables):
    tables.referring()
    tables.ledger.kept = {"acme-prod": KeptToken("uid-1", REFERENCE, acme.forged_token())}
    assert tables.standing().reason is Reason.SIGNATURE_INVALID


def test_removed_key_takes_the_rights_of_a_kept_token_at_once(acme, tables):
    tables.referring()
    tables.secret(acme.token())
    tables.ledger.kept = tables.ledger.tokens_to_keep()
    tables.ledger.set_secret(REFERENCE.name, None)
    acme.rotate_key("acme-2027")
    acme.withdraw_key("acme-2026")
    tables.ledger.set_vendor("acme", VendorRecord(acme.vendor()))
    assert tables.standing().reason is Reason.UNKNOWN_KEY


def test_deleted_license_keeps_no_token(acme, tables):
    tables.referring()
    tables.secret(acme.token())
    tables.ledger.kept = tables.ledger.tokens_to_keep()
    tables.ledger.set_license("acme-prod", None)
    assert tables.ledger.tokens_to_keep() == {}
    assert tables.ledger.assess(Memory(), NOW).counting == ()


def test_to_the_gate_kept_tokens_stand_for_the_secrets(acme):
    tables = Tables(acme, kept_stand_in=True)
    tables.referring()
    assert tables.standing().reason is Reason.TOKEN_UNAVAILABLE
    tables.ledger.kept = {"acme-prod": KeptToken("uid-1", REFERENCE, acme.token())}
    assert tables.standing().reason is Reason.VERIFIED
    tables.secret(acme.forged_token())  # read live, and newer than what was kept
    assert tables.standing().reason is Reason.SIGNATURE_INVALID


def test_outside_of_a_cluster_bindings_to_clusters_are_left_out_of_account(acme):
    ledger = Ledger(None)
    ledger.set_vendor("acme", VendorRecord(acme.vendor()))
    ledger.set_license("acme", LicenseRecord("acme", "", acme.token_for_another_cluster(), None, None))
    assert ledger.assess(Memory(), NOW).standings["acme"].reason is Reason.VERIFIED
