"""Messages of MESH: ids, chunks, rights, expiry, and what outlives a crash."""

import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from cpis_simulator.errors import StartError
from cpis_simulator.mailbox.messages import Failure
from cpis_simulator.mailbox.office import Inbox, MessageIds
from cpis_simulator.mailbox.refusals import Refused
from cpis_simulator.mailbox.tokens import TokenCheck, make_token, token_hash
from tests.simulator.mesh_examples import CLIENT, KEY, MAILBOXES, NOW, PASSWORD, SEND, Desk

NONCE = "6f1c0b52-0f0e-4a8e-9d43-2d5c7a1b9e11"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def chunk(desk: Desk, message_id: str, number: int, total: int, body: bytes = b"more") -> int:
    headers = {"Mex-Chunk-Range": f"{number}:{total}"}
    return desk.call("POST", f"/LA7HC001/outbox/{message_id}/{number}", headers=headers, body=body).status


def read(desk: Desk, message_id: str) -> bytes:
    message = desk.store.office.messages[message_id]
    parts = []
    for number in range(1, message.sending.chunks + 1):
        with desk.store.open(message, number) as stream:
            parts.append(stream.read())
    return b"".join(parts)


# Tokens.


def test_the_worked_value_of_a_token() -> None:
    made = token_hash("NotTheRealKey", "LA7HC001", NONCE, "0", "let-me-in-7", "202611221305")
    assert made == "e3500722690f45f43bb69d0ef2d3a5a19a1e1466d12e9d32cb1837062f357f61"


def checked(header: str, *, now: datetime = NOW, strict: bool = True) -> str:
    known = {mailbox.mailbox_id: mailbox for mailbox in MAILBOXES}
    return TokenCheck(KEY, known.get, strict=strict).check(header, "LA7HC001", now=now).mailbox_id


def token(*, count: int = 0, now: datetime = NOW) -> str:
    return make_token(KEY, "LA7HC001", PASSWORD, nonce=NONCE, count=count, now=now)


@pytest.mark.parametrize("hours", [-2, 2])
def test_a_token_counts_for_two_hours_either_way(hours: int) -> None:
    made = token(now=NOW.replace(second=0, microsecond=0))
    assert checked(made, now=NOW.replace(second=0, microsecond=0) + timedelta(hours=hours)) == "LA7HC001"


@pytest.mark.parametrize("seconds", [-7201, 7201])
def test_a_token_of_another_time_is_refused(seconds: int) -> None:
    now = NOW.replace(second=0, microsecond=0)
    with pytest.raises(Refused, match="more than 2 hours"):
        checked(token(now=now), now=now + timedelta(seconds=seconds))


def test_a_token_of_another_time_is_taken_when_not_strict() -> None:
    assert checked(token(), now=NOW + timedelta(days=1), strict=False) == "LA7HC001"


def test_a_hash_in_capitals_counts() -> None:
    start, _, made = token().rpartition(":")
    assert checked(f"{start}:{made.upper()}") == "LA7HC001"


@pytest.mark.parametrize(
    "header",
    ["", "NHSMESH", token().replace("NHSMESH ", "NHSMESH  "), token().replace("LA7HC001", "la7hc001"), token()[:-1],
     token()[:-1] + "g", token().replace(":0:", ":1:"), token().replace(":2026", ":2025")],
    ids=["none", "scheme-only", "two-blanks", "lower-case", "short", "no-hash", "other-count", "other-time"],
)  # fmt: skip
def test_a_token_of_another_form_is_refused(header: str) -> None:
    with pytest.raises(Refused):
        checked(header)


def check_twice(*, strict: bool, later: timedelta = timedelta()) -> None:
    known = {mailbox.mailbox_id: mailbox for mailbox in MAILBOXES}
    check = TokenCheck(KEY, known.get, strict=strict)
    check.check(token(), "LA7HC001", now=NOW)
    check.check(token(count=1), "LA7HC001", now=NOW)
    check.check(token(), "LA7HC001", now=NOW + later)


def test_a_token_counts_once() -> None:
    with pytest.raises(Refused, match="used before"):
        check_twice(strict=True)


def test_a_token_may_be_used_again_when_not_strict() -> None:
    check_twice(strict=False)


def test_a_token_counts_once_though_the_server_was_started_anew(desk: Desk) -> None:
    headers = CLIENT | {"Authorization": desk.token("LA7HC001")}
    statuses = []
    for hours in (0, 0, 3, 5):
        desk.real = NOW + timedelta(hours=hours)
        statuses.append(desk.call("POST", "/LA7HC001", headers=headers).status)
        desk.reopen()
    lines = (desk.folder / "tokens.jsonl").read_text().splitlines()
    assert (statuses, lines) == ([200, 403, 403, 403], [])


def test_half_a_line_of_a_token_stops_no_start(desk: Desk) -> None:
    desk.inbox()
    with (desk.folder / "tokens.jsonl").open("a") as file:
        file.write('["LA7HC001","x')
    desk.reopen()
    assert desk.inbox() == []


# Ids and inboxes.


def test_an_id_is_time_and_six_digits() -> None:
    assert re.fullmatch(r"20261122130501123456_[0-9A-F]{6}", MessageIds(Random(1)).next(NOW))


def test_ids_rise_though_the_clock_does_not() -> None:
    ids = MessageIds(Random(1))
    made = [ids.next(NOW - timedelta(hours=n)) for n in range(4)]
    assert [one[:20] for one in made] == [f"2026112213050112345{n}" for n in range(6, 10)]


def test_ids_rise_beyond_those_of_before(desk: Desk) -> None:
    first = desk.send()
    desk.reopen()
    assert desk.send() > first


def test_an_inbox_gives_what_waits_in_order() -> None:
    inbox, rest = Inbox(), {f"{n:06}" for n in range(5000)}
    for name in rest:
        inbox.add(name)
    for name in Random(3).sample(sorted(rest), 4000):
        inbox.remove(name)
        inbox.remove(name)
        rest.discard(name)
    assert (len(inbox), list(inbox)) == (1000, sorted(rest))


def test_an_inbox_goes_on_behind_a_message_that_is_gone() -> None:
    inbox = Inbox()
    for name in "abcd":
        inbox.add(name)
    inbox.remove("b")
    assert list(inbox.behind("b")) == ["c", "d"]


# Chunks.


def test_a_message_is_there_when_its_last_chunk_is(desk: Desk) -> None:
    message_id = desk.send(b"one,", **{"Mex-Chunk-Range": "1:3"})
    before = desk.inbox(), desk.status(message_id)
    assert chunk(desk, message_id, 2, 3, b"two,") == 202
    assert desk.inbox() == []
    assert chunk(desk, message_id, 3, 3, b"three") == 202
    assert before == ([], "uploading")
    assert (desk.inbox(), desk.status(message_id), read(desk, message_id)) == (
        [message_id], "accepted", b"one,two,three",
    )  # fmt: skip


def test_a_chunk_that_is_sent_again_replaces_the_first(desk: Desk) -> None:
    message_id = desk.send(b"one,", **{"Mex-Chunk-Range": "1:3"})
    for body in (b"wrong and longer", b"two,"):
        assert chunk(desk, message_id, 2, 3, body) == 202
    chunk(desk, message_id, 3, 3, b"three")
    assert read(desk, message_id) == b"one,two,three"


def test_a_refused_last_chunk_leaves_the_message_uploading(desk: Desk) -> None:
    message_id = desk.send(**{"Mex-Chunk-Range": "1:3"})
    assert chunk(desk, message_id, 3, 3) == 417
    assert desk.status(message_id) == "uploading"
    assert [chunk(desk, message_id, number, 3) for number in (2, 3)] == [202, 202]
    assert desk.inbox() == [message_id]


def test_a_missing_chunk_may_be_allowed(tmp_path: Path) -> None:
    desk = Desk(tmp_path, last_chunk_early="accept")
    message_id = desk.send(**{"Mex-Chunk-Range": "1:3"})
    assert (chunk(desk, message_id, 3, 3), desk.inbox()) == (202, [message_id])
    path = f"/CPISSIM01/inbox/{message_id}"
    assert [desk.call("GET", f"{path}/{number}").status for number in (1, 2, 3)] == [206, 404, 200]


def test_an_unfinished_upload_is_dropped_after_a_day(desk: Desk) -> None:
    message_id = desk.send(**{"Mex-Chunk-Range": "1:2"})
    desk.later(hours=23)
    assert desk.status(message_id) == "uploading"
    desk.later(hours=1)
    assert chunk(desk, message_id, 2, 2) == 404
    assert list((desk.folder / "bodies").iterdir()) == []


# Expiry and reports.


def test_a_message_that_is_not_collected_in_five_days_is_reported(desk: Desk) -> None:
    message_id = desk.send(**{"Mex-LocalID": "RUN-4711", "Mex-Subject": "nightly"})
    desk.later(days=5, seconds=-1)
    assert desk.inbox() == [message_id]
    desk.later(seconds=1)
    assert desk.inbox() == []
    (report,) = desk.inbox("LA7HC001")
    fields = desk.fields(report, "LA7HC001")
    wanted = (
        "MessageType", "LinkedMsgID", "WorkflowID", "LocalID", "Subject", "To", "StatusEvent", "StatusCode",
        "StatusDescription", "StatusSuccess", "StatusTimestamp",
    )  # fmt: skip
    assert {name: fields.get(f"Mex-{name}") for name in wanted} == {
        "MessageType": "REPORT",
        "LinkedMsgID": message_id,
        "WorkflowID": "UPLOAD",
        "LocalID": "RUN-4711",
        "Subject": "NDR: nightly",
        "To": "LA7HC001",
        "StatusEvent": "SEND",
        "StatusCode": "14",
        "StatusDescription": "Message not collected by recipient after 5 days",
        "StatusSuccess": "ERROR",
        "StatusTimestamp": "20261127130501",
    }


def test_the_sender_sees_that_it_was_not_collected(desk: Desk) -> None:
    message_id = desk.send()
    desk.later(days=5)
    said = desk.tracked(message_id)
    assert [said[f"status{name}"] for name in ("", "_success", "_event", "_code")] == [
        "undeliverable", False, "SEND", "14",
    ]  # fmt: skip


def test_an_acknowledged_message_is_not_reported(desk: Desk) -> None:
    message_id = desk.send()
    desk.call("PUT", f"/CPISSIM01/inbox/{message_id}/status/acknowledged")
    desk.later(days=6)
    assert (desk.inbox("LA7HC001"), desk.status(message_id)) == ([], "acknowledged")


def test_a_report_has_no_body_and_is_acknowledged(desk: Desk) -> None:
    desk.send()
    desk.later(days=5)
    (report,) = desk.inbox("LA7HC001")
    answer = desk.call("GET", f"/LA7HC001/inbox/{report}")
    assert (answer.body, answer.download) == (b"", None)
    assert desk.call("PUT", f"/LA7HC001/inbox/{report}/status/acknowledged").status == 200
    assert desk.inbox("LA7HC001") == []


def test_a_report_that_is_not_collected_is_reported_to_nobody(desk: Desk) -> None:
    desk.send()
    desk.later(days=5)
    assert len(desk.inbox("LA7HC001")) == 1
    desk.later(days=5)
    assert desk.inbox("LA7HC001") == []


def test_a_message_is_forgotten_after_thirty_days_with_its_data(desk: Desk) -> None:
    message_id = desk.send()
    desk.later(days=29)
    assert desk.status(message_id) == "undeliverable"
    desk.later(days=1)
    assert desk.call("GET", f"/LA7HC001/outbox/tracking?messageID={message_id}").status == 404
    assert list((desk.folder / "bodies").iterdir()) == []


def test_a_leap_of_a_month_still_reports(desk: Desk) -> None:
    desk.send()
    desk.later(days=31)
    assert len(desk.inbox("LA7HC001")) == 1


def test_a_message_for_a_patients_practice_comes_back_as_a_report(desk: Desk) -> None:
    message_id = desk.send(**{"Mex-To": "GPPROVIDER_9990000018_20200131_Example"})
    (report,) = desk.inbox("LA7HC001")
    assert desk.fields(report, "LA7HC001")["Mex-StatusCode"] == "EPL-151"
    assert desk.status(message_id) == "error"


def test_a_patients_practice_is_an_unknown_recipient_when_not_strict(tmp_path: Path) -> None:
    headers = SEND | {"Mex-To": "GPPROVIDER_9990000018_20200131_Example"}
    answer = Desk(tmp_path, strict=False).call("POST", "/LA7HC001/outbox", headers=headers, body=b"data")
    assert json.loads(answer.body)["detail"][0]["code"] == "12"


def test_another_senders_name_is_ignored_when_not_strict(tmp_path: Path) -> None:
    desk = Desk(tmp_path, strict=False)
    assert desk.fields(desk.send(**{"Mex-From": "LA8HC001"}), "CPISSIM01")["Mex-From"] == "LA7HC001"


# What outlives a crash.


def test_everything_is_as_it_was_after_a_start(desk: Desk) -> None:
    kept, gone, begun = desk.send(b"kept"), desk.send(b"gone"), desk.send(b"one,", **{"Mex-Chunk-Range": "1:2"})
    desk.call("PUT", f"/CPISSIM01/inbox/{gone}/status/acknowledged")
    before = [desk.tracked(one) for one in (kept, gone, begun)]
    desk.reopen()
    assert [desk.tracked(one) for one in (kept, gone, begun)] == before
    assert (desk.inbox(), read(desk, kept)) == ([kept], b"kept")
    assert (chunk(desk, begun, 2, 2, b"two"), read(desk, begun)) == (202, b"one,two")


def test_what_is_due_is_due_after_a_start_too(desk: Desk) -> None:
    desk.send()
    desk.reopen()
    desk.reopen()
    desk.later(days=5)
    assert len(desk.inbox("LA7HC001")) == 1


def test_half_a_line_of_the_log_never_was(desk: Desk) -> None:
    kept = desk.send()
    size = (desk.folder / "log.jsonl").stat().st_size
    desk.send()
    desk.store.close()
    with (desk.folder / "log.jsonl").open("r+b") as log:
        log.truncate(size + 20)
    desk.store = desk.opened()
    desk.rest = desk.interface()
    assert desk.inbox() == [kept]
    assert [body.name for body in (desk.folder / "bodies").iterdir()] == [f"{kept}.1"]
    following = desk.send()
    desk.reopen()
    assert desk.inbox() == [kept, following]


def test_bodies_without_a_message_are_removed_at_the_start(desk: Desk) -> None:
    (desk.folder / "bodies" / "20261122130501123456_AAAAAA.1").write_bytes(b"left")
    (desk.folder / "coming" / "body-x").write_bytes(b"left")
    desk.reopen()
    assert [list((desk.folder / name).iterdir()) for name in ("bodies", "coming")] == [[], []]


def test_a_log_that_is_none_stops_the_start(desk: Desk) -> None:
    desk.send()
    desk.store.close()
    with (desk.folder / "log.jsonl").open("a") as log:
        log.write('[{"event":"born"}]\n')
    with pytest.raises(StartError, match=r"log.jsonl, line 2"):
        desk.opened()


def test_what_is_sent_under_one_key_is_sent_once(desk: Desk) -> None:
    sender = MAILBOXES[0]
    message = desk.store.office.messages[desk.send()]
    for _ in range(2):
        desk.store.send(sender, message.sending, 4, b"data", key="DELIVERY-1")
        desk.store.report(message, Failure("SEND", "15", "bad"), key="DELIVERY-2")
        desk.reopen()
    assert (len(desk.inbox()), len(desk.inbox("LA7HC001"))) == (2, 1)


def test_the_log_is_kept_short(desk: Desk) -> None:
    for _ in range(50):
        desk.call("PUT", f"/CPISSIM01/inbox/{desk.send()}/status/acknowledged")
    desk.later(days=31)
    assert desk.inbox() == []
    desk.reopen()
    assert (desk.folder / "log.jsonl").read_text() == ""
