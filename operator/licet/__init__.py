"""licet: verifies vendor-signed licenses in the customer's cluster, projects entitlements and gates Helm releases."""

__version__ = "0.1.0"
