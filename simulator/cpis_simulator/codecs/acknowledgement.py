"""Message 2: the reply to an upload file, `FileResponse`.

Source: CP-IS DMS 1.0-RC5, REPC_MT000003GB01.
"""

from __future__ import annotations

from lxml import etree

from cpis_simulator.codecs.parts import (
    code_reader,
    coded,
    read_count,
    read_extension,
    read_organisation,
    read_subject,
    write_code,
    write_id,
    write_organisation,
    write_subject,
)
from cpis_simulator.codecs.reader import Reader, attributes, content, root_reader
from cpis_simulator.codecs.times import read_time, write_time
from cpis_simulator.codecs.upload import DECLARATION, NAMESPACES, read_record, write_record
from cpis_simulator.codecs.xml import FILE_BOUNDS, blaming, fault, local_name, parse_document, text
from cpis_simulator.model import Acknowledgement, Coded, Echo, PlanRecord, RecordResult
from cpis_simulator.vocabulary import FILE_CODE_TEXT, OID_RECORD_RESPONSE, FileCode


def encode_acknowledgement(acknowledgement: Acknowledgement) -> bytes:
    """Write the reply to an upload file."""
    codes = "".join(
        f"<acknowledgementFileDetail>{write_code('code', code)}</acknowledgementFileDetail>"
        for code in acknowledgement.file_codes
    )
    results = "".join(_write_result(result) for result in acknowledgement.results)
    parts = [
        f"{DECLARATION}<FileResponse {NAMESPACES}>\n",
        f'<creationTime value="{write_time(acknowledgement.creation_time)}"/>\n',
        f"{write_id('id', extension=acknowledgement.file_id)}\n",
        f'<transmissionQuantity value="{acknowledgement.quantity}"/>\n',
        f"<acknowledgementFile>{codes}</acknowledgementFile>\n",
        f"<acknowledgementRecord>\n{results}</acknowledgementRecord>\n" if results else "",
        f"<communicationFunctionRcv>{write_organisation('organisation', acknowledgement.receiver)}"
        "</communicationFunctionRcv>\n",
        _write_count("failedReturnedCP-ISRecords", acknowledgement.failed),
        *(_write_echo(echo) for echo in acknowledgement.echoes),
        _write_count("successfulReturnedCP-ISRecords", acknowledgement.stored),
        "</FileResponse>\n",
    ]
    return "".join(parts).encode()


def _write_count(name: str, count: int) -> str:
    return f'<{name}><value value="{count}"/></{name}>\n'


def _write_result(result: RecordResult) -> str:
    # CE has no other place for a second code than its translations (ACK-006).
    translations = "".join(write_code("translation", detail) for detail in result.detail)
    code = write_code("code", Coded(result.code, result.display_name, OID_RECORD_RESPONSE), translations)
    return (
        f"<acknowledgementRecordDetail>{code}<location>{text(result.location)}</location>"
        "</acknowledgementRecordDetail>\n"
    )


def _write_echo(echo: Echo) -> str:
    if echo.valid:
        subjects = "".join(write_subject(subject) for subject in echo.subjects)
        body = f"<validCP-ISRecord>{subjects}</validCP-ISRecord>"
    else:
        body = write_record("invalidCP-ISRecord", PlanRecord(echo.plans, echo.subjects))
    return (
        f"<message><cP-ISLAAcknowledgementResponse><pertinentInformation1>{body}"
        "</pertinentInformation1></cP-ISLAAcknowledgementResponse></message>\n"
    )


def decode_acknowledgement(body: bytes) -> Acknowledgement:
    """Read the reply to an upload file.

    Raises:
        DecodeError: When it is not one, or breaks the schema.

    Source: CP-IS DMS 1.0-RC5, REPC_MT000003GB01.
    """
    with blaming("service"):
        reader = root_reader(parse_document(body, bounds=FILE_BOUNDS), "FileResponse")
        creation_time = read_time(reader.one("creationTime"))
        file_id = read_extension(reader.one("id", requirement="CPIS-ACK-002"), requirement="CPIS-ACK-002")
        quantity = read_count(reader.one("transmissionQuantity", requirement="CPIS-ACK-003"))
        codes = Reader(reader.one("acknowledgementFile", requirement="CPIS-ACK-004"))
        details = codes.many("acknowledgementFileDetail", least=1, requirement="CPIS-ACK-004")
        codes.done()
        record_results = reader.maybe("acknowledgementRecord")
        receiver = Reader(reader.one("communicationFunctionRcv", requirement="CPIS-ACK-001"))
        organisation = read_organisation(
            receiver.one("organisation", requirement="CPIS-ACK-001"), requirement="CPIS-ACK-001", telephones=True
        )
        receiver.done()
        failed = _read_counter(reader.one("failedReturnedCP-ISRecords", requirement="CPIS-ACK-003"))
        messages = reader.many("message")
        stored = _read_counter(reader.one("successfulReturnedCP-ISRecords", requirement="CPIS-ACK-003"))
        reader.done()
        return Acknowledgement(
            creation_time=creation_time,
            file_id=file_id,
            quantity=quantity,
            file_codes=tuple(_read_file_code(detail) for detail in details),
            receiver=organisation,
            stored=stored,
            failed=failed,
            results=() if record_results is None else _read_results(record_results),
            echoes=tuple(_read_echo(message) for message in messages),
        )


def _read_counter(element: etree._Element) -> int:
    reader = Reader(element)
    value = reader.one("value", requirement="CPIS-ACK-003")
    reader.done()
    return read_count(value)


def _read_file_code(element: etree._Element) -> Coded:
    reader = Reader(element)
    code = reader.one("code", requirement="CPIS-ACK-004")
    reader.done()
    found = attributes(code, "code", "displayName", fixed=("codeSystem",), requirement="CPIS-ACK-004")
    if found["code"] not in set(FileCode):
        raise fault(code, "File code", "CPIS-ACK-004", expected="CPF01 to CPF06", found=found["code"])
    if found["displayName"] not in FILE_CODE_TEXT.values():
        raise fault(
            code,
            "Text of a file code",
            "CPIS-MSG-010",
            expected=FILE_CODE_TEXT[FileCode(found["code"])],
            found=found["displayName"],
        )
    return Coded(found["code"], found["displayName"])


def _read_results(element: etree._Element) -> tuple[RecordResult, ...]:
    reader = Reader(element)
    details = reader.many("acknowledgementRecordDetail", least=1, requirement="CPIS-ACK-005")
    reader.done()
    return tuple(_read_result(detail) for detail in details)


def _read_result(element: etree._Element) -> RecordResult:
    reader = Reader(element)
    code = reader.one("code", requirement="CPIS-ACK-005")
    location = content(reader.one("location", requirement="CPIS-ACK-007"))
    reader.done()
    inner = code_reader(code)
    inner.maybe("originalText")
    translations = inner.many("translation")
    inner.done()
    if (system := code.get("codeSystem")) != OID_RECORD_RESPONSE:
        raise fault(code, "Code system of a record code", "CPIS-ACK-005", expected=OID_RECORD_RESPONSE, found=system)
    for translation in translations:
        detail = code_reader(translation)
        detail.maybe("originalText")
        detail.done()
    shown = coded(code)
    return RecordResult(shown.code, shown.display_name, location, tuple(coded(detail) for detail in translations))


def _read_echo(element: etree._Element) -> Echo:
    reader = Reader(element)
    response = Reader(reader.one("cP-ISLAAcknowledgementResponse"))
    reader.done()
    information = Reader(response.one("pertinentInformation1"))
    response.done()
    block = information.choice(("validCP-ISRecord", "invalidCP-ISRecord"), requirement="CPIS-ACK-008")
    information.done()
    if local_name(block) == "invalidCP-ISRecord":
        record = read_record(block)
        return Echo(False, record.plans, record.subjects)
    inner = Reader(block)
    subjects = inner.many("subject", least=1, most=2, requirement="CPIS-ACK-008")
    inner.done({"pertinentInformation": "CPIS-ACK-008"})
    return Echo(True, (), tuple(read_subject(subject) for subject in subjects))
