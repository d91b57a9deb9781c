"""Whatever moment the service is killed at, a file is stored once and answered once."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cpis_simulator.apps.crash import CRASH_AT
from cpis_simulator.apps.service_node import ServiceNode
from cpis_simulator.codecs.access_notification import decode_access_notification
from cpis_simulator.codecs.acknowledgement import decode_acknowledgement
from cpis_simulator.driving import Explain
from cpis_simulator.evidence import FILE_DROP, read_journal
from cpis_simulator.settings import FilesSettings, Settings
from cpis_simulator.store.journal import Journal
from tests.simulator.node_examples import drop, make_node, names, running, wait_for, wait_for_responses
from tests.simulator.service_examples import ALPHA, query

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the child of these tests is forked")

OUTBOX_POINTS = ["after-stage", "before-rename", "after-rename", "before-evidence", "after-evidence"]
UPLOAD_POINTS = [
    "after-claim",
    "after-upload-evidence",
    "after-parse",
    "inside-commit",
    "after-commit",
    *OUTBOX_POINTS,
    "before-archive",
    "after-archive",
]


def killed_at(
    point: str, folder: Path, then: Callable[[ServiceNode], object] = lambda node: None, **more: bool
) -> None:
    """Run a node in a child process until it kills itself at the point."""
    child = os.fork()
    if child == 0:
        os.environ[CRASH_AT] = point
        # By polling: the locks of a watcher that another test has used here may be held for ever in a forked process.
        node = make_node(folder, Settings(files=FilesSettings(watch="polling", poll=0.05)), **more)
        node.start()
        then(node)
        time.sleep(20)
        os._exit(1)
    deadline = time.monotonic() + 40
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0):
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGTERM)
            os.waitpid(child, 0)
            pytest.fail(f"the point {point} was never reached, and the child does not end")
        time.sleep(0.005)
    status = ended[1]
    assert os.WIFSIGNALED(status), f"the point {point} was never reached: status {status}"
    assert os.WTERMSIG(status) == signal.SIGKILL


def crossed(folder: Path, direction: str) -> list[str]:
    """Names of the files that evidence has, one way; the chain is whole."""
    records, problems = read_journal((folder / "evidence/evidence.jsonl").read_bytes().splitlines(keepends=True))
    assert problems == []
    found = [r for r in records if r.channel == FILE_DROP and r.headers["direction"] == direction]
    assert len({r.headers["delivery"] for r in found}) == len(found)
    return [r.headers["name"] for r in found]


def claims(folder: Path) -> list[str]:
    return os.listdir(folder / "drop/.service/claims/Z99")


@pytest.mark.parametrize("point", UPLOAD_POINTS)
def test_an_upload_is_stored_once_and_answered_once(point, tmp_path):
    drop(tmp_path)
    killed_at(point, tmp_path)
    for _ in range(2):  # A second start must find nothing left to do.
        with running(tmp_path) as node:
            (answer,) = wait_for_responses(tmp_path, 1)
            wait_for(lambda: not claims(tmp_path), lambda: claims(tmp_path))
            held = node.explain(Explain(nhs_number=ALPHA)).records
    assert [len(h["plans"]) for h in held] == [1]  # type: ignore[arg-type]  # a list of plans
    told = decode_acknowledgement((tmp_path / "drop/Z99/response" / answer).read_bytes())
    assert (told.file_id, told.stored, [c.code for c in told.file_codes]) == ("42", 1, ["CPF02"])
    assert names(tmp_path, "upload") == [] and names(tmp_path, "archive") == ["up42.xml"]
    assert crossed(tmp_path, "upload") == ["up42.xml"]
    assert crossed(tmp_path, "response") == [answer]
    assert os.listdir(tmp_path / "drop/.service/outbox") == []


@pytest.mark.parametrize("point", OUTBOX_POINTS)
def test_a_notification_is_delivered_once(point, tmp_path):
    drop(tmp_path)
    with running(tmp_path):
        wait_for_responses(tmp_path, 1)
    killed_at(point, tmp_path, lambda node: node.answer(query()))
    with running(tmp_path):
        wait_for_responses(tmp_path, 2)
        wait_for(lambda: len(crossed(tmp_path, "response")) == 2, lambda: crossed(tmp_path, "response"))
    with running(tmp_path):
        notification, _ = wait_for_responses(tmp_path, 2)
    assert notification.startswith("CPIS_ASN_")
    body = (tmp_path / "drop/Z99/response" / notification).read_bytes()
    assert decode_access_notification(body).total == 1
    assert sorted(crossed(tmp_path, "response")) == names(tmp_path)


def test_evidence_of_an_upload_is_there_before_its_answer(tmp_path):
    drop(tmp_path)
    killed_at("before-rename", tmp_path)
    assert [r.headers["direction"] for r in Journal(tmp_path / "evidence").records()] == ["upload"]
    assert names(tmp_path) == []
