import pytest

from licet.cluster.resource import ENTITLEMENTS, LICENSES, SECRETS, VENDORS
from licet.core.errors import LicetError


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (SECRETS.path(), "/api/v1/secrets"),
        (SECRETS.path("prod-eu"), "/api/v1/namespaces/prod-eu/secrets"),
        (
            SECRETS.path("prod-eu", "sh.helm.release.v1.web.v1"),
            "/api/v1/namespaces/prod-eu/secrets/sh.helm.release.v1.web.v1",
        ),
        (VENDORS.path(name="acme"), "/apis/licet.dev/v1alpha1/vendors/acme"),
        (LICENSES.path(name="acme", subresource="status"), "/apis/licet.dev/v1alpha1/licenses/acme/status"),
        (ENTITLEMENTS.path("a", "b", "status"), "/apis/licet.dev/v1alpha1/namespaces/a/entitlements/b/status"),
    ],
)
def test_path_is_that_of_the_kubernetes_api(path, expected):
    assert path == expected


def test_cluster_scoped_resource_ignores_a_namespace():
    assert VENDORS.path("prod-eu") == VENDORS.path()


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "../secrets", "a?watch=true", "a%2fb", "a b", "ä", "x" * 254, "a\n"]
)
def test_name_that_would_lead_elsewhere_is_refused(name):
    with pytest.raises(LicetError, match="is not a name"):
        SECRETS.path("prod-eu", name)
    with pytest.raises(LicetError, match="is not a name"):
        SECRETS.path(name)


def test_namespaced_object_is_not_named_without_its_namespace():
    with pytest.raises(ValueError, match="namespaced"):
        SECRETS.path(name="web")
