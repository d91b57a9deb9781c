"""Reports: one file that needs nothing else, everybody masked but the run's own people."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from cpis_reports.bundle import read_bundle
from cpis_reports.masking import Mask
from cpis_reports.render import write_reports
from cpis_reports.render.diagram import diagram
from cpis_reports.render.html import render_html
from cpis_reports.render.junit import render_junit
from cpis_reports.results import OwnPerson, Stop
from cpis_reports.verdicts import judge
from cpis_simulator.evidence import Evidence, Record

OWN = Mask([OwnPerson(nhs_number="9990001014", name="Alpha Testcase")])


class Page(HTMLParser):
    """Tags, ids, links and the text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.sources: list[tuple[str, str]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            elif name == "href":
                self.links.append(value or "")
            elif name in ("src", "srcset", "action", "data", "background", "poster", "xlink:href"):
                self.sources.append((name, value or ""))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def page(bundle: Path) -> Page:
    read = read_bundle(bundle)
    return Page(render_html(read.results, read.evidence))


def test_links_to_scenarios_of_one_catalogue_test_can_be_told_apart(bundle: Path) -> None:
    read = read_bundle(bundle)
    first = next(s for s in read.results.scenarios if s.test)
    twin = first.model_copy(update={"id": f"{first.id}~12345678"})
    both = read.results.model_copy(update={"scenarios": [first, twin]})
    requirements = [v.model_copy(update={"scenarios": [first.id, twin.id]}) for v in both.requirements[:1]]
    shown = Page(render_html(both.model_copy(update={"requirements": requirements}), read.evidence)).text
    assert f"{first.test}.1 {first.test}.2" in shown


def test_the_report_refers_to_nothing_outside_itself(page: Page, bundle: Path) -> None:
    assert page.sources == []
    assert [link for link in page.links if not link.startswith("#")] == []
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    css = (Path(write_reports(bundle)[0]).read_text()).split("<style>")[1].split("</style>")[0]
    assert not re.search(r"url\(|@import|@font-face", css)


def test_every_link_leads_somewhere(page: Page) -> None:
    assert [link for link in page.links if link[1:] not in page.ids] == []
    assert len(page.ids) == len(set(page.ids))


def test_the_cover_says_what_it_is_and_what_it_is_not(page: Page) -> None:
    for text in (
        "Example <Case> Manager",
        "Not conformant",
        "1 of 73 mandatory requirements shown, 1 failed, 71 not tested",
        "self-test evidence against public sources",
        "not issued by or on behalf of the NHS",
        "files.poll",
        "cpis verify",
        "autumn",
    ):
        assert text in page.text


def test_the_runs_own_people_are_shown_and_everybody_else_is_masked(page: Page) -> None:
    assert "9990001014" in page.text
    assert "<given>Alpha</given>" in page.text
    for hidden in ("9990001030", "Somebody", "Elsewhere"):
        assert hidden not in page.text
    assert "•••••••030" in page.text


def test_requirements_that_are_not_national_stand_in_lists_of_their_own(page: Page) -> None:
    assert {"basis-national", "basis-practice", "basis-ours"} <= set(page.ids)
    text = page.text
    practice, ours = text.index("Practice of one product or area"), text.index("Choices of this harness")
    assert practice < text.index("CPIS-NTF-010", practice) < ours


def test_a_scenario_shows_its_steps_checks_and_messages(page: Page) -> None:
    assert page.text.count("a child on a child protection plan") == 2
    assert "made-event-is-filed" in page.text
    assert "no event is shown" in page.text
    assert "r6" in page.ids
    assert "svg" in page.tags


def test_markup_in_what_others_wrote_stays_text(make: Any) -> None:
    evil = '<img src=x onerror="alert(1)">'
    check = make.check(outcome="fail", findings=[evil], parameters={"a": evil})
    scenario = make.scenario("one", make.attempt(check), requirements=["CPIS-UPL-001"])
    scenario.name = evil
    page = Page(render_html(judge(make.results(scenario)), Evidence([], lambda _: b"")))
    assert "img" not in page.tags
    assert page.sources == []


def test_beside_a_failed_check_stands_why_the_service_answers_so(make: Any) -> None:
    told = "9990001014: a record is found.\nEntries\n  shown  Z99, as 9990001030 is"
    check = make.check(outcome="fail", findings=["nothing found"], explanation=told)
    page = render_html(judge(make.results(make.scenario("one", make.attempt(check)))), Evidence([], lambda _: b""))
    assert "Why the mock Spine answers so" in page
    assert "•••••••014: a record is found.\nEntries\n  shown  Z99, as •••••••030 is" in page
    without = make.check(outcome="fail", findings=["nothing found"])
    other = render_html(judge(make.results(make.scenario("one", make.attempt(without)))), Evidence([], lambda _: b""))
    assert "Why the mock Spine" not in other


def test_a_body_that_is_gone_is_said_to_be_missing(bundle: Path) -> None:
    next(p for p in (bundle / "bodies").iterdir() if b"CPF02" in p.read_bytes()).unlink()
    read = read_bundle(bundle)
    assert "(not shown: no body " in render_html(read.results, read.evidence)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("9990001014", "9990001014"),
        ("9990001030", "•••••••030"),
        ("999 000 1030 and 999-000-1030", "•••••••030 and •••••••030"),
        ("4010232137", "•••••••137"),
        ("tel:01632960001, ASID 999999000101, 202611221500", "tel:01632960001, ASID 999999000101, 202611221500"),
    ],
)
def test_numbers_of_ten_digits_are_masked_unless_they_are_the_runs_own(text: str, shown: str) -> None:
    assert OWN.text(text) == shown


@pytest.mark.parametrize(
    ("body", "hidden", "kept"),
    [
        (b"<a><given>Mary</given><id extension='9990001030'/></a>", "Mary", "<given>"),
        (b"<h:a xmlns:h='u'><h:family use='L'>Jones</h:family>9990001030</h:a>", "Jones", "use="),
        (b'{"given": "Mary", "nhs_number": "9990001030"}', "Mary", "given"),
        (b"<a><given>Mary</given> cut off 9990001030", "Mary", "cut off"),
        ("<a><given>Mary</given><id>9990001030</id></a>".encode("utf-16"), "Mary", "•••••••030"),
    ],
)
def test_names_beside_a_foreign_number_are_masked(body: bytes, hidden: str, kept: str) -> None:
    shown = OWN.message(body)
    assert hidden not in shown
    assert kept in shown


def test_names_of_the_runs_own_people_stay() -> None:
    assert "Alpha" in OWN.message(b"<a><given>Alpha</given><id>9990001030</id></a>")


def test_a_document_type_is_not_followed() -> None:
    bomb = b'<!DOCTYPE a [<!ENTITY x "boom">]><a>&x;</a>'
    assert OWN.message(bomb) == bomb.decode()


def test_long_messages_are_cut() -> None:
    shown = OWN.message(b"x" * 50_000)
    assert shown.endswith("\n… 30000 more characters")


def test_a_diagram_draws_messages_and_steps_and_leaves_out_answers_of_drivers() -> None:
    def record(seq: int, channel: str, sender: str, receiver: str, **headers: str) -> Record:
        return Record(seq, "", 0.0, "s", channel, sender, receiver, headers)

    drawn = diagram(
        [
            record(1, "mark", "harness", "harness", event="step", text="a step"),
            record(2, "driver", "harness", "authority", operation="export", phase="request"),
            record(3, "driver", "authority", "harness", operation="export", phase="response", status="answered"),
            record(4, "driver", "authority", "harness", operation="reset", phase="response", status="refused"),
            record(5, "probe", "service", "harness"),
            record(6, "file-drop", "authority", "service", kind="upload", name="41.xml"),
        ]
    )
    assert drawn is not None
    assert [line.party for line in drawn.lifelines] == ["harness", "authority", "service"]
    assert [row.note or row.label for row in drawn.rows] == ["a step", "export", "reset: refused", "upload 41.xml"]
    assert diagram([]) is None


def test_a_diagram_shows_both_legs_of_a_lookup_and_the_weather() -> None:
    def record(seq: int, **headers: str) -> Record:
        sender, receiver = ("care", "service") if seq % 2 else ("service", "care")
        return Record(seq, "", 0.0, "s", "lookup", sender, receiver, headers)

    drawn = diagram(
        [
            record(1, phase="request"),
            record(2, phase="response", status="202", weather="wrong-reference by chance, payload altered"),
            record(4, phase="reply"),
            record(5, phase="reply-answer", status="500"),
            record(6, phase="given-up"),
        ]
    )
    assert drawn is not None
    assert [row.label for row in drawn.rows] == [
        "query",
        "answer 202 (wrong-reference by …",
        "reply",
        "answer 500",
        "reply given up",
    ]


def test_junit_tells_failed_undecided_and_not_tested_apart(make: Any) -> None:
    failed = make.scenario("one", make.attempt(make.check(outcome="fail", findings=["9990001030 \x00 is gone"])))
    stopped = make.scenario("two", make.attempt(stop=Stop(cause="not-reached", reason="down"), steps="not-run"))
    skipped = make.scenario("three", make.attempt(stop=Stop(cause="not-tested", reason="no clock")))
    results = judge(make.results(failed, stopped, skipped, make.scenario("four", make.attempt(make.check()))))
    root = ElementTree.fromstring(render_junit(results))
    assert {key: root.get(key) for key in ("tests", "failures", "errors", "skipped", "time")} == {
        "tests": "4",
        "failures": "1",
        "errors": "1",
        "skipped": "1",
        "time": "1.000",
    }
    failure, error = root.find(".//failure"), root.find(".//error")
    assert failure is not None and error is not None
    assert failure.get("message") == "•••••••030 \ufffd is gone"
    assert (error.get("type"), error.get("message")) == ("not-reached", "down")


def test_the_check_of_doctor_that_explains_a_verdict_stands_beside_it(bundle: Path) -> None:
    read = read_bundle(bundle)
    told = [s.model_copy(update={"outcome": "inconclusive", "doctor": "drop-root"}) for s in read.results.scenarios]
    verdicts = [v.model_copy(update={"reason": "why", "doctor": "authority-name"}) for v in read.results.requirements]
    results = read.results.model_copy(update={"scenarios": told, "requirements": verdicts})
    text = " ".join(Page(render_html(results, read.evidence)).text.split())
    assert "Explained by the check drop-root of cpis doctor." in text
    assert "Explained by the check authority-name of cpis doctor." in text
    assert "cpis doctor" not in Page(render_html(read.results, read.evidence)).text
