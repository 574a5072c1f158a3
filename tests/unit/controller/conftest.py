import pytest

from support.known_world import KnownWorld
from support.vendor_simulator import VendorSimulator


@pytest.fixture
def acme() -> VendorSimulator:
    return VendorSimulator()


@pytest.fixture
def known(acme) -> KnownWorld:
    return KnownWorld(acme)
