"""Comparing instructions with the baseline."""

from bench.instructions import compare, load_baseline, save_baseline


def test_more_instructions_than_tolerated_are_complained_of_by_name():
    complaints = compare({"verify": 1_060, "evaluate": 1_040}, {"verify": 1_000, "evaluate": 1_000}, tolerance=0.05)
    assert complaints == ["verify: 1,060 instructions, 6% more than 1,000"]


def test_fewer_instructions_are_no_complaint():
    assert compare({"verify": 500}, {"verify": 1_000}) == []


def test_workload_without_a_baseline_is_complained_of():
    assert compare({"new": 1}, {"verify": 1}) == ["new: not in the baseline"]


def test_baseline_of_another_python_or_machine_stays_when_this_one_is_renewed(tmp_path):
    path = tmp_path / "instructions.json"
    path.write_text('{"CPython 2.7 vax": {"verify": 1}}')
    assert load_baseline(path) == {}
    save_baseline({"verify": 2}, path)
    assert load_baseline(path) == {"verify": 2}
    assert "vax" in path.read_text()
