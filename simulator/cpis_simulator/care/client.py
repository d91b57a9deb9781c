"""A care system's lookups: it makes a query, and understands whatever comes back.

It holds no state between the two: `prepare` gives the bytes to send, `understand` takes the bytes that came back at
once, `understand_payload` those of a reply that came later. Whatever is not beyond doubt the answer to this query about
this number is "status unknown", never "no plan".

Source: CP-IS rules QRY-001 to QRY-013, RSP-002, RSP-003, RSP-009, RSP-011, RSP-012, UI-001 to UI-008.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
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
    Coded,
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

# Readers know "no records" by its text, or by the code alone, which is not public; never by the response code.
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


class CareClient:
    """How a care system asks and reads; each decision is a method, so that a seeded fault can change it."""

    def prepare(
        self, look_up: LookUp, *, now: datetime, ids: Callable[[], str], sender: Sender | None = None
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
        if author is None or (author.user_id is None and author.asid is None):
            return LookUpResult(status="denied", text=texts.DENIED)
        if not self.is_well_formed(look_up.nhs_number):
            return LookUpResult(status="invalid", text=texts.INVALID)
        asked = _with_zone(look_up.accessed) if look_up.accessed else now
        unscheduled = None if look_up.silent is None else not look_up.silent
        query = Query(asked, look_up.event_id or ids(), author_of(author), look_up.nhs_number, unscheduled)
        asid = author.asid or CARE_ASID
        message = QueryMessage(Transmission(ids(), write_wrapper_time(now.astimezone(UTC)), asid, SPINE_ASID), query)
        envelope_id = ids()
        known = (query.nhs_number, query.event_id, asked, message.transmission.message_id, envelope_id)
        if sender.profile == "sync":
            body = encode_soap_query(self.written(message), message_id=envelope_id, from_asid=asid, to_asid=SPINE_ASID)
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
        content_type, body = encode_ebxml(header, self.written(message), description="CP-IS query")
        return Question(*known, body, content_type, RELIABLE_PATH if reliable else EXPRESS_PATH)

    def written(self, message: QueryMessage) -> bytes:
        """The query as it is sent."""
        return encode_query(message)

    def again(self, question: Question, ids: Callable[[], str]) -> Question:
        """What is sent when a query is tried again: the same message (OPS-005)."""
        return question

    def asked_by(self, reference: str, waiting: Sequence[str]) -> str:
        """Whose answer a reply is: that of the query that its header names (QRY-011).

        Args:
            reference: The message id that it refers to.
            waiting: Ids of the queries that have no answer yet, in the order in which they were made.
        """
        return reference

    def replaces(self, shown: LookUpResult | None, result: LookUpResult) -> bool:
        """Whether a reply takes the place of what is shown: the first answer that could be understood stays."""
        return shown is None or shown.status == "unknown"

    def is_well_formed(self, nhs_number: str) -> bool:
        """Ten digits of which the last checks the others (DAT-029)."""
        return is_valid(nhs_number)

    def unknown(self, question: Question, why: str) -> LookUpResult:
        """No usable answer: nobody there, too late, or not understood (QRY-013)."""
        return self.result(question, "unknown", f"{texts.UNKNOWN} ({why})")

    def understand(self, question: Question, status: int, body: bytes) -> LookUpResult:
        """Read what came back over HTTP.

        Args:
            question: What was asked.
            status: The HTTP status; a SOAP fault is read under any.
            body: The whole body.
        """
        try:
            message = decode_soap(body, party="service")
            if message.is_fault():
                return self.unknown(question, fault_text(message))
            if status != 200:
                return self.unknown(question, f"HTTP status {status}")
            if message.relates_to != question.envelope_id:
                return self.unknown(question, "the answer belongs to another query")
            return self.understand_reply(question, decode_reply(message.body_element))
        except DecodeError as error:
            reason = f"HTTP status {status}" if status != 200 else f"the answer cannot be read: {error.what}"
            return self.unknown(question, reason)

    def understand_payload(self, question: Question, payload: bytes) -> LookUpResult:
        """Read the HL7 message of a reply that came on a connection of its own and names the question's envelope."""
        try:
            return self.understand_reply(question, decode_reply(payload))
        except DecodeError as error:
            return self.unreadable(question, error)

    def unreadable(self, question: Question, error: DecodeError) -> LookUpResult:
        """An answer that cannot be read says nothing (MSG-001, MSG-002)."""
        return self.unknown(question, f"the answer cannot be read: {error.what}")

    def understand_reply(self, question: Question, reply: Reply) -> LookUpResult:
        """Read whatever the service answers to a query."""
        if isinstance(reply, AnswerMessage):
            return self.understand_answer(question, reply.answer)
        if reply.answers != question.message_id:
            return self.unknown(question, "the answer belongs to another query")
        if isinstance(reply, NoRecord):
            issue = reply.issue
            if self.says_no_record(issue):
                return self.no_record(question)
            return self.refused(question, issue.display_name or issue.code)
        reasons = "; ".join(coded.display_name or coded.code for coded in (*reply.details, *reply.issues))
        return self.refused(question, reasons or "no reason given")

    def says_no_record(self, issue: Coded) -> bool:
        """The text says so, or the code where no word contradicts it: a code with another's text is not guessed at."""
        text = issue.display_name.strip().lower()
        return _NO_RECORDS_TEXT in text or (issue.code == _NO_RECORDS_CODE and not any(map(str.isalpha, text)))

    def no_record(self, question: Question) -> LookUpResult:
        """Nothing is held, which is no sign of safety (RSP-003, UI-008)."""
        return self.result(question, "no-record", texts.NO_RECORD)

    def refused(self, question: Question, reasons: str) -> LookUpResult:
        """The service would not answer (RSP-011)."""
        return self.result(question, "refused", texts.REFUSED + reasons)

    def understand_answer(self, question: Question, answer: Answer) -> LookUpResult:
        """Show a positive answer, but only one about the number that was asked for (RSP-012)."""
        if not self.is_about(question.nhs_number, answer):
            return self.about_another(question)
        if min(answer.total_records, answer.total_accesses) < 0:
            return self.unknown(question, "the answer has a negative total")
        today = question.asked.date()
        plans = [
            self.shown_plan(held, plan, on=today) for held in self.records_of(answer) for plan in held.record.plans
        ]
        plans.sort(key=lambda plan: not plan.current)
        text = texts.found_text(plans)
        is_whole = self.is_whole(answer)
        if not is_whole:
            text += f"\n{texts.INCOMPLETE}"
        result = self.result(question, "found", text)
        return result.model_copy(
            update={
                "plans": plans,
                "accesses": self.accesses_of(question, answer),
                "complete": is_whole,
                "alert": self.has_alert(plans),
            }
        )

    def is_about(self, nhs_number: str, answer: Answer) -> bool:
        """Every subject and access of the answer has the number that was asked for (RSP-012)."""
        numbers = {subject.nhs_number for held in answer.records for subject in held.record.subjects}
        numbers |= {access.nhs_number for access in answer.accesses}
        return numbers == {nhs_number}

    def about_another(self, question: Question) -> LookUpResult:
        """Nothing of an answer about somebody else is shown (RSP-012)."""
        return self.unknown(question, "the answer is about another NHS number")

    def records_of(self, answer: Answer) -> Sequence[AuthorityRecord]:
        """The records that are shown: each authority's (DAT-022)."""
        return answer.records

    def accesses_of(self, question: Question, answer: Answer) -> list[ShownAccess]:
        """The accesses that are shown: those of the answer, this one among them (UI-003)."""
        return [self.shown_access(access) for access in answer.accesses]

    def is_whole(self, answer: Answer) -> bool:
        """The answer holds as many items as it announces (RSP-002)."""
        return answer.total_records == len(answer.records) and answer.total_accesses == len(answer.accesses)

    def has_alert(self, plans: Sequence[ShownPlan]) -> bool:
        """Whatever the service still returns is inside its time of retention (UI-004)."""
        return bool(plans)

    def result(self, question: Question, status: str, text: str) -> LookUpResult:
        """What is said of a query."""
        return LookUpResult.model_validate(
            {"status": status, "text": text, "event_id": question.event_id, "asked": question.asked}
        )

    def shown_plan(self, held: AuthorityRecord, plan: ProtectionPlan, *, on: date) -> ShownPlan:
        """A plan with its authority and both telephones (UI-001, UI-002)."""
        office, emergency = self.telephones_of(held)
        shown = ShownPlan(
            plan_type=plan.plan_type,
            start=plan.start.date(),
            end=plan.end.date() if plan.end else None,
            about="unborn child" if plan.plan_type is PlanType.UNBORN else "child",
            authority=held.authority.name,
            telephone_office=office,
            telephone_emergency=emergency,
        )
        shown.current = not texts.is_past(shown, on=on)
        shown.text = texts.plan_text(shown)
        return shown

    def telephones_of(self, held: AuthorityRecord) -> tuple[str | None, str | None]:
        """Office and emergency duty number of the authority that shared a record."""
        telephones = {telecom.use: telecom.value for telecom in held.authority.telecom}
        emergency = telephones.pop("EC", None)
        # The second telephone is normally, but need not be, marked WP (DAT-014).
        return next(iter(telephones.values()), None), emergency

    def shown_access(self, access: Access) -> ShownAccess:
        """An access: when, who in what role, and of which organisation (RSP-006)."""
        author = access.author
        if isinstance(author, PersonAuthor):
            worker, role = author.name.shown(), author.role_name
        else:
            people = ", ".join(person.name.shown() for person in author.responsible)
            worker = f"system {author.asid}, responsible: {people or 'nobody named'}"
            role = ", ".join(person.role_name for person in author.responsible)
        return ShownAccess(
            accessed=access.effective_time, worker=worker, role=role, organisation=author.organisation.name
        )


_PLAIN: Final = CareClient()
prepare: Final = _PLAIN.prepare
unknown: Final = _PLAIN.unknown
understand: Final = _PLAIN.understand
understand_payload: Final = _PLAIN.understand_payload


def fault_text(message: SoapMessage) -> str:
    """A SOAP fault in a sentence."""
    fault = decode_soap_fault(message.body_element)
    errors = "; ".join(f"{code} {description}" for code, _, _, description in fault.errors)
    return f"the service reports a fault: {errors or fault.faultstring or fault.faultcode}"


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
