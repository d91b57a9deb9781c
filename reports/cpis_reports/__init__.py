"""Checks, verdicts, results and their rendering."""
