"""The driver of this product: each operation of docs/driver-api.yaml, in the product's own calls.

Over HTTP it is `POST /driver/<operation>` of the running product, as a command
`python -m council_cms.driver <operation>`, with JSON on standard input and output. The product offers no reset, no
clock and no restart; it reads its receiving folder by itself, so there is no collect either.
"""

import json
import sys

from . import VERSION, cases, sending, store
from .store import DESK, NAME, ODS, TRIAGE, Refused, event, setting

KIND_OF = {"child protection plan": "CPP", "looked after child": "LAC", "unborn child protection plan": "UCP"}
STATUS_OF_EXIT = {200: 0, 422: 2, 409: 3, 501: 4, 404: 5}
NOT_OURS = ("reset", "set-clock", "restart", "collect")


def as_command():
    """One operation, asked by starting a program."""
    status, reply = answer(sys.argv[1], sys.stdin.buffer.read())
    sys.stdout.buffer.write(json.dumps(reply, ensure_ascii=False).encode())
    return STATUS_OF_EXIT[status]


def answer(operation, body):
    """Status and reply of an operation."""
    if operation in NOT_OURS:
        return 501, {"reason": f"This product has no {operation}."}
    if operation not in OPERATIONS:
        return 404, {"reason": f"There is no operation {operation}."}
    try:
        asked = json.loads(body or b"{}")
        if not isinstance(asked, dict):
            raise ValueError("it is no JSON object")
        return 200, OPERATIONS[operation](asked)
    except Refused as refused:
        return 409, {"reason": str(refused)}
    except KeyError as missing:
        return 422, {"reason": f"The request has no {missing}."}
    except ValueError as error:
        return 422, {"reason": f"The request is not understood: {error}"}


def version(_):
    """What the product is."""
    with event() as db:
        telephones = {f"telephone_{name}": setting(db, name) or None for name in ("office", "emergency")}
    return {
        "product": "Larkfield Casebook",
        "version": VERSION,
        "role": "authority",
        "operations": list(OPERATIONS),
        "authorities": [{"ods": ODS, "name": NAME, **telephones}],
        "now": store.now(),
        "triage_point": TRIAGE,
        "alert_role": DESK,
    }


def keyed(function, *wanted, gives=None, **named):
    """An operation by which a person keys something in: `wanted` and `named` are what it takes from the request."""

    def operation(asked):
        with event() as db:
            made = function(db, *(asked[key] for key in wanted), **{name: asked.get(k) for name, k in named.items()})
        return {gives: made} if gives else {}

    return operation


def add_plan(db, child, plan_type, start, **more):
    """A plan of the product's own kinds."""
    if plan_type not in KIND_OF:
        raise ValueError(f"there is no plan type {plan_type}")
    return cases.add_plan(db, child, KIND_OF[plan_type], start, **more)


def set_telephones(db, ods, **keyed_in):
    """Telephones of the one council that is served here."""
    if ods not in (None, ODS):
        raise Refused(f"This product serves {ODS} only.")
    cases.set_telephones(db, **keyed_in)


def export(_):
    """Make a file now; otherwise one is made every few seconds."""
    file_id, reason = sending.export()
    return {"exported": file_id is not None, "file_id": file_id, "reason": reason}


def held_back(_):
    """Who stays at home."""
    return {"items": [{"child_id": child, "reason": reason} for child, reason in sending.held_back()]}


def child_status(asked):
    """What became of a child's last upload."""
    with event() as db:
        shown = cases.history(db, asked["child_id"])
    return {
        "child_id": asked["child_id"],
        "nhs_number": shown["child"]["number"],
        "last_file_id": str(shown["file"]) if shown["file"] else None,
        "last_result": shown["result"],
        "acknowledged": shown["acknowledged"],
    }


def listed(query, **renamed):
    """An operation that lists rows; `renamed` are columns by the key that the driver API has."""

    def operation(asked):
        with event() as db:
            values = (cases.person(db, asked["child_id"])["id"],) if "?" in query else ()
            rows = [dict(row) for row in db.execute(query, values).fetchall()]
        for row in rows:
            row.update({key: row.pop(column) for key, column in renamed.items()})
            for key in {"open"} & row.keys():
                row[key] = bool(row[key])
            if row.get("child_id") is not None:
                row["child_id"] = cases.reference("LC", row["child_id"])
            if row.get("file_id") is not None:
                row["file_id"] = str(row["file_id"])
        return {"items": rows}

    return operation


ABOUT = {"child_id": "person", "nhs_number": "number", "event_id": "event"}
OPERATIONS = {
    "version": version,
    "record-child": keyed(
        cases.add_child,
        *("given", "family", "birth_date"),
        number="nhs_number",
        local_id="local_id",
        gives="child_id",
    ),
    "record-plan": keyed(
        add_plan,
        *("child_id", "plan_type", "start"),
        due="due",
        section="legal_status",
        notes="notes",
        gives="plan_id",
    ),
    "end-plan": keyed(cases.end_plan, "plan_id", "end"),
    "delete-plan": keyed(cases.withdraw_plan, "plan_id", "on"),
    "change-child": keyed(
        cases.correct_child, "child_id", given="given", family="family", born="birth_date", number="nhs_number"
    ),
    "change-authority": keyed(set_telephones, ods="ods", office="telephone_office", emergency="telephone_emergency"),
    "allocate": keyed(cases.set_fields, "child_id", worker="worker", team="team"),
    "close-case": keyed(cases.set_fields, "child_id", closed_on="on"),
    "force": keyed(cases.force, "child_id"),
    "export": export,
    "held-back": held_back,
    "child-status": child_status,
    "files": listed("select id, state, code, stored, failed, acknowledged from file", file_id="id"),
    "work-list": listed(
        "select person, number, file, code, meaning, detail_code, detail_text, raised, next_action, open from task",
        child_id="person",
        nhs_number="number",
        file_id="file",
    ),
    "alerts": listed(
        "select kind, recipient, team, person, file, event, raised, text from alert",
        child_id="person",
        file_id="file",
        event_id="event",
    ),
    "case-events": listed("select * from visit where person = ?", **ABOUT),
    "exceptions": listed("select * from oddity", file_id="file", **ABOUT),
}

if __name__ == "__main__":
    sys.exit(as_command())
