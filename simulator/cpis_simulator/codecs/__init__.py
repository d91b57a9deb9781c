"""Bytes to model and back, one module a message."""
