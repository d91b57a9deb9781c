"""Steps of people who ask the service, one after the other: what is answered, whom it lists, who is told of it.

Accesses are numbered in the order in which they were made, so that a scenario can say which of them an answer lists.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

import pytest
from pytest_bdd import given, parsers, then, when

from cpis_fixtures.care_settings import care_setting
from cpis_fixtures.cast import Person
from cpis_reports.checks.reading import delivered_access
from cpis_simulator import driving
from cpis_simulator.care.client import Question, prepare
from cpis_simulator.driving import Nothing
from cpis_simulator.errors import HarnessError
from cpis_simulator.transport.http_client import post
from cpis_steps.judging import Judge
from cpis_steps.sharing import AUTHORITY, PERSON, TOLD_S, Sharing, come_of_age, expected_of
from cpis_steps.stage import AccessFacts, Stage, access_facts

NUMBERS: Final = r"(?P<numbers>[0-9]+(?: to [0-9]+)?(?:(?:, | and )[0-9]+)*)"


@dataclass(slots=True)
class Asking:
    """Who has asked about whom.

    Attributes:
        made: What the service must know of each access, in the order of asking.
        about: The person that each was about.
        since: Number of the last record before the last lookup.
    """

    stage: Stage
    made: list[AccessFacts] = field(default_factory=list)
    about: list[Person] = field(default_factory=list)
    since: int = 0

    def request(self, author: str, person: Person, *, silent: bool | None) -> driving.LookUp:
        """A lookup by somebody who is always the same under the same words."""
        setting = "NHS 111" if author == "a system" else "emergency department"
        return driving.LookUp(
            nhs_number=str(person.nhs_number),
            author=self.stage.author(care_setting(setting), author),
            silent=silent,
            event_id=self.stage.event_id(f"asked {self.stage.lane.since_now()}"),
            accessed=self.stage.instant(),
        )

    def ask(self, author: str, person: Person, *, silent: bool | None = False) -> None:
        """Have the care client ask, and wait for the answer."""
        request = self.request(author, person, silent=silent)
        self.since = self.stage.lane.since_now()
        self.made.append(access_facts(request))
        self.about.append(person)
        self.stage.care.look_up(request)

    def see(self, person: Person) -> None:
        """A silent read, which leaves no trace: it shows what the service holds."""
        self.since = self.stage.lane.since_now()
        self.stage.care.look_up(self.request("somebody who sees", person, silent=True))

    def facts(self, numbers: str) -> list[AccessFacts]:
        """The accesses of words such as `1`, `3 and 1`, `26 to 2`."""
        if run := re.fullmatch(r"([0-9]+) to ([0-9]+)", numbers):
            first, last = int(run[1]), int(run[2])
            chosen = list(range(first, last + (1 if last > first else -1), 1 if last > first else -1))
        else:
            chosen = [int(number) for number in re.findall("[0-9]+", numbers)]
        return [self.made[number - 1] for number in chosen]


@pytest.fixture
def cpis_asking(cpis_stage: Stage) -> Asking:
    """Who has asked in the scenario."""
    return Asking(cpis_stage)


_ASKS: Final = (
    rf"(?P<author>a doctor|the same doctor|another doctor|a third doctor|a system) {{verb}} about the {PERSON}"
    "(?P<how>|, silently|, without a flag)"
)
_FLAG: Final = {"": False, ", silently": True, ", without a flag": None}


@given(parsers.re(_ASKS.format(verb="has asked")))
@when(parsers.re(_ASKS.format(verb="asks")))
def somebody_asks(cpis_asking: Asking, author: str, who: str, how: str) -> None:
    """A lookup: an unscheduled one, a silent read, or one without the flag. `the same doctor` is `a doctor`."""
    author = "a doctor" if author == "the same doctor" else author
    cpis_asking.ask(author, cpis_asking.stage.cast[who], silent=_FLAG[how])


@when("the window of notifications ends")
def the_window_ends(cpis_stage: Stage) -> None:
    """What waits goes out now: a declared operation stands for the time of the window."""
    since = cpis_stage.lane.since_now()
    cpis_stage.service.ask("flush-notifications", Nothing(), driving.Flushed)
    cpis_stage.wait_for_response("access-notification", since=since)


@given(parsers.parse("{count:d} doctors have asked about the child, one after the other"))
def many_doctors_ask(cpis_asking: Asking, count: int) -> None:
    """So many unscheduled lookups by as many people."""
    for number in range(count):
        cpis_asking.ask(f"doctor {number}", cpis_asking.stage.cast["child"])


QUERY_PARTS: Final[dict[str, tuple[str, bytes]]] = {
    "an event id": ("a doctor", rb'(?<=/>)<id root="[0-9A-F-]{36}"/>(?=\s*<author>)'),
    "a time": ("a doctor", rb'<effectiveTime value="[^"]*"/>'),
    "an NHS number": ("a doctor", rb"<person.NHSnumber>.*</person.NHSnumber>"),
    "an author": ("a doctor", rb"<author><npfitlc.*?</author>"),
    "a role code": ("a doctor", rb'(?<=<code) code="[A-Z0-9]+"'),
    "a role name": ("a doctor", rb' displayName="[^"]*"'),
    "a user id": ("a doctor", rb'<id root="1.2.826.0.1285.0.2.0.65" extension="[0-9]+"/>(?=<id )'),
    "an organisation": ("a doctor", rb"<representedOrganization>.*</representedOrganization>"),
    "a person responsible for the system": ("a system", rb"<assignedPerson>.*</assignedPerson>"),
}
"""Parts of a query that may be missing: who asks without it, and where it stands."""


@when(
    parsers.re(
        r"a query about the child without (?P<part>an event id|a time|an NHS number|an author|a role code|a role name|"
        r"a user id|an organisation|a person responsible for the system) arrives"
    )
)
def a_faulty_query_arrives(cpis_asking: Asking, part: str) -> None:
    """A lookup in which a part is missing, posted as it is."""
    stage, (author, pattern) = cpis_asking.stage, QUERY_PARTS[part]
    request = cpis_asking.request(author, stage.cast["child"], silent=False)
    counter = iter(range(1000))
    question = prepare(request, now=stage.instant(), ids=lambda: stage.event_id(f"id {next(counter)}"))
    if not isinstance(question, Question):
        raise HarnessError("The query could not be made", found=question.text)
    body, times = re.subn(pattern, b"", question.body, flags=re.DOTALL)
    if not times:
        raise HarnessError("The query has no such part", found=part)
    cpis_asking.since = stage.lane.since_now()
    post(stage.lane.service_url + question.path, body, headers=question.headers(), within=TOLD_S)


# What can be seen afterwards.


@then(parsers.re(rf"the service shows the {PERSON}'s plans? as (?:it was|they were) shared last"))
def plans_are_as_shared(cpis_sharing: Sharing, cpis_asking: Asking, cpis_judge: Judge, who: str) -> None:
    """A silent read shows exactly the plans that were shared, each with its last dates."""
    cpis_asking.see(cpis_sharing.stage.cast[who])
    judge_shown(cpis_sharing, cpis_asking, cpis_judge, who)


def judge_shown(sharing: Sharing, asking: Asking, judge: Judge, who: str) -> None:
    """Judge the last answer by what was shared of somebody."""
    number = sharing.stage.cast[who].nhs_number
    judge("answer-holds", since=asking.since, nhs_number=number, plans=expected_of(sharing, who), lookups_made=1)


@then("the service shows the child's plan as ended on the eighteenth birthday")
def plan_ended_with_age(cpis_sharing: Sharing, cpis_asking: Asking, cpis_judge: Judge) -> None:
    """The open plan has that day as its end."""
    come_of_age(cpis_sharing)
    plans_are_as_shared(cpis_sharing, cpis_asking, cpis_judge, "child")


@then(parsers.re(rf"the service shows nothing of the {PERSON}"))
def nothing_is_shown(cpis_sharing: Sharing, cpis_asking: Asking, cpis_judge: Judge, who: str) -> None:
    """A silent read finds no record."""
    person = cpis_sharing.stage.cast[who]
    cpis_asking.see(person)
    cpis_judge("no-record-answered", since=cpis_asking.since, nhs_number=person.nhs_number)


@then("the service shows nothing of the child once PDS marks it as sensitive no more")
def nothing_was_stored_of_the_sensitive(cpis_sharing: Sharing, cpis_asking: Asking, cpis_judge: Judge) -> None:
    """The flag hides what is held; without it a silent read shows that nothing was."""
    cpis_sharing.stage.put_on_pds(cpis_sharing.stage.cast["child"])
    nothing_is_shown(cpis_sharing, cpis_asking, cpis_judge, "child")


@then(parsers.re(rf"every answer holds the {PERSON}'s plan"))
def every_answer_holds(cpis_sharing: Sharing, cpis_asking: Asking, cpis_judge: Judge, who: str) -> None:
    """Each lookup so far was answered with exactly the plans that were shared."""
    number, made = cpis_sharing.stage.cast[who].nhs_number, len(cpis_asking.made)
    cpis_judge("answer-holds", since=0, nhs_number=number, plans=expected_of(cpis_sharing, who), lookups_made=made)


@then(parsers.re(rf"the last answer lists access(?:es)? {NUMBERS}(?P<ordered>|, in this order)"))
def the_answer_lists(cpis_asking: Asking, cpis_judge: Judge, numbers: str, ordered: str) -> None:
    """Exactly these accesses, each with who, when, role and organisation."""
    facts, number = cpis_asking.facts(numbers), cpis_asking.about[-1].nhs_number
    cpis_judge("answer-lists", since=cpis_asking.since, nhs_number=number, accesses=facts)
    if ordered:
        ids = [fact["event_id"] for fact in facts]
        cpis_judge("answer-in-order", since=cpis_asking.since, nhs_number=number, event_ids=ids)


@then("the last answer lists no access")
def the_answer_lists_nothing(cpis_asking: Asking, cpis_judge: Judge) -> None:
    """Nobody has looked before, and a silent read of one's own is not listed."""
    cpis_judge("answer-lists", since=cpis_asking.since, nhs_number=cpis_asking.about[-1].nhs_number, accesses=[])


@then(parsers.re(rf"{AUTHORITY} is told of access(?:es)? {NUMBERS} once(?P<only>|, and of no other)"))
def accesses_are_told(
    cpis_sharing: Sharing, cpis_asking: Asking, cpis_judge: Judge, by: str, numbers: str, only: str
) -> None:
    """One notification tells of each; with `and of no other`, none of the accesses before the last of them is told."""
    stage, ods, facts = cpis_asking.stage, cpis_sharing.authority(by).ods_code, cpis_asking.facts(numbers)
    stage.wait_for(
        lambda seen: all(delivered_access(seen, ods, fact["event_id"]) for fact in facts),
        since=stage.since,
        within=TOLD_S,
    )
    by_number: dict[str, list[AccessFacts]] = {}
    for fact in facts:
        by_number.setdefault(str(cpis_asking.about[cpis_asking.made.index(fact)].nhs_number), []).append(fact)
    for number, of_number in by_number.items():
        cpis_judge("access-notified", since=0, authority=ods, nhs_number=number, accesses=of_number, whole=True)
    if only:
        marker = cpis_asking.made.index(facts[-1])
        others = [fact["event_id"] for fact in cpis_asking.made[:marker] if fact not in facts]
        cpis_judge(
            "access-not-notified",
            since=0,
            authority=ods,
            nhs_number=cpis_asking.about[marker].nhs_number,
            event_ids=others,
            marker_event=facts[-1]["event_id"],
        )


@then(parsers.re(rf"{AUTHORITY} is told of accesses {NUMBERS} in one file"))
def accesses_are_told_together(
    cpis_sharing: Sharing, cpis_asking: Asking, cpis_judge: Judge, by: str, numbers: str
) -> None:
    """One notification holds all of them, and its total is their number."""
    ids = [fact["event_id"] for fact in cpis_asking.facts(numbers)]
    cpis_judge("accesses-in-one-file", since=0, authority=cpis_sharing.authority(by).ods_code, event_ids=ids)


@then(parsers.re(r"the query is refused, and what is missing is named as (?P<words>.+)"))
def the_query_is_refused(cpis_asking: Asking, cpis_judge: Judge, words: str) -> None:
    """An application acknowledgement, not an answer, says what is missing."""
    cpis_judge("query-refused", since=cpis_asking.since, words=words)


@then(parsers.re(r"what the service has sent obeys (?P<rule>MSG-0[0-9]{2})"))
def messages_obey(cpis_asking: Asking, cpis_judge: Judge, rule: str) -> None:
    """Each acknowledgement, answer and notification of the scenario keeps this rule of message form."""
    cpis_judge(f"service-obeys-{rule.lower()}", since=0)
