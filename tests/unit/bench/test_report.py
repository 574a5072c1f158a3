"""Tables, goals and drawings."""

import itertools
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from bench.__main__ import BEGIN, END, write_page
from bench.admission import CLIENTS, Sample
from bench.releases import Size, Subject
from bench.report import drawings, markdown
from bench.svg import Labels, bars, curves

TIMES = {"none": 2.0, "idle webhook": 3.0, "licet": 3.2, "Kyverno": 4.0}
POINT = {
    "entitlements": 100,
    "cold": 1.0,
    "cold_events": 5,
    "cold_writes": {"POST configmaps": 102, "POST secrets": 103, "PATCH entitlements/status": 101, "PATCH vendors": 7},
    "change": 1.0,
    "bare_create": 0.9,
    "bare_change": 0.8,
    "change_writes": {"PUT configmaps": 304, "PATCH licenses": 1},
    "cold_ready": 1.0,
    "restart_ready": 1.0,
    "restart_writes": {"POST serviceaccounts/token": 1},
    "one": 0.1,
    "resident_mib": 90.0,
    "idle_percent": 0.1,
    "idle_connections": 28,
    "idle_bytes": 1000.0,
    "gate_ready": 1.0,
    "gate_resident_mib": 80.0,
}


def samples() -> list[Sample]:
    return [
        Sample(number, arm, size, Subject.LICENSED, clients, time, time * 2, 1000 / time, None, None, None)
        for number, size, clients in itertools.product(range(2), Size, CLIENTS)
        for arm, time in TIMES.items()
    ]


def goals(**results: object) -> list[str]:
    text = markdown({"machine": "a machine", **results})
    return text.partition("### Goals")[2].splitlines()


def test_goals_say_what_licet_adds_as_a_multiple_of_the_idle_webhook():
    lines = goals(admission=[sample.to_json() for sample in samples()])
    assert any("added by licet: small, licensed, 1 client" in line and "| 1.20 | met |" in line for line in lines)


def test_peer_that_is_faster_is_named():
    faster = [replace(sample, p50_ms=3.1) if sample.arm == "Kyverno" else sample for sample in samples()]
    lines = goals(admission=[sample.to_json() for sample in faster])
    assert any("| not Kyverno | missed |" in line for line in lines)


def test_goals_of_projection_are_shares_of_the_bare_client():
    lines = goals(projection=[POINT])
    assert any("change, 100 Entitlements" in line and "| 80% | missed |" in line for line in lines)
    assert any("cold start, 100 Entitlements" in line and "| 90% | met |" in line for line in lines)


def test_writes_that_nobody_needs_miss_the_goal():
    lines = goals(projection=[POINT])
    assert "| writes, change, 100 Entitlements | 3 each, and 3 besides | 300 and 4 | missed |" in lines
    assert "| writes, cold, 100 Entitlements | 3 each, and 10 besides | 303 and 10 | met |" in lines
    assert "| writes of a restart with nothing to do, 100 Entitlements | none | none | met |" in lines


def test_writes_of_the_benchmark_itself_are_left_out():
    text = markdown({"machine": "a machine", "projection": [POINT]})
    assert "| writes at a change | 304 PUT configmaps |" in text
    assert "| writes of the restart | none |" in text


def test_every_drawing_is_well_formed():
    found = drawings({"admission": [sample.to_json() for sample in samples()], "projection": [POINT]})
    assert sorted(found) == ["benchmark-admission.svg", "benchmark-memory.svg", "benchmark-projection.svg"]
    for text in found.values():
        ET.fromstring(text)


def test_curve_goes_up_where_values_grow():
    text = curves(Labels("t", "x", "y"), {"a": [(1, 1), (10, 100)]})
    (line,) = ET.fromstring(text).iter("{http://www.w3.org/2000/svg}polyline")
    (x1, y1), (x2, y2) = (tuple(map(float, point.split(","))) for point in line.attrib["points"].split())
    assert x2 > x1
    assert y2 < y1  # SVG counts from the top


def test_bars_are_as_tall_as_their_values():
    text = bars(Labels("t", "", "y"), {"group": {"a": 1.0, "b": 2.0, "below": -1.0}})
    heights = [float(each.attrib["height"]) for each in ET.fromstring(text).iter("{http://www.w3.org/2000/svg}rect")]
    a, b, below = heights[-3:]
    assert b == pytest.approx(2 * a, abs=0.2)
    assert below == 0


def test_only_the_part_between_the_marks_is_written_anew(tmp_path):
    page = tmp_path / "benchmark.md"
    page.write_text(f"before\n{BEGIN}old\n{END}after\n")
    write_page(page, "new\n", {"drawing.svg": "<svg/>"})
    assert page.read_text() == f"before\n{BEGIN}\nnew\n\n{END}after\n"
    assert (tmp_path / "drawing.svg").read_text() == "<svg/>"
