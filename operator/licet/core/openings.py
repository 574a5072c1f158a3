"""What an open BreakGlass lets in where the API server judges workloads: the objects of its release.

- Helm writes the release's name into an annotation of every object that it makes of a chart. To hooks it adds nothing;
  so while a BreakGlass is open, all hooks of its namespace are taken for its release's.
- It lets in what is of the products that it is about, unless a license rules that out.
- It ends by the API server's own clock, with nothing of licet running. To end it earlier takes the controller.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from licet.core.breakglass import BreakGlass, products
from licet.core.licenses import Assessment
from licet.core.namespaces import Namespace
from licet.core.vendors import VendorRegistry

RELEASE_ANNOTATION: Final = "meta.helm.sh/release-name"
HOOK_ANNOTATION: Final = "helm.sh/hook"


@dataclass(frozen=True, slots=True)
class Opening:
    """What one BreakGlass lets in of one vendor's."""

    break_glass: str
    """Its name."""
    namespace: str
    release: str
    until: int
    """Epoch seconds."""
    products: tuple[str, ...]

    def lets_in(self, annotations: Mapping[str, str], namespace: str, now: int) -> bool:
        """Tell whether an object with these annotations, in this namespace, is let in at an instant."""
        of_release = annotations.get(RELEASE_ANNOTATION) == self.release or HOOK_ANNOTATION in annotations
        return namespace == self.namespace and of_release and now < self.until


def openings(
    vendor: str,
    break_glasses: Iterable[BreakGlass],
    namespace: Callable[[str], Namespace],
    registry: VendorRegistry,
    assessment: Assessment,
    *,
    now: int,
) -> tuple[Opening, ...]:
    """List what the BreakGlasses that are open now let in of a vendor's; `namespace` gives that of a name."""
    found = (
        Opening(
            break_glass=each.name,
            namespace=each.namespace,
            release=each.release,
            until=each.ends,
            products=tuple(
                sorted(
                    claim.product
                    for claim, ruled_out in products(each, namespace(each.namespace), registry, assessment).items()
                    if claim.vendor == vendor and ruled_out is None
                )
            ),
        )
        for each in sorted(break_glasses, key=lambda each: each.name)
        if each.is_open(now)
    )
    return tuple(opening for opening in found if opening.products)
