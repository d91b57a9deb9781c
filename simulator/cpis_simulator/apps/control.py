"""The control API of the mock Spine: what steps and testers can do to its world."""

from __future__ import annotations

from flask import Flask

from cpis_simulator.apps.operations import operations_app


def control_app(node: object, token: str) -> Flask:
    """The operations of role service, for those who hold the token.

    Args:
        node: Has a method for each operation that it offers.
        token: Made anew at each start; the ready line tells it.
    """
    return operations_app("service", node, token=token)
