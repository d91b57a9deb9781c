"""Measurements of the harness, as ratios to named peers; see `bench/README.md`."""
