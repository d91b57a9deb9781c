"""Each seeded fault changes the behaviour that it says, and the sound system shows the right one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, Final

import pytest

from cpis_simulator.authority.faults import FAULTS, faulty
from cpis_simulator.driving import ChangeAuthority
from cpis_simulator.errors import ConfigError
from cpis_simulator.model import AuthorName, Coded, Echo, Organisation, PersonAuthor, RecordResult, Telecom
from cpis_simulator.vocabulary import FileCode, PlanType, RecordCode

DRAWN_UP_FROM_THE_RULES: Final = {
    "entered-in-error-sent-as-ended": "CPIS-DAT-010",
    "ucp-subject-from-unborn-case": "CPIS-DAT-005",
    "twin-details-from-first-match": "CPIS-DAT-013",
    "demographic-change-not-a-trigger": "CPIS-UPL-008",
    "sequence-id-returned-after-rejection": "CPIS-OPS-003",
    "partial-acknowledgement-taken-as-full": "CPIS-ACK-005",
    "acknowledgement-matched-first-in-first-out": "CPIS-ACK-014",
    "superseded-number-retried": "CPIS-ACK-012",
    "access-filed-on-lookalikes": "CPIS-NTF-010",
    "repeat-accesses-copy-first-access": "CPIS-NTF-007",
    "alert-to-first-allocated-worker": "CPIS-NTF-017",
    "notification-addressee-not-checked": "CPIS-IG-010",
    "retired-number-kept-in-upload": "CPIS-INA-003",
    "replacement-number-saved-but-not-sent": "CPIS-INA-004",
}
THEIRS: Final = Organisation("Z98", "SAMPLEBURY TEST COUNCIL", (Telecom("tel:01632960004", "EC"),))
Probe = Callable[[Any], object]
PROBES: dict[str, tuple[Probe, object, object]] = {}


def shows(name: str, *, right: object, wrong: object) -> Callable[[Probe], Probe]:
    """Register what a fault can be told by: what a sound system shows, and what the faulty one does."""

    def register(probe: Probe) -> Probe:
        PROBES[name] = (probe, right, wrong)
        return probe

    return register


def first_subject(upload: Any) -> Any:
    return upload.records[0].subjects[0]


@shows("entered-in-error-sent-as-ended", right=(None, 20), wrong=(20, None))
def deletion(desk: Any) -> object:
    plan = desk.plan(desk.child())
    desk.stored()
    desk.system.delete_plan(plan, date(2026, 11, 20), now=desk.now)
    [entry] = desk.export().records[0].plans
    return (entry.end and entry.end.day, entry.delete and entry.delete.day)


@shows("ucp-subject-from-unborn-case", right=("Charlie", 1996), wrong=("Unborn", 2027))
def mother(desk: Any) -> object:
    desk.plan(desk.child("Charlie", birth_date=date(1996, 7, 7)), PlanType.UNBORN)
    subject = first_subject(desk.export())
    return (subject.given, subject.birth_date.year)


@shows("twin-details-from-first-match", right=["Alpha", "Bravo"], wrong=["Alpha", "Alpha"])
def twins(desk: Any) -> object:
    for given in ("Alpha", "Bravo"):
        desk.child_on_plan(given)
    return [record.subjects[0].given for record in desk.export().records]


@shows("demographic-change-not-a-trigger", right=True, wrong=False)
def corrected_name(desk: Any) -> object:
    child = desk.child_on_plan()
    desk.stored()
    desk.change(child, family="Newname")
    return not isinstance(desk.system.prepare_export(now=desk.now), str)


@shows("sequence-id-returned-after-rejection", right=["1", "2"], wrong=["1", "1"])
def id_after_rejection(desk: Any) -> object:
    desk.child_on_plan()
    first = desk.export()
    desk.answer(first, FileCode.FILE_ERROR)
    return [first.file_id, desk.export().file_id]


@shows("sequence-id-used-twice", right=["1", "2", "3"], wrong=["1", "1", "2"])
def ids(desk: Any) -> object:
    found = []
    for given in ("Alpha", "Bravo", "Charlie"):
        desk.child_on_plan(given)
        found.append(desk.export().file_id)
    return found


@shows("retired-number-kept-in-upload", right=False, wrong=True)
def retired(desk: Any) -> object:
    child = desk.child_on_plan()
    desk.stored()
    desk.retire((desk.number_of(child), None))
    desk.stored_after = desk.system.prepare_export(now=desk.now)
    return not isinstance(desk.stored_after, str)


@shows("replacement-number-saved-but-not-sent", right=("9990001014", True), wrong=("9990001014", False))
def replaced(desk: Any) -> object:
    child = desk.child_on_plan()
    desk.stored()
    desk.retire((desk.number_of(child), "9990001014"))
    return (desk.number_of(child), not isinstance(desk.system.prepare_export(now=desk.now), str))


@shows("quantity-of-whole-pages", right=3, wrong=2)
def quantity(desk: Any) -> object:
    for given in ("Alpha", "Bravo", "Charlie"):
        desk.child_on_plan(given)
    return desk.export().quantity


@shows("mother-sent-as-child", right="mother", wrong="child")
def kind_of_mother(desk: Any) -> object:
    desk.plan(desk.child("Charlie"), PlanType.UNBORN)
    return first_subject(desk.export()).kind


@shows("notes-in-local-id", right=False, wrong=True)
def notes(desk: Any) -> object:
    desk.plan(desk.child(), notes="MARKERWORD")
    return "MARKERWORD" in repr(desk.export())


@shows("every-legal-status-sent", right=False, wrong=True)
def out_of_scope(desk: Any) -> object:
    desk.plan(desk.child(), PlanType.LOOKED_AFTER, legal_status="46")
    return not isinstance(desk.system.prepare_export(now=desk.now), str)


@shows("unborn-plan-ends-when-it-began", right=2, wrong=10)
def unborn_end(desk: Any) -> object:
    desk.plan(desk.child("Charlie"), PlanType.UNBORN)
    return desk.export().records[0].plans[0].end.month


@shows("numberless-child-forgotten", right=1, wrong=0)
def held_back(desk: Any) -> object:
    desk.child_on_plan(nhs_number=None)
    desk.no_export()
    return len(desk.system.held_back(now=desk.now))


@shows("no-validation-before-sending", right=(False, 1), wrong=(True, 0))
def wrong_check_digit(desk: Any) -> object:
    desk.child_on_plan(nhs_number="9990001013")
    made = desk.system.prepare_export(now=desk.now)
    return (not isinstance(made, str), len(desk.alerts("validation")))


@shows("missing-emergency-telephone-sent", right=None, wrong=["WP"])
def no_emergency_telephone(desk: Any) -> object:
    desk.child_on_plan()
    desk.system.change_authority(ChangeAuthority(telephone_emergency=""))
    made = desk.system.prepare_export(now=desk.now)
    return None if isinstance(made, str) else [telecom.use for telecom in made.sender.telecom]


@shows("telephone-sent-as-keyed", right="tel:01632960002", wrong="tel:01632 960 002")
def keyed_telephone(desk: Any) -> object:
    desk.child_on_plan()
    desk.system.change_authority(ChangeAuthority(telephone_emergency="01632 960 002"))
    return desk.export().sender.telecom[1].value


@shows("telephone-change-not-a-trigger", right=True, wrong=False)
def changed_telephone(desk: Any) -> object:
    desk.child_on_plan()
    desk.stored()
    desk.system.change_authority(ChangeAuthority(telephone_emergency="01632960005"))
    return not isinstance(desk.system.prepare_export(now=desk.now), str)


@shows("force-without-effect", right=True, wrong=False)
def forced(desk: Any) -> object:
    child = desk.child_on_plan()
    desk.stored()
    desk.system.force(child)
    return not isinstance(desk.system.prepare_export(now=desk.now), str)


@shows("empty-file-sent", right=None, wrong=0)
def nothing_changed(desk: Any) -> object:
    made = desk.system.prepare_export(now=desk.now)
    return None if isinstance(made, str) else made.quantity


@shows("file-not-sent-again", right=True, wrong=False)
def unavailable(desk: Any) -> object:
    desk.child_on_plan()
    desk.answer(desk.export(), FileCode.UNAVAILABLE)
    return not isinstance(desk.system.prepare_export(now=desk.now), str)


@shows("file-written-in-place", right=True, wrong=False)
def whole_files(desk: Any) -> object:
    return desk.system.drops_whole_files


@shows("open-files-forgotten-at-restart", right=["1"], wrong=[])
def files_after_restart(desk: Any) -> object:
    desk.child_on_plan()
    desk.export()
    again = desk.kind(desk.system.configuration, desk.system.state)
    return [file.file_id for file in again.state.files]


def three(desk: Any) -> Any:
    desk.children = [desk.child_on_plan(given) for given in ("Alpha", "Bravo", "Charlie")]
    return desk.export()


def results(desk: Any) -> list[str]:
    return [desk.result(child) for child in desk.children]


@shows("partial-acknowledgement-taken-as-full", right=("failed", 1), wrong=("stored", 0))
def partial(desk: Any) -> object:
    desk.answer(three(desk), FileCode.PARTLY_STORED, {1: RecordCode.NO_MATCH})
    return (results(desk)[1], len(desk.tasks()))


@shows("acknowledgement-matched-first-in-first-out", right=["open", "stored"], wrong=["stored", "open"])
def out_of_order(desk: Any) -> object:
    desk.child_on_plan("Alpha")
    first = desk.export()
    desk.child_on_plan("Bravo")
    second = desk.export()
    desk.answer(second)
    return [desk.file(first).state, desk.file(second).state]


@shows("superseded-number-retried", right=(False, True, 1), wrong=(True, False, 0))
def superseded(desk: Any) -> object:
    desk.child_on_plan()
    desk.answer(desk.export(), FileCode.NONE_STORED, {0: RecordCode.SUPERSEDED})
    again = not isinstance(desk.system.prepare_export(now=desk.now), str)
    return (again, bool(desk.alerts("new-number-needed")), len(desk.tasks()))


@shows("superseded-number-dropped-silently", right=(1, True), wrong=(0, False))
def superseded_silently(desk: Any) -> object:
    desk.child_on_plan()
    desk.answer(desk.export(), FileCode.NONE_STORED, {0: RecordCode.SUPERSEDED})
    return (len(desk.alerts("new-number-needed")), bool(desk.tasks()[0].next_action))


@shows("contradicting-acknowledgement-believed", right="open", wrong="stored")
def wrong_counts(desk: Any) -> object:
    upload = three(desk)
    desk.answer(upload, FileCode.PARTLY_STORED, stored=2, failed=2)
    return desk.file(upload).state


@shows("location-alone-believed", right=["sent", "sent", "sent"], wrong=["failed", "stored", "stored"])
def location_and_echo(desk: Any) -> object:
    upload = three(desk)
    second = upload.records[1]
    result = RecordResult("CPR01", "PDS Error - No Match Found for NHS Number", "/File/record[1]")
    echoes = (Echo(False, second.plans, second.subjects),)
    desk.answer(upload, FileCode.PARTLY_STORED, stored=2, failed=1, results=(result,), echoes=echoes)
    return results(desk)


@shows("foreign-acknowledgement-applied", right="open", wrong="stored")
def foreign_reply(desk: Any) -> object:
    upload = three(desk)
    desk.answer(upload, receiver=THEIRS)
    return desk.file(upload).state


@shows("unknown-detail-hidden", right="CPRD4711", wrong="CPRD99")
def unknown_detail(desk: Any) -> object:
    detail = Coded("CPRD4711", "Detail that no list holds")
    result = RecordResult("CPR07", "Unsuccessful Record Upload", "/File/record[2]", (detail,))
    desk.answer(three(desk), FileCode.PARTLY_STORED, stored=2, failed=1, results=(result,))
    return desk.tasks()[0].detail_code


@shows("adult-sent-again", right=False, wrong=True)
def adult(desk: Any) -> object:
    desk.child_on_plan(birth_date=date(2008, 11, 1))
    desk.answer(desk.export(), FileCode.NONE_STORED, {0: RecordCode.NOT_STORED})
    return not isinstance(desk.system.prepare_export(now=desk.now), str)


@shows("one-kind-of-alert", right="file-failed", wrong="other")
def kind_of_alert(desk: Any) -> object:
    desk.answer(three(desk), FileCode.FILE_ERROR)
    return next(iter(desk.system.state.alerts)).kind


@shows("missing-acknowledgement-unnoticed", right=1, wrong=0)
def overdue(desk: Any) -> object:
    three(desk)
    desk.pass_time(hours=25)
    desk.system.warn_of_overdue(now=desk.now)
    return len(desk.alerts("overdue"))


@shows("unreadable-reply-swallowed", right=["unreadable-file"], wrong=[])
def unreadable(desk: Any) -> object:
    body = b"<FileResponse"
    desk.system.receive("a.xml", hashlib.sha256(body).hexdigest(), body, now=desk.now)
    return [item.kind for item in desk.exceptions()]


@shows("access-filed-on-lookalikes", right=(1, 0), wrong=(1, 1))
def twin_accessed(desk: Any) -> object:
    first, second = desk.child_on_plan("Alpha"), desk.child_on_plan("Bravo")
    desk.notify(desk.access(desk.number_of(first)))
    return (len(desk.events(first)), len(desk.events(second)))


@shows("repeat-accesses-copy-first-access", right=[1, 2], wrong=[1, 1])
def repeats(desk: Any) -> object:
    child = desk.child_on_plan()
    times = [datetime(2026, 11, 23, hour, 0, tzinfo=UTC) for hour in (1, 2)]
    desk.notify(*(desk.access(desk.number_of(child), at=at) for at in times))
    return [event.accessed.hour for event in desk.system.events_of(child)]


@shows("alert-to-first-allocated-worker", right=["Ben", "MASH triage"], wrong=["Ann"])
def reallocated(desk: Any) -> object:
    first, second = desk.child_on_plan("Alpha"), desk.child_on_plan("Bravo")
    for worker in ("Ann", "Ben"):
        desk.system.allocate(first, worker, "North")
    desk.notify(desk.access(desk.number_of(first)), desk.access(desk.number_of(second)))
    return [alert.recipient for alert in desk.alerts("access")]


@shows("notification-addressee-not-checked", right=(0, 1), wrong=(1, 0))
def foreign_notification(desk: Any) -> object:
    child = desk.child_on_plan()
    desk.notify(desk.access(desk.number_of(child)), recipient=THEIRS)
    return (len(desk.events(child)), len(desk.exceptions()))


@shows("empty-notification-filed-late", right=1, wrong=2)
def empty_notification(desk: Any) -> object:
    child = desk.child_on_plan()
    desk.notify()
    assert desk.events(child) == []
    desk.notify(desk.access(desk.number_of(child)))
    return len(desk.events(child))


@shows("duplicate-access-filed-twice", right=["A"], wrong=["A", "A"])
def duplicate(desk: Any) -> object:
    child = desk.child_on_plan()
    for _ in range(2):
        desk.notify(desk.access(desk.number_of(child), event_id="A"))
    return desk.events(child)


@shows("alert-to-nobody", right=(1, 1), wrong=(1, 0))
def alerted(desk: Any) -> object:
    child = desk.child_on_plan()
    desk.notify(desk.access(desk.number_of(child)))
    return (len(desk.events(child)), len(desk.alerts("access")))


@shows("closed-case-alerts-old-worker", right="MASH triage", wrong="Ann")
def closed(desk: Any) -> object:
    child = desk.child_on_plan()
    desk.system.allocate(child, "Ann", "North")
    desk.system.close_case(child, date(2026, 10, 24))
    desk.notify(desk.access(desk.number_of(child)))
    return desk.alerts("access")[0].recipient


@shows("unknown-child-dropped", right=1, wrong=0)
def unknown_child(desk: Any) -> object:
    desk.notify(desk.access("9990001014"))
    return len(desk.exceptions())


@shows("number-alone-identifies", right=0, wrong=1)
def two_children(desk: Any) -> object:
    first = desk.child_on_plan("Alpha")
    desk.child_on_plan("Bravo")
    desk.notify(desk.access(desk.number_of(first), local_id="LOCAL-0002"))
    return len(desk.events(first))


@shows("first-access-of-batch-only", right=2, wrong=1)
def batch(desk: Any) -> object:
    child = desk.child_on_plan()
    desk.notify(desk.access(desk.number_of(child)), desk.access(desk.number_of(child)))
    return len(desk.events(child))


LONG: Final = PersonAuthor(
    "R1", "Nurse", "1", AuthorName("Ó Súilleabháin-Wójciechowska", ("Zoë",)), Organisation("ZZ9", "HOSPITAL")
)


@shows("author-shortened", right="Zoë Ó Súilleabháin-Wójciechowska", wrong="Zoë Ó Súilleabháin-W")
def long_name(desk: Any) -> object:
    child = desk.child_on_plan()
    desk.notify(desk.access(desk.number_of(child), author=LONG))
    return desk.system.events_of(child)[0].worker


@shows("event-without-role", right="Nurse", wrong="")
def role(desk: Any) -> object:
    child = desk.child_on_plan()
    desk.notify(desk.access(desk.number_of(child), author=LONG))
    return desk.system.events_of(child)[0].role


@shows("access-worded-as-attendance", right=False, wrong=True)
def wording(desk: Any) -> object:
    child = desk.child_on_plan()
    desk.notify(desk.access(desk.number_of(child)))
    return "attended" in desk.system.events_of(child)[0].text


@shows("inactive-number-without-alert", right=1, wrong=0)
def inactive_alert(desk: Any) -> object:
    child = desk.child_on_plan()
    desk.retire((desk.number_of(child), None))
    return len(desk.alerts("inactive-number"))


@shows("inactive-number-exception-closes-itself", right=1, wrong=0)
def inactive_exception(desk: Any) -> object:
    child = desk.child_on_plan()
    desk.retire((desk.number_of(child), None))
    desk.no_export()
    return len(desk.exceptions())


@shows("adopted-child-linked", right=False, wrong=True)
def adopted(desk: Any) -> object:
    old = desk.child_on_plan("Alpha")
    desk.child_on_plan("Alpha", family="Newfamily", nhs_number="9990001014")
    desk.retire((desk.number_of(old), None))
    return "9990001014" in repr(desk.exceptions())


@shows("unknown-retired-number-ignored", right=1, wrong=0)
def unknown_number(desk: Any) -> object:
    desk.retire(("9990001081", None))
    return len(desk.exceptions())


def told(desk: Any) -> list[tuple[str | None, str]]:
    """The alerts after the first of two files was reported as not delivered."""
    for given in ("Alpha", "Beta"):
        desk.child_on_plan(given)
        desk.export()
    desk.system.note_undelivered("1", "SEND 12 unknown", now=desk.now)
    return [(alert.file_id, alert.text) for alert in desk.system.state.alerts if alert.kind == "interface"]


TOLD = [("1", "File 1 was not delivered: SEND 12 unknown")]


@shows("undelivered-unnoticed", right=TOLD, wrong=[])
def undelivered(desk: Any) -> object:
    return told(desk)


@shows("undelivered-without-code", right=TOLD, wrong=[("1", "File 1 was not delivered: MESH has failed")])
def undelivered_for_a_reason(desk: Any) -> object:
    return told(desk)


@shows("undelivered-of-last-file", right=TOLD, wrong=[("2", "File 2 was not delivered: SEND 12 unknown")])
def undelivered_file(desk: Any) -> object:
    return told(desk)


@shows("child-named-outside", right="", wrong="_OUTSIDER")
def name_outside(desk: Any) -> object:
    desk.child_on_plan("Alpha", family="Outsider")
    return desk.system.label(desk.export())


@shows("number-outside", right="", wrong="_999 000 1014")
def digits_outside(desk: Any) -> object:
    desk.child_on_plan("Alpha", nhs_number="9990001014")
    return desk.system.label(desk.export())


@pytest.mark.parametrize("name", sorted(name for name, fault in FAULTS.items() if not fault.several))
def test_a_fault_changes_what_it_says(at_desk: Any, name: str) -> None:
    probe, right, wrong = PROBES[name]
    assert probe(at_desk()) == right
    assert probe(at_desk(name)) == wrong


def test_the_faults_drawn_up_from_the_rules_are_all_there() -> None:
    assert {f.name: f.requirements[0] for f in FAULTS.values() if f.origin == "rules"} == DRAWN_UP_FROM_THE_RULES


def test_a_fault_names_requirements_and_tests() -> None:
    for fault in FAULTS.values():
        assert fault.requirements, fault.name
        assert fault.tests, fault.name
        assert fault.behaviour.endswith("."), fault.name
        assert not set(fault.requirements) & set(fault.also), fault.name


def test_an_unknown_fault_names_its_neighbours() -> None:
    with pytest.raises(ConfigError, match="twin-details-from-first-match"):
        faulty(["twin-details-from-first"])


def test_faults_of_one_decision_cannot_be_combined() -> None:
    with pytest.raises(ConfigError, match="cannot be combined"):
        faulty(["twin-details-from-first-match", "notes-in-local-id"])


def test_faults_of_different_decisions_can(at_desk: Any) -> None:
    names = ("every-legal-status-sent", "alert-to-nobody")
    for name in names:
        probe, _, wrong = PROBES[name]
        assert probe(at_desk(*names)) == wrong
