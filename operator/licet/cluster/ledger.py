"""The Vendors and Licenses of a cluster as known so far, ready to be assessed: no I/O, fed by whoever watches or lists.

Controller, gate and command line each verify for themselves, with this. A verification is kept as long as the Vendors
stay the same, so that an assessment costs no signature checks but those of new tokens.
"""

from collections.abc import Mapping

from licet.cluster.records import KeptToken, LicenseRecord, SecretRef, VendorRecord
from licet.core.errors import VerificationError
from licet.core.licenses import Assessment, Candidate, assess
from licet.core.memory import Memory
from licet.core.reasons import Reason
from licet.core.token import VerifiedToken, verify_token
from licet.core.vendors import VendorRegistry

_Verifications = dict[str, VerifiedToken | VerificationError]  # by token text


class Ledger:
    """Vendors, Licenses and tokens by name.

    `cluster` is the UID of the namespace `kube-system`, None where there is no cluster. The controller reads the
    Secrets that Licenses refer to, and keeps the tokens that it verified: they hold while a Secret is out of reach, and
    while there is none yet under a name that a License has been given instead. To the gate, which watches no Secrets
    but these, what was kept stands for the Secret itself (`kept_stand_in`) until it has read one.
    """

    def __init__(self, cluster: str | None, *, kept_stand_in: bool = False) -> None:
        self.cluster = cluster
        self._kept_stand_in = kept_stand_in
        self.registry = VendorRegistry()
        self.vendors: dict[str, VendorRecord] = {}
        self.licenses: dict[str, LicenseRecord] = {}
        self.kept: dict[str, KeptToken] = {}
        self._secrets: dict[SecretRef, str] = {}
        self._verified: _Verifications = {}

    def set_vendor(self, name: str, record: VendorRecord | None) -> None:
        """Take in a Vendor, or its deletion; what was verified with other keys is verified again."""
        if record == self.vendors.get(name):
            return
        if record is None:
            del self.vendors[name]
        else:
            self.vendors[name] = record
        self.registry = VendorRegistry(each.vendor for each in self.vendors.values())
        self._verified.clear()

    def set_license(self, name: str, record: LicenseRecord | None) -> None:
        """Take in a License, or its deletion."""
        if record is None:
            self.licenses.pop(name, None)
        else:
            self.licenses[name] = record

    def set_secret(self, name: str, data: Mapping[str, bytes] | None) -> bool:
        """Take in a Secret of the operator's namespace, as far as Licenses refer to it, or its deletion.

        Tells whether that changes a token.
        """
        before = {reference: text for reference, text in self._secrets.items() if reference.name == name}
        after = {
            # What is not UTF-8 is no token either way; replacing keeps the fault within this License.
            reference: data[reference.key].decode("utf-8", errors="replace")
            for reference in self.references()
            # What is blank counts as missing: whatever syncs Secrets leaves it so when it fails half-way.
            if reference.name == name and data is not None and data.get(reference.key, b"").strip()
        }
        for reference in before:
            del self._secrets[reference]
        self._secrets |= after
        return before != after

    def references(self) -> frozenset[SecretRef]:
        """Give the places in Secrets that Licenses refer to: what the owner of this ledger is to feed."""
        return frozenset(record.token_from for record in self.licenses.values() if record.token_from is not None)

    def assess(self, memory: Memory, clock: int) -> Assessment:
        """Judge all Licenses at an instant in epoch seconds; tokens that are new since the last call are verified."""
        known, self._verified = self._verified, {}  # what no License carries any more is not taken over
        candidates = [self._candidate(record, known) for record in self.licenses.values()]
        return assess(candidates, self.registry, memory, clock)

    def tokens_to_keep(self) -> dict[str, KeptToken]:
        """Give, by License, the verified tokens that lie in Secrets, and those that were kept of Secrets out of reach.

        A token that is there but can't be verified is not kept: it was put there in place of the one before.
        """
        tokens: dict[str, KeptToken] = {}
        for name, record in self.licenses.items():
            if record.token_from is None:
                continue
            text = self._current_text(record)
            if text is None:
                kept = self._kept(record)
                kept = kept and KeptToken(record.uid, record.token_from, kept.token)
            elif isinstance(self._verify(text, self._verified), VerifiedToken):
                kept = KeptToken(record.uid, record.token_from, text)
            else:
                kept = None
            if kept is not None:
                tokens[name] = kept
        return tokens

    def _candidate(self, record: LicenseRecord, known: _Verifications) -> Candidate:
        text = self._current_text(record)
        if text is not None:
            return Candidate(record.name, self._verify(text, known), record.scope)
        problem = f"{_describe(record.token_from)} can't be read"
        kept = self._kept(record)
        if kept is None:
            error = VerificationError(
                Reason.TOKEN_UNAVAILABLE, f"{problem}; make the Secret in the operator's namespace"
            )
            return Candidate(record.name, error, record.scope)
        unavailable = "" if self._kept_stand_in else problem
        return Candidate(record.name, self._verify(kept.token, known), record.scope, unavailable=unavailable)

    def _kept(self, record: LicenseRecord) -> KeptToken | None:
        """Give the token kept for a License, unless it was kept for another one of that name.

        Where it stands in for a Secret, it has to be the one of that Secret.
        """
        kept = self.kept.get(record.name)
        if kept is None or kept.uid != record.uid:
            return None
        return None if self._kept_stand_in and kept.token_from != record.token_from else kept

    def _current_text(self, record: LicenseRecord) -> str | None:
        if record.token_from is None:
            return (record.token or "").strip()
        text = self._secrets.get(record.token_from)
        return None if text is None else text.strip()

    def _verify(self, text: str, known: _Verifications) -> VerifiedToken | VerificationError:
        result = known.get(text) or self._verified.get(text)
        if result is None:
            try:
                result = verify_token(text, self.registry, cluster=self.cluster)
            except VerificationError as error:
                result = error.with_traceback(None)  # which would keep all that it was raised from as well
        self._verified[text] = result
        return result


def _describe(reference: SecretRef | None) -> str:
    return f"key {reference.key!r} of Secret {reference.name!r}" if reference else "the token"
