"""Full files: every plan that CP-IS should show, each time; and what changed or was withdrawn since the last."""

import json
import os
import re
from datetime import UTC, date, datetime, timedelta

from . import cases, store, writing
from .store import DROP, NAME, ODS, STOPPED, insert, setting, tell

SECTIONS = {"20", "31", "38"}


def export():
    """Make the next file; gives its id, or None and why not."""
    with store.event() as db:
        today = datetime.now(UTC).date()
        telephones, problem = _telephones(db)
        if problem:
            if setting(db, "header_problem") != problem:
                tell(db, "validation", f"No file was made: {problem}")
            setting(db, "header_problem", problem)
            return None, problem
        setting(db, "header_problem", "")
        records = _records(db, today)
        if not records:
            return None, "There is nobody to send."
        file_id = int(setting(db, "next_file"))
        setting(db, "next_file", str(file_id + 1))
        name = f"CPIS_{ODS}_{file_id}.xml"
        insert(db, "file", id=file_id, made=store.now())
        for place, (person, plans) in enumerate(records):
            _remember(db, file_id, place, person, plans)
        half = DROP / f".{name}.part"
        try:
            half.write_bytes(writing.upload(file_id, ODS, NAME, telephones, records))
            os.replace(half, DROP / "upload" / name)
        except OSError as error:
            db.execute("rollback")
            db.execute("begin immediate")
            tell(db, "interface", f"The file could not be put into the drop folder: {error.strerror}")
            return None, f"The drop folder cannot be written: {error.strerror}"
        return str(file_id), None


def held_back():
    """References of children with something to send that stays at home, each with the reason."""
    with store.event() as db:
        today = datetime.now(UTC).date()
        due = [(child, plans) for child, plans in _people(db) if any(_is_due(child, p, today) for p in plans)]
        reasons = [(child, _why_not(child, plans)) for child, plans in due]
        return [(cases.reference("LC", child["id"]), reason) for child, reason in reasons if reason]


def _telephones(db):
    """The header's telephones as the wire has them, and what is wrong with them."""
    found = []
    for use, name in (("WP", "office"), ("EC", "emergency")):
        keyed = setting(db, name).removeprefix("tel:")
        if keyed and not re.fullmatch(r"\+?[0-9 ()./-]*[0-9][0-9 ()./-]*", keyed):
            return [], f"the {name} telephone {keyed} is no number"
        if keyed:
            plus = "+" if keyed.startswith("+") else ""
            digits = re.sub("[^0-9]", "", keyed.replace("(0)", "") if plus else keyed)
            found.append((use, f"tel:{plus}{digits}"))
    if not any(use == "EC" for use, _ in found):
        return [], "the emergency duty team's telephone is missing"
    return found, None


def _people(db):
    """Everybody with plans: of two copies of one entry the one that runs, else the one that was not withdrawn."""
    plans = {}
    for row in db.execute("select * from plan order by withdrawn is null, ended is null, ended, id"):
        plans.setdefault(row["person"], {})[row["kind"], row["start"]] = row
    return [
        (child, sorted(plans[child["id"]].values(), key=lambda p: p["id"]))
        for child in db.execute("select * from person order by id").fetchall()
        if child["id"] in plans
    ]


def _records(db, today):
    """(person, plans) of the next file; who cannot be sent is told of once."""
    records = []
    for child, plans in _people(db):
        due = [plan for plan in plans if _is_due(child, plan, today)]
        problem = _why_not(child, due) if due else None
        if problem != child["problem"]:
            db.execute("update person set problem = ? where id = ?", (problem, child["id"]))
            if problem and child["number"] and not child["stopped"]:
                tell(
                    db, "validation", f"{child['given']} {child['family']} was not sent: {problem}", person=child["id"]
                )
        if due and not problem:
            records += [(child, group) for group in _groups(child, due, today)]
    return records


def _is_due(child, plan, today):
    """Full files hold what CP-IS shows; a refused record waits until somebody corrects it or forces it."""
    if plan["kind"] == "LAC" and not SECTIONS & set(re.findall("[0-9]+", plan["section"] or "20")):
        return False
    if child["adult"] and plan["kind"] != "UCP":
        return False
    last = plan["ended"] or (plan["due"] if plan["kind"] == "UCP" else None)
    days = timedelta(days=28 if plan["kind"] == "UCP" else 365)
    shown = not plan["withdrawn"] and (not last or today <= date.fromisoformat(last) + days)
    if plan["sent"] is None:
        return shown or plan["result"] != "never sent"
    if plan["sent"] != content(child, plan):
        return True
    # A withdrawal stays in the files for a while, so that none is lost with a file that went astray.
    taken_back = plan["withdrawn"] and today <= date.fromisoformat(plan["withdrawn"]) + timedelta(days=7)
    return bool((shown or taken_back) and (child["forced"] or plan["result"] != "failed"))


def content(child, plan):
    """What would be sent of a plan, as text to compare with what was."""
    fields = [child[f] for f in ("number", "given", "family", "born", "local_id")]
    return json.dumps(fields + [plan[f] for f in ("kind", "start", "due", "ended", "withdrawn")])


def _why_not(child, plans):
    """Why nothing of the child can be sent."""
    if not child["number"]:
        return "There is no NHS number yet. Trace it."
    if child["stopped"]:
        return STOPPED
    if not is_number(child["number"]):
        return "The NHS number is wrong: its check digit does not fit."
    if not (child["given"].strip() and child["family"].strip()) or not (child["given"] + child["family"]).isprintable():
        return "The name is missing, or holds what cannot be sent."
    if any((p["ended"] or p["start"]) < p["start"] for p in plans):
        return "A plan ends before it starts."
    return None


def is_number(text):
    """Ten digits of which the last checks the others."""
    if not re.fullmatch("[0-9]{10}", text):
        return False
    check = 11 - sum(int(digit) * (10 - place) for place, digit in enumerate(text[:9])) % 11
    return check % 11 == int(text[9])


def age(born, today):
    """Whole years."""
    day = date.fromisoformat(born)
    return today.year - day.year - ((today.month, today.day) < (day.month, day.day))


def _groups(child, plans, today):
    """At most three plans a record; an adult's unborn child must not be refused with the adult's own plans."""
    groups = [plans]
    if len(plans) > 3 or age(child["born"], today) >= 18:
        groups = [[p for p in plans if p["kind"] != "UCP"], [p for p in plans if p["kind"] == "UCP"]]
    return [group[first : first + 3] for group in groups for first in range(0, len(group), 3)]


def _remember(db, file_id, place, child, plans):
    """Keep what was sent, to be found again by the acknowledgement."""
    unborn_only = all(plan["kind"] == "UCP" for plan in plans)
    ids = json.dumps([plan["id"] for plan in plans])
    about = {"person": child["id"], "number": child["number"], "mother_only": unborn_only, "plans": ids}
    insert(db, "file_record", file=file_id, place=place, **about)
    db.execute("update person set forced = 0 where id = ?", (child["id"],))
    for plan in plans:
        change = "update plan set sent = ?, file = ?, result = 'sent', acknowledged = null where id = ?"
        db.execute(change, (content(child, plan), file_id, plan["id"]))
