"""The documentation says what the program does: its commands are run, and print what the pages show."""

import ast
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click
import jwt
import prometheus_client
import pytest
import yaml
from prometheus_client.metrics_core import Metric
from pydantic import BaseModel

import sandbox as sandboxes
from licet.cli.main import cli
from licet.cluster.ledger import Ledger
from licet.controller.main import Controller
from licet.controller.metrics import exported
from licet.controller.world import World
from licet.core.allocation import Allocation
from licet.core.claims import Bindings, ChartGrant, Claims, Customer, Grant, ImageGrant, LicenseClaims, Limit
from licet.core.evaluate import LimitRight, Rights
from licet.core.issue import generate_key, issue_token
from licet.core.jwks import key_to_jwk
from licet.core.projection import DOCUMENT_KEY, Request, project
from licet.core.reasons import Oddity, Reason
from licet.core.verdict import Ground
from licet.gate.main import Gate
from sandbox import Sandbox
from support.docs import Block, Step, agree, anchors, blocks, links, prose, steps

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
OTHER_PAGES: Final = [ROOT / "hack" / "README.md", ROOT / "charts" / "licet" / "README.md"]
BLOCKS: Final = [block for page in PAGES for block in blocks(page)]

# Pages that tell one story, in the order in which they are read, each in a sandbox of its own.
STORIES: Final = {
    "tour": ("README.md",),
    "vendor, admin, team": ("docs/vendors.md", "docs/admins.md", "docs/applications.md"),
    "command line": ("docs/cli.md",),
}

_PATIENCE_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.1
_READS: Final = re.compile(r"kubectl( -n \S+)? get |licet (status|check|explain|audit)\b")  # what may be asked again
_REGISTERING: Final = (Controller, Gate)  # importing them registers their metrics
_CLAIMS: Final = (Claims, LicenseClaims, Customer, Bindings, Grant, Limit, ChartGrant, ImageGrant)


class Reader:
    """Somebody who follows a page from top to bottom, in an empty directory."""

    def __init__(self, sandbox: Sandbox, directory: Path) -> None:
        self._sandbox = sandbox
        self._directory = directory
        self._exit_code = 0

    def follow(self, block: Block) -> None:
        if block.file is not None:
            (self._directory / block.file).write_text(block.text, encoding="utf-8")
        if block.language == "console":
            for step in steps(block):
                self._take(step)
        elif block.language == "yaml":
            self._check_manifests(block)

    def _take(self, step: Step) -> None:
        deadline = time.monotonic() + (_PATIENCE_SECONDS if _READS.match(step.command) else 0)
        while not agree(step.output, printed := self._run(step.command)):
            assert time.monotonic() < deadline, f"{step.where}: {step.command}\nprinted:\n{printed}"
            time.sleep(_POLL_SECONDS)
        assert printed or self._exit_code == 0, f"{step.where}: exit code {self._exit_code} of {step.command}"

    def _run(self, command: str) -> str:
        answer = subprocess.run(
            ["bash", "-c", f"(exit {self._exit_code})\n{command}"],
            cwd=self._directory,
            env=self._sandbox.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        self._exit_code = answer.returncode
        return answer.stdout

    def _check_manifests(self, block: Block) -> None:
        """Have the API server validate manifests strictly; it does not know those of other programs."""
        for document in yaml.safe_load_all(block.text):
            if "kind" not in document:
                continue
            answer = self._sandbox.run(
                "kubectl", "apply", "--dry-run=server", "--validate=strict", "-f", "-", stdin=json.dumps(document)
            )
            missing = f'namespaces "{document["metadata"].get("namespace")}" not found'
            assert answer.returncode == 0 or missing in answer.stderr, f"{block.where}: {answer.stderr}"


@pytest.fixture
def own_sandbox() -> Iterator[Sandbox]:
    """A sandbox in which nothing has been done yet."""
    with sandboxes.temporary() as running:
        yield running


@pytest.mark.parametrize("story", STORIES)
def test_commands_print_what_the_pages_show(story: str, own_sandbox: Sandbox, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples" / "charts" / "acme-platform", tmp_path / "acme-platform")
    reader = Reader(own_sandbox, tmp_path)
    for page in STORIES[story]:
        for block in blocks(ROOT / page):
            reader.follow(block)


def test_every_page_with_commands_is_part_of_a_story() -> None:
    told = {ROOT / page for pages in STORIES.values() for page in pages}
    untold = {block.page.name for block in BLOCKS if block.language == "console" and block.page not in told}
    assert not untold


@pytest.mark.parametrize("block", [each for each in BLOCKS if each.language == "sh"], ids=lambda block: block.where)
def test_shell_scripts_have_valid_syntax(block: Block) -> None:
    answer = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr


@pytest.mark.parametrize("block", [each for each in BLOCKS if each.language == "python"], ids=lambda block: block.where)
def test_programs_compile(block: Block) -> None:
    compile(block.text, block.where, "exec")


def test_blocks_are_of_languages_that_are_checked() -> None:
    known = {"console", "sh", "yaml", "python", "text", "go", "java"}
    assert {block.language for block in BLOCKS} <= known


def test_snippet_verifies_genuine_tokens_only() -> None:
    """The Python program in docs/vendors.md takes what `licet issue` makes, until its grace period ends."""
    (block,) = (each for each in BLOCKS if each.language == "python" and each.file == "verify_license.py")
    snippet: dict[str, Any] = {}
    exec(compile(ast.parse(block.text), block.where, "exec"), snippet)
    key, now = generate_key(), int(time.time())
    snippet["PUBLIC_KEYS"][:] = [key_to_jwk("acme-2026", key.public_key())]

    def token(signed_with: Any = key, kid: str = "acme-2026", **claims: Any) -> str:
        license_ = {"gracePeriod": "P1DT1H", "grants": [{"product": "acme-platform", "plan": "pro"}, {"product": "x"}]}
        spec = {"iss": snippet["ISSUER"], "sub": "cust_42", "exp": now + 60, "license": license_, **claims}
        return issue_token(spec, signed_with, kid=kid, now=now, token_id="lic_1")

    def grants(text: str, at: float) -> list[dict[str, Any]]:
        return list(snippet["grants"](text, at))

    end_of_grace = now + 60 + 25 * 3600
    assert grants(f"{token()}\n", now) == [{"product": "acme-platform", "plan": "pro"}]
    assert grants(token(), end_of_grace - 1)
    assert not grants(token(), end_of_grace)
    assert not grants(token(nbf=now + 30), now)
    other_algorithm = token(generate_key("ES256"))
    for forged in (token(generate_key()), token(kid="other"), token(iss="https://other.example"), other_algorithm):
        with pytest.raises(jwt.InvalidTokenError):
            grants(forged, now)


@pytest.mark.parametrize("page", [*PAGES, *OTHER_PAGES], ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        if link.startswith(("https://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name}: {link}"
        assert not anchor or anchor in anchors(target), f"{page.name}: {link}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_lines_fit_in_120_characters(page: Path) -> None:
    """Tables, links and what programs print can't be broken."""
    lines = prose(page).splitlines()
    assert not [line for line in lines if len(line) > 120 and not line.lstrip().startswith(("|", "- ["))]


def test_options_in_the_pages_exist() -> None:
    """Whatever stands behind `licet COMMAND` in a page, in a block or between backticks, is an option of it."""
    texts = [match for page in PAGES for match in re.findall(r"`(licet [^`\n]+)`", page.read_text(encoding="utf-8"))]
    texts += [block.text.replace("\\\n", " ") for block in BLOCKS if block.language in {"console", "sh"}]
    calls = [call for text in texts for call in re.findall(r"(?<![\w./-])licet ((?:[^|;&>\n`])+)", text)]
    assert calls
    for call in calls:
        command, known = _command(call.split())
        if command is None:
            continue
        unknown = [option for option in re.findall(r"(?<=\s)--?[a-z][a-z-]*", call) if option not in known]
        assert not unknown, f"licet {call}: no option {', '.join(unknown)}"


def _command(words: list[str]) -> tuple[click.Command | None, set[str]]:
    """Find the command that is called, and its options; None where the words are prose, such as `licet itself`."""
    command: click.Command = cli
    context = click.Context(cli)
    while isinstance(command, click.Group) and words and words[0] in command.list_commands(context):
        command = command.get_command(context, words.pop(0)) or command
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    return (None if command is cli else command), known | {"-h", "--help"}


def test_metrics_in_the_pages_exist() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    named = set(re.findall(r"\b(?:licet|rest_client)_[a-z_]+[a-z]\b", text))
    assert not named - {sample for metric in _metrics() for sample in _samples(metric)}


def test_every_metric_is_explained() -> None:
    text = (ROOT / "docs" / "admins.md").read_text(encoding="utf-8")
    own = {_samples(metric)[0] for metric in _metrics() if metric.name.startswith(("licet_", "rest_client_"))}
    assert not {name for name in own if f"`{name}`" not in text}


def _metrics() -> list[Metric]:
    """Give all metrics of controller and gate."""
    assert _REGISTERING
    with exported(World(Ledger("uid"))):
        return list(prometheus_client.REGISTRY.collect())


def _samples(metric: Metric) -> list[str]:
    """Name what is served of a metric, the name first that pages call it by."""
    suffixes = {"counter": ("_total",), "histogram": ("", "_bucket", "_count", "_sum")}.get(metric.type, ("",))
    return [f"{metric.name}{suffix}" for suffix in suffixes]


def test_every_reason_is_explained() -> None:
    """Those of conditions and of decisions; `Revoked` and `Suspended` are not given yet."""
    text = (ROOT / "docs" / "admins.md").read_text(encoding="utf-8")
    told = {*Reason, *Oddity, *Ground} - {Reason.REVOKED, Reason.SUSPENDED}
    conditions = {
        reason
        for module in (ROOT / "operator" / "licet" / "controller").glob("*.py")
        for reason in re.findall(
            r'(?:_not_ready|Obstacle)\("(\w+)"|ConditionType\.\w+, (?:True|False|soon), "(\w+)"', module.read_text()
        )
        for reason in reason
        if reason
    }
    assert conditions
    assert not {reason for reason in told | conditions if f"`{reason}`" not in text}


def test_every_member_of_the_document_is_explained() -> None:
    """Those of entitlements.json, in docs/applications.md."""
    request = Request(("prod-eu", "web"), "", "acme", "acme-platform")
    limits = {"seats": LimitRight(None, "deny", ())}
    projection = project(request, Rights(limits=limits), Allocation(), issuer="", cluster="")
    document = json.loads(projection.config_map_data[DOCUMENT_KEY])
    members = document.keys() | {f"limits.NAME.{member}" for member in document["limits"]["seats"]}
    text = (ROOT / "docs" / "applications.md").read_text(encoding="utf-8")
    assert not {member for member in members if f"| `{member}` |" not in text}


def test_every_claim_is_explained() -> None:
    """Those of a token, in docs/vendors.md."""
    text = (ROOT / "docs" / "vendors.md").read_text(encoding="utf-8")
    explained = {part for name in re.findall(r"`([\w.\[\]]+)`", text) for part in re.findall(r"\w+", name)}
    assert not {name for model in _CLAIMS for name in _aliases(model)} - explained


def _aliases(model: type[BaseModel]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


def test_modules_in_the_pages_exist() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    modules = re.findall(r"`((?:core|resources|cluster|controller|gate|cli)/\w+\.py)`", text)
    assert modules
    assert not [module for module in modules if not (ROOT / "operator" / "licet" / module).exists()]
