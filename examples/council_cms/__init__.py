"""Larkfield Casebook: a small case system of a council, written to be tested; no child in it is real."""

VERSION = "3.4"
