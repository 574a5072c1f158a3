"""Image references: which repository and which tag a container runs, and by what names the repository goes.

References are read as container runtimes read them (github.com/distribution/reference, "familiar names"): without a
registry they are Docker Hub's, and there `nginx` is short for `library/nginx`. Names of registries and repositories are
compared in lower case. What no runtime could pull is read all the same, as far as it goes: the API server stores it.

- A registry with a port goes by its name without the port as well: the host is whose it is at every port. Docker Hub
  is the same by each name of its hosts, and its repositories go by their short names as well.
- Where a registry is a mirror, its repositories go by the names of their sources as well.
- Besides a digest, a tag is what a reference is judged by, although the digest is what runs.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self

DOCKER_HUB: Final = "docker.io"
DEFAULT_TAG: Final = "latest"

_HUB_HOSTS: Final = frozenset({DOCKER_HUB, "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"})
_OFFICIAL: Final = "library/"
_PORT: Final = re.compile(r":[0-9]+\Z")
_HTTPS_PORT: Final = ":443"
_LOWER: Final = str.maketrans({chr(letter): chr(letter).lower() for letter in range(ord("A"), ord("Z") + 1)})


def lower(text: str) -> str:
    """Write ASCII letters in lower case, and leave all others as they are."""
    return text.translate(_LOWER)


@dataclass(frozen=True, slots=True)
class ImageReference:
    """An image reference, taken apart."""

    text: str
    """As it was written."""
    registry: str
    """Host, with the port if there is one; in lower case."""
    path: str
    """The repository in its registry; in lower case."""
    tag: str | None
    """None where the reference names a digest alone."""
    digest: str | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Take a reference apart; whatever the text is, this gives an answer."""
        name, at, digest = text.partition("@")
        directory, slash, last = name.rpartition("/")
        last, colon, tag = last.rpartition(":") if ":" in last else (last, "", "")
        name = f"{directory}{slash}{last}"
        host, slash, path = name.partition("/")
        if not slash or not _is_registry(host):
            host, path = DOCKER_HUB, name
        registry, path = lower(host), lower(path)
        if _PORT.sub("", registry) in _HUB_HOSTS:
            registry = DOCKER_HUB
            path = path if "/" in path else f"{_OFFICIAL}{path}"
        if not colon and not at:
            tag = DEFAULT_TAG
        return cls(text, registry, path, tag or None, digest or None)

    @property
    def repository(self) -> str:
        """The full name of the repository."""
        return f"{self.registry}/{self.path}"

    @property
    def canonical(self) -> str:
        """The reference in full: the repository with the tag, or with the digest where there is no tag."""
        return f"{self.repository}:{self.tag}" if self.tag is not None else f"{self.repository}@{self.digest or ''}"

    @property
    def names(self) -> tuple[str, ...]:
        """All names that the repository goes by, without regard to mirrors."""
        if self.registry == DOCKER_HUB:
            return tuple(dict.fromkeys((self.repository, self.path, self.path.removeprefix(_OFFICIAL))))
        return tuple(dict.fromkeys((self.repository, f"{_PORT.sub('', self.registry)}/{self.path}")))


@dataclass(frozen=True, slots=True)
class Mirror:
    """A place that holds copies of a vendor's images, and of what; both in lower case, with neither scheme nor tag.

    The port of HTTPS goes without saying, so it is left out.
    """

    source: str
    mirror: str

    @classmethod
    def of(cls, source: str, mirror: str) -> Self:
        """Make one of what a Vendor says."""
        return cls(_place(source), _place(mirror))


def with_sources(names: Sequence[str], mirrors: Iterable[Mirror]) -> tuple[str, ...]:
    """Add to the names of a repository those of what it is a copy of."""
    sources = (
        each.source + name[len(each.mirror) :]
        for name in names
        for each in mirrors
        if name.startswith(f"{each.mirror}/")
    )
    return tuple(dict.fromkeys((*names, *sources)))


def _place(text: str) -> str:
    host, slash, path = lower(text).partition("/")
    return f"{host.removesuffix(_HTTPS_PORT)}{slash}{path}"


def _is_registry(host: str) -> bool:
    """Tell whether what stands before the first slash is a registry, and not a part of a name on Docker Hub."""
    return "." in host or ":" in host or host == "localhost" or lower(host) != host
