"""What of a workload needs a license, and whether it has one: the verdict about container images and chart labels.

The API server's admission policies give this verdict themselves (`charts/licet/policies`), from what
`licet.core.parameters` makes of the licenses; a test holds them to this module.

- An image needs a license where a Vendor claims its repository, by any of the names that this goes by. It is judged by
  its tag, even beside a digest. A bare digest tells no version: it is covered where every tag is.
- A label `helm.sh/chart` is judged where it names a chart that a Vendor claims; `licet.dev/product` with
  `licet.dev/version` where a Vendor lists that product, and the other label does not tell of it already. A label that
  tells no version, or is cut off, is the gate's to judge; so is when a chart was released.
- A license covers what it allows in the workload's namespace, until its grace period ends.
- What once ran licensed in the namespace may come back.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from licet.core.charts import read_version
from licet.core.claims import ImageGrant
from licet.core.coverage import TagSet
from licet.core.evaluate import Contribution, in_force, preferred
from licet.core.globs import Glob
from licet.core.images import ImageReference, lower, with_sources
from licet.core.labels import Label, read_chart_label
from licet.core.licenses import Assessment
from licet.core.namespaces import Namespace
from licet.core.vendors import ProductClaim, VendorRegistry

_CACHE_SIZE: Final = 1024


@dataclass(frozen=True, slots=True)
class PastWorkloads:
    """What once ran licensed in one namespace."""

    images: frozenset[str] = frozenset()
    """In their canonical form."""
    charts: frozenset[tuple[str, str]] = frozenset()
    """Name and version."""


@dataclass(frozen=True, slots=True)
class LabelledChart:
    """A chart that labels tell of."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class WorkloadVerdict:
    """The verdict about one image, or one chart that labels tell of."""

    item: ImageReference | LabelledChart
    claim: ProductClaim
    license: str | None
    """Name of the License that covers it; None where none does."""
    ran_here: bool
    """Whether it once ran licensed in this namespace."""
    ignores_digest: bool = False
    """Whether an image was judged by its tag, while its digest is what runs."""

    @property
    def subject(self) -> str:
        """The item as messages name it, such as `image nginx:1.27` or `chart web 1.2.3`."""
        match self.item:
            case ImageReference(text=text):
                return f"image {text}"
            case LabelledChart(name, version):
                return f"chart {name} {version}"

    @property
    def permitted(self) -> bool:
        """Tell whether it may run."""
        return self.license is not None or self.ran_here


def judge_images(
    images: Iterable[str],
    namespace: Namespace,
    registry: VendorRegistry,
    assessment: Assessment,
    past: PastWorkloads,
) -> tuple[WorkloadVerdict, ...]:
    """Judge those of these image references that need a license, in their order."""
    verdicts = (_judge_image(ImageReference.parse(image), namespace, registry, assessment, past) for image in images)
    return tuple(filter(None, verdicts))


def judge_labels(
    labels: Mapping[str, str],
    namespace: Namespace,
    registry: VendorRegistry,
    assessment: Assessment,
    past: PastWorkloads,
) -> tuple[WorkloadVerdict, ...]:
    """Judge what the labels of one object, or of one Pod template, tell of charts that need a license."""
    return tuple(
        judge_chart(LabelledChart(name, text), claim, namespace, assessment, past)
        for name, text, claim in labelled_charts(labels, registry)
    )


def judge_chart(
    chart: LabelledChart, claim: ProductClaim, namespace: Namespace, assessment: Assessment, past: PastWorkloads
) -> WorkloadVerdict:
    """Judge a chart that labels tell of, and that is claimed."""
    return WorkloadVerdict(
        item=chart,
        claim=claim,
        license=_covering(_of_chart(chart.name, chart.version, claim, namespace, assessment), namespace),
        ran_here=(chart.name, chart.version) in past.charts,
    )


def labelled_charts(labels: Mapping[str, str], registry: VendorRegistry) -> Iterator[tuple[str, str, ProductClaim]]:
    """List the charts that labels tell of and that need a license: name, version, and who claims it."""
    name, version = read_chart_label(labels.get(Label.CHART, ""), ())
    claim = registry.claim_for_chart(name) if version is not None else None
    if claim is not None and version is not None:
        yield name, version, claim
    product = registry.claim_for_product(labels.get(Label.PRODUCT, ""))
    text = labels.get(Label.VERSION, "").replace("_", "+")
    if product is not None and product != claim and read_version(text) is not None:
        yield product.product, text, product


@lru_cache(_CACHE_SIZE)
def licensed_tags(entry: ImageGrant) -> TagSet:
    """Give the tags that an entry of a grant licenses."""
    return TagSet.parse(entry.tags, entry.channels)


def repository_glob(entry: ImageGrant) -> Glob:
    """Give the repositories that an entry of a grant is about, in lower case as names of repositories are compared."""
    return Glob(lower(entry.repository.text))


def _judge_image(
    image: ImageReference,
    namespace: Namespace,
    registry: VendorRegistry,
    assessment: Assessment,
    past: PastWorkloads,
) -> WorkloadVerdict | None:
    claim = registry.claim_for_image(*image.names)
    vendor = registry.get(claim.vendor) if claim else None
    if claim is None or vendor is None:
        return None
    names = with_sources(image.names, vendor.mirrors)
    covering = (
        part
        for part in in_force(assessment, claim.vendor, claim.product, (namespace,))
        if part.grant.images is None
        or any(
            any(map(repository_glob(entry).matches, names)) and licensed_tags(entry).covers(image.tag)
            for entry in part.grant.images
        )
    )
    return WorkloadVerdict(
        item=image,
        claim=claim,
        license=_covering(covering, namespace),
        ran_here=image.canonical in past.images,
        ignores_digest=image.tag is not None and image.digest is not None,
    )


def _of_chart(
    name: str, text: str, claim: ProductClaim, namespace: Namespace, assessment: Assessment
) -> Iterator[Contribution]:
    version = read_version(text)
    for part in in_force(assessment, claim.vendor, claim.product, (namespace,)):
        if part.grant.charts is None or (
            version is not None and any(entry.covers(name, version) for entry in part.grant.charts)
        ):
            yield part


def _covering(parts: Iterable[Contribution], namespace: Namespace) -> str | None:
    best = preferred(parts)
    return best.license.name_for((namespace,)) if best else None
