"""Checks of what the service answers; they give verdicts only where the service is under test."""

from __future__ import annotations

from typing import Any

from cpis_reports.checks.exchanges import lookups_of
from cpis_reports.checks.reading import (
    acknowledgements,
    code_for,
    delivered_access,
    failed_numbers,
    file_with,
    notifications,
    others_in,
    same_instant,
    uploads,
)
from cpis_reports.checks.registry import Judgement, check, failed, passed, undecided
from cpis_simulator.codecs.inactive_notification import decode_inactive_notification
from cpis_simulator.evidence import FILE_DROP, Evidence, Record
from cpis_simulator.model import AnswerMessage, NoRecord
from cpis_simulator.nhs_number import masked


@check(
    "acknowledged-once",
    judges="service",
    requirements=(
        *("CPIS-ACK-001", "CPIS-ACK-002", "CPIS-ACK-003", "CPIS-ACK-004", "CPIS-ACK-005", "CPIS-ACK-007"),
        *("CPIS-ACK-008", "CPIS-UPL-020", "CPIS-UPL-021", "CPIS-UPL-022", "CPIS-OPS-001", "CPIS-DAT-026"),
        *("CPIS-INA-008", "CPIS-INA-009", "CPIS-UPL-004", "CPIS-UPL-013", "CPIS-UPL-014", "CPIS-UPL-015"),
        *("CPIS-DAT-001", "CPIS-DAT-007", "CPIS-DAT-008", "CPIS-DAT-011", "CPIS-DAT-014", "CPIS-DAT-016"),
        *("CPIS-DAT-017", "CPIS-MSG-006", "CPIS-MSG-013"),
    ),
    witness="wire",
)
def acknowledged_once(
    evidence: Evidence,
    *,
    authority: str,
    nhs_number: str,
    code: str,
    stored: int,
    failures: dict[str, str],
    own: list[str],
) -> Judgement:
    """The child's file got exactly one acknowledgement, with that code, those counts and those failed records.

    Args:
        own: Numbers of the scenario. A product's other children may be in the file too: then the counts must add up,
            and code and failures are looked at as if only these were there.
    """
    file = file_with(uploads(evidence, authority), nhs_number)
    if file is None or file.upload is None:
        return undecided("not-reached", f"{masked(nhs_number)} is in no readable file")
    upload = file.upload
    replies = [pair for pair in acknowledgements(evidence, authority) if pair[1].file_id == upload.file_id]
    if len(replies) != 1:
        return failed(
            "wire", f"expected one acknowledgement, found {len(replies)}", file.record, *(r for r, _ in replies)
        )
    record, ack = replies[0]
    findings = []
    if (found := code_for(upload, ack, own)) != code or len(ack.file_codes) != 1:
        findings.append(f"file code: expected {code}, found {', '.join(c.code for c in ack.file_codes)} ({found})")
    if others_in(upload, own):
        if ack.stored + ack.failed != len(upload.records):
            findings.append(f"{ack.stored} stored and {ack.failed} failed are not {len(upload.records)} records")
    elif (ack.stored, ack.failed) != (stored, len(failures)):
        findings.append(f"expected {stored} stored, {len(failures)} failed; found {ack.stored} and {ack.failed}")
    refused = {number: code for number, code in failed_numbers(upload, ack).items() if number in own}
    findings += [
        f"{masked(number)}: expected {failures.get(number, 'stored')}, found {refused.get(number, 'stored')}"
        for number in sorted(failures.keys() | refused.keys())
        if failures.get(number) != refused.get(number)
    ]
    if findings:
        return failed("wire", "; ".join(findings), file.record, record)
    return passed("wire", file.record, record)


@check("acknowledged-where-sent", judges="service", requirements=("CPIS-ACK-001", "CPIS-IG-010"), witness="wire")
def acknowledged_where_sent(evidence: Evidence, *, authorities: list[str]) -> Judgement:
    """Every acknowledgement is in the folder of the authority that sent the file it names, and addressed to it."""
    sent = {a: {f.upload.file_id: f.record for f in uploads(evidence, a) if f.upload} for a in authorities}
    where: list[Record] = []
    silent = []
    for authority in authorities:
        others = {file_id for other in authorities if other != authority for file_id in sent[other]}
        # A file that was sent before the scenario began may be answered in it.
        foreign = others - sent[authority].keys()
        answered = acknowledgements(evidence, authority)
        for record, reply in answered:
            if reply.receiver.ods_code != authority or reply.file_id in foreign:
                about = f"file {reply.file_id} of {reply.receiver.ods_code}"
                return failed("wire", f"an acknowledgement of {about} is with {authority}", record)
        silent += [] if answered else [authority]
        where += [*sent[authority].values(), *(record for record, _ in answered)]
    if silent:
        return undecided("not-reached", f"no file of {silent[0]} was acknowledged", *where)
    return passed("wire", *where)


@check(
    "answer-holds",
    judges="service",
    requirements=(
        *("CPIS-RSP-001", "CPIS-RSP-002", "CPIS-RSP-009", "CPIS-DAT-001", "CPIS-DAT-005", "CPIS-DAT-006"),
        *("CPIS-DAT-010", "CPIS-DAT-017", "CPIS-DAT-022", "CPIS-DAT-023", "CPIS-QRY-008", "CPIS-DAT-009"),
        *("CPIS-UPL-009", "CPIS-UPL-010", "CPIS-UPL-011", "CPIS-UPL-012", "CPIS-UPL-013", "CPIS-UPL-015"),
        *("CPIS-DAT-004", "CPIS-DAT-016", "CPIS-DAT-018", "CPIS-DAT-019", "CPIS-DAT-020", "CPIS-OPS-001"),
    ),
    witness="wire",
)
def answer_holds(evidence: Evidence, *, nhs_number: str, plans: list[dict[str, Any]], lookups_made: int) -> Judgement:
    """Each lookup of the number is answered with exactly these plans, each with its authority and telephones."""
    made = lookups_of(evidence, nhs_number)
    if len(made) < lookups_made:
        return undecided("not-reached", f"expected {lookups_made} lookups of {masked(nhs_number)}, found {len(made)}")
    where = [record for looked_up in made for record in looked_up.records()]
    for reply in (looked_up.reply for looked_up in made):
        if not isinstance(reply, AnswerMessage):
            return failed("wire", f"expected an answer with plans, found {type(reply).__name__}", *where)
        answer = reply.answer
        if (answer.total_accesses, answer.total_records) != (len(answer.accesses), len(answer.records)):
            return failed("wire", "the totals are not the numbers of items", *where)
        found = sorted(
            (r.authority.ods_code, p.plan_type.value, p.start.date().isoformat(), str(p.end.date() if p.end else None))
            for r in answer.records
            for p in r.record.plans
        )
        wanted = sorted((p["authority"], p["plan_type"], p["start"], str(p["end"])) for p in plans)
        if found != wanted:
            return failed("wire", f"expected the plans {wanted}, found {found}", *where)
        if any(not any(t.use == "EC" for t in r.authority.telecom) for r in answer.records):
            return failed("wire", "an authority stands without its emergency duty number", *where)
    return passed("wire", *where)


@check(
    "no-record-answered",
    judges="service",
    requirements=(
        *("CPIS-RSP-003", "CPIS-RSP-010", "CPIS-DAT-004", "CPIS-DAT-009", "CPIS-DAT-010", "CPIS-DAT-018"),
        *("CPIS-DAT-019", "CPIS-INA-007", "CPIS-INA-008", "CPIS-OPS-001", "CPIS-UPL-004", "CPIS-UPL-015"),
        *("CPIS-UPL-020", "CPIS-DAT-016"),
    ),
    witness="wire",
)
def no_record_answered(evidence: Evidence, *, nhs_number: str) -> Judgement:
    """The lookup is answered by a failed query, not by an empty answer."""
    made = lookups_of(evidence, nhs_number)
    if not made:
        return undecided("not-reached", f"{masked(nhs_number)} was not looked up")
    last = made[-1]
    if not isinstance(last.reply, NoRecord):
        found = type(last.reply).__name__
        return failed("wire", f"expected 'No Records Found', found {found}", last.records())
    return passed("wire", last.records())


@check(
    "access-notified",
    judges="service",
    requirements=(
        *("CPIS-NTF-001", "CPIS-NTF-005", "CPIS-NTF-006", "CPIS-NTF-007", "CPIS-IG-005", "CPIS-IG-010"),
        *("CPIS-QRY-009", "CPIS-QRY-012"),
    ),
    witness="wire",
)
def access_notified(
    evidence: Evidence, *, authority: str, nhs_number: str, accesses: list[dict[str, str]], whole: bool = False
) -> Judgement:
    """Each access is in exactly one notification to the authority, with the query's author, time and number.

    Args:
        whole: Every upload about the number is in evidence, so that it can be said under which file an access stands.
    """
    where: list[Record] = []
    sent = {f.upload.file_id for f in uploads(evidence, authority) if f.upload and f.entries(nhs_number)}
    made = {looked_up.query.query.event_id for looked_up in lookups_of(evidence, nhs_number)}
    for access in accesses:
        told = [r for r, n in notifications(evidence, authority) for g in n.groups for a in g.accesses
                if a.event_id == access["event_id"]]  # fmt: skip
        if not told and access["event_id"] not in made:
            return undecided("not-reached", f"the access to {masked(nhs_number)} was never made", *where)
        if len(told) != 1:
            return failed("wire", f"expected one notification of the access, found {len(told)}", *told, *where)
        delivered = delivered_access(evidence, authority, access["event_id"])
        assert delivered is not None
        record, notification, found = delivered
        where.append(record)
        if notification.total != sum(len(g.accesses) for g in notification.groups):
            return failed("wire", f"the total is {notification.total}", record)
        if notification.recipient.ods_code != authority or found.nhs_number != nhs_number:
            return failed("wire", "the notification is about another child or for another authority", record)
        group = next(g for g in notification.groups if found in g.accesses)
        if whole and group.upload_file_id not in sent:
            return failed("wire", "the access stands under a file that does not hold the number", record)
        if found.author.organisation.name != access["organisation"]:
            return failed("wire", f"the organisation is '{found.author.organisation.name}'", record)
        if not same_instant(access["accessed"], found.effective_time):
            return failed("wire", f"the time is {found.effective_time.isoformat()}", record)
    return passed("wire", *where)


@check(
    "access-not-notified",
    judges="service",
    requirements=("CPIS-NTF-002", "CPIS-NTF-003", "CPIS-QRY-008", "CPIS-IG-010"),
    witness="wire",
)
def access_not_notified(
    evidence: Evidence, *, authority: str, nhs_number: str, event_ids: list[str], marker_event: str
) -> Judgement:
    """No notification tells of these accesses up to the one that tells of the marker."""
    wrong = [
        record
        for record, notification in notifications(evidence, authority)
        for group in notification.groups
        for access in group.accesses
        if access.event_id in event_ids
    ]
    if wrong:
        return failed("wire", f"an access to {masked(nhs_number)} was notified that must not be", *wrong)
    marker = delivered_access(evidence, authority, marker_event)
    if marker is None:
        return undecided("not-reached", "absence cannot be judged: the marker access was not notified")
    return passed("wire", marker[0])


@check(
    "inactive-number-notified",
    judges="service",
    requirements=("CPIS-INA-001", "CPIS-INA-002", "CPIS-INA-007"),
    witness="wire",
)
def inactive_number_notified(
    evidence: Evidence, *, authority: str, numbers: dict[str, str | None], file_with_number: str
) -> Judgement:
    """One notification tells the authority of these numbers, with replacement where there is one, and the file."""
    file = file_with(uploads(evidence, authority), file_with_number)
    if file is None or file.upload is None:
        return undecided("not-reached", f"{masked(file_with_number)} was in no readable file")
    told = evidence.on(FILE_DROP, authority=authority, direction="response", kind="inactive-notification")
    if len(told) != 1:
        return failed("wire", f"expected one inactive-number notification, found {len(told)}", *told, file.record)
    notification = decode_inactive_notification(evidence.body(told[0]))
    found = {n.nhs_number: (n.replacements[0] if n.replacements else None) for n in notification.numbers}
    if found != numbers:
        return failed("wire", "the numbers or their replacements are not those that PDS retired", told[0])
    if any(not n.upload_file_id for n in notification.numbers):
        return failed("wire", "an entry names no upload file", told[0])
    return passed("wire", told[0], file.record)
