"""The desk: who may ask about whom, when, and what stands on a patient's screen."""

import json
from datetime import date

from . import couriers, ledger
from .asking import new_id

NOTIFIES, READS_SILENTLY = "B0107", "B0170"
NOBODY = "Access denied: nobody is signed in, so CP-IS was not asked."
NOT_ENTITLED = "Access denied: your role may not see CP-IS (B0107 or B0170 is needed). CP-IS was not asked."
NOT_TRACED = "NHS number not verified: trace it on PDS first. CP-IS was not asked."
MISTYPED = "NHS number not valid: it is mistyped, for its check digit does not fit. CP-IS was not asked."
WAITING = "CP-IS has been asked; the answer is awaited. Nothing is known yet."
NEVER = "CP-IS has not been asked about this patient yet; that says nothing about the patient."


class Refused(Exception):
    """What somebody wants to do makes no sense; the message says why."""


def patient(reference):
    """The row of somebody of the index."""
    found = ledger.row("select * from patient where 'H-' || id = ?", reference)
    if found is None:
        raise Refused(f"There is no patient {reference}.")
    return found


def is_number(text):
    """Ten digits of which the last checks the others."""
    if len(text) != 10 or not (text.isascii() and text.isdigit()):
        return False
    left = sum(int(digit) * weight for digit, weight in zip(text, range(10, 0, -1), strict=True))
    return left % 11 == 0


def is_silent(session):
    """Scheduled care reads silently, and so does whoever may not notify."""
    may_notify = session["author"].get("asid") or NOTIFIES in session.get("activities", [])
    return bool(session.get("scheduled") or not may_notify)


def why_not(who, session):
    """(status, words) where CP-IS must not be asked. What the patient thinks of sharing is no reason."""
    if session is None:
        return "denied", NOBODY
    if not session["author"].get("asid") and not {NOTIFIES, READS_SILENTLY} & set(session.get("activities", [])):
        return "denied", NOT_ENTITLED
    if not who["number"] or not who["traced"]:
        return "unverified", NOT_TRACED
    if not is_number(who["number"]):
        return "invalid", MISTYPED
    return None


def ask(reference):
    """Ask about a patient on behalf of whoever is signed in; gives the lookup's id at once."""
    who, session = patient(reference), ledger.session()
    reason = why_not(who, session)
    if reason:
        status, words = reason
        return ledger.add("lookup", patient=who["id"], number=who["number"], status=status, words=words)
    author = dict(session["author"])
    author["is_system"] = bool(author.get("asid"))
    author["asid"] = author.get("asid") or couriers.ASID
    name = " ".join([*author["given"], author["family"]])
    lookup = ledger.add(
        "lookup",
        patient=who["id"],
        number=who["number"],
        event=new_id(),
        message=new_id(),
        envelope=new_id(),
        asked=ledger.now().isoformat(timespec="seconds"),
        user=f"system {author['asid']}, responsible: {name}" if author["is_system"] else name,
        role=author["role_name"],
        organisation=author["organisation_name"],
        silent=is_silent(session),
        status="pending",
        words=WAITING,
    )
    couriers.ask(lookup, author)
    return lookup


def shown(lookup):
    """What the screen says of a lookup."""
    found = ledger.row("select * from lookup where id = ?", lookup)
    if found is None:
        raise Refused(f"There is no lookup {lookup}.")
    view = {"status": found["status"], "text": found["words"], "event_id": found["event"], "asked": found["asked"]}
    return view | json.loads(found["view"])


def screen(reference):
    """What stands on a patient's screen: what came of the last lookup of this very patient."""
    last = ledger.row("select id from lookup where patient = ? order by id desc", patient(reference)["id"])
    return shown(last["id"]) if last else {"status": "not-asked", "text": NEVER}


def arrive(reference):
    """Somebody has come. Children, and women who may be pregnant, are asked about; nobody waits for that."""
    who = patient(reference)
    attendance = ledger.add("attendance", patient=who["id"])
    born, today = date.fromisoformat(who["born"]), ledger.now().date()
    age = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    if age < 18 or who["pregnant"]:
        ask(reference)
    return attendance


def board(references):
    """A list of patients with what is known already. To look at it is no attendance, so nobody is asked about."""
    lines = []
    for reference in references:
        who, view = patient(reference), screen(reference)
        text = f"{who['given']} {who['family']}: {view['text'].splitlines()[0]}"
        lines.append({"patient_id": reference, "alert": view.get("alert", False), "text": text})
    return lines


def trail():
    """Every lookup that was sent, oldest first."""
    return ledger.rows("select * from lookup where asked is not null order by id")
