"""Manifests and tokens in files: what a cluster would hold if they were applied, without one."""

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from licet.cli.documents import parse_documents
from licet.cli.files import InputError, name_of, read_source, read_text
from licet.cluster.ledger import Ledger
from licet.cluster.records import LicenseRecord, VendorRecord
from licet.resources import GROUP, VERSION, License, LicenseSpec, Vendor
from licet.resources.fields import ObjectName

API_VERSION: Final = f"{GROUP}/{VERSION}"
TOKEN_KEY: Final = "license.jwt"  # noqa: S105 - where in a Secret the token lies

Manifest = Mapping[str, Any]

_OBJECT_NAME: Final = TypeAdapter(ObjectName)
_COLON: Final = ":"  # which every manifest has, and no token


@dataclass(frozen=True, slots=True)
class Manifests:
    """What was found in files, by name."""

    vendors: dict[str, VendorRecord] = field(default_factory=dict)
    licenses: dict[str, LicenseRecord] = field(default_factory=dict)
    secrets: dict[str, Mapping[str, bytes]] = field(default_factory=dict)

    @classmethod
    def read(cls, paths: Iterable[str], *, operator_namespace: str) -> "Manifests":
        """Read files of manifests in YAML or JSON, and of bare tokens; other kinds than those above are passed over.

        Args:
            paths: of the files, `-` being standard input.
            operator_namespace: Secrets of other namespaces don't count.

        Raises:
            InputError: a file can't be read, a manifest is wrong, or a name occurs twice.
        """
        found = cls()
        for path in paths:
            found.add(path, read_text(path), operator_namespace=operator_namespace)
        return found

    def add(self, path: str, text: str, *, operator_namespace: str) -> None:
        """Take in the text of one file; arguments and errors as `read`."""
        if _is_bare(text):
            self._add_tokens(path, text.split())
        else:
            self._add_manifests(name_of(path), text, operator_namespace)

    def ledger(self, cluster_uid: str | None) -> Ledger:
        """Give what a cluster of this UID would know with these manifests applied."""
        ledger = Ledger(cluster_uid)
        for name, vendor in self.vendors.items():
            ledger.set_vendor(name, vendor)
        for name, license_ in self.licenses.items():
            ledger.set_license(name, license_)
        for name, secret in self.secrets.items():
            ledger.set_secret(name, secret)
        return ledger

    def _add_tokens(self, path: str, tokens: list[str]) -> None:
        stem = PurePath(path).stem
        for number, token in enumerate(tokens, start=1):
            name = f"{stem}-{number}" if len(tokens) > 1 else stem
            _put(self.licenses, "License", name, license_of(name, token))

    def _add_manifests(self, source: str, text: str, operator_namespace: str) -> None:
        manifests = list(manifests_of(text, source))
        for manifest in manifests:
            metadata = _metadata(manifest, source)
            if manifest["kind"] == "Vendor":
                vendor = read_vendor(manifest, source)
                _put(self.vendors, "Vendor", vendor.vendor.name, vendor)
            elif manifest["kind"] == "License":
                license_ = read_license(manifest, source)
                _put(self.licenses, "License", license_.name, license_)
            elif manifest["kind"] == "Secret" and metadata.get("namespace", operator_namespace) == operator_namespace:
                _put(self.secrets, "Secret", str(metadata.get("name")), _secret_data(manifest, source))
        if not manifests:
            raise InputError(f"{source} holds neither a license token nor a manifest")


def read_tokens(source: str) -> list[str]:
    """Read the tokens of a `TOKEN|FILE|-`: bare ones, one a line, and those inside License and Secret manifests.

    Raises:
        InputError: there is none, or the file can't be read.
    """
    text = read_source(source)
    if _is_bare(text):
        return text.split()
    where = name_of(source)
    tokens: list[str] = []
    for manifest in manifests_of(text, where):
        if manifest["kind"] == "License" and (token := read_license(manifest, where).token):
            tokens.append(token.strip())
        elif manifest["kind"] == "Secret":
            values = (value.decode(errors="replace") for value in _secret_data(manifest, where).values())
            tokens += [token for value in values if _COLON not in value for token in value.split()]
    if not tokens:
        raise InputError(f"{where} holds no license token")
    return list(dict.fromkeys(tokens))


def license_of(name: str, token: str) -> LicenseRecord:
    """Give the License that a bare token would be, under a name."""
    return LicenseRecord(name=name, uid="", token=token, token_from=None, scope=None)


def check_object_name(name: str) -> None:
    """Raise `InputError` for what can't be the name of a Kubernetes object."""
    try:
        _OBJECT_NAME.validate_python(name)
    except ValidationError:
        raise InputError(
            f"{name[:80]!r} can't be the name of an object: expected lower-case letters, digits, hyphens and dots"
        ) from None


def read_vendor(manifest: Manifest, source: str) -> VendorRecord:
    """Read a Vendor manifest; `source` is what messages call the place that it is from.

    Raises:
        InputError: the API server would refuse it, or the controller would not trust it.
    """
    try:
        check_object_name(Vendor.model_validate(manifest).metadata.name)
    except ValidationError as error:
        raise InputError(f"{source}: the Vendor is not usable: {_problem(error)}") from error
    record = VendorRecord.read(manifest)
    if record.problems:
        raise InputError(f"{source}: Vendor {record.vendor.name} is not usable: {'; '.join(record.problems)}")
    return record


def read_license(manifest: Manifest, source: str) -> LicenseRecord:
    """Read a License manifest; `source` is what messages call the place that it is from.

    Raises:
        InputError: the API server would refuse it.
    """
    try:
        check_object_name(License.model_validate(manifest).metadata.name)
        # A mistyped member would leave the License wider than it was meant to be.
        LicenseSpec.model_validate(manifest["spec"], extra="forbid")
    except ValidationError as error:
        raise InputError(f"{source}: the License is not usable: {_problem(error)}") from error
    return LicenseRecord.read(manifest)


def manifests_of(text: str, source: str) -> Iterator[Manifest]:
    """List the manifests of a text, those inside of a List as well; `source` is what messages call the text.

    Raises:
        InputError: it is neither YAML nor JSON, or a document in it has no kind.
    """
    for document in parse_documents(text, source):
        if not isinstance(document, Mapping) or not isinstance(document.get("kind"), str):
            raise InputError(f"{source} is no Kubernetes manifest: a document in it has no kind")
        items = document.get("items") if document["kind"].endswith("List") else [document]
        for item in items if isinstance(items, list) else ():
            if not isinstance(item, Mapping) or not isinstance(item.get("kind"), str):
                raise InputError(f"{source} is no Kubernetes manifest: an item of its {document['kind']} has no kind")
            yield item


def _is_bare(text: str) -> bool:
    """Tell whether a text holds tokens alone, and no manifests."""
    return bool(text.strip()) and _COLON not in text


def _metadata(manifest: Manifest, source: str) -> Mapping[str, object]:
    metadata = manifest.get("metadata")
    if not isinstance(metadata, Mapping):
        raise InputError(f"{source}: a {manifest['kind']} has no metadata")
    return metadata


def _secret_data(manifest: Manifest, source: str) -> dict[str, bytes]:
    """Decode a Secret's values; those of `stringData` come first, as in the API server."""
    data, plain = manifest.get("data") or {}, manifest.get("stringData") or {}
    try:
        decoded = {str(key): base64.b64decode(value, validate=True) for key, value in data.items()}
        return decoded | {str(key): value.encode() for key, value in plain.items()}
    except (AttributeError, TypeError, ValueError, binascii.Error) as error:
        raise InputError(f"{source}: the data of a Secret is not in base64, or its stringData is no text") from error


def _put(records: dict[str, Any], kind: str, name: str, record: object) -> None:
    if name in records:
        raise InputError(f"{kind} {name} is given twice; which one would hold is not clear")
    records[name] = record


def _problem(error: ValidationError) -> str:
    """Name the first member that is wrong, and what is wrong with it, without its value, which may be a token."""
    problem = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in problem["loc"])
    return f"{where}: {problem['msg'].removeprefix('Value error, ')}"
