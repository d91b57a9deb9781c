"""Message 4 and its alternatives: an answer, a failed query, a refusal.

Source: CP-IS DMS 1.0-RC5, REPC_MT000007GB01, QUQI_IN010000UK14, MCCI_IN010000UK13.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import Final

from lxml import etree

from cpis_simulator.codecs.authors import read_author, write_author
from cpis_simulator.codecs.parts import (
    ANSWER_BLOCKS,
    read_code,
    read_count,
    read_organisation,
    read_plan,
    read_subject,
    write_code,
    write_id,
    write_organisation,
    write_plan,
    write_subject,
)
from cpis_simulator.codecs.picking import attribute_at, pick, pick_all
from cpis_simulator.codecs.query import read_number_parameter, write_number_parameter
from cpis_simulator.codecs.schema import schema_of
from cpis_simulator.codecs.structure import require_structure
from cpis_simulator.codecs.times import read_time, write_time
from cpis_simulator.codecs.wrapper import read_wrapper, write_control_authors, write_wrapper
from cpis_simulator.codecs.xml import attribute, blaming, fault, local_name, parse_document
from cpis_simulator.model import (
    Access,
    Answer,
    AnswerMessage,
    AuthorityRecord,
    Coded,
    NoRecord,
    PlanRecord,
    Refusal,
    Reply,
    Transmission,
)
from cpis_simulator.settings import Grouping
from cpis_simulator.vocabulary import MessageKind

ANSWER: Final = "REPC_IN000007GB01"
QUERY_FAILED: Final = "QUQI_IN010000UK14"
APPLICATION_ACKNOWLEDGEMENT: Final = "MCCI_IN010000UK13"

_ERROR: Final = '<qualifier code="ER"/>'
_RESPONSE_CODES: Final = frozenset({"OK", "NF", "ID"})


def interaction_of(reply: Reply) -> str:
    """The interaction that carries a reply."""
    if isinstance(reply, AnswerMessage):
        return ANSWER
    return QUERY_FAILED if isinstance(reply, NoRecord) else APPLICATION_ACKNOWLEDGEMENT


def encode_reply(reply: Reply, *, grouping: Grouping = "number") -> bytes:
    """Write whatever the service answers to a query.

    Args:
        reply: The answer.
        grouping: Records stand together, or those of each authority for themselves (setting `response.grouping`).
    """
    authors = write_control_authors(reply.transmission.sender_asid)
    if isinstance(reply, AnswerMessage):
        subject = f'<subject typeCode="SUBJ">{_write_answer(reply.answer, grouping)}</subject>\n'
        return write_wrapper(ANSWER, reply.transmission, authors + subject + _write_query_ack("OK"))
    if isinstance(reply, NoRecord):
        acknowledgement = _write_acknowledgement(reply.acknowledgement_type, reply.answers)
        body = authors + _write_issue(reply.issue) + _write_query_ack(reply.response_code)
        return write_wrapper(QUERY_FAILED, reply.transmission, body, acknowledgement=acknowledgement)
    acknowledgement = _write_acknowledgement(reply.acknowledgement_type, reply.answers, reply.details)
    body = authors + "".join(_write_issue(issue) for issue in reply.issues)
    return write_wrapper(APPLICATION_ACKNOWLEDGEMENT, reply.transmission, body, acknowledgement=acknowledgement)


def _write_query_ack(code: str) -> str:
    return f'<queryAck type="QueryAck"><queryResponseCode code="{attribute(code)}"/></queryAck>\n'


def _write_acknowledgement(type_code: str, answers: str, details: tuple[Coded, ...] = ()) -> str:
    shown = "".join(
        f'<acknowledgementDetail typeCode="ER">{write_code("code", detail)}</acknowledgementDetail>'
        for detail in details
    )
    return (
        f'<acknowledgement typeCode="{attribute(type_code)}">{shown}'
        f"<messageRef>{write_id('id', root=answers)}</messageRef></acknowledgement>\n"
    )


def _write_issue(issue: Coded) -> str:
    return (
        '<reason typeCode="RSON"><justifyingDetectedIssueEvent classCode="ALRT" moodCode="EVN">'
        f"{write_code('code', issue, _ERROR)}</justifyingDetectedIssueEvent></reason>\n"
    )


def _write_answer(answer: Answer, grouping: Grouping) -> str:
    accesses = "".join(
        "<pertinentInformation13><pertinentCP-ISNHSQuery>"
        f'<effectiveTime value="{write_time(access.effective_time)}"/>{write_id("id", root=access.event_id)}'
        f"{write_author(access.author)}{write_number_parameter(access.nhs_number)}"
        "</pertinentCP-ISNHSQuery></pertinentInformation13>\n"
        for access in answer.accesses
    )
    by_authority = groupby(answer.records, key=lambda record: record.authority.ods_code)
    groups = [answer.records] if grouping == "number" else [tuple(records) for _, records in by_authority]
    shared = "".join(
        f"<pertinentInformation14><pertinentCP-ISRecordControlAct>\n{''.join(map(_write_record, records))}"
        "</pertinentCP-ISRecordControlAct></pertinentInformation14>\n"
        for records in groups
    )
    return (
        f'<CP-ISNHSQueryResponse>\n<effectiveTime value="{write_time(answer.effective_time)}"/>'
        f"{write_id('id', root=answer.message_id)}\n"
        f"{_write_total('11', 'pertinentTotalReturnedAccessRecords', answer.total_accesses)}"
        f"{_write_total('12', 'pertinentTotalReturnedChildRecords', answer.total_records)}{accesses}"
        f"{shared}</CP-ISNHSQueryResponse>"
    )


def _write_total(number: str, name: str, total: int) -> str:
    return f'<pertinentInformation{number}><{name}><value value="{total}"/></{name}></pertinentInformation{number}>\n'


def _write_record(held: AuthorityRecord) -> str:
    plans = "".join(write_plan("pertinentInformation15", plan, ANSWER_BLOCKS) for plan in held.record.plans)
    subjects = "".join(write_subject(subject) for subject in held.record.subjects)
    return (
        f"<record><communicationFunctionSnd>{write_organisation('organisation', held.authority)}"
        f"</communicationFunctionSnd><CP-ISRecord>{plans}{subjects}</CP-ISRecord></record>\n"
    )


def decode_reply(message: bytes | etree._Element) -> Reply:
    """Read whatever the service answered, from its bytes or from the element inside an envelope.

    Raises:
        DecodeError: When it is none of the three, breaks the schema, or cannot be held.

    Source: CP-IS DMS 1.0-RC5, REPC_IN000007GB01, QUQI_IN010000UK14, MCCI_IN010000UK13.
    """
    with blaming("service"):
        root = parse_document(message) if isinstance(message, bytes) else message
        kind, read = _READERS.get(local_name(root), (MessageKind.RESPONSE, _read_answer_message))
        require_structure(root, schema_of(kind))
        return read(root, read_wrapper(root))


def _read_answer_message(root: etree._Element, transmission: Transmission) -> AnswerMessage:
    answer = pick(root, "ControlActEvent/subject/CP-ISNHSQueryResponse")
    response_code = attribute_at(root, "ControlActEvent/queryAck/queryResponseCode", "code")
    _check_response_code(root, response_code)
    # Both levels may repeat and nothing public says which one does: any grouping is taken.
    records = pick_all(answer, "pertinentInformation14/pertinentCP-ISRecordControlAct/record")
    return AnswerMessage(
        transmission,
        Answer(
            read_time(pick(answer, "effectiveTime")),
            attribute_at(answer, "id", "root"),
            read_count(pick(answer, "pertinentInformation11/pertinentTotalReturnedAccessRecords/value")),
            read_count(pick(answer, "pertinentInformation12/pertinentTotalReturnedChildRecords/value")),
            tuple(_read_access(e) for e in pick_all(answer, "pertinentInformation13/pertinentCP-ISNHSQuery")),
            tuple(_read_record(e) for e in records),
        ),
    )


def _read_access(element: etree._Element) -> Access:
    return Access(
        read_time(pick(element, "effectiveTime")),
        attribute_at(element, "id", "root"),
        read_author(pick(element, "author")),
        read_number_parameter(element),
    )


def _read_record(element: etree._Element) -> AuthorityRecord:
    record = PlanRecord(
        tuple(read_plan(e) for e in pick_all(element, "CP-ISRecord/pertinentInformation15")),
        tuple(read_subject(e) for e in pick_all(element, "CP-ISRecord/subject")),
    )
    return AuthorityRecord(read_organisation(pick(element, "communicationFunctionSnd/organisation")), record)


def _check_response_code(root: etree._Element, code: str) -> None:
    if code not in _RESPONSE_CODES:
        element = pick(root, "ControlActEvent/queryAck/queryResponseCode")
        raise fault(element, "queryResponseCode", "CPIS-MSG-010", expected="OK, NF or ID", found=code)


def _read_no_record(root: etree._Element, transmission: Transmission) -> NoRecord:
    type_code, answers, _ = _read_acknowledgement(root)
    issues = _read_issues(root)
    if not issues:
        act = pick(root, "ControlActEvent")
        raise fault(act, "reason is missing in ControlActEvent", "CPIS-RSP-003", expected="reason")
    response_code = attribute_at(root, "ControlActEvent/queryAck/queryResponseCode", "code")
    _check_response_code(root, response_code)
    return NoRecord(transmission, answers, issues[0], response_code, type_code)


def _read_refusal(root: etree._Element, transmission: Transmission) -> Refusal:
    type_code, answers, details = _read_acknowledgement(root)
    return Refusal(transmission, answers, _read_issues(root), type_code, details)


_READERS: Final[dict[str, tuple[MessageKind, Callable[[etree._Element, Transmission], Reply]]]] = {
    ANSWER: (MessageKind.RESPONSE, _read_answer_message),
    QUERY_FAILED: (MessageKind.QUERY_FAILED, _read_no_record),
    APPLICATION_ACKNOWLEDGEMENT: (MessageKind.APPLICATION_ACKNOWLEDGEMENT, _read_refusal),
}


def _read_acknowledgement(root: etree._Element) -> tuple[str, str, tuple[Coded, ...]]:
    """Type, id of the message that is answered, and details of an acknowledgement."""
    element = pick(root, "acknowledgement")
    _check_type(element, "Type of the acknowledgement", ("AA", "AE", "AR"))
    for detail in pick_all(element, "acknowledgementDetail"):
        _check_type(detail, "Type of a detail", ("ER", "WG", "IF"))
    details = tuple(read_code(code) for code in pick_all(element, "acknowledgementDetail/code"))
    return element.get("typeCode", ""), attribute_at(element, "messageRef/id", "root"), details


def _check_type(element: etree._Element, what: str, types: tuple[str, ...]) -> None:
    if (found := element.get("typeCode", "")) not in types:
        raise fault(element, what, "CPIS-MSG-010", expected=" or ".join(types), found=found)


def _read_issues(root: etree._Element) -> tuple[Coded, ...]:
    return tuple(read_code(code) for code in pick_all(root, "ControlActEvent/reason/justifyingDetectedIssueEvent/code"))
