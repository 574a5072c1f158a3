"""License: one signed token, and the namespaces that may use it."""

from datetime import date
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import Field, StrictBool, StringConstraints, computed_field, model_validator
from pydantic.json_schema import SkipJsonSchema

from licet.core import bounds
from licet.core.namespaces import Operator
from licet.core.reasons import Period
from licet.resources.base import AGE, Column, Definition, Model, Resource, Scope, condition_column
from licet.resources.fields import Count, Features, Instant, Name, NamespaceName, ObjectName, Text
from licet.resources.markers import ATOMIC_LIST, SET, Rule, map_by
from licet.resources.meta import ConditionType, Status

_LABEL_KEY_LENGTH: Final = 317  # a DNS subdomain of 253 characters, a slash, and a name of 63
_LABEL_KEY: Final = "^([a-z0-9.-]{1,253}/)?([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]$"
_LABEL_VALUE_LENGTH: Final = 63
_DATA_KEY_LENGTH: Final = 253
_EXACTLY_ONE_SOURCE: Final = "expected exactly one of token and tokenFrom"
_PRODUCT_NAMES_LENGTH: Final = bounds.GRANTS * (bounds.NAME_LENGTH + 1)
_SOME_NAMESPACES: Final = "expected names, selector, or both; leave allowedNamespaces out to allow every namespace"

LabelKey = Annotated[str, StringConstraints(max_length=_LABEL_KEY_LENGTH, pattern=_LABEL_KEY)]
LabelValue = Annotated[
    str,
    StringConstraints(max_length=_LABEL_VALUE_LENGTH, pattern="^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"),
]


class SecretKeyRef(Model):
    """One key of a Secret in the operator's namespace."""

    name: ObjectName = Field(description="Name of the Secret; it lies in the operator's namespace.")
    key: Annotated[str, StringConstraints(max_length=_DATA_KEY_LENGTH, pattern="^[-._a-zA-Z0-9]+$")] = Field(
        description="The key in the Secret's data under which the token stands, such as license.jwt."
    )


class TokenSource(Model):
    """Where the token comes from."""

    secret_key_ref: SecretKeyRef = Field(description="A key of a Secret in the operator's namespace.")


class LabelRequirement(Model):
    """A condition on one label."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.operator in ['In', 'NotIn'] ? has(self.values) && size(self.values) > 0 : true",
            "the operators In and NotIn need at least one value",
            path=".values",
        ),
        Rule(
            "self.operator in ['Exists', 'DoesNotExist'] ? !has(self.values) || size(self.values) == 0 : true",
            "the operators Exists and DoesNotExist take no values",
            path=".values",
        ),
    )

    key: LabelKey = Field(description="The label's key.")
    operator: Operator = Field(description="How the label relates to the values: In, NotIn, Exists or DoesNotExist.")
    values: Annotated[tuple[LabelValue, ...], Field(max_length=bounds.SELECTOR_VALUES), SET] = Field(
        default=(), description="The values, for In and NotIn."
    )


class LabelSelector(Model):
    """Labels that a namespace has to have; all that is listed has to hold, and an empty selector selects all."""

    match_labels: Annotated[
        dict[str, LabelValue],
        Field(max_length=bounds.SELECTOR_TERMS),
        Rule(
            f"self.all(key, key.matches('{_LABEL_KEY}'))", "expected keys of labels, such as team or example.com/team"
        ),
    ] = Field(default_factory=dict, description="Labels and the values that they have to have.")
    match_expressions: Annotated[tuple[LabelRequirement, ...], Field(max_length=bounds.SELECTOR_TERMS), ATOMIC_LIST] = (
        Field(default=(), description="Conditions on labels that are more than equality.")
    )


class AllowedNamespaces(Model):
    """Which namespaces may use a License: those that are named, and those that are selected."""

    rules: ClassVar[tuple[Rule, ...]] = (Rule("has(self.names) || has(self.selector)", _SOME_NAMESPACES),)

    names: Annotated[tuple[NamespaceName, ...], Field(max_length=bounds.ALLOWED_NAMESPACES), SET] | None = Field(
        default=None, description="Names of namespaces that may use the license; an empty list names none."
    )
    selector: LabelSelector | None = Field(
        default=None, description="Selects namespaces that may use the license by their labels; {} selects all."
    )


class LicenseSpec(Model):
    """What a cluster admin says about a license."""

    rules: ClassVar[tuple[Rule, ...]] = (Rule("has(self.token) != has(self.tokenFrom)", _EXACTLY_ONE_SOURCE),)

    token: Annotated[str, StringConstraints(min_length=1, max_length=bounds.TOKEN_BYTES)] | None = Field(
        default=None,
        repr=False,
        description="The license token that the vendor issued, inline: a signed JWT. Who may read this License may "
        "then read the token; tokenFrom is the better place.",
    )
    token_from: TokenSource | None = Field(default=None, description="Where the license token lies, in place of token.")
    allowed_namespaces: AllowedNamespaces | None = Field(
        default=None,
        description="Narrows the license to some namespaces: the union of those named and those selected. Without it "
        "every namespace that the token itself allows may use the license.",
    )

    @model_validator(mode="after")
    def _exactly_one_source(self) -> Self:
        if (self.token is None) == (self.token_from is None):
            raise ValueError(_EXACTLY_ONE_SOURCE)
        return self


class GrantedLimit(Model):
    """How much of something a license grants."""

    name: Name = Field(description="The limit's name.")
    max: Count | None = Field(default=None, description="How much is granted; absent where it is unlimited.")
    unlimited: Literal[True] | None = Field(default=None, description="True where nothing limits it.")
    per: Period | None = Field(
        default=None, description="The calendar period in UTC that max is for; absent for a level, such as seats."
    )
    overage: Annotated[str, StringConstraints(max_length=bounds.NAME_LENGTH)] = Field(
        description="What the application may allow beyond max: deny, allow, or a percentage of max."
    )


class GrantedChart(Model):
    """Charts that a license covers."""

    name: Text = Field(description="The chart's name, or a pattern of names.")
    versions: Annotated[str, StringConstraints(max_length=bounds.RANGE_LENGTH)] | None = Field(
        default=None, description="Range of the chart versions covered, in Helm's syntax; absent for all."
    )
    channels: Annotated[tuple[Text, ...], Field(max_length=bounds.CHANNELS), ATOMIC_LIST] = Field(
        default=(), description="Channels of pre-releases covered besides, such as rc; * for every channel."
    )


class GrantedImage(Model):
    """Images that a license covers."""

    repository: Text = Field(description="The image repository, or a pattern of repositories.")
    tags: Annotated[str, StringConstraints(max_length=bounds.RANGE_LENGTH)] | None = Field(
        default=None, description="Range of the tags covered, in Helm's syntax for versions; absent for all."
    )
    channels: Annotated[tuple[Text, ...], Field(max_length=bounds.CHANNELS), ATOMIC_LIST] = Field(
        default=(), description="Channels of pre-releases covered besides, such as rc; * for every channel."
    )


class GrantedProduct(Model):
    """What a license grants of one product."""

    name: Name = Field(description="The product's name.")
    plan: Name | None = Field(default=None, description="The plan that was bought.")
    features: Features = Field(
        default_factory=dict,
        description="Features by name; a value is a boolean, an integer, a string or a list of strings.",
    )
    limits: Annotated[tuple[GrantedLimit, ...], Field(max_length=bounds.LIMITS), map_by("name")] = Field(
        default=(), description="How much of what the license grants, for the whole cluster."
    )
    charts: Annotated[tuple[GrantedChart, ...], Field(max_length=bounds.CHARTS), ATOMIC_LIST] | None = Field(
        default=None, description="The charts covered; absent where charts are not restricted."
    )
    images: Annotated[tuple[GrantedImage, ...], Field(max_length=bounds.IMAGES), ATOMIC_LIST] | None = Field(
        default=None, description="The images covered; absent where images are not restricted."
    )
    maintenance_until: date | None = Field(
        default=None,
        description="The last UTC day on which a chart version may have been released to be covered; absent where "
        "maintenance does not end.",
    )


class LicenseStatus(Status):
    """What a License's token says, once verified, and whether it counts; a source of information, never of rights."""

    vendor: ObjectName | None = Field(default=None, description="The Vendor whose key verifies the token.")
    license_id: Text | None = Field(default=None, description="The license's ID (`jti`).")
    customer: Text | None = Field(default=None, description="Who bought, by name, or else by ID.")
    series: Text | None = Field(
        default=None, description="What this license is a renewal, upgrade or downgrade of; only its latest counts."
    )
    sequence: Annotated[Count, Field(le=bounds.SEQUENCE_MAX)] | None = Field(
        default=None, description="The place of this license in its series; a higher one supersedes it."
    )
    signing_key_id: Text | None = Field(default=None, description="ID of the key (`kid`) that signed the token.")
    trial: StrictBool | None = Field(
        default=None, description="Whether this is a trial, which counts only for products that nothing else grants."
    )
    break_glass: StrictBool | None = Field(
        default=None, description="Whether a BreakGlass may let in what this license is about and does not cover."
    )
    not_before: Instant | None = Field(default=None, description="From when on the license counts.")
    not_after: Instant | None = Field(default=None, description="When the license expires.")
    grace_until: Instant | None = Field(
        default=None,
        description="Until when the license still counts after its expiry; notAfter where there is no grace.",
    )
    products: Annotated[tuple[GrantedProduct, ...], Field(max_length=bounds.GRANTS), map_by("name")] = Field(
        default=(), description="What the license grants, by product."
    )

    @computed_field(description="The names of the products in one line, for the output of kubectl get.")
    def product_names(self) -> Annotated[str, Field(max_length=_PRODUCT_NAMES_LENGTH)] | None:
        """The products' names, joined; a printer column prints only the first match of a JSONPath."""
        return ",".join(product.name for product in self.products) or None


class License(Resource):
    """A license that a vendor issued for this cluster: a signed token, and which namespaces may use it."""

    definition: ClassVar[Definition] = Definition(
        kind="License",
        plural="licenses",
        short_name="lic",
        scope=Scope.CLUSTER,
        columns=(
            Column(name="Vendor", path=".status.vendor", description="The Vendor whose key verifies the token."),
            Column(name="Customer", path=".status.customer", description="Who bought."),
            Column(name="Products", path=".status.productNames", description="The products that are granted."),
            condition_column("Valid", ConditionType.VALID, "status", "Whether the license counts now."),
            condition_column("Reason", ConditionType.VALID, "reason", "Why it counts, or does not."),
            Column(name="Not-After", path=".status.notAfter", description="When the license expires."),
            AGE,
        ),
    )

    kind: SkipJsonSchema[Literal["License"]] = "License"
    spec: LicenseSpec = Field(description="The token, and the namespaces that may use it.")
    status: LicenseStatus | None = Field(
        default=None, description="What the verified token says, and whether it counts; written by the controller only."
    )
