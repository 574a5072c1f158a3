"""The container images that Pods run, by namespace."""

from collections import Counter
from collections.abc import Iterator

RunningImage = tuple[str, str]  # namespace, and the reference as it is written


class RunningImages:
    """Counts the Pods that have an image, so that each is known once however many there are."""

    def __init__(self) -> None:
        self._pods: Counter[RunningImage] = Counter()

    def __iter__(self) -> Iterator[RunningImage]:
        return iter(self._pods)

    def change(self, namespace: str, old: frozenset[str], new: frozenset[str]) -> frozenset[str]:
        """Take in that a Pod has other images than before; gives those that run in the namespace for the first time."""
        begun = frozenset(image for image in new - old if (namespace, image) not in self._pods)
        self._pods.update((namespace, image) for image in new - old)
        for image in old - new:
            key = namespace, image
            self._pods[key] -= 1
            if not self._pods[key]:
                del self._pods[key]
        return begun
