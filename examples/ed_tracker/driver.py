"""The driver: `POST /driver/<operation>`, each operation of docs/driver-api.yaml in the product's own calls.

There is no reset: the product never forgets. It is no viewer either, so that there is no alert to open.
"""

import json
import time
from datetime import UTC, datetime

from . import VERSION, desk, ledger

KNOWN_ELSEWHERE = ("reset", "open-alert")


def answer(operation, body):
    """Status and reply of an operation."""
    if operation in KNOWN_ELSEWHERE:
        return 501, {"reason": f"The tracker has no {operation}."}
    if operation not in OPERATIONS:
        return 404, {"reason": f"There is no operation {operation}."}
    try:
        asked = json.loads(body or b"{}")
        if not isinstance(asked, dict):
            raise ValueError("it is no JSON object")
        return 200, OPERATIONS[operation](asked)
    except desk.Refused as refused:
        return 409, {"reason": str(refused)}
    except KeyError as missing:
        return 422, {"reason": f"The request has no {missing}."}
    except (TypeError, ValueError) as error:
        return 422, {"reason": f"The request is not understood: {error}"}


def version(_):
    """What the product is."""
    now = ledger.now().isoformat(timespec="seconds")
    about = {"product": "Harbour ED Tracker", "version": VERSION, "role": "care", "now": now}
    return about | {"operations": list(OPERATIONS)}


def set_clock(asked):
    """Move the clock."""
    instant = datetime.fromisoformat(asked["instant"]) if asked.get("instant") else None
    ledger.set_clock(instant if instant is None or instant.tzinfo else instant.replace(tzinfo=UTC))
    return {}


def restart(_):
    """Drop what is in memory and begin again from the file, as a new process would."""
    ledger.begin()
    return {}


def sign_in(asked):
    """Somebody sits down."""
    author = asked["author"]
    for key in ("given", "family", "role_code", "role_name", "organisation_ods", "organisation_name"):
        author[key]
    if not author.get("asid"):
        author["user_id"]
    ledger.session(asked)
    return {}


def sign_out(_):
    """Somebody leaves."""
    ledger.leave()
    return {}


def record_patient(asked):
    """Somebody is put into the index."""
    born = desk.date.fromisoformat(asked["birth_date"])
    made = ledger.add(
        "patient",
        given=asked["given"],
        family=asked["family"],
        born=str(born),
        number=asked.get("nhs_number"),
        traced=asked.get("verified", True),
        pregnant=asked.get("may_be_pregnant", False),
    )
    return {"patient_id": f"H-{made}"}


def look_up(asked):
    """Ask, and wait until the screen has its final state, which patience ends at the latest."""
    lookup = desk.ask(asked["patient_id"])
    while (view := desk.shown(lookup))["status"] == "pending":
        time.sleep(0.02)
    return view


def complete(asked):
    """Registration is done, whatever CP-IS has said by now."""
    found = ledger.row("select * from attendance where 'A-' || id = ?", asked["attendance_id"])
    if found is None:
        raise desk.Refused(f"There is no attendance {asked['attendance_id']}.")
    ledger.rows("update attendance set done = 1 where id = ?", found["id"])
    return {"attendance_id": asked["attendance_id"], "patient_id": f"H-{found['patient']}", "complete": True}


def register(asked):
    """Somebody has come."""
    attendance = desk.arrive(asked["patient_id"])
    return {"attendance_id": f"A-{attendance}", "patient_id": asked["patient_id"], "complete": False}


def audit(_):
    """The trail, by the names of the driver API."""
    return {
        "items": [
            {
                "at": look["asked"],
                **{key: look[key] for key in ("user", "role", "organisation")},
                "nhs_number": look["number"],
                "silent": bool(look["silent"]),
                "event_id": look["event"],
                "outcome": look["status"],
            }
            for look in desk.trail()
        ]
    }


OPERATIONS = {
    "version": version,
    "set-clock": set_clock,
    "restart": restart,
    "sign-in": sign_in,
    "sign-out": sign_out,
    "record-patient": record_patient,
    "register-attendance": register,
    "complete-attendance": complete,
    "look-up": look_up,
    "begin-look-up": lambda asked: {"lookup_id": str(desk.ask(asked["patient_id"]))},
    "shown": lambda asked: desk.shown(asked["lookup_id"]),
    "patient-screen": lambda asked: desk.screen(asked["patient_id"]),
    "open-list": lambda asked: {"items": desk.board(asked["patient_ids"])},
    "audit": audit,
}
