"""Settings of property tests: few examples, as the unit suite is run all the time; no deadline on a busy machine."""

from typing import Final

from hypothesis import HealthCheck, settings

FUZZING: Final = "fuzz"  # the profile of `make fuzz`

_TIMES_AS_MANY: Final = 40

quick = settings(max_examples=30, deadline=None)


def fuzzed(examples: int) -> settings:
    """Settings of a fuzz test: so many examples, the same each time; for `make fuzz` many more, and others each time.

    A failure prints what reproduces it.
    """
    fuzzing = settings.get_current_profile_name() == FUZZING
    return settings(
        max_examples=examples * (_TIMES_AS_MANY if fuzzing else 1),
        derandomize=not fuzzing,
        database=None,
        deadline=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
