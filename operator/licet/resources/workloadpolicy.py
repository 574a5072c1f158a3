"""WorkloadPolicy: what of a vendor's products may run; the parameters of the API server's admission policies."""

from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import ConfigDict, Field, StrictBool, StringConstraints
from pydantic.json_schema import SkipJsonSchema

from licet.core import bounds
from licet.core.namespaces import Operator
from licet.core.parameters import VendorParameters
from licet.core.reasons import Enforcement
from licet.resources.base import AGE, GROUP, Column, Definition, Model, ObjectMeta, Resource, Scope
from licet.resources.fields import Instant, Name, NamespaceName, ObjectName
from licet.resources.markers import ATOMIC_LIST

ENFORCEMENT_LABEL: Final = f"{GROUP}/enforcement"
"""By this label the bindings of the policies choose their parameters."""

_EXPRESSION_LENGTH: Final = 4 * bounds.GLOB_LENGTH

GlobText = Annotated[str, StringConstraints(max_length=bounds.GLOB_LENGTH)]
VersionText = Annotated[str, StringConstraints(max_length=bounds.VERSION_LENGTH)]
Reference = Annotated[str, StringConstraints(max_length=bounds.POLICY_REFERENCE_LENGTH)]
LabelText = Annotated[str, StringConstraints(max_length=bounds.POLICY_REFERENCE_LENGTH)]


class _Value(Model):
    """Base of what stands in the parameters: made of the core's values of the same members."""

    model_config = ConfigDict(from_attributes=True)


class NamePattern(_Value):
    """A pattern of names."""

    prefix: GlobText = Field(description="What every name that matches begins with.")
    expression: Annotated[str, StringConstraints(max_length=_EXPRESSION_LENGTH)] = Field(
        description="A regular expression (RE2) that matches the whole name."
    )


class ClaimedNames(_Value):
    """Names that need a license."""

    pattern: NamePattern = Field(description="Which names.")
    product: Name = Field(description="The product that the license has to grant.")


class MirrorOf(_Value):
    """A place with copies of the vendor's images, in lower case."""

    source: GlobText = Field(description="The vendor's registry, or a path in it.")
    mirror: GlobText = Field(description="Where the copies lie.")


class ClaimedElsewhere(_Value):
    """Names that an older Vendor claims, whose claim holds."""

    vendor: ObjectName = Field(description="Name of that Vendor.")
    images: Annotated[tuple[NamePattern, ...], Field(max_length=bounds.POLICY_PATTERNS), ATOMIC_LIST] = Field(
        description="Repositories of images."
    )
    charts: Annotated[tuple[NamePattern, ...], Field(max_length=bounds.POLICY_PATTERNS), ATOMIC_LIST] = Field(
        description="Charts."
    )
    mirrors: Annotated[tuple[MirrorOf, ...], Field(max_length=bounds.MIRRORS_PER_VENDOR), ATOMIC_LIST] = Field(
        description="That Vendor's mirrors."
    )


class VersionInterval(_Value):
    """Versions from the first on, and before the end."""

    first: VersionText = Field(description="The first version inside.")
    end: VersionText | None = Field(default=None, description="The first version behind; absent, there is no end.")


class CoveredVersions(_Value):
    """Versions that are licensed, of what the pattern matches."""

    pattern: NamePattern = Field(description="Repositories of images, or charts.")
    text: Annotated[str, StringConstraints(max_length=2 * bounds.POLICY_REFERENCE_LENGTH)] = Field(
        description="The versions as messages name them."
    )
    every: StrictBool = Field(description="Whether all versions are covered, and images with a bare digest.")
    tags: Annotated[tuple[Reference, ...], Field(max_length=bounds.RANGE_ALTERNATIVES), ATOMIC_LIST] = Field(
        description="Tags that are covered literally."
    )
    releases: Annotated[tuple[VersionInterval, ...], Field(max_length=bounds.POLICY_INTERVALS), ATOMIC_LIST] = Field(
        description="Releases that are covered."
    )
    prereleases: Annotated[tuple[VersionInterval, ...], Field(max_length=bounds.POLICY_INTERVALS), ATOMIC_LIST] = Field(
        description="Pre-releases that are covered by themselves."
    )
    channels: Annotated[tuple[VersionText, ...], Field(max_length=bounds.CHANNELS), ATOMIC_LIST] = Field(
        description="Pre-release channels that are covered where their release is; * is every channel."
    )


class SelectorTerm(_Value):
    """A requirement on the labels of a namespace."""

    key: LabelText = Field(description="The label's key.")
    operator: Operator = Field(description="How the label is judged, as in Kubernetes' label selectors.")
    values: Annotated[tuple[LabelText, ...], Field(max_length=bounds.SELECTOR_VALUES), ATOMIC_LIST] = Field(
        description="The values for In and NotIn."
    )


class NamespaceScope(_Value):
    """Namespaces by name, and by labels."""

    names: Annotated[tuple[NamespaceName, ...], Field(max_length=bounds.ALLOWED_NAMESPACES), ATOMIC_LIST] = Field(
        description="Names."
    )
    selector: Annotated[tuple[SelectorTerm, ...], Field(max_length=2 * bounds.SELECTOR_TERMS), ATOMIC_LIST] | None = (
        Field(
            default=None,
            description="Requirements that labels have to meet, all of them; absent, none are chosen by labels.",
        )
    )


class Right(_Value):
    """What a License grants of a product."""

    license: ObjectName = Field(description="Name of the License.")
    product: Name = Field(description="The product.")
    trial: StrictBool = Field(description="Whether it counts only while no other license grants the product.")
    until: Instant = Field(description="When the license and its grace period end.")
    namespaces: Annotated[tuple[NamePattern, ...], Field(max_length=bounds.BINDINGS), ATOMIC_LIST] | None = Field(
        default=None, description="Namespaces that the license is bound to; absent, it is not bound."
    )
    scope: NamespaceScope | None = Field(
        default=None, description="Namespaces that the License is narrowed to; absent, it is not narrowed."
    )
    images: Annotated[tuple[CoveredVersions, ...], Field(max_length=bounds.IMAGES), ATOMIC_LIST] | None = Field(
        default=None, description="Images that are covered; absent, all of the product are."
    )
    charts: Annotated[tuple[CoveredVersions, ...], Field(max_length=bounds.CHARTS), ATOMIC_LIST] | None = Field(
        default=None, description="Charts that are covered; absent, all of the product are."
    )


class PastWorkloads(_Value):
    """What once ran licensed in a namespace, and may come back."""

    namespace: NamespaceName = Field(description="The namespace.")
    images: Annotated[tuple[Reference, ...], Field(max_length=bounds.POLICY_PAST), ATOMIC_LIST] = Field(
        description="Images, written out in full."
    )
    charts: Annotated[tuple[Reference, ...], Field(max_length=bounds.POLICY_PAST), ATOMIC_LIST] = Field(
        description="Charts, as NAME VERSION."
    )


class LetIn(_Value):
    """What an open BreakGlass lets in without a license."""

    break_glass: ObjectName = Field(description="Name of the BreakGlass.")
    namespace: NamespaceName = Field(description="The release's namespace.")
    release: ObjectName = Field(description="The release's name, as Helm annotates its objects.")
    until: Instant = Field(description="When it ends.")
    products: Annotated[tuple[Name, ...], Field(max_length=bounds.PRODUCTS_PER_VENDOR), ATOMIC_LIST] = Field(
        description="The products that it is about."
    )


class WorkloadPolicySpec(_Value):
    """What needs a license of one vendor, and what has one."""

    vendor: ObjectName = Field(description="Name of the Vendor.")
    enforcement: Enforcement = Field(description="What happens to a workload that is not licensed.")
    images: Annotated[tuple[ClaimedNames, ...], Field(max_length=bounds.POLICY_PATTERNS), ATOMIC_LIST] = Field(
        description="Repositories of images that need a license, the most specific pattern first."
    )
    charts: Annotated[tuple[ClaimedNames, ...], Field(max_length=bounds.POLICY_PATTERNS), ATOMIC_LIST] = Field(
        description="Charts that need a license, the most specific pattern first."
    )
    products: Annotated[tuple[Name, ...], Field(max_length=bounds.PRODUCTS_PER_VENDOR), ATOMIC_LIST] = Field(
        description="Products that the label licet.dev/product may name."
    )
    mirrors: Annotated[tuple[MirrorOf, ...], Field(max_length=bounds.MIRRORS_PER_VENDOR), ATOMIC_LIST] = Field(
        description="Where copies of the images lie."
    )
    elsewhere: Annotated[tuple[ClaimedElsewhere, ...], Field(max_length=bounds.POLICY_VENDORS), ATOMIC_LIST] = Field(
        description="What older Vendors claim, and is therefore not judged here."
    )
    rights: Annotated[tuple[Right, ...], Field(max_length=bounds.POLICY_RIGHTS), ATOMIC_LIST] = Field(
        description="What licenses grant, the latest last."
    )
    past: Annotated[tuple[PastWorkloads, ...], Field(max_length=bounds.POLICY_NAMESPACES), ATOMIC_LIST] = Field(
        description="What once ran licensed."
    )
    openings: Annotated[tuple[LetIn, ...], Field(max_length=bounds.POLICY_OPENINGS), ATOMIC_LIST] = Field(
        default=(), description="What open BreakGlasses let in."
    )
    exempt_users: Annotated[tuple[Reference, ...], Field(max_length=bounds.POLICY_EXEMPT_USERS), ATOMIC_LIST] = Field(
        default=(), description="Users that are not judged: controllers that make Pods of workloads of their own kinds."
    )


class WorkloadPolicy(Resource):
    """What of a vendor's products may run; the controller writes it for the API server's admission policies."""

    definition: ClassVar[Definition] = Definition(
        kind="WorkloadPolicy",
        plural="workloadpolicies",
        short_name="wlp",
        scope=Scope.CLUSTER,
        columns=(
            Column(name="Vendor", path=".spec.vendor", description="The Vendor."),
            Column(
                name="Enforcement",
                path=".spec.enforcement",
                description="What happens to a workload that is not licensed.",
            ),
            AGE,
        ),
    )

    kind: SkipJsonSchema[Literal["WorkloadPolicy"]] = "WorkloadPolicy"
    spec: WorkloadPolicySpec = Field(
        description="What needs a license, and what has one; written by the controller only."
    )

    @classmethod
    def of(cls, parameters: VendorParameters, *, exempt_users: tuple[str, ...] = ()) -> Self:
        """Make the object of a Vendor's name that tells the policies about it."""
        spec = WorkloadPolicySpec.model_validate(parameters)
        return cls(
            metadata=ObjectMeta(name=parameters.vendor),
            spec=spec.model_copy(update={"exempt_users": exempt_users}),
        )

    def as_object(self) -> dict[str, object]:
        """Write the object with the label that chooses its binding."""
        body: dict[str, object] = {**self.as_json()}
        labels = {ENFORCEMENT_LABEL: self.spec.enforcement.value, "app.kubernetes.io/part-of": "licet"}
        return {**body, "metadata": {"name": self.metadata.name, "labels": labels}}
