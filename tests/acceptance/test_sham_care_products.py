"""A care system that only pretends passes nothing: what it shows counts only beside the query that it sent."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Final

import pytest

from cpis_simulator.apps.operations import operations_app
from cpis_simulator.transport.http_server import HttpServer
from tests.acceptance.care_shams import Echo, NoRecordForAnybody, SameChildForEverybody, SaysWhatIsExpected
from tests.acceptance.running import Played, play
from tests.acceptance.test_sham_products import shown

CONFIG: Final = """\
[product]
name = "Sham"

[system_under_test]
role = "care"
claims = ["route:hl7v3", "profile:reliable", "author:person", "author:device", "product:registers-attendance"]

[system_under_test.start]
kind = "none"

[system_under_test.driver]
kind = "http"
url = "{url}"

[settings.query]
client_timeout = 0.3

[wait]
export_s = 5
process_reply_s = 5
quiet_s = 0
"""


def against(url: str, folder: Path) -> Played:
    return play("--role", "care", out=folder / "out", config=CONFIG.format(url=url))


def assert_nothing_is_shown(played: Played) -> None:
    assert shown(played) == {}
    assert played.exit_code in (1, 3)
    assert not played.results.summary.conformant
    assert len(played.results.scenarios) > 80


def test_a_dead_care_system_passes_nothing(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # never listens, and nobody else can
        played = against(f"http://127.0.0.1:{taken.getsockname()[1]}", tmp_path)
    assert_nothing_is_shown(played)
    assert played.exit_code == 3
    assert {(s.outcome, s.cause) for s in played.results.scenarios} == {("inconclusive", "not-reached")}


@pytest.mark.parametrize("kind", [NoRecordForAnybody, SameChildForEverybody, Echo, SaysWhatIsExpected])
def test_a_care_system_that_never_asks_passes_nothing(kind: type[NoRecordForAnybody], tmp_path: Path) -> None:
    server = HttpServer(operations_app("care", kind()), port=0)
    server.start()
    try:
        played = against(server.url, tmp_path)
    finally:
        server.stop()
    assert_nothing_is_shown(played)
