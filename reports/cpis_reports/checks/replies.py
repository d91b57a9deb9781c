"""Checks of what an authority's system makes of acknowledgements.

The product's own word counts where it repeats a fact that only the acknowledgement could have told it. Every check
first makes sure that the reply on the wire was the one that the scenario speaks of; if not, nobody is blamed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from cpis_reports.checks.reading import (
    UploadFile,
    acknowledgement_of,
    acknowledgements,
    answered,
    code_for,
    failed_numbers,
    file_with,
    inactive_delivered,
    last_answer,
    last_file_with,
    new_items,
    no_file,
    others_in,
    same_instant,
    uploads,
)
from cpis_reports.checks.registry import Judgement, check, failed, passed, undecided
from cpis_simulator.evidence import FILE_DROP, MARK, UNANSWERED, Evidence, Record
from cpis_simulator.model import Acknowledgement
from cpis_simulator.nhs_number import masked


def _files(evidence: Evidence, authority: str) -> list[UploadFile]:
    """The files that the scenario may speak of: those that were left open on purpose, where that was done.

    A product that exports of its own accord may have sent the same child shortly before; that file was answered.
    """
    files = uploads(evidence, authority)
    left = next((r.seq for r in evidence.on(MARK, event=UNANSWERED)), 0)
    return [f for f in files if f.record.seq > left]


def _reply(
    evidence: Evidence, authority: str, nhs_number: str, code: str, *, own: Sequence[str] = (), last: bool = False
) -> tuple[Record, Acknowledgement] | Judgement:
    """The acknowledgement with that file code of the file that holds the child, or why there is none.

    With `own` the code is the one that the file would have if only these numbers were in it.
    """
    files = _files(evidence, authority)
    if last:
        # What a product sent later of its own accord may still be on its way.
        answered_ids = {reply.file_id for _, reply in acknowledgements(evidence, authority)}
        files = [f for f in files if f.upload and f.upload.file_id in answered_ids] or files
    file = (last_file_with if last else file_with)(files, nhs_number)
    if file is None or file.upload is None:
        return no_file(evidence, authority, f"{masked(nhs_number)} is in no readable file")
    pair = acknowledgement_of(evidence, authority, file.upload.file_id)
    if pair is None:
        return undecided("harness", f"file {file.upload.file_id} was not acknowledged", file.record.seq)
    if before := [a for _, a in acknowledgements(evidence, authority) if a.file_id == pair[1].file_id and a != pair[1]]:
        why = f"file {file.upload.file_id} was acknowledged {len(before) + 1} times, with different results"
        return undecided("harness", why, file.record.seq, pair[0].seq)
    codes = [c.code for c in pair[1].file_codes]
    wanted = code_for(file.upload, pair[1], own) if own else ", ".join(codes)
    if wanted != code:
        why = f"file {file.upload.file_id} was answered {', '.join(codes)}, the scenario needs {code}"
        if own and (others := others_in(file.upload, own)):
            why += f"; beside the scenario's own children it holds {others} records"
        return undecided("not-reached", why, file.record.seq, pair[0].seq)
    return pair


def _shown_file(evidence: Evidence, file_id: str) -> tuple[Record, dict[str, Any] | None] | None:
    """What the product last said of a file; None in second place when its list does not have it."""
    found = last_answer(evidence, "files")
    if found is None:
        return None
    return found[0], next((i for i in found[1] if str(i.get("file_id")) == file_id), None)


@check(
    "file-shown",
    judges="authority",
    requirements=(
        *("CPIS-ACK-002", "CPIS-ACK-004", "CPIS-ACK-009", "CPIS-ACK-014", "CPIS-OPS-006", "CPIS-OPS-001"),
        "CPIS-UPL-001",
        "CPIS-MSG-001",
        "CPIS-MSG-002",
    ),
    witness="product",
)
def file_shown(
    evidence: Evidence, *, authority: str, nhs_number: str, code: str, state: str, last: bool = False
) -> Judgement:
    """The product shows the child's file with the result of its own acknowledgement, and repeats that reply's time."""
    reply = _reply(evidence, authority, nhs_number, code, last=last)
    if isinstance(reply, Judgement):
        return reply
    record, acknowledgement = reply
    shown = _shown_file(evidence, acknowledgement.file_id)
    if shown is None:
        return undecided("not-reached", "the product was not asked for its files", record, witness="product")
    where = (record.seq, shown[0].seq)
    item = shown[1]
    if item is None:
        return failed("product", f"file {acknowledgement.file_id} is not among the product's files", *where)
    if item.get("state") != state:
        return failed(
            "product",
            f"file {acknowledgement.file_id} was answered {code}: expected to be shown as {state}, "
            f"found {item.get('state')}",
            *where,
        )
    if not same_instant(item.get("acknowledged"), acknowledgement.creation_time):
        return undecided(
            "not-reached",
            "the product repeats no time of the acknowledgement that it says it has acted on",
            *where,
            witness="product",
        )
    return passed("product", *where)


@check(
    "file-not-closed-as-stored",
    judges="authority",
    requirements=(
        "CPIS-ACK-002",
        "CPIS-ACK-003",
        "CPIS-ACK-004",
        "CPIS-ACK-015",
        "CPIS-ACK-016",
        "CPIS-IG-010",
        "CPIS-MSG-001",
        "CPIS-MSG-002",
        "CPIS-MSG-010",
        "CPIS-MSG-012",
    ),
    witness="product",
)
def file_not_closed_as_stored(evidence: Evidence, *, authority: str, nhs_number: str, marker_event: str) -> Judgement:
    """The file is not shown as stored, after a later message came through the same folder."""
    file = file_with(_files(evidence, authority), nhs_number)
    if file is None or file.upload is None:
        return no_file(evidence, authority, f"{masked(nhs_number)} is in no readable file")
    fence = marker_seen(evidence, marker_event)
    if isinstance(fence, Judgement):
        return fence
    shown = _shown_file(evidence, file.upload.file_id)
    if shown is None or shown[0].seq < fence.seq:
        return undecided("not-reached", "the product was not asked for its files after the marker", fence)
    if shown[1] is None:
        return failed("product", f"file {file.upload.file_id} is not among the product's files", shown[0])
    if shown[1].get("state") == "stored":
        return failed("product", f"file {file.upload.file_id} is shown as stored", shown[0], fence)
    return passed("product", shown[0], fence, file.record.seq)


def marker_seen(evidence: Evidence, marker_event: str) -> Record | Judgement:
    """The fence of an absence: the product filed a later event that came through the same folder."""
    for record, _, answer in reversed(answered(evidence, "case-events")):
        if any(i.get("event_id") == marker_event for i in answer.get("items", ())):
            return record
    return undecided(
        "not-reached", "absence cannot be judged: the marker did not come out at the other end", witness="product"
    )


@check(
    "failed-record-shown",
    judges="authority",
    requirements=(
        *("CPIS-ACK-004", "CPIS-ACK-005", "CPIS-ACK-006", "CPIS-ACK-007", "CPIS-ACK-010", "CPIS-UI-010"),
        "CPIS-ACK-012",
        "CPIS-INA-009",
    ),
    witness="product",
)
def failed_record_shown(
    evidence: Evidence,
    *,
    authority: str,
    nhs_number: str,
    child_id: str,
    code: str,
    others: dict[str, str],
    detail: list[str] | None = None,
) -> Judgement:
    """The child stands on the work-list with its code and meaning, and nobody else of the scenario does.

    Args:
        others: References and numbers of children that must not be on the work-list.
        detail: Code and text behind CPR07, which must be repeated unchanged.
    """
    file = file_with(_files(evidence, authority), nhs_number)
    if file is None or file.upload is None:
        return no_file(evidence, authority, f"{masked(nhs_number)} is in no readable file")
    pair = acknowledgement_of(evidence, authority, file.upload.file_id)
    refused = failed_numbers(file.upload, pair[1]) if pair else {}
    if pair is None or refused.get(nhs_number) != code:
        return undecided("harness", f"no acknowledgement with {code} was delivered for the child", file.record.seq)
    if refused.keys() & {*others.values()}:
        return undecided("harness", "the service refused another child's record too", file.record.seq, pair[0].seq)
    found = last_answer(evidence, "work-list")
    if found is None:
        return undecided("not-reached", "the product was not asked for its work-list", witness="product")
    record, items = found
    where = (pair[0].seq, record.seq)
    own = [i for i in items if child_id == i.get("child_id") and i.get("open", True)]
    if not own:
        return failed("product", f"{masked(nhs_number)} is not on the work-list", *where)
    wrongly = {i.get("code") for i in own if i.get("file_id") in (None, file.upload.file_id)} - {code}
    if wrongly:
        shown = ", ".join(sorted(map(str, wrongly)))
        return failed("product", f"expected {code} alone on the work-list, found {shown} too", *where)
    wrong = [i for i in items if i.get("child_id") in others and i.get("open", True)]
    if wrong:
        return failed("product", "a child whose record was stored is on the work-list", *where)
    entry = next((i for i in own if i.get("code") == code), None)
    if entry is None:
        return failed("product", f"expected {code} on the work-list of this file", *where)
    if not entry.get("meaning"):
        return failed("product", f"the work-list gives no meaning of {code}", *where)
    if detail and [entry.get("detail_code"), entry.get("detail_text")] != detail:
        return failed(
            "product",
            f"expected the detail {detail[0]} '{detail[1]}' unchanged, "
            f"found {entry.get('detail_code')} '{entry.get('detail_text')}'",
            *where,
        )
    return passed("product", *where)


@check(
    "work-list-cleared",
    judges="authority",
    requirements=("CPIS-ACK-009", "CPIS-ACK-010", "CPIS-UI-010", "CPIS-INA-009"),
    witness="product",
)
def work_list_cleared(
    evidence: Evidence, *, authority: str, nhs_number: str, child_id: str, own: list[str]
) -> Judgement:
    """After the corrected record was stored, the child has no open entry and shows that upload."""
    reply = _reply(evidence, authority, nhs_number, "CPF02", own=own, last=True)
    if isinstance(reply, Judgement):
        return reply
    found = last_answer(evidence, "work-list")
    status = last_answer(evidence, "child-status", child_id=child_id)
    if found is None or found[0].seq < reply[0].seq or status is None:
        return undecided("not-reached", "the product was not asked after the reply", witness="product")
    where = (reply[0].seq, found[0].seq, status[0].seq)
    if any(i.get("child_id") == child_id and i.get("open", True) for i in found[1]):
        return failed("product", f"{masked(nhs_number)} is still on the work-list", *where)
    shown = status[1][0]
    if shown.get("last_result") != "stored":
        return failed("product", f"the last upload is shown as {shown.get('last_result')}", *where)
    if not same_instant(shown.get("acknowledged"), reply[1].creation_time):
        return undecided("not-reached", "the product repeats no time of the acknowledgement", *where)
    return passed("product", *where)


@check(
    "records-shown-stored",
    judges="authority",
    requirements=("CPIS-ACK-004", "CPIS-ACK-005", "CPIS-ACK-007", "CPIS-ACK-014", "CPIS-INA-009"),
    witness="product",
)
def records_shown_stored(
    evidence: Evidence, *, authority: str, nhs_number: str, code: str, children: dict[str, str], own: list[str]
) -> Judgement:
    """Each of these children, given with its number, shows its upload as stored, with the acknowledgement's time."""
    reply = _reply(evidence, authority, nhs_number, code, own=own)
    if isinstance(reply, Judgement):
        return reply
    where = [reply[0].seq]
    file = file_with(_files(evidence, authority), nhs_number)
    if file and file.upload and failed_numbers(file.upload, reply[1]).keys() & {*children.values()}:
        return undecided("harness", "the service refused a record that it should have stored", *where)
    for child_id in children:
        status = last_answer(evidence, "child-status", child_id=child_id)
        if status is None:
            return undecided("not-reached", "the product was not asked for a child's status", *where)
        where.append(status[0].seq)
        shown = status[1][0]
        if shown.get("last_result") != "stored":
            return failed("product", f"a stored record is shown as {shown.get('last_result')}", *where)
        if not same_instant(shown.get("acknowledged"), reply[1].creation_time):
            return undecided("not-reached", "the product repeats no time of the acknowledgement", *where)
    return passed("product", *where)


@check(
    "records-not-shown-stored",
    judges="authority",
    requirements=(
        "CPIS-ACK-003",
        "CPIS-ACK-004",
        "CPIS-ACK-005",
        "CPIS-ACK-015",
        "CPIS-ACK-016",
        "CPIS-ACK-002",
        "CPIS-IG-010",
        "CPIS-MSG-010",
        "CPIS-MSG-012",
    ),
    witness="product",
)
def records_not_shown_stored(
    evidence: Evidence, *, authority: str, child_ids: list[str], marker_event: str
) -> Judgement:
    """None of these children shows its upload as stored, after a later message came through."""
    fence = marker_seen(evidence, marker_event)
    if isinstance(fence, Judgement):
        return fence
    where = [fence.seq]
    for child_id in child_ids:
        status = last_answer(evidence, "child-status", child_id=child_id)
        if status is None or status[0].seq < fence.seq:
            return undecided("not-reached", "the product was not asked for a child's status", *where)
        where.append(status[0].seq)
        if status[1][0].get("last_result") == "stored":
            return failed("product", "a record that was not stored is shown as stored", *where)
        if status[1][0].get("last_result") == "never sent":
            return failed("product", "a record that was sent is shown as never sent", *where)
    return passed("product", *where)


@check(
    "exception-shown",
    judges="authority",
    requirements=(
        *("CPIS-ACK-002", "CPIS-ACK-003", "CPIS-ACK-004", "CPIS-ACK-015", "CPIS-ACK-016", "CPIS-NTF-006"),
        *("CPIS-NTF-014", "CPIS-NTF-018", "CPIS-NTF-019", "CPIS-INA-005", "CPIS-IG-010", "CPIS-MSG-001"),
    ),
    witness="product",
)
def exception_shown(
    evidence: Evidence,
    *,
    authority: str,
    kind: str,
    facts: dict[str, str],
    delivered: str,
    not_about: list[str] | None = None,
    file_of: str | None = None,
    ahead: int = 0,
) -> Judgement:
    """An open exception of that kind repeats facts of the message that caused it.

    Args:
        kind: As in the driver API.
        facts: Fields of the exception and what they must hold.
        delivered: Kind of the file that must have reached the authority before.
        not_about: NHS numbers that no message was about: a list that has an exception of each tells nothing.
        file_of: An NHS number; one of the facts is then the id of the file that holds it.
        ahead: What is added to that id, for a reply to a file that was never sent.
    """
    if file_of is not None:
        file = file_with(_files(evidence, authority), file_of)
        if file is None or file.upload is None or not file.upload.file_id.isdigit():
            return no_file(evidence, authority, f"{masked(file_of)} is in no readable file")
        facts = {**facts, "file_id": str(int(file.upload.file_id) + ahead)}
    files = evidence.on(FILE_DROP, authority=authority, direction="response", kind=delivered)
    if not files:
        return undecided("harness", f"no {delivered} was delivered to the authority")
    found = new_items(evidence, "exceptions")
    if found is None or found[0].seq < files[-1].seq:
        return undecided("not-reached", "the product was not asked for its exceptions", witness="product")
    record, items = found
    open_ones = [i for i in items if i.get("kind") == kind and i.get("open", True)]
    if wrong := {i["nhs_number"] for i in open_ones if i.get("nhs_number") in (not_about or ())}:
        shown = ", ".join(map(masked, sorted(wrong)))
        return failed("product", f"an exception of kind {kind} with {shown}, which no message was about", record)
    if any(all(_same(k, i.get(k), v) for k, v in facts.items()) for i in open_ones):
        return passed("product", record, files[-1])
    wanted = ", ".join(f"{k} {masked(v) if k == 'nhs_number' else v}" for k, v in facts.items())
    optional = ("event_id", "accessed")
    if any(
        all((k in optional and i.get(k) is None) or _same(k, i.get(k), v) for k, v in facts.items()) for i in open_ones
    ):
        why = f"an open exception of kind {kind} stands there, but repeats too little of the message to be known by"
        return undecided("not-reached", f"{why} ({wanted})", record, files[-1], witness="product")
    return failed("product", f"no open exception of kind {kind} with {wanted}", record, files[-1])


def _same(fact: str, given: object, expected: str) -> bool:
    """Identifiers are equal, times the same instant; a name or organisation may stand among other words."""
    if fact in ("event_id", "file_id", "nhs_number", "child_id"):
        return given == expected
    if fact == "accessed":
        return same_instant(given, expected)
    return expected in str(given or "")


@check(
    "exception-closed",
    judges="authority",
    requirements=("CPIS-INA-004", "CPIS-INA-003", "CPIS-INA-005"),
    witness="product",
)
def exception_closed(
    evidence: Evidence, *, authority: str, nhs_number: str, child_id: str, fence: str | None = None
) -> Judgement:
    """No exception about the inactive number is open any more.

    Args:
        fence: Another number of the same notification, about which an exception must be open: so the product has read
            it. Left out, an earlier answer must have shown the exception that is closed now.
    """
    told = inactive_delivered(evidence, nhs_number)
    if told is None:
        return undecided("harness", f"no notification told {authority} that {masked(nhs_number)} is inactive")
    found = last_answer(evidence, "exceptions")
    if found is None or found[0].seq < told.seq:
        return undecided("not-reached", "the product was not asked for its exceptions", witness="product")
    if _open_about(found[1], nhs_number, child_id):
        return failed("product", f"an exception about {masked(nhs_number)} is still open", found[0])
    if fence is None:
        earlier = [(r, a.get("items", ())) for r, _, a in answered(evidence, "exceptions") if r.seq > told.seq]
        seen = next((r for r, items in earlier if _open_about(items, nhs_number, child_id)), None)
    else:
        seen = found[0] if _open_about(found[1], fence) else None
    if seen is None:
        why = "the product has not shown that it took the notification in"
        return undecided("not-reached", why, found[0], told, witness="product")
    return passed("product", found[0], seen, told)


def _open_about(exceptions: Iterable[dict[str, Any]], nhs_number: str, child_id: str | None = None) -> bool:
    """An exception about the inactive number, or about the child who had it, is open."""
    return any(
        i.get("kind") == "inactive-number"
        and i.get("open", True)
        and (i.get("nhs_number") == nhs_number or (child_id is not None and i.get("child_id") == child_id))
        for i in exceptions
    )


@check(
    "alert-shown",
    judges="authority",
    requirements=(
        *("CPIS-ACK-004", "CPIS-ACK-009", "CPIS-ACK-011", "CPIS-INA-006", "CPIS-UPL-018", "CPIS-OPS-001"),
        *("CPIS-DAT-029", "CPIS-ACK-003", "CPIS-ACK-013"),
    ),
    witness="product",
)
def alert_shown(
    evidence: Evidence,
    *,
    kinds: list[str],
    child_id: str | None = None,
    words: list[str] | None = None,
    authority: str | None = None,
    nhs_number: str | None = None,
    inactive_number: str | None = None,
    others: list[str] | None = None,
    news: bool = False,
) -> Judgement:
    """An alert of that kind stands with somebody, about the child, about the child's file, or with one of the words.

    A list that has an alert about everybody tells nothing: none may be about children or files with which all is well.

    Args:
        inactive_number: Of which a notification must have told the authority.
        others: References of children whom no such alert may be about.
        news: The scenario read the alerts before there was a reason for one; what stood there then does not count.
    """
    if inactive_number and inactive_delivered(evidence, inactive_number) is None:
        return undecided("harness", f"no notification told the authority that {masked(inactive_number)} is inactive")
    found = new_items(evidence, "alerts")
    if found is None:
        return undecided("not-reached", "the product was not asked for its alerts", witness="product")
    record, items = found
    file_id = None
    if authority and nhs_number:
        file = file_with(_files(evidence, authority), nhs_number)
        if file is None or file.upload is None:
            return no_file(evidence, authority, f"{masked(nhs_number)} is in no readable file")
        file_id = file.upload.file_id
    items = [i for i in items if i.get("kind") in kinds]
    well = _stored_files(evidence, authority) if authority else set()
    if any(i.get("child_id") in (others or ()) or i.get("file_id") in well for i in items):
        return failed("product", f"an alert of kind {' or '.join(kinds)} about a child or file that is well", record)
    before = _first_alerts(evidence) if news else []
    now = [_timeless(i) for i in evidence.json(record).get("items", ())]
    fitting = [
        i
        for i in items
        # The same words may stand there from an earlier day; then there must be one more of them.
        if now.count(_timeless(i)) > before.count(_timeless(i))
        and (child_id is None or i.get("child_id") == child_id)
        and (file_id is None or i.get("file_id") == file_id)
        and (not words or any(w in str(i.get("text", "")).casefold() for w in words))
    ]
    if not fitting:
        about = f" about file {file_id}" if file_id else " about the child" if child_id else ""
        return failed("product", f"no alert of kind {' or '.join(kinds)}{about}", record)
    if not any(i.get("recipient") or i.get("team") for i in fitting):
        return failed("product", f"the alert of kind {fitting[0]['kind']} is addressed to nobody", record)
    return passed("product", record)


def _stored_files(evidence: Evidence, authority: str) -> set[str]:
    """Sequence ids of the scenario's files that were stored whole."""
    return {reply.file_id for _, reply in acknowledgements(evidence, authority) if reply.file_codes[0].code == "CPF02"}


def _first_alerts(evidence: Evidence) -> list[dict[str, Any]]:
    """The alerts as the scenario first read them."""
    begun = next((r.seq for r in evidence.on(MARK, event="step")), 0)
    answers = [answer for record, _, answer in answered(evidence, "alerts") if record.seq > begun]
    return [_timeless(i) for i in answers[0].get("items", ())] if answers else []


def _timeless(alert: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in alert.items() if key != "raised"}


@check("new-number-asked-for", judges="authority", requirements=("CPIS-ACK-012",), witness="product")
def new_number_asked_for(
    evidence: Evidence, *, authority: str, nhs_number: str, child_id: str, others: list[str]
) -> Judgement:
    """After CPR05 an alert, or the work-list's next action, asks for the child's new number and for nobody else's."""
    file = file_with(_files(evidence, authority), nhs_number)
    if file is None or file.upload is None:
        return no_file(evidence, authority, f"{masked(nhs_number)} is in no readable file")
    pair = acknowledgement_of(evidence, authority, file.upload.file_id)
    if pair is None or "CPR05" not in {r.code for r in pair[1].results}:
        return undecided("harness", "no acknowledgement with CPR05 was delivered for the file", file.record)
    alerts, work = last_answer(evidence, "alerts"), last_answer(evidence, "work-list")
    if alerts is None or work is None or min(alerts[0].seq, work[0].seq) < pair[0].seq:
        return undecided("not-reached", "the product was not asked for its alerts and its work-list", pair[0])
    asked = {i.get("child_id") for i in alerts[1] if i.get("kind") == "new-number-needed"}
    asked |= {i.get("child_id") for i in work[1] if i.get("code") == "CPR05" and i.get("next_action")}
    where = (pair[0], alerts[0], work[0])
    if child_id not in asked:
        return failed("product", f"nobody is asked for the new number of {masked(nhs_number)}", *where)
    if asked & {*others}:
        return failed("product", "a new number is asked for a child whose number is in use", *where)
    return passed("product", *where)
