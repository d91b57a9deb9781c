"""Persistence and the evidence journal."""
