"""Message 2: the reply to an upload file, `FileResponse`.

Source: CP-IS DMS 1.0-RC5, REPC_MT000003GB01.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lxml import etree

from cpis_simulator.codecs.bounds import FILE_BOUNDS
from cpis_simulator.codecs.parts import (
    read_code,
    read_count,
    read_organisation,
    read_subject,
    write_code,
    write_id,
    write_organisation,
    write_subject,
)
from cpis_simulator.codecs.picking import attribute_at, pick, pick_all, words
from cpis_simulator.codecs.structure import read_document
from cpis_simulator.codecs.times import read_time, write_time
from cpis_simulator.codecs.upload import DECLARATION, NAMESPACES, write_record
from cpis_simulator.codecs.upload_reader import read_record
from cpis_simulator.codecs.xml import blaming, fault, local_name, text
from cpis_simulator.model import Acknowledgement, Coded, Echo, PlanRecord, RecordResult
from cpis_simulator.vocabulary import OID_RECORD_RESPONSE, MessageKind


def encode_acknowledgement(acknowledgement: Acknowledgement) -> bytes:
    """Write the reply to an upload file."""
    results = (write_result(result) for result in acknowledgement.results)
    echoes = (write_echo(echo) for echo in acknowledgement.echoes)
    return "".join(write_acknowledgement(acknowledgement, results, echoes)).encode()


def write_acknowledgement(
    acknowledgement: Acknowledgement, results: Iterable[str], echoes: Iterable[str]
) -> Iterator[str]:
    """Write a reply piece by piece, for a file of which many records failed.

    Args:
        acknowledgement: All but its own results and echoes, which are left out.
        results: As `write_result` writes them, in the order of the file.
        echoes: As `write_echo` writes them.
    """
    codes = "".join(
        f"<acknowledgementFileDetail>{write_code('code', code)}</acknowledgementFileDetail>"
        for code in acknowledgement.file_codes
    )
    yield (
        f"{DECLARATION}<FileResponse {NAMESPACES}>\n"
        f'<creationTime value="{write_time(acknowledgement.creation_time)}"/>\n'
        f"{write_id('id', extension=acknowledgement.file_id)}\n"
        f'<transmissionQuantity value="{acknowledgement.quantity}"/>\n'
        f"<acknowledgementFile>{codes}</acknowledgementFile>\n"
    )
    begun = False
    for result in results:
        yield result if begun else f"<acknowledgementRecord>\n{result}"
        begun = True
    yield "</acknowledgementRecord>\n" if begun else ""
    yield (
        f"<communicationFunctionRcv>{write_organisation('organisation', acknowledgement.receiver)}"
        "</communicationFunctionRcv>\n"
    )
    yield _write_count("failedReturnedCP-ISRecords", acknowledgement.failed)
    yield from echoes
    yield _write_count("successfulReturnedCP-ISRecords", acknowledgement.stored)
    yield "</FileResponse>\n"


def _write_count(name: str, count: int) -> str:
    return f'<{name}><value value="{count}"/></{name}>\n'


def write_result(result: RecordResult) -> str:
    """What became of one record."""
    # CE has no other place for a second code than its translations (ACK-006).
    translations = "".join(write_code("translation", detail) for detail in result.detail)
    code = write_code("code", Coded(result.code, result.display_name, OID_RECORD_RESPONSE), translations)
    return (
        f"<acknowledgementRecordDetail>{code}<location>{text(result.location)}</location>"
        "</acknowledgementRecordDetail>\n"
    )


def write_echo(echo: Echo) -> str:
    """A record repeated in a reply."""
    if echo.valid:
        subjects = "".join(write_subject(subject) for subject in echo.subjects)
        body = f"<validCP-ISRecord>{subjects}</validCP-ISRecord>"
    else:
        body = write_record("invalidCP-ISRecord", PlanRecord(echo.plans, echo.subjects))
    return (
        f"<message><cP-ISLAAcknowledgementResponse><pertinentInformation1>{body}"
        "</pertinentInformation1></cP-ISLAAcknowledgementResponse></message>\n"
    )


def decode_acknowledgement(document: bytes | etree._Element) -> Acknowledgement:
    """Read the reply to an upload file.

    Raises:
        DecodeError: When it is not one, or breaks the schema.

    Source: CP-IS DMS 1.0-RC5, REPC_MT000003GB01.
    """
    with blaming("service"):
        root = read_document(document, MessageKind.ACKNOWLEDGEMENT, FILE_BOUNDS)
        return Acknowledgement(
            creation_time=read_time(pick(root, "creationTime")),
            file_id=attribute_at(root, "id", "extension"),
            quantity=read_count(pick(root, "transmissionQuantity")),
            file_codes=tuple(
                read_code(code) for code in pick_all(root, "acknowledgementFile/acknowledgementFileDetail/code")
            ),
            receiver=read_organisation(pick(root, "communicationFunctionRcv/organisation")),
            stored=read_count(pick(root, "successfulReturnedCP-ISRecords/value")),
            failed=read_count(pick(root, "failedReturnedCP-ISRecords/value")),
            results=tuple(
                _read_result(detail) for detail in pick_all(root, "acknowledgementRecord/acknowledgementRecordDetail")
            ),
            echoes=tuple(
                _read_echo(information)
                for information in pick_all(root, "message/cP-ISLAAcknowledgementResponse/pertinentInformation1")
            ),
        )


def _read_result(element: etree._Element) -> RecordResult:
    code = pick(element, "code")
    if (system := code.get("codeSystem")) != OID_RECORD_RESPONSE:
        raise fault(code, "Code system of a record code", "CPIS-ACK-005", expected=OID_RECORD_RESPONSE, found=system)
    return RecordResult(
        code.get("code", ""),
        code.get("displayName", ""),
        words(pick(element, "location")),
        tuple(read_code(translation) for translation in pick_all(code, "translation")),
    )


def _read_echo(element: etree._Element) -> Echo:
    (block,) = element
    if local_name(block) == "invalidCP-ISRecord":
        record = read_record(block)
        return Echo(False, record.plans, record.subjects)
    return Echo(True, (), tuple(read_subject(subject) for subject in block))
