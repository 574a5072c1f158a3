"""The closed sets of words that users meet in conditions, projections and metrics."""

from enum import StrEnum


class Reason(StrEnum):
    """Why a License is valid or not: the reason of its `Valid` condition."""

    VERIFIED = "Verified"
    IN_GRACE = "InGrace"
    NOT_YET_VALID = "NotYetValid"
    EXPIRED = "Expired"
    SUPERSEDED = "Superseded"
    REVOKED = "Revoked"
    SUSPENDED = "Suspended"
    MALFORMED = "Malformed"
    SIGNATURE_INVALID = "SignatureInvalid"
    UNKNOWN_VENDOR = "UnknownVendor"
    UNKNOWN_KEY = "UnknownKey"
    AUDIENCE_MISMATCH = "AudienceMismatch"
    CLUSTER_MISMATCH = "ClusterMismatch"
    ISSUER_CONFLICT = "IssuerConflict"
    TOKEN_UNAVAILABLE = "TokenUnavailable"  # noqa: S105 - a condition reason, not a credential


class State(StrEnum):
    """What holds for an Entitlement: the `state` of its status and of the projected document."""

    ACTIVE = "Active"
    GRACE = "Grace"
    EXPIRED = "Expired"
    UNLICENSED = "Unlicensed"


class Oddity(StrEnum):
    """What is odd but not wrong: the reason of a `Consistent` condition that is False."""

    SEQUENCE_CONFLICT = "SequenceConflict"
    PRODUCT_NOT_LISTED = "ProductNotListed"
    LIMITS_CONFLICT = "LimitsConflict"
    FEATURE_TYPE_CONFLICT = "FeatureTypeConflict"


class Enforcement(StrEnum):
    """What the gate does with what is not licensed: refuse, admit with a warning, or only record."""

    ENFORCE = "Enforce"
    WARN = "Warn"
    AUDIT = "Audit"


class OnExpiry(StrEnum):
    """What becomes of features and limits in the projection once a license and its grace period are over."""

    REVOKE = "Revoke"
    KEEP = "Keep"


class Period(StrEnum):
    """The calendar period, in UTC, over which a limit counts; a limit without one is a level, such as seats."""

    DAY = "day"
    MONTH = "month"
    YEAR = "year"
