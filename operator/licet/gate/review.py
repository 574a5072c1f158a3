"""AdmissionReview (`admission.k8s.io/v1`) as the API server sends it and reads the answer to it.

Only what the gate needs is read. The object of a request stays raw until it is known to be a Secret with a release.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

import msgspec

from licet.core.errors import LicetError

_API_VERSION: Final = "admission.k8s.io/v1"
_KIND: Final = "AdmissionReview"
_RELEASE_TYPES: Final = "helm.sh/release."  # followed by the version of the format
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
    namespace: str = ""
    user_info: User = User()
    dry_run: bool | None = None
    object: msgspec.Raw = msgspec.Raw(b"null")


class ReleaseSecret(msgspec.Struct, frozen=True):
    """A Secret that is to hold a Helm release; never to be logged."""

    name: str
    named_in_labels: str
    """The release's name by the Secret's label, by which Helm finds it."""
    type: str
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


def release_secret(request: AdmissionRequest) -> ReleaseSecret | None:
    """Give the release Secret that the request creates; None for every other request, which is none of the gate's.

    Raises:
        ReviewError: the Secret is not one that an API server would send.
    """
    if request.operation != "CREATE" or (request.kind.group, request.kind.kind) != ("", "Secret"):
        return None
    try:
        secret = _SECRET.decode(request.object)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ReviewError(f"`request.object` is not a Secret: {error}") from None
    if not secret.type.startswith(_RELEASE_TYPES):
        return None
    return ReleaseSecret(
        name=secret.metadata.name,
        named_in_labels=(secret.metadata.labels or {}).get("name", ""),
        type=secret.type,
        payload=(secret.data or _Data()).release or b"",
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


class _Data(msgspec.Struct):
    release: bytes | None = None


class _Secret(msgspec.Struct):
    metadata: _ObjectMeta
    type: str = ""
    data: _Data | None = None


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
_SECRET: Final = msgspec.json.Decoder(_Secret)
