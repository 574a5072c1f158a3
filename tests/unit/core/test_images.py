"""Image references: what runs, and by which names it is known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licet.core.images import ImageReference, Mirror, with_sources
from support.properties import quick

SHA = f"sha256:{'0' * 64}"


@pytest.mark.parametrize(
    ("text", "repository", "tag", "digest"),
    [
        ("nginx", "docker.io/library/nginx", "latest", None),
        ("nginx:1.27", "docker.io/library/nginx", "1.27", None),
        ("acme/api:2.0.0", "docker.io/acme/api", "2.0.0", None),
        ("docker.io/nginx", "docker.io/library/nginx", "latest", None),
        ("docker.io/library/nginx", "docker.io/library/nginx", "latest", None),
        ("index.docker.io/acme/api", "docker.io/acme/api", "latest", None),
        ("registry-1.docker.io/acme/api", "docker.io/acme/api", "latest", None),
        ("registry.hub.docker.com/acme/api", "docker.io/acme/api", "latest", None),
        ("registry-1.docker.io:443/acme/api:1", "docker.io/acme/api", "1", None),
        ("docker.io:443/nginx", "docker.io/library/nginx", "latest", None),
        ("registry.acme.example/platform/api:2.0.0", "registry.acme.example/platform/api", "2.0.0", None),
        ("Registry.ACME.example/Platform/API:RC", "registry.acme.example/platform/api", "RC", None),
        ("ACME/api:1", "acme/api", "1", None),  # no name on Docker Hub has capitals, so this is a host
        ("localhost/api:1", "localhost/api", "1", None),
        ("localhost:5000/api", "localhost:5000/api", "latest", None),
        ("registry.acme.example:5000/platform/api:2.0.0", "registry.acme.example:5000/platform/api", "2.0.0", None),
        ("[2001:DB8::1]:5000/platform/api:2.0.0", "[2001:db8::1]:5000/platform/api", "2.0.0", None),
        ("[2001:db8::1]/platform/api", "[2001:db8::1]/platform/api", "latest", None),
        (f"registry.acme.example/api@{SHA}", "registry.acme.example/api", None, SHA),
        (f"registry.acme.example/api:2.0.0@{SHA}", "registry.acme.example/api", "2.0.0", SHA),
        (f"registry.acme.example:5000/api@{SHA}", "registry.acme.example:5000/api", None, SHA),
        # What no runtime could pull.
        ("", "docker.io/library/", "latest", None),
        ("registry.acme.example/api:", "registry.acme.example/api", None, None),
        ("registry.acme.example/api@", "registry.acme.example/api", None, None),
        ("registry.acme.example//api:1:2", "registry.acme.example//api:1", "2", None),
    ],
)
def test_references_are_read_as_container_runtimes_do(text, repository, tag, digest):
    image = ImageReference.parse(text)
    assert (image.repository, image.tag, image.digest) == (repository, tag, digest)
    assert image.text == text


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("nginx", ("docker.io/library/nginx", "library/nginx", "nginx")),
        ("acme/api", ("docker.io/acme/api", "acme/api")),
        ("registry.acme.example/api", ("registry.acme.example/api",)),
        ("registry.acme.example:443/api", ("registry.acme.example:443/api", "registry.acme.example/api")),
        ("[2001:db8::1]:5000/api", ("[2001:db8::1]:5000/api", "[2001:db8::1]/api")),
        ("[2001:db8::1]/api", ("[2001:db8::1]/api",)),
    ],
)
def test_a_repository_goes_by_short_names_and_without_its_port(text, names):
    assert ImageReference.parse(text).names == names


def test_a_copy_goes_by_the_name_of_its_source():
    mirrors = (Mirror.of("registry.acme.example", "Harbor.bank.example/ACME"), Mirror.of("other.example", "harbor"))
    names = ImageReference.parse("harbor.bank.example:443/acme/platform/api:1").names
    assert with_sources(names, mirrors) == (*names, "registry.acme.example/platform/api")


@pytest.mark.parametrize("place", ["harbor.bank.example", "harbor.bank.example:443", "Harbor.Bank.Example:443"])
@pytest.mark.parametrize("image", ["harbor.bank.example/acme/api", "harbor.bank.example:443/acme/api"])
def test_the_port_of_https_goes_without_saying(place, image):
    mirrors = (Mirror.of("registry.acme.example:443", f"{place}/acme"),)
    assert "registry.acme.example/api" in with_sources(ImageReference.parse(image).names, mirrors)


def test_a_mirror_is_not_that_of_names_that_merely_begin_alike():
    mirrors = (Mirror.of("registry.acme.example", "harbor.bank.example/acme"),)
    assert with_sources(("harbor.bank.example/acme-tools/x",), mirrors) == ("harbor.bank.example/acme-tools/x",)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("nginx", "docker.io/library/nginx:latest"),
        (f"acme/api:1@{SHA}", "docker.io/acme/api:1"),
        (f"Acme.example/api@{SHA}", f"acme.example/api@{SHA}"),
    ],
)
def test_canonical_names_what_a_reference_is_judged_by(text, canonical):
    assert ImageReference.parse(text).canonical == canonical


@quick
@given(st.text(alphabet="aA./:@[]-_1é\n", max_size=30))
def test_any_text_is_read_and_the_reading_is_stable(text):
    image = ImageReference.parse(text)
    assert image.names[0] == image.repository
    if image.tag and image.path and image.path.strip("/") and "@" not in image.tag:
        again = ImageReference.parse(image.canonical)
        assert again.tag == image.tag
