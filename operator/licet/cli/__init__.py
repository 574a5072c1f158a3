"""The `licet` command line."""
