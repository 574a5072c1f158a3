"""`licet verify`: whether a token is genuine, and valid at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

import click

from licet.cli.documents import parse_documents
from licet.cli.files import FILE, InputError, name_of, read_text
from licet.cli.manifests import Manifests, read_tokens
from licet.cli.options import OPERATOR_NAMESPACE, at_option, cluster_uid_option
from licet.cli.output import Format, emit, fields, output_option, printable, tone
from licet.cli.program import Command, Example, ExitCode, examples
from licet.core.claims import Claims
from licet.core.errors import KeySetError, VerificationError
from licet.core.jwks import KeySet
from licet.core.licenses import Candidate, Standing, assess
from licet.core.memory import Memory
from licet.core.reasons import Reason
from licet.core.timestamps import format_instant
from licet.core.token import Issuers, VerifiedToken, read_token, verify_token
from licet.core.vendors import Vendor, VendorRegistry

_VALID: Final = frozenset({Reason.VERIFIED, Reason.IN_GRACE})


@examples(
    Example("Verify a token with the Vendor that a cluster has", "licet verify acme.jwt --jwks vendor.yaml"),
    Example(
        "Ask whether a license will still be valid at a time", "licet verify acme.jwt --jwks jwks.json --at 2027-06-01"
    ),
    Example(
        "Verify what lies in a cluster",
        "kubectl -n licet-system get secret acme-license -o yaml | licet verify - --jwks vendor.yaml",
    ),
)
@click.command(cls=Command)
@click.argument("token", type=FILE, metavar="TOKEN|FILE|-")
@click.option(
    "--jwks", type=FILE, required=True, metavar="FILE", help="The vendor's public keys: a JWKS, or Vendor manifests."
)
@at_option
@cluster_uid_option
@output_option
def command(*, token: str, jwks: str, at: int, cluster_uid: str | None, output: Format | None) -> ExitCode:
    """The signature is verified with the vendor's public keys, then the claims are judged as a cluster would.

    Several tokens of one series are judged together: of those that have begun, the highest sequence takes the place of
    the others. A license in its grace period is valid.

    The exit code is 0 when all tokens are valid, 1 when one is not, and 2 when that could not be told.
    """
    issuers = _read_issuers(jwks)
    candidates = [
        Candidate(str(number), _verify(text, issuers, cluster_uid)) for number, text in enumerate(read_tokens(token))
    ]
    registry = issuers if isinstance(issuers, VendorRegistry) else VendorRegistry()
    assessment = assess(candidates, registry, Memory(), at)
    standings = [assessment.standings[candidate.name] for candidate in candidates]
    if output is not None:
        emit([_document(standing, at) for standing in standings], output)
    else:
        click.echo("\n\n".join(_describe(standing, cluster_uid) for standing in standings))
    return ExitCode.YES if all(standing.reason in _VALID for standing in standings) else ExitCode.NO


@dataclass(frozen=True, slots=True)
class _BareKeys:
    """Keys that come without the name of their issuer, and so are taken for those of any."""

    name: str
    keys: KeySet

    def for_issuer(self, issuer: str) -> Vendor:
        return Vendor(self.name, issuer, self.keys)


def _read_issuers(path: str) -> Issuers:
    text = read_text(path)  # once: it may be a pipe
    documents = parse_documents(text, name_of(path))
    if len(documents) == 1 and isinstance(documents[0], Mapping) and "kind" not in documents[0]:
        try:
            return _BareKeys(PurePath(path).name, KeySet.parse(documents[0]))
        except KeySetError as error:
            raise InputError(f"{name_of(path)}: {error}") from error
    found = Manifests()
    found.add(path, text, operator_namespace=OPERATOR_NAMESPACE)
    if not found.vendors:
        raise InputError(f"{name_of(path)} holds neither a JWKS nor a Vendor")
    return VendorRegistry(record.vendor for record in found.vendors.values())


def _verify(text: str, issuers: Issuers, cluster_uid: str | None) -> VerifiedToken | VerificationError:
    try:
        return verify_token(text, issuers, cluster=cluster_uid)
    except VerificationError as error:
        return error


def _document(standing: Standing, at: int) -> dict[str, object]:
    token = standing.token
    return {
        "valid": standing.reason in _VALID,
        "reason": str(standing.reason),
        "message": standing.message,
        "at": format_instant(at),
        "vendor": token.vendor if token else None,
        "keyID": token.key_id if token else None,
        "claims": read_token(token.text).payload if token else None,
    }


def _describe(standing: Standing, cluster_uid: str | None) -> str:
    verdict = tone("valid" if standing.reason in _VALID else "invalid")
    headline = f"{verdict} ({standing.reason}): {printable(standing.message)}"
    if standing.token is None:
        return headline
    return f"{headline}\n\n{fields(_claimed(standing.token.claims, cluster_uid))}"


def _claimed(claims: Claims, cluster_uid: str | None) -> list[tuple[str, str]]:
    """Say what a verified token grants, to whom, when and where."""
    granted, bindings = claims.license, claims.license.bindings
    grace = f", in grace until {format_instant(claims.grace_until)}" if granted.grace_period else ""
    clusters = "any" if bindings.clusters is None else ", ".join(bindings.clusters) or "none"
    if bindings.clusters and cluster_uid is None:
        clusters += " (not judged; --cluster-uid says which cluster to judge for)"
    namespaces = (
        "any" if bindings.namespaces is None else ", ".join(glob.text for glob in bindings.namespaces) or "none"
    )
    return [
        ("License", claims.jti),
        ("Customer", f"{granted.customer.name} ({claims.sub})" if granted.customer.name else claims.sub),
        ("Issuer", claims.iss),
        ("Series", f"{granted.series}, sequence {granted.sequence}" if granted.series else "none"),
        ("Begins", format_instant(claims.nbf or claims.iat)),
        ("Ends", format_instant(claims.exp) + grace),
        ("Clusters", clusters),
        ("Namespaces", namespaces),
        *(() if granted.break_glass else (("Break-glass", "ruled out"),)),
        *(("Grants", f"{grant.product}{f', plan {grant.plan}' if grant.plan else ''}") for grant in granted.grants),
    ]
