"""The service on its store and its folders: what an endpoint and a driver see of it."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from cpis_simulator.apps.operations import OperationRefused, offered
from cpis_simulator.apps.service_node import ServiceNode
from cpis_simulator.codecs.access_notification import decode_access_notification
from cpis_simulator.codecs.acknowledgement import decode_acknowledgement
from cpis_simulator.codecs.inactive_notification import decode_inactive_notification
from cpis_simulator.driving import (
    SERVICE_OPERATIONS,
    Deliver,
    Explain,
    Flushed,
    HoldNotifications,
    Nothing,
    PdsPerson,
    PutPeople,
    Reset,
    RetiredNumber,
    RetireNumbers,
    ServiceClock,
    SetPds,
    Silence,
)
from cpis_simulator.model import AnswerMessage, NoRecord
from cpis_simulator.store.journal import Journal
from cpis_simulator.store.world import World
from tests.simulator.node_examples import drop, make_node, names, running, wait_for, wait_for_responses
from tests.simulator.service_examples import (
    ALPHA,
    BRAVO,
    CHARLIE,
    REPLACEMENT,
    Z98,
    child,
    plan,
    query,
    record,
    settings,
    upload,
)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[ServiceNode]:
    with running(tmp_path) as started:
        yield started


def code_of(folder: Path, name: str, ods: str = "Z99") -> str:
    return decode_acknowledgement((folder / "drop" / ods / "response" / name).read_bytes()).file_codes[0].code


def share(folder: Path, file_id: int = 42, *records) -> str:
    """Upload and wait for the acknowledgement; its code."""
    before = set(names(folder))
    drop(folder, upload(*records, file_id=str(file_id)), f"up{file_id}.xml")
    wait_for(lambda: len(names(folder)) > len(before), lambda: names(folder))
    (new,) = set(names(folder)) - before
    return code_of(folder, new)


def test_it_offers_every_operation(node):
    assert offered("service", node) == [op.name for op in SERVICE_OPERATIONS]


def test_a_file_that_waited_for_the_service_is_not_overtaken_by_a_newer_one(tmp_path):
    drop(tmp_path, upload(file_id="42"), "up42.xml")
    with running(tmp_path):
        # The newer one is known to be whole at once, by the event of its move; the one that waited is not.
        drop(tmp_path, upload(file_id="43"), "up43.xml")
        answers = wait_for_responses(tmp_path, 2)
    assert {name[:4]: code_of(tmp_path, name) for name in answers} == {"up42": "CPF02", "up43": "CPF02"}


def test_an_upload_is_answered_and_found(node, tmp_path):
    assert share(tmp_path) == "CPF02"
    (name,) = names(tmp_path)
    assert name.startswith("up42_RESP_") and name.endswith(".xml")
    wait_for(lambda: names(tmp_path, "archive") == ["up42.xml"], lambda: names(tmp_path, "archive"))
    assert isinstance(node.answer(query()), AnswerMessage)


def test_evidence_has_the_upload_and_its_answer(node, tmp_path):
    drop(tmp_path)
    (name,) = wait_for_responses(tmp_path, 1)
    wait_for(
        lambda: len(Journal(tmp_path / "evidence").records()) == 2, lambda: Journal(tmp_path / "evidence").records()
    )
    journal = Journal(tmp_path / "evidence")
    up, answer = journal.records()
    assert (up.sender, up.receiver, up.headers["authority"], up.headers["direction"], up.headers["name"]) == (
        "authority", "service", "Z99", "upload", "up42.xml",
    )  # fmt: skip
    assert (answer.sender, answer.receiver, answer.headers["kind"], answer.headers["name"]) == (
        "service", "authority", "acknowledgement", name,
    )  # fmt: skip
    assert up.headers["kind"] == "upload" and answer.headers["direction"] == "response"
    assert journal.body(answer.sha256 or "") == (tmp_path / "drop/Z99/response" / name).read_bytes()


def test_a_file_that_is_no_upload_is_answered_and_set_apart(node, tmp_path):
    drop(tmp_path, b"<File", "broken.xml")
    assert code_of(tmp_path, wait_for_responses(tmp_path, 1)[0]) == "CPF01"
    wait_for(lambda: names(tmp_path, "failed") == ["broken.xml"], lambda: names(tmp_path, "failed"))


def test_a_file_that_is_too_large_is_answered_unread(tmp_path):
    with running(tmp_path, settings(files={"max_bytes": 100})):
        drop(tmp_path)
        assert code_of(tmp_path, wait_for_responses(tmp_path, 1)[0]) == "CPF01"


def test_an_upload_put_beside_the_folders_is_taken_too(node, tmp_path):
    half = drop(tmp_path, upload(record(plan())), name=".half")
    os.replace(half, tmp_path / "drop" / "Z99" / "beside.xml")
    wait_for_responses(tmp_path, 1)
    assert code_of(tmp_path, names(tmp_path)[0]) == "CPF02"
    assert not (tmp_path / "drop" / "Z99" / "beside.xml").exists()


def test_files_are_taken_in_the_order_of_their_times(tmp_path):
    for number in (3, 1, 2):
        path = drop(tmp_path, upload(file_id=str(number)), f"any{9 - number}.xml")
        at = 1_700_000_000 + number
        os.utime(path, (at, at))
    with running(tmp_path):
        codes = [code_of(tmp_path, name) for name in wait_for_responses(tmp_path, 3)]
    assert codes == ["CPF02", "CPF02", "CPF02"]


def test_the_same_name_again_overwrites_nothing(node, tmp_path):
    node.set_clock(ServiceClock(instant=datetime(2026, 1, 6, 12, tzinfo=UTC)))
    share(tmp_path, 1)
    drop(tmp_path, upload(file_id="2"), "up1.xml")
    wait_for_responses(tmp_path, 2)
    wait_for(lambda: names(tmp_path, "archive") == ["up1.1.xml", "up1.xml"], lambda: names(tmp_path, "archive"))


def test_while_the_demographic_service_is_off_files_get_cpf05(node, tmp_path):
    node.set_pds(SetPds(available=False))
    assert node.health(Nothing()).pds_available is False
    assert share(tmp_path) == "CPF05"
    assert isinstance(node.answer(query()), NoRecord)
    node.set_pds(SetPds(available=True))
    assert share(tmp_path, 43) == "CPF02"


def test_an_access_is_told_at_once(node, tmp_path):
    share(tmp_path)
    node.answer(query())
    notification = wait_for_responses(tmp_path, 2)[0]
    body = (tmp_path / "drop/Z99/response" / notification).read_bytes()
    assert notification.startswith("CPIS_ASN_") and decode_access_notification(body).total == 1


def test_what_a_total_counts_is_a_setting(tmp_path):
    with running(tmp_path, settings(notify={"total_counts": "files"})) as node:
        share(tmp_path)
        node.hold_notifications(HoldNotifications(held=True))
        for event in range(1, 4):
            node.answer(query(event=event))
        node.flush_notifications(Nothing())
        name = wait_for_responses(tmp_path, 2)[0]
        assert decode_access_notification((tmp_path / "drop/Z99/response" / name).read_bytes()).total == 1


def test_held_notifications_go_out_as_one_file_when_flushed(node, tmp_path):
    share(tmp_path)
    node.hold_notifications(HoldNotifications(held=True))
    assert node.health(Nothing()).held is True
    for event in range(1, 4):
        node.answer(query(event=event))
    assert node.flush_notifications(Nothing()) == Flushed(files=1)
    name = wait_for_responses(tmp_path, 2)[0]
    assert decode_access_notification((tmp_path / "drop/Z99/response" / name).read_bytes()).total == 3
    assert node.flush_notifications(Nothing()) == Flushed(files=0)


def test_in_window_mode_notifications_wait_for_a_day(tmp_path):
    with running(tmp_path, settings(notify={"cadence": "window"})) as node:
        share(tmp_path)
        node.answer(query(event=1))
        node.set_clock(ServiceClock(advance_s=86_000))
        node.answer(query(event=2))
        assert node.flush_notifications(Nothing()).files == 1
        node.answer(query(event=3))
        node.set_clock(ServiceClock(advance_s=86_401))
        wait_for(lambda: len(names(tmp_path)) == 3, lambda: names(tmp_path))


def test_retired_numbers_are_told_and_uploads_under_them_refused(node, tmp_path):
    share(tmp_path, 42, record(), record(subjects=[child(REPLACEMENT, "India", born="2014-04-04")]))
    people = [PdsPerson(nhs_number=BRAVO, given="Bravo", family="Testcase", birth_date=date(2012, 9, 20))]
    node.put_people(PutPeople(people=people))
    numbers = [RetiredNumber(nhs_number=ALPHA, replaced_by=BRAVO), RetiredNumber(nhs_number=REPLACEMENT)]
    node.retire_numbers(RetireNumbers(numbers=numbers))
    name = wait_for_responses(tmp_path, 2)[0]
    told = decode_inactive_notification((tmp_path / "drop/Z99/response" / name).read_bytes())
    assert name.startswith("CPIS_INN_")
    assert [(n.nhs_number, n.replacements) for n in told.numbers] == [(ALPHA, (BRAVO,)), (REPLACEMENT, ())]
    assert share(tmp_path, 43) == "CPF04"


def test_numbers_that_nobody_has_cannot_be_retired(node):
    with pytest.raises(OperationRefused, match="does not know"):
        node.retire_numbers(RetireNumbers(numbers=[RetiredNumber(nhs_number=BRAVO)]))


def test_people_need_a_number_of_the_test_range(node):
    person = PdsPerson(nhs_number="9990001013", given="A", family="B", birth_date=date(2012, 9, 20))
    with pytest.raises(OperationRefused, match="test range"):
        node.put_people(PutPeople(people=[person]))


def test_a_silenced_authoritys_files_are_taken_but_neither_stored_nor_answered(node, tmp_path):
    node.silence(Silence(authority="Z99", silent=True))
    drop(tmp_path)
    wait_for(lambda: names(tmp_path, "archive") == ["up42.xml"], lambda: names(tmp_path, "archive"))
    drop(tmp_path, upload(sender=Z98.organisation()), ods="Z98")
    wait_for_responses(tmp_path, 1, ods="Z98")
    assert names(tmp_path) == []
    assert [h["authority"] for h in node.explain(Explain(nhs_number=ALPHA)).records] == ["Z98"]
    assert next(r.headers["authority"] for r in Journal(tmp_path / "evidence").records()) == "Z99"
    node.silence(Silence(authority="Z99", silent=False))
    assert share(tmp_path) == "CPF02"


def test_a_given_file_stands_in_the_folder_when_the_call_returns(node, tmp_path):
    body = base64.b64encode(b"<any/>").decode()
    for kind, start in [("acknowledgement", "UPLOAD_RESP_"), ("access-notification", "CPIS_ASN_")]:
        name = node.deliver(Deliver(authority="Z99", kind=kind, body=body)).name
        assert name.startswith(start)
        assert (tmp_path / "drop/Z99/response" / name).read_bytes() == b"<any/>"


def test_an_authority_that_is_not_registered_is_refused(node):
    with pytest.raises(OperationRefused, match="No such authority"):
        node.deliver(Deliver(authority="Z01", kind="acknowledgement", body=""))


def test_a_reset_empties_the_world_and_sets_its_clock(node, tmp_path):
    share(tmp_path)
    node.silence(Silence(authority="Z98", silent=True))
    node.set_pds(SetPds(available=False))
    base = datetime(2026, 1, 6, 12, tzinfo=UTC)
    node.reset(Reset(base=base))
    health = node.health(Nothing())
    assert timedelta(0) <= health.now - base < timedelta(seconds=5)
    assert (health.pds_available, health.silent, health.held) == (True, [], False)
    assert node.explain(Explain(nhs_number=ALPHA)).records == []
    assert share(tmp_path) == "CPF02"
    node.reset(Reset())
    assert abs(node.now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_the_clock_moves_plans_out_of_retention(node, tmp_path):
    node.reset(Reset(base=datetime(2026, 1, 6, 12, tzinfo=UTC)))
    share(tmp_path, 42, record(plan(end="2026-01-06")))
    node.set_clock(ServiceClock(advance_s=365 * 86_400))
    assert isinstance(node.answer(query(event=1, at=node.now())), AnswerMessage)
    node.set_clock(ServiceClock(advance_s=86_400))
    assert isinstance(node.answer(query(event=2, at=node.now())), NoRecord)


def test_the_state_outlives_the_process(tmp_path):
    with running(tmp_path) as first:
        share(tmp_path)
        first.silence(Silence(authority="Z98", silent=True))
    with running(tmp_path) as second:
        assert isinstance(second.answer(query()), AnswerMessage)
        assert second.health(Nothing()).silent == ["Z98"]


def test_another_process_answers_and_this_one_delivers(node, tmp_path):
    share(tmp_path)
    other = make_node(tmp_path, serves_folders=False)
    other.start()
    try:
        assert isinstance(other.answer(query()), AnswerMessage)
        wait_for_responses(tmp_path, 2)
        body = base64.b64encode(b"<any/>").decode()
        assert other.deliver(Deliver(authority="Z99", kind="inactive-notification", body=body)).name
    finally:
        other.stop()


def test_health_names_folders_and_what_waits_in_them(node, tmp_path):
    share(tmp_path)
    health = node.health(Nothing())
    assert health.alive and health.problems == []
    assert health.folders["Z99"].upload == str(tmp_path / "drop/Z99/upload")
    assert health.folders["Z99"].responses == names(tmp_path)


def test_a_receiving_folder_in_the_way_is_a_problem_until_it_clears(node, tmp_path):
    response = tmp_path / "drop/Z99/response"
    response.rmdir()
    response.write_text("in the way")
    drop(tmp_path)
    wait_for(lambda: node.health(Nothing()).problems, lambda: "no problem")
    assert "cannot be put into" in node.health(Nothing()).problems[0]
    # Nobody else is kept waiting.
    drop(tmp_path, upload(sender=Z98.organisation()), ods="Z98")
    wait_for_responses(tmp_path, 1, ods="Z98")
    response.unlink()
    assert code_of(tmp_path, wait_for_responses(tmp_path, 1)[0]) == "CPF02"
    wait_for(lambda: not node.health(Nothing()).problems, lambda: node.health(Nothing()).problems)


@pytest.mark.parametrize("where", [(os, "rename"), (Journal, "append"), (World, "write")])
def test_a_full_disk_keeps_uploads_and_work_goes_on_when_it_clears(tmp_path, monkeypatch, where):
    drop(tmp_path)
    with running(tmp_path, settings(files={"poll": 0.02}), started=False) as node, monkeypatch.context() as full:
        full.setattr(*where, no_room)
        node.start()
        wait_for(lambda: node.health(Nothing()).problems, lambda: "no problem")
        assert "No space left on device" in node.health(Nothing()).problems[0]
        assert node.health(Nothing()).alive and names(tmp_path) == []
        full.undo()
        assert code_of(tmp_path, wait_for_responses(tmp_path, 1)[0]) == "CPF02"
        wait_for(lambda: not node.health(Nothing()).problems, lambda: node.health(Nothing()).problems)


def no_room(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")


def test_explain_tells_plain_facts(node, tmp_path):
    share(tmp_path)
    node.answer(query(CHARLIE))
    held = node.explain(Explain(nhs_number=CHARLIE))
    assert held.person is not None and held.person.given == "Charlie"
    assert (held.records, [a.found for a in held.accesses]) == ([], [False])


def test_files_for_an_authority_that_is_registered_no_more_keep_nobody_waiting(node, tmp_path):
    with node.world.write() as session:
        session.add_delivery("D1", "Z01", "acknowledgement", "old.xml", b"<any/>")
    assert share(tmp_path) == "CPF02"
    assert node.health(Nothing()).problems == ["files wait for Z01, which is not registered"]


def test_a_number_of_the_old_format_survives_the_way_in_and_is_cpr04(node, tmp_path):
    assert share(tmp_path, 42, record(subjects=[child("ABC/123")])) == "CPF04"
    (name,) = names(tmp_path)
    told = decode_acknowledgement((tmp_path / "drop/Z99/response" / name).read_bytes())
    assert [r.code for r in told.results] == ["CPR04"]
    assert told.echoes[0].subjects[0].nhs_number == "ABC/123"
