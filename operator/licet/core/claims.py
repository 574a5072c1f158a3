"""The claims of a license token, as frozen models: reading them is what decides that a token is well-formed.

- A member that is not known is ignored: tokens of newer vendors stay readable. But inside `bindings`, and where
  `license.critical` names it, it may restrict, and makes the whole license unusable. One that is known elsewhere, but
  not where it stands, is not understood either.
- A restriction that is left out restricts nothing, an empty list allows nothing, and `null` or a wrong type is
  malformed.
- Numbers are never read from strings, nor integers from floats.
"""

from collections.abc import Callable, Mapping
from datetime import date
from functools import lru_cache
from typing import Annotated, ClassVar, Final, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PrivateAttr,
    StringConstraints,
    Tag,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from licet.core import bounds
from licet.core.coverage import TagSet, VersionSet
from licet.core.errors import LicetError
from licet.core.globs import Glob
from licet.core.intervals import overlap
from licet.core.reasons import OnExpiry, Period
from licet.core.semver import Constraint, Version
from licet.core.timestamps import parse_date, parse_duration

AUDIENCE: Final = "licet.dev"
NAME_PATTERN: Final = rf"^[a-z][a-z0-9-]{{0,{bounds.NAME_LENGTH - 1}}}$"
UNLIMITED_SUFFIX: Final = "-unlimited"

_PRINTABLE: Final = r"^[^\x00-\x1f\x7f-\x9f]*$"
_PRINTABLE_NO_COMMA: Final = r"^[^\x00-\x1f\x7f-\x9f,]*$"
_CHANNEL: Final = r"^(\*|[0-9A-Za-z-]{1,63})$"
_OVERAGE: Final = r"^(deny|allow|[0-9]{1,4}%)$"

# Where pydantic's own words would make a person read regular expressions or guess.
_PLAIN_WORDS: Final = {
    "missing": "is missing",
    "extra_forbidden": "is not known to this version of licet",
    NAME_PATTERN: f"is not a name: up to {bounds.NAME_LENGTH} lower-case letters, digits and hyphens, first a letter",
    _PRINTABLE: "contains a control character",
    _PRINTABLE_NO_COMMA: "contains a comma or a control character",
    _CHANNEL: "is not a pre-release channel such as 'rc'",
    _OVERAGE: "is neither 'deny' nor 'allow' nor a percentage such as '20%'",
}
_RANGE_CACHE_SIZE: Final = 1024
_PATH_LENGTH: Final = 160  # of what is shown of one; a member's name may be as long as a token

_Parsed = TypeVar("_Parsed")


def _read_with(parse: Callable[[str], _Parsed]) -> BeforeValidator:
    """Make a parser of strings, which raises `LicetError` or `ValueError`, the validator of a field."""

    def read(value: object) -> _Parsed:
        if not isinstance(value, str):
            raise ValueError("should be a string")  # noqa: TRY004 - pydantic collects ValueError, not TypeError
        try:
            return parse(value)
        except LicetError as error:
            raise ValueError(str(error)) from error

    return BeforeValidator(read)


def _no_unlimited_suffix(name: str) -> str:
    if name.endswith(UNLIMITED_SUFFIX):
        raise ValueError(f"the name of a limit does not end in {UNLIMITED_SUFFIX!r}, which marks the unlimited ones")
    return name


# A vendor writes the same few patterns and ranges into all licenses, and to read one takes a third of the time of all
# claims.
@lru_cache(_RANGE_CACHE_SIZE)
def _unrestricted_glob(text: str) -> Glob:
    return Glob.parse(text, literal_prefix=0)


_parse_versions: Final = lru_cache(_RANGE_CACHE_SIZE)(VersionSet.parse)
_parse_tags: Final = lru_cache(_RANGE_CACHE_SIZE)(TagSet.parse)


_KINDS: Final[Mapping[type, str]] = {bool: "boolean", int: "integer", str: "string", list: "list", tuple: "list"}


def _kind(value: object) -> str | None:
    """Name the alternative of a union that a value is to be read as, so that a problem is told of that one alone."""
    return _KINDS.get(type(value))


def _one_of(kinds: str) -> Discriminator:
    return Discriminator(_kind, custom_error_type="kind", custom_error_message=f"is not {kinds}")


Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
LimitName = Annotated[Name, AfterValidator(_no_unlimited_suffix)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=bounds.TEXT_LENGTH, pattern=_PRINTABLE)]
FeatureText = Annotated[str, StringConstraints(max_length=bounds.FEATURE_TEXT_LENGTH, pattern=_PRINTABLE_NO_COMMA)]
FeatureItem = Annotated[FeatureText, StringConstraints(min_length=1)]
FeatureList = Annotated[tuple[FeatureItem, ...], Field(max_length=bounds.FEATURE_LIST_ITEMS)]
SafeInteger = Annotated[int, Field(ge=-bounds.LIMIT_MAX, le=bounds.LIMIT_MAX)]
FeatureValue = Annotated[
    Annotated[bool, Tag("boolean")]
    | Annotated[SafeInteger, Tag("integer")]
    | Annotated[FeatureText, Tag("string")]
    | Annotated[FeatureList, Tag("list")],
    _one_of("a boolean, an integer, a string or a list of strings"),
]
Audience = Annotated[
    Annotated[Text, Tag("string")] | Annotated[tuple[Text, ...], Field(max_length=bounds.BINDINGS), Tag("list")],
    _one_of("a string or a list of strings"),
]
NumericDate = Annotated[int, Field(ge=0, le=bounds.NUMERIC_DATE_MAX)]
Seconds = Annotated[int, _read_with(parse_duration)]
Day = Annotated[date, _read_with(parse_date)]
NameGlob = Annotated[Glob, _read_with(_unrestricted_glob)]
Channels = Annotated[
    tuple[Annotated[str, StringConstraints(pattern=_CHANNEL)], ...],
    Field(max_length=bounds.CHANNELS),
]


class _Claims(BaseModel):
    """Base of all claims: strict, frozen, camelCase outside; `null` only where a member says so."""

    model_config = ConfigDict(
        strict=True,
        frozen=True,
        extra="ignore",
        alias_generator=to_camel,
        arbitrary_types_allowed=True,
        hide_input_in_errors=True,
    )
    _nullable: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="after")
    def _refuse_null(self) -> Self:
        values = self.__dict__
        for name in self.model_fields_set:
            if values[name] is None and name not in self._nullable:
                raise ValueError(f"{to_camel(name)} is null; leave it out where it does not restrict")
        return self


class Customer(_Claims):
    """Who bought; shown to people, never judged."""

    name: Text | None = None


class Bindings(_Claims):
    """Where the license counts; a member that is not known makes the license unusable, whoever wrote it."""

    model_config = ConfigDict(extra="forbid")

    clusters: Annotated[tuple[Text, ...], Field(max_length=bounds.BINDINGS)] | None = None
    namespaces: Annotated[tuple[NameGlob, ...], Field(max_length=bounds.BINDINGS)] | None = None

    def allows_cluster(self, uid: str) -> bool:
        """Tell whether the cluster, known by the UID of its namespace `kube-system`, may use the license."""
        return self.clusters is None or uid in self.clusters

    def allows_namespace(self, name: str) -> bool:
        """Tell whether the namespace of this name may use the license."""
        return self.namespaces is None or any(glob.matches(name) for glob in self.namespaces)


class Limit(_Claims):
    """How much of something the customer may use: a level, or an amount per calendar period."""

    _nullable = frozenset({"max"})

    max: Annotated[int, Field(ge=0, le=bounds.LIMIT_MAX)] | None
    per: Annotated[Period, Field(strict=False)] | None = None
    overage: Annotated[str, StringConstraints(pattern=_OVERAGE)] = "deny"


class ChartGrant(_Claims):
    """Charts, by name, and the versions of them that are licensed."""

    name: NameGlob
    versions: Annotated[str, StringConstraints(max_length=bounds.RANGE_LENGTH)] | None = None
    channels: Channels = ()
    _licensed: VersionSet = PrivateAttr()

    @model_validator(mode="after")
    def _parse_versions(self) -> Self:
        try:
            self._licensed = _parse_versions(self.versions, self.channels)
        except LicetError as error:
            raise ValueError(str(error)) from error
        return self

    def covers(self, name: str, version: Version | Constraint) -> bool:
        """Tell whether this entry licenses this chart in this version, or in some version of this range."""
        if not self.name.matches(name):
            return False
        return self._licensed.covers(version) if isinstance(version, Version) else overlap(version, self._licensed)

    @property
    def versions_text(self) -> str:
        """The licensed versions, for messages: the range, and the channels besides."""
        return str(self._licensed)


class ImageGrant(_Claims):
    """Image repositories, and the tags of them that are licensed."""

    repository: NameGlob
    tags: Annotated[str, StringConstraints(max_length=bounds.RANGE_LENGTH)] | None = None
    channels: Channels = ()
    _licensed: TagSet = PrivateAttr()

    @model_validator(mode="after")
    def _parse_tags(self) -> Self:
        try:
            self._licensed = _parse_tags(self.tags, self.channels)
        except LicetError as error:
            raise ValueError(str(error)) from error
        return self

    def covers(self, repository: str, tag: str | None) -> bool:
        """Tell whether this image is licensed by this entry; `tag` is None for a reference by bare digest."""
        return self.repository.matches(repository) and self._licensed.covers(tag)


class Grant(_Claims):
    """What was bought of one product."""

    product: Name
    plan: Name | None = None
    features: Annotated[dict[Name, FeatureValue], Field(max_length=bounds.FEATURES)] = Field(default_factory=dict)
    limits: Annotated[dict[LimitName, Limit], Field(max_length=bounds.LIMITS)] = Field(default_factory=dict)
    charts: Annotated[tuple[ChartGrant, ...], Field(max_length=bounds.CHARTS)] | None = None
    images: Annotated[tuple[ImageGrant, ...], Field(max_length=bounds.IMAGES)] | None = None
    maintenance_until: Day | None = None


class LicenseClaims(_Claims):
    """The `license` member: what licet defines beside the registered claims of RFC 7519."""

    series: Text | None = None
    sequence: Annotated[int, Field(ge=0, le=bounds.SEQUENCE_MAX)] = 0
    customer: Customer = Customer()
    trial: bool = False
    break_glass: bool = True
    grace_period: Seconds = 0
    on_expiry: Annotated[OnExpiry, Field(strict=False)] = OnExpiry.REVOKE
    bindings: Bindings = Bindings()
    grants: Annotated[tuple[Grant, ...], Field(min_length=1, max_length=bounds.GRANTS)]
    critical: Annotated[tuple[Text, ...], Field(max_length=bounds.CRITICAL)] = ()

    @model_validator(mode="after")
    def _understand_critical(self) -> Self:
        unknown = sorted(set(self.critical) - _KNOWN_MEMBERS)
        if unknown:
            names = ", ".join(unknown)[:_PATH_LENGTH]
            raise ValueError(f"critical names {names}, which this version of licet does not understand")
        return self


class Claims(_Claims):
    """All claims of a license token (RFC 7519 section 4.1, and `license`)."""

    iss: Text
    sub: Text
    aud: Audience
    jti: Text
    iat: NumericDate
    exp: NumericDate
    nbf: NumericDate = 0
    license: LicenseClaims

    @property
    def audiences(self) -> tuple[str, ...]:
        """The audiences, whether the token wrote one or a list."""
        return (self.aud,) if isinstance(self.aud, str) else self.aud

    @property
    def grace_until(self) -> int:
        """When the grace period ends: the instant from which the license counts no longer."""
        return min(self.exp + self.license.grace_period, bounds.NUMERIC_DATE_MAX)


def read_claims(payload: bytes, *, ignore_unknown: bool = True) -> Claims:
    """Read the payload of a license token.

    Args:
        payload: JSON.
        ignore_unknown: whether members that are not known may be there.

    Raises:
        ValueError: the claims are not those of a license; the message names the first that is wrong.
    """
    try:
        claims = Claims.model_validate_json(payload, extra=None if ignore_unknown else "forbid")
    except ValidationError as error:
        raise ValueError(_describe(error.errors(include_url=False, include_input=False)[0])) from None
    if claims.license.critical and ignore_unknown:
        _understand_critical_in_place(payload, frozenset(claims.license.critical))
    return claims


def _understand_critical_in_place(payload: bytes, critical: frozenset[str]) -> None:
    """Refuse a critical member that was ignored where it stands, though one of its name is known elsewhere."""
    try:
        Claims.model_validate_json(payload, extra="forbid")
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_input=False):
            if problem["loc"][-1] in critical:
                raise ValueError(f"{_describe(problem)}, and critical names it") from None


def _describe(problem: ErrorDetails) -> str:
    """Say where a claim is wrong, and what is wrong with it."""
    where = ".".join(str(part) for part in problem["loc"]) or "claims"
    if len(where) > _PATH_LENGTH:
        where = f"{where[:_PATH_LENGTH]}…"
    kind = problem.get("ctx", {}).get("pattern", problem["type"])
    words = _PLAIN_WORDS.get(kind, problem["msg"].removeprefix("Value error, "))
    return f"{where if where.isprintable() else ascii(where)}: {words}"


def _members_of(*models: type[_Claims]) -> frozenset[str]:
    return frozenset(field.alias or name for model in models for name, field in model.model_fields.items())


_KNOWN_MEMBERS: Final = _members_of(Claims, LicenseClaims, Customer, Bindings, Grant, Limit, ChartGrant, ImageGrant)
