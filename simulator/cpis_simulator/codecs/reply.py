"""Message 4 and its alternatives: an answer, a failed query, a refusal.

Source: CP-IS DMS 1.0-RC5, REPC_MT000007GB01, QUQI_IN010000UK14, MCCI_IN010000UK13.
"""

from __future__ import annotations

from typing import Final

from lxml import etree

from cpis_simulator.codecs.authors import read_author, write_author
from cpis_simulator.codecs.parts import (
    ANSWER_BLOCKS,
    code_reader,
    coded,
    read_count,
    read_organisation,
    read_plan,
    read_subject,
    read_uuid,
    write_code,
    write_id,
    write_organisation,
    write_plan,
    write_subject,
)
from cpis_simulator.codecs.query import read_number_parameter, write_number_parameter
from cpis_simulator.codecs.reader import Reader, attributes
from cpis_simulator.codecs.times import read_time, write_time
from cpis_simulator.codecs.wrapper import (
    Wrapper,
    read_control_act,
    read_wrapper,
    wrapper_reader,
    write_control_authors,
    write_wrapper,
)
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
)

ANSWER: Final = "REPC_IN000007GB01"
QUERY_FAILED: Final = "QUQI_IN010000UK14"
APPLICATION_ACKNOWLEDGEMENT: Final = "MCCI_IN010000UK13"

_ACKNOWLEDGEMENT_TYPES: Final = frozenset({"AA", "AE", "AR"})
_ERROR: Final = '<qualifier code="ER"/>'
_DETAIL_TYPES: Final = frozenset({"ER", "WG", "IF"})
_RESPONSE_CODES: Final = frozenset({"OK", "NF", "ID"})


def interaction_of(reply: Reply) -> str:
    """The interaction that carries a reply."""
    if isinstance(reply, AnswerMessage):
        return ANSWER
    return QUERY_FAILED if isinstance(reply, NoRecord) else APPLICATION_ACKNOWLEDGEMENT


def encode_reply(reply: Reply) -> bytes:
    """Write whatever the service answers to a query."""
    authors = write_control_authors(reply.transmission.sender_asid)
    if isinstance(reply, AnswerMessage):
        subject = f'<subject typeCode="SUBJ">{_write_answer(reply.answer)}</subject>\n'
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


def _write_answer(answer: Answer) -> str:
    accesses = "".join(
        "<pertinentInformation13><pertinentCP-ISNHSQuery>"
        f'<effectiveTime value="{write_time(access.effective_time)}"/>{write_id("id", root=access.event_id)}'
        f"{write_author(access.author)}{write_number_parameter(access.nhs_number)}"
        "</pertinentCP-ISNHSQuery></pertinentInformation13>\n"
        for access in answer.accesses
    )
    records = "".join(_write_record(record) for record in answer.records)
    return (
        f'<CP-ISNHSQueryResponse>\n<effectiveTime value="{write_time(answer.effective_time)}"/>'
        f"{write_id('id', root=answer.message_id)}\n"
        f"{_write_total('11', 'pertinentTotalReturnedAccessRecords', answer.total_accesses)}"
        f"{_write_total('12', 'pertinentTotalReturnedChildRecords', answer.total_records)}{accesses}"
        f"<pertinentInformation14><pertinentCP-ISRecordControlAct>\n{records}"
        "</pertinentCP-ISRecordControlAct></pertinentInformation14>\n</CP-ISNHSQueryResponse>"
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
        name = local_name(root)
        if name == QUERY_FAILED:
            return _read_no_record(read_wrapper(root, QUERY_FAILED, acknowledges=True))
        if name == APPLICATION_ACKNOWLEDGEMENT:
            return _read_refusal(read_wrapper(root, APPLICATION_ACKNOWLEDGEMENT, acknowledges=True))
        return _read_answer_message(read_wrapper(root, ANSWER, acknowledges=False))


def _read_answer_message(wrapper: Wrapper) -> AnswerMessage:
    for name in ("classCode", "moodCode"):
        if not wrapper.control_act.get(name):
            raise fault(wrapper.control_act, f"ControlActEvent without {name}", "CPIS-MSG-005", expected=name)
    reader = read_control_act(wrapper.control_act)
    reader.many("reason")
    subject = reader.one("subject", requirement="CPIS-RSP-001")
    if not subject.get("typeCode"):
        raise fault(subject, "subject without typeCode", "CPIS-MSG-005", expected="typeCode")
    _read_query_ack(reader)
    reader.done()
    inner = wrapper_reader(subject, "contextConductionInd")
    answer = _read_answer(inner.one("CP-ISNHSQueryResponse", requirement="CPIS-RSP-001"))
    inner.done()
    return AnswerMessage(wrapper.transmission, answer)


def _read_answer(element: etree._Element) -> Answer:
    reader = Reader(element)
    effective_time = read_time(reader.one("effectiveTime", requirement="CPIS-RSP-001"))
    message_id = read_uuid(reader.one("id", requirement="CPIS-RSP-001"))
    total_accesses = _read_total(
        reader.one("pertinentInformation11", requirement="CPIS-RSP-001"), "pertinentTotalReturnedAccessRecords"
    )
    total_records = _read_total(
        reader.one("pertinentInformation12", requirement="CPIS-RSP-001"), "pertinentTotalReturnedChildRecords"
    )
    accesses = tuple(_read_access(e) for e in reader.many("pertinentInformation13"))
    records: list[AuthorityRecord] = []
    # Both levels may repeat and nothing public says which one does: any grouping is taken.
    for information in reader.many("pertinentInformation14", least=1, requirement="CPIS-RSP-003"):
        outer = Reader(information)
        act = Reader(outer.one("pertinentCP-ISRecordControlAct", requirement="CPIS-RSP-001"))
        outer.done()
        records.extend(_read_record(e) for e in act.many("record", least=1, requirement="CPIS-RSP-001"))
        act.done()
    reader.done()
    return Answer(effective_time, message_id, total_accesses, total_records, accesses, tuple(records))


def _read_total(element: etree._Element, name: str) -> int:
    outer = Reader(element)
    inner = Reader(outer.one(name, requirement="CPIS-RSP-001"))
    outer.done()
    total = read_count(inner.one("value", requirement="CPIS-RSP-001"))
    inner.done()
    return total


def _read_access(element: etree._Element) -> Access:
    outer = Reader(element)
    reader = Reader(outer.one("pertinentCP-ISNHSQuery", requirement="CPIS-RSP-006"))
    outer.done()
    effective_time = read_time(reader.one("effectiveTime", requirement="CPIS-RSP-006"))
    event_id = read_uuid(reader.one("id", requirement="CPIS-RSP-006"))
    author = read_author(reader.one("author", requirement="CPIS-RSP-006"))
    parameter = Reader(reader.one("queryByParameter"))
    reader.done()
    return Access(effective_time, event_id, author, read_number_parameter(parameter))


def _read_record(element: etree._Element) -> AuthorityRecord:
    outer = Reader(element)
    sender = Reader(outer.one("communicationFunctionSnd", requirement="CPIS-RSP-001"))
    record = Reader(outer.one("CP-ISRecord", requirement="CPIS-RSP-001"))
    outer.done()
    authority = read_organisation(
        sender.one("organisation", requirement="CPIS-RSP-001"), requirement="CPIS-RSP-001", telephones=True
    )
    sender.done()
    plans = record.many("pertinentInformation15", least=1, most=3, requirement="CPIS-DAT-006")
    subjects = record.many("subject", least=1, most=2, requirement="CPIS-DAT-006")
    record.done()
    return AuthorityRecord(
        authority,
        PlanRecord(
            tuple(read_plan(plan, ANSWER_BLOCKS) for plan in plans),
            tuple(read_subject(subject) for subject in subjects),
        ),
    )


def _read_query_ack(reader: Reader) -> str:
    inner = wrapper_reader(reader.one("queryAck"))
    element = inner.one("queryResponseCode")
    inner.done()
    code = attributes(element, "code")["code"]
    if code not in _RESPONSE_CODES:
        raise fault(element, "queryResponseCode", "CPIS-MSG-010", expected="OK, NF or ID", found=code)
    return code


def _read_no_record(wrapper: Wrapper) -> NoRecord:
    type_code, answers, _ = _read_acknowledgement(wrapper)
    reader = read_control_act(wrapper.control_act)
    issues = tuple(_read_issue(e) for e in reader.many("reason", least=1, requirement="CPIS-RSP-003"))
    response_code = _read_query_ack(reader)
    reader.done({"subject": "CPIS-RSP-003"})
    return NoRecord(wrapper.transmission, answers, issues[0], response_code, type_code)


def _read_refusal(wrapper: Wrapper) -> Refusal:
    type_code, answers, details = _read_acknowledgement(wrapper)
    reader = read_control_act(wrapper.control_act)
    issues = tuple(_read_issue(e) for e in reader.many("reason"))
    reader.done()
    return Refusal(wrapper.transmission, answers, issues, type_code, details)


def _read_acknowledgement(wrapper: Wrapper) -> tuple[str, str, tuple[Coded, ...]]:
    element = wrapper.acknowledgement
    assert element is not None
    reader = wrapper_reader(element, "typeCode")
    type_code = element.get("typeCode") or ""
    if type_code not in _ACKNOWLEDGEMENT_TYPES:
        raise fault(element, "Type of the acknowledgement", "CPIS-MSG-010", expected="AA, AE or AR", found=type_code)
    details = []
    for detail in reader.many("acknowledgementDetail"):
        inner = wrapper_reader(detail, "typeCode")
        if detail.get("typeCode") not in _DETAIL_TYPES:
            found = detail.get("typeCode")
            raise fault(detail, "Type of a detail", "CPIS-MSG-010", expected="ER, WG or IF", found=found)
        code = inner.one("code")
        inner.done()
        plain = code_reader(code)
        plain.maybe("originalText")
        plain.done()
        details.append(coded(code))
    reference = wrapper_reader(reader.one("messageRef"))
    reader.done()
    answers = read_uuid(reference.one("id"))
    reference.done()
    return type_code, answers, tuple(details)


def _read_issue(element: etree._Element) -> Coded:
    outer = wrapper_reader(element)
    event = wrapper_reader(outer.one("justifyingDetectedIssueEvent"))
    outer.done()
    code = event.one("code")
    event.done()
    reader = code_reader(code)
    reader.maybe("originalText")
    for qualifier in reader.many("qualifier"):
        inner = code_reader(qualifier, "inverted")
        inner.maybe("name")
        inner.maybe("value")
        inner.done()
    reader.many("translation")
    reader.done()
    return coded(code)
