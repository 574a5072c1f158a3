"""Entitlement: what a namespace takes of a product, and where the controller writes it for the application."""

from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StrictBool
from pydantic.json_schema import SkipJsonSchema

from licet.core import bounds
from licet.core.claims import UNLIMITED_SUFFIX
from licet.core.reasons import State
from licet.resources.base import AGE, Column, Definition, Model, Resource, Scope, condition_column
from licet.resources.fields import NAMES_AS_KEYS, Count, Features, Instant, Name, ObjectName, Text
from licet.resources.markers import SET, Rule, map_by
from licet.resources.meta import ConditionType, Status


class VendorRef(Model):
    """A Vendor, by name."""

    name: Annotated[
        ObjectName,
        Rule("self == oldSelf", "vendorRef is immutable; create another Entitlement for the other vendor"),
    ] = Field(description="Name of the Vendor.")


class TargetRef(Model):
    """An object of the Entitlement's namespace, by name."""

    name: ObjectName = Field(description="Name of the object.")


class Target(Model):
    """The objects that the entitlements are written to."""

    config_map: TargetRef | None = Field(
        default=None,
        description="The ConfigMap for what the application reads: entitlements.json, and one key per value for "
        "envFrom. By default it has the Entitlement's name.",
    )
    secret: TargetRef | None = Field(
        default=None,
        description="The Secret for the license tokens, which the application verifies itself: licenses.jwt. "
        "By default it has the Entitlement's name.",
    )


class EntitlementSpec(Model):
    """What a team asks for; it narrows what the licenses grant, and never widens it."""

    vendor_ref: VendorRef = Field(description="Whose product this is about. Immutable.")
    product: Annotated[
        Name, Rule("self == oldSelf", "product is immutable; create another Entitlement for the other product")
    ] = Field(description="The product, by the name that the vendor's tokens grant it under. Immutable.")
    features: Annotated[tuple[Name, ...], Field(max_length=bounds.FEATURES), SET] | None = Field(
        default=None,
        description="Only these features, of those that are licensed. Without it, all of them; an empty list, none.",
    )
    limits: Annotated[
        dict[str, Count],
        Field(max_length=bounds.LIMITS),
        NAMES_AS_KEYS,
        Rule(
            f"self.all(name, !name.endsWith('{UNLIMITED_SUFFIX}'))",
            f"the name of a limit does not end in {UNLIMITED_SUFFIX}",
        ),
    ] = Field(
        default_factory=dict,
        description="Reserves this much of a limit for this namespace. Limits are for the whole cluster: "
        "reservations are granted in order of creation while the pool lasts, and Entitlements without one share the "
        "rest.",
    )
    target: Target | None = Field(
        default=None,
        description="Where to write the entitlements; by default to a ConfigMap and a Secret of the same name. "
        "An object of that name which licet did not make is never touched.",
    )


class AllottedLimit(Model):
    """How much of a limit this Entitlement has."""

    name: Name = Field(description="The limit's name.")
    requested: Count | None = Field(default=None, description="How much the Entitlement reserves; absent without.")
    granted: Count | None = Field(default=None, description="How much it has; absent where it is unlimited.")
    unlimited: Literal[True] | None = Field(default=None, description="True where nothing limits it.")
    shared: StrictBool = Field(
        description="Whether others draw on the same amount: true without a reservation, false with one."
    )


class TargetKind(StrEnum):
    """The kinds of objects that entitlements are written to."""

    CONFIG_MAP = "ConfigMap"
    SECRET = "Secret"  # noqa: S105 - a kind, not a credential


class WrittenTarget(Model):
    """An object that holds the entitlements."""

    kind: TargetKind = Field(description="ConfigMap or Secret.")
    name: ObjectName = Field(description="Name of the object, in the Entitlement's namespace.")


class EntitlementStatus(Status):
    """What this namespace may do with the product now."""

    state: State | None = Field(
        default=None,
        description="What holds: Active; Grace (expired, but still in its grace period); Expired; or Unlicensed.",
    )
    plan: Name | None = Field(default=None, description="The plan that was bought.")
    features: Features = Field(
        default_factory=dict,
        description="Features by name; a value is a boolean, an integer, a string or a list of strings.",
    )
    limits: Annotated[tuple[AllottedLimit, ...], Field(max_length=bounds.LIMITS), map_by("name")] = Field(
        default=(), description="How much of what this Entitlement has."
    )
    licenses: Annotated[tuple[Text, ...], Field(max_length=bounds.LICENSES_PER_RIGHT), SET] = Field(
        default=(), description="IDs (`jti`) of the licenses that give these rights, as in the projected document."
    )
    not_after: Instant | None = Field(default=None, description="When the rights expire.")
    grace_until: Instant | None = Field(
        default=None, description="Until when they still hold after that; notAfter where there is no grace."
    )
    targets: Annotated[tuple[WrittenTarget, ...], Field(max_length=len(TargetKind)), map_by("kind")] = Field(
        default=(), description="The objects that the application reads this from."
    )


class Entitlement(Resource):
    """What a namespace takes of a licensed product, written to a ConfigMap and a Secret for the application to read."""

    definition: ClassVar[Definition] = Definition(
        kind="Entitlement",
        plural="entitlements",
        short_name="ent",
        scope=Scope.NAMESPACED,
        columns=(
            Column(name="Product", path=".spec.product", description="The product."),
            Column(name="Plan", path=".status.plan", description="The plan that was bought."),
            Column(name="State", path=".status.state", description="What holds now."),
            condition_column(
                "Ready", ConditionType.READY, "status", "Whether the targets hold what the licenses grant."
            ),
            Column(name="Not-After", path=".status.notAfter", description="When the rights expire."),
            AGE,
        ),
    )

    kind: SkipJsonSchema[Literal["Entitlement"]] = "Entitlement"
    spec: EntitlementSpec = Field(description="What the namespace takes, and where it is written.")
    status: EntitlementStatus | None = Field(
        default=None, description="What the namespace may do now; written by the controller only."
    )
