"""Harbour ED Tracker: a small emergency department system, written to be tested; no patient in it is real."""

VERSION = "1.7"
