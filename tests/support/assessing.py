"""Judging the tokens of simulated vendors together, as licet does with the Licenses of a cluster."""

from collections.abc import Mapping, Sequence

from licet.core.errors import VerificationError
from licet.core.licenses import Assessment, Candidate, assess
from licet.core.memory import Memory
from licet.core.namespaces import NamespaceScope
from licet.core.token import verify_token
from licet.core.vendors import VendorRegistry
from support.vendor_simulator import CLUSTER, NOW, VendorSimulator


def registry_of(*vendors: VendorSimulator) -> VendorRegistry:
    """The Vendors as applied to a cluster."""
    return VendorRegistry(vendor.vendor() for vendor in vendors)


def candidates_of(
    registry: VendorRegistry, tokens: Mapping[str, str], scopes: Mapping[str, NamespaceScope] | None = None
) -> list[Candidate]:
    """Licenses of these names, with these tokens, narrowed to these scopes."""
    candidates = []
    for name, text in tokens.items():
        scope = (scopes or {}).get(name)
        try:
            candidates.append(Candidate(name, verify_token(text, registry, cluster=CLUSTER), scope))
        except VerificationError as error:
            candidates.append(Candidate(name, error, scope))
    return candidates


def assess_tokens(
    vendors: VendorSimulator | Sequence[VendorSimulator],
    tokens: Mapping[str, str] | Sequence[str],
    *,
    clock: int = NOW,
    memory: Memory | None = None,
    scopes: Mapping[str, NamespaceScope] | None = None,
) -> Assessment:
    """Judge tokens by the name of their License, or else as the Licenses `license-0`, `license-1` and so on."""
    registry = registry_of(*([vendors] if isinstance(vendors, VendorSimulator) else vendors))
    if not isinstance(tokens, Mapping):
        tokens = {f"license-{number}": token for number, token in enumerate(tokens)}
    return assess(candidates_of(registry, tokens, scopes), registry, memory or Memory(), clock)
