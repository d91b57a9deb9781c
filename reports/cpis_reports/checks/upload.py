"""Checks of what an authority's system sends: the file under judgement is one that holds the scenario's own child.

A product may hold other children and send full files, so nothing is said of anybody whom the scenario did not bring in.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final, Literal

from cpis_reports.checks.reading import (
    UploadFile,
    answered,
    file_with,
    last_answer,
    last_file_with,
    no_file,
    uploads,
)
from cpis_reports.checks.registry import Judgement, check, failed, passed, undecided
from cpis_simulator.evidence import DRIVER, Evidence
from cpis_simulator.model import PlanRecord, ProtectionPlan
from cpis_simulator.nhs_number import masked
from cpis_simulator.rules.judge import judge
from cpis_simulator.rules.upload import check_header
from cpis_simulator.vocabulary import MessageKind

CLOCK_TOLERANCE_S: Final = 300


@check(
    "valid-file-with-child",
    judges="authority",
    requirements=("CPIS-UPL-001", "CPIS-UPL-002", "CPIS-UPL-006"),
    witness="wire",
)
def valid_file_with_child(evidence: Evidence, *, authority: str, nhs_number: str) -> Judgement:
    """A whole file came through the drop folder, with its header once, and the child in it."""
    files = uploads(evidence, authority)
    file = file_with(files, nhs_number)
    if file is None or file.upload is None:
        return no_file(evidence, authority, f"child {masked(nhs_number)} is in no readable file")
    upload, findings = file.upload, []
    if upload.sender.ods_code != authority:
        findings.append(f"the header names {upload.sender.ods_code}, not {authority}")
    if not upload.file_id.isdigit():
        findings.append(f"the sequence id is '{upload.file_id}', not a number")
    findings += [f.message for f in check_header(upload) if f.rule in ("CPIS-UPL-002", "CPIS-UPL-001")]
    if findings:
        return failed("wire", "; ".join(findings), file.record.seq)
    return passed("wire", file.record.seq)


@check(
    "plan-in-file-once",
    judges="authority",
    requirements=(
        *("CPIS-DAT-001", "CPIS-DAT-002", "CPIS-DAT-006", "CPIS-DAT-007", "CPIS-DAT-010", "CPIS-DAT-021"),
        *("CPIS-UPL-001", "CPIS-UPL-008", "CPIS-UPL-019", "CPIS-IG-011", "CPIS-ACK-009", "CPIS-ACK-012"),
        *("CPIS-INA-004", "CPIS-INA-009", "CPIS-OPS-001"),
    ),
    witness="wire",
)
def plan_in_file_once(
    evidence: Evidence, *, authority: str, nhs_number: str, plan: dict[str, Any], known: list[list[str]]
) -> Judgement:
    """A child's plan stands exactly once in the file under the number, with its dates."""
    return _plan_judged(evidence, authority, nhs_number, plan, known, kind="child")


@check(
    "unborn-plan-in-file-once",
    judges="authority",
    requirements=(
        *("CPIS-DAT-005", "CPIS-DAT-006", "CPIS-DAT-008", "CPIS-DAT-010", "CPIS-DAT-021", "CPIS-INA-004"),
        "CPIS-MSG-014",
    ),
    witness="wire",
)
def unborn_plan_in_file_once(
    evidence: Evidence, *, authority: str, nhs_number: str, plan: dict[str, Any], known: list[list[str]]
) -> Judgement:
    """An unborn child's plan stands exactly once in the file under the mother's number, ended by the due date."""
    return _plan_judged(evidence, authority, nhs_number, plan, known, kind="mother")


@check("deleted-plan-in-file-once", judges="authority", requirements=("CPIS-DAT-009", "CPIS-DAT-010"), witness="wire")
def deleted_plan_in_file_once(
    evidence: Evidence, *, authority: str, nhs_number: str, plan: dict[str, Any], known: list[list[str]]
) -> Judgement:
    """A plan that was entered in error stands exactly once in the file under the number, with a delete date."""
    return _plan_judged(evidence, authority, nhs_number, plan, known, kind="child")


def _plan_judged(
    evidence: Evidence,
    authority: str,
    nhs_number: str,
    plan: dict[str, Any],
    known: list[list[str]],
    *,
    kind: Literal["child", "mother"],
) -> Judgement:
    """`known` are type and start of every plan of the person: no other may stand under the number."""
    file = last_file_with(uploads(evidence, authority), nhs_number)
    if file is None:
        return no_file(evidence, authority, f"{masked(nhs_number)} is in no file")
    if fault := file.faulty(nhs_number):
        return failed("wire", f"the record of {masked(nhs_number)} cannot be read: {fault.reason}", file.record.seq)
    same_type = [
        p
        for subject, plans in file.entries(nhs_number)
        if subject.kind == kind
        for p in plans
        if p.plan_type == plan["plan_type"]
    ]
    own = [p for p in same_type if p.start.date().isoformat() == plan["start"]]
    if len(own) != 1:
        shown = ", ".join(_shown(p) for p in same_type) or "none"
        return failed(
            "wire",
            f"expected one {plan['plan_type']} from {plan['start']} of {masked(nhs_number)} as {kind}, "
            f"found {len(own)}; of that type: {shown}",
            file.record.seq,
        )
    every = [p for _, plans in file.entries(nhs_number) for p in plans]
    foreign = [p for p in every if [p.plan_type.value, p.start.date().isoformat()] not in known]
    if foreign:
        shown = ", ".join(f"{p.plan_type} {_shown(p)}" for p in foreign)
        return failed("wire", f"{masked(nhs_number)} stands there with a plan that nobody opened: {shown}", file.record)
    return _dates_judged(own[0], plan, file)


def _dates_judged(found: ProtectionPlan, plan: dict[str, Any], file: UploadFile) -> Judgement:
    end = found.end.date().isoformat() if found.end else None
    findings = []
    if end != plan["end"]:
        findings.append(f"end date: expected {plan['end'] or 'none'}, found {end or 'none'}")
    if (found.delete is not None) != plan["deleted"]:
        findings.append(f"delete date: expected {'one' if plan['deleted'] else 'none'}, found {found.delete or 'none'}")
    if findings:
        return failed("wire", f"{plan['plan_type']} from {plan['start']}: {'; '.join(findings)}", file.record.seq)
    return passed("wire", file.record.seq)


def _shown(plan: ProtectionPlan) -> str:
    parts = [f"from {plan.start:%Y-%m-%d}"]
    if plan.end:
        parts.append(f"to {plan.end:%Y-%m-%d}")
    if plan.delete:
        parts.append(f"deleted {plan.delete:%Y-%m-%d}")
    return " ".join(parts)


@check(
    "subject-in-file",
    judges="authority",
    requirements=(
        *("CPIS-DAT-005", "CPIS-DAT-006", "CPIS-DAT-013", "CPIS-DAT-021", "CPIS-MSG-009", "CPIS-MSG-014"),
        *("CPIS-UPL-008", "CPIS-INA-004", "CPIS-ACK-009"),
    ),
    witness="wire",
)
def subject_in_file(
    evidence: Evidence, *, authority: str, person: dict[str, Any], mother: bool, local_id: str | None
) -> Judgement:
    """The number stands with its own name, birth date and, if given, local id, on the right kind of subject."""
    number = person["nhs_number"]
    file = last_file_with(uploads(evidence, authority), number)
    if file is None:
        return no_file(evidence, authority, f"{masked(number)} is in no file")
    if fault := file.faulty(number):
        return failed("wire", f"the record of {masked(number)} cannot be read: {fault.reason}", file.record.seq)
    kind = "mother" if mother else "child"
    subjects = [s for s, _ in file.entries(number) if s.kind == kind]
    if not subjects:
        return failed("wire", f"{masked(number)} does not stand as {kind}", file.record.seq)
    findings = []
    for subject in subjects:
        found = {
            "given": subject.given,
            "family": subject.family,
            "birth_date": subject.birth_date.isoformat(),
        }
        findings += [f"{k}: expected {person[k]!r}, found {v!r}" for k, v in found.items() if v != person[k]]
        extension = subject.local_id.extension if subject.local_id else None
        if local_id is not None and extension != local_id:
            findings.append(f"local id: expected {local_id!r}, found {extension!r}")
    if findings:
        return failed("wire", f"{masked(number)}: {'; '.join(sorted(set(findings)))}", file.record.seq)
    return passed("wire", file.record.seq)


@check(
    "person-in-no-file",
    judges="authority",
    requirements=(
        *("CPIS-DAT-002", "CPIS-UPL-007", "CPIS-UPL-018", "CPIS-DAT-029", "CPIS-INA-003", "CPIS-ACK-012"),
        *("CPIS-DAT-031", "CPIS-IG-010"),
    ),
    witness="wire",
)
def person_in_no_file(
    evidence: Evidence,
    *,
    authority: str,
    marker: str,
    nhs_number: str | None = None,
    names: list[str] | None = None,
) -> Judgement:
    """Neither the number nor the person of that name is in any file up to the one that holds the marker."""
    files = uploads(evidence, authority)
    found = []
    for file in files:
        for record in file.upload.records if file.upload else ():
            people = record.subjects if isinstance(record, PlanRecord) else ()
            hit = [s for s in people if s.nhs_number == nhs_number or (names and [s.given, s.family] == names)]
            if hit or (nhs_number is not None and getattr(record, "nhs_number", None) == nhs_number):
                found.append(file)
    if found:
        who = masked(nhs_number) if nhs_number else "the person without a number"
        return failed("wire", f"{who} is in file {found[0].upload and found[0].upload.file_id}", found[0].record.seq)
    fence = file_with(files, marker)
    if fence is None:
        missing = no_file(evidence, authority, f"the marker {masked(marker)} is in no file")
        cause = missing.cause or "not-reached"
        return undecided(cause, f"absence cannot be judged: {missing.findings[0]}", *missing.evidence)
    return passed("wire", fence.record.seq)


@check("held-back-shown", judges="authority", requirements=("CPIS-UPL-007",), witness="product")
def held_back_shown(evidence: Evidence, *, child_id: str, others: list[str]) -> Judgement:
    """The child stands on the list of those held back, with a reason, and nobody who was sent does."""
    found = last_answer(evidence, "held-back")
    if found is None:
        return undecided("not-reached", "the product was not asked whom it holds back", witness="product")
    reasons = {i.get("child_id"): i.get("reason") for i in found[1]}
    if not reasons.get(child_id):
        why = "stands without a reason" if child_id in reasons else "is not"
        return failed("product", f"the child without a number {why} on the list of those held back", found[0])
    if wrong := reasons.keys() & {*others}:
        return failed("product", f"{len(wrong)} child(ren) whose plan was sent stand as held back", found[0])
    return passed("product", found[0])


@check("quantity-is-right", judges="authority", requirements=("CPIS-UPL-004",), witness="wire")
def quantity_is_right(evidence: Evidence, *, authority: str, nhs_number: str) -> Judgement:
    """The declared quantity of the file with the child is the number of its records."""
    file = file_with(uploads(evidence, authority), nhs_number)
    if file is None or file.upload is None:
        return no_file(evidence, authority, f"{masked(nhs_number)} is in no file")
    declared, present = file.upload.quantity, len(file.upload.records)
    if declared != present:
        return failed("wire", f"declared quantity {declared}, records in the file {present}", file.record.seq)
    return passed("wire", file.record.seq)


@check(
    "telephone-in-header",
    judges="authority",
    requirements=("CPIS-DAT-014", "CPIS-DAT-015", "CPIS-UPL-008"),
    witness="wire",
)
def telephone_in_header(
    evidence: Evidence,
    *,
    authority: str,
    nhs_number: str | None,
    telephone: str,
    name: str,
    office: str | None,
) -> Judgement:
    """The header holds the authority's name, its emergency duty number once as `tel:` and digits, and the office's."""
    files = uploads(evidence, authority)
    file = last_file_with(files, nhs_number) if nhs_number else (files[-1] if files else None)
    if file is None or file.upload is None:
        return no_file(evidence, authority, "no readable file came")
    emergency = [t.value for t in file.upload.sender.telecom if t.use == "EC"]
    if emergency != [telephone]:
        return failed("wire", f"expected one EC telephone {telephone}, found {emergency or 'none'}", file.record.seq)
    sender = file.upload.sender
    if sender.name != name:
        return failed("wire", f"the header names the authority '{sender.name}', not '{name}'", file.record.seq)
    others = [t.value for t in sender.telecom if t.use != "EC"]
    if office is not None and others not in ([], [office]):
        return failed("wire", f"expected the office telephone {office}, found {others}", file.record.seq)
    return passed("wire", file.record.seq)


@check("file-ids-rise", judges="authority", requirements=("CPIS-UPL-003", "CPIS-OPS-003"), witness="wire")
def file_ids_rise(evidence: Evidence, *, authority: str, nhs_number: str, at_least: int) -> Judgement:
    """Sequence ids are numbers, each greater than all before it; the last file holds the scenario's child."""
    files = [f for f in uploads(evidence, authority) if f.upload]
    ids = [f.upload.file_id for f in files if f.upload]
    seqs = [f.record.seq for f in files]
    if len(files) < at_least or not files[-1].entries(nhs_number):
        missing = no_file(evidence, authority, f"expected {at_least} files, the last with {masked(nhs_number)}")
        return missing if len(files) < at_least else failed("wire", missing.findings[0], *seqs)
    if not all(i.isdigit() for i in ids):
        return failed("wire", f"sequence ids are not all numbers: {', '.join(ids)}", *seqs)
    if any(int(b) <= int(a) for a, b in pairwise(ids)):
        return failed("wire", f"sequence ids do not rise: {', '.join(ids)}", *seqs)
    return passed("wire", *seqs)


@check("no-empty-file", judges="authority", requirements=("CPIS-UPL-001", "CPIS-UPL-009"), witness="wire")
def no_empty_file(evidence: Evidence, *, authority: str, marker: str) -> Judgement:
    """No file without records came before the one that holds the marker."""
    files = uploads(evidence, authority)
    for file in files:
        empty = file.upload is not None and not file.upload.records
        if empty or (file.problem is not None and file.problem.requirement == "CPIS-UPL-001"):
            return failed("wire", "a file without any record was dropped", file.record.seq)
    fence = file_with(files, marker)
    if fence is None:
        missing = no_file(evidence, authority, f"the marker {masked(marker)} is in no file")
        return undecided(missing.cause or "not-reached", missing.findings[0], *missing.evidence)
    return passed("wire", fence.record.seq)


@check(
    "nothing-dropped-until-mended", judges="authority", requirements=("CPIS-UPL-018", "CPIS-DAT-014"), witness="wire"
)
def nothing_dropped_until_mended(evidence: Evidence, *, authority: str, marker: str) -> Judgement:
    """No file came between the export and the mending of the telephones; afterwards the child came through."""
    mended = evidence.on(DRIVER, operation="change-authority", phase="request")
    files = uploads(evidence, authority)
    if not mended:
        return undecided("harness", "the telephones were never mended, so there is no fence")
    early = [f for f in files if f.record.seq < mended[-1].seq]
    if early:
        return failed("wire", "a file was dropped without an emergency duty number", early[0].record.seq)
    fence = file_with(files, marker)
    if fence is None:
        missing = no_file(evidence, authority, f"the marker {masked(marker)} is in no file")
        return undecided(missing.cause or "not-reached", missing.findings[0], *missing.evidence)
    return passed("wire", fence.record.seq)


@check("no-words-in-file", judges="authority", requirements=("CPIS-DAT-003",), witness="wire")
def no_words_in_file(evidence: Evidence, *, authority: str, nhs_number: str, words: list[str]) -> Judgement:
    """The file with the child holds none of the words that stand in its case notes."""
    file = file_with(uploads(evidence, authority), nhs_number)
    if file is None:
        return no_file(evidence, authority, f"{masked(nhs_number)} is in no file")
    text = evidence.body(file.record).decode("utf-8", errors="replace").casefold()
    leaked = [word for word in words if word.casefold() in text]
    if leaked:
        return failed("wire", f"narrative in the file: {', '.join(leaked)}", file.record.seq)
    return passed("wire", file.record.seq)


@check("dates-have-form", judges="authority", requirements=("CPIS-DAT-011",), witness="wire")
def dates_have_form(evidence: Evidence, *, authority: str, numbers: list[str]) -> Judgement:
    """Every plan date in the files of these people has twelve digits and is a real date."""
    files = uploads(evidence, authority)
    chosen = {f.record.seq: f for f in (last_file_with(files, n) for n in numbers) if f}
    missing = [n for n in numbers if last_file_with(files, n) is None]
    if missing:
        return no_file(evidence, authority, f"{masked(missing[0])} is in no file")
    for file in chosen.values():
        body = evidence.body(file.record).decode("utf-8", errors="replace")
        for value in re.findall(r"(?:Start|End|Delete)Date\s*>\s*<[^<>]*?value\s*value=[\"']([^\"']*)[\"']", body):
            if not re.fullmatch(r"(19|20)[0-9]{10}", value):
                return failed("wire", f"plan date '{value}' is not yyyymmddhhmm", file.record.seq)
        broken = [r.reason for r in (file.upload.records if file.upload else ()) if not isinstance(r, PlanRecord)]
        if broken:
            return failed("wire", f"a record cannot be read: {broken[0]}", file.record.seq)
    return passed("wire", *chosen)


@check("creation-time-is-true", judges="authority", requirements=("CPIS-DAT-012",), witness="wire")
def creation_time_is_true(evidence: Evidence, *, authority: str, nhs_number: str) -> Judgement:
    """The file's creation time has an offset and is the instant at which it was made, on the product's clock."""
    file = file_with(uploads(evidence, authority), nhs_number)
    if file is None or file.upload is None:
        return no_file(evidence, authority, f"{masked(nhs_number)} is in no readable file")
    picked_up = datetime.fromisoformat(file.record.utc)
    expected, basis = picked_up, [file.record.seq]
    moves = [(r, a) for r, a, _ in answered(evidence, "set-clock") if r.seq < file.record.seq]
    if moves and moves[-1][1].get("instant"):
        record, asked = moves[-1]
        moved = datetime.fromisoformat(record.utc)
        expected = datetime.fromisoformat(asked["instant"]) + (picked_up - moved)
        basis.append(record.seq)
    off = (file.upload.creation_time - expected) / timedelta(seconds=1)
    if abs(off) > CLOCK_TOLERANCE_S:
        return failed("wire", f"creation time is {off:.0f} s from the true instant", *basis)
    return passed("wire", *basis)


def _register_form_check(rule: str) -> None:
    """One check a rule, so that a file that breaks one is not said to break its neighbours."""

    @check(f"file-obeys-{rule.removeprefix('CPIS-').lower()}", judges="authority", requirements=(rule,), witness="wire")
    def file_obeys(evidence: Evidence, *, authority: str, nhs_number: str) -> Judgement:
        """The file with the child does not break this rule of message form."""
        file = last_file_with(uploads(evidence, authority), nhs_number)
        if file is None:
            return no_file(evidence, authority, f"{masked(nhs_number)} is in no readable file")
        findings = judge(evidence.body(file.record), MessageKind.UPLOAD).findings
        broken = [f for f in findings if f.rule == rule and f.severity == "error"]
        if broken:
            return failed("wire", "; ".join(f"{f.rule}: {f.message}" for f in broken[:3]), file.record.seq)
        return passed("wire", file.record.seq)


for _number in (3, 4, 5, 6, 7, 8, 9, 12, 13, 14):
    _register_form_check(f"CPIS-MSG-{_number:03}")
