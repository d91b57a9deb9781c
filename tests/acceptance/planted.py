"""Faults planted in the example product: each a few lines of its source replaced, in a copy of it.

They were chosen from the rules alone, before any check and before the product's source were read, so that they say what
the suite finds in somebody else's code, not what it was written to find.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

EXAMPLES: Final = Path(__file__).parents[2] / "examples"


@dataclass(frozen=True)
class Planted:
    """A fault.

    Attributes:
        says: What the product does wrong.
        requirement: The requirement that must be found broken.
        changes: File, lines as they are, lines as they become.
    """

    says: str
    requirement: str
    changes: tuple[tuple[str, str, str], ...]


PLANTED: Final = {
    "status-out-of-scope": Planted(
        "A looked-after child under a status out of scope is sent.",
        "CPIS-DAT-002",
        (
            (
                "sending.py",
                """\
    if plan["kind"] == "LAC" and not SECTIONS & set(re.findall("[0-9]+", plan["section"] or "20")):
        return False
""",
                "",
            ),
        ),
    ),
    "ended-as-deleted": Planted(
        "A plan that ended is sent with the day as its delete date.",
        "CPIS-DAT-010",
        (
            (
                "writing.py",
                """\
    end = plan["ended"] or (plan["due"] if kind == "UCP" else None)
""",
                """\
    end = plan["due"] if kind == "UCP" else None
""",
            ),
            ("writing.py", '"Delete", plan["withdrawn"])', '"Delete", plan["withdrawn"] or plan["ended"])'),
        ),
    ),
    "unborn-as-child": Planted(
        "An unborn child's plan is written with its mother as a child.",
        "CPIS-DAT-005",
        (
            ("writing.py", 'if any(plan["kind"] == "UCP" for plan in plans):', "if False:"),
            ("writing.py", 'if any(plan["kind"] != "UCP" for plan in plans):', "if True:"),
        ),
    ),
    "old-name": Planted(
        "After a change of family name the old one goes on being sent.",
        "CPIS-UPL-008",
        (
            (
                "writing.py",
                """\
    about += f"<family>{escape(person['family'].strip())}</family></name>\\n"
""",
                """\
    import json
    family = next((json.loads(plan["sent"])[2] for plan in plans if plan["sent"]), person["family"])
    about += f"<family>{escape(family.strip())}</family></name>\\n"
""",
            ),
            # What was sent is remembered as it was sent.
            (
                "sending.py",
                """\
    fields = [child[f] for f in ("number", "given", "family", "born", "local_id")]
""",
                """\
    fields = [child[f] for f in ("number", "given", "family", "born", "local_id")]
    fields[2] = json.loads(plan["sent"])[2] if plan["sent"] else fields[2]
""",
            ),
        ),
    ),
    "telephones-exchanged": Planted(
        "Emergency duty's telephone and the office's are exchanged in the header.",
        "CPIS-DAT-014",
        (("sending.py", '(("WP", "office"), ("EC", "emergency"))', '(("EC", "office"), ("WP", "emergency"))'),),
    ),
    "reply-to-the-last": Planted(
        "An acknowledgement is taken for the file that was sent last, whatever sequence id it carries.",
        "CPIS-ACK-014",
        (
            (
                "receiving.py",
                'db.execute("select * from file where id = ?", (reply["file"],)).fetchone()',
                'db.execute("select * from file order by id desc limit 1").fetchone()',
            ),
        ),
    ),
    "done-after-pds-error": Planted(
        "After CPF05 the file counts as done, and nothing is sent again.",
        "CPIS-ACK-009",
        (
            ("receiving.py", '"CPF03": "partly stored"}.get', '"CPF03": "partly stored", "CPF05": "stored"}.get'),
            (
                "receiving.py",
                """\
        db.execute("update plan set sent = null, result = 'failed' where file = ?", (file_id,))
""",
                """\
        again = "" if code == "CPF05" else "sent = null, "
        db.execute(f"update plan set {again}result = 'failed' where file = ?", (file_id,))
""",
            ),
        ),
    ),
    "access-on-the-twin": Planted(
        "An access is filed on the first child of that family name and birth date.",
        "CPIS-NTF-010",
        (
            (
                "receiving.py",
                """\
        there = "select 1 from visit where person = ? and event = ?"
""",
                """\
        alike = "select * from person where family = ? and born = ? order by id"
        child = db.execute(alike, (child["family"], child["born"])).fetchone()
        there = "select 1 from visit where person = ? and event = ?"
""",
            ),
        ),
    ),
    "first-worker": Planted(
        "The alert of an access goes to the worker who had the case first, not to the one who has it now.",
        "CPIS-NTF-017",
        (
            (
                "cases.py",
                """\
    for field, value in fields.items():
        db.execute(f"update person set {field} = ? where id = ?", (value, row["id"]))
""",
                """\
    for field, value in fields.items():
        if field in ("worker", "team") and row[field]:
            continue
        db.execute(f"update person set {field} = ? where id = ?", (value, row["id"]))
""",
            ),
        ),
    ),
    "inactive-number-goes-on": Planted(
        "After an inactive-number notification without a replacement the old number goes on being sent.",
        "CPIS-INA-003",
        (
            (
                "receiving.py",
                """\
        db.execute("update person set stopped = 1 where id = ?", (child["id"],))
        text = STOPPED
""",
                """\
        text = STOPPED
""",
            ),
        ),
    ),
}


def copy_of_product(folder: Path, fault: Planted | None, product: str = "council_cms") -> Path:
    """A copy of an example product with a fault; gives the folder that the package lies in."""
    package = folder / product
    shutil.copytree(EXAMPLES / product, package, ignore=shutil.ignore_patterns("__pycache__"))
    for name, old, new in fault.changes if fault else ():
        file = package / name
        text = file.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{name} has these lines {text.count(old)} times:\n{old}"
        file.write_text(text.replace(old, new), encoding="utf-8")
    return folder
