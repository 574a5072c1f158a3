"""The generated CRD files."""

from pathlib import Path

import pytest
import yaml

from licet.resources.__main__ import main
from licet.resources.crd import KINDS, custom_resource_definition, generated_files

ROOT = Path(__file__).parents[3]
DIRECTORIES = (ROOT / "crds", ROOT / "charts" / "licet" / "crds")


def test_committed_files_are_those_that_the_models_give() -> None:
    assert main([*map(str, DIRECTORIES), "--check"]) == 0


def test_check_names_the_files_that_differ_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path)]) == 0
    changed, gone, stray = (tmp_path / f"licet.dev_{plural}.yaml" for plural in ("vendors", "licenses", "strays"))
    changed.write_text(changed.read_text() + "# edited\n")
    gone.unlink()
    stray.write_text("kind: CustomResourceDefinition\n")
    assert main([str(tmp_path), "--check"]) == 1
    errors = capsys.readouterr().err
    assert [str(path) in errors for path in (changed, gone, stray)] == [True, True, True]
    assert "entitlements" not in errors
    assert changed.read_text().endswith("# edited\n")
    assert not gone.exists()


def test_writing_makes_the_directory_equal_to_the_models(tmp_path: Path) -> None:
    directory = tmp_path / "new"
    assert main([str(directory)]) == 0
    (directory / "licet.dev_strays.yaml").write_text("kind: CustomResourceDefinition\n")
    assert main([str(directory)]) == 0
    assert main([str(directory), "--check"]) == 0
    assert {path.name: path.read_text() for path in directory.iterdir()} == generated_files()


def test_files_hold_the_definitions_and_say_how_they_were_made() -> None:
    for (name, text), kind in zip(generated_files().items(), KINDS, strict=True):
        assert name == f"licet.dev_{kind.definition.plural}.yaml"
        assert text.startswith("# Generated from the models")
        assert "python -m licet.resources" in text
        assert yaml.safe_load(text) == custom_resource_definition(kind)


@pytest.mark.parametrize(
    ("plural", "kind", "short_name", "scope", "columns"),
    [
        ("vendors", "Vendor", "vnd", "Cluster", "Issuer Enforcement Licenses Ready Age"),
        ("licenses", "License", "lic", "Cluster", "Vendor Customer Products Valid Reason Not-After Age"),
        ("entitlements", "Entitlement", "ent", "Namespaced", "Product Plan State Ready Not-After Age"),
        ("installations", "Installation", "inst", "Namespaced", "Kind Source Charts Images Licensed Reason Age"),
        ("workloadpolicies", "WorkloadPolicy", "wlp", "Cluster", "Vendor Enforcement Age"),
        ("breakglasses", "BreakGlass", "bg", "Cluster", "Namespace Release By Until Uses Active Reason Age"),
    ],
)
def test_names_scope_and_columns_are_those_of_the_contract(
    plural: str, kind: str, short_name: str, scope: str, columns: str
) -> None:
    spec = yaml.safe_load(generated_files()[f"licet.dev_{plural}.yaml"])["spec"]
    assert spec["names"]["kind"] == kind
    assert spec["names"]["shortNames"] == [short_name]
    assert spec["names"]["categories"] == ["licet"]
    assert spec["scope"] == scope
    (version,) = spec["versions"]
    assert version.get("subresources") == (None if kind == "WorkloadPolicy" else {"status": {}})
    assert [column["name"] for column in version["additionalPrinterColumns"]] == columns.split()
