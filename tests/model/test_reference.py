"""The model itself, held against literal expectations from the rules."""

from __future__ import annotations

import ast
import csv
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from tests.model.reference import (
    CPP,
    LAC,
    MOTHER,
    UCP,
    AccessItem,
    AccessNotification,
    Acknowledgement,
    Answer,
    InactiveItem,
    InactiveNotification,
    Name,
    NoRecord,
    Person,
    Plan,
    Query,
    Record,
    Refusal,
    Service,
    Upload,
    eighteenth_birthday,
    last_sunday,
    london_day,
)

CHILD_NUMBER, MOTHER_NUMBER, NEW_NUMBER = "9990001014", "9990001030", "9990001049"
BORN, MOTHER_BORN = date(2017, 3, 14), date(1999, 7, 7)
ALPHA, CHARLIE = Name(("Alpha", "Beatrix"), "Testcase"), Name(("Charlie",), "Testcase")
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
BEGUN = datetime(2025, 1, 1, 9)
SECOND = timedelta(seconds=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def service(*people: Person, windowed: bool = False) -> Service:
    known = (Person(CHILD_NUMBER, BORN, ALPHA), Person(MOTHER_NUMBER, MOTHER_BORN, CHARLIE), *people)
    return Service({p.nhs_number: p for p in known}, ("Z99", "Z98"), NOON, windowed)


def record(*plans: Plan, **changed: object) -> Record:
    return replace(Record(CHILD_NUMBER, BORN, ALPHA, plans or (Plan(CPP, BEGUN),)), **changed)  # type: ignore[arg-type]


def mothers(end: datetime) -> Record:
    return Record(MOTHER_NUMBER, MOTHER_BORN, CHARLIE, (Plan(UCP, BEGUN, end),), frozenset({MOTHER}))


def file(*records: Record, authority: str = "Z99", file_id: int = 1, **changed: object) -> Upload:
    return replace(Upload(authority, authority, file_id, records, len(records)), **changed)  # type: ignore[arg-type]


def codes(cpis: Service, sent: Record, now: datetime = NOON) -> str:
    [failure] = cpis.upload(file(sent), now).failures or ((0, "CPR06", None),)
    return failure[1] if failure[2] is None else f"{failure[1]} {failure[2]}"


def ask(cpis: Service, now: datetime, author: str = "A", number: str = CHILD_NUMBER, silent: bool = False) -> object:
    return cpis.look_up(Query(f"{author}{now.isoformat()}{silent}", number, author, silent), now)


def ends(answer: object) -> list[datetime | None]:
    assert isinstance(answer, Answer), answer
    return [entry.end for entry in answer.entries]


def authors(answer: object) -> str:
    assert isinstance(answer, Answer), answer
    return "".join(access.author for access in answer.accesses)


def test_model_imports_nothing_of_the_service() -> None:
    tree = ast.parse((Path(__file__).parent / "reference.py").read_text(encoding="utf-8"))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    modules |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert modules == {"__future__", "unicodedata", "dataclasses", "datetime", "typing"}


def test_faults_name_requirements_once_each() -> None:
    with (Path(__file__).parent / "faults_from_the_rules.csv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table))
    assert len({row["name"] for row in rows}) == len(rows) >= 24
    assert all(id_.startswith("CPIS-") for row in rows for id_ in row["requirements"].split())
    assert {row["noticed_by"] for row in rows} == {"files", "lookup", "notification", "control"}


# The calendar.


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        ("2026-03-28T23:59:59", date(2026, 3, 28)),
        ("2026-03-29T00:00:00", date(2026, 3, 29)),
        ("2026-03-29T22:59:59", date(2026, 3, 29)),
        ("2026-03-29T23:00:00", date(2026, 3, 30)),
        ("2026-10-24T22:59:59", date(2026, 10, 24)),
        ("2026-10-24T23:00:00", date(2026, 10, 25)),
        ("2026-10-25T00:59:59", date(2026, 10, 25)),
        ("2026-10-25T23:59:59", date(2026, 10, 25)),
        ("2026-10-26T00:00:00", date(2026, 10, 26)),
        ("2028-02-29T23:59:59", date(2028, 2, 29)),
    ],
)
def test_day_is_londons(instant: str, day: date) -> None:
    assert london_day(at(instant)) == day


def test_clocks_change_on_the_last_sunday() -> None:
    assert [last_sunday(2026, 3), last_sunday(2026, 10), last_sunday(2027, 10)] == [
        date(2026, 3, 29),
        date(2026, 10, 25),
        date(2027, 10, 31),
    ]


@pytest.mark.parametrize(
    ("born", "day"), [(date(2008, 6, 15), date(2026, 6, 15)), (date(2008, 2, 29), date(2026, 3, 1))]
)
def test_person_is_18_from_the_birthday(born: date, day: date) -> None:
    assert eighteenth_birthday(born) == day


# Retention. The last second shown and the first one hidden.


@pytest.mark.parametrize(
    ("ended", "last_second"),
    [
        ("2025-01-10T09:00", "2026-01-10T23:59:59"),
        ("2025-01-10T23:59", "2026-01-10T23:59:59"),
        ("2025-07-01T09:00", "2026-07-01T22:59:59"),
        ("2025-03-29T09:00", "2026-03-29T22:59:59"),
        ("2025-03-28T09:00", "2026-03-28T23:59:59"),
        ("2025-10-24T09:00", "2026-10-24T22:59:59"),
        ("2025-10-25T09:00", "2026-10-25T23:59:59"),
        ("2027-02-28T09:00", "2028-02-28T23:59:59"),
        ("2027-03-01T09:00", "2028-02-29T23:59:59"),
        ("2028-02-28T09:00", "2029-02-27T23:59:59"),
        ("2028-02-29T09:00", "2029-02-28T23:59:59"),
    ],
)
@pytest.mark.parametrize("kind", [CPP, LAC])
def test_ended_plan_is_shown_for_365_days(kind: str, ended: str, last_second: str) -> None:
    cpis, end = service(), datetime.fromisoformat(ended)
    cpis.upload(file(record(Plan(kind, BEGUN, end))), NOON)
    assert ends(ask(cpis, at(last_second))) == [end]
    assert ask(cpis, at(last_second) + SECOND) == NoRecord()


@pytest.mark.parametrize(
    ("due", "last_second"),
    [
        ("2026-02-01T09:00", "2026-03-01T23:59:59"),
        ("2026-03-01T09:00", "2026-03-29T22:59:59"),
        ("2026-09-27T09:00", "2026-10-25T23:59:59"),
        ("2028-02-01T09:00", "2028-02-29T23:59:59"),
        ("2028-02-29T09:00", "2028-03-28T22:59:59"),
    ],
)
def test_unborn_plan_is_shown_for_28_days_after_the_due_date(due: str, last_second: str) -> None:
    cpis, end = service(), datetime.fromisoformat(due)
    cpis.upload(file(mothers(end)), NOON)
    assert ends(ask(cpis, at(last_second), number=MOTHER_NUMBER)) == [end]
    assert ask(cpis, at(last_second) + SECOND, number=MOTHER_NUMBER) == NoRecord()


def test_plan_that_ended_13_months_ago_is_accepted_and_not_shown() -> None:
    cpis = service()
    old = record(Plan(CPP, datetime(2024, 1, 1), datetime(2024, 12, 5)))
    assert cpis.upload(file(old), NOON) == Acknowledgement("Z99", 1, "CPF02", 1, 1)
    assert ask(cpis, NOON) == NoRecord()


def test_deleted_plan_vanishes_at_once_and_notifies_nobody() -> None:
    cpis = service()
    cpis.upload(file(record()), NOON)
    cpis.upload(file(record(Plan(CPP, BEGUN, None, datetime(2026, 1, 5))), file_id=2), NOON)
    assert (ask(cpis, NOON), cpis.sent) == (NoRecord(), [])


# The eighteenth birthday.


@pytest.mark.parametrize(
    ("born", "last_second"),
    [
        (date(2008, 6, 15), "2026-06-14T22:59:59"),
        (date(2008, 1, 20), "2026-01-19T23:59:59"),
        (date(2008, 2, 29), "2026-02-28T23:59:59"),
        (date(2008, 3, 30), "2026-03-29T22:59:59"),
        (date(2008, 10, 25), "2026-10-24T22:59:59"),
    ],
)
def test_open_plan_ends_on_the_eighteenth_birthday(born: date, last_second: str) -> None:
    cpis = service()
    cpis.people[CHILD_NUMBER] = Person(CHILD_NUMBER, born, ALPHA)
    cpis.upload(file(record(birth_date=born)), NOON)
    birthday = datetime.combine(eighteenth_birthday(born), datetime.min.time())
    assert ends(ask(cpis, at(last_second))) == [None]
    assert ends(ask(cpis, at(last_second) + SECOND)) == [birthday]
    for file_id, now, code in [(2, at(last_second), "CPF02"), (3, at(last_second) + SECOND, "CPF04")]:
        assert cpis.upload(file(record(birth_date=born), file_id=file_id), now).code == code


def test_update_of_a_person_of_18_fails_and_an_unborn_plan_does_not() -> None:
    cpis = service()
    assert codes(cpis, record(nhs_number=MOTHER_NUMBER, birth_date=MOTHER_BORN, name=CHARLIE)) == "CPR07 CPRD02"
    assert codes(service(), mothers(datetime(2026, 5, 20))) == "CPR06"


def test_earlier_end_date_outlives_the_birthday() -> None:
    cpis, born, end = service(), date(2008, 1, 20), datetime(2026, 1, 2, 9)
    cpis.people[CHILD_NUMBER] = Person(CHILD_NUMBER, born, ALPHA)
    cpis.upload(file(record(Plan(LAC, BEGUN, end), birth_date=born)), NOON)
    assert ends(ask(cpis, at("2026-02-01T12:00"))) == [end]


def test_plan_begun_after_the_birthday_that_pds_learns_later_ends_with_its_start() -> None:
    cpis, begun = service(), datetime(2025, 12, 1, 9)
    cpis.upload(file(record(Plan(CPP, begun))), NOON)
    cpis.correct_birth_date(CHILD_NUMBER, date(2007, 3, 14))
    assert ends(ask(cpis, NOON)) == [begun]


# Matching.


@pytest.mark.parametrize(
    ("given", "family", "code"),
    [
        (("Alpha", "Beatrix"), "Testcase", "CPR06"),
        (("Alpha",), "Testcase", "CPR06"),
        (("Beatrix",), "Testcase", "CPR06"),
        (("ALPHA",), "TESTCASE", "CPR06"),
        (("Álpha",), "Testcäse", "CPR06"),
        (("Bravo",), "Testcase", "CPR03"),
        (("Alpha", "Beatrix"), "Testcases", "CPR03"),
        (("Al",), "Formerly", "CPR06"),
        (("Al",), "Testcase", "CPR03"),
    ],
)
def test_name_must_agree_with_pds(given: tuple[str, ...], family: str, code: str) -> None:
    cpis = service()
    cpis.people[CHILD_NUMBER] = Person(CHILD_NUMBER, BORN, ALPHA, (Name(("Al",), "Formerly"),))
    assert codes(cpis, record(name=Name(given, family))) == code


@pytest.mark.parametrize("born", [date(2017, 3, 13), date(2017, 3, 15)])
def test_birth_date_one_day_off_is_not_verified(born: date) -> None:
    assert codes(service(), record(birth_date=born)) == "CPR03"


def test_corrected_birth_date_matches_once_pds_has_it() -> None:
    cpis, corrected = service(), date(2016, 3, 14)
    assert codes(cpis, record(birth_date=corrected)) == "CPR03"
    cpis.correct_birth_date(CHILD_NUMBER, corrected)
    assert cpis.upload(file(record(birth_date=corrected), file_id=2), NOON).code == "CPF02"


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (record(nhs_number="9990001022"), "CPR01"),
        (record(nhs_number="9990001057"), "CPR02"),
        (record(nhs_number="9990001013"), "CPR04"),
        (record(nhs_number="ABC12345"), "CPR04"),
        (record(nhs_number="9990001081"), "CPR05"),
        (record(nhs_number="9990001065"), "CPR01"),
        (record(Plan(CPP, None)), "CPR07 CPRD01"),
        (record(Plan(UCP, BEGUN), subjects=frozenset({MOTHER})), "CPR07 CPRD01"),
        (record(Plan(CPP, BEGUN, BEGUN - timedelta(minutes=1))), "CPR07 CPRD02"),
        (record(Plan(CPP, BEGUN, BEGUN)), "CPR06"),
        (record(Plan(UCP, BEGUN, BEGUN)), "CPR07 CPRD02"),
        (record(Plan(CPP, BEGUN), subjects=frozenset({MOTHER})), "CPR07 CPRD02"),
    ],
)
def test_each_failed_record_has_its_code(sent: Record, code: str) -> None:
    cpis = service(
        Person("9990001057", BORN, ALPHA, sensitive=True),
        Person("9990001081", BORN, ALPHA, status="superseded", replaced_by=NEW_NUMBER),
        Person("9990001065", BORN, ALPHA, status="retired"),
    )
    assert codes(cpis, sent) == code


# Files.


def test_bad_record_never_blocks_good_ones() -> None:
    cpis = service()
    bad = record(nhs_number="9990001022")
    reply = cpis.upload(file(record(), bad, mothers(datetime(2026, 5, 20))), NOON)
    assert reply == Acknowledgement("Z99", 1, "CPF03", 3, 2, ((1, "CPR01", None),))
    assert cpis.upload(file(bad, bad, file_id=2), NOON).code == "CPF04"


@pytest.mark.parametrize(
    ("changed", "reply"),
    [
        ({"quantity": 2}, Acknowledgement("Z99", 2, "CPF01", 2, 0)),
        ({"file_id": 1}, Acknowledgement("Z99", 1, "CPF01", 1, 0)),
        ({"authority": "Z98"}, Acknowledgement("Z99", 2, "CPF01", 1, 0)),
        ({"readable": False}, Acknowledgement("Z99", -1, "CPF01", -1, 0)),
        ({"records": (), "quantity": 0}, Acknowledgement("Z99", 2, "CPF01", 0, 0)),
    ],
)
def test_faulty_file_is_refused_whole_and_changes_nothing(changed: dict[str, object], reply: Acknowledgement) -> None:
    cpis = service()
    cpis.upload(file(record()), NOON)
    upload = replace(file(record(Plan(CPP, BEGUN, datetime(2025, 6, 1))), file_id=2), **changed)  # type: ignore[arg-type]
    assert cpis.upload(upload, NOON) == reply
    assert ends(ask(cpis, NOON)) == [None]


def test_outage_stores_nothing_and_the_file_may_come_again_under_its_id() -> None:
    cpis = service()
    cpis.pds_is_up = False
    assert cpis.upload(file(record()), NOON) == Acknowledgement("Z99", 1, "CPF05", 1, 0)
    assert ask(cpis, NOON) == NoRecord()
    cpis.pds_is_up = True
    assert cpis.upload(file(record()), NOON).code == "CPF02"


def test_header_without_emergency_duty_number_fails_every_record() -> None:
    reply = service().upload(file(record(), telephones=(("WP", "tel:01632960001"),)), NOON)
    assert (reply.code, reply.failures) == ("CPF04", ((0, "CPR07", "CPRD02"),))


def test_same_key_overwrites_and_new_start_adds() -> None:
    cpis, end, later = service(), datetime(2025, 6, 1), datetime(2025, 9, 1)
    cpis.upload(file(record()), NOON)
    cpis.upload(file(record(Plan(CPP, BEGUN, end), Plan(CPP, later)), file_id=2), NOON)
    assert set(ends(ask(cpis, NOON))) == {end, None}
    cpis.upload(file(record(), file_id=3), NOON)
    assert ends(ask(cpis, NOON)) == [None, None]


def test_omitted_child_stays_and_authorities_do_not_touch_each_other() -> None:
    cpis, end = service(), datetime(2025, 6, 1)
    cpis.upload(file(record()), NOON)
    cpis.upload(file(record(Plan(CPP, BEGUN, end)), authority="Z98"), NOON)
    cpis.upload(file(mothers(datetime(2026, 5, 20)), file_id=2), NOON)
    answer = ask(cpis, NOON)
    assert isinstance(answer, Answer)
    assert {(entry.authority, entry.end) for entry in answer.entries} == {("Z99", None), ("Z98", end)}


# Lookups.


def test_query_that_lacks_an_item_is_refused_and_not_remembered() -> None:
    cpis = service()
    assert cpis.look_up(Query(None, CHILD_NUMBER, "A"), NOON) == Refusal(("event_id",))
    assert cpis.look_up(Query("1", None, None), NOON) == Refusal(("nhs_number", "author"))
    assert cpis.history == []


@pytest.mark.parametrize(("earlier", "listed"), [(0, 1), (1, 2), (24, 25), (25, 25)])
def test_answer_lists_25_accesses_with_its_own(earlier: int, listed: int) -> None:
    cpis = service()
    cpis.upload(file(record()), NOON)
    for number in range(earlier):
        ask(cpis, NOON + number * SECOND, author=f"({number})")
    answer = ask(cpis, NOON + timedelta(hours=1), author="own")
    assert isinstance(answer, Answer)
    assert (len(answer.accesses), answer.accesses[0].author) == (listed, "own")
    assert ("(0)" in authors(answer)) == (0 < earlier < 25)


@pytest.mark.parametrize(
    "first", ["2026-01-05T12:00:00", "2026-03-28T12:30:00", "2026-10-24T23:30:00", "2028-02-28T12:00:00"]
)
def test_repeat_is_listed_again_after_more_than_24_hours(first: str) -> None:
    cpis, begun = service(), at(first)
    cpis.upload(file(record()), NOON)
    assert authors(ask(cpis, begun)) == "A"
    assert authors(ask(cpis, begun + timedelta(hours=1), author="B")) == "BA"
    assert authors(ask(cpis, begun + timedelta(hours=24) - SECOND)) == "BA"
    assert authors(ask(cpis, begun + timedelta(hours=24))) == "BA"
    assert authors(ask(cpis, begun + timedelta(hours=24) + SECOND)) == "ABA"
    assert len(cpis.sent) == 5


def test_silent_read_shows_the_same_and_leaves_no_trace() -> None:
    cpis = service()
    cpis.upload(file(record()), NOON)
    assert authors(ask(cpis, NOON, author="A", silent=True)) == "A"
    assert authors(ask(cpis, NOON + SECOND, author="B")) == "B"
    assert [item.items[0].access.author for item in cpis.sent if isinstance(item, AccessNotification)] == ["B"]


def test_query_delivered_twice_is_one_access_and_one_notification() -> None:
    cpis, query = service(), Query("1", CHILD_NUMBER, "A")
    cpis.upload(file(record()), NOON)
    assert authors(cpis.look_up(query, NOON)) == authors(cpis.look_up(query, NOON + timedelta(days=2))) == "A"
    assert len(cpis.sent) == 1


# Notifications.


def test_each_authority_whose_entry_is_shown_is_notified_with_its_own_file() -> None:
    cpis = service()
    cpis.upload(file(record(local_id="L1"), file_id=7), NOON)
    cpis.upload(file(record(), authority="Z98", file_id=3), NOON)
    answer = ask(cpis, NOON)
    assert isinstance(answer, Answer)
    [own] = answer.accesses
    assert cpis.sent == [
        AccessNotification("Z99", NOON, (AccessItem(7, own, "L1"),)),
        AccessNotification("Z98", NOON, (AccessItem(3, own, None),)),
    ]


def test_authority_whose_only_entry_is_hidden_is_not_notified() -> None:
    cpis = service()
    cpis.upload(file(record()), NOON)
    cpis.upload(file(record(Plan(CPP, BEGUN, None, BEGUN)), authority="Z98"), NOON)
    ask(cpis, NOON)
    assert [item.authority for item in cpis.sent] == ["Z99"]


def test_window_delivers_each_access_once_and_is_empty_where_nobody_looked() -> None:
    cpis = service(windowed=True)
    cpis.upload(file(record()), NOON)
    ends_at = NOON + timedelta(hours=24)
    ask(cpis, NOON, author="A")
    ask(cpis, ends_at - SECOND, author="B")
    cpis.advance(ends_at - SECOND)
    assert cpis.sent == []
    cpis.advance(ends_at)
    ask(cpis, ends_at, author="C")
    cpis.advance(ends_at + timedelta(hours=48))
    batches = [item for item in cpis.sent if isinstance(item, AccessNotification)]
    assert [(b.authority, b.at, "".join(i.access.author for i in b.items)) for b in batches] == [
        ("Z99", ends_at, "AB"),
        ("Z98", ends_at, ""),
        ("Z99", ends_at + timedelta(hours=24), "C"),
        ("Z98", ends_at + timedelta(hours=24), ""),
        ("Z99", ends_at + timedelta(hours=48), ""),
        ("Z98", ends_at + timedelta(hours=48), ""),
    ]


def test_window_without_empty_batches_begins_with_its_first_access() -> None:
    cpis, first = service(windowed=True), NOON + timedelta(hours=5)
    cpis.empties = False
    cpis.upload(file(record()), NOON)
    ask(cpis, first, author="A")
    ask(cpis, first + timedelta(hours=23), author="B")
    cpis.advance(first + timedelta(hours=24) - SECOND)
    assert cpis.sent == []
    cpis.advance(first + timedelta(hours=72))
    [batch] = cpis.sent
    assert (batch.authority, batch.at, len(batch.items)) == ("Z99", first + timedelta(hours=24), 2)


# Inactive numbers.


def test_merge_is_told_with_the_replacement_to_whoever_used_the_number() -> None:
    cpis = service()
    cpis.upload(file(record(local_id="L1"), file_id=4), NOON)
    cpis.upload(file(mothers(datetime(2026, 5, 20)), authority="Z98"), NOON)
    cpis.merge(CHILD_NUMBER, NEW_NUMBER, NOON)
    assert cpis.sent == [InactiveNotification("Z99", NOON, (InactiveItem(CHILD_NUMBER, NEW_NUMBER, 4, "L1"),))]
    assert ask(cpis, NOON) == ask(cpis, NOON, number=NEW_NUMBER) == NoRecord()
    assert cpis.upload(file(record(), file_id=5), NOON).failures == ((0, "CPR05", None),)


def test_adoption_is_told_without_replacement_and_links_nothing() -> None:
    cpis = service()
    cpis.upload(file(record()), NOON)
    cpis.adopt(CHILD_NUMBER, Person(NEW_NUMBER, BORN, Name(("Nova",), "Elsewhere")), NOON)
    assert cpis.sent == [InactiveNotification("Z99", NOON, (InactiveItem(CHILD_NUMBER, None, 1, None),))]
    assert ask(cpis, NOON, number=NEW_NUMBER) == NoRecord()


def test_numbers_that_retire_together_are_told_in_one_message() -> None:
    cpis = service()
    cpis.upload(file(record(), mothers(datetime(2026, 5, 20))), NOON)
    cpis.inactivate({CHILD_NUMBER: None, MOTHER_NUMBER: NEW_NUMBER}, NOON)
    [told] = cpis.sent
    assert [(item.nhs_number, item.replacement) for item in told.items if isinstance(item, InactiveItem)] == [
        (CHILD_NUMBER, None),
        (MOTHER_NUMBER, NEW_NUMBER),
    ]
