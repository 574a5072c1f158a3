"""licet: verifies vendor-signed licenses in the customer's cluster, projects entitlements and gates Helm releases."""

from importlib.metadata import version

__version__ = version("licet")
