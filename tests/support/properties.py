"""Settings of property tests: few examples, as the unit suite is run all the time; no deadline on a busy machine."""

from hypothesis import settings

quick = settings(max_examples=30, deadline=None)
