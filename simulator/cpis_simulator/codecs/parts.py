"""Blocks that several messages share: plans, people, authors, organisations.

A reader here takes the element that holds the block and returns a value of the model; a writer returns the text of the
element. `agree` switches the check that a `contentId` names the block after it (MSG-006).

Source: CP-IS DMS 1.0-RC5, templates COCT_TP145100GB01 to 145104 and 146100 to 146105.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Final

from lxml import etree

from cpis_simulator.codecs.reader import Reader, attributes, content
from cpis_simulator.codecs.times import (
    read_birth_date,
    read_plan_date,
    write_day,
    write_plan_date,
)
from cpis_simulator.codecs.xml import attribute, fault, local_name, text, words
from cpis_simulator.model import Coded, LocalId, Organisation, ProtectionPlan, Subject, SubjectKind, Telecom
from cpis_simulator.vocabulary import (
    LOCALISATION,
    OID_CONTENT_ID,
    OID_LOCAL_ID,
    OID_NHS_NUMBER,
    OID_ODS_ORGANISATION,
    OID_ODS_SITE,
    PlanType,
)

CHILD: Final = "COCT_TP145101GB01.Child"
UNBORN_CHILD: Final = "COCT_TP145100GB01.UnbornChild"
RECIPIENT: Final = "COCT_TP145103GB01.IntendedRecipient"

UPLOAD_BLOCKS: Final = {
    "COCT_TP146100GB01.LACInformation": PlanType.LOOKED_AFTER,
    "COCT_TP146101GB01.CPPInformation": PlanType.CHILD_PROTECTION,
    "COCT_TP146102GB01.UCPInformation": PlanType.UNBORN,
}
"""Plan blocks of uploads and acknowledgements."""

ANSWER_BLOCKS: Final = {
    "COCT_TP146103GB01.LACInformation": PlanType.LOOKED_AFTER,
    "COCT_TP146104GB01.UCPInformation": PlanType.UNBORN,
    "COCT_TP146105GB01.CPPInformation": PlanType.CHILD_PROTECTION,
}
"""Plan blocks of answers: other templates, and no delete date."""

_DATE_PREFIX: Final = {
    PlanType.LOOKED_AFTER: "lAC",
    PlanType.CHILD_PROTECTION: "cPP",
    PlanType.UNBORN: "uCP",
}
_TELECOM: Final = re.compile(r"tel:\+?[0-9]*")
_TELECOM_USES: Final = frozenset({"H", "HP", "HV", "WP", "AS", "EC", "PG", "MC"})
_UUID: Final = re.compile(r"[0-9A-F]{8}-(?:[0-9A-F]{4}-){3}[0-9A-F]{12}")
CODE_ATTRIBUTES: Final = ("code", "codeSystem", "displayName", "codeSystemName", "codeSystemVersion")
_UID: Final = re.compile(r"[0-9]+(\.[0-9]+)*|[0-9A-F]{8}-(?:[0-9A-F]{4}-){3}[0-9A-F]{12}|[A-Za-z][A-Za-z0-9\-]*")
_INTEGER: Final = re.compile(r"[ \t\n\r]*[+-]?[0-9]{1,18}[ \t\n\r]*")


# Values


def read_uuid(element: etree._Element, *, requirement: str = "CPIS-MSG-007") -> str:
    """A message or query id: an upper-case UUID in `root`.

    Raises:
        DecodeError: With `requirement` when it is missing, with `CPIS-MSG-007` when it has another form.
    """
    root = attributes(element, "root", requirement=requirement)["root"]
    if not _UUID.fullmatch(root):
        raise fault(element, "Message id", "CPIS-MSG-007", expected="an upper-case UUID", found=root)
    return root


def read_extension(element: etree._Element, *, requirement: str = "CPIS-MSG-005") -> str:
    """An identifier whose root is fixed, so that only `extension` is sent."""
    return attributes(element, "extension", fixed=("root",), requirement=requirement)["extension"]


def read_count(element: etree._Element, *, requirement: str = "CPIS-MSG-005") -> int:
    """A whole number from `@value`; its range is a matter of rules."""
    value = attributes(element, "value", requirement=requirement)["value"]
    if not _INTEGER.fullmatch(value):
        raise fault(element, local_name(element), "CPIS-MSG-005", expected="a whole number", found=value)
    return int(value)


def write_id(name: str, **values: str | None) -> str:
    """An identifier element from its attributes, those that are None left out."""
    shown = "".join(f' {key}="{attribute(value)}"' for key, value in values.items() if value is not None)
    return f"<{name}{shown}/>"


# Codes


def code_reader(element: etree._Element, *optional: str) -> Reader:
    """A reader of what stands in a coded value (CD and the types made from it), whose attributes it checks.

    Raises:
        DecodeError: With `CPIS-MSG-005` when one of them has not the form of its type.
    """
    for name in CODE_ATTRIBUTES:
        value = element.get(name)
        if value == "" and name != "code":
            raise fault(element, f"{name} is empty", "CPIS-MSG-005", mend="Leave the attribute out.")
    if len(words(element.get("code", ""))) > 1:
        raise fault(element, "White space in a code", "CPIS-MSG-005", found=element.get("code"))
    system = element.get("codeSystem")
    if system is not None and not _UID.fullmatch(system):
        raise fault(element, "Code system", "CPIS-MSG-005", expected="an object identifier", found=system)
    return Reader(element, optional=(*CODE_ATTRIBUTES, *optional))


def coded(element: etree._Element) -> Coded:
    """Code, text and system of a coded value; what is not there is empty."""
    return Coded(element.get("code", ""), element.get("displayName", ""), element.get("codeSystem", ""))


def write_code(name: str, code: Coded, inside: str = "") -> str:
    """A coded value; what is empty is left out."""
    shown = "".join(
        f' {key}="{attribute(value)}"'
        for key, value in (("code", code.code), ("codeSystem", code.code_system), ("displayName", code.display_name))
        if value
    )
    return f"<{name}{shown}>{inside}</{name}>" if inside else f"<{name}{shown}/>"


# Blocks


def content_id(block: str) -> str:
    """The `contentId` that announces a block."""
    return f'<npfitlc:contentId root="{OID_CONTENT_ID}" extension="{block.replace(".", "#")}"/>'


def read_block(
    parent: Reader, allowed: Collection[str], *, agree: bool = True, requirement: str = "CPIS-MSG-006"
) -> etree._Element:
    """The block of a place, after its `contentId`.

    Raises:
        DecodeError: With `CPIS-MSG-006` when the block is not allowed here or its `contentId` names another.
    """
    announced = parent.one("contentId", namespace=LOCALISATION, requirement="CPIS-MSG-006")
    found = attributes(announced, "root", "extension", requirement="CPIS-MSG-006")
    if found["root"] != OID_CONTENT_ID:
        raise fault(announced, "contentId root", "CPIS-MSG-006", expected=OID_CONTENT_ID, found=found["root"])
    block = parent.choice(allowed, requirement=requirement)
    expected = local_name(block).replace(".", "#")
    if agree and found["extension"] != expected:
        raise fault(
            announced, "contentId names another block", "CPIS-MSG-006", expected=expected, found=found["extension"]
        )
    return block


# Plans


def read_plan(parent: etree._Element, blocks: dict[str, PlanType], *, agree: bool = True) -> ProtectionPlan:
    """The plan in a `pertinentInformation`."""
    outer = Reader(parent)
    block = read_block(outer, blocks, agree=agree)
    outer.done()
    plan_type = blocks[local_name(block)]
    prefix = _DATE_PREFIX[plan_type]
    reader = Reader(block)
    start = reader.one("component", requirement="CPIS-DAT-007")
    if plan_type is PlanType.UNBORN:
        end: etree._Element | None = reader.one("component1", requirement="CPIS-DAT-008")
    else:
        end = reader.maybe("component1", requirement="CPIS-DAT-008")
    delete = reader.maybe("component2", requirement="CPIS-DAT-009") if blocks is UPLOAD_BLOCKS else None
    reader.done({"component2": "CPIS-DAT-009"})
    return ProtectionPlan(
        plan_type,
        _read_date(start, f"{prefix}StartDate", "CPIS-DAT-007"),
        _read_date(end, f"{prefix}EndDate", "CPIS-DAT-008") if end is not None else None,
        _read_date(delete, f"{prefix}DeleteDate", "CPIS-DAT-009") if delete is not None else None,
    )


def _read_date(component: etree._Element, name: str, requirement: str) -> datetime:
    reader = Reader(component)
    holder = Reader(reader.one(name, requirement=requirement))
    reader.done()
    value = holder.one("value", requirement=requirement)
    holder.done()
    return read_plan_date(value)


def write_plan(name: str, plan: ProtectionPlan, blocks: dict[str, PlanType]) -> str:
    """A `pertinentInformation` (of whatever name) with its plan; answers have no delete date."""
    block = next(block for block, plan_type in blocks.items() if plan_type is plan.plan_type)
    prefix = _DATE_PREFIX[plan.plan_type]
    dates = [("component", "StartDate", plan.start), ("component1", "EndDate", plan.end)]
    if blocks is UPLOAD_BLOCKS:
        dates.append(("component2", "DeleteDate", plan.delete))
    body = "".join(
        f'<{component}><{prefix}{kind}><value value="{write_plan_date(moment)}"/></{prefix}{kind}></{component}>'
        for component, kind, moment in dates
        if moment is not None
    )
    return f"<{name}>{content_id(block)}<{block}>{body}</{block}></{name}>"


# People


def read_person_ids(ids: Iterable[etree._Element], *, requirement: str = "CPIS-MSG-008") -> tuple[str, LocalId | None]:
    """NHS number and local id of a person.

    Raises:
        DecodeError: With `CPIS-MSG-008` unless the NHS number comes first and the local id second.
    """
    first, *rest = ids
    found = _read_person_id(first, requirement)
    if found["root"] != OID_NHS_NUMBER:
        raise fault(first, "First id of a person", "CPIS-MSG-008", expected="the NHS number", found=found["root"])
    local: LocalId | None = None
    for element in rest:
        second = _read_person_id(element, requirement)
        if second["root"] != OID_LOCAL_ID:
            raise fault(element, "Second id of a person", "CPIS-MSG-008", expected="the local id", found=second["root"])
        local = LocalId(second["extension"], second.get("assigningAuthorityName"))
    return found["extension"], local


def _read_person_id(element: etree._Element, requirement: str) -> dict[str, str]:
    found = attributes(element, "root", "extension", optional=("assigningAuthorityName",), requirement=requirement)
    if found["root"] not in (OID_NHS_NUMBER, OID_LOCAL_ID):
        raise fault(element, "Root of a person's id", "CPIS-MSG-008", expected=OID_NHS_NUMBER, found=found["root"])
    return found


def write_person_ids(name: str, nhs_number: str, local: LocalId | None) -> str:
    """NHS number, then the local id if there is one."""
    ids = write_id(name, root=OID_NHS_NUMBER, extension=nhs_number)
    if local is not None:
        ids += write_id(
            name, root=OID_LOCAL_ID, extension=local.extension, assigningAuthorityName=local.assigning_authority
        )
    return ids


def read_subject(parent: etree._Element, *, agree: bool = True) -> Subject:
    """The child, or the mother of the unborn child, in a `subject`."""
    outer = Reader(parent)
    block = read_block(outer, (CHILD, UNBORN_CHILD), agree=agree)
    outer.done()
    reader = Reader(block)
    if local_name(block) == CHILD:
        ids = reader.many("id", least=1, most=2, requirement="CPIS-DAT-013")
        person = Reader(reader.one("childPerson", requirement="CPIS-DAT-013"))
        kind = SubjectKind.CHILD
    else:
        ids = []
        person = Reader(reader.one("parentMotherPerson", requirement="CPIS-DAT-013"))
        kind = SubjectKind.MOTHER
    reader.done()
    birth_date = read_birth_date(person.one("birthTime", requirement="CPIS-DAT-013"))
    given, family = _read_subject_name(person.one("name", requirement="CPIS-DAT-013"))
    if kind is SubjectKind.MOTHER:
        mother = Reader(person.one("playedMother", requirement="CPIS-DAT-013"))
        ids = mother.many("id", least=1, most=2, requirement="CPIS-DAT-013")
        mother.done()
    person.done()
    nhs_number, local = read_person_ids(ids, requirement="CPIS-DAT-013")
    return Subject(kind, nhs_number, birth_date, given, family, local)


def _read_subject_name(element: etree._Element) -> tuple[str, str]:
    for name in ("use", "nullFlavor", "updateMode"):
        if name in element.attrib:
            raise fault(element, "Attribute in a subject's name", "CPIS-MSG-009", expected="none", found=name)
    reader = Reader(element, text=True)
    parts = []
    for name in ("given", "family"):
        if reader.peek() != name:
            raise fault(
                element,
                "Name of a subject",
                "CPIS-MSG-009",
                expected="one given, then one family",
                found=", ".join(local_name(child) for child in list(element)[:5]) or "nothing",
            )
        parts.append(read_name_part(reader.one(name, requirement="CPIS-MSG-009")))
    reader.done({"prefix": "CPIS-MSG-009", "suffix": "CPIS-MSG-009", "given": "CPIS-MSG-009"})
    return parts[0], parts[1]


_NAME_PART_ATTRIBUTES: Final = frozenset(
    {"partType", "qualifier", "language", "mediaType", "representation", "nullFlavor", "updateMode"}
)
_PART_TYPES: Final = {"family": "FAM", "given": "GIV", "prefix": "PFX", "suffix": "SFX", "delimiter": "DEL"}
_PART_QUALIFIERS: Final = frozenset({"BR", "SP", "VV", "AC", "PR", "NB", "LS", "CL", "IN"})


def read_name_part(element: etree._Element, *, requirement: str = "CPIS-MSG-005") -> str:
    """A part of a name. The datatypes allow attributes on it, none of which means anything here.

    Raises:
        DecodeError: When it has children, or an attribute that it may not have or with another value.
    """
    expected = _PART_TYPES[local_name(element)]
    if (found := element.get("partType", expected)) != expected:
        raise fault(element, "partType of a name", "CPIS-MSG-005", expected=expected, found=found)
    if not _PART_QUALIFIERS.issuperset(words(element.get("qualifier", ""))):
        raise fault(element, "qualifier of a name", "CPIS-MSG-005", found=element.get("qualifier"))
    return content(element, optional=_NAME_PART_ATTRIBUTES, requirement=requirement)


def write_subject(subject: Subject) -> str:
    """A `subject` with its block."""
    name = f"<name><given>{text(subject.given)}</given><family>{text(subject.family)}</family></name>"
    person = f'<birthTime value="{write_day(subject.birth_date)}"/>{name}'
    ids = write_person_ids("id", subject.nhs_number, subject.local_id)
    if subject.kind is SubjectKind.CHILD:
        block, body = CHILD, f"{ids}<childPerson>{person}</childPerson>"
    else:
        block = UNBORN_CHILD
        body = f"<parentMotherPerson>{person}<playedMother>{ids}</playedMother></parentMotherPerson>"
    return f"<subject>{content_id(block)}<{block}>{body}</{block}></subject>"


# Organisations


def read_organisation(element: etree._Element, *, requirement: str, telephones: bool = False) -> Organisation:
    """An organisation: ODS code, name, and for an authority its telephones.

    Args:
        element: The element that holds `id` and `name`.
        requirement: What is broken when one of them is missing.
        telephones: Whether one or two `telecom` follow.

    Raises:
        DecodeError: When a part is missing or malformed.
    """
    reader = Reader(element)
    identifier = reader.one("id", requirement=requirement)
    found = attributes(identifier, "root", "extension", requirement=requirement)
    if found["root"] not in (OID_ODS_ORGANISATION, OID_ODS_SITE):
        raise fault(
            identifier,
            "Root of an organisation's id",
            "CPIS-MSG-007",
            expected=f"{OID_ODS_ORGANISATION} or {OID_ODS_SITE}",
            found=found["root"],
        )
    name = content(reader.one("name", requirement=requirement))
    telecom: tuple[Telecom, ...] = ()
    if telephones:
        entries = reader.many("telecom", least=1, most=2, requirement="CPIS-DAT-014")
        telecom = tuple(_read_telecom(entry) for entry in entries)
    reader.done()
    return Organisation(found["extension"], name, telecom, is_site=found["root"] == OID_ODS_SITE)


def _read_telecom(element: etree._Element) -> Telecom:
    found = attributes(element, "value", "use", requirement="CPIS-DAT-014")
    if not _TELECOM.fullmatch(found["value"]):
        raise fault(
            element,
            "Telephone number",
            "CPIS-DAT-015",
            expected="tel:, perhaps +, then digits only",
            found=found["value"],
        )
    if not _TELECOM_USES.issuperset(words(found["use"])):
        raise fault(element, "Use of a telephone", "CPIS-DAT-014", expected="WP or EC", found=found["use"])
    return Telecom(found["value"], found["use"])


def write_organisation(name: str, organisation: Organisation) -> str:
    """An organisation in an element of the given name, its telephones with it if it has any."""
    root = OID_ODS_SITE if organisation.is_site else OID_ODS_ORGANISATION
    telecom = "".join(
        f'<telecom value="{attribute(entry.value)}" use="{attribute(entry.use)}"/>' for entry in organisation.telecom
    )
    identifier = write_id("id", root=root, extension=organisation.ods_code)
    return f"<{name}>{identifier}<name>{text(organisation.name)}</name>{telecom}</{name}>"


def read_recipient(element: etree._Element, *, requirement: str) -> Organisation:
    """The authority that a notification is for, from `primaryInformationRecipient`."""
    outer = Reader(element)
    block = Reader(read_block(outer, (RECIPIENT,)))
    outer.done()
    organisation = block.one("representedSourceOrganization", requirement=requirement)
    block.done()
    return read_organisation(organisation, requirement=requirement)


def write_recipient(organisation: Organisation) -> str:
    """A `primaryInformationRecipient`; it carries no telephones."""
    plain = Organisation(organisation.ods_code, organisation.name, is_site=organisation.is_site)
    return (
        f"<primaryInformationRecipient>{content_id(RECIPIENT)}<{RECIPIENT}>"
        f"{write_organisation('representedSourceOrganization', plain)}"
        f"</{RECIPIENT}></primaryInformationRecipient>"
    )
