"""Delivery, contracts and fault scripts of the mock Spine."""
