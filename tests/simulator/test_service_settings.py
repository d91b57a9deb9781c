"""What each value of a setting of the service does: one line for each value, one column for what is seen of it.

A setting whose values are words or switches must have a line for every one of them. Numbers and texts have their own
tests where they are used, and so have the settings of the transport; a setting with one value only says what is built.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from itertools import groupby
from typing import Any, get_args

import pytest
from pydantic import BaseModel, ValidationError

from cpis_simulator.codecs.query import decode_query, encode_query
from cpis_simulator.codecs.reply import encode_reply
from cpis_simulator.codecs.upload import encode_upload
from cpis_simulator.errors import DecodeError
from cpis_simulator.model import AnswerMessage, NoRecord, Organisation, Refusal
from cpis_simulator.service.notifications import access_notifications
from cpis_simulator.service.pds import Person, PersonName
from cpis_simulator.settings import Settings
from cpis_simulator.vocabulary import PlanType
from tests.simulator.service_examples import (
    ALPHA,
    BRAVO,
    CHARLIE,
    DAY,
    NOW,
    REPLACEMENT,
    SUPERSEDED,
    WRONG_DIGIT,
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

UNKNOWN = record(subjects=[child(BRAVO, "Bravo", born="2012-09-20")])
ALL_CHECKS = sorted(Settings().upload.business_checks)
ALL_TOLERANCES = sorted(Settings().data.name_matching)


def codes(*files: Any, choices: Settings, register: MemoryRegister | None = None, **more: Any) -> list[str]:
    """File codes of these files, one after the other."""
    register = register or MemoryRegister()
    return [register.take(f, choices=choices, **more).acknowledgement.file_codes[0].code for f in files]


def answers(register: MemoryRegister, *messages: Any, choices: Settings) -> list[int]:
    """How many accesses each query is told, 0 for no record."""
    replies = [register.ask(m, choices=choices, now=m.query.effective_time).reply for m in messages]
    return [len(r.answer.accesses) if isinstance(r, AnswerMessage) else 0 for r in replies]


def shared(*records: Any) -> MemoryRegister:
    register = MemoryRegister()
    register.take(upload(*records))
    return register


def unborn_on_last_day_and_after(choices: Settings) -> list[bool]:
    register = shared(record(plan(PlanType.UNBORN, end="2026-01-31"), subjects=[mother()]))
    days = [NOW + timedelta(days=days) for days in (25, 26, 53, 54)]
    found = answers(register, *(query(CHARLIE, event=n, at=at) for n, at in enumerate(days)), choices=choices)
    return [bool(accesses) for accesses in found]


def others_entry_after_an_upload(choices: Settings) -> list[str | None]:
    register = shared()
    ended = upload(record(plan(end="2026-01-01")), file_id="1", sender=Z98.organisation())
    register.take(ended, authority=Z98, choices=choices)
    return [h.entries[0].plan.end and "ended" for h in register.holdings(ALPHA)]


def names_that_match(choices: Settings) -> list[str]:
    person = Person(ALPHA, PersonName("Renée", "Example"), date(2017, 3, 14), (PersonName("Renata", "Formerly"),))
    register = MemoryRegister([person])
    tried = {"same": ("Renée", "Example"), "case": ("RENÉE", "EXAMPLE"), "accent": ("Renee", "Example")}
    tried["earlier"] = ("Renata", "Formerly")
    return [
        name
        for number, (name, (given, family)) in enumerate(tried.items(), start=1)
        if codes(
            upload(record(subjects=[child(given=given, family=family)]), file_id=str(number)),
            choices=choices,
            register=register,
        )
        == ["CPF02"]
    ]


def an_unknown_number(choices: Settings) -> list[str]:
    return codes(upload(UNKNOWN), choices=choices)


def order(choices: Settings) -> list[str]:
    register = shared()
    for event, who in enumerate(["A", "B"]):
        at = NOW + timedelta(minutes=event)
        reply = register.ask(query(event=event, at=at, author=nurse(who)), choices=choices, now=at).reply
    assert isinstance(reply, AnswerMessage)
    return [a.author.user_id for a in reply.answer.accesses]  # type: ignore[union-attr]  # persons only


def one_user_in_two_organisations(choices: Settings) -> list[int]:
    elsewhere = replace(nurse(), organisation=Organisation("ZZ8", "SAMPLEBURY TEST HOSPITALS"))
    later = query(event=2, at=NOW + timedelta(minutes=1), author=elsewhere)
    return answers(shared(), query(event=1), later, choices=choices)


def a_silent_read(choices: Settings) -> list[int]:
    return answers(shared(), query(unscheduled=False), choices=choices)


def the_same_id_again(choices: Settings) -> list[str]:
    return codes(upload(), upload(), choices=choices)


def the_id_of_a_cpf05(choices: Settings) -> list[str]:
    register = MemoryRegister()
    register.pds = False
    first = codes(upload(), choices=choices, register=register)
    register.pds = True
    return first + codes(upload(), choices=choices, register=register)


def a_wrong_quantity(choices: Settings) -> list[str]:
    return codes(upload(quantity=2), choices=choices)


def counters_of_a_file_error(choices: Settings) -> list[object]:
    answer = MemoryRegister().take(upload(quantity=2), choices=choices).acknowledgement
    return [answer.file_codes[0].code, answer.file_id, answer.quantity, answer.stored, answer.failed]


def a_bad_header(choices: Settings) -> list[str]:
    return codes(encode_upload(upload()).replace(b"<creationTime", b"<creationTimes"), choices=choices)


def a_new_start(choices: Settings) -> list[int]:
    register = shared(record(plan(start="2025-11-01")))
    register.take(upload(record(plan(start="2025-12-01")), file_id="43"), choices=choices)
    return [len(h.entries) for h in register.holdings(ALPHA)]


def a_child_that_is_left_out(choices: Settings) -> list[int]:
    register = shared()
    other = record(plan(PlanType.UNBORN, end="2026-05-20"), subjects=[mother()])
    register.take(upload(other, file_id="43"), choices=choices)
    return answers(register, query(), choices=choices)


def a_bad_record(choices: Settings) -> list[str]:
    return codes(upload(record(), record(plan(end="2025-10-31"))), choices=choices)


def a_bad_check_digit(choices: Settings) -> list[str]:
    answer = MemoryRegister().take(upload(record(subjects=[child(WRONG_DIGIT)])), choices=choices).acknowledgement
    return [r.code for r in answer.results]


def a_foreign_sender(choices: Settings) -> list[str]:
    return codes(upload(), choices=choices, authority=Z98)


def breaches_that_pass(choices: Settings) -> list[str]:
    """Which of six faulty files is stored."""
    two = Organisation("Z99", "EXAMPLETON TEST COUNCIL", Z99.organisation().telecom[:1])
    adult = MemoryRegister(people_with(ALPHA, birth_date=date(2008, 1, 6)))
    # The check digit is looked at before the person, so the person must be known under that very number.
    known = MemoryRegister([Person(WRONG_DIGIT, PersonName("Alpha", "Testcase"), date(2017, 3, 14))])
    files: dict[str, tuple[Any, MemoryRegister]] = {
        "content-id": (encode_upload(upload()).replace(b"146101GB01#CPP", b"146102GB01#LAC"), MemoryRegister()),
        "plan-and-subject": (upload(record(subjects=[mother()])), MemoryRegister()),
        "end-not-before-start": (upload(record(plan(end="2025-10-31"))), MemoryRegister()),
        "check-digit": (upload(record(subjects=[child(WRONG_DIGIT)])), known),
        "emergency-telephone": (upload(sender=two), MemoryRegister()),
        "age-18": (upload(record(subjects=[child(born="2008-01-06")])), adult),
    }
    found = []
    for name, (file, register) in files.items():
        answer = register.take(file, choices=choices).acknowledgement
        # A number with a wrong digit is none of the test range: it passes the check and is nobody's.
        if answer.stored or (name == "check-digit" and [r.code for r in answer.results] == ["CPR01"]):
            found.append(name)
    return found


def echoes(choices: Settings) -> list[bool]:
    answer = MemoryRegister().take(upload(record(), UNKNOWN), choices=choices).acknowledgement
    return [e.valid for e in answer.echoes]


def detail_of_cpr07(choices: Settings) -> list[str]:
    answer = MemoryRegister().take(upload(record(plan(end="2025-10-31"))), choices=choices).acknowledgement
    return [r.code for r in answer.results] + [d.code for r in answer.results for d in r.detail]


def receiver_of_an_unreadable_file(choices: Settings) -> list[str]:
    receiver = MemoryRegister().take(b"<File", choices=choices, authority=Z98).acknowledgement.receiver
    return [receiver.ods_code, *(t.value for t in receiver.telecom)]


def response_code(choices: Settings) -> list[str]:
    reply = MemoryRegister().ask(query(BRAVO), choices=choices).reply
    assert isinstance(reply, NoRecord)
    return [reply.response_code]


def the_same_event_again(choices: Settings) -> list[str]:
    register = shared()
    replies = [register.ask(query(), choices=choices).reply for _ in range(2)]
    return [r.acknowledgement_type if isinstance(r, Refusal) else "answer" for r in replies]


def a_superseded_number(choices: Settings) -> list[int]:
    register = shared(record(subjects=[child(REPLACEMENT, "India", born="2014-04-04")]))
    return answers(register, query(SUPERSEDED), choices=choices)


def groups_in_an_answer(choices: Settings) -> list[int]:
    register = shared()
    theirs = upload(record(plan(PlanType.LOOKED_AFTER)), file_id="1", sender=Z98.organisation())
    register.take(theirs, authority=Z98)
    body = encode_reply(register.ask(choices=choices).reply, grouping=choices.response.grouping)
    return [body.count(b"<pertinentInformation14>"), body.count(b"<CP-ISRecord>")]


def total_of_three_accesses_under_two_files(choices: Settings) -> list[int]:
    register = shared()
    notices = [*register.ask(query(event=1)).notices, *register.ask(query(event=2)).notices]
    register.take(upload(record(plan(PlanType.LOOKED_AFTER)), file_id="43"))
    notices += register.ask(query(event=3)).notices
    (made,) = access_notifications(notices, now=NOW, ids=ids(), total_counts=choices.notify.total_counts)
    return [made.total]


def an_adopted_childs_old_number(choices: Settings) -> list[object]:
    """Code of an upload under it, and accesses of a lookup that is led on where there is somewhere to lead it."""
    old = Person(ALPHA, PersonName("Alpha", "Testcase"), date(2017, 3, 14), superseded_by=BRAVO, adopted=True)
    new = Person(BRAVO, PersonName("Otherwise", "Renamed"), date(2017, 3, 14))
    register = MemoryRegister([new])
    register.take(upload(record(subjects=[child(BRAVO, "Otherwise", "Renamed")])))
    register.persons[ALPHA] = old
    refused = register.take(upload(file_id="43"), choices=choices).acknowledgement.results[0].code
    follow = choices.model_copy(update={"query": choices.query.model_copy(update={"superseded_number": "follow"})})
    return [refused, *answers(register, query(), choices=follow)]


def a_silent_flag_as_we_write_it_and_further_down(choices: Settings) -> list[object]:
    ours = encode_query(query(unscheduled=False))
    flag = ours[ours.index(b"<accessEventType>") : ours.index(b"</accessEventType>") + len(b"</accessEventType>")]
    deeper = ours.replace(flag, b"").replace(b"</person.NHSnumber>", b"</person.NHSnumber>" + flag)
    found: list[object] = []
    for body in (ours, deeper):
        try:
            found.append(decode_query(body, flag=choices.query.access_flag_place).query.is_silent())
        except DecodeError:
            found.append("refused")
    return found


def a_document_type(choices: Settings) -> list[str]:
    return codes(b'<!DOCTYPE File SYSTEM "any.dtd">' + encode_upload(upload()), choices=choices)


Line = tuple[str, object, Callable[[Settings], list[Any]], list[Any]]

LINES: list[Line] = [
    ("data.ucp_end_means", "due-date", unborn_on_last_day_and_after, [True, True, True, False]),
    ("data.ucp_end_means", "last-day", unborn_on_last_day_and_after, [True, False, False, False]),
    ("data.cross_authority_effect", "none", others_entry_after_an_upload, ["ended", None]),
    ("data.name_matching", ALL_TOLERANCES, names_that_match, ["same", "case", "accent", "earlier"]),
    ("data.name_matching", ["case"], names_that_match, ["same", "case"]),
    ("data.name_matching", ["accents"], names_that_match, ["same", "accent"]),
    ("data.name_matching", ["earlier-names"], names_that_match, ["same", "earlier"]),
    ("data.name_matching", [], names_that_match, ["same"]),
    ("pds.unknown", "learn", an_unknown_number, ["CPF02"]),
    ("pds.unknown", "refuse", an_unknown_number, ["CPF04"]),
    ("history.order", "newest-first", order, ["B", "A"]),
    ("history.order", "oldest-first", order, ["A", "B"]),
    ("history.same_author_key", "user", one_user_in_two_organisations, [1, 1]),
    ("history.same_author_key", "user-and-organisation", one_user_in_two_organisations, [1, 2]),
    ("history.silent_read_in_own_answer", True, a_silent_read, [1]),
    ("history.silent_read_in_own_answer", False, a_silent_read, [0]),
    ("upload.duplicate_file_id", "CPF01", the_same_id_again, ["CPF02", "CPF01"]),
    ("upload.duplicate_file_id", "accept", the_same_id_again, ["CPF02", "CPF02"]),
    ("upload.same_id_after_cpf05", "accepted", the_id_of_a_cpf05, ["CPF05", "CPF02"]),
    ("upload.same_id_after_cpf05", "refused", the_id_of_a_cpf05, ["CPF05", "CPF01"]),
    ("upload.quantity_mismatch", "CPF01", a_wrong_quantity, ["CPF01"]),
    ("upload.quantity_mismatch", "accept", a_wrong_quantity, ["CPF02"]),
    ("upload.file_error_counters", "as-declared", counters_of_a_file_error, ["CPF01", "42", 2, 0, 0]),
    ("upload.file_error_counters", "unknown", counters_of_a_file_error, ["CPF01", "-1", -1, 0, 0]),
    ("upload.bad_header", "CPF01", a_bad_header, ["CPF01"]),
    ("upload.upsert_key", "type-and-start", a_new_start, [2]),
    ("upload.upsert_key", "type", a_new_start, [1]),
    ("upload.absence", "no-change", a_child_that_is_left_out, [1]),
    ("upload.bad_record", "record", a_bad_record, ["CPF03"]),
    ("upload.bad_record", "file", a_bad_record, ["CPF01"]),
    ("upload.bad_check_digit", "CPR01", a_bad_check_digit, ["CPR01"]),
    ("upload.bad_check_digit", "CPR03", a_bad_check_digit, ["CPR03"]),
    ("upload.bad_check_digit", "CPR04", a_bad_check_digit, ["CPR04"]),
    ("upload.bad_check_digit", "CPR07", a_bad_check_digit, ["CPR07"]),
    ("upload.foreign_sender", "CPF01", a_foreign_sender, ["CPF01"]),
    ("upload.foreign_sender", "accept", a_foreign_sender, ["CPF02"]),
    ("upload.business_checks", ALL_CHECKS, breaches_that_pass, []),
    *(
        ("upload.business_checks", [c for c in ALL_CHECKS if c != off], breaches_that_pass, [off])
        for off in ALL_CHECKS
    ),
    ("ack.echo_valid_records", False, echoes, [False]),
    ("ack.echo_valid_records", True, echoes, [True, False]),
    ("ack.detail_codes", "CPRD", detail_of_cpr07, ["CPR07", "CPRD02"]),
    ("ack.detail_codes", "none", detail_of_cpr07, ["CPR07"]),
    (
        "ack.unreadable_sender", "registration", receiver_of_an_unreadable_file,
        ["Z98", "tel:01632960003", "tel:01632960004"],
    ),
    ("query.no_record_response_code", "ID", response_code, ["ID"]),
    ("query.no_record_response_code", "NF", response_code, ["NF"]),
    ("query.duplicate_event_id", "answer", the_same_event_again, ["answer", "answer"]),
    ("query.duplicate_event_id", "refuse", the_same_event_again, ["answer", "AR"]),
    ("query.access_flag_place", "anywhere", a_silent_flag_as_we_write_it_and_further_down, [True, True]),
    ("query.access_flag_place", "first-child", a_silent_flag_as_we_write_it_and_further_down, [True, "refused"]),
    ("query.access_flag_place", "refused", a_silent_flag_as_we_write_it_and_further_down, ["refused", "refused"]),
    ("query.superseded_number", "no-record", a_superseded_number, [0]),
    ("query.superseded_number", "follow", a_superseded_number, [1]),
    ("response.grouping", "number", groups_in_an_answer, [1, 2]),
    ("response.grouping", "authority", groups_in_an_answer, [2, 2]),
    ("notify.total_counts", "accesses", total_of_three_accesses_under_two_files, [3]),
    ("notify.total_counts", "files", total_of_three_accesses_under_two_files, [2]),
    ("inactive.adoption_no_link", "enforced", an_adopted_childs_old_number, ["CPR01", 0]),
    ("inactive.adoption_no_link", "off", an_adopted_childs_old_number, ["CPR05", 1]),
    ("messages.doctype", "refused", a_document_type, ["CPF01"]),
]  # fmt: skip

ELSEWHERE = {
    "query.fault_codes": "tests/simulator/test_codecs_faults.py",
    "notify.cadence": "tests/simulator/test_service_agenda.py",
    "notify.empty_batches": "tests/simulator/test_service_agenda.py",
    "files.watch": "tests/simulator/test_folders.py",
    "files.reply_profile": "tests/simulator/test_mesh_mail.py",
    **dict.fromkeys(
        (
            f"files.{key}"
            for key in ("save_sent", "collect_report", "delay_report", "transfer_report", "status_time_zone")
        ),
        "tests/simulator/test_mesh_folders.py",
    ),
    "ack.mesh_code_15": "tests/simulator/test_mesh_mail.py",
    "mesh.strict": "tests/simulator/test_mesh_office.py",
    "mesh.last_chunk_early": "tests/simulator/test_mesh_office.py",
    **dict.fromkeys(
        (f"mesh.{key}" for key in ("strict_inbox", "admin", "lookup_token", "v2_chunk_body")),
        "tests/simulator/test_mesh_rest.py",
    ),
    "mesh.client_certificate": "tests/acceptance/test_mesh_client.py",
}
"""Settings whose values are tried where what they change is tested."""


@pytest.mark.parametrize(
    ("name", "value", "seen", "expected"), LINES, ids=[f"{line[0]}={line[1]}".replace(" ", "") for line in LINES]
)
def test_each_value_of_a_setting_does_what_it_says(name, value, seen, expected):
    group, key = name.split(".")
    assert seen(settings(**{group: {key: value}})) == expected


def values(annotation: Any) -> list[Any]:
    """The values of a setting that is a word or a switch, [] of one that is a number or a text."""
    if annotation is bool:
        return [True, False]
    return list(get_args(annotation)) if all(isinstance(v, str) for v in get_args(annotation) or [0]) else []


def switches() -> dict[str, list[Any]]:
    found = {}
    for group, info in Settings.model_fields.items():
        if group == "transport":
            continue
        kind = info.annotation
        assert isinstance(kind, type) and issubclass(kind, BaseModel)
        for key, field in kind.model_fields.items():
            if listed := values(field.annotation):
                found[f"{group}.{key}"] = listed
    return found


def test_every_value_of_every_switch_has_a_line():
    tried = {name: [line[1] for line in lines] for name, lines in groupby(LINES, key=lambda line: line[0])}
    missing = {
        f"{name}={value}"
        for name, listed in switches().items()
        if name not in ELSEWHERE
        for value in listed
        if value not in tried.get(name, [])
    }
    assert missing == set()


@pytest.mark.parametrize("text", ["/a[{n}]", "/a[{}]", "/a[{record"])
def test_a_location_names_only_places_that_there_are(text):
    with pytest.raises(ValidationError, match=r"there are \{message\}, \{subject\}, \{record\}"):
        settings(ack={"location_template": text})


def test_the_location_of_a_failed_record_is_written_as_the_template_says():
    chosen = settings(ack={"location_template": "/echo[{message}]/of[{record}]/s[{subject}]"})
    results = MemoryRegister().take(upload(record(), UNKNOWN), choices=chosen).acknowledgement.results
    assert [r.location for r in results] == ["/echo[1]/of[2]/s[1]"]


@pytest.mark.parametrize(
    ("version", "lowest", "code"),
    [
        ("1.0", "", "CPF02"),
        ("1.0", "1", "CPF02"),
        ("1.9", "1.10", "CPF06"),
        ("1.10", "1.9", "CPF02"),
        ("2.0.0", "2.0", "CPF02"),
        ("2.0", "2.0.1", "CPF06"),
    ],
)
def test_every_file_of_a_client_below_the_lowest_version_is_cpf06_and_nothing_is_stored(version, lowest, code):
    chosen = settings(files={"client_version": version, "client_min_version": lowest})
    register = MemoryRegister()
    answer = register.take(upload(), choices=chosen).acknowledgement
    stored = code == "CPF02"
    assert (answer.file_codes[0].code, answer.file_id, answer.quantity, answer.stored) == (code, "42", 1, int(stored))
    assert bool(register.held) is stored
    if not stored:
        cut = register.take(b"<File", choices=chosen).acknowledgement
        assert (cut.file_codes[0].code, cut.file_id, cut.quantity) == ("CPF06", "-1", -1)
        # Nothing was processed under the id: it may come again from a newer client.
        assert codes(upload(), choices=Settings(), register=register) == ["CPF02"]


def test_a_version_that_is_none_is_refused():
    with pytest.raises(ValidationError):
        settings(files={"client_min_version": "v2"})


def test_retention_is_counted_in_days():
    register = shared(record(plan(end="2026-01-06")))
    for days, is_found in [(10, True), (11, False)]:
        at = NOW + days * DAY
        reply = register.ask(query(event=days, at=at), choices=settings(data={"retention": 10}), now=at).reply
        assert isinstance(reply, AnswerMessage) is is_found


def test_a_set_is_written_alike_whatever_order_it_was_made_in():
    names = ["case", "accents", "earlier-names"]
    written = {
        settings(data={"name_matching": [names[n] for n in order]}).model_dump_json()
        for order in [(0, 1, 2), (2, 1, 0), (1, 0, 2), (1, 2, 0)]
    }
    assert len(written) == 1 and '"name_matching":["accents","case","earlier-names"]' in written.pop()
