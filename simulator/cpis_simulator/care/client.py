"""The mock care client: makes a query, and understands whatever comes back.

It holds no state between the two: `prepare` gives the bytes to send, `understand` takes the bytes that came back at
once, `understand_payload` those of a reply that came later. Whatever is not beyond doubt the answer to this query about
this number is "status unknown", never "no plan".

Source: CP-IS rules QRY-001 to QRY-013, RSP-002, RSP-003, RSP-009, RSP-011, RSP-012, UI-001 to UI-008.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cpis_simulator.care import texts
from cpis_simulator.codecs.ebxml import ACK_REQUESTED, SYNC_REPLY, EbxmlHeader, encode_ebxml
from cpis_simulator.codecs.query import encode_query
from cpis_simulator.codecs.reply import decode_reply
from cpis_simulator.codecs.soap import (
    QUERY_ACTION,
    SoapMessage,
    decode_soap,
    decode_soap_fault,
    encode_soap_query,
)
from cpis_simulator.codecs.times import write_wrapper_time
from cpis_simulator.directory import (
    CARE_ASID,
    CARE_PARTY_KEY,
    EXPRESS_PATH,
    QUERY,
    RELIABLE_PATH,
    SPINE_ASID,
    SPINE_CPA_ID,
    SPINE_PARTY_KEY,
    SYNC_PATH,
)
from cpis_simulator.driving import CareAuthor, LookUp, LookUpResult, ShownAccess, ShownPlan
from cpis_simulator.errors import DecodeError
from cpis_simulator.model import (
    Access,
    Answer,
    AnswerMessage,
    Author,
    AuthorityRecord,
    AuthorName,
    DeviceAuthor,
    NoRecord,
    Organisation,
    PersonAuthor,
    ProtectionPlan,
    Query,
    QueryMessage,
    Reply,
    ResponsiblePerson,
    Transmission,
)
from cpis_simulator.nhs_number import is_valid
from cpis_simulator.settings import Profile
from cpis_simulator.vocabulary import SERVICE_NAME, PlanType

# Readers know "no records" by either, because the code is not public; never by the response code.
_NO_RECORDS_CODE: Final = "CPIS-0001"
_NO_RECORDS_TEXT: Final = "no records found"


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends: the message handler's party, and the service's contract as the directory has it."""

    party_key: str = CARE_PARTY_KEY
    cpa_id: str = SPINE_CPA_ID
    profile: Profile = "sync"


@dataclass(frozen=True, slots=True)
class Question:
    """A query ready to be posted, with what is needed to recognise its answer.

    `message_id` is that of the query itself, `envelope_id` that of what it travels in: they need not be equal.
    """

    nhs_number: str
    event_id: str
    asked: datetime
    message_id: str
    envelope_id: str
    body: bytes
    content_type: str = "text/xml; charset=utf-8"
    path: str = SYNC_PATH

    def headers(self) -> dict[str, str]:
        """HTTP headers to post it with; SOAPAction unquoted, as real clients send it."""
        return {"Content-Type": self.content_type, "SOAPAction": QUERY_ACTION}


def prepare(
    look_up: LookUp, *, now: datetime, ids: Callable[[], str], sender: Sender | None = None
) -> Question | LookUpResult:
    """Make the query, or say why none is sent.

    Args:
        look_up: What is asked for; its own event id and time win over `ids` and `now`.
        now: The client's time.
        ids: Gives upper-case UUIDs.
        sender: Who sends, and in what profile; the bundled client's synchronous one when left out.
    """
    sender = sender or Sender()
    author = look_up.author
    if author.user_id is None and author.asid is None:
        return LookUpResult(status="denied", text=texts.DENIED)
    if not is_valid(look_up.nhs_number):
        return LookUpResult(status="refused", text=texts.NOT_VERIFIED)
    asked = _with_zone(look_up.accessed) if look_up.accessed else now
    unscheduled = None if look_up.silent is None else not look_up.silent
    query = Query(asked, look_up.event_id or ids(), author_of(author), look_up.nhs_number, unscheduled)
    asid = author.asid or CARE_ASID
    message = QueryMessage(Transmission(ids(), write_wrapper_time(now.astimezone(UTC)), asid, SPINE_ASID), query)
    envelope_id = ids()
    known = (query.nhs_number, query.event_id, asked, message.transmission.message_id, envelope_id)
    if sender.profile == "sync":
        body = encode_soap_query(encode_query(message), message_id=envelope_id, from_asid=asid, to_asid=SPINE_ASID)
        return Question(*known, body)
    reliable = sender.profile == "reliable"
    header = EbxmlHeader(
        from_party=sender.party_key,
        to_party=SPINE_PARTY_KEY,
        cpa_id=sender.cpa_id,
        conversation_id=ids(),
        service=SERVICE_NAME,
        action=QUERY,
        message_id=envelope_id,
        timestamp=f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        duplicate_elimination=reliable,
        ack_requested=ACK_REQUESTED if reliable else None,
        sync_reply=SYNC_REPLY,
    )
    content_type, body = encode_ebxml(header, encode_query(message), description="CP-IS query")
    return Question(*known, body, content_type, RELIABLE_PATH if reliable else EXPRESS_PATH)


def unknown(question: Question, why: str) -> LookUpResult:
    """No usable answer: nobody there, too late, or not understood (QRY-013)."""
    return _result(question, "unknown", f"{texts.UNKNOWN} ({why})")


def understand(question: Question, status: int, body: bytes) -> LookUpResult:
    """Read what came back over HTTP.

    Args:
        question: What was asked.
        status: The HTTP status; a SOAP fault is read under any.
        body: The whole body.
    """
    try:
        message = decode_soap(body, party="service")
        if message.is_fault():
            return unknown(question, fault_text(message))
        if status != 200:
            return unknown(question, f"HTTP status {status}")
        if message.relates_to != question.envelope_id:
            return unknown(question, "the answer belongs to another query")
        return _understand_reply(question, decode_reply(message.body_element))
    except DecodeError as error:
        reason = f"HTTP status {status}" if status != 200 else f"the answer cannot be read: {error.what}"
        return unknown(question, reason)


def understand_payload(question: Question, payload: bytes) -> LookUpResult:
    """Read the HL7 message of a reply that came on a connection of its own and names the question's envelope."""
    try:
        return _understand_reply(question, decode_reply(payload))
    except DecodeError as error:
        return unknown(question, f"the answer cannot be read: {error.what}")


def _understand_reply(question: Question, reply: Reply) -> LookUpResult:
    if isinstance(reply, AnswerMessage):
        return _understand_answer(question, reply.answer)
    if reply.answers != question.message_id:
        return unknown(question, "the answer belongs to another query")
    if isinstance(reply, NoRecord):
        issue = reply.issue
        if issue.code == _NO_RECORDS_CODE or _NO_RECORDS_TEXT in issue.display_name.lower():
            return _result(question, "no-record", texts.NO_RECORD)
        return _result(question, "refused", texts.REFUSED + (issue.display_name or issue.code))
    reasons = "; ".join(coded.display_name or coded.code for coded in (*reply.details, *reply.issues))
    return _result(question, "refused", texts.REFUSED + (reasons or "no reason given"))


def _understand_answer(question: Question, answer: Answer) -> LookUpResult:
    """Show a positive answer, but only one about the number that was asked for (RSP-012)."""
    numbers = {subject.nhs_number for held in answer.records for subject in held.record.subjects}
    numbers |= {access.nhs_number for access in answer.accesses}
    if numbers != {question.nhs_number}:
        return unknown(question, "the answer is about another NHS number")
    if min(answer.total_records, answer.total_accesses) < 0:
        return unknown(question, "the answer has a negative total")
    today = question.asked.date()
    plans = [_shown_plan(held, plan) for held in answer.records for plan in held.record.plans]
    plans.sort(key=lambda plan: texts.is_past(plan, on=today))
    text = texts.found_text(plans, on=today)
    if answer.total_records != len(answer.records) or answer.total_accesses != len(answer.accesses):
        text += f"\n{texts.INCOMPLETE}"
    result = _result(question, "found", text)
    return result.model_copy(update={"plans": plans, "accesses": [_shown_access(a) for a in answer.accesses]})


def _result(question: Question, status: str, text: str) -> LookUpResult:
    return LookUpResult.model_validate(
        {"status": status, "text": text, "event_id": question.event_id, "asked": question.asked}
    )


def fault_text(message: SoapMessage) -> str:
    """A SOAP fault in a sentence."""
    fault = decode_soap_fault(message.body_element)
    errors = "; ".join(f"{code} {description}" for code, _, _, description in fault.errors)
    return f"the service reports a fault: {errors or fault.faultstring or fault.faultcode}"


def _shown_plan(held: AuthorityRecord, plan: ProtectionPlan) -> ShownPlan:
    telephones = {telecom.use: telecom.value for telecom in held.authority.telecom}
    emergency = telephones.pop("EC", None)
    return ShownPlan(
        plan_type=plan.plan_type,
        start=plan.start.date(),
        end=plan.end.date() if plan.end else None,
        about="unborn child" if plan.plan_type is PlanType.UNBORN else "child",
        authority=held.authority.name,
        # The second telephone is normally, but need not be, marked WP (DAT-014).
        telephone_office=next(iter(telephones.values()), None),
        telephone_emergency=emergency,
    )


def _shown_access(access: Access) -> ShownAccess:
    author = access.author
    if isinstance(author, PersonAuthor):
        worker, role = author.name.shown(), author.role_name
    else:
        people = ", ".join(person.name.shown() for person in author.responsible)
        worker = f"system {author.asid}, responsible: {people or 'nobody named'}"
        role = ", ".join(person.role_name for person in author.responsible)
    return ShownAccess(accessed=access.effective_time, worker=worker, role=role, organisation=author.organisation.name)


def author_of(author: CareAuthor) -> Author:
    """The author as the query names it; with an ASID the person is the one responsible for the system."""
    name = AuthorName(author.family, tuple(author.given), author.prefix)
    organisation = Organisation(author.organisation_ods, author.organisation_name)
    if author.asid is not None:
        return DeviceAuthor(author.asid, organisation, (ResponsiblePerson(author.role_code, author.role_name, name),))
    return PersonAuthor(
        author.role_code, author.role_name, author.user_id or "", name, organisation, author.role_profile_id
    )


def _with_zone(moment: datetime) -> datetime:
    """A time without a zone is taken as UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
