"""`licet keygen`: a new signing key, and what clusters are to know of it."""

from typing import Final

import click

from licet.cli.files import FILE, write_private_key
from licet.cli.manifests import API_VERSION, read_vendor
from licet.cli.output import Format, render_json, render_yaml
from licet.cli.program import Command, Example, examples
from licet.core.issue import generate_key, key_to_pem, thumbprint
from licet.core.jwks import KeySet, key_to_jwk

_ALGORITHMS: Final = {"Ed25519": "EdDSA", "ES256": "ES256"}
_JWKS: Final = "jwks"


@examples(
    Example(
        "Make a key, and the Vendor that customers apply",
        "licet keygen --key acme.pem --vendor acme --issuer https://licenses.acme.example \\\n"
        "      --product acme-platform --chart 'acme-platform*' --image 'registry.acme.example/*' > vendor.yaml",
    ),
    Example(
        "Make the next key, and only its public half, to add to the Vendor",
        "licet keygen --key acme-2027.pem -o jwks",
    ),
)
@click.command(cls=Command)
@click.option(
    "--key", "key_file", type=FILE, required=True, metavar="FILE", help="Where to write the private key; a new file."
)
@click.option("--vendor", metavar="NAME", help="Name of the Vendor.")
@click.option("--issuer", metavar="URL", help="Identity of the vendor: what `iss` in every license will say.")
@click.option("--product", metavar="NAME", help="Product that the vendor sells licenses for.")
@click.option(
    "--chart",
    "charts",
    multiple=True,
    metavar="GLOB",
    help="Helm charts that need a license for the product; may be given again.  [default: the product's name]",
)
@click.option(
    "--image",
    "images",
    multiple=True,
    metavar="GLOB",
    help="Image repositories that need a license for the product; may be given again.",
)
@click.option(
    "--algorithm",
    type=click.Choice(list(_ALGORITHMS)),
    default="Ed25519",
    show_default=True,
    help="What the key signs with.",
)
@click.option("--key-id", metavar="ID", help="ID of the key.  [default: its thumbprint after RFC 7638]")
@click.option(
    "-o",
    "--output",
    type=click.Choice([Format.YAML.value, Format.JSON.value, _JWKS]),
    metavar="yaml|json|jwks",
    default=Format.YAML.value,
    help="Print the Vendor manifest as YAML or JSON, or the bare JWKS.  [default: yaml]",
)
def command(
    *,
    key_file: str,
    vendor: str | None,
    issuer: str | None,
    product: str | None,
    charts: tuple[str, ...],
    images: tuple[str, ...],
    algorithm: str,
    key_id: str | None,
    output: str,
) -> None:
    """The private key goes to a file that only you can read, in PKCS#8 and PEM, and never over one that exists.

    Keep it safe: who has it can issue licenses in your name.

    On standard output comes the Vendor manifest with the public key. Publish it: a cluster that has it trusts licenses
    signed with the key, and asks for one where the charts and images that it lists are installed.
    """
    key = generate_key(_ALGORITHMS[algorithm])
    kid = thumbprint(key) if key_id is None else key_id
    jwks = {"keys": [key_to_jwk(kid, key.public_key())]}
    KeySet.parse(jwks)
    if output == _JWKS:
        text = render_json(jwks)
    else:
        manifest = _vendor(vendor, issuer, product, charts, images, jwks)
        text = render_json(manifest) if output == Format.JSON else render_yaml(manifest)
    write_private_key(key_file, key_to_pem(key))
    click.echo(text, nl=False)
    hint = "" if key_id is None else f" Say --key-id {kid} to licet issue."
    click.echo(f"The private key is in {key_file}; keep it safe.{hint}", err=True)


def _vendor(
    name: str | None,
    issuer: str | None,
    product: str | None,
    charts: tuple[str, ...],
    images: tuple[str, ...],
    jwks: object,
) -> dict[str, object]:
    """Write a Vendor manifest that the API server will accept."""
    needed = {"--vendor": name, "--issuer": issuer, "--product": product}
    if missing := [option for option, value in needed.items() if not value]:
        raise click.UsageError(f"the Vendor manifest needs {', '.join(missing)}; for the public key alone, say -o jwks")
    manifest: dict[str, object] = {
        "apiVersion": API_VERSION,
        "kind": "Vendor",
        "metadata": {"name": name},
        "spec": {
            "issuer": issuer,
            "jwks": jwks,
            "products": [{"name": product, "charts": list(charts or (product,)), "images": list(images)}],
        },
    }
    read_vendor(manifest, "the options")
    return manifest
