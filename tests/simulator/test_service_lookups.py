"""Queries, answers, history and who is told (QRY, RSP, NTF, INA)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from cpis_simulator.codecs.access_notification import decode_access_notification, encode_access_notification
from cpis_simulator.codecs.inactive_notification import decode_inactive_notification, encode_inactive_notification
from cpis_simulator.codecs.reply import encode_reply
from cpis_simulator.model import (
    Answer,
    AnswerMessage,
    AuthorName,
    DeviceAuthor,
    NoRecord,
    Organisation,
    Refusal,
    ResponsiblePerson,
)
from cpis_simulator.service.lookups import LookUpOutcome
from cpis_simulator.service.notifications import access_notifications, inactive_notifications
from cpis_simulator.vocabulary import MessageKind, PlanType
from tests.official import schema_errors
from tests.simulator.service_examples import (
    ALPHA,
    BRAVO,
    CHARLIE,
    DAY,
    NOW,
    REPLACEMENT,
    SUPERSEDED,
    Z98,
    Z99,
    MemoryRegister,
    child,
    ids,
    mother,
    nurse,
    people_with,
    plan,
    query,
    record,
    settings,
    upload,
)

MOMENT = timedelta(minutes=1)


@pytest.fixture
def register() -> MemoryRegister:
    """Alpha on a plan of Z99, file 42; the mother Charlie in file 43."""
    made = MemoryRegister()
    made.take(upload())
    unborn = record(plan(PlanType.UNBORN, start="2025-12-15", end="2026-05-20"), subjects=[mother()])
    made.take(upload(unborn, file_id="43"))
    return made


def answer_of(outcome: LookUpOutcome) -> Answer:
    assert isinstance(outcome.reply, AnswerMessage), outcome.reply
    return outcome.reply.answer


def listed(outcome: LookUpOutcome) -> list[str]:
    """Who is listed, by user id."""
    return [a.author.user_id for a in answer_of(outcome).accesses]  # type: ignore[union-attr]  # persons only


def ask(register: MemoryRegister, who: str, event: int, at: datetime = NOW, **more: object) -> LookUpOutcome:
    choices = more.pop("choices", None)
    message = query(event=event, at=at, author=nurse(who), **more)  # type: ignore[arg-type]  # as given by the test
    return register.ask(message, choices=choices, now=at)  # type: ignore[arg-type]  # settings or None


# Answers


def test_a_held_record_is_answered_with_its_authority(register):
    outcome = register.ask()
    answer = answer_of(outcome)
    assert outcome.reply.transmission.creation_time == "20260106101500"
    assert (outcome.reply.transmission.sender_asid, outcome.reply.transmission.receiver_asid) == (
        "999999000001", "999999000101",
    )  # fmt: skip
    assert (answer.effective_time, answer.total_accesses, answer.total_records) == (NOW, 1, 1)
    (shared,) = answer.records
    assert shared.authority == Z99.organisation()
    assert shared.record == record()


def test_no_record_is_a_failed_query(register):
    outcome = register.ask(query(BRAVO))
    assert isinstance(outcome.reply, NoRecord)
    assert (outcome.reply.issue.code, outcome.reply.issue.display_name) == ("CPIS-0001", "No Records Found")
    assert outcome.reply.issue.code_system == "2.16.840.1.113883.2.1.3.2.4.17.42"
    assert outcome.reply.response_code == "ID"
    assert outcome.reply.answers == "0B1D5C10-7A2E-4C55-9D03-000000000001"
    assert outcome.notices == ()


def test_the_codes_of_no_record_are_settings(register):
    chosen = settings(query={"no_record_code": "X1", "no_record_response_code": "NF"})
    reply = register.ask(query(BRAVO), choices=chosen).reply
    assert isinstance(reply, NoRecord) and (reply.issue.code, reply.response_code) == ("X1", "NF")


def test_two_authorities_are_two_records_and_both_are_told(register):
    other = replace(child(), local_id=None)
    theirs = upload(record(plan(PlanType.LOOKED_AFTER), subjects=[other]), file_id="7", sender=Z98.organisation())
    register.take(theirs, authority=Z98)
    outcome = register.ask()
    assert [r.authority.ods_code for r in answer_of(outcome).records] == ["Z98", "Z99"]
    assert answer_of(outcome).total_records == 2
    told = [
        (n.recipient.ods_code, n.upload_file_id, n.access.local_id and n.access.local_id.extension)
        for n in outcome.notices
    ]
    assert told == [("Z98", "7", None), ("Z99", "42", "LOCAL-0001")]


def test_an_ended_plan_is_answered_and_notified_until_retention_is_over(register):
    register.take(upload(record(plan(end="2026-01-06")), file_id="44"))
    last = register.ask(query(event=1, at=NOW + 365 * DAY), now=NOW + 365 * DAY)
    assert answer_of(last).records[0].record.plans[0].end == datetime(2026, 1, 6) and last.notices
    after = register.ask(query(event=2, at=NOW + 366 * DAY), now=NOW + 366 * DAY)
    assert isinstance(after.reply, NoRecord) and not after.notices


def test_a_deleted_entry_is_not_answered(register):
    register.take(upload(record(plan(delete="2026-01-06")), file_id="44"))
    assert isinstance(register.ask().reply, NoRecord)


def test_a_person_of_age_has_no_open_plan():
    register = MemoryRegister(people_with(ALPHA, birth_date=date(2008, 1, 6)))
    register.take(upload(record(subjects=[child(born="2008-01-06")])), now=NOW - DAY)
    assert answer_of(register.ask()).records[0].record.plans[0].end == datetime(2026, 1, 6)
    off = settings(upload={"business_checks": []})
    assert answer_of(register.ask(query(event=2), choices=off)).records[0].record.plans[0].end is None


def test_a_superseded_number_has_no_record_or_that_of_the_new_number():
    register = MemoryRegister(people_with(SUPERSEDED, superseded_by=None))
    register.take(upload(record(subjects=[child(SUPERSEDED, "India", born="2014-04-04")])))
    register.persons = MemoryRegister().persons
    assert isinstance(register.ask(query(SUPERSEDED)).reply, NoRecord)
    follow = settings(query={"superseded_number": "follow"})
    assert isinstance(register.ask(query(SUPERSEDED, event=2), choices=follow).reply, NoRecord)
    register.take(upload(record(subjects=[child(REPLACEMENT, "India", born="2014-04-04")]), file_id="43"))
    found = register.ask(query(SUPERSEDED, event=3), choices=follow)
    assert answer_of(found).records[0].record.subjects[0].nhs_number == REPLACEMENT


def test_an_access_that_is_led_on_to_the_new_number_is_one_of_the_new_number():
    register = MemoryRegister()
    register.take(upload(record(subjects=[child(REPLACEMENT, "India", born="2014-04-04")])))
    follow = settings(query={"superseded_number": "follow"})
    led_on = ask(register, "A", 1, number=SUPERSEDED, choices=follow)
    assert [n.access.nhs_number for n in led_on.notices] == [REPLACEMENT]
    assert listed(ask(register, "B", 2, NOW + MOMENT, number=REPLACEMENT)) == ["B", "A"]
    assert listed(ask(register, "A", 3, NOW + 2 * MOMENT, number=REPLACEMENT)) == ["B", "A"]
    again = ask(register, "A", 1, number=SUPERSEDED, choices=follow)
    assert listed(again) == ["B", "A"] and again.notices == ()


def test_a_number_that_was_retired_without_another_has_no_record(register):
    register.persons[ALPHA] = replace(register.persons[ALPHA], inactive=True)
    assert isinstance(register.ask().reply, NoRecord)


# History


@pytest.mark.parametrize(("earlier", "shown"), [(0, 1), (1, 2), (24, 25), (25, 25), (40, 25)])
def test_the_25_last_accesses_are_listed_the_own_one_among_them(register, earlier, shown):
    for number in range(earlier):
        ask(register, f"user{number:02}", number, NOW + number * MOMENT)
    outcome = ask(register, "me", 99, NOW + 60 * MOMENT)
    expected = [f"user{number:02}" for number in range(earlier)][::-1]
    assert listed(outcome) == ["me", *expected][:shown]
    assert answer_of(outcome).total_accesses == shown


def test_repeats_within_24_hours_are_listed_once_and_still_notify(register):
    answers = [
        ask(register, "A", 1, NOW),
        ask(register, "B", 2, NOW + MOMENT),
        ask(register, "A", 3, NOW + 24 * 60 * MOMENT),
        ask(register, "A", 4, NOW + 24 * 60 * MOMENT + timedelta(seconds=1)),
    ]
    assert [listed(a) for a in answers] == [["A"], ["B", "A"], ["B", "A"], ["A", "B", "A"]]
    assert [len(a.notices) for a in answers] == [1, 1, 1, 1]


def test_the_window_is_counted_from_the_listed_access_not_from_repeats(register):
    ask(register, "A", 1, NOW)
    ask(register, "A", 2, NOW + 20 * 60 * MOMENT)
    assert listed(ask(register, "A", 3, NOW + 30 * 60 * MOMENT)) == ["A", "A"]


def test_history_can_be_oldest_first(register):
    ask(register, "A", 1, NOW)
    oldest = settings(history={"order": "oldest-first"})
    assert listed(ask(register, "B", 2, NOW + MOMENT, choices=oldest)) == ["A", "B"]


def test_a_silent_read_is_in_its_own_answer_only_and_tells_nobody(register):
    ask(register, "A", 1, NOW)
    silent = ask(register, "S", 2, NOW + MOMENT, unscheduled=False)
    assert listed(silent) == ["S", "A"] and silent.notices == ()
    assert listed(ask(register, "B", 3, NOW + 2 * MOMENT)) == ["B", "A"]


def test_a_silent_read_can_be_left_out_of_its_own_answer(register):
    left_out = settings(history={"silent_read_in_own_answer": False})
    outcome = ask(register, "S", 1, NOW, unscheduled=False, choices=left_out)
    assert listed(outcome) == [] and answer_of(outcome).total_accesses == 0


@pytest.mark.parametrize("flag", [True, None])
def test_with_the_flag_set_or_absent_the_access_notifies(register, flag):
    assert len(ask(register, "A", 1, unscheduled=flag).notices) == 1


def test_the_same_event_id_is_answered_again_and_counted_once(register):
    first = ask(register, "A", 1)
    again = ask(register, "A", 1)
    assert listed(again) == listed(first) == ["A"]
    assert len(first.notices) == 1 and again.notices == () and len(register.queries) == 1


def test_the_same_event_id_can_be_refused(register):
    refuse = settings(query={"duplicate_event_id": "refuse"})
    ask(register, "A", 1, choices=refuse)
    reply = ask(register, "A", 1, choices=refuse).reply
    assert isinstance(reply, Refusal)
    assert (reply.acknowledgement_type, reply.details[0].code) == ("AR", "202")


def test_an_event_id_that_found_nothing_still_counts_when_there_is_a_record(register):
    register.ask(query(BRAVO, event=5))
    register.persons[BRAVO] = replace(register.persons[ALPHA], nhs_number=BRAVO)
    register.take(upload(record(subjects=[child(BRAVO)]), file_id="50"))
    assert len(register.ask(query(BRAVO, event=5)).notices) == 1


def test_an_event_id_used_for_another_child_is_another_access(register):
    ask(register, "A", 1)
    assert len(ask(register, "A", 1, number=CHARLIE).notices) == 1


def test_systems_are_the_same_author_by_their_asid(register):
    device = DeviceAuthor(
        "999999000101", Organisation("ZZ9", "EXAMPLETON TEST HOSPITALS"),
        (ResponsiblePerson("R0370", "Lead", AuthorName("Testlead", ("Romeo",), "Dr")),),
    )  # fmt: skip
    register.ask(query(event=1, author=device))
    second = register.ask(query(event=2, author=device, at=NOW + MOMENT), now=NOW + MOMENT)
    assert answer_of(second).total_accesses == 1
    assert answer_of(second).accesses[0].author == device


# Notifications


def test_a_batch_groups_accesses_under_their_upload_files(register):
    notices = [
        *ask(register, "A", 1).notices,
        *ask(register, "A", 2, number=CHARLIE).notices,
        *ask(register, "B", 3).notices,
    ]
    (made,) = access_notifications(notices, now=NOW, ids=ids())
    assert made.total == 3 and made.recipient == Organisation("Z99", "EXAMPLETON TEST COUNCIL")
    grouped = {g.upload_file_id: [(a.nhs_number, a.event_id[-2:]) for a in g.accesses] for g in made.groups}
    assert grouped == {"42": [(ALPHA, "01"), (ALPHA, "03")], "43": [(CHARLIE, "02")]}


def test_a_notification_repeats_the_query(register):
    outcome = register.ask(query(author=nurse("U1")))
    (made,) = access_notifications(outcome.notices, now=NOW, ids=ids())
    (access,) = made.groups[0].accesses
    assert (access.event_id, access.effective_time, access.author) == (
        "0B1D5C10-7A2E-4C55-9D02-000000000001", NOW, nurse("U1"),
    )  # fmt: skip
    assert access.local_id == child().local_id


def test_an_access_is_told_under_the_file_that_was_sent_last(register):
    register.take(upload(record(plan(PlanType.LOOKED_AFTER)), file_id="100"))
    assert [n.upload_file_id for n in register.ask().notices] == ["100"]


def test_retired_numbers_are_told_to_each_authority_in_one_message(register):
    register.take(upload(file_id="9", sender=Z98.organisation()), authority=Z98)
    made = inactive_notifications({ALPHA: REPLACEMENT, CHARLIE: None, BRAVO: None}, register, now=NOW, ids=ids())
    told = {m.recipient.ods_code: [(n.nhs_number, n.upload_file_id, n.replacements) for n in m.numbers] for m in made}
    assert told == {
        "Z98": [(ALPHA, "9", (REPLACEMENT,))],
        "Z99": [(ALPHA, "42", (REPLACEMENT,)), (CHARLIE, "43", ())],
    }


def test_a_number_with_withdrawn_entries_only_is_not_told(register):
    register.take(upload(record(plan(delete="2026-01-06")), file_id="44"))
    assert inactive_notifications({ALPHA: None}, register, now=NOW, ids=ids()) == []


def test_what_is_written_fits_the_official_schemas(register):
    outcome = register.ask()
    assert schema_errors(MessageKind.RESPONSE, encode_reply(outcome.reply)) == []
    (access,) = access_notifications(outcome.notices, now=NOW, ids=ids())
    body = encode_access_notification(access)
    assert decode_access_notification(body) == access
    assert schema_errors(MessageKind.ACCESS_NOTIFICATION, body) == []
    (inactive,) = inactive_notifications({ALPHA: REPLACEMENT, CHARLIE: None}, register, now=NOW, ids=ids())
    body = encode_inactive_notification(inactive)
    assert decode_inactive_notification(body) == inactive
    assert schema_errors(MessageKind.INACTIVE_NOTIFICATION, body) == []
    missing = register.ask(query(BRAVO, event=2)).reply
    assert schema_errors(MessageKind.QUERY_FAILED, encode_reply(missing)) == []
