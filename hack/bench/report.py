"""What is told of measurements: tables in Markdown, drawings, and whether the goals are met."""

import itertools
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from bench.admission import CLIENTS, Sample
from bench.arms import IDLE, LICET, NONE
from bench.measures import added_ratio
from bench.releases import Size, Subject
from bench.svg import Labels, bars, curves
from bench.workloads import BARE, VERIFY

Results = Mapping[str, Any]
"""What was measured, by part of the benchmark, as it lies in the JSON file."""

_Cell = tuple[Size, Subject, int]

ADDED_GOAL: Final = 1.3
OWN_GOALS: Final = {Size.SMALL: 0.3, Size.LARGE: 4.0}
VERIFY_GOAL: Final = 1.5
WRITES_GOAL: Final = 0.85
WRITES_FOR_EACH: Final = 3  # its ConfigMap, its Secret, its status
# At a change: status of the License, `licet-memory`, WorkloadPolicy. At the start: the statuses of two Vendors and two
# Licenses, two WorkloadPolicies, `licet-memory`, the CA, the gate's certificate and its webhook configuration.
BESIDES_GOALS: Final = {"change": 3, "cold": 10}
MEMORY_AT: Final = 1_000  # Entitlements
MEMORY_GOALS: Final = {"controller": 120, "gate": 90}  # MiB
GATE_READY_GOAL: Final = 1.5  # seconds
CONTROLLER_READY_GOAL: Final = 3.0  # seconds
_PEERS: Final = ("Kyverno", "Gatekeeper")


def markdown(results: Results) -> str:
    """Writes everything that was measured as sections in Markdown."""
    parts = [f"Taken on {results['machine']}."]
    if "admission" in results:
        parts += ["### Admission", *_admission(_samples(results))]
    if "projection" in results:
        parts += ["### Projection and footprint", _projection(results["projection"])]
    if "inventory" in results:
        parts += ["### Inventory", _inventory(results["inventory"])]
    if "core" in results:
        parts += ["### Core", _core(results["core"])]
    if "scale" in results:
        parts += ["### Many licenses of one product", _scale(results["scale"])]
    if {"admission", "projection", "core"} & results.keys():
        parts += ["### Goals", _goals(results)]
    return "\n\n".join(parts) + "\n"


def drawings(results: Results) -> dict[str, str]:
    """Gives drawings as SVG by the name of their file."""
    found = {}
    if "admission" in results:
        rounds = _rounds(_samples(results))
        groups: dict[str, dict[str, float]] = {}
        for size in Size:
            for clients in CLIENTS:
                medians = _medians(rounds[size, Subject.LICENSED, clients])
                values = {name: medians[name] / medians[NONE] for name in _ORDER if {name, NONE} <= medians.keys()}
                groups[f"{size}, {clients} client{'s' if clients > 1 else ''}"] = values
        labels = Labels(
            "Time to create a licensed release, as a multiple of that with no admission control", "", "times"
        )
        found["benchmark-admission.svg"] = bars(labels, groups)
    if results.get("projection"):
        points = results["projection"]
        labels = Labels("From a change of a License to the last write", "Entitlements", "seconds")
        series = {
            "licet": [(each["entitlements"], each["change"]) for each in points],
            "bare client": [(each["entitlements"], each["bare_change"]) for each in points],
        }
        found["benchmark-projection.svg"] = curves(labels, series)
        labels = Labels("Memory in use", "Entitlements", "MiB")
        series = {
            "controller": [(each["entitlements"], each["resident_mib"]) for each in points],
            "gate": [(each["entitlements"], each["gate_resident_mib"]) for each in points],
        }
        found["benchmark-memory.svg"] = curves(labels, series)
    return found


# -- admission ---------------------------------------------------------------------------------------------------------


def _samples(results: Results) -> list[Sample]:
    return [Sample.from_json(content) for content in results["admission"]]


def _rounds(samples: Iterable[Sample]) -> dict[_Cell, list[dict[str, float]]]:
    """Gives for each cell the rounds, in each the median time by arm."""
    found: defaultdict[_Cell, defaultdict[int, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    for sample in samples:
        found[sample.size, sample.subject, sample.clients][sample.round][sample.arm] = sample.p50_ms
    cells = itertools.product(Size, Subject, CLIENTS)  # whatever the order was in which they were measured
    return {cell: list(found[cell].values()) for cell in cells if cell in found}


def _medians(rounds: Iterable[Mapping[str, float]]) -> dict[str, float]:
    values: defaultdict[str, list[float]] = defaultdict(list)
    for each in rounds:
        for name, value in each.items():
            values[name].append(value)
    return {name: statistics.median(taken) for name, taken in values.items()}


def _admission(samples: Sequence[Sample]) -> list[str]:
    rounds = _rounds(samples)
    arms = list(dict.fromkeys(sample.arm for sample in sorted(samples, key=lambda sample: _ORDER.index(sample.arm))))
    parts = []
    for size in Size:
        for clients in CLIENTS:
            title = f"**{size.capitalize()} releases, {clients} client{'s' if clients > 1 else ''}**"
            head = [
                "",
                *(f"{subject}: p50 ms" for subject in Subject),
                "p99 ms",
                "a second",
                "added, in that of the idle webhook",
            ]
            head += ["CPU ms", "own ms", "MiB"]
            rows = [_admission_row(arm, size, clients, samples, rounds) for arm in arms]
            parts += [title, _table(head, rows)]
    return parts


_ORDER: Final = (NONE, "native policy", IDLE, LICET, *_PEERS)


def _admission_row(
    arm: str, size: Size, clients: int, samples: Sequence[Sample], rounds: Mapping[_Cell, list[dict[str, float]]]
) -> list[str]:
    mine = [sample for sample in samples if (sample.arm, sample.size, sample.clients) == (arm, size, clients)]
    licensed = [sample for sample in mine if sample.subject is Subject.LICENSED]
    added = added_ratio(rounds[size, Subject.LICENSED, clients], subject=arm, reference=IDLE, base=NONE)
    return [
        arm,
        *(_median(sample.p50_ms for sample in mine if sample.subject is subject) for subject in Subject),
        _median(sample.p99_ms for sample in licensed),
        _median((sample.rate for sample in licensed), 0),
        "" if added is None or arm == NONE else str(added),
        _median(sample.processor_ms for sample in licensed),
        _median(sample.own_ms for sample in licensed),
        _median((sample.resident_mib for sample in licensed), 0),
    ]


def _median(values: Iterable[float | None], digits: int = 2) -> str:
    known = [value for value in values if value is not None]
    return f"{statistics.median(known):.{digits}f}" if known else ""


# -- the others --------------------------------------------------------------------------------------------------------


def _projection(points: Sequence[Mapping[str, Any]]) -> str:
    head = ["", *(f"{each['entitlements']:,}" for each in points)]
    rows = [
        ["License changed, s", *(f"{each['change']:.2f}" for each in points)],
        ["the same writes by a bare client, s", *(f"{each['bare_change']:.2f}" for each in points)],
        ["share of the bare client's speed", *(f"{each['bare_change'] / each['change']:.0%}" for each in points)],
        ["cold start, first write to last, s", *(f"{each['cold']:.2f}" for each in points)],
        ["Events by then", *(f"{each['cold_events']:,}" for each in points)],
        ["created by a bare client, s", *(f"{each['bare_create']:.2f}" for each in points)],
        ["share of the bare client's speed", *(f"{each['bare_create'] / each['cold']:.0%}" for each in points)],
        ["writes of the cold start", *(_writes(each["cold_writes"]) for each in points)],
        ["writes at a change", *(_writes(each["change_writes"]) for each in points)],
        ["one Entitlement among them, s", *(f"{each['one']:.2f}" for each in points)],
        ["restart with nothing to do: ready after, s", *(f"{each['restart_ready']:.2f}" for each in points)],
        ["writes of the restart", *(_writes(each["restart_writes"]) for each in points)],
        ["controller, MiB", *(f"{each['resident_mib']:.0f}" for each in points)],
        ["controller idle, % of a core", *(f"{each['idle_percent']:.2f}" for each in points)],
        ["its connections then", *(f"{each['idle_connections']}" for each in points)],
        ["bytes a second over them", *(f"{each['idle_bytes']:,.0f}" for each in points)],
        ["gate: ready after, s", *(f"{each['gate_ready']:.2f}" for each in points)],
        ["gate, MiB", *(f"{each['gate_resident_mib']:.0f}" for each in points)],
    ]
    return _table(head, rows)


def _own(counts: Mapping[str, int]) -> dict[str, int]:
    """What licet has written; tokens and the License's own change are of the benchmark."""
    others = {"POST serviceaccounts/token", "PATCH licenses"}
    return {name: count for name, count in counts.items() if name not in others}


def _writes(counts: Mapping[str, int]) -> str:
    own = _own(counts)
    return ", ".join(f"{count:,} {name}" for name, count in own.items()) or "none"


def _inventory(taken: Mapping[str, Any]) -> str:
    head = ["MiB", "no Installation", f"{taken['installations']:,} Installations"]
    rows = [
        [name, f"{taken[f'{name}_before_mib']:.0f}", f"{taken[f'{name}_mib']:.0f}"] for name in ("controller", "gate")
    ]
    return _table(head, rows)


def _scale(points: Sequence[Mapping[str, Any]]) -> str:
    head = ["licenses", *(f"{each['licenses']:,}" for each in points)]
    rows = [
        ["verify all, once, ms", *(f"{each['verify_ms']:.1f}" for each in points)],
        ["assess all, at each change, ms", *(f"{each['assess_ms']:.1f}" for each in points)],
        ["evaluate for one namespace, ms", *(f"{each['evaluate_ms']:.2f}" for each in points)],
        ["of that, choose what counts, ms", *(f"{each['choose_ms']:.2f}" for each in points)],
        ["memory of a verified token, KiB", *(f"{each['token_kib']:.1f}" for each in points)],
    ]
    return _table(head, rows)


def _core(core: Mapping[str, Any]) -> str:
    counted = core.get("instructions", {})
    rows = [
        [
            each["name"],
            f"{each['microseconds']:,.1f}",
            f"{each['toBare']:.2f}",
            f"{counted[each['name']]:,}" if each["name"] in counted else "",
        ]
        for each in core["prices"]
    ]
    return _table(["", "µs", "in bare signatures", "instructions"], rows)


# -- goals -------------------------------------------------------------------------------------------------------------


def _goals(results: Results) -> str:
    rows: list[list[str]] = []
    if "admission" in results:
        rows += _admission_goals(_samples(results))
    for each in results.get("projection", ()):
        count = f"{each['entitlements']:,} Entitlements"
        for name, mine, bare in (("change", "change", "bare_change"), ("cold start", "cold", "bare_create")):
            share = each[bare] / each[mine]
            rows.append(
                [f"{name}, {count}: share of a bare client", "≥ 85 %", f"{share:.0%}", _met(share >= WRITES_GOAL)]
            )
        # The benchmark's other Entitlement is made at the start, and left as it is at the change.
        for name, number in (("change", each["entitlements"]), ("cold", each["entitlements"] + 1)):
            besides = sum(_own(each[f"{name}_writes"]).values()) - WRITES_FOR_EACH * number
            goal = f"{WRITES_FOR_EACH} each, and {BESIDES_GOALS[name]} besides"
            measured = f"{WRITES_FOR_EACH * number:,} and {besides}"
            rows.append([f"writes, {name}, {count}", goal, measured, _met(besides == BESIDES_GOALS[name])])
        restart = _writes(each["restart_writes"])
        rows.append([f"writes of a restart with nothing to do, {count}", "none", restart, _met(restart == "none")])
        if each["entitlements"] == MEMORY_AT:
            for name, used in (("controller", each["resident_mib"]), ("gate", each["gate_resident_mib"])):
                memory = MEMORY_GOALS[name]
                rows.append([f"{name}, {count}", f"≤ {memory} MiB", f"{used:.0f} MiB", _met(used <= memory)])
        for name, ready, most in (
            ("controller restarted with nothing to do", each["restart_ready"], CONTROLLER_READY_GOAL),
            ("gate ready", each["gate_ready"], GATE_READY_GOAL),
        ):
            rows.append([f"{name}, {count}", f"≤ {most} s", f"{ready:.1f} s", _met(ready <= most)])
    if "core" in results:
        prices = {each["name"]: each for each in results["core"]["prices"]}
        share = prices[VERIFY]["toBare"]
        goal = f"≤ {VERIFY_GOAL} times {BARE}"
        rows.append([VERIFY, goal, f"{share:.2f}", _met(share <= VERIFY_GOAL)])
    return _table(["", "goal", "measured", ""], rows)


def _admission_goals(samples: Sequence[Sample]) -> list[list[str]]:
    rows = []
    for (size, subject, clients), rounds in _rounds(samples).items():
        cell = f"{size}, {subject}, {clients} client{'s' if clients > 1 else ''}"
        added = added_ratio(rounds, subject=LICET, reference=IDLE, base=NONE)
        # Whom nobody refuses, the API server goes on to store: so for a refusal there is nothing that it is added to.
        if added is not None and subject is not Subject.REFUSED:
            goal = f"≤ {ADDED_GOAL} times that of the idle webhook"
            rows.append([f"added by licet: {cell}", goal, str(added), _met(added.median <= ADDED_GOAL)])
        medians = _medians(rounds)
        behind = [peer for peer in _PEERS if peer in medians and medians[peer] <= medians.get(LICET, 0.0)]
        if LICET in medians and any(peer in medians for peer in _PEERS):
            rows.append(
                [
                    f"ahead of the peers: {cell}",
                    "both",
                    "both" if not behind else "not " + ", ".join(behind),
                    _met(not behind),
                ]
            )
    for size, goal_ms in OWN_GOALS.items():
        own = _median(
            sample.own_ms for sample in samples if (sample.arm, sample.size, sample.clients) == (LICET, size, 1)
        )
        if own:
            rows.append([f"the gate's own time, {size}", f"≤ {goal_ms} ms", f"{own} ms", _met(float(own) <= goal_ms)])
    return rows


def _met(met: bool) -> str:
    return "met" if met else "missed"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
