"""A lookup from its request to what is answered at once and what follows: steps 6 to 11 of the order of checks.

Theory of operation. A request whose form is right is dealt with in one transaction of the store: duplicate, script,
application, reply and the memory of it all are kept together, or none of it is. Only then is it acknowledged; and only
when the acknowledgement has left does the reply, which waits as a row of its own, begin to go out. A synchronous lookup
has the reply in its answer. What is wrong with the message is a SOAP fault or an ebXML error; what is wrong with the
query inside is an application acknowledgement; neither reaches the service.

Source: CP-IS over Spine, transport sections 4 to 9; CP-IS rules QRY-012, RSP-011, DAT-030.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from lxml import etree

from cpis_simulator.codecs.ebxml import (
    ACK_REQUESTED,
    ACKNOWLEDGEMENT_ACTION,
    MESSAGE_ERROR_ACTION,
    SYNC_REPLY,
    EbxmlHeader,
    MessageError,
    clean_action,
    encode_acknowledgement,
    encode_ebxml,
    encode_message_error,
)
from cpis_simulator.codecs.query import decode_query, query_faults, transmission_of
from cpis_simulator.codecs.reply import encode_reply, interaction_of
from cpis_simulator.codecs.soap import SoapMessage, encode_soap_reply
from cpis_simulator.codecs.times import write_wrapper_time
from cpis_simulator.codecs.xml import shortened
from cpis_simulator.directory import (
    QUERY,
    RELIABLE,
    SPINE_ASID,
    SPINE_PARTY_KEY,
    Contract,
    Directory,
    is_named,
)
from cpis_simulator.driving import Turn
from cpis_simulator.errors import DecodeError
from cpis_simulator.model import AnswerMessage, Coded, NoRecord, QueryMessage, Refusal, Reply, Transmission
from cpis_simulator.nhs_number import is_synthetic
from cpis_simulator.settings import DataSettings, FlagPlace, Grouping, TransportSettings
from cpis_simulator.spine.answers import (
    ERROR_TEXT,
    LONGEST_TEXT,
    SYSTEM_FAILURE,
    UNKNOWN_CPA,
    UNKNOWN_FROM,
    UNKNOWN_TO,
    Erred,
    Faulted,
    HttpAnswer,
    soap_faults,
)
from cpis_simulator.spine.delivery import Event, OutgoingReply, course
from cpis_simulator.spine.intake import AskedByEbxml, AskedBySoap, Incoming, Signalled, take_in
from cpis_simulator.spine.weather import (
    NOBODY,
    cut_short,
    is_before_the_application,
    mark_of,
    refusal,
    spoiled_answer,
    spoiled_payload,
    wire_harm,
)
from cpis_simulator.vocabulary import OID_FAULT, SERVICE_NAME

REPLY_ADDRESS: Final = "https://cpisquery.national.ncrs.nhs.uk/syncservice"
"""What Spine writes as `wsa:From` of its replies; nothing is ever sent there."""

LONGEST_HOLD: Final = timedelta(seconds=60)
"""A reply that waits for the next one to overtake it waits no longer than this."""

_UUID: Final = re.compile(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}")
_OUTCOMES: Final = {AnswerMessage: "found", NoRecord: "no-record", Refusal: "refused"}
_DESCRIPTIONS: Final = {AnswerMessage: "CP-IS query response", NoRecord: "CP-IS query failed"}


class Desk(Protocol):
    """One transaction of a world, as an exchange needs it."""

    def now(self) -> datetime:
        """What the world's clock shows."""

    def real_now(self) -> datetime:
        """Real time, by which timers go."""

    def directory(self) -> Directory:
        """Who takes what, and where."""

    def turn_for(self, party: str | None) -> Turn | None:
        """The turn that the next lookup of a party takes, which is used up with it."""

    def earlier_answer(self, party: str, message_id: str) -> HttpAnswer | None:
        """What a message of the party with that id was answered while it is still remembered."""

    def remember_answer(self, party: str, message_id: str, answer: HttpAnswer, until: datetime) -> None:
        """Remember what a message was answered, so that another copy of it is answered the same."""

    def add_reply(self, reply: OutgoingReply) -> int:
        """Keep a reply that is to be sent; its row."""

    def settle_reply(self, party: str, message_id: str, event: Event, reason: str) -> bool:
        """Note what a party told about a reply on a connection of its own; whether there is such a reply."""

    def answer(self, message: QueryMessage) -> Reply:
        """Have the application answer a query that has passed all checks of its form."""


Warn = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an exchange is handed beside the request.

    Attributes:
        desk: Begins a transaction; it ends well when the context does.
        now: The world's time, for what is refused before a transaction.
        ids: Gives upper-case UUIDs.
        warn: Takes a sentence about what was let pass.
    """

    desk: Callable[[], AbstractContextManager[Desk]]
    now: Callable[[], datetime]
    ids: Callable[[], str]
    warn: Warn


class Exchange:
    """Turns requests into answers and replies.

    Args:
        transport: Profiles, checks and times.
        data: Which NHS numbers may be asked for.
        flag: Where a silent-read flag is taken (setting `query.access_flag_place`).
        grouping: How records stand in an answer (setting `response.grouping`).
    """

    def __init__(
        self,
        transport: TransportSettings,
        data: DataSettings,
        *,
        flag: FlagPlace = "anywhere",
        grouping: Grouping = "number",
    ) -> None:
        """Keep the settings; there is no other state."""
        self._grouping = grouping
        self._transport = transport
        self._data = data
        self._flag = flag

    def handle(self, incoming: Incoming, around: Surroundings) -> HttpAnswer:
        """Check one request, have it answered, and say what goes back at once."""
        try:
            taken = take_in(incoming, self._transport)
            if isinstance(taken, AskedBySoap):
                return self._answer_soap(taken, incoming, around)
            if isinstance(taken, Signalled):
                return self._note_signal(taken.header, incoming, around)
            return self._accept(taken, incoming, around)
        except Faulted as refused:
            return refused.answer()
        except Erred as refused:
            return self._error(refused.header, refused.errors, around.ids(), around.now())

    # Synchronous.

    def _answer_soap(self, asked: AskedBySoap, incoming: Incoming, around: Surroundings) -> HttpAnswer:
        envelope = asked.envelope
        with around.desk() as desk:
            party = desk.directory().party_of(envelope.sender_asid)
            self._check_name(incoming, party or f"of ASID {envelope.sender_asid}", desk.directory(), around.warn)
            turn = desk.turn_for(party)
            if turn is not None and is_before_the_application(turn):
                # An ebXML error has no form in this profile: the nearest to it is a fault.
                return replace(refusal(turn) or soap_faults([200], turn.description), weather=turn.weather)
            reply = self._reply(asked.query, envelope.sender_asid, envelope.message_id, desk, around.ids)
            answer = self._reply_by_soap(reply, envelope, around.ids(), turn)
        return spoiled_answer(answer, turn, synchronous=True) if turn is not None else answer

    def _reply_by_soap(self, reply: Reply, envelope: SoapMessage, message_id: str, turn: Turn | None) -> HttpAnswer:
        if self._transport.asid_oddity and isinstance(reply, NoRecord):
            inside = reply.transmission
            odd = replace(inside, sender_asid=inside.receiver_asid, receiver_asid=inside.sender_asid)
            reply = replace(reply, transmission=odd)
        payload = encode_reply(reply, grouping=self._grouping)
        relates_to = envelope.message_id
        if turn is not None:
            payload = spoiled_payload(payload, turn)
            relates_to = NOBODY if "wrong-reference" in (turn.reply, turn.answer) else relates_to
        body = encode_soap_reply(
            payload,
            message_id=message_id,
            relates_to=relates_to,
            interaction=interaction_of(reply),
            from_asid=SPINE_ASID,
            to_asid=envelope.sender_asid,
            address=REPLY_ADDRESS,
        )
        return HttpAnswer(200, body, _OUTCOMES[type(reply)])

    # Asynchronous.

    def _accept(self, asked: AskedByEbxml, incoming: Incoming, around: Surroundings) -> HttpAnswer:
        header, soap_action = asked.header, clean_action(incoming.soap_action)
        if soap_action != header.soap_action():
            said = f"SOAPAction is {soap_action}, the message {header.soap_action()}"
            raise Erred(header, MessageError("Inconsistent", said))
        if header.to_party != SPINE_PARTY_KEY:
            raise Erred(header, UNKNOWN_TO)
        with around.desk() as desk:
            directory = desk.directory()
            self._check_parties(header, directory, around.warn)
            self._check_name(incoming, header.from_party, directory, around.warn)
            if header.duplicate_elimination:
                earlier = desk.earlier_answer(header.from_party, header.message_id)
                if earlier is not None:
                    return earlier
            turn = desk.turn_for(header.from_party)
            if turn is not None and is_before_the_application(turn):
                return self._refuse_by_turn(header, turn, around.ids(), desk.now())
            # A query that names no system is refused, and the refusal has to name one.
            sender = next(iter(_asids(directory, header.from_party)), "")
            reply = self._reply(asked.query, sender, header.message_id, desk, around.ids)
            now = desk.now()
            answer = self._acknowledgement(asked, reply, turn, around.ids, now)
            if header.duplicate_elimination:
                until = desk.real_now() + self._persist_duration(directory)
                desk.remember_answer(header.from_party, header.message_id, answer, until)
            rows = self._send_reply(reply, header, directory, turn, around, desk)
        answer = replace(answer, replies=rows)
        return spoiled_answer(answer, turn, synchronous=False) if turn is not None else answer

    def _check_parties(self, header: EbxmlHeader, directory: Directory, warn: Warn) -> None:
        """CPAId and From party, which real clients may have wrong: told, and refused where it is set so."""
        contract = directory.contract(SPINE_PARTY_KEY, QUERY)
        errors = [UNKNOWN_CPA] if contract is None or header.cpa_id != contract.cpa_id else []
        errors += [UNKNOWN_FROM] if header.from_party not in directory.parties else []
        checks = self._transport.party_checks
        if errors and (checks == "refuse" or (checks == "when-strict" and self._transport.strict != "off")):
            raise Erred(header, errors[0])
        for error in errors:
            warn(f"{error.description}: {header.from_party}, CPAId {header.cpa_id}")

    def _check_name(self, incoming: Incoming, key: str, directory: Directory, warn: Warn) -> None:
        """The client's certificate has the name of the party that it speaks for, where that is wanted."""
        if self._transport.certificate_name == "off":
            return
        party, names = directory.parties.get(key), incoming.certificate_names
        if party is not None and names is not None and is_named(names, party.fqdn):
            return
        wanted = f"the name of party {key} is {party.fqdn}" if party else f"the directory has no party {key}"
        said = f"The certificate is of {', '.join(names)}" if names is not None else "No certificate was shown"
        warn(f"client refused: {said}, {wanted}")
        raise Faulted(SYSTEM_FAILURE, f"{said}, {wanted}", client=True, status=403)

    def _persist_duration(self, directory: Directory) -> timedelta:
        """How long the id of a message is remembered; a contract without duplicate elimination has no word on it."""
        contract = directory.contract(SPINE_PARTY_KEY, QUERY)
        agreed = contract.terms.persist_duration if contract else timedelta(0)
        return (agreed or RELIABLE.persist_duration) / self._transport.time_scale

    def _refuse_by_turn(self, header: EbxmlHeader, turn: Turn, message_id: str, now: datetime) -> HttpAnswer:
        answer = refusal(turn)
        if answer is None:
            text = turn.description or ERROR_TEXT.get(turn.error, turn.error)
            answer = self._error(header, (MessageError(turn.error, text),), message_id, now)
        return replace(answer, weather=turn.weather, delay_s=turn.answer_delay_s)

    def _acknowledgement(
        self, asked: AskedByEbxml, reply: Reply, turn: Turn | None, ids: Callable[[], str], now: datetime
    ) -> HttpAnswer:
        """What says that the message was accepted: an acknowledgement where one was asked for."""
        outcome = _OUTCOMES[type(reply)]
        if asked.header.ack_requested is None:
            return HttpAnswer(202, b"", outcome)
        named = asked.header
        if turn is not None and turn.answer == "wrong-reference":
            named = replace(named, message_id=NOBODY)
        body = encode_acknowledgement(named, message_id=ids(), acknowledged=_timestamp(now))
        return HttpAnswer(202, body, outcome, soap_action=ACKNOWLEDGEMENT_ACTION)

    def _send_reply(
        self,
        reply: Reply,
        header: EbxmlHeader,
        directory: Directory,
        turn: Turn | None,
        around: Surroundings,
        desk: Desk,
    ) -> tuple[int, ...]:
        """Keep the reply to be sent when the acknowledgement has left; none where nobody takes it."""
        interaction = interaction_of(reply)
        contract = directory.contract(header.from_party, interaction)
        if contract is None:
            around.warn(
                f"DeliveryFailure: the directory has no endpoint of {header.from_party} for {interaction}; "
                "describe it under [[party]] in the configuration, or by put-parties"
            )
            return ()
        if turn is not None and turn.reply == "none":
            return ()
        outgoing = self._outgoing(reply, interaction, header, contract, turn, around.ids(), desk)
        copies = 2 if turn is not None and turn.reply == "twice" else 1
        return tuple(desk.add_reply(outgoing) for _ in range(copies))

    def _outgoing(
        self,
        reply: Reply,
        interaction: str,
        header: EbxmlHeader,
        contract: Contract,
        turn: Turn | None,
        message_id: str,
        desk: Desk,
    ) -> OutgoingReply:
        terms, transport = contract.terms, self._transport
        ref, payload, due = header.message_id, encode_reply(reply, grouping=self._grouping), desk.real_now()
        due += timedelta(seconds=transport.reply_delay)
        if turn is not None:
            payload = spoiled_payload(payload, turn)
            ref = NOBODY if turn.reply == "wrong-reference" else ref
            due += LONGEST_HOLD if turn.reply == "swapped" else timedelta(seconds=turn.reply_delay_s)
        content_type, body = encode_ebxml(
            EbxmlHeader(
                from_party=SPINE_PARTY_KEY,
                to_party=header.from_party,
                cpa_id=contract.cpa_id,
                conversation_id=header.conversation_id,
                service=SERVICE_NAME,
                action=interaction,
                message_id=message_id,
                timestamp=_timestamp(desk.now()),
                ref_to_message_id=ref,
                duplicate_elimination=terms.duplicate_elimination == "always",
                ack_requested=ACK_REQUESTED if terms.ack_requested == "always" else None,
                sync_reply=SYNC_REPLY if terms.sync_reply_mode != "None" else None,
            ),
            payload,
            description=_DESCRIPTIONS.get(type(reply), "CP-IS application acknowledgement"),
            schema=interaction,
        )
        return OutgoingReply(
            message_id=message_id,
            ref_to_message_id=header.message_id,
            party=header.from_party,
            interaction=interaction,
            address=contract.endpoint,
            server_name=desk.directory().parties[header.from_party].fqdn,
            content_type=content_type,
            body=cut_short(body) if turn is not None and turn.reply == "broken" else body,
            course=course(terms, due, scale=transport.time_scale),
            weather=mark_of(turn) if turn is not None else "",
            harm=wire_harm(turn) if turn is not None else "",
            after_bytes=turn.after_bytes if turn is not None else 0,
            held=turn is not None and turn.reply == "swapped",
        )

    def _note_signal(self, header: EbxmlHeader, incoming: Incoming, around: Surroundings) -> HttpAnswer:
        """A client tells on a connection of its own what became of a reply; the answer is empty either way."""
        failed = bool(header.errors) or header.acknowledges is None
        event = Event.FAULTED if failed else Event.ACKNOWLEDGED
        said = "; ".join(f"{error.code} {error.description}" for error in header.errors)
        reason = f"EBXML_ACK_INVALID: {said or 'no eb:Acknowledgment'}" if failed else ""
        message_id = header.ref_to_message_id if failed else header.acknowledges or ""
        with around.desk() as desk:
            self._check_name(incoming, header.from_party, desk.directory(), around.warn)
            known = desk.settle_reply(header.from_party, message_id, event, shortened(reason, LONGEST_TEXT))
        if not known:
            around.warn(f"{header.from_party} sends {header.action} about {message_id}, which is no reply to it")
        return HttpAnswer(200, b"", "error" if failed else "acknowledged")

    def _error(
        self, header: EbxmlHeader, errors: tuple[MessageError, ...], message_id: str, now: datetime
    ) -> HttpAnswer:
        printable = [replace(e, description=shortened(e.description, LONGEST_TEXT)) for e in errors]
        body = encode_message_error(header, printable, message_id=message_id, timestamp=_timestamp(now))
        return HttpAnswer(self._transport.fault_status, body, "error", soap_action=MESSAGE_ERROR_ACTION)

    # The query inside.

    def _reply(
        self, element: etree._Element, sender: str, envelope_id: str, desk: Desk, ids: Callable[[], str]
    ) -> Reply:
        """The refusal of a faulty query, or what the service says."""
        faults = query_faults(element)
        if not faults:
            try:
                query = decode_query(element, flag=self._flag)
            except DecodeError as error:
                faults = tuple(
                    Coded("INVALID_CONTROL_ACT", f"Invalid control act: {f.text()} ({f.xpath})"[:250], OID_FAULT)
                    for f in error.faults
                )
            else:
                if is_synthetic(query.query.nhs_number, self._data.test_number_prefix):
                    return desk.answer(query)
                faults = (_not_synthetic(self._data.test_number_prefix),)
        return _refusal(element, sender, envelope_id, faults, desk.now(), ids)


def _asids(directory: Directory, key: str) -> tuple[str, ...]:
    party = directory.parties.get(key)
    return party.asids if party is not None else ()


def _refusal(
    element: etree._Element,
    sender: str,
    envelope_id: str,
    faults: tuple[Coded, ...],
    now: datetime,
    ids: Callable[[], str],
) -> Refusal:
    """An application acknowledgement that names every fault (RSP-011)."""
    asked = transmission_of(element)
    transmission = Transmission(ids(), write_wrapper_time(now), SPINE_ASID, asked.sender_asid or sender)
    # A query without a usable id of its own is still named by that of its envelope.
    answers = asked.message_id if _UUID.fullmatch(asked.message_id) else envelope_id
    return Refusal(transmission, answers, faults)


def _not_synthetic(prefix: str) -> Coded:
    text = f"Invalid NHS number: only numbers of the test range {prefix} with a right check digit are answered here"
    return Coded("INVALID_NHS_NUMBER", text, OID_FAULT)


def _timestamp(moment: datetime) -> str:
    """An instant as ebXML has it: UTC, to the second."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
