"""Which images run: each is known once, for as long as a Pod has it."""

from licet.cluster.records import read_images
from licet.controller.images import RunningImages

NONE: frozenset[str] = frozenset()


def test_an_image_begins_with_the_first_pod_and_ends_with_the_last() -> None:
    images, one, other = RunningImages(), frozenset({"web:1"}), frozenset({"web:1", "side:1"})
    assert images.change("prod", NONE, one) == {"web:1"}
    assert images.change("prod", NONE, other) == {"side:1"}
    assert images.change("prod", one, NONE) == set()
    assert set(images) == {("prod", "web:1"), ("prod", "side:1")}
    assert images.change("prod", other, NONE) == set()
    assert set(images) == set()


def test_namespaces_are_apart() -> None:
    images = RunningImages()
    images.change("prod", NONE, frozenset({"web:1"}))
    assert images.change("test", NONE, frozenset({"web:1"})) == {"web:1"}


def test_a_pod_that_changes_its_image_has_the_new_one_alone() -> None:
    images = RunningImages()
    images.change("prod", NONE, frozenset({"web:1"}))
    assert images.change("prod", frozenset({"web:1"}), frozenset({"web:2"})) == {"web:2"}
    assert set(images) == {("prod", "web:2")}


def test_all_places_for_images_in_a_pod_are_read() -> None:
    spec = {
        "containers": [{"name": "a", "image": "main:1"}, {"name": "b"}],
        "initContainers": [{"name": "c", "image": "init:1"}],
        "ephemeralContainers": [{"name": "d", "image": "debug:1"}],
        "volumes": [{"name": "e", "image": {"reference": "data:1"}}, {"name": "f", "emptyDir": {}}],
    }
    assert read_images({"spec": spec}) == {"main:1", "init:1", "debug:1", "data:1"}
    assert read_images({"spec": {"containers": None}}) == set()
