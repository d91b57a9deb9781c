"""Checks of what an authority's system makes of replies that cannot be read, and of identities that must stay apart."""

from __future__ import annotations

import json
from typing import Any

from cpis_reports.checks.reading import answered, last_answer, new_items
from cpis_reports.checks.registry import Judgement, check, failed, passed, undecided
from cpis_simulator.codecs.acknowledgement import decode_acknowledgement
from cpis_simulator.errors import DecodeError
from cpis_simulator.evidence import FILE_DROP, Evidence, Record


@check(
    "unreadable-reply-shown",
    judges="authority",
    requirements=("CPIS-MSG-001", "CPIS-MSG-002", "CPIS-MSG-010", "CPIS-MSG-012"),
    witness="product",
)
def unreadable_reply_shown(evidence: Evidence, *, authority: str) -> Judgement:
    """An open exception names each delivered file that no reader could take for an acknowledgement."""
    files = evidence.on(FILE_DROP, authority=authority, direction="response", kind="acknowledgement")
    broken = [record for record in files if not _is_readable(evidence, record)]
    if not broken:
        return undecided("harness", "no unreadable reply was delivered")
    found = new_items(evidence, "exceptions")
    if found is None or found[0].seq < broken[-1].seq:
        return undecided("not-reached", "the product was not asked for its exceptions", witness="product")
    shown = [str(i.get("text", "")) for i in found[1] if i.get("kind") == "unreadable-file" and i.get("open", True)]
    for record in broken:
        # In a MESH folder a file is named by its message.
        names = [record.headers["name"].rpartition(".")[0], *filter(None, [record.headers.get("mesh-id")])]
        if not any(name in text for name in names for text in shown):
            return failed("product", "no open exception names the unreadable file", found[0], record)
    return passed("product", found[0], *broken)


def _is_readable(evidence: Evidence, record: Record) -> bool:
    try:
        decode_acknowledgement(evidence.body(record))
    except DecodeError:
        return False
    return True


@check("identities-not-linked", judges="authority", requirements=("CPIS-INA-007",), witness="product")
def identities_not_linked(evidence: Evidence, *, authority: str, sides: list[dict[str, Any]]) -> Judgement:
    """Nothing that the product shows of one identity holds the number or the name of the other."""
    files = evidence.on(FILE_DROP, authority=authority, direction="response", kind="inactive-notification")
    if not files:
        return undecided("harness", "no inactive-number notification was delivered to the authority")
    exceptions = new_items(evidence, "exceptions")
    if exceptions is None or exceptions[0].seq < files[-1].seq:
        return undecided("not-reached", "the product was not asked for its exceptions", witness="product")
    old, new = sides
    acted = [i for i in exceptions[1] if old["nhs_number"] in (i.get("nhs_number"), i.get("child_id"))]
    if not any(i.get("kind") == "inactive-number" for i in acted):
        return undecided("not-reached", "the product has not shown that it took the notification in", exceptions[0])
    where = [files[-1], exceptions[0]]
    if any(i.get("kind") == "inactive-number" and i.get("nhs_number") == new["nhs_number"] for i in exceptions[1]):
        return failed("product", "the new identity's number is shown as inactive, though nobody retired it", *where)
    for own, other in ((old, new), (new, old)):
        for record, text in _shown_of(evidence, own["child_id"], files[-1].seq):
            where.append(record)
            leaked = [w for w in (other["nhs_number"], other["child_id"]) if w in text]
            if leaked or all(word in text for word in other["words"]):
                return failed("product", "what is shown of one identity holds the other's", *where)
    return passed("product", *where)


def _shown_of(evidence: Evidence, child_id: str, since: int) -> list[tuple[Record, str]]:
    """Everything that lists show of a child after a moment, as text."""
    found = []
    for operation in ("exceptions", "alerts", "work-list"):
        listed = last_answer(evidence, operation)
        if listed is not None and listed[0].seq > since:
            own = [i for i in listed[1] if i.get("child_id") == child_id]
            found.append((listed[0], json.dumps(own, ensure_ascii=False)))
    for record, asked, answer in answered(evidence, "case-events") + answered(evidence, "child-status"):
        if asked.get("child_id") == child_id and record.seq > since:
            found.append((record, json.dumps(answer, ensure_ascii=False)))
    return found
