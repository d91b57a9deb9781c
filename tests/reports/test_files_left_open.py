"""A product may send files of its own accord: the one that a test leaves unanswered is told from those."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from cpis_reports.checks.replies import file_not_closed_as_stored, file_shown
from cpis_simulator.codecs.acknowledgement import encode_acknowledgement
from cpis_simulator.codecs.upload import encode_upload
from cpis_simulator.directory import DEFAULT_AUTHORITIES
from cpis_simulator.evidence import DRIVER, FILE_DROP, MARK, UNANSWERED, Evidence, read_journal
from cpis_simulator.model import Acknowledgement, Coded, PlanRecord, ProtectionPlan, Subject, SubjectKind, Upload
from cpis_simulator.store.journal import JOURNAL, Journal
from cpis_simulator.vocabulary import PlanType

NUMBER = "9990001014"
AT = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)
MARKER = "0B1D5C10-7A2E-4C55-9D01-000000000501"


class Scene:
    """Evidence, written as a run writes it."""

    def __init__(self, folder: Path) -> None:
        self.journal = Journal(folder)

    def file(self, file_id: str) -> None:
        child = Subject(SubjectKind.CHILD, NUMBER, date(2017, 3, 14), "Alpha", "Testcase", None)
        record = PlanRecord((ProtectionPlan(PlanType.CHILD_PROTECTION, datetime(2025, 11, 1)),), (child,))
        body = encode_upload(Upload(AT, file_id, 1, DEFAULT_AUTHORITIES[0].organisation(), (record,)))
        self._crossed("upload", "upload", body)

    def answered(self, file_id: str) -> None:
        codes = (Coded("CPF02", "Successful File Upload"),)
        sender = DEFAULT_AUTHORITIES[0].organisation()
        reply = Acknowledgement(AT, file_id, 1, codes, sender, stored=1, failed=0, results=(), echoes=())
        self._crossed("response", "acknowledgement", encode_acknowledgement(reply))

    def left_open(self) -> None:
        self.journal.append(MARK, sender="harness", receiver="harness", headers={"event": UNANSWERED, "text": ""})

    def shows(self, **states: str) -> None:
        """What the product says of its files, and that the marker came through before."""
        items: list[dict[str, Any]] = [
            {"file_id": name[1:], "state": state, "acknowledged": AT.isoformat()} for name, state in states.items()
        ]
        self._asked("case-events", {"items": [{"event_id": MARKER}]})
        self._asked("files", {"items": items})

    def evidence(self) -> Evidence:
        records, _ = read_journal((self.journal.folder / JOURNAL).read_bytes().splitlines(keepends=True))
        return Evidence(records, self.journal.body)

    def _crossed(self, direction: str, kind: str, body: bytes) -> None:
        headers = {"authority": "Z99", "direction": direction, "kind": kind, "name": "a.xml"}
        self.journal.append(FILE_DROP, sender="authority", receiver="service", headers=headers, body=body)

    def _asked(self, operation: str, answer: dict[str, Any]) -> None:
        headers = {"operation": operation, "phase": "request", "party": "authority"}
        self.journal.append(DRIVER, sender="harness", receiver="authority", headers=headers, body=b"{}")
        headers = {**headers, "phase": "response", "status": "answered"}
        body = json.dumps(answer).encode()
        self.journal.append(DRIVER, sender="authority", receiver="harness", headers=headers, body=body)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def not_closed(scene: Scene) -> str:
    return file_not_closed_as_stored(scene.evidence(), authority="Z99", nhs_number=NUMBER, marker_event=MARKER).outcome


@pytest.mark.parametrize(("state", "outcome"), [("open", "pass"), ("stored", "fail")])
def test_a_file_sent_shortly_before_is_not_the_one_that_was_left_open(scene: Scene, state: str, outcome: str) -> None:
    scene.file("41200")
    scene.answered("41200")
    scene.left_open()
    scene.file("41201")
    scene.shows(f41200="stored", f41201=state)
    assert not_closed(scene) == outcome


def test_without_a_file_left_open_the_first_one_is_meant(scene: Scene) -> None:
    scene.file("41200")
    scene.file("41201")
    scene.shows(f41200="open", f41201="stored")
    assert not_closed(scene) == "pass"


def test_a_later_file_that_nobody_has_answered_yet_is_not_the_last_one(scene: Scene) -> None:
    scene.left_open()
    scene.file("41200")
    scene.answered("41200")
    scene.file("41201")
    scene.shows(f41200="stored", f41201="open")
    shown = file_shown(scene.evidence(), authority="Z99", nhs_number=NUMBER, code="CPF02", state="stored", last=True)
    assert shown.outcome == "pass", shown.findings
