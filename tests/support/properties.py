"""Settings of property tests: few examples, since the unit suite is run all the time, and no deadline on a busy machine."""

from hypothesis import settings

quick = settings(max_examples=60, deadline=None)
