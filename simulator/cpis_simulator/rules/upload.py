"""What the schema does not say about an upload file, by requirement.

A record rule takes a record, a header rule what stands before the records, a file rule header and count. Each yields
its breaches; the tables say which setting of `upload.business_checks` switches a rule off, where one does.

Source: CP-IS rules, sections 1, 2 and 10a; what the schemas do not enforce.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from typing import Final, NamedTuple

from cpis_simulator import nhs_number
from cpis_simulator.model import (
    FaultyRecord,
    Organisation,
    PlanRecord,
    SubjectKind,
    Upload,
    UploadHeader,
)
from cpis_simulator.rules.finding import WARNING, Breach, Finding, finding_of, findings
from cpis_simulator.settings import BusinessCheck, UploadSettings
from cpis_simulator.vocabulary import PlanType

ALL_CHECKS: Final[frozenset[BusinessCheck]] = UploadSettings().business_checks

MOST_BYTES: Final = 75_000_000
"""What the folder client of MESH sends at most (UPL-017)."""

_TELEPHONE: Final = re.compile(r"tel:\+?[0-9]*")
_ODS_CODE: Final = re.compile(r"[A-Z0-9]{2,10}")
SENDER: Final = "/File/communicationFunctionSnd/organisation"
"""Where the header of an upload names the authority."""


# Records


def end_not_before_start(record: PlanRecord) -> Iterator[Breach]:
    """A plan cannot end before it starts; it may end in the same minute."""
    for number, plan in enumerate(record.plans, start=1):
        if plan.end is not None and plan.end < plan.start:
            yield Breach(
                f"{plan.plan_type} ends before it starts",
                _plan_path(record, number),
                expected=f"an end from {plan.start:%Y-%m-%d %H:%M} on",
                found=f"{plan.end:%Y-%m-%d %H:%M}",
                mend="Correct the start or the end; a plan entered in error gets a delete date.",
            )


def plan_has_its_subject(record: PlanRecord) -> Iterator[Breach]:
    """An unborn child's plan needs the mother as unborn-child subject, the other plans a child."""
    kinds = {subject.kind for subject in record.subjects}
    for number, plan in enumerate(record.plans, start=1):
        if plan.plan_type is PlanType.UNBORN:
            if SubjectKind.MOTHER not in kinds:
                yield Breach(
                    "unborn child protection plan without the mother as unborn-child subject",
                    _plan_path(record, number),
                    mend="Send the mother as COCT_TP145100GB01.UnbornChild.",
                )
        elif SubjectKind.CHILD not in kinds:
            yield Breach(
                f"{plan.plan_type} without a child as subject",
                _plan_path(record, number),
                mend="Send the child as COCT_TP145101GB01.Child.",
            )


def check_digit_is_right(record: PlanRecord) -> Iterator[Breach]:
    """An NHS number has ten digits, the last of them a modulus-11 check digit."""
    for number, subject in enumerate(record.subjects, start=1):
        if not nhs_number.is_valid(subject.nhs_number):
            yield Breach(
                "NHS number",
                _id_path(record, number),
                expected="ten digits with a valid check digit",
                found=nhs_number.masked(subject.nhs_number),
                mend="Trace the number; a digit is probably mistyped.",
            )


def number_is_of_the_test_range(record: PlanRecord) -> Iterator[Breach]:
    """Test files hold made-up people only."""
    for number, subject in enumerate(record.subjects, start=1):
        if not subject.nhs_number.startswith(nhs_number.TEST_RANGE) and nhs_number.is_valid(subject.nhs_number):
            yield Breach(
                "NHS number outside of the test range",
                _id_path(record, number),
                WARNING,
                expected=f"{nhs_number.TEST_RANGE} and seven digits",
                found=nhs_number.masked(subject.nhs_number),
                mend="Never test with the data of real people.",
            )


def names_are_not_empty(record: PlanRecord) -> Iterator[Breach]:
    """Given and family name say something."""
    for number, subject in enumerate(record.subjects, start=1):
        for part, value in (("given", subject.given), ("family", subject.family)):
            if not value or value.isspace():
                yield Breach(f"{part} name of the subject is empty", _subject_path(record, number))


def local_id_names_its_authority(record: PlanRecord) -> Iterator[Breach]:
    """The assigning authority of a local id reads `<ODS code>:<name>`."""
    for number, subject in enumerate(record.subjects, start=1):
        local = subject.local_id
        if local is not None and local.assigning_authority is not None:
            code, colon, name = local.assigning_authority.partition(":")
            if not (code and colon and name):
                yield Breach(
                    "assigning authority of the local id",
                    _id_path(record, number),
                    expected="<ODS code>:<name>",
                    found=repr(local.assigning_authority),
                )


def subjects_differ_in_kind(record: PlanRecord) -> Iterator[Breach]:
    """Two subjects are a child and a mother, never two of a kind."""
    if len(record.subjects) == 2 and record.subjects[0].kind is record.subjects[1].kind:
        yield Breach(
            "two subjects of the same kind in one record",
            "/subject[2]",
            expected="a child and a mother",
            found=f"two of kind {record.subjects[0].kind}",
            mend="Send a record for each of them.",
        )


class RecordRule(NamedTuple):
    """A rule about one record.

    `check` names the setting that switches it off. `parts`: it looks at each plan or subject by itself, and so can be
    asked about a record of which only some parts could be read.
    """

    breaches: Callable[[PlanRecord], Iterator[Breach]]
    check: BusinessCheck | None = None
    parts: bool = True


RECORD_RULES: Final[dict[str, RecordRule]] = {
    "CPIS-DAT-006": RecordRule(subjects_differ_in_kind, parts=False),
    "CPIS-DAT-029": RecordRule(check_digit_is_right, "check-digit"),
    "CPIS-DAT-030": RecordRule(number_is_of_the_test_range),
    "CPIS-MSG-008": RecordRule(local_id_names_its_authority),
    "CPIS-MSG-009": RecordRule(names_are_not_empty),
    "CPIS-MSG-013": RecordRule(end_not_before_start, "end-not-before-start"),
    "CPIS-MSG-014": RecordRule(plan_has_its_subject, "plan-and-subject", parts=False),
}


def check_record(
    record: PlanRecord,
    *,
    checks: Collection[BusinessCheck] = ALL_CHECKS,
    base: str = "",
    number: int | None = None,
    parts_only: bool = False,
) -> list[Finding]:
    """Judge one record that could be read.

    Args:
        record: The record.
        checks: Business checks that are switched on.
        base: XPath of the record, put before each place.
        number: Of the record in its file.
        parts_only: Only some of its parts could be read: ask only the rules that look at each by itself.
    """
    return [
        finding
        for rule, (breaches, check, parts) in RECORD_RULES.items()
        if (check is None or check in checks) and (parts or not parts_only)
        for finding in findings(rule, breaches(record), base, number)
    ]


def is_sound(record: PlanRecord, checks: Collection[BusinessCheck] = ALL_CHECKS) -> bool:
    """No rule has anything against the record; the short answer for the many records of a large file."""
    for breaches, check, _ in RECORD_RULES.values():
        if (check is None or check in checks) and next(breaches(record), None) is not None:
            return False
    return True


def _plan_path(record: PlanRecord, number: int) -> str:
    return f"/pertinentInformation[{number}]" if len(record.plans) > 1 else "/pertinentInformation"


def _subject_path(record: PlanRecord, number: int) -> str:
    return f"/subject[{number}]" if len(record.subjects) > 1 else "/subject"


def _id_path(record: PlanRecord, number: int) -> str:
    """Where the NHS number of a subject stands."""
    block = "COCT_TP145101GB01.Child/id"
    if record.subjects[number - 1].kind is SubjectKind.MOTHER:
        block = "COCT_TP145100GB01.UnbornChild/parentMotherPerson/playedMother/id"
    return f"{_subject_path(record, number)}/{block}"


# The header


def exactly_one_emergency_telephone(sender: Organisation) -> Iterator[Breach]:
    """One entry is the emergency duty number, and an entry that is there has digits."""
    emergency = [entry for entry in sender.telecom if "EC" in entry.use.split()]
    if len(emergency) != 1:
        yield Breach(
            "telephones with use EC",
            expected="exactly one",
            found=len(emergency),
            mend="The emergency duty team's number has use EC, the office's use WP.",
        )
    if len(sender.telecom) > 2:
        yield Breach("telephones", expected="at most two", found=len(sender.telecom))
    for number, entry in enumerate(sender.telecom, start=1):
        path = f"/telecom[{number}]" if len(sender.telecom) > 1 else "/telecom"
        if not any(character.isdigit() for character in entry.value):
            yield Breach(f"telephone with use {entry.use} has no number", path, mend="Give its digits after tel:.")
        if len(entry.use.split()) != 1:
            yield Breach("use of a telephone", path, expected="one", found=repr(entry.use))


def telephones_have_their_form(sender: Organisation) -> Iterator[Breach]:
    """`tel:`, perhaps a plus sign, then digits only."""
    for number, entry in enumerate(sender.telecom, start=1):
        if not _TELEPHONE.fullmatch(entry.value):
            path = f"/telecom[{number}]" if len(sender.telecom) > 1 else "/telecom"
            yield Breach("telephone number", path, expected="tel: and digits only", found=repr(entry.value))


def authority_is_named(sender: Organisation) -> Iterator[Breach]:
    """The header names the authority by ODS code and name."""
    if not sender.name:
        yield Breach("name of the authority is empty", "/name")
    if not _ODS_CODE.fullmatch(sender.ods_code):
        yield Breach("ODS code", "/id", WARNING, expected="capital letters and digits", found=repr(sender.ods_code))


class HeaderRule(NamedTuple):
    """A rule about the authority in a header; `check` names the setting that switches it off."""

    rule: str
    breaches: Callable[[Organisation], Iterator[Breach]]
    check: BusinessCheck | None = None


HEADER_RULES: Final = (
    HeaderRule("CPIS-DAT-014", exactly_one_emergency_telephone, "emergency-telephone"),
    HeaderRule("CPIS-DAT-014", authority_is_named),
    HeaderRule("CPIS-DAT-015", telephones_have_their_form),
)


def check_authority(
    authority: Organisation, base: str, *, checks: Collection[BusinessCheck] = ALL_CHECKS
) -> list[Finding]:
    """Judge an authority's contact data, wherever a message repeats them."""
    return [
        finding
        for rule, breaches, check in HEADER_RULES
        if check is None or check in checks
        for finding in findings(rule, breaches(authority), base)
    ]


def check_header(header: UploadHeader | Upload, *, checks: Collection[BusinessCheck] = ALL_CHECKS) -> list[Finding]:
    """Judge the authority's contact data; a fault here fails every record of the file (DAT-014)."""
    return check_authority(header.sender, SENDER, checks=checks)


# The file


def quantity_is_the_number_of_records(header: UploadHeader, count: int) -> Iterator[Breach]:
    """The declared quantity counts the records, faulty ones too."""
    if header.quantity != count:
        yield Breach(
            "number of records",
            "/transmissionQuantity",
            expected=f"{header.quantity}, as declared",
            found=count,
            mend="Count the records when all of them are written.",
        )


def file_id_is_a_sequence_number(header: UploadHeader, count: int) -> Iterator[Breach]:
    """A sequence number is digits; that it rises is seen over several files."""
    if not (header.file_id.isascii() and header.file_id.removeprefix("-").isdigit()):
        yield Breach("file id", "/id", expected="a sequence number", found=repr(header.file_id))


def counts_are_not_negative(header: UploadHeader, count: int) -> Iterator[Breach]:
    """-1 is for replies only."""
    if header.quantity < 0:
        yield Breach("negative quantity", "/transmissionQuantity", found=header.quantity)
    if header.file_id.startswith("-"):
        yield Breach("negative file id", "/id", found=header.file_id)


def size_fits_the_transport(size: int) -> Iterator[Breach]:
    """The folder client of MESH takes no larger file; its REST interface takes this much a request, compressed."""
    if size > MOST_BYTES:
        yield Breach(
            "size of the file",
            "",
            WARNING,
            expected=f"at most {MOST_BYTES:,} bytes",
            found=f"{size:,}",
            mend="Send changes only, or split the records over several files.",
        )


FILE_RULES: Final[dict[str, Callable[[UploadHeader, int], Iterator[Breach]]]] = {
    "CPIS-UPL-003": file_id_is_a_sequence_number,
    "CPIS-UPL-004": quantity_is_the_number_of_records,
    "CPIS-MSG-012": counts_are_not_negative,
}


def check_file(header: UploadHeader, count: int, size: int = 0) -> list[Finding]:
    """Judge what concerns the file as a whole, once its records and its bytes are counted."""
    found = [f for rule, breaches in FILE_RULES.items() for f in findings(rule, breaches(header, count), "/File")]
    return [*found, *findings("CPIS-UPL-017", size_fits_the_transport(size), "/File")]


def judge_upload(upload: Upload, *, checks: Collection[BusinessCheck] = ALL_CHECKS) -> list[Finding]:
    """Every finding about a file that was read whole: its header, its records in order, the file."""
    header = upload.header()
    found = check_header(header, checks=checks)
    for number, record in enumerate(upload.records, start=1):
        if isinstance(record, FaultyRecord):
            found.extend(finding_of(fault, number) for fault in record.faults)
        else:
            base = f"/File/record[{number}]/CP-ISRecord"
            found.extend(check_record(record, checks=checks, base=base, number=number))
    return [*found, *check_file(header, len(upload.records))]
