"""What received files lead to: results of uploads, accesses on children's files, numbers that are no longer used."""

import hashlib
import json
import re
from datetime import UTC, datetime, timedelta

from . import cases, reading, sending, store
from .store import DROP, ODS, STOPPED, TRIAGE, insert, keep, tell

ADVICE = {
    "CPR01": "Trace the NHS number and correct it.",
    "CPR02": "Do not send it again; ask the safeguarding lead.",
    "CPR03": "Compare name and birth date with the NHS and correct them, or force the child once the NHS has.",
    "CPR04": "Enter the ten-digit NHS number.",
    "CPR05": "Ask for the new NHS number and enter it.",
    "CPR07": "Read the detail and correct the record.",
}
_seen = {}


class Contradiction(Exception):
    """A reply says two things at once, so nothing of it can be trusted."""


def look():
    """Deal with files in the receiving folder that stood still since the last look."""
    found = {}
    for path in (DROP / "response").glob("*.xml"):
        status = path.stat()
        found[path] = (status.st_mtime_ns, status.st_size)
    for path in sorted((p for p in found if _seen.get(p) == found[p]), key=lambda p: (found[p], p.name)):
        take(path)
        del found[path]
    _seen.clear()
    _seen.update(found)


def take(path):
    """Act on one file, once, and put it away where only we can read it."""
    body = path.read_bytes()
    digest, folder = hashlib.sha256(body).hexdigest(), "read"
    with store.event() as db:
        if not db.execute("select 1 from received where name = ? and digest = ?", (path.name, digest)).fetchone():
            try:
                message = reading.read(body)
                {"acknowledgement": _acknowledge, "access": _accesses, "inactive": _inactive}[message["kind"]](
                    db, message
                )
            except reading.Unreadable as error:
                folder = "unreadable"
                keep(db, "unreadable-file", f"{path.name} could not be read: {error}")
                tell(db, "interface", f"A file that was received could not be read: {path.name}")
            insert(db, "received", name=path.name, digest=digest)
    path.chmod(0o600)
    target = DROP / folder / path.name
    path.replace(target if not target.exists() else target.with_name(f"{path.stem}.{digest[:8]}.xml"))


def warn_of_overdue():
    """A file that nobody answers for a day is told of once."""
    day_ago = (datetime.now(UTC) - timedelta(days=1)).isoformat(timespec="seconds")
    with store.event() as db:
        late = "select id from file where state = 'open' and not disputed and not warned and made < ?"
        for row in db.execute(late, (day_ago,)).fetchall():
            tell(db, "overdue", f"File {row['id']} was not acknowledged for a day.", file=str(row["id"]))
            db.execute("update file set warned = 1 where id = ?", (row["id"],))


# Acknowledgements


def _acknowledge(db, reply):
    if reply["receiver"] != ODS:
        keep(db, "acknowledgement", f"A reply to {reply['receiver']} was delivered to us and refused.")
        return
    codes = ", ".join(f"{code} {reading.FILE_CODES[code]}" for code in sorted(reply["codes"]))
    file = db.execute("select * from file where id = ?", (reply["file"],)).fetchone()
    if file is None:
        keep(db, "acknowledgement", f"{codes}: about file {reply['file']}, which we never sent.", file=reply["file"])
        if reply["file"] == "-1":
            tell(db, "file-failed", f"{codes}: CP-IS could not read which file it answers.", file="-1")
        return
    said = (reply["made"], "".join(reply["codes"]), reply["stored"], reply["failed"])
    if file["acknowledged"]:
        if said != (file["acknowledged"], file["code"], file["stored"], file["failed"]):
            text = f"File {file['id']} was answered before, with another result."
            keep(db, "acknowledgement", text, file=reply["file"])
        return
    sent = "select * from file_record where file = ? order by place"
    records = db.execute(sent, (file["id"],)).fetchall()
    try:
        code, failures = _understood(db, reply, records)
    except Contradiction as problem:
        db.execute("update file set disputed = 1 where id = ?", (file["id"],))
        text = f"The reply to file {file['id']} contradicts itself: {problem}."
        keep(db, "acknowledgement", text, file=reply["file"])
        return
    _settle(db, file["id"], reply, code, failures, records)


def _understood(db, reply, records):
    """The file code, and by place in the file why a record failed."""

    def insist(claim, otherwise):
        if not claim:
            raise Contradiction(otherwise)

    insist(len(reply["codes"]) == 1, "it has several file codes")
    code, stored, failed = min(reply["codes"]), reply["stored"], reply["failed"]
    results = [result for result in reply["results"] if result["code"] != "CPR06"]
    if code in ("CPF01", "CPF05", "CPF06"):
        insist(not (stored or failed or results or reply["echoes"]), "a refused file has no results")
        return code, {}
    insist(reply["quantity"] == len(records), f"we sent {len(records)} records, not {reply['quantity']}")
    insist(stored + failed == len(records), f"{stored} and {failed} are not {len(records)}")
    insist({"CPF02": not failed, "CPF03": stored and failed, "CPF04": not stored}[code], f"{code} with {failed} failed")
    echoed = [_place_of(db, echo, records) for echo in reply["echoes"]]
    insist(all(place is not None for place in echoed), "it repeats a record that we did not send")
    failures = {}
    for result in results:
        if found := re.search(r"\bmessage\b['\"\]]*(?:\[([0-9]+)\])?", result["location"]):
            at = int(found[1] or 1) - 1
            insist(at < len(echoed) and not reply["echoes"][at]["valid"], "a result leads to no failed record")
            place = echoed[at]
        else:
            found = re.search(r"(?<![-\w])record\b['\"\]]*\[([0-9]+)\]", result["location"])
            insist(found and 0 < int(found[1]) <= len(records), "a result leads to no record")
            place = int(found[1]) - 1
        failures.setdefault(place, []).append(result)
    for echo, place in zip(reply["echoes"], echoed, strict=True):
        alone = len([r for r in records if r["number"] in echo["numbers"]]) == 1
        insist(
            place in failures if not echo["valid"] else not (alone and place in failures), "results and echoes differ"
        )
    if code == "CPF04" and not failures:
        failures = {place: [{"code": code, "details": []}] for place in range(len(records))}
    insist(len(failures) == failed, f"{failed} failed, but {len(failures)} are named")
    return code, failures


def _place_of(db, echo, records):
    """Where in the file the record of an echo stands; of two records of a person, the one with those plans."""
    places = [n for n, record in enumerate(records) if record["number"] in echo["numbers"]]
    if len(places) > 1 and echo["entries"]:
        places = [n for n in places if echo["entries"] == _entries(db, records[n])]
    return places[0] if places else None


def _entries(db, record):
    rows = [db.execute("select * from plan where id = ?", (p,)).fetchone() for p in cases.pending(record)]
    return {(row["kind"], row["start"].replace("-", "")) for row in rows}


def _settle(db, file_id, reply, code, failures, records):
    """What a reply means for the file, for each of its plans, and for the work-list."""
    state = {"CPF02": "stored", "CPF03": "partly stored"}.get(code, "failed")
    db.execute(
        "update file set state = ?, code = ?, stored = ?, failed = ?, acknowledged = ?, disputed = 0 where id = ?",
        (state, code, reply["stored"], reply["failed"], reply["made"], file_id),
    )
    if state == "failed":
        tell(db, "file-failed", f"File {file_id}: {code}, {reading.FILE_CODES[code]}", file=str(file_id))
    if code in ("CPF01", "CPF05", "CPF06"):  # None of it was taken, so all of it goes again.
        db.execute("update plan set sent = null, result = 'failed' where file = ?", (file_id,))
        return
    stored = set()
    for place, record in enumerate(records):
        result = "failed" if place in failures else "stored"
        for plan_id in cases.pending(record):
            change = "update plan set result = ?, acknowledged = ? where id = ? and file = ?"
            db.execute(change, (result, reply["made"], plan_id, file_id))
        if place in failures:
            for found in failures[place]:
                _failed(db, file_id, record, found)
        else:
            stored.update(cases.pending(record))
    for task in db.execute("select * from task where open and file <= ?", (file_id,)).fetchall():
        left = [plan_id for plan_id in cases.pending(task) if plan_id not in stored]
        db.execute("update task set plans = ?, open = ? where id = ?", (json.dumps(left), bool(left), task["id"]))


def _failed(db, file_id, record, result):
    """A record that CP-IS refused is work for somebody."""
    child = db.execute("select * from person where id = ?", (record["person"],)).fetchone()
    code, advice = result["code"], ADVICE.get(result["code"], "Find out what is wrong and correct it.")
    waiting = "select id from plan where id = ? and (file = ? or result != 'stored')"
    plans = [p for p in cases.pending(record) if db.execute(waiting, (p, file_id)).fetchone()]
    grown_up = sending.age(child["born"], datetime.now(UTC).date()) >= 18
    if code == "CPR07" and grown_up and not record["mother_only"]:
        # CP-IS takes nothing about an adult; the item is closed, and an unborn child's plan goes again by itself.
        db.execute("update person set adult = 1 where id = ?", (child["id"],))
        db.execute("update plan set sent = null where person = ? and file = ? and kind = 'UCP'", (child["id"], file_id))
        advice, plans = "None: the person is 18 or over, nothing more is sent.", []
    details = {
        "detail_code": ", ".join(c for c, _ in result["details"]) or None,
        "detail_text": ", ".join(t for _, t in result["details"]) or None,
    }
    meaning = reading.RECORD_CODES.get(code) or reading.FILE_CODES[code]
    about = {"person": child["id"], "number": record["number"], "file": file_id, "open": bool(plans)}
    more = {"raised": store.now(), "next_action": advice, "plans": json.dumps(plans)}
    insert(db, "task", code=code, meaning=meaning, **about, **details, **more)
    tell(db, "record-failed", f"{code}: {meaning}. {advice}", person=child["id"], file=str(file_id))
    if code == "CPR05" and child["number"] == record["number"]:
        db.execute("update person set stopped = 1 where id = ?", (child["id"],))
        tell(db, "new-number-needed", "The NHS number was superseded. Enter the new one.", person=child["id"])
        cases.watch_number(db, child["id"])


# Notifications


def _identified(db, number, local):
    """Whose number and local id these are: one child's row, or None and why not."""
    current = db.execute("select * from person where number = ?", (number,)).fetchone()
    former = "select person.* from person join former_number f on f.person = person.id where f.number = ?"
    child = current or db.execute(former, (number,)).fetchone()
    if local and (local[1] or ODS).split(":")[0] == ODS:
        other = db.execute("select * from person where local_id = ?", (local[0],)).fetchone()
        if child and other and child["id"] != other["id"]:
            return None, "NHS number and local id lead to two children."
        if other and not child and not other["number"]:
            child = other
        elif other and not child:
            return None, "The local id is a child's with another NHS number."
    return child, None if child else "Nobody here has this NHS number."


def _accesses(db, notification):
    if notification["receiver"] != ODS:
        text = f"A notification for {notification['receiver']} was delivered to us and refused."
        for event in [access["event"] for access in notification["accesses"]] or [None]:
            keep(db, "access-notification", text, event=event)
        return
    if notification["total"] != len(notification["accesses"]):
        text = f"A notification speaks of {notification['total']} accesses and lists {len(notification['accesses'])}."
        keep(db, "access-notification", text)
    for access in notification["accesses"]:
        child, problem = _identified(db, access["number"], access["local"])
        facts = {k: access[k] for k in ("number", "event", "accessed", "worker", "organisation")}
        if problem:
            text = f"{problem} Viewed by {access['worker']}, {access['role']}, {access['organisation']}."
            keep(db, "access-notification", text, **facts)
            continue
        there = "select 1 from visit where person = ? and event = ?"
        if db.execute(there, (child["id"], access["event"])).fetchone():
            continue
        when = datetime.fromisoformat(access["accessed"])
        text = (
            f"The CP-IS record of {child['given']} {child['family']} was viewed on {when:%d %B %Y at %H:%M} UTC by "
            f"{access['worker']}, {access['role']}, {access['organisation']}."
        )
        insert(db, "visit", person=child["id"], text=text, role=access["role"], **facts)
        closed = child["closed_on"] and child["closed_on"] <= datetime.now(UTC).date().isoformat()
        to = (TRIAGE, None) if closed or not (child["worker"] or child["team"]) else (child["worker"], child["team"])
        tell(db, "access", text, to[0], team=to[1], person=child["id"], event=access["event"])


def _inactive(db, notification):
    if notification["receiver"] != ODS:
        text = f"A notification for {notification['receiver']} was delivered to us and refused."
        keep(db, "inactive-number", text)
        return
    for told in notification["people"]:
        child, problem = _identified(db, told["number"], told["local"])
        if problem:
            keep(db, "inactive-number", problem, number=told["number"])
        elif child["number"] == told["number"]:  # else somebody has entered another one meanwhile
            _retire(db, child, told["new"])


def _retire(db, child, new):
    """Go on under the number that the message gives, or stop. No child is looked for under another name (INA-007)."""
    taken = new and db.execute("select 1 from person where number = ?", (new[0],)).fetchone()
    if len(set(new)) == 1 and sending.is_number(new[0]) and not taken:
        cases.take_number(db, child, new[0])
        text = "The NHS number was replaced; the plans go under the new one with the next file."
    else:
        db.execute("update person set stopped = 1 where id = ?", (child["id"],))
        text = STOPPED
    cases.watch_number(db, child["id"])
    tell(db, "inactive-number", text, person=child["id"])
