"""`licet inspect`: what a token says, and nothing about whether it is true."""

from collections.abc import Mapping
from typing import Final

import click

from licet.cli.files import FILE
from licet.cli.manifests import read_tokens
from licet.cli.output import Format, emit, output_option, render_yaml
from licet.cli.program import Command, Example, examples
from licet.core import bounds
from licet.core.claims import read_claims
from licet.core.timestamps import format_instant
from licet.core.token import UnverifiedToken, read_token

_INSTANTS: Final = ("iat", "nbf", "exp")
_NOTICE: Final = "NOT VERIFIED: anybody can write such a token. licet verify tells whether it is genuine."


@examples(
    Example("Look into a token, or a manifest that holds one", "licet inspect acme-prod.yaml"),
    Example("Print one claim", "licet inspect acme.jwt -o json | jq .claims.exp"),
    Example(
        "Look at the licenses that an application was given",
        "kubectl -n prod-eu get secret platform-license -o yaml | licet inspect -",
    ),
)
@click.command(cls=Command)
@click.argument("token", type=FILE, metavar="TOKEN|FILE|-")
@output_option
def command(*, token: str, output: Format | None) -> None:
    """Header and claims are shown as they stand in the token. The signature is not verified, no key is needed.

    The token is given itself, as a file, or on standard input. A file holds bare tokens, or manifests of a License or
    Secret.
    """
    tokens = [read_token(text) for text in read_tokens(token)]
    if output is not None:
        emit([{"verified": False, "header": each.header, "claims": each.payload} for each in tokens], output)
        return
    click.secho(_NOTICE, fg="yellow")
    for each in tokens:
        click.echo("\n" + render_yaml(_readable(each)), nl=False)
        if problem := _problem(each):
            click.secho(f"\nNo cluster would accept it: {problem}.", fg="red")


def _readable(token: UnverifiedToken) -> Mapping[str, object]:
    instants = {
        claim: f"{value} ({format_instant(value)})"
        for claim in _INSTANTS
        if isinstance(value := token.payload.get(claim), int) and 0 <= value <= bounds.NUMERIC_DATE_MAX
    }
    return {"header": token.header, "claims": {**token.payload, **instants}}


def _problem(token: UnverifiedToken) -> str:
    try:
        read_claims(token.payload_bytes)
    except ValueError as error:
        return str(error)
    return ""
