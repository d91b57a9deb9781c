"""Values of the model as the text that a row holds, and back."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, TypeAlias

from cpis_simulator.model import (
    Author,
    AuthorName,
    DeviceAuthor,
    LocalId,
    NotifiedAccess,
    Organisation,
    PersonAuthor,
    ProtectionPlan,
    ResponsiblePerson,
    Subject,
    SubjectKind,
    Telecom,
)
from cpis_simulator.service.notifications import Notice
from cpis_simulator.service.pds import Person, PersonName
from cpis_simulator.service.register import Entry, Holding
from cpis_simulator.spine.delivery import Course, OutgoingReply, Standing
from cpis_simulator.vocabulary import PlanType

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_text: Final = json.encoder.encode_basestring
"""A text in JSON's quotes."""
_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def microseconds(instant: datetime) -> int:
    """Microseconds since 1970 UTC."""
    return (instant - _EPOCH) // _MICROSECOND


def instant(count: int) -> datetime:
    """The UTC instant of so many microseconds."""
    return _EPOCH + count * _MICROSECOND


PersonRow: TypeAlias = tuple[str, str, str, str, str, int, int, str | None, int, str | None]
"""The columns of `people`, in their order."""


def write_person(person: Person) -> PersonRow:
    """A row of `people`."""
    previous = _encode([[n.given, n.family] for n in person.previous_names]) if person.previous_names else "[]"
    return (
        person.nhs_number,
        person.name.given,
        person.name.family,
        person.birth_date.isoformat(),
        previous,
        int(person.sensitive),
        int(person.inactive),
        person.superseded_by,
        int(person.adopted),
        person.died.isoformat() if person.died else None,
    )


def read_person(row: Any) -> Person:
    """From the columns of `people`, in their order."""
    number, given, family, born, previous, sensitive, inactive, superseded_by, adopted, died = row
    names = () if previous == "[]" else tuple(PersonName(*name) for name in json.loads(previous))
    return Person(
        number,
        PersonName(given, family),
        date.fromisoformat(born),
        names,
        bool(sensitive),
        bool(inactive),
        superseded_by,
        bool(adopted),
        died and date.fromisoformat(died),
    )


def write_holding(holding: Holding) -> str:
    """The body of a row of `holdings`, as JSON.

    Put together by hand because a large upload writes hundreds of thousands: half the time of the encoder.
    """
    subjects = ",".join(
        f'["{s.kind}",{_text(s.nhs_number)},{_text(s.given)},{_text(s.family)},"{s.birth_date.isoformat()}",'
        f"{_local_id_text(s.local_id)}]"
        for s in holding.subjects
    )
    entries = ",".join(
        f'["{e.plan.plan_type}",{_when(e.plan.start)},{_when(e.plan.end)},{_when(e.plan.delete)},"{e.kind}",'
        f"{_text(e.file_id)}]"
        for e in holding.entries
    )
    return f"[{_organisation_text(holding.authority)},[{subjects}],[{entries}]]"


def _when(moment: datetime | None) -> str:
    return "null" if moment is None else f'"{moment.isoformat()}"'


def _local_id_text(value: LocalId | None) -> str:
    return "null" if value is None else _encode([value.extension, value.assigning_authority])


@lru_cache(maxsize=256)
def _organisation_text(value: Organisation) -> str:
    return _encode(_organisation(value))


def read_holding(nhs_number: str, body: str) -> Holding:
    """From a row of `holdings`."""
    authority, subjects, entries = json.loads(body)
    return Holding(
        nhs_number,
        _read_organisation(authority),
        tuple(
            Subject(SubjectKind(kind), number, date.fromisoformat(born), given, family, _read_local_id(local_id))
            for kind, number, given, family, born, local_id in subjects
        ),
        tuple(
            Entry(
                ProtectionPlan(
                    PlanType(plan_type),
                    datetime.fromisoformat(start),
                    end and datetime.fromisoformat(end),
                    delete and datetime.fromisoformat(delete),
                ),
                SubjectKind(kind),
                file_id,
            )
            for plan_type, start, end, delete, kind, file_id in entries
        ),
    )


def write_author(author: Author) -> str:
    """The author of a query."""
    organisation = _organisation(author.organisation)
    if isinstance(author, PersonAuthor):
        role = [author.role_code, author.role_name, author.user_id, author.role_profile_id]
        return _encode(["person", organisation, *role, _name(author.name)])
    responsible = [[p.role_code, p.role_name, _name(p.name)] for p in author.responsible]
    return _encode(["device", organisation, author.asid, responsible])


@lru_cache(maxsize=2048)
def read_author(text: str) -> Author:
    """From `write_author`. Kept, because the same people ask again and again."""
    kind, organisation, *rest = json.loads(text)
    if kind == "person":
        role_code, role_name, user_id, profile, name = rest
        return PersonAuthor(role_code, role_name, user_id, _read_name(name), _read_organisation(organisation), profile)
    asid, responsible = rest
    people = tuple(ResponsiblePerson(code, role, _read_name(name)) for code, role, name in responsible)
    return DeviceAuthor(asid, _read_organisation(organisation), people)


def write_notice(notice: Notice) -> str:
    """The body of a row of `notices`."""
    access = notice.access
    return _encode(
        [
            _organisation(notice.recipient),
            notice.upload_file_id,
            access.effective_time.isoformat(),
            access.event_id,
            write_author(access.author),
            access.nhs_number,
            _local_id(access.local_id),
        ]
    )


def read_notice(body: str) -> Notice:
    """From `write_notice`."""
    recipient, file_id, effective, event_id, author, number, local_id = json.loads(body)
    access = NotifiedAccess(
        datetime.fromisoformat(effective), event_id, read_author(author), number, _read_local_id(local_id)
    )
    return Notice(_read_organisation(recipient), file_id, access)


def _organisation(value: Organisation) -> list[object]:
    return [value.ods_code, value.name, [[t.value, t.use] for t in value.telecom], value.is_site]


def _read_organisation(value: list[Any]) -> Organisation:
    code, name, telecom, is_site = value
    return Organisation(code, name, tuple(Telecom(*t) for t in telecom), is_site)


def _local_id(value: LocalId | None) -> list[object] | None:
    return [value.extension, value.assigning_authority] if value else None


def _read_local_id(value: list[Any] | None) -> LocalId | None:
    return LocalId(*value) if value else None


def _name(value: AuthorName) -> list[object]:
    return [value.family, list(value.given), value.prefix, value.suffix, value.use]


def _read_name(value: list[Any]) -> AuthorName:
    family, given, prefix, suffix, use = value
    return AuthorName(family, tuple(given), prefix, suffix, use)


def write_reply(reply: OutgoingReply, *, taken: bool) -> tuple[object, ...]:
    """A row of `replies` without its number, its columns in their order."""
    return (
        reply.message_id,
        reply.ref_to_message_id,
        reply.party,
        reply.interaction,
        reply.address,
        reply.server_name,
        reply.content_type,
        reply.body,
        reply.exchange,
        reply.scenario,
        reply.weather,
        reply.harm,
        reply.after_bytes,
        int(reply.held),
        int(taken),
        int(reply.course.needs_ack),
        reply.course.retries,
        reply.course.interval // _MICROSECOND,
        *write_course(reply.course),
    )


def write_course(course: Course) -> tuple[object, ...]:
    """Those columns of `replies` that change on a reply's way."""
    return microseconds(course.due), course.standing, course.tries, course.reason


def read_reply(row: Any) -> OutgoingReply:
    """From the columns of `replies`, in their order."""
    (
        number, message_id, ref, party, interaction, address, server_name, content_type, body, exchange, scenario,
        weather, harm, after_bytes, held, _taken, needs_ack, retries, interval_us, due_us, standing, tries, reason,
    ) = row  # fmt: skip
    return OutgoingReply(
        message_id,
        ref,
        party,
        interaction,
        address,
        content_type,
        bytes(body),
        Course(
            bool(needs_ack),
            retries,
            interval_us * _MICROSECOND,
            instant(due_us),
            Standing(standing),
            tries,
            reason,
        ),
        row=number,
        server_name=server_name,
        exchange=exchange,
        scenario=scenario,
        weather=weather,
        harm=harm,
        after_bytes=after_bytes,
        held=bool(held),
    )
