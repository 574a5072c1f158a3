"""AdmissionReview (`admission.k8s.io/v1`) as the API server sends it and reads the answer to it.

Only what the gate needs is read. The object of a request stays raw until its kind is known to be one that Helm keeps
releases in.

Helm never looks at the type of a Secret. It finds a release by the name of the object (a rollback finds its target so),
or by the labels `owner: helm` and `name` (everything else), and takes it from the key `release`; who writes such an
object by hand may leave out the rest. So whatever has that key and one of these two marks is a release, and so is every
Secret with the type that Helm gives to its own.
"""

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final, Literal

import msgspec

from licet.core.errors import UNREADABLE, LicetError
from licet.core.release import RELEASE_TYPE, Storage

_API_VERSION: Final = "admission.k8s.io/v1"
_KIND: Final = "AdmissionReview"
_RELEASE_TYPES: Final = "helm.sh/release."  # followed by the version of the format
_RELEASE_NAME: Final = re.compile(r"sh\.helm\.release\.([^.]*)")  # likewise, then the release and its revision
_FORBIDDEN: Final = 403


class ReviewError(LicetError):
    """What was posted is no AdmissionReview that the gate can read."""


class Kind(msgspec.Struct, frozen=True):
    """`metav1.GroupVersionKind`."""

    group: str
    version: str
    kind: str


class User(msgspec.Struct, frozen=True):
    """Who asks, as the API server authenticated them."""

    username: str = ""


class AdmissionRequest(msgspec.Struct, frozen=True, rename="camel"):
    """The request to judge (`admission.k8s.io/v1` AdmissionRequest)."""

    uid: str
    kind: Kind
    operation: str
    name: str = ""
    """Empty where the API server is to make one."""
    namespace: str = ""
    user_info: User = User()
    dry_run: bool | None = None
    object: msgspec.Raw = msgspec.Raw(b"null")
    old_object: msgspec.Raw = msgspec.Raw(b"null")


class ReleaseObject(msgspec.Struct, frozen=True):
    """A Secret or ConfigMap that is to hold a Helm release; never to be logged."""

    storage: Storage
    name: str
    named_in_labels: str
    """The release's name by the object's label, by which Helm finds it."""
    format: str
    """Of the payload, as Helm calls it in the type of its Secrets: `helm.sh/release.v1`."""
    payload: bytes


def read_review(body: bytes | bytearray) -> AdmissionRequest:
    """Read what the API server posts.

    Raises:
        ReviewError: it is something else. The message shows nothing of the content.
    """
    try:
        return _REVIEW.decode(body).request
    except msgspec.ValidationError as error:
        raise ReviewError(f"not an {_KIND} of {_API_VERSION}: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ReviewError(f"not JSON: {error}") from None
    except RecursionError as error:  # of what is nested deeper than any object that is of use
        raise ReviewError(f"not an {_KIND} that can be read: {error}") from None


def release_object(request: AdmissionRequest) -> ReleaseObject | None:
    """Give the release that the request creates; None for every other request, which is none of the gate's.

    Raises:
        ReviewError: the object is not one that an API server would send.
    """
    if request.operation != "CREATE" or request.kind.group or request.kind.kind not in _OBJECTS:
        return None
    storage = Storage(request.kind.kind)
    try:
        obj = _OBJECTS[storage].decode(request.object)
    except UNREADABLE as error:
        raise ReviewError(f"`request.object` is not a {storage}: {error}") from None
    typed = obj.type.startswith(_RELEASE_TYPES)
    payload = obj.data.release if obj.data else None
    labels, named = obj.metadata.labels or {}, _RELEASE_NAME.match(obj.metadata.name)
    if not typed and (payload is None or not (named or labels.get("owner") == "helm")):
        return None
    return ReleaseObject(
        storage=storage,
        name=obj.metadata.name,
        named_in_labels=labels.get("name", ""),
        format=obj.type if typed else f"{_RELEASE_TYPES}{named[1]}" if named else RELEASE_TYPE,
        payload=payload.encode() if isinstance(payload, str) else payload or b"",
    )


def encode_response(
    uid: str,
    *,
    denial: str | None = None,
    warnings: Sequence[str] = (),
    audit_annotations: Mapping[str, str] | None = None,
) -> bytes:
    """Write the answer to a request: allowed, unless there is a denial to explain."""
    status = None if denial is None else _Status(code=_FORBIDDEN, reason="Forbidden", message=denial)
    response = _Response(
        uid=uid,
        allowed=denial is None,
        status=status,
        warnings=warnings,
        audit_annotations=audit_annotations or {},
    )
    return msgspec.json.encode(_ReviewResponse(api_version=_API_VERSION, kind=_KIND, response=response))


class _Review(msgspec.Struct, rename="camel"):
    api_version: Literal["admission.k8s.io/v1"]
    kind: Literal["AdmissionReview"]
    request: AdmissionRequest


class _ObjectMeta(msgspec.Struct):
    name: str = ""
    labels: dict[str, str] | None = None


class _SecretData(msgspec.Struct):
    release: bytes | None = None  # in base64


class _Secret(msgspec.Struct):
    metadata: _ObjectMeta
    type: str = ""
    data: _SecretData | None = None


class _ConfigMapData(msgspec.Struct):
    release: str | None = None


class _ConfigMap(msgspec.Struct):
    type: ClassVar[str] = ""
    metadata: _ObjectMeta
    data: _ConfigMapData | None = None


class _Status(msgspec.Struct):
    code: int
    reason: str
    message: str
    status: str = "Failure"


class _Response(msgspec.Struct, rename="camel"):
    uid: str
    allowed: bool
    status: _Status | None
    warnings: Sequence[str]
    audit_annotations: Mapping[str, str]


class _ReviewResponse(msgspec.Struct, rename="camel"):
    api_version: str
    kind: str
    response: _Response


_REVIEW: Final = msgspec.json.Decoder(_Review)
_OBJECTS: Final[Mapping[str, msgspec.json.Decoder[_Secret] | msgspec.json.Decoder[_ConfigMap]]] = {
    Storage.SECRET: msgspec.json.Decoder(_Secret),
    Storage.CONFIG_MAP: msgspec.json.Decoder(_ConfigMap),
}
