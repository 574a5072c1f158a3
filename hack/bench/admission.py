"""What judging a release costs whoever installs it: releases are created, and each arm judges them in its turn.

Each arm gets an API server of its own in each round, for each size; the order of arms, and that of the cells on one
server, is shuffled. An arm has to be seen to refuse before it is measured, and after each cell the API server's own
count of reviews has to be that of the requests: an arm that is not in force measures as none.
"""

import itertools
import random
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from bench.arms import Arm
from bench.counters import metrics, processor_seconds, resident_mebibytes, server_metrics
from bench.load import create
from bench.measures import percentile
from bench.progress import Progress, say
from bench.releases import NAMESPACE, Size, Subject, write_secrets
from bench.serving import Serving
from bench.setting import apply, await_denial
from controlplane import ControlPlane
from sandbox import SandboxError

CLIENTS: Final = (1, 16)
GATE_SECONDS: Final = "licet_gate_decision_seconds"

_WARM_UP: Final = 10
_ADMITTED: Final = "201"
_DENIED: Final = "denied"  # in the API server's message, whoever judged; what the status is, they may choose


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured: rounds, and requests in a cell by size and by the number of clients."""

    rounds: int
    requests: dict[Size, dict[int, int]]


FULL: Final = Plan(5, {Size.SMALL: {1: 240, 16: 640}, Size.LARGE: {1: 30, 16: 64}})
QUICK: Final = Plan(1, {Size.SMALL: {1: 60, 16: 160}, Size.LARGE: {1: 10, 16: 32}})


@dataclass(frozen=True, slots=True)
class Sample:
    """One arm in one cell of one round.

    `p50_ms` and `p99_ms` are of the time that a request took, `rate` is requests a second. `processor_ms` is what the
    arm's process took a review, `own_ms` what it says itself that a decision took, both on average; `resident_mib` is
    its memory afterwards. They are None where there is no such process or figure.
    """

    round: int
    arm: str
    size: Size
    subject: Subject
    clients: int
    p50_ms: float
    p99_ms: float
    rate: float
    processor_ms: float | None
    own_ms: float | None
    resident_mib: float | None

    def to_json(self) -> dict[str, Any]:
        """Gives it for a file."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Sample":
        """Reads what `to_json` gave."""
        return cls(**{**content, "size": Size(content["size"]), "subject": Subject(content["subject"])})


def measure(arms: Sequence[Arm], plan: Plan, tools: Path, directory: Path) -> list[Sample]:
    """Measures all arms in all cells; `tools` has the program `load`, `directory` is for large files.

    Raises:
        SandboxError: an arm does not refuse, or was not asked, twice in a row.
        ControlPlaneError: a control plane does not start.
    """
    files = {
        (size, subject): write_secrets(directory, subject, size, _WARM_UP + sum(plan.requests[size].values()))
        for size, subject in itertools.product(Size, Subject)
    }
    turns = [(number, arm, size) for number in range(plan.rounds) for arm, size in _shuffled(arms, Size)]
    progress = Progress("admission", len(turns))
    samples = []
    for number, arm, size in turns:
        bodies = {subject: files[size, subject] for subject in Subject}
        try:
            taken = _turn(number, arm, size, plan.requests[size], bodies, tools)
        except SandboxError as error:  # such as a review that was not answered in time, on a busy machine
            say(f"{arm.name} is measured once more: {error}")
            taken = _turn(number, arm, size, plan.requests[size], bodies, tools)
        samples += taken
        alone = ", ".join(f"{sample.p50_ms:.1f} ms {sample.subject}" for sample in taken if sample.clients == 1)
        progress.step(f"round {number + 1}, {size} releases, {arm.name}: {alone}")
    return samples


def _turn(
    number: int, arm: Arm, size: Size, requests: dict[int, int], bodies: dict[Subject, Path], tools: Path
) -> list[Sample]:
    """Measures one arm with releases of one size, on a server of its own."""
    samples = []
    with ControlPlane() as plane, ExitStack() as stack:
        apply(plane, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        serving = stack.enter_context(arm.serve(plane))
        if serving.reviews is not None:
            await_denial(plane)
        load = _Load(plane, tools, serving, arm.name)
        for subject in Subject:
            load.run(bodies[subject], 0, _WARM_UP, clients=2, refused=_to_refuse(subject, serving))
        for subject, clients in _shuffled(Subject, CLIENTS):
            start = _WARM_UP + sum(count for other, count in requests.items() if other < clients)
            refused = _to_refuse(subject, serving)
            measured = load.run(bodies[subject], start, requests[clients], clients=clients, refused=refused)
            samples.append(Sample(number, arm.name, size, subject, clients, **measured))
        if serving.reviews is not None:
            await_denial(plane)
    return samples


def _to_refuse(subject: Subject, serving: Serving) -> bool:
    return subject is Subject.REFUSED and serving.reviews is not None


def _refused(report: Mapping[str, Any], count: int) -> bool | None:
    """Tells whether all of so many releases were refused, or none; None where it was neither of them."""
    match report["statuses"]:
        case {"201": int(admitted), **others} if admitted == count and not others:
            return False
        case {**statuses} if len(statuses) == 1 and _ADMITTED not in statuses and _DENIED in report["refusal"]:
            return True
    return None


def _shuffled(one: Iterable[Any], other: Iterable[Any]) -> list[tuple[Any, Any]]:
    pairs = list(itertools.product(one, other))
    random.shuffle(pairs)
    return pairs


class _Load:
    """Creates releases on one server, and looks at who judges them."""

    def __init__(self, plane: ControlPlane, tools: Path, serving: Serving, name: str) -> None:
        self._plane = plane
        self._tools = tools
        self._serving = serving
        self._name = name

    def run(self, bodies: Path, start: int, count: int, *, clients: int, refused: bool) -> dict[str, Any]:
        """Creates so many releases of a file from the one numbered `start` on, and gives what a `Sample` has of it."""
        serving = self._serving
        reviews, decisions = self._reviews(), self._decisions()
        processor = processor_seconds(serving.pid) if serving.pid else 0.0
        report = create(self._plane, self._tools, bodies, count=count, clients=clients, start=start)
        if _refused(report, count) is not refused:
            raise SandboxError(
                f"{self._name} answered otherwise than it has to: {report['statuses']} {report['refusal']}"
            )
        counted = refused or not serving.counts_refusals_only
        if serving.reviews is not None and (asked := self._reviews() - reviews) != count * counted:
            raise SandboxError(f"{self._name}: asked {asked:.0f} times about {count} releases")
        decided, seconds = (after - before for after, before in zip(self._decisions(), decisions, strict=True))
        return {
            "p50_ms": percentile(report["milliseconds"], 0.5),
            "p99_ms": percentile(report["milliseconds"], 0.99),
            "rate": count / report["seconds"],
            "processor_ms": (processor_seconds(serving.pid) - processor) / count * 1000 if serving.pid else None,
            "own_ms": seconds / decided * 1000 if decided else None,
            "resident_mib": resident_mebibytes(serving.pid) if serving.pid else None,
        }

    def _reviews(self) -> float:
        return self._serving.reviews(server_metrics(self._plane)) if self._serving.reviews is not None else 0.0

    def _decisions(self) -> tuple[float, float]:
        """How many decisions the gate has counted, and in how many seconds."""
        text = self._serving.metrics()
        return metrics(text, f"{GATE_SECONDS}_count"), metrics(text, f"{GATE_SECONDS}_sum")
