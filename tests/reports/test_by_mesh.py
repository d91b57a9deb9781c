"""When an alert tells of a failed delivery: the file, and the code that MESH reported."""

from __future__ import annotations

import pytest

from cpis_reports.checks.by_mesh import tells_of_failure

FILE_AND_CODE = "File 7 was not delivered: SEND 12 unknown"


@pytest.mark.parametrize(
    ("alert", "tells"),
    [
        ({"kind": "interface", "file_id": "7", "text": "SEND 12 unknown"}, True),
        ({"kind": "file-failed", "file_id": "7", "text": "code 12"}, True),
        ({"kind": "interface", "text": FILE_AND_CODE}, True),
        ({"kind": "other", "file_id": "7", "text": "SEND 12 unknown"}, False),
        ({"kind": "interface", "file_id": "8", "text": FILE_AND_CODE}, False),
        ({"kind": "interface", "text": "SEND 12 unknown"}, False),
        ({"kind": "interface", "file_id": "7", "text": "not delivered"}, False),
        ({"kind": "interface", "file_id": "7", "text": "SEND 14, at 10:12:00"}, True),
        ({"kind": "interface", "file_id": "7", "text": "SEND 120"}, False),
    ],
    ids=[
        "interface", "file-failed", "file-in-the-text", "other-kind", "other-file", "no-file", "no-code",
        "any-number-counts", "part-of-a-number",
    ],
)  # fmt: skip
def test_an_alert_tells_of_the_file_and_its_code(alert: dict[str, str], tells: bool) -> None:
    assert tells_of_failure(alert, "7", "12") is tells


@pytest.mark.parametrize(("text", "tells"), [("File 12: SEND 12", True), ("File 12: SEND 14", False)])
def test_the_number_of_a_file_is_not_taken_for_the_code(text: str, tells: bool) -> None:
    assert tells_of_failure({"kind": "interface", "text": text}, "12", "12") is tells
