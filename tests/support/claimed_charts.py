"""The Vendor whose charts tests of subjects look for."""

from licet.core.globs import Glob
from licet.core.vendors import Product, ProductClaim, Vendor, VendorRegistry

PLATFORM = ProductClaim("acme", "platform")

CLAIMED = VendorRegistry(
    [
        Vendor(
            name="acme",
            issuer="https://licenses.acme.example",
            keys=None,
            products=(
                Product("platform", charts=(Glob.parse("acme-platform*"),)),
                Product("gateway", charts=(Glob.parse("acme-gateway"),)),
            ),
        )
    ]
)
"""Claims `acme-platform` and what begins so, `acme-gateway`, and nothing else."""
