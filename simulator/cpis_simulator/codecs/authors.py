"""Who asks: a signed-in worker, or a system with the people who answer for it.

Source: CP-IS DMS 1.0-RC5, templates COCT_TP145102GB01 and COCT_TP145104GB01; CP-IS rules QRY-003 to QRY-005.
"""

from __future__ import annotations

from typing import Final

from lxml import etree

from cpis_simulator.codecs.parts import content_id, read_block, read_organisation, write_id, write_organisation
from cpis_simulator.codecs.picking import attribute_at, pick, pick_all, words
from cpis_simulator.codecs.xml import attribute, fault, local_name, text
from cpis_simulator.model import Author, AuthorName, DeviceAuthor, Organisation, PersonAuthor, ResponsiblePerson
from cpis_simulator.vocabulary import OID_ASID, OID_JOB_ROLE, OID_SDS_ROLE_PROFILE, OID_SDS_USER

PERSON: Final = "COCT_TP145102GB01.AssignedAuthor"
DEVICE: Final = "COCT_TP145104GB01.System"


def read_author(element: etree._Element) -> Author:
    """The author in an `author`.

    Raises:
        DecodeError: With `CPIS-QRY-004` when a worker's role profile stands where the user id belongs, with
            `CPIS-MSG-006` when the `contentId` names another block.
    """
    block = read_block(element)
    return _read_person(block) if local_name(block) == PERSON else _read_device(block)


def _read_person(block: etree._Element) -> PersonAuthor:
    code = pick(block, "code")
    first, *more = pick_all(block, "id")
    # The order of the two is stated, their roots are only derived: another root is tolerated, a swapped one is not.
    if first.get("root") == OID_SDS_ROLE_PROFILE:
        raise fault(
            first, "First id of a worker", "CPIS-QRY-004", expected="the SDS user id", found="a role profile id"
        )
    return PersonAuthor(
        code.get("code", ""),
        code.get("displayName", ""),
        first.get("extension", ""),
        read_author_name(pick(block, "assignedAuthorPerson/name")),
        read_organisation(pick(block, "representedOrganization")),
        more[0].get("extension", "") if more else None,
    )


def _read_device(block: etree._Element) -> DeviceAuthor:
    responsible = tuple(
        _read_responsible(entity) for entity in pick_all(block, "indirectAuthority/superiorAssignedEntity")
    )
    organisation = read_organisation(pick(block, "maintainingOrganization"))
    return DeviceAuthor(attribute_at(block, "id", "extension"), organisation, responsible)


def _read_responsible(entity: etree._Element) -> ResponsiblePerson:
    code = pick(entity, "code")
    name = read_author_name(pick(entity, "assignedPerson/name"))
    return ResponsiblePerson(code.get("code", ""), code.get("displayName", ""), name)


def read_author_name(element: etree._Element) -> AuthorName:
    """A worker's name; its parts may stand in any order.

    A name that is mere text is taken as the family name.
    """
    parts: dict[str, list[str]] = {"prefix": [], "given": [], "family": [], "suffix": []}
    for child in element:
        parts.get(local_name(child), []).append(words(child))
    if not any(parts.values()):
        parts["family"] = [words(element)]
    return AuthorName(
        family=" ".join(parts["family"]),
        given=tuple(parts["given"]),
        prefix=" ".join(parts["prefix"]) or None,
        suffix=" ".join(parts["suffix"]) or None,
        use=element.get("use"),
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
