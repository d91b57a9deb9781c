"""What people key in: children, their plans, who is responsible."""

import json

from .store import STOPPED, Refused, insert, keep, setting


def person(db, ref):
    """A row by its reference, such as LC000012."""
    row = db.execute("select * from person where 'LC' || substr('00000' || id, -6) = ?", (ref,)).fetchone()
    if row is None:
        raise Refused(f"There is no child {ref}.")
    return row


def plan(db, ref):
    """A row by its reference, such as PL000031."""
    row = db.execute("select * from plan where 'PL' || substr('00000' || id, -6) = ?", (ref,)).fetchone()
    if row is None:
        raise Refused(f"There is no plan {ref}.")
    return row


def reference(letters, number):
    """The reference of a row."""
    return f"{letters}{number:06}"


def add_child(db, given, family, born, number=None, local_id=None):
    """Open a child's file; gives its reference."""
    _number_is_free(db, number, None)
    if local_id and db.execute("select 1 from person where local_id = ?", (local_id,)).fetchone():
        raise Refused("The local id is on another file.")
    made = insert(db, "person", given=given, family=family, born=born, number=number)
    db.execute("update person set local_id = ? where id = ?", (local_id or f"LCB-{made:06}", made))
    return reference("LC", made)


def correct_child(db, ref, **changes):
    """Correct a name, the birth date or the NHS number; what is None stays."""
    child = person(db, ref)
    number = changes.pop("number", None)
    if number and number != child["number"]:
        _number_is_free(db, number, child["id"])
        take_number(db, child, number)
    for field, value in changes.items():
        if value is not None:
            db.execute(f"update person set {field} = ? where id = ?", (value, child["id"]))
            if field == "born":  # Whoever was born later than we thought may be a child after all.
                db.execute("update person set adult = 0 where id = ?", (child["id"],))
    watch_number(db, child["id"])


def take_number(db, child, number):
    """A new NHS number replaces the old one: nothing is stored under it yet, so every live plan goes again."""
    if child["number"]:
        insert(db, "former_number", number=child["number"], person=child["id"])
    db.execute("update person set number = ?, stopped = 0 where id = ?", (number, child["id"]))
    db.execute("update plan set sent = null, file = null, result = 'never sent' where person = ?", (child["id"],))


def _number_is_free(db, number, own):
    """Two files under one number would let a notification reach the wrong one."""
    if number and db.execute("select 1 from person where number = ? and id is not ?", (number, own)).fetchone():
        raise Refused("The NHS number is on another child's file.")


def add_plan(db, ref, kind, start, due=None, section=None, notes=None):
    """Open a plan on a child's file; gives its reference."""
    if kind == "UCP" and not due:
        raise Refused("An unborn child's plan needs a due date.")
    child = person(db, ref)
    made = insert(db, "plan", person=child["id"], kind=kind, start=start, due=due, section=section, notes=notes)
    watch_number(db, child["id"])
    return reference("PL", made)


def end_plan(db, ref, day):
    """The plan stopped."""
    row = plan(db, ref)
    if day < row["start"]:
        raise Refused("A plan cannot end before it starts.")
    db.execute("update plan set ended = ? where id = ?", (day, row["id"]))
    watch_number(db, row["person"])


def withdraw_plan(db, ref, day):
    """The plan should never have been there."""
    row = plan(db, ref)
    db.execute("update plan set withdrawn = ? where id = ?", (day, row["id"]))
    watch_number(db, row["person"])


def set_fields(db, ref, **fields):
    """Allocate a child, or close its case."""
    row = person(db, ref)
    for field, value in fields.items():
        db.execute(f"update person set {field} = ? where id = ?", (value, row["id"]))


def force(db, ref):
    """Send a child that was refused once more."""
    set_fields(db, ref, forced=1)


def set_telephones(db, **keyed):
    """Key the council's telephones: None stays, an empty text removes."""
    for name, value in keyed.items():
        if value is not None:
            setting(db, name, value)


def watch_number(db, person_id):
    """While an open plan has no number that may be sent, somebody has to see that (INA-005); and no longer."""
    row = db.execute("select * from person where id = ?", (person_id,)).fetchone()
    running = "select 1 from plan where person = ? and ended is null and withdrawn is null"
    needed = row["stopped"] and db.execute(running, (person_id,)).fetchone()
    standing = "kind = 'inactive-number' and person = ? and open"
    if not needed:
        db.execute(f"update oddity set open = 0 where {standing}", (person_id,))
    elif not db.execute(f"select 1 from oddity where {standing}", (person_id,)).fetchone():
        keep(db, "inactive-number", STOPPED, person=person_id, number=row["number"])


def history(db, ref):
    """What a data officer sees of a child: the last file that held it, and what became of that."""
    child = person(db, ref)
    sent = "select * from plan where person = ? and file is not null order by file desc"
    plans = db.execute(sent, (child["id"],)).fetchall()
    last = [p for p in plans if p["file"] == plans[0]["file"]]
    results = [p["result"] for p in last]
    worst = next((r for r in ("failed", "sent", "stored") if r in results), "never sent")
    when = next((p["acknowledged"] for p in last), None)
    return {"child": child, "file": last[0]["file"] if last else None, "result": worst, "acknowledged": when}


def pending(row):
    """Plans that a task waits for."""
    return json.loads(row["plans"])
