"""Steps of authorities that the harness plays: what they share, file by file, and how the service answers it.

They put files into the drop folders themselves, so that the service is judged by what comes over the border and by
nothing of a product in between. What was shared well is remembered, for the lookups that come after it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import pytest
from pytest_bdd import given, parsers, then, when

from cpis_fixtures.cast import Person
from cpis_reports.checks.reading import acknowledgements
from cpis_simulator import driving
from cpis_simulator.codecs.upload import encode_upload
from cpis_simulator.directory import RegisteredAuthority
from cpis_simulator.errors import HarnessError
from cpis_simulator.evidence import FILE_DROP
from cpis_simulator.model import LocalId, PlanRecord, ProtectionPlan, Subject, SubjectKind, Upload
from cpis_simulator.nhs_number import check_digit
from cpis_simulator.service.pds import birthday
from cpis_simulator.vocabulary import PlanType
from cpis_steps.crafting import midnight
from cpis_steps.judging import Judge
from cpis_steps.stage import Stage

BEGUN: Final = 40
"""Days before today on which a plan began where a step does not say."""

PLAN_TYPES: Final = {
    "child protection": PlanType.CHILD_PROTECTION,
    "looked-after": PlanType.LOOKED_AFTER,
    "unborn child's": PlanType.UNBORN,
}
TOLD_S: Final = 10.0
"""Seconds in which our own service tells an authority of something; it takes some hundredths."""

AUTHORITY: Final = r"(?P<by>the authority|the second authority)"
PERSON: Final = r"(?P<who>child|second child|third child|mother|first twin|second twin|adopted child)"

Key = tuple[str, PlanType, date]


@dataclass(slots=True)
class Dropped:
    """A file that was put into a folder."""

    authority: RegisteredAuthority
    name: str
    since: int
    people: list[Person]
    upload: Upload | None = None


@dataclass(slots=True)
class Sharing:
    """What the authorities of a scenario have shared.

    Attributes:
        book: By role of the person: the plans that the service should hold, each with its end.
        files: In the order in which they were dropped.
    """

    stage: Stage
    book: dict[str, dict[Key, date | None]] = field(default_factory=dict)
    files: list[Dropped] = field(default_factory=list)

    def authority(self, by: str) -> RegisteredAuthority:
        """The authority of these words."""
        known = self.stage.lane.plan.config.authorities()
        if len(known) < 2:
            raise HarnessError("The scenario needs two authorities", found=len(known))
        return known[1 if by == "the second authority" else 0]

    def record(self, person: Person, *plans: ProtectionPlan) -> PlanRecord:
        """A record of the person with these plans."""
        kind = SubjectKind.MOTHER if person.is_mother else SubjectKind.CHILD
        assert person.nhs_number is not None
        subject = Subject(kind, person.nhs_number, person.birth_date, person.given, person.family)
        return PlanRecord(plans or (self.plan(PlanType.CHILD_PROTECTION),), (subject,))

    def plan(self, plan_type: PlanType, begun: int = BEGUN) -> ProtectionPlan:
        """An open plan that began so many days before the scenario's day; an unborn child's is due in 60."""
        due = midnight(self.stage.today + timedelta(days=60)) if plan_type is PlanType.UNBORN else None
        return ProtectionPlan(plan_type, midnight(self.stage.today - timedelta(days=begun)), due)

    def note(self, authority: RegisteredAuthority, person: Person, record: PlanRecord) -> None:
        """Remember that the record should be held from now on."""
        held = self.book.setdefault(person.who, {})
        for plan in record.plans:
            key = (authority.ods_code, plan.plan_type, plan.start.date())
            if plan.delete is not None:
                held.pop(key, None)
            else:
                held[key] = plan.end.date() if plan.end else None

    def drop(
        self,
        authority: RegisteredAuthority,
        people: Sequence[Person],
        records: Sequence[PlanRecord],
        *,
        alter: Callable[[bytes], bytes] | None = None,
        header: Mapping[str, object] | None = None,
    ) -> Dropped:
        """Put a file into the authority's folder, and wait until it is answered.

        Args:
            authority: Whose folder it is.
            people: Who is in it.
            records: Of the people.
            alter: What is done to the bytes.
            header: Fields of the upload that are otherwise than they should be.
        """
        # Above every number that was used before, also where the world is not emptied.
        number = str(self.stage.lane.since_now())
        local = f"{authority.ods_code}:{authority.name}"
        named = [
            replace(record, subjects=tuple(_with_local_id(s, person, local) for s in record.subjects))
            for record, person in zip(records, people, strict=True)
        ]
        made = {"file_id": number, "quantity": len(named), "sender": authority.organisation(), **(header or {})}
        upload = Upload(creation_time=self.stage.instant(), records=tuple(named), **made)  # type: ignore[arg-type]  # the keys are the fields' own names
        body = encode_upload(upload)
        name = f"{authority.ods_code}_{number}.xml"
        since = self.stage.lane.since_now()
        half = self.stage.lane.folder / f"{name}.part"
        half.write_bytes(alter(body) if alter else body)
        os.replace(half, self.stage.lane.drop / authority.ods_code / "upload" / name)
        dropped = Dropped(authority, name, since, list(people), upload)
        self.files.append(dropped)
        self.stage.wait_for_response("acknowledgement", since=since, authority=authority.ods_code)
        return dropped

    def store(self, authority: RegisteredAuthority, people: Sequence[Person], records: Sequence[PlanRecord]) -> None:
        """Have a file stored that lies before the scenario's When.

        Raises:
            HarnessError: It was not stored as a whole.
        """
        dropped = self.drop(authority, people, records)
        answers = acknowledgements(self.stage.seen(dropped.since), authority.ods_code)
        codes = [c.code for _, reply in answers for c in reply.file_codes]
        if codes != ["CPF02"]:
            raise HarnessError("The service has not stored what the scenario needs", expected="CPF02", found=codes)


def _with_local_id(subject: Subject, person: Person, authority: str) -> Subject:
    return replace(subject, local_id=LocalId(person.local_id, authority)) if person.local_id else subject


@pytest.fixture
def cpis_sharing(cpis_stage: Stage) -> Sharing:
    """What the authorities of the scenario have shared."""
    return Sharing(cpis_stage)


# People.


@given(parsers.re(r"a (?P<who>child|second child|third child|mother) on PDS"))
def somebody_on_pds(cpis_stage: Stage, who: str) -> None:
    """Somebody whom PDS knows, and of whom nothing was shared yet."""
    cpis_stage.put_on_pds(cpis_stage.cast.enter(who, mother=who == "mother"))


@given(parsers.parse("a child on PDS who turns 18 in {days:d} days"))
def a_child_nearly_of_age(cpis_stage: Stage, days: int) -> None:
    """A child whose eighteenth birthday is so many days away."""
    child = cpis_stage.cast.enter("child", years=17)
    coming = cpis_stage.today + timedelta(days=days)
    # Nobody is born on 29 February here: the birthday must be on that very day.
    child.birth_date = date(coming.year - 18, coming.month, min(coming.day, 28))
    cpis_stage.put_on_pds(child)


@given("a mother of 25 on PDS")
def a_grown_mother(cpis_stage: Stage) -> None:
    """A mother who is no child any more."""
    cpis_stage.put_on_pds(cpis_stage.cast.enter("mother", mother=True, years=25))


@given("a child of two given names on PDS")
def a_child_of_two_names(cpis_stage: Stage) -> None:
    """PDS has two given names of the child."""
    child = cpis_stage.cast.enter("child")
    child.given = f"{child.given} Zulu"
    cpis_stage.put_on_pds(child)


@given("twins on PDS")
def twins_on_pds(cpis_stage: Stage) -> None:
    """Two children of one family name and birth date."""
    first, second = cpis_stage.cast.enter("first twin"), cpis_stage.cast.enter("second twin")
    second.family, second.birth_date = first.family, first.birth_date
    if second.given == first.given:
        second.given = f"{second.given}a"
    for twin in (first, second):
        cpis_stage.put_on_pds(twin)


@given("a child whom PDS does not know")
def a_child_unknown_to_pds(cpis_stage: Stage) -> None:
    """A valid number that nobody has."""
    child = cpis_stage.cast.enter("child")
    child.nhs_number = cpis_stage.unknown_number(child)


@given(parsers.re(r"(?P<days>[0-9]+) days have passed"))
@when(parsers.re(r"(?P<days>[0-9]+) days pass"))
def days_pass(cpis_stage: Stage, days: str) -> None:
    """The service's clock is moved on by so many days."""
    cpis_stage.time_passes(timedelta(days=int(days)))


@given(parsers.re(r"(?P<hours>[0-9]+) hours and (?P<minutes>[0-9]+) minutes have passed"))
def hours_pass(cpis_stage: Stage, hours: str, minutes: str) -> None:
    """The service's clock is moved on by so much."""
    cpis_stage.time_passes(timedelta(hours=int(hours), minutes=int(minutes)))


@given(parsers.re(r"it has become (?P<day>[0-9-]+)"))
@when(parsers.re(r"it becomes (?P<day>[0-9-]+)"))
def a_day_comes(cpis_stage: Stage, day: str) -> None:
    """The service's clock is moved on to noon of that day."""
    cpis_stage.time_comes(datetime.combine(date.fromisoformat(day), time(12), tzinfo=UTC))


@given(parsers.re(r"PDS has (?P<kind>merged|retired) the (?P<who>child|second child)'s number"))
@when(parsers.re(r"PDS (?P<kind>merges|retires) the (?P<who>child)'s number"))
def pds_changes_the_number(cpis_stage: Stage, kind: str, who: str) -> None:
    """The number is used no more: merged into another, which the person has from now on, or without a successor."""
    child = cpis_stage.cast[who]
    old, new = str(child.nhs_number), cpis_stage.cast.number()
    cpis_stage.old_numbers[who] = old
    change = {"kind": "retire", "nhs_number": old}
    if kind.startswith("merge"):
        cpis_stage.new_numbers[who] = new
        known = child.on_pds().model_copy(update={"nhs_number": new})
        cpis_stage.service.do("put-people", driving.PutPeople(people=[known]))
        change = {"kind": "merge", "nhs_number": old, "replaced_by": new}
    _change_people(cpis_stage, change)


@given("the child was adopted")
@when("the child is adopted")
def the_child_is_adopted(cpis_stage: Stage) -> None:
    """PDS gives the child another number and name, and nobody may learn of it: the adopted child."""
    child, adopted = cpis_stage.cast["child"], cpis_stage.cast.enter("adopted child")
    adopted.birth_date = child.birth_date
    cpis_stage.old_numbers["child"] = str(child.nhs_number)
    _change_people(
        cpis_stage,
        {
            "kind": "adopt",
            "nhs_number": str(child.nhs_number),
            "replaced_by": str(adopted.nhs_number),
            "given": adopted.given,
            "family": adopted.family,
        },
    )


def _change_people(stage: Stage, change: dict[str, str]) -> None:
    stage.moments["change"] = stage.lane.since_now()
    request = driving.ChangePeople(changes=[driving.PdsChange.model_validate(change)])
    stage.service.ask("change-people", request, driving.Changed)


@given("PDS has followed the correction of the child's birth date")
def pds_has_followed(cpis_stage: Stage) -> None:
    """PDS has what the authority has."""
    cpis_stage.put_on_pds(cpis_stage.cast["child"])


# Files.

_SHARE: Final = (
    rf"{AUTHORITY} {{verb}} an? (?P<kind>child protection|looked-after|unborn child's) plan of the {PERSON}"
    r"(?: begun (?P<begun>[0-9]+) days ago)?"
    r"(?:, (?P<fate>ended|withdrawn|due) (?P<when>today|in [0-9]+ days|[0-9]+ days ago|on [0-9-]+))?"
)


@given(parsers.re(_SHARE.format(verb="has shared")))
def a_plan_was_shared(
    cpis_sharing: Sharing, by: str, kind: str, who: str, begun: str | None, fate: str | None, when: str | None
) -> None:
    """A file of the authority with that plan has been stored."""
    authority, person, record = _described(cpis_sharing, by, kind, who, begun, fate, when)
    cpis_sharing.store(authority, [person], [record])
    cpis_sharing.note(authority, person, record)


@when(parsers.re(_SHARE.format(verb="(?P<does>shares|tries to share)")))
def a_plan_is_shared(
    cpis_sharing: Sharing,
    by: str,
    kind: str,
    who: str,
    begun: str | None,
    fate: str | None,
    when: str | None,
    does: str,
) -> None:
    """A file of the authority with that plan is dropped. `<does>`: shares, tries to share, which changes nothing."""
    authority, person, record = _described(cpis_sharing, by, kind, who, begun, fate, when)
    cpis_sharing.drop(authority, [person], [record])
    if does == "shares":
        cpis_sharing.note(authority, person, record)


def _described(
    sharing: Sharing, by: str, kind: str, who: str, begun: str | None, fate: str | None, when: str | None
) -> tuple[RegisteredAuthority, Person, PlanRecord]:
    plan = sharing.plan(PLAN_TYPES[kind], int(begun or BEGUN))
    if fate and when:
        day = midnight(_day(sharing.stage.today, when))
        plan = replace(plan, delete=day) if fate == "withdrawn" else replace(plan, end=day)
    person = sharing.stage.cast[who]
    return sharing.authority(by), person, sharing.record(person, plan)


def _day(today: date, when: str) -> date:
    """The day of words such as `3 days ago`, `in 3 days`, `today`, `on 2027-03-01`."""
    if when.startswith("on "):
        return date.fromisoformat(when.removeprefix("on "))
    days = int("".join(c for c in when if c.isdigit()) or 0)
    return today - timedelta(days=days) if when.endswith("ago") else today + timedelta(days=days)


@when(parsers.re(rf"{AUTHORITY} shares plans of the child, the second child and the third child in one file"))
def three_plans_are_shared(cpis_sharing: Sharing, by: str) -> None:
    """A file of three records; what becomes of each is not remembered."""
    people = [cpis_sharing.stage.cast[who] for who in ("child", "second child", "third child")]
    cpis_sharing.drop(cpis_sharing.authority(by), people, [cpis_sharing.record(p) for p in people])


@given("the authority has shared both twins' plans in one file")
def twins_plans_were_shared(cpis_sharing: Sharing) -> None:
    """One file with a plan of each twin, begun on different days, has been stored."""
    authority = cpis_sharing.authority("the authority")
    people = [cpis_sharing.stage.cast[who] for who in ("first twin", "second twin")]
    records = [
        cpis_sharing.record(p, cpis_sharing.plan(PlanType.CHILD_PROTECTION, 30 + n)) for n, p in enumerate(people)
    ]
    cpis_sharing.store(authority, people, records)
    for person, record in zip(people, records, strict=True):
        cpis_sharing.note(authority, person, record)


Altering = Callable[[Subject], Subject]
SUBJECTS: Final[dict[str, Altering]] = {
    "its own details": lambda s: s,
    "its family name in capitals": lambda s: replace(s, family=s.family.upper()),
    "the first of its given names": lambda s: replace(s, given=s.given.split()[0]),
    "another family name": lambda s: replace(s, family=f"{s.family}son"),
    "another given name": lambda s: replace(s, given="Zebedee"),
    "another birth date": lambda s: replace(s, birth_date=s.birth_date + timedelta(days=1)),
    "a wrong check digit": lambda s: replace(s, nhs_number=_wrong_digit(s.nhs_number)),
}
"""How a subject is described otherwise than PDS has it."""


def _wrong_digit(number: str) -> str:
    return f"{number[:9]}{((check_digit(number[:9]) or 0) + 1) % 10}"


@when(parsers.re(r"the authority shares plans of the second child and of the child with (?P<what>.+)"))
def a_plan_is_shared_with(cpis_sharing: Sharing, what: str) -> None:
    """A file with a record of the second child as PDS has it, and one of the child that may be described otherwise."""
    people = [cpis_sharing.stage.cast[who] for who in ("second child", "child")]
    good, described = (cpis_sharing.record(p) for p in people)
    subject = SUBJECTS[what](described.subjects[0])
    people[1].nhs_number = subject.nhs_number
    cpis_sharing.drop(cpis_sharing.authority("the authority"), people, [good, replace(described, subjects=(subject,))])


def _in_last_record(change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """Alter nothing but the last record of a file."""

    def alter(body: bytes) -> bytes:
        start = body.rindex(b"<record>")
        changed = change(body[start:])
        if changed == body[start:]:
            raise HarnessError("The last record of the file has nothing to alter")
        return body[:start] + changed

    return alter


BROKEN_RECORDS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "has no start date": lambda record: re.sub(rb"<cPPStartDate>.*</cPPStartDate>", b"", record),
    "has an unknown type": lambda record: record.replace(b"CPPInformation", b"CPXInformation"),
    "has a date of eight digits": lambda record: re.sub(rb'value="([0-9]{8})0000"', rb'value="\1"', record),
    "stands behind the name of another block": lambda record: record.replace(b"#CPPInformation", b"#LACInformation"),
}


@when(
    parsers.re(
        r"the authority shares plans of the second child and of the child, whose plan (?P<what>has .+|stands .+)"
    )
)
def a_broken_plan_is_shared(cpis_sharing: Sharing, what: str) -> None:
    """A file with a good record of the second child, and a record of the child whose form is wrong."""
    people = [cpis_sharing.stage.cast[who] for who in ("second child", "child")]
    records = [cpis_sharing.record(p) for p in people]
    if what == "has no due date":
        unborn = replace(cpis_sharing.plan(PlanType.UNBORN), end=None)
        kind = replace(records[1].subjects[0], kind=SubjectKind.MOTHER)
        records[1] = PlanRecord((unborn,), (kind,))
    if what == "has an end before its start":
        plan = records[1].plans[0]
        records[1] = replace(records[1], plans=(replace(plan, end=plan.start - timedelta(days=1)),))
    alter = _in_last_record(BROKEN_RECORDS[what]) if what in BROKEN_RECORDS else None
    cpis_sharing.drop(cpis_sharing.authority("the authority"), people, records, alter=alter)


BROKEN_FILES: Final[dict[str, Callable[[bytes], bytes]]] = {
    "in UTF-16": lambda body: body.decode().replace("UTF-8", "UTF-16").encode("utf-16"),
    "that is cut in the middle": lambda body: body[: len(body) // 2],
    "that is empty but for its declaration": lambda _body: b'<?xml version="1.0" encoding="UTF-8"?>\n',
    "that was made at a time without an offset": lambda body: re.sub(
        rb'(<creationTime value="[0-9]+)[+-][0-9]{4}', rb"\1", body
    ),
    "with a document type": lambda body: body.replace(b"?>", b"?>\n<!DOCTYPE x>", 1),
    "with an internal entity": lambda body: body.replace(b"?>", b'?>\n<!DOCTYPE x [<!ENTITY e "Testcase">]>', 1),
    "of another root": lambda _body: b'<?xml version="1.0" encoding="UTF-8"?>\n<Upload xmlns="urn:hl7-org:v3"/>',
}
"""Files that cannot be read as an upload."""


@when(
    parsers.re(r"the authority drops a file (?P<what>in .+|that .+|with an? (?:document|internal) .+|of another root)")
)
def a_broken_file_is_dropped(cpis_sharing: Sharing, what: str) -> None:
    """A file with a plan of the child that cannot be read as an upload."""
    child = cpis_sharing.stage.cast["child"]
    alter = BROKEN_FILES[what]
    cpis_sharing.drop(cpis_sharing.authority("the authority"), [child], [cpis_sharing.record(child)], alter=alter)


@when(
    parsers.re(
        r"the authority tries to share a plan of the child (?P<what>under another's code|with too high a quantity|"
        r"under an id that was processed|without an emergency duty number)"
    )
)
def a_wrong_header_is_dropped(cpis_sharing: Sharing, what: str) -> None:
    """A file whose header is wrong, with a looked-after plan of the child."""
    authority, child = cpis_sharing.authority("the authority"), cpis_sharing.stage.cast["child"]
    own = authority.organisation()
    headers: dict[str, dict[str, object]] = {
        "under another's code": {"sender": cpis_sharing.authority("the second authority").organisation()},
        "with too high a quantity": {"quantity": 2},
        "without an emergency duty number": {
            "sender": replace(own, telecom=tuple(replace(t, use="WP") for t in own.telecom[:1]))
        },
    }
    if what == "under an id that was processed":
        before = cpis_sharing.files[-1].upload if cpis_sharing.files else None
        if before is None:
            raise HarnessError("The scenario needs a file that was processed")
        headers[what] = {"file_id": before.file_id}
    record = cpis_sharing.record(child, cpis_sharing.plan(PlanType.LOOKED_AFTER))
    cpis_sharing.drop(authority, [child], [record], header=headers[what])


@when("the authority drops the same file again")
def the_file_is_dropped_again(cpis_sharing: Sharing) -> None:
    """The last file, with the same id and content."""
    last = cpis_sharing.files[-1]
    assert last.upload is not None
    records = [r for r in last.upload.records if isinstance(r, PlanRecord)]
    cpis_sharing.drop(last.authority, last.people, records, header={"file_id": last.upload.file_id})
    for person, record in zip(last.people, records, strict=True):
        cpis_sharing.note(last.authority, person, record)


@given("the authority has tried to share a child protection plan of the child")
def sharing_was_tried(cpis_sharing: Sharing) -> None:
    """A file was dropped and answered; nothing of it should be held."""
    child = cpis_sharing.stage.cast["child"]
    cpis_sharing.drop(cpis_sharing.authority("the authority"), [child], [cpis_sharing.record(child)])


@given("the authority has corrected the child's birth date before PDS")
def a_birth_date_was_corrected_first(cpis_stage: Stage) -> None:
    """The authority has another date than PDS."""
    cpis_stage.cast["child"].birth_date += timedelta(days=9)


# What can be seen afterwards.


@then(
    parsers.re(
        r"the file is answered (?P<code>CPF0[1-6])(?:, (?P<stored>[0-9]+) stored)?"
        rf"(?:, the {PERSON} failed with (?P<result>CPR0[1-7]))?"
        r"(?: and the (?P<other>third child) with (?P<another>CPR0[1-7]))?"
    )
)
def the_file_is_answered(
    cpis_sharing: Sharing,
    cpis_judge: Judge,
    code: str,
    stored: str | None,
    who: str | None,
    result: str | None,
    other: str | None,
    another: str | None,
) -> None:
    """Exactly one acknowledgement of the last file, with that code, those counts and those failed records."""
    last = cpis_sharing.files[-1]
    failures = {
        str(cpis_sharing.stage.cast[role].nhs_number): failed
        for role, failed in ((who, result), (other, another))
        if role
    }
    count = len(last.people)
    cpis_judge(
        "acknowledged-once",
        since=last.since,
        authority=last.authority.ods_code,
        nhs_number=last.people[-1].nhs_number,
        code=code,
        stored=int(stored) if stored else count - len(failures) if code in ("CPF02", "CPF03") else 0,
        failures=failures,
        own=[str(p.nhs_number) for p in last.people],
    )


@then("the file is answered CPF01, unread")
def the_file_is_refused_unread(cpis_sharing: Sharing, cpis_judge: Judge) -> None:
    """Exactly one acknowledgement, about the whole file, that counts nothing."""
    last = cpis_sharing.files[-1]
    cpis_judge("unread-file-refused", since=last.since, authority=last.authority.ods_code, name=last.name)


@then(parsers.re(rf"{AUTHORITY} is told that the number is used no more(?P<new>|, and of the new one)"))
def an_authority_is_told_of_the_number(cpis_sharing: Sharing, cpis_judge: Judge, by: str, new: str) -> None:
    """One notification with the old number, the file that it was shared in, and the new one where it may be told."""
    stage, ods = cpis_sharing.stage, cpis_sharing.authority(by).ods_code
    stage.wait_for(
        lambda seen: bool(seen.on(FILE_DROP, authority=ods, direction="response", kind="inactive-notification")),
        since=stage.moments["change"],
        within=TOLD_S,
    )
    old = stage.old_numbers["child"]
    numbers = {old: stage.new_numbers["child"] if new else None}
    cpis_judge("inactive-number-notified", authority=ods, numbers=numbers, file_with_number=old, since=0)


@then("nothing that was sent to the authority names the adopted child")
def nothing_names_the_adopted_child(cpis_sharing: Sharing, cpis_judge: Judge) -> None:
    """Neither its number nor its name is in any file for the authority."""
    adopted, ods = cpis_sharing.stage.cast["adopted child"], cpis_sharing.authority("the authority").ods_code
    names = [str(adopted.nhs_number), adopted.given, adopted.family]
    # Names are drawn from a short list, so that the old identity may have one of them.
    child = cpis_sharing.stage.cast["child"]
    hidden = [name for name in names if name not in (child.given, child.family)]
    cpis_judge("words-in-no-response", since=cpis_sharing.stage.moments["change"], authority=ods, words=hidden)


def expected_of(sharing: Sharing, who: str) -> list[dict[str, object]]:
    """The plans that the service should show of somebody, as a check's parameter."""
    return [
        {
            "authority": authority,
            "plan_type": plan_type.value,
            "start": start.isoformat(),
            "end": end.isoformat() if end else None,
        }
        for (authority, plan_type, start), end in sharing.book.get(who, {}).items()
    ]


def come_of_age(sharing: Sharing) -> None:
    """The child's open plans have ended with the eighteenth birthday."""
    held = sharing.book["child"]
    of_age = birthday(sharing.stage.cast["child"].birth_date, 18)
    held.update({key: end or of_age for key, end in held.items()})
