"""Reading a Helm release from the Secret or ConfigMap in which Helm 3 and Helm 4 keep it.

Helm stores a release as JSON, gzipped, in base64, under the key `release` of a Secret of type `helm.sh/release.v1` or,
with HELM_DRIVER=configmap, of a ConfigMap (`pkg/storage/driver/util.go`; the format is the same in Helm 3.22 and 4.3).
Kubernetes puts the data of Secrets in base64 once more, that of ConfigMaps not. JSON that is not gzipped is older, and
still read. The structs below mirror Helm's, with the fields of both major versions.

Subcharts are not part of what Helm stores. Before it stores, it drops the dependencies that are switched off, and gives
those with an alias the alias for a name (`ProcessDependencies`): their real name remains in `chart.lock` alone.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Final

import msgspec
from isal import isal_zlib

from licet.core import bounds
from licet.core.charts import Chart, Dependency, LockedDependency, is_chart_name
from licet.core.errors import ReleaseError
from licet.core.gojson import decode_struct

RELEASE_TYPE: Final = "helm.sh/release.v1"
"""The type of the Secrets whose payload `decode_release` understands."""


class Storage(StrEnum):
    """The kinds of Kubernetes objects in which Helm keeps releases, one revision in each object.

    Its other drivers, SQL and memory, keep nothing in the cluster.
    """

    SECRET = "Secret"  # noqa: S105 - a kind of objects
    CONFIG_MAP = "ConfigMap"


@dataclass(frozen=True, slots=True)
class Hook:
    """A rendered template that Helm runs by itself at certain points, instead of installing it with the rest."""

    path: str
    """Of the template, from the root chart's name on: `web/charts/redis/templates/job.yaml`."""
    manifest: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Release:
    """One revision of a release: what of it a decision or the inventory asks for."""

    name: str
    namespace: str
    revision: int
    status: str
    """Such as `pending-install`; empty when the payload has none."""
    chart: Chart
    manifest: str = field(default="", repr=False)
    hooks: tuple[Hook, ...] = ()


def decode_release(payload: bytes) -> Release:
    """Read a release as Helm would, and refuse what it could not read or what another reader might read differently.

    Memory is bounded by the caps on the payload and on what it decompresses to; a payload that claims to decompress to
    more is refused before that is tried.

    Args:
        payload: the value under the key `release` of the object's data, without the base64 that Kubernetes itself puts
            around the data of Secrets.

    Raises:
        ReleaseError: it can't be read without doubt, or has no name or version of a chart.
    """
    if len(payload) > bounds.REVIEW_BYTES:
        raise ReleaseError(f"the release has {len(payload)} bytes; at most {bounds.REVIEW_BYTES} are read")
    stored = decode_struct(_decompress(_decode_base64(payload)), _Release, "the release")
    chart = stored.chart or _Chart()
    return Release(
        name=stored.name or "",
        namespace=stored.namespace or "",
        revision=stored.version or 0,
        status=(stored.info and stored.info.status) or "",
        chart=_read_chart(chart.metadata or _Metadata(), chart.lock or _Lock()),
        manifest=stored.manifest or "",
        hooks=tuple(Hook(hook.path or "", hook.manifest or "") for hook in stored.hooks or () if hook),
    )


def _decode_base64(payload: bytes) -> bytes:
    """Decode like Go's base64.StdEncoding: padded, with line breaks anywhere, and with unused bits that may be set."""
    broken = b"\n" in payload or b"\r" in payload
    text = payload.translate(None, delete=b"\r\n") if broken else payload
    with suppress(msgspec.DecodeError, UnicodeDecodeError):
        if b"\\" not in text:  # an escape to JSON, and nothing to base64
            return _BASE64.decode(b'"%b"' % text)
    raise ReleaseError("the release is not base64: it has other characters, is cut off, or is padded wrongly")


_BASE64: Final = msgspec.json.Decoder(bytes)  # as strict as binascii, in half the time


_GZIP_MAGIC: Final = b"\x1f\x8b\x08"
_GZIP_WINDOW_BITS: Final = 16 + isal_zlib.MAX_WBITS
_GZIP_FLAGS: Final = 0b11001  # FTEXT, FNAME and FCOMMENT: what changes nothing
_GZIP_SIZE_FIELD: Final = 4
_GzipError: Final[type[Exception]] = isal_zlib.error  # type: ignore[assignment]  # its stub takes it for an instance


def _decompress(data: bytes) -> bytes:
    """Give the content of a single gzip member (RFC 1952), or data of another kind as it is."""
    if len(data) <= len(_GZIP_MAGIC) or not data.startswith(_GZIP_MAGIC):
        return data
    size = int.from_bytes(data[-_GZIP_SIZE_FIELD:], "little")
    if size > bounds.RELEASE_BYTES:  # the trailer is wrong, or it is right: the release is refused either way
        raise ReleaseError(f"the release is gzip of {size} bytes; at most {bounds.RELEASE_BYTES} are read")
    if data[len(_GZIP_MAGIC)] & ~_GZIP_FLAGS:
        raise ReleaseError("the release is gzip with a header that readers may take differently; Helm writes none such")
    member = isal_zlib.decompressobj(_GZIP_WINDOW_BITS)  # in a third of zlib's time
    try:
        content = member.decompress(data, size + 1)
    except _GzipError as error:
        raise ReleaseError(f"the release is damaged gzip: {error}") from None
    if member.unused_data:
        raise ReleaseError("the release has something behind its gzip member, where another reader may look for more")
    if not member.eof:
        raise ReleaseError("the release is gzip that is truncated, or longer than its trailer says")
    return content


def _read_chart(metadata: "_Metadata", lock: "_Lock") -> Chart:
    return Chart(
        name=_required(metadata.name, "name"),
        version=_required(metadata.version, "version"),
        annotations={name: text or "" for name, text in (metadata.annotations or {}).items()},
        dependencies=tuple(
            Dependency(
                name=dependency.name or "",
                version=dependency.version or "",
                repository=dependency.repository or "",
                alias=dependency.alias or "",
                enabled=dependency.enabled or False,
            )
            for dependency in metadata.dependencies or ()
            if dependency
        ),
        locked=tuple(
            LockedDependency(dependency.name or "", dependency.version or "", dependency.repository or "")
            for dependency in lock.dependencies or ()
            if dependency
        ),
    )


def _required(text: str | None, field_name: str) -> str:
    if not text:
        raise ReleaseError(f"the release does not say the {field_name} of its chart (chart.metadata.{field_name})")
    if not is_chart_name(text):  # a version that is no such text is none either
        raise ReleaseError(f"the {field_name} of the release's chart is one that Helm does not allow: {text[:80]!r}")
    return text


# -- Helm's structs: pkg/release, pkg/chart (Helm 3) and pkg/release/v1, pkg/chart/v2, pkg/chart/common (Helm 4) -------

_Integer = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_Time = str  # in RFC 3339, or empty; nothing hangs on it
_Bytes = str  # in base64
_FreeForm = dict[str, msgspec.Raw]


class _File(msgspec.Struct, omit_defaults=True):
    name: str | None = None
    data: _Bytes | None = None
    modtime: _Time | None = None


class _Dependency(msgspec.Struct, rename={"import_values": "import-values"}):
    name: str | None = None
    version: str | None = None
    repository: str | None = None
    condition: str | None = None
    tags: list[str | None] | None = None
    enabled: bool | None = None
    import_values: list[msgspec.Raw] | None = None
    alias: str | None = None


class _Lock(msgspec.Struct):
    generated: _Time | None = None
    digest: str | None = None
    dependencies: list[_Dependency | None] | None = None


class _Maintainer(msgspec.Struct, omit_defaults=True):
    name: str | None = None
    email: str | None = None
    url: str | None = None


class _Metadata(msgspec.Struct, rename="camel"):
    name: str | None = None
    home: str | None = None
    sources: list[str | None] | None = None
    version: str | None = None
    description: str | None = None
    keywords: list[str | None] | None = None
    maintainers: list[_Maintainer | None] | None = None
    icon: str | None = None
    api_version: str | None = None
    condition: str | None = None
    tags: str | None = None
    app_version: str | None = None
    deprecated: bool | None = None
    annotations: dict[str, str | None] | None = None
    kube_version: str | None = None
    dependencies: list[_Dependency | None] | None = None
    type: str | None = None


class _Chart(msgspec.Struct):
    metadata: _Metadata | None = None
    lock: _Lock | None = None
    templates: list[_File | None] | None = None
    values: _FreeForm | None = None
    schema: _Bytes | None = None
    schemamodtime: _Time | None = None
    files: list[_File | None] | None = None
    modtime: _Time | None = None


class _Info(msgspec.Struct):
    first_deployed: _Time | None = None
    last_deployed: _Time | None = None
    deleted: _Time | None = None
    description: str | None = None
    status: str | None = None
    rollback_revision: _Integer | None = None
    notes: str | None = None
    resources: dict[str, list[None] | None] | None = None  # of an interface type, of which Go can read null alone


class _HookExecution(msgspec.Struct):
    started_at: _Time | None = None
    completed_at: _Time | None = None
    phase: str | None = None


class _Hook(msgspec.Struct, omit_defaults=True):
    name: str | None = None
    kind: str | None = None
    path: str | None = None
    manifest: str | None = None
    events: list[str | None] | None = None
    last_run: _HookExecution | None = None
    weight: _Integer | None = None
    delete_policies: list[str | None] | None = None
    output_log_policies: list[str | None] | None = None


class _Release(msgspec.Struct):
    name: str | None = None
    info: _Info | None = None
    chart: _Chart | None = None
    config: _FreeForm | None = None
    manifest: str | None = None
    hooks: list[_Hook | None] | None = None
    version: _Integer | None = None
    namespace: str | None = None
    apply_method: str | None = None
