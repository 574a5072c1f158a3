"""What the API server answers when it does not do what it was asked, as one exception."""

from typing import Final

import msgspec

from licet.cluster.redact import redact
from licet.core.errors import UNREADABLE, LicetError

_MESSAGE_LENGTH: Final = 2048


class ApiError(LicetError):
    """A request that failed: the API server refused it, or no answer came at all (`status` 0).

    `reason` is the machine-readable one of the server's Status object (Kubernetes API conventions, "Response Status
    Kind"), `retry_after` the seconds after which the server asks to be tried again. `str()` names request, status,
    reason and the server's message.
    """

    def __init__(
        self,
        request: str,
        *,
        status: int,
        reason: str,
        message: str,
        retry_after: float | None = None,
        causes: frozenset[str] = frozenset(),
    ) -> None:
        self.status = status
        self.reason = reason
        self.message = redact(message)[:_MESSAGE_LENGTH]
        self.retry_after = retry_after
        self.causes = causes
        super().__init__(f"{request}: {f'{status} ' if status else ''}{reason}: {self.message}")

    @property
    def is_unreachable(self) -> bool:
        """No answer came; whether a write was carried out is not known."""
        return self.status == 0

    @property
    def is_unauthorized(self) -> bool:
        """The credentials are not, or no longer, valid."""
        return self.status == 401

    @property
    def is_forbidden(self) -> bool:
        """RBAC or an admission plugin does not allow it."""
        return self.status == 403

    @property
    def is_not_found(self) -> bool:
        """Neither the object nor, if the whole path is unknown, its resource exists."""
        return self.status == 404

    @property
    def is_already_exists(self) -> bool:
        """An object to be created has a name that is taken."""
        return self.status == 409 and self.reason == "AlreadyExists"

    @property
    def is_conflict(self) -> bool:
        """The object changed since it was read, or a precondition of a deletion does not hold."""
        return self.status == 409 and self.reason != "AlreadyExists"

    @property
    def is_gone(self) -> bool:
        """A resourceVersion or continue token is too old: list again."""
        return self.status == 410 or self.reason in {"Gone", "Expired"}

    @property
    def is_invalid(self) -> bool:
        """The object is not valid; sending it again will not help."""
        return self.status in {400, 422}

    @property
    def is_namespace_terminating(self) -> bool:
        """Nothing can be created any more in a namespace that is being deleted."""
        return "NamespaceTerminating" in self.causes


def error_from_answer(
    request: str, status: int, phrase: str | None, body: bytes, retry_after: str | None = None
) -> ApiError:
    """The `ApiError` for an HTTP answer: its Status object where `body` is one, else what its status line says."""
    try:
        answer = _STATUS.decode(body)
    except UNREADABLE:
        answer = _Status()
    return ApiError(
        request,
        status=answer.code or status,
        reason=answer.reason or phrase or "Unknown",
        message=answer.message or "the server gave no explanation",
        retry_after=float(retry_after) if retry_after and retry_after.isdecimal() else None,
        causes=frozenset(cause.reason for cause in (answer.details or _Details()).causes or [] if cause.reason),
    )


class _Cause(msgspec.Struct):
    reason: str | None = None


class _Details(msgspec.Struct):
    causes: list[_Cause] | None = None


class _Status(msgspec.Struct):
    """`metav1.Status`, in as far as it matters here."""

    code: int | None = None
    reason: str | None = None
    message: str | None = None
    details: _Details | None = None


_STATUS: Final = msgspec.json.Decoder(_Status)
