"""`cpis requirements`."""


def requirements() -> None:
    """Coverage."""
