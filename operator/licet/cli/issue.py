"""`licet issue`: signs a license."""

import os
import re
import time
from typing import Final

import click

from licet.cli.documents import read_document
from licet.cli.files import FILE, read_private_key
from licet.cli.manifests import API_VERSION, TOKEN_KEY, check_object_name, read_license
from licet.cli.options import operator_namespace_option
from licet.cli.output import render_yaml
from licet.cli.program import Command, Example, examples
from licet.core.issue import issue_token, key_from_pem, thumbprint
from licet.core.token import read_token
from licet.core.ulid import RANDOM_BYTES, format_ulid

_TOKEN: Final = "token"  # noqa: S105 - the name of a format
_MANIFESTS: Final = "manifests"
_NAME_LENGTH: Final = (
    240  # of a name that is made up: less than the 253 that Kubernetes allows, for the Secret's is longer
)


@examples(
    Example("Sign a license", "licet issue license-spec.yaml --key acme.pem > acme.jwt"),
    Example(
        "Sign a license as manifests that a cluster admin applies",
        "licet issue license-spec.yaml --key acme.pem -o manifests --name acme-prod > acme-prod.yaml",
    ),
)
@click.command(cls=Command)
@click.argument("spec", type=FILE)
@click.option(
    "--key", "key_file", type=FILE, required=True, metavar="FILE", help="The private key, as licet keygen makes it."
)
@click.option("--key-id", metavar="ID", help="ID of the key in the Vendor.  [default: its thumbprint after RFC 7638]")
@click.option(
    "-o",
    "--output",
    type=click.Choice((_TOKEN, _MANIFESTS)),
    metavar="token|manifests",
    default=_TOKEN,
    help="Print the bare token, or a License and the Secret with its token.  [default: token]",
)
@click.option(
    "--name", metavar="NAME", help="Name of the License, with -o manifests.  [default: after the license's ID]"
)
@operator_namespace_option
def command(
    *, spec: str, key_file: str, key_id: str | None, output: str, name: str | None, operator_namespace: str
) -> None:
    """SPEC is a file in YAML or JSON, or - for standard input, with the claims of the license.

    These are iss, sub, exp, and below license what is granted. Times may be dates, and exp a duration from the start
    of the license, such as P365D; iat, aud and jti may be left out.

    A renewal, an upgrade or a downgrade keeps the series of the license before, and has a higher sequence.
    """
    key = key_from_pem(read_private_key(key_file))
    now = time.time_ns()
    token = issue_token(
        read_document(spec),
        key,
        kid=thumbprint(key) if key_id is None else key_id,
        now=now // 10**9,
        token_id=f"lic_{format_ulid(now // 10**6, os.urandom(RANDOM_BYTES))}",
    )
    if output == _MANIFESTS:
        click.echo(render_yaml(*_manifests(token, name or _name_after(token), operator_namespace)), nl=False)
    else:
        click.echo(token)


def _manifests(token: str, name: str, namespace: str) -> tuple[object, object]:
    """Make the Secret and the License; in this order no License is ever there without its token."""
    check_object_name(name)
    secret = f"{name}-license"
    license_ = {
        "apiVersion": API_VERSION,
        "kind": "License",
        "metadata": {"name": name},
        "spec": {"tokenFrom": {"secretKeyRef": {"name": secret, "key": TOKEN_KEY}}},
    }
    read_license(license_, "the options")
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"namespace": namespace, "name": secret},
        "type": "Opaque",
        "stringData": {TOKEN_KEY: token},
    }, license_


def _name_after(token: str) -> str:
    """Make the name of an object of a license's ID, which may have characters that names don't."""
    name = re.sub(r"[^a-z0-9]+", "-", str(read_token(token).payload["jti"]).lower())
    return name[:_NAME_LENGTH].strip("-") or "license"
