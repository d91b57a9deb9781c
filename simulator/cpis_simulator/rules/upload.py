"""What the official schema does not say about an upload file, by requirement.

A record rule takes a record, a header rule the authority that sends, an upload rule the whole file. Each yields its
breaches; the tables say which setting of `upload.business_checks` switches a rule off, where one does.

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
    ProtectionPlan,
    Subject,
    SubjectKind,
    Upload,
)
from cpis_simulator.rules.finding import ERROR, WARNING, Breach, Finding, findings
from cpis_simulator.settings import BusinessCheck, UploadSettings
from cpis_simulator.vocabulary import PlanType

ALL_CHECKS: Final[frozenset[BusinessCheck]] = UploadSettings().business_checks

_TELEPHONE: Final = re.compile(r"tel:\+?[0-9]*")
_ODS_CODE: Final = re.compile(r"[A-Z0-9]{2,10}")


# Records


def end_not_before_start(record: PlanRecord) -> Iterator[Breach]:
    """A plan cannot end before it starts; it may end in the same minute."""
    for path, plan in _plans(record):
        if plan.end is not None and plan.end < plan.start:
            yield Breach(
                f"{plan.plan_type} ends {plan.end:%Y-%m-%d %H:%M}, before it starts {plan.start:%Y-%m-%d %H:%M}", path
            )


def plan_has_its_subject(record: PlanRecord) -> Iterator[Breach]:
    """An unborn child's plan needs the mother as unborn-child subject, the other plans a child."""
    kinds = {subject.kind for subject in record.subjects}
    for path, plan in _plans(record):
        if plan.plan_type is PlanType.UNBORN:
            if SubjectKind.MOTHER not in kinds:
                yield Breach("unborn child protection plan without the mother as unborn-child subject", path)
        elif SubjectKind.CHILD not in kinds:
            yield Breach(f"{plan.plan_type} without a child as subject", path)


def check_digit_is_right(record: PlanRecord) -> Iterator[Breach]:
    """An NHS number has ten digits, the last of them a modulus-11 check digit."""
    for path, subject in _subjects(record):
        if not nhs_number.is_valid(subject.nhs_number):
            yield Breach(
                f"NHS number {nhs_number.masked(subject.nhs_number)} is not ten digits with a valid check digit", path
            )


def names_are_not_empty(record: PlanRecord) -> Iterator[Breach]:
    """Given and family name say something."""
    for path, subject in _subjects(record):
        for part, value in (("given", subject.given), ("family", subject.family)):
            if not value.strip():
                yield Breach(f"{part} name of the subject is empty", path)


def local_id_names_its_authority(record: PlanRecord) -> Iterator[Breach]:
    """The assigning authority of a local id reads `<ODS code>:<name>`."""
    for path, subject in _subjects(record):
        local = subject.local_id
        if local is not None and local.assigning_authority is not None:
            code, colon, name = local.assigning_authority.partition(":")
            if not (code and colon and name):
                yield Breach(f"assigning authority {local.assigning_authority!r} is not <ODS code>:<name>", path)


def subjects_differ_in_kind(record: PlanRecord) -> Iterator[Breach]:
    """Two subjects are a child and a mother, never two of a kind."""
    kinds = [subject.kind for subject in record.subjects]
    if len(kinds) != len(set(kinds)):
        yield Breach("two subjects of the same kind in one record", "/subject[2]")


class RecordRule(NamedTuple):
    """A rule about one record; `check` names the setting that switches it off."""

    breaches: Callable[[PlanRecord], Iterator[Breach]]
    check: BusinessCheck | None = None


RECORD_RULES: Final[dict[str, RecordRule]] = {
    "CPIS-DAT-006": RecordRule(subjects_differ_in_kind),
    "CPIS-DAT-029": RecordRule(check_digit_is_right, "check-digit"),
    "CPIS-MSG-008": RecordRule(local_id_names_its_authority),
    "CPIS-MSG-009": RecordRule(names_are_not_empty),
    "CPIS-MSG-013": RecordRule(end_not_before_start, "end-not-before-start"),
    "CPIS-MSG-014": RecordRule(plan_has_its_subject, "plan-and-subject"),
}


def check_record(
    record: PlanRecord, *, checks: Collection[BusinessCheck] = ALL_CHECKS, base: str = ""
) -> list[Finding]:
    """Judge one record that could be read.

    Args:
        record: The record.
        checks: Business checks that are switched on.
        base: XPath of the record, put before each place.
    """
    return [
        finding
        for rule, (breaches, check) in RECORD_RULES.items()
        if check is None or check in checks
        for finding in findings(rule, breaches(record), base)
    ]


def _plans(record: PlanRecord) -> Iterator[tuple[str, ProtectionPlan]]:
    for number, plan in enumerate(record.plans, start=1):
        yield f"/pertinentInformation[{number}]" if len(record.plans) > 1 else "/pertinentInformation", plan


def _subjects(record: PlanRecord) -> Iterator[tuple[str, Subject]]:
    for number, subject in enumerate(record.subjects, start=1):
        yield f"/subject[{number}]" if len(record.subjects) > 1 else "/subject", subject


# The header


def exactly_one_emergency_telephone(sender: Organisation) -> Iterator[Breach]:
    """One entry is the emergency duty number, and an entry that is there has digits."""
    emergency = [entry for entry in sender.telecom if "EC" in entry.use.split()]
    if len(emergency) != 1:
        yield Breach(f"expected exactly one telephone with use EC, found {len(emergency)}")
    if len(sender.telecom) > 2:
        yield Breach(f"expected at most two telephones, found {len(sender.telecom)}")
    for number, entry in enumerate(sender.telecom, start=1):
        path = f"/telecom[{number}]" if len(sender.telecom) > 1 else "/telecom"
        if not any(character.isdigit() for character in entry.value):
            yield Breach(f"telephone with use {entry.use} has no number", path)
        if len(entry.use.split()) != 1:
            yield Breach(f"telephone with uses {entry.use!r}, expected one use", path)


def telephones_have_their_form(sender: Organisation) -> Iterator[Breach]:
    """`tel:`, perhaps a plus sign, then digits only."""
    for number, entry in enumerate(sender.telecom, start=1):
        if not _TELEPHONE.fullmatch(entry.value):
            path = f"/telecom[{number}]" if len(sender.telecom) > 1 else "/telecom"
            yield Breach(f"expected tel: and digits only, found {entry.value!r}", path)


def authority_is_named(sender: Organisation) -> Iterator[Breach]:
    """The header names the authority by ODS code and name."""
    if not sender.name:
        yield Breach("name of the authority is empty", "/name")
    if not _ODS_CODE.fullmatch(sender.ods_code):
        yield Breach(f"{sender.ods_code!r} does not look like an ODS code", "/id", WARNING)


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


def check_header(upload: Upload, *, checks: Collection[BusinessCheck] = ALL_CHECKS) -> list[Finding]:
    """Judge the authority's contact data; a fault here fails every record of the file (DAT-014)."""
    base = "/File/communicationFunctionSnd/organisation"
    return [
        finding
        for rule, breaches, check in HEADER_RULES
        if check is None or check in checks
        for finding in findings(rule, breaches(upload.sender), base)
    ]


# The file


def quantity_is_the_number_of_records(upload: Upload) -> Iterator[Breach]:
    """The declared quantity counts the records, faulty ones too."""
    if upload.quantity != len(upload.records):
        yield Breach(f"declared {upload.quantity} records, found {len(upload.records)}", "/transmissionQuantity")


def file_id_is_a_sequence_number(upload: Upload) -> Iterator[Breach]:
    """A sequence number is digits; that it rises is seen over several files."""
    if not (upload.file_id.isascii() and upload.file_id.removeprefix("-").isdigit()):
        yield Breach(f"file id {upload.file_id!r} is not a sequence number", "/id")


def counts_are_not_negative(upload: Upload) -> Iterator[Breach]:
    """-1 is for replies only."""
    if upload.quantity < 0:
        yield Breach(f"quantity {upload.quantity} is negative", "/transmissionQuantity")
    if upload.file_id.startswith("-"):
        yield Breach(f"file id {upload.file_id} is negative", "/id")


UPLOAD_RULES: Final[dict[str, Callable[[Upload], Iterator[Breach]]]] = {
    "CPIS-UPL-003": file_id_is_a_sequence_number,
    "CPIS-UPL-004": quantity_is_the_number_of_records,
    "CPIS-MSG-012": counts_are_not_negative,
}


def check_upload(upload: Upload) -> list[Finding]:
    """Judge what concerns the file as a whole."""
    return [f for rule, breaches in UPLOAD_RULES.items() for f in findings(rule, breaches(upload), "/File")]


def judge_upload(upload: Upload, *, checks: Collection[BusinessCheck] = ALL_CHECKS) -> list[Finding]:
    """Every finding about a file: as a whole, its header, its records in order."""
    found = [*check_upload(upload), *check_header(upload, checks=checks)]
    for number, record in enumerate(upload.records, start=1):
        path = f"/File/record[{number}]" if len(upload.records) > 1 else "/File/record"
        if isinstance(record, FaultyRecord):
            found.append(Finding(record.requirement, ERROR, record.reason, record.line, record.xpath))
        else:
            found.extend(check_record(record, checks=checks, base=f"{path}/CP-ISRecord"))
    return found
