"""Why a lookup is answered as it is: each entry, access and notice with its rule, in facts and in words."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from cpis_simulator.driving import (
    ChangePeople,
    Explain,
    Held,
    HoldNotifications,
    PdsChange,
    RetiredNumber,
    RetireNumbers,
    ServiceClock,
)
from cpis_simulator.model import AnswerMessage
from cpis_simulator.service.explaining import Known, Source, explain
from cpis_simulator.service.register import visible
from cpis_simulator.settings import DataSettings, Settings
from cpis_simulator.vocabulary import PlanType
from tests.simulator.node_examples import drop, running, wait_for, wait_for_responses
from tests.simulator.service_examples import (
    ALPHA,
    BRAVO,
    CHARLIE,
    NOW,
    REPLACEMENT,
    SENSITIVE,
    SUPERSEDED,
    MemoryRegister,
    child,
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
STORED = datetime(2026, 1, 6, 10, 15, tzinfo=UTC)


def told(
    register: MemoryRegister, number: str = ALPHA, *, now: datetime = NOW, choices: Settings | None = None
) -> Held:
    """The explanation of a register in memory."""
    holdings = register.holdings(number)
    known = Known(
        nhs_number=number,
        person=register.persons.get(number),
        holdings=holdings,
        sources={
            (h.authority.ods_code, e.file_id): Source(f"up{e.file_id}.xml", STORED) for h in holdings for e in h.entries
        },
        queries=[q for q in register.queries if q.query.nhs_number == number],
        told=[],
        waiting=[],
        changes=[],
    )
    return explain(known, settings=choices or Settings(), now=now)


def at(instant: str) -> datetime:
    return datetime.fromisoformat(instant)


ENDED = plan(end="2025-12-31")
DUE = plan(PlanType.UNBORN, end="2026-01-31")

# Plan, when: is it shown, by which rule, since when, last day.
ENTRIES = [
    (plan(), NOW, True, "CPIS-RSP-001", STORED, None),
    (plan(delete="2026-01-02"), NOW, False, "CPIS-DAT-010", STORED, None),
    (ENDED, NOW, True, "CPIS-DAT-018", STORED, date(2026, 12, 31)),
    (ENDED, at("2026-12-31T23:59:59Z"), True, "CPIS-DAT-018", STORED, date(2026, 12, 31)),
    (ENDED, at("2027-01-01T00:00:00Z"), False, "CPIS-DAT-018", at("2027-01-01T00:00:00Z"), date(2026, 12, 31)),
    (plan(start="2024-01-01", end="2025-06-30"), at("2026-06-30T23:00:00Z"), False, "CPIS-DAT-018",
     at("2026-06-30T23:00:00Z"), date(2026, 6, 30)),
    # Over before it was uploaded: hidden since it came.
    (plan(start="2023-01-01", end="2024-01-01"), NOW, False, "CPIS-DAT-018", STORED, date(2024, 12, 31)),
    (plan(), at("2035-03-13T23:59:59Z"), True, "CPIS-RSP-001", STORED, None),
    (plan(), at("2035-03-14T00:00:00Z"), True, "CPIS-DAT-016", STORED, date(2036, 3, 13)),
    (plan(), at("2036-03-14T00:00:00Z"), False, "CPIS-DAT-018", at("2036-03-14T00:00:00Z"), date(2036, 3, 13)),
]  # fmt: skip


@pytest.mark.parametrize(("one", "now", "is_shown", "rule", "since", "last_day"), ENTRIES)
def test_each_entry_says_by_which_rule_it_is_shown_or_hidden_since_when(one, now, is_shown, rule, since, last_day):
    register = MemoryRegister()
    register.take(upload(record(one)))
    (entry,) = told(register, now=now).entries
    assert (entry.is_shown, entry.rule, entry.since, entry.last_day) == (is_shown, rule, since, last_day)
    assert (entry.authority, entry.file_id, entry.file_name, entry.stored) == ("Z99", "42", "up42.xml", STORED)


@pytest.mark.parametrize(
    ("now", "is_shown", "because"),
    [
        (
            "2026-02-28T23:59:59Z",
            True,
            "the child is due on 31 Jan 2026, and it is shown for 28 days, until 28 Feb 2026",
        ),
        (
            "2026-03-01T00:00:00Z",
            False,
            "the child is due on 31 Jan 2026, and it was shown for 28 days, until 28 Feb 2026",
        ),
    ],
)
def test_an_unborn_childs_plan_is_explained_by_its_due_date(now, is_shown, because):
    register = MemoryRegister()
    register.take(upload(record(DUE, subjects=[mother()])))
    (entry,) = told(register, CHARLIE, now=at(now)).entries
    assert (entry.is_shown, entry.rule, entry.because, entry.about) == (
        is_shown,
        "CPIS-DAT-019",
        because,
        "unborn child",
    )


@pytest.mark.parametrize(
    ("number", "because"),
    [
        (BRAVO, "no authority shares anything under this number"),
        (SENSITIVE, "the record is sensitive (CPIS-UPL-020)"),
        (SUPERSEDED, "another number took the place of this one (CPIS-RSP-010)"),
    ],
)
def test_who_is_not_found_is_explained(number, because):
    held = told(MemoryRegister(), number)
    assert (held.is_found, held.because) == (False, because)
    assert held.text.startswith(f"{number}, 6 Jan 2026 10:15:00 UTC: no record is found, because {because}.\n")


def test_after_an_adoption_the_other_number_is_in_the_facts_for_the_tester_and_in_no_word():
    register = MemoryRegister(people_with(ALPHA, inactive=True, adopted=True, superseded_by=BRAVO))
    held = told(register)
    assert held.because == "the number is no longer used (CPIS-INA-001)"
    assert "adopted: no other number may be told" in held.text and BRAVO not in held.text


def test_the_explanation_and_the_answer_agree_on_every_plan_and_day():
    plans = [one for one, *_ in ENTRIES]
    register = MemoryRegister()
    for number, one in enumerate(plans, start=1):
        register.take(
            upload(record(replace(one, plan_type=PlanType.LOOKED_AFTER) if number % 2 else one), file_id=str(number))
        )
    (holding,) = register.holdings(ALPHA)
    for days in range(-400, 4000, 37):
        now = NOW + timedelta(days=days)
        shown = visible(holding, on=now.date(), born=date(2017, 3, 14), data=DataSettings())
        explained = [e for e in told(register, now=now).entries if e.is_shown]
        assert [(e.start, e.end) for e in explained] == [(e.plan.start, e.plan.end) for e in shown]


def test_each_access_says_whether_it_is_listed_and_who_is_told():
    register = MemoryRegister()
    register.ask(query(event=0))
    register.take(upload())
    for event, unscheduled in enumerate([None, None, False], start=1):
        register.ask(query(event=event, at=NOW + event * MOMENT, unscheduled=unscheduled), now=NOW + event * MOMENT)
    accesses = told(register).accesses
    assert [(a.found, a.is_listed, a.is_silent) for a in accesses] == [
        (False, False, False), (True, True, False), (True, False, False), (True, False, True),
    ]  # fmt: skip
    assert [a.because for a in accesses] == [
        "it found nothing: nobody is told (CPIS-NTF-003)",
        "listed, and each authority of a shown entry is told (CPIS-NTF-001)",
        "not listed, the same author was there within 24 hours (CPIS-RSP-007); told all the same (CPIS-NTF-001)",
        "a silent read: in no later answer (CPIS-DAT-025), and nobody is told (CPIS-NTF-002)",
    ]
    assert accesses[1].who == "Ms Quebec Testnurse, Nurse Access Role"


TEXT = """\
9990001014, 6 Jan 2026 12:00:00 UTC: a record is found, because 2 of 3 entries are shown.
On the demographic service: Alpha Testcase, born 14 Mar 2017.
To come: flag, 1 Feb 2026 00:00:00 UTC.
Entries
  hidden Z99 looked after child from 1 Jan 2025: the authority withdrew it as wrong, dated 6 Jan 2026 (CPIS-DAT-010) \
since 6 Jan 2026 12:00:00 UTC. File 42 (up42.xml), stored 6 Jan 2026 12:00:00 UTC.
  shown  Z99 child protection plan from 1 Nov 2025: it has no end (CPIS-RSP-001) since 6 Jan 2026 12:00:00 UTC. \
File 42 (up42.xml), stored 6 Jan 2026 12:00:00 UTC.
  shown  Z99 looked after child from 1 Dec 2025 to 2 Jan 2026: it ends on 2 Jan 2026 and is shown for 365 days, \
until 2 Jan 2027 (CPIS-DAT-018) since 6 Jan 2026 12:00:00 UTC. File 42 (up42.xml), stored 6 Jan 2026 12:00:00 UTC.
Accesses
  6 Jan 2026 12:00:00 UTC Ms Quebec Testnurse, Nurse Access Role, EXAMPLETON TEST HOSPITALS: listed, and each \
authority of a shown entry is told (CPIS-NTF-001). Event 0B1D5C10-7A2E-4C55-9D02-000000000001.
  6 Jan 2026 12:00:00 UTC Ms Quebec Testnurse, Nurse Access Role, EXAMPLETON TEST HOSPITALS: listed, and each \
authority of a shown entry is told (CPIS-NTF-001). Event 0B1D5C10-7A2E-4C55-9D02-000000000002.
Told
  6 Jan 2026 12:00:00 UTC Z99: access 0B1D5C10-7A2E-4C55-9D02-000000000001; under its file 42; delivered, ASN.
  6 Jan 2026 12:00:00 UTC Z99: access 0B1D5C10-7A2E-4C55-9D02-000000000002; under its file 42; waits."""


def test_a_running_service_explains_a_child_in_words(tmp_path: Path):
    noon = datetime(2026, 1, 6, 12, tzinfo=UTC)
    with running(tmp_path) as node:
        # The clock runs on: seconds are cut off below.
        node.set_clock(ServiceClock(instant=noon))
        node.change_people(
            ChangePeople(changes=[PdsChange(kind="flag", nhs_number=ALPHA, at=at("2026-02-01T00:00:00Z"))])
        )
        plans = (
            plan(), plan(PlanType.LOOKED_AFTER, start="2025-12-01", end="2026-01-02"),
            plan(PlanType.LOOKED_AFTER, start="2025-01-01", delete="2026-01-06"),
        )  # fmt: skip
        drop(tmp_path, upload(record(*plans)))
        wait_for_responses(tmp_path, 1)
        node.answer(query(event=1, at=noon, author=nurse("1")))
        wait_for_responses(tmp_path, 2)
        node.hold_notifications(HoldNotifications(held=True))
        node.answer(query(event=2, at=noon, author=nurse("2")))
        (name,) = [n for n in wait_for_responses(tmp_path, 2) if n.startswith("CPIS_ASN_")]
        held = _when_delivered(node, ALPHA)
    text = _to_noon(held.text).replace(name, "ASN")
    assert text == TEXT


def _when_delivered(node, number: str) -> Held:
    def held() -> Held:
        return node.explain(Explain(nhs_number=number))

    wait_for(lambda: any(n.state == "delivered" for n in held().told), lambda: held().told)
    return held()


def _to_noon(text: str) -> str:
    """Times of the running clock as if it had stood still."""
    return re.sub(r"6 Jan 2026 12:0\d:\d\d UTC", "6 Jan 2026 12:00:00 UTC", text)


def test_an_authority_that_is_told_of_a_retired_number_is_named_with_what_it_was_told(tmp_path: Path):
    with running(tmp_path) as node:
        drop(tmp_path, upload())
        wait_for_responses(tmp_path, 1)
        node.retire_numbers(RetireNumbers(numbers=[RetiredNumber(nhs_number=ALPHA, replaced_by=REPLACEMENT)]))
        held = _when_delivered(node, ALPHA)
    (notice,) = held.told
    assert (notice.authority, notice.kind, notice.file_id, notice.about) == (
        "Z99",
        "inactive-notification",
        "42",
        REPLACEMENT,
    )
    assert notice.file_name is not None and notice.file_name.startswith("CPIS_INN_")
    assert "Z99: the number is no longer used, 9990001049 takes its place; under its file 42; delivered" in held.text


def test_what_is_answered_and_what_is_explained_come_from_one_state(tmp_path: Path):
    with running(tmp_path) as node:
        drop(tmp_path, upload(record(subjects=[child()])))
        wait_for_responses(tmp_path, 1)
        assert isinstance(node.answer(query()), AnswerMessage)
        assert node.explain(Explain(nhs_number=ALPHA)).is_found
        node.retire_numbers(RetireNumbers(numbers=[RetiredNumber(nhs_number=ALPHA)], notify=False))
        assert not node.explain(Explain(nhs_number=ALPHA)).is_found


def test_the_age_limit_that_is_switched_off_explains_nothing():
    register = MemoryRegister()
    register.take(upload())
    off = settings(upload={"business_checks": []})
    (entry,) = told(register, now=at("2040-01-01T00:00:00Z"), choices=off).entries
    assert (entry.is_shown, entry.rule) == (True, "CPIS-RSP-001")
