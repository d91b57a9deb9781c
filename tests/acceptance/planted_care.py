"""Faults planted in the example care product: each a few lines of its source replaced, in a copy of it.

Four of them reassure falsely or show what belongs to another. Whoever wrote the product chose them, from the rules.
"""

from __future__ import annotations

from typing import Final

from tests.acceptance.planted import Planted

PLANTED: Final = {
    "time-out-as-no-record": Planted(
        "A lookup that nobody answers in time reads as no record.",
        "CPIS-QRY-013",
        (
            ("couriers.py", "set status = 'unknown', words = ?", "set status = 'no-record', words = ?"),
            ("couriers.py", "hearing.UNKNOWN + words,", "hearing.NO_RECORD,"),
        ),
    ),
    "another-number-shown": Planted(
        "An answer about another NHS number is shown on the patient who was asked about.",
        "CPIS-RSP-012",
        (("hearing.py", 'if numbers != {look["number"]}:', "if not numbers:"),),
    ),
    "reply-to-the-last": Planted(
        "A reply is taken for the answer to the lookup that was sent last, whatever message it refers to.",
        "CPIS-QRY-011",
        (
            (
                "couriers.py",
                'look = ledger.row("select * from lookup where envelope = ?", header["refers"])',
                'look = ledger.row("select * from lookup where envelope is not null order by id desc")',
            ),
        ),
    ),
    "past-as-current": Planted(
        "A plan that has ended is shown like one that runs.",
        "CPIS-UI-005",
        (("hearing.py", 'current = end is None or end > today or short == "UCP"', "current = True"),),
    ),
    "telephones-exchanged": Planted(
        "Office and emergency duty number change places.",
        "CPIS-UI-002",
        (
            (
                "hearing.py",
                'plan |= {"telephone_office": office, "telephone_emergency": emergency}',
                'plan |= {"telephone_office": emergency, "telephone_emergency": office}',
            ),
        ),
    ),
    "unborn-as-her-own": Planted(
        "An unborn child's plan is worded as the woman's own.",
        "CPIS-UI-006",
        (
            ("hearing.py", "Child protection plan for her UNBORN CHILD", "Child protection plan"),
            ("hearing.py", '"unborn child" if short == "UCP" else "child"', '"child"'),
        ),
    ),
    "silent-user-notifies": Planted(
        "A user who may only read silently notifies at an unscheduled desk.",
        "CPIS-IG-002",
        (("desk.py", 'bool(session.get("scheduled") or not may_notify)', 'bool(session.get("scheduled"))'),),
    ),
    "new-id-for-each-try": Planted(
        "A query that is sent again is another message.",
        "CPIS-OPS-005",
        (
            (
                "couriers.py",
                "        time.sleep(AGAIN_S)\n",
                "        time.sleep(AGAIN_S)\n"
                '        look["envelope"] = asking.new_id()\n'
                '        ledger.rows("update lookup set envelope = ? where id = ?", look["envelope"], look["id"])\n'
                '        kind, body = asking.ebxml_query(payload, look["envelope"], PARTY, stamp())\n',
            ),
        ),
    ),
}
