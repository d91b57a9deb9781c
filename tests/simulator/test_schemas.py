"""Our schemas by themselves: which document each judges, in pieces, in threads, and what it does not do."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest
from lxml import etree

from cpis_simulator.codecs import schema as our_schemas
from cpis_simulator.codecs.schema import FILE_OF_KIND, header_schema, record_schema, schema_of
from cpis_simulator.vocabulary import MessageKind
from tests.simulator.codec_examples import ANSWER, EXAMPLES, NUMBER_XML, QUERY, SILENT_QUERY, UPLOAD, Example
from tests.simulator.schema_changes import HL7_TYPES

XS: Final = "{http://www.w3.org/2001/XMLSchema}"
V3: Final = "{urn:hl7-org:v3}"
XSI: Final = "{http://www.w3.org/2001/XMLSchema-instance}"
FOLDER: Final = Path(our_schemas.__file__).with_name("schemas")


def parsed(example: Example, old: str = "", new: str = "") -> etree._Element:
    body = example.body.decode()
    assert old in body
    return etree.fromstring(body.replace(old, new, 1).encode())


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_example_of_each_kind_is_valid(example: Example) -> None:
    assert schema_of(example.kind).errors(parsed(example)) == []


@pytest.mark.parametrize("kind", [MessageKind.SOAP, MessageKind.EBXML, MessageKind.UNKNOWN])
def test_an_envelope_has_no_schema(kind: MessageKind) -> None:
    with pytest.raises(KeyError):
        schema_of(kind)


@pytest.mark.parametrize(("example", "payload"), [(QUERY, "CP-ISQueryStub"), (ANSWER, "CP-ISNHSQueryResponse")])
def test_the_payload_of_an_interaction_is_valid_by_itself(example: Example, payload: str) -> None:
    inner = parsed(example).find(f".//{V3}{payload}")
    assert inner is not None
    assert schema_of(example.kind).accepts(inner)


def test_an_interaction_of_another_kind_is_refused() -> None:
    assert not schema_of(MessageKind.QUERY).accepts(parsed(ANSWER))


# Patch D


def test_a_silent_read_is_unknown_without_patch_d() -> None:
    assert schema_of(MessageKind.QUERY).accepts(parsed(SILENT_QUERY))
    assert not schema_of(MessageKind.QUERY, patch_d=False).accepts(parsed(SILENT_QUERY))


FLAG: Final = '<accessEventType value="false"/>'


@pytest.mark.parametrize(
    ("parameter", "accepted"),
    [
        (f"<queryByParameter>{FLAG}", True),
        ("<queryByParameter><accessEventType>false</accessEventType>", True),
        ('<queryByParameter><accessEventType><value value="false"/></accessEventType>', True),
        ('<queryByParameter><accessEventType nullFlavor="UNK"/>', True),
        (f"<queryByParameter>{FLAG}{FLAG}", False),
        ("<queryByParameter><accessEventType><flag/></accessEventType>", False),
        ('<queryByParameter><accessEventType code="false"/>', False),
        ("<queryByParameter><accesseventtype/>", False),
    ],
)
def test_the_flag_of_a_silent_read_stands_once_and_first_in_any_form(parameter: str, accepted: bool) -> None:
    assert schema_of(MessageKind.QUERY).accepts(parsed(QUERY, "<queryByParameter>", parameter)) is accepted


def test_the_flag_of_a_silent_read_does_not_stand_after_the_number() -> None:
    after = parsed(QUERY, "</queryByParameter>", f"{FLAG}</queryByParameter>")
    assert not schema_of(MessageKind.QUERY).accepts(after)


def test_an_answer_does_not_repeat_the_flag() -> None:
    answer = parsed(ANSWER, NUMBER_XML, NUMBER_XML.replace("<queryByParameter>", f"<queryByParameter>{FLAG}"))
    assert not schema_of(MessageKind.RESPONSE).accepts(answer)


# An upload in pieces


def test_each_record_of_an_upload_is_valid_by_itself() -> None:
    records = parsed(UPLOAD).findall(f"{V3}record")
    assert [record_schema().accepts(record) for record in records] == [True, True]


def test_a_record_that_lacks_its_subject_is_refused_by_itself() -> None:
    record = parsed(UPLOAD).find(f"{V3}record")
    assert record is not None
    for subject in record.findall(f".//{V3}subject"):
        record[0].remove(subject)
    assert [error.kind for error in record_schema().errors(record)] == ["SCHEMAV_ELEMENT_CONTENT"]


def test_a_header_is_valid_whatever_its_records_hold() -> None:
    file = parsed(UPLOAD)
    for record in file.findall(f"{V3}record")[:1]:
        record.clear()
        record.text, record.attrib["any"] = "gone", "thing"
    assert header_schema().accepts(file)


def test_a_header_is_valid_without_records_though_the_file_is_not() -> None:
    file = parsed(UPLOAD)
    for record in file.findall(f"{V3}record"):
        file.remove(record)
    assert header_schema().accepts(file)
    assert not schema_of(MessageKind.UPLOAD).accepts(file)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('<id extension="7"/>', ""),
        ("<communicationFunctionSnd>", "<record/><communicationFunctionSnd>"),
        ("</File>", "<trailer/></File>"),
        ("</File>", "text</File>"),
        ("<File ", '<File classCode="ACT" '),
    ],
)
def test_a_header_that_is_wrong_is_refused(old: str, new: str) -> None:
    assert not header_schema().accepts(parsed(UPLOAD, old, new))


# Errors


def test_an_error_leads_to_its_element_also_from_a_record_by_itself() -> None:
    record = parsed(UPLOAD, 'value="202601010000"', 'value="2026"').findall(f"{V3}record")[1]
    (error,) = record_schema().errors(record)
    assert error.kind == "SCHEMAV_CVC_PATTERN_VALID"
    assert [element.attrib for element in record.xpath(error.path)] == [{"value": "2026"}]


def test_errors_apart_are_all_named_but_not_those_after_a_misplaced_child() -> None:
    text = (
        UPLOAD.body.decode().replace('value="202501020304"', 'value="1"').replace('value="202601010000"', 'value="2"')
    )
    apart = etree.fromstring(text.encode())
    assert [error.kind for error in schema_of(MessageKind.UPLOAD).errors(apart)] == ["SCHEMAV_CVC_PATTERN_VALID"] * 2
    after = etree.fromstring(text.replace("<CP-ISRecord>", "<CP-ISRecord><first/>", 1).encode())
    assert [error.kind for error in schema_of(MessageKind.UPLOAD).errors(after)] == [
        "SCHEMAV_ELEMENT_CONTENT",
        "SCHEMAV_CVC_PATTERN_VALID",
    ]


# What the files are


def test_the_only_type_names_are_hl7s() -> None:
    named = {
        child.attrib["name"]
        for file in FOLDER.glob("*.xsd")
        for child in etree.parse(str(file)).getroot().iterchildren(f"{XS}complexType")
    }
    assert named == set(HL7_TYPES)


def test_every_file_is_used() -> None:
    entries = [*FILE_OF_KIND.values(), "query_patch_d", "upload_record", "upload_header"]
    used, todo = set[str](), [f"{name}.xsd" for name in entries]
    while todo:
        name = todo.pop()
        if name not in used:
            used.add(name)
            root = etree.parse(str(FOLDER / name)).getroot()
            todo += [child.attrib["schemaLocation"] for child in root.iterchildren(f"{XS}include", f"{XS}import")]
    assert used == {file.name for file in FOLDER.iterdir()}


# What judging does not do


def test_a_schema_that_a_document_points_at_is_not_read(tmp_path: Path) -> None:
    hinted = tmp_path / "hinted.xsd"
    hinted.write_text(
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:example:other">'
        '<xs:element name="File"/></xs:schema>',
        encoding="utf-8",
    )
    root = etree.Element("{urn:example:other}File")
    root.set(f"{XSI}schemaLocation", f"urn:example:other {hinted.as_uri()}")
    assert etree.XMLSchema(file=str(hinted)).validate(root)
    assert not schema_of(MessageKind.UPLOAD).accepts(root)


def test_errors_of_documents_judged_at_once_do_not_mix() -> None:
    def found(number: int) -> set[str]:
        file = parsed(UPLOAD, '<id extension="7"/>', f'<id extension="7" wrong{number}=""/>')
        errors = [error for _ in range(200) for error in schema_of(MessageKind.UPLOAD).errors(file)]
        assert len(errors) == 200
        return {error.message.partition("attribute ")[2].partition(":")[0] for error in errors}

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(found, range(4))) == [{f"'wrong{number}'"} for number in range(4)]
