"""Who asks: a signed-in worker, or a system with the people who answer for it.

Source: CP-IS DMS 1.0-RC5, templates COCT_TP145102GB01 and COCT_TP145104GB01; CP-IS rules QRY-003 to QRY-005.
"""

from __future__ import annotations

import re
from typing import Final

from lxml import etree

from cpis_simulator.codecs.parts import (
    code_reader,
    coded,
    content_id,
    read_block,
    read_name_part,
    read_organisation,
    write_id,
    write_organisation,
)
from cpis_simulator.codecs.reader import Reader, attributes
from cpis_simulator.codecs.xml import WHITE_SPACE, attribute, fault, local_name, text, words
from cpis_simulator.model import Author, AuthorName, DeviceAuthor, Organisation, PersonAuthor, ResponsiblePerson
from cpis_simulator.vocabulary import OID_ASID, OID_JOB_ROLE, OID_SDS_ROLE_PROFILE, OID_SDS_USER

PERSON: Final = "COCT_TP145102GB01.AssignedAuthor"
DEVICE: Final = "COCT_TP145104GB01.System"

_ASID: Final = re.compile(r"[0-9]{12}")
_PERSON_RULE: Final = "CPIS-QRY-004"
_DEVICE_RULE: Final = "CPIS-QRY-005"
_NAME_USES: Final = frozenset(
    {"L", "A", "I", "R", "ABC", "SYL", "IDE", "PREFERRED"}
    | {"PREVIOUS", "PREVIOUS-BIRTH", "PREVIOUS-MAIDEN", "PREVIOUS-BACHELOR"}
)
_OID: Final = re.compile(r"[0-9]+(\.[0-9]+)*")


def read_author(element: etree._Element) -> Author:
    """The author in an `author`.

    Raises:
        DecodeError: With `CPIS-QRY-003` when there is none, with `CPIS-QRY-004` or `CPIS-QRY-005` when a part of it is
            missing.
    """
    outer = Reader(element)
    block = read_block(outer, (PERSON, DEVICE), requirement="CPIS-QRY-003")
    outer.done({PERSON: "CPIS-QRY-003", DEVICE: "CPIS-QRY-003", "contentId": "CPIS-QRY-003"})
    return _read_person(block) if local_name(block) == PERSON else _read_device(block)


def _read_person(block: etree._Element) -> PersonAuthor:
    reader = Reader(block)
    code = reader.one("code", requirement=_PERSON_RULE)
    role_code, role_name = _read_role(code, _PERSON_RULE)
    attributes(code, "code", "codeSystem", "displayName", requirement=_PERSON_RULE)
    identifiers = reader.many("id", least=1, most=2, requirement=_PERSON_RULE)
    found = [
        attributes(e, "extension", optional=("root", "assigningAuthorityName"), requirement=_PERSON_RULE)
        for e in identifiers
    ]
    for identifier in identifiers:
        if (root := identifier.get("root")) is not None and not _OID.fullmatch(root):
            raise fault(identifier, "Root of a worker's id", "CPIS-MSG-007", expected=OID_SDS_USER, found=root)
    # The order of the two is stated, their roots are only derived: another root is tolerated, a swapped one is not.
    if found[0].get("root") == OID_SDS_ROLE_PROFILE:
        raise fault(
            identifiers[0], "First id of a worker", _PERSON_RULE, expected="the SDS user id", found="a role profile id"
        )
    person = Reader(reader.one("assignedAuthorPerson", requirement=_PERSON_RULE))
    name = read_author_name(person.one("name", requirement=_PERSON_RULE), _PERSON_RULE)
    person.done()
    organisation = read_organisation(
        reader.one("representedOrganization", requirement=_PERSON_RULE), requirement=_PERSON_RULE
    )
    reader.done()
    profile = found[1]["extension"] if len(found) > 1 else None
    return PersonAuthor(role_code, role_name, found[0]["extension"], name, organisation, profile)


def _read_device(block: etree._Element) -> DeviceAuthor:
    reader = Reader(block)
    identifier = reader.one("id", requirement=_DEVICE_RULE)
    found = attributes(identifier, "root", "extension", requirement=_DEVICE_RULE)
    if found["root"] != OID_ASID or not _ASID.fullmatch(found["extension"]):
        raise fault(
            identifier, "ASID of the asking system", "CPIS-MSG-007", expected="twelve digits", found=found["extension"]
        )
    responsible = tuple(_read_responsible(entry) for entry in reader.many("indirectAuthority"))
    organisation = read_organisation(
        reader.one("maintainingOrganization", requirement=_DEVICE_RULE), requirement=_DEVICE_RULE
    )
    reader.done()
    return DeviceAuthor(found["extension"], organisation, responsible)


def _read_responsible(element: etree._Element) -> ResponsiblePerson:
    outer = Reader(element)
    entity = Reader(outer.one("superiorAssignedEntity", requirement=_DEVICE_RULE))
    outer.done()
    role_code, role_name = _read_role(entity.one("code", requirement=_DEVICE_RULE), _DEVICE_RULE)
    person = Reader(entity.one("assignedPerson", requirement=_DEVICE_RULE))
    entity.done()
    name = read_author_name(person.one("name", requirement=_DEVICE_RULE), _DEVICE_RULE)
    person.done()
    return ResponsiblePerson(role_code, role_name, name)


def _read_role(element: etree._Element, requirement: str) -> tuple[str, str]:
    for name in ("code", "codeSystem", "displayName"):
        if not element.get(name):
            raise fault(element, f"code without {name}", requirement, expected=f"attribute {name}")
    reader = code_reader(element)
    reader.maybe("originalText")
    reader.done()
    role = coded(element)
    if not _OID.fullmatch(role.code_system):
        raise fault(element, "Code system of a job role", requirement, expected=OID_JOB_ROLE, found=role.code_system)
    return role.code, role.display_name


def read_author_name(element: etree._Element, requirement: str) -> AuthorName:
    """A worker's name; its parts may stand in any order.

    A name that is mere text is taken as the family name.
    """
    reader = Reader(element, optional=("use",), text=True)
    use = element.get("use")
    if use is not None and not _NAME_USES.issuperset(words(use)):
        raise fault(element, "Use of a name", requirement, expected="L or PREFERRED", found=use)
    parts: dict[str, list[str]] = {"prefix": [], "given": [], "family": [], "suffix": []}
    while (name := reader.peek()) in parts or name == "delimiter":
        assert name is not None
        for part in reader.many(name):
            parts.get(name, []).append(read_name_part(part, requirement=requirement))
    reader.maybe("validTime", requirement=requirement)
    reader.done()
    if not any(parts.values()):
        parts["family"] = [(element.text or "").strip(WHITE_SPACE)]
    return AuthorName(
        family=" ".join(parts["family"]),
        given=tuple(parts["given"]),
        prefix=" ".join(parts["prefix"]) or None,
        suffix=" ".join(parts["suffix"]) or None,
        use=use,
    )


def write_author(author: Author) -> str:
    """An `author` with its block."""
    if isinstance(author, PersonAuthor):
        block, body = PERSON, _write_person(author)
    else:
        block, body = DEVICE, _write_device(author)
    return f"<author>{content_id(block)}<{block}>{body}</{block}></author>"


def _write_person(author: PersonAuthor) -> str:
    ids = write_id("id", root=OID_SDS_USER, extension=author.user_id)
    if author.role_profile_id is not None:
        ids += write_id("id", root=OID_SDS_ROLE_PROFILE, extension=author.role_profile_id)
    return (
        f"{_write_role(author.role_code, author.role_name)}{ids}"
        f"<assignedAuthorPerson>{_write_name(author.name)}</assignedAuthorPerson>"
        f"{write_organisation('representedOrganization', _without_telephones(author.organisation))}"
    )


def _write_device(author: DeviceAuthor) -> str:
    responsible = "".join(
        "<indirectAuthority><superiorAssignedEntity>"
        f"{_write_role(person.role_code, person.role_name)}<assignedPerson>{_write_name(person.name)}</assignedPerson>"
        "</superiorAssignedEntity></indirectAuthority>"
        for person in author.responsible
    )
    return (
        f"{write_id('id', root=OID_ASID, extension=author.asid)}{responsible}"
        f"{write_organisation('maintainingOrganization', _without_telephones(author.organisation))}"
    )


def _without_telephones(organisation: Organisation) -> Organisation:
    return Organisation(organisation.ods_code, organisation.name, is_site=organisation.is_site)


def _write_role(code: str, name: str) -> str:
    return f'<code code="{attribute(code)}" codeSystem="{OID_JOB_ROLE}" displayName="{attribute(name)}"/>'


def _write_name(name: AuthorName) -> str:
    parts = [
        ("prefix", name.prefix),
        *(("given", g) for g in name.given),
        ("family", name.family),
        ("suffix", name.suffix),
    ]
    body = "".join(f"<{part}>{text(value)}</{part}>" for part, value in parts if value is not None)
    use = f' use="{attribute(name.use)}"' if name.use is not None else ""
    return f"<name{use}>{body}</name>"
