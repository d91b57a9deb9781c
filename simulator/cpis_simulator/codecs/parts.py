"""Blocks that several messages share: plans, people, authors, organisations.

A reader here takes the element that holds the block, known to fit its schema, and returns a value of the model; a
writer returns the text of the element. `agree` switches the check that a `contentId` names the block after it
(MSG-006).

Source: CP-IS DMS 1.0-RC5, templates COCT_TP145100GB01 to 145104 and 146100 to 146105.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lxml import etree

from cpis_simulator.codecs.picking import pick, pick_all, words
from cpis_simulator.codecs.times import read_birth_date, read_plan_date, write_day, write_plan_date
from cpis_simulator.codecs.xml import WHITE_SPACE, attribute, fault, local_name, text
from cpis_simulator.model import Coded, LocalId, Organisation, ProtectionPlan, Subject, SubjectKind, Telecom
from cpis_simulator.vocabulary import (
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

PLAN_BLOCKS: Final = {**UPLOAD_BLOCKS, **ANSWER_BLOCKS}

_DATE_PREFIX: Final = {
    PlanType.LOOKED_AFTER: "lAC",
    PlanType.CHILD_PROTECTION: "cPP",
    PlanType.UNBORN: "uCP",
}
_LONGEST_COUNT: Final = 18


# Values


def read_count(element: etree._Element) -> int:
    """A whole number from `@value`; its range is a matter of rules.

    Raises:
        DecodeError: With `CPIS-MSG-005` when it is longer than any count can be.
    """
    value = element.get("value", "").strip(WHITE_SPACE)
    if len(value.lstrip("+-")) > _LONGEST_COUNT:
        raise fault(element, local_name(element), "CPIS-MSG-005", expected="a whole number", found=value)
    return int(value)


def write_id(name: str, **values: str | None) -> str:
    """An identifier element from its attributes, those that are None left out."""
    shown = "".join(f' {key}="{attribute(value)}"' for key, value in values.items() if value is not None)
    return f"<{name}{shown}/>"


# Codes


def read_code(element: etree._Element) -> Coded:
    """Code, text and system of a coded value (CD and the types made from it); what is not there is empty."""
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


def read_block(element: etree._Element, *, agree: bool = True) -> etree._Element:
    """The block of a place, after its `contentId`.

    Raises:
        DecodeError: With `CPIS-MSG-006` when its `contentId` names another.
    """
    announced, block = element
    found, expected = announced.get("extension", ""), local_name(block).replace(".", "#")
    if agree and found != expected:
        raise fault(
            announced,
            "contentId names another block",
            "CPIS-MSG-006",
            expected=expected,
            found=found,
            mend="Make it agree with the block that follows.",
        )
    return block


# Plans


def read_plan(element: etree._Element, *, agree: bool = True) -> ProtectionPlan:
    """The plan in a `pertinentInformation`.

    Raises:
        DecodeError: When its `contentId` names another block, or a date is not in the calendar.
    """
    block = read_block(element, agree=agree)
    dates = {local_name(component): read_plan_date(component[0][0]) for component in block}
    return ProtectionPlan(
        PLAN_BLOCKS[local_name(block)], dates["component"], dates.get("component1"), dates.get("component2")
    )


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


def read_person_ids(ids: Sequence[etree._Element]) -> tuple[str, LocalId | None]:
    """NHS number and local id of a person.

    Raises:
        DecodeError: With `CPIS-MSG-008` unless the NHS number comes first and the local id second.
    """
    first, *rest = ids
    if (root := first.get("root")) != OID_NHS_NUMBER:
        raise fault(first, "First id of a person", "CPIS-MSG-008", expected="the NHS number", found=root)
    local: LocalId | None = None
    for second in rest:
        if (root := second.get("root")) != OID_LOCAL_ID:
            raise fault(second, "Second id of a person", "CPIS-MSG-008", expected="the local id", found=root)
        local = LocalId(second.get("extension", ""), second.get("assigningAuthorityName"))
    return first.get("extension", ""), local


def write_person_ids(name: str, nhs_number: str, local: LocalId | None) -> str:
    """NHS number, then the local id if there is one."""
    ids = write_id(name, root=OID_NHS_NUMBER, extension=nhs_number)
    if local is not None:
        ids += write_id(
            name, root=OID_LOCAL_ID, extension=local.extension, assigningAuthorityName=local.assigning_authority
        )
    return ids


def read_subject(element: etree._Element, *, agree: bool = True) -> Subject:
    """The child, or the mother of the unborn child, in a `subject`.

    Raises:
        DecodeError: When its `contentId` names another block, a date is none, or its ids are not in their order.
    """
    block = read_block(element, agree=agree)
    if local_name(block) == CHILD:
        kind, ids, person = SubjectKind.CHILD, pick_all(block, "id"), pick(block, "childPerson")
    else:
        person = pick(block, "parentMotherPerson")
        kind, ids = SubjectKind.MOTHER, pick_all(person, "playedMother/id")
    birth_date = read_birth_date(pick(person, "birthTime"))
    nhs_number, local = read_person_ids(ids)
    given, family = (words(pick(person, f"name/{part}")) for part in ("given", "family"))
    return Subject(kind, nhs_number, birth_date, given, family, local)


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


def read_organisation(element: etree._Element) -> Organisation:
    """An organisation: ODS code, name, and for an authority its telephones."""
    identifier = pick(element, "id")
    telecom = tuple(Telecom(e.get("value", ""), e.get("use", "")) for e in pick_all(element, "telecom"))
    is_site = identifier.get("root") == OID_ODS_SITE
    return Organisation(identifier.get("extension", ""), words(pick(element, "name")), telecom, is_site)


def write_organisation(name: str, organisation: Organisation) -> str:
    """An organisation in an element of the given name, its telephones with it if it has any."""
    root = OID_ODS_SITE if organisation.is_site else OID_ODS_ORGANISATION
    telecom = "".join(
        f'<telecom value="{attribute(entry.value)}" use="{attribute(entry.use)}"/>' for entry in organisation.telecom
    )
    identifier = write_id("id", root=root, extension=organisation.ods_code)
    return f"<{name}>{identifier}<name>{text(organisation.name)}</name>{telecom}</{name}>"


def read_recipient(element: etree._Element) -> Organisation:
    """The authority that a notification is for, from `primaryInformationRecipient`.

    Raises:
        DecodeError: With `CPIS-MSG-006` when its `contentId` names another block.
    """
    return read_organisation(pick(read_block(element), "representedSourceOrganization"))


def write_recipient(organisation: Organisation) -> str:
    """A `primaryInformationRecipient`; it carries no telephones."""
    plain = Organisation(organisation.ods_code, organisation.name, is_site=organisation.is_site)
    return (
        f"<primaryInformationRecipient>{content_id(RECIPIENT)}<{RECIPIENT}>"
        f"{write_organisation('representedSourceOrganization', plain)}"
        f"</{RECIPIENT}></primaryInformationRecipient>"
    )
