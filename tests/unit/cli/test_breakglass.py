import pytest


@pytest.mark.parametrize("duration", ["", "0m", "25h", "24h1m", "-1h", "2", "1.5h", "90s", "1m1h", "²h"])
def test_duration_that_is_none_or_over_a_day_is_refused_before_the_cluster_is_asked(licet, duration):
    answer = licet("break-glass", "open", "web", "-n", "prod-eu", "--reason", "fire", f"--for={duration}")
    assert answer.code == 2
    assert "expected hours and minutes, at most a day, such as 2h, 45m or 1h30m" in answer.err


@pytest.mark.parametrize("duration", ["1m", "24h", "1440m", "23h60m", "1h30m"])
def test_duration_is_in_hours_and_minutes(licet, duration, tmp_path):
    nowhere = f"--kubeconfig={tmp_path / 'none'}"
    answer = licet("break-glass", "open", "web", "-n", "prod-eu", "--reason", "fire", f"--for={duration}", nowhere)
    assert "expected hours and minutes" not in answer.err
