"""A query and what comes of it: the answer, the access that is kept, the notices that go out.

Source: CP-IS rules QRY-008, QRY-009, QRY-012, RSP-001 to RSP-010, DAT-024, DAT-025, NTF-001 to NTF-005.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from cpis_simulator.codecs.times import write_wrapper_time
from cpis_simulator.directory import SPINE_ASID
from cpis_simulator.model import (
    Access,
    Answer,
    AnswerMessage,
    Author,
    AuthorityRecord,
    Coded,
    NoRecord,
    PersonAuthor,
    Query,
    QueryMessage,
    Refusal,
    Reply,
    Transmission,
)
from cpis_simulator.service.notifications import Notice, notice
from cpis_simulator.service.pds import Person
from cpis_simulator.service.register import Register, StoredQuery, records, uk_day, visible
from cpis_simulator.settings import AuthorKey, Settings
from cpis_simulator.vocabulary import OID_FAULT, OID_ISSUE

HISTORY_DEPTH: Final = 25
REPEAT_WINDOW: Final = timedelta(hours=24)
DUPLICATE: Final = Coded("202", "Duplicate HL7 ID Error", OID_FAULT)
_MAX_REPLACEMENTS: Final = 8


@dataclass(frozen=True, slots=True)
class LookUpOutcome:
    """The reply, and what the store keeps with it in one transaction. A duplicate keeps nothing."""

    reply: Reply
    query: StoredQuery | None = None
    notices: tuple[Notice, ...] = ()


def author_key(author: Author, choice: AuthorKey = "user") -> str:
    """Who is "the same author": the SDS user, or the system by its ASID (RSP-007)."""
    key = f"user:{author.user_id}" if isinstance(author, PersonAuthor) else f"asid:{author.asid}"
    return key if choice == "user" else f"{key}@{author.organisation.ods_code}"


def look_up(
    message: QueryMessage, register: Register, *, settings: Settings, now: datetime, ids: Callable[[], str]
) -> LookUpOutcome:
    """Answer one query that has passed the checks of its form.

    Args:
        message: The query and its wrapper.
        register: What is held, and who looked before.
        settings: Retention, history and query settings.
        now: The service's time.
        ids: Gives upper-case UUIDs.
    """
    person = register.people((message.query.nhs_number,)).get(message.query.nhs_number)
    # A query that is led on to another number is from here on one about that number: its history, its notices.
    query, person = _led_on(message.query, person, register, settings)
    earlier = register.earlier_query(query)
    transmission = _reply_to(message, now, ids)
    if earlier is not None and settings.query.duplicate_event_id == "refuse":
        # The detail code says it all; an issue beside it would name a second fault that there is not.
        refusal = Refusal(transmission, message.transmission.message_id, (), "AR", (DUPLICATE,))
        return LookUpOutcome(refusal)
    found, notices = _records_of(query, person, register, settings, now)
    key = author_key(query.author, settings.history.same_author_key)
    if not found:
        issue = Coded(settings.query.no_record_code, "No Records Found", OID_ISSUE)
        reply = NoRecord(
            transmission,
            message.transmission.message_id,
            issue,
            response_code=settings.query.no_record_response_code,
        )
        return LookUpOutcome(reply, StoredQuery(query, now, key, found=False, listed=False))
    repeat = _is_repeat(query, key, register)
    accesses = _accesses(query, register, settings, own=not repeat)
    answer = Answer(now, ids(), len(accesses), len(found), accesses, found)
    reply_found = AnswerMessage(transmission, answer)
    if earlier:
        # Came before and found a record then: answered again, recorded and notified once (QRY-012).
        return LookUpOutcome(reply_found)
    listed = not repeat and not query.is_silent()
    kept = StoredQuery(query, now, key, found=True, listed=listed)
    return LookUpOutcome(reply_found, kept, () if query.is_silent() else notices)


def _reply_to(message: QueryMessage, now: datetime, ids: Callable[[], str]) -> Transmission:
    """The wrapper of a reply; its creation time has no offset, as the wrapper's is exempt (DAT-012)."""
    return Transmission(ids(), write_wrapper_time(now), SPINE_ASID, message.transmission.sender_asid)


def hidden_by(person: Person | None, settings: Settings) -> str | None:
    """Why nothing is answered for a person, whatever is held; None where what is held decides."""
    if person is None:
        return None
    if person.replacement(settings.inactive) is not None:
        return "another number took the place of this one (CPIS-RSP-010)"
    if person.is_retired():
        return "the number is no longer used (CPIS-INA-001)"
    return "the record is sensitive (CPIS-UPL-020)" if person.sensitive else None


def _records_of(
    query: Query, person: Person | None, register: Register, settings: Settings, now: datetime
) -> tuple[tuple[AuthorityRecord, ...], tuple[Notice, ...]]:
    """The records that the query finds, and for each authority the notice of it."""
    if hidden_by(person, settings) is not None:
        return (), ()
    today, born = uk_day(now), person.birth_date if person else None
    age_limit = "age-18" in settings.upload.business_checks
    found: list[AuthorityRecord] = []
    notices: list[Notice] = []
    for holding in register.holdings(query.nhs_number):
        entries = visible(holding, on=today, born=born, data=settings.data, age_limit=age_limit)
        if entries:
            found += records(holding, entries)
            notices.append(notice(query, holding, entries))
    return tuple(found), tuple(notices)


def _led_on(query: Query, person: Person | None, register: Register, settings: Settings) -> tuple[Query, Person | None]:
    """The query and person to answer for; with `follow` those at the end of a chain of replacements (RSP-010)."""
    number = query.nhs_number
    for _ in range(_MAX_REPLACEMENTS if settings.query.superseded_number == "follow" else 0):
        replacement = person.replacement(settings.inactive) if person else None
        if replacement is None:
            break
        number = replacement
        person = register.people((number,)).get(number)
    return (query if number == query.nhs_number else replace(query, nhs_number=number)), person


def _is_repeat(query: Query, key: str, register: Register) -> bool:
    """The author has a listed access in the 24 hours before (RSP-007)."""
    at = query.effective_time
    last = register.last_listed(query.nhs_number, key, until=at)
    return last is not None and at - last <= REPEAT_WINDOW


def _accesses(query: Query, register: Register, settings: Settings, *, own: bool) -> tuple[Access, ...]:
    """The history that the answer lists, the query itself among it."""
    listed: Sequence[Access] = register.history(query.nhs_number, HISTORY_DEPTH)
    if own and (not query.is_silent() or settings.history.silent_read_in_own_answer):
        mine = Access(query.effective_time, query.event_id, query.author, query.nhs_number)
        # A stable sort keeps this query in front of those of the same second.
        listed = sorted((mine, *listed), key=lambda access: access.effective_time, reverse=True)
        listed = listed[:HISTORY_DEPTH]
    return tuple(listed if settings.history.order == "newest-first" else reversed(listed))
