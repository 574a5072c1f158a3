"""The custom resources as pydantic models, from which the CRDs are generated.

Reading: `Vendor.model_validate(object)`, or of a part of it, such as `VendorSpec.model_validate(object["spec"])`.
Writing: `as_json()` of a status or of a whole object.
"""

from licet.resources.base import GROUP, VERSION, Definition, ObjectMeta, Resource, Scope
from licet.resources.breakglass import BreakGlass, BreakGlassStatus, BreakGlassUse, ChartInVersion
from licet.resources.entitlement import AllottedLimit, Entitlement, EntitlementSpec, EntitlementStatus, WrittenTarget
from licet.resources.installation import Installation, InstallationStatus, InstalledChart, PastChart, Source
from licet.resources.license import GrantedProduct, License, LicenseSpec, LicenseStatus
from licet.resources.meta import Condition, ConditionStatus, ConditionType, Observation, Status, conditions
from licet.resources.vendor import Vendor, VendorSpec, VendorStatus
from licet.resources.workloadpolicy import WorkloadPolicy

__all__ = [
    "GROUP",
    "VERSION",
    "AllottedLimit",
    "BreakGlass",
    "BreakGlassStatus",
    "BreakGlassUse",
    "ChartInVersion",
    "Condition",
    "ConditionStatus",
    "ConditionType",
    "Definition",
    "Entitlement",
    "EntitlementSpec",
    "EntitlementStatus",
    "GrantedProduct",
    "Installation",
    "InstallationStatus",
    "InstalledChart",
    "License",
    "LicenseSpec",
    "LicenseStatus",
    "ObjectMeta",
    "Observation",
    "PastChart",
    "Resource",
    "Scope",
    "Source",
    "Status",
    "Vendor",
    "VendorSpec",
    "VendorStatus",
    "WorkloadPolicy",
    "WrittenTarget",
    "conditions",
]
