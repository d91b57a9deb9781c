"""A script that plays the person: it reads the page, does in the product what it says, and types what it sees.

It knows nothing of the run but what stands on the page. The product is Larkfield Casebook, by its own driver program.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tests.acceptance.browser import Browser

EXAMPLES = Path(__file__).parents[2] / "examples"
UK = ZoneInfo("Europe/London")
NAME = "Jo Tester"

QUESTION = """(() => {
  const form = document.querySelector("form[data-operation]");
  if (!form) return null;
  const facts = {};
  document.querySelectorAll("[data-fact]").forEach(d => facts[d.dataset.fact] = d.innerText);
  return {id: form.dataset.open, operation: form.dataset.operation, facts,
          title: document.querySelector(".where")?.firstChild.textContent.trim() ?? "",
          heading: document.querySelector("h1").innerText};
})()"""
FILL = """((values, button) => {
  for (const [name, value] of Object.entries(values)) {
    const field = document.getElementById(name);
    if (!field) return "no field " + name;
    field.value = value;
    if (field.value !== value) return name + " does not take " + value;
  }
  document.querySelector(`button[name=act][value=${button}]:not(.first)`).click();
  return "";
})"""


class Council:
    """Larkfield Casebook, as whoever sits before it.

    Args:
        lane: The folder of the run's lane, which holds its data and the drop folders.
    """

    def __init__(self, lane: Path) -> None:
        self._environment = {
            **os.environ,
            "COUNCIL_DROP": str(lane / "drop"),
            "COUNCIL_DATA": str(lane / "product" / "council.sqlite"),
        }

    def do(self, operation: str, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Exit code and answer of its driver program."""
        done = subprocess.run(
            [sys.executable, "-m", "council_cms.driver", operation],
            input=json.dumps(asked).encode(),
            capture_output=True,
            cwd=EXAMPLES,
            env=self._environment,
            timeout=30,
            check=False,
        )
        return done.returncode, json.loads(done.stdout or b"{}")


class Person:
    """Sits before page and product.

    Args:
        browser: Where the page is.
        product: What is done in it.
        lies: Changes what is typed, by operation; for a product that is wrong, or a person who is.
    """

    def __init__(
        self,
        browser: Browser,
        product: Council,
        lies: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] | None = None,
    ) -> None:
        self._browser = browser
        self._product = product
        self._lies = lies or {}
        self._plans: dict[tuple[str, str, str], str] = {}
        self._exceptions: list[dict[str, Any]] = []
        self._title = ""
        self.asked: list[tuple[str, dict[str, str]]] = []

    def sit(self, url: str, ended: Callable[[], bool], *, within: float, most: int | None = None) -> None:
        """Answer until the run has ended, or so many times."""
        deadline = time.monotonic() + within
        last = ""
        self._browser.go(url)
        while not ended() and (most is None or len(self.asked) < most):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the run still asks: {self._browser.look('document.body.innerText')}")
            question = self._browser.look(QUESTION)
            if question is None or question["id"] == last:
                time.sleep(0.02)
                continue
            last = question["id"]
            self.asked.append((question["operation"], question["facts"]))
            self.answer(question)

    def answer(self, question: dict[str, Any]) -> None:
        """Do what one question says."""
        operation, facts = question["operation"], question["facts"]
        if question["title"] != self._title:
            self._title = question["title"]
            self._exceptions = self._product.do("exceptions", {})[1].get("items", [])
        if operation == "collect":
            self._send({}, "done")  # It reads its folder by itself, ten times a second.
            return
        code, seen = self._product.do(operation, self._request(operation, facts))
        if code == 3:
            self._send({"reason": seen["reason"]}, "refused")
            return
        if code == 4:
            self._send({"reason": seen["reason"]}, "not-offered")
            return
        assert code == 0, (operation, facts, seen)
        if operation == "record-plan":
            self._plans[self._plan_of(facts)] = seen["plan_id"]
        seen = self._lies.get(operation, lambda told: told)(seen)
        if "items" not in seen:
            self._send(
                {
                    name: _typed(name, value)
                    for name, value in seen.items()
                    if name != "child_id" or operation == "record-child"
                },
                "done",
            )
            return
        rows = [row for row in seen["items"] if self._is_new(operation, row, facts)]
        if operation == "held-back":  # People of other scenarios stay on it, and are not asked for.
            rows = [row for row in rows if row["child_id"] in self._people()]
        self._send_rows(rows)

    def _request(self, operation: str, facts: dict[str, str]) -> dict[str, Any]:
        """What the page says, as the product's own words have it."""
        asked: dict[str, Any] = {}
        for name, text in facts.items():
            if name == "child_id":
                found = re.search(r"reference (LC\d+)", text)
                assert found, text
                asked[name] = found[1]
            elif re.fullmatch(r"\d\d/\d\d/\d{4}", text):
                asked[name] = "-".join(reversed(text.split("/")))
            elif name == "plan_type":
                asked[name] = text.lower()
            elif name == "legal_status":
                asked[name] = text.split()[1]
            elif text.startswith("("):
                asked[name] = "" if name.startswith("telephone") else None
            else:
                asked[name] = text
        if operation in ("end-plan", "delete-plan"):
            asked["plan_id"] = self._plans[self._plan_of(facts)]
        return asked

    def _plan_of(self, facts: dict[str, str]) -> tuple[str, str, str]:
        found = re.search(r"reference (LC\d+)", facts["child_id"])
        assert found
        return found[1], facts["plan_type"].lower(), facts["start"]

    def _is_new(self, operation: str, row: dict[str, Any], facts: dict[str, str]) -> bool:
        """As the page asks: what came since the time that it names."""
        if operation == "exceptions":
            return row not in self._exceptions
        since = re.match(r"\d\d/\d\d/\d{4} \d\d:\d\d:\d\d", facts.get("since", ""))
        raised = row.get("raised")
        if since is None or raised is None:
            return operation != "files" or row["file_id"] in self._files_since(facts)
        return datetime.fromisoformat(raised) >= datetime.strptime(since[0], "%d/%m/%Y %H:%M:%S").replace(tzinfo=UK)

    def _files_since(self, facts: dict[str, str]) -> list[str]:
        """The last few: the list has no times, and the page does not mind too many."""
        return [row["file_id"] for row in self._product.do("files", {})[1]["items"]][-6:]

    def _send_rows(self, rows: list[dict[str, Any]]) -> None:
        known = self._browser.look(
            "[...document.querySelectorAll('fieldset [name]')].map(f => f.name.replace(/\\.\\d+$/, ''))"
        )
        children = self._people()
        for number in range(1, len(rows)):
            self._browser.look("document.querySelector('[value=more]').click()")
            self._browser.wait_for(f"!!document.getElementById('row{number}')")
        values = {}
        for number, row in enumerate(rows):
            for name, value in row.items():
                if name in known and (name != "child_id" or value in children):
                    values[f"{name}.{number}"] = _typed(name, value)
        self._send(values, "done" if rows else "nothing")

    def _people(self) -> list[str]:
        """Those to be chosen from."""
        look = "[...document.querySelectorAll('[id=\"child_id.0\"] option')].map(o => o.value)"
        return list(self._browser.look(look) or [])

    def _send(self, values: dict[str, str], button: str) -> None:
        values = {**values, "by": NAME}
        wrong = self._browser.look(f"{FILL}({json.dumps(values)}, {json.dumps(button)})")
        assert not wrong, wrong


def _typed(name: str, value: Any) -> str:
    """A value as somebody in England types it from the screen."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if name in ("accessed", "raised", "acknowledged"):
        at = datetime.fromisoformat(value)
        return at.astimezone(UK).strftime("%d/%m/%Y %H:%M:%S") if at.tzinfo else value
    return str(value)
