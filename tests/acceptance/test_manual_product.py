"""The example product, accredited by a person at the page: in a browser, as somebody without a driver would.

The whole suite by hand takes the script that plays the person many minutes; here is a test of each flow, and that
the page needs neither scripts nor a mouse. Skipped where there is no Chromium, unless CPIS_REQUIRE_BROWSER is set.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cpis_fixtures.manual.desk import Desk
from cpis_fixtures.manual.page import serve_page
from cpis_reports.results import Results
from tests.acceptance.browser import CHROMIUM, Browser
from tests.acceptance.by_hand import by_hand, council_config
from tests.acceptance.person import NAME, Council, Person
from tests.acceptance.running import Played
from tests.fixtures.manual_stand import CHILD, desk_in

FLOWS = [f"--tag={test}" for test in ("FD-13", "FD-19", "NT-01")]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="process groups and signals are those of POSIX")


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    """A browser of the test's own."""
    if CHROMIUM is None:
        give_up = pytest.fail if os.environ.get("CPIS_REQUIRE_BROWSER") else pytest.skip
        give_up("no Chromium on this machine (Debian: apt-get install chromium)")
    with Browser(tmp_path / "profile") as found:
        found.size(1280)
        yield found


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return desk_in(tmp_path)


@contextmanager
def served(desk: Desk) -> Iterator[str]:
    """The page of a desk without a run; gives its address."""
    server = serve_page(desk, port=0, product="Casebook 2.0", run="a-run", person_s=900)
    try:
        yield server.url
    finally:
        server.stop()


def accredited(folder: Path, browser: Browser, *arguments: str, **lies: Any) -> tuple[Played, Person]:
    """A run that a person at the page carries, with what that person was asked."""
    (folder / "cpis.toml").write_text(council_config(), encoding="utf-8")
    with by_hand("--config", "cpis.toml", "--seed", "7", *arguments, out=folder) as run:
        url = run.url()
        person = Person(browser, Council(run.lane()), lies)
        person.sit(url, run.ended, within=150)
        return run.played(), person


def by_verdict(results: Results, word: str) -> list[str]:
    return [v.id for v in results.requirements if v.verdict == word]


def test_a_person_at_the_page_carries_a_product_through_every_flow(tmp_path: Path, browser: Browser) -> None:
    played, person = accredited(tmp_path, browser, *FLOWS)
    assert [(s.id, s.reason) for s in played.results.scenarios if s.outcome != "pass"] == [], played.output
    assert played.exit_code == 0
    assert by_verdict(played.results, "fail") == by_verdict(played.results, "inconclusive") == []
    # What only the person saw rests on a name; what crossed in files does not.
    assert by_verdict(played.results, "attested") == ["CPIS-UPL-007"]
    assert by_verdict(played.results, "pass") == ["CPIS-DAT-015"]
    assert {name for v in played.results.requirements for name in v.by} == {NAME}
    assert {operation for operation, _ in person.asked} >= {"record-child", "export", "held-back", "case-events"}
    # Nobody else is asked for anything, and what is keyed is all that a person is told.
    assert [url for url in browser.requests if not url.startswith(("http://127.0.0.1:", "data:", "about:"))] == []


def test_what_a_person_does_not_see_fails_the_requirement_by_name(tmp_path: Path, browser: Browser) -> None:
    nothing = {"case-events": lambda _: {"items": []}}
    played, _ = accredited(tmp_path, browser, "--tag=NT-01", **nothing)
    assert [s.outcome for s in played.results.scenarios] == ["fail"], played.output
    failed = [v for v in played.results.requirements if v.verdict == "fail"]
    assert failed
    assert {name for v in failed for name in v.by} == {NAME}


def test_the_page_is_of_use_without_scripts(desk: Desk, browser: Browser) -> None:
    number = desk.ask("record-child", CHILD)
    browser.scripts(on=False)
    with served(desk) as url:
        browser.go(url)
        for _ in range(12):  # skip link, three links, then fields; the hidden first button is left out
            browser.press("Tab")
            if browser.look("document.activeElement.id") == "child_id":
                break
        browser.type("LC7")
        browser.press("Tab")
        browser.type("Kim Tester")
        browser.press("Enter")
        browser.wait_for("document.querySelector('h1').innerText.startsWith('Nothing to do')")
    found = desk.answer_to(number)
    assert found is not None
    assert (found.reply, found.by) == ({"child_id": "LC7"}, "Kim Tester")


def test_the_next_question_comes_up_by_itself_and_what_was_typed_stays(desk: Desk, browser: Browser) -> None:
    with served(desk) as url:
        browser.go(url)
        browser.wait_for("document.querySelector('h1').innerText.startsWith('Nothing to do')")
        number = desk.ask("record-child", CHILD)
        browser.wait_for("document.querySelector('h1').innerText === 'Record this person'")
        browser.look("document.getElementById('child_id').focus()")
        browser.type("LC7")
        browser.wait_for("performance.getEntriesByName(location.origin + '/draft').length > 0")
        browser.go(url)
        assert browser.look("document.getElementById('child_id').value") == "LC7"
        # Somebody answers in a terminal: whoever types here is told, and nothing is taken from under their hands.
        desk.take_back(number)
        browser.wait_for("!document.getElementById('elsewhere').hidden")
        assert browser.look("document.getElementById('child_id').value") == "LC7"


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("operation", ["record-child", "files", "alerts", "exceptions"])
def test_nothing_stands_beyond_the_edge_of_the_window(desk: Desk, browser: Browser, operation: str, width: int) -> None:
    desk.ask(operation, CHILD | {"family": "O'Verylongname-Without-Any-Space-In-It" * 3})
    browser.size(width)
    with served(desk) as url:
        browser.go(url)
        browser.look("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert browser.look("document.documentElement.scrollWidth <= window.innerWidth")
