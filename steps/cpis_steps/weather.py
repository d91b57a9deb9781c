"""Steps of lookups in bad weather: replies that come late, twice, spoiled or not at all.

The harness makes this weather itself, at the service; whatever comes of it is nobody's fault but what a scenario asks
about.
"""

from __future__ import annotations

import re

from pytest_bdd import given, parsers, then, when

from cpis_fixtures.cast import Person
from cpis_simulator.driving import Change, Turn
from cpis_simulator.errors import ConfigError
from cpis_simulator.spine.weather import KINDS, MIXTURES
from cpis_steps.judging import Judge
from cpis_steps.lookups import FIRST, expected_plans
from cpis_steps.stage import WEATHER_TAG, Stage

TAGS = frozenset(f"{WEATHER_TAG}{name}" for name in (*KINDS, *MIXTURES))
"""Tags that have a whole scenario in some weather."""

LONGEST_DELAY_S = 5.0

FORMS: dict[str, Turn] = {
    "turned into UTF-16": Turn(payload="utf-16"),
    "cut in the middle": Turn(payload="cut"),
    "emptied": Turn(payload="empty"),
    "with an empty document type": Turn(payload="document-type"),
    "with an internal entity": Turn(payload="internal-entity"),
    "with an external entity": Turn(payload="external-entity"),
    "with entities that multiply": Turn(payload="multiplied-entities"),
    "nested 100,000 deep": Turn(payload="deep"),
    "written with other prefixes, comments and white space": Turn(payload="prefixed"),
    "with a contentId that names another block": Turn(
        changes=[Change(old="COCT_TP146105GB01#CPPInformation", new="COCT_TP146103GB01#LACInformation")]
    ),
    "of no record, with a code that no list has": Turn(
        changes=[
            Change(old='code="CPIS-0001"', new='code="CPIS-9999"'),
            Change(old='displayName="No Records Found"', new='displayName="CP-IS error"'),
        ]
    ),
    "of no record, with the text of another code": Turn(
        changes=[Change(old='displayName="No Records Found"', new='displayName="Consumer not authorised"')]
    ),
    "with a total that announces one record more": Turn(
        changes=[
            Change(
                old='<pertinentTotalReturnedChildRecords><value value="1"/>',
                new='<pertinentTotalReturnedChildRecords><value value="2"/>',
            )
        ]
    ),
    "with a negative total": Turn(
        changes=[
            Change(
                old='<pertinentTotalReturnedChildRecords><value value="1"/>',
                new='<pertinentTotalReturnedChildRecords><value value="-1"/>',
            )
        ]
    ),
}
"""What can be done to the message of a reply, by its words in a scenario."""


def kind_named(words: str) -> str:
    """The kind of weather that some words name, such as "a late reply".

    Raises:
        ConfigError: No kind is called so.
    """
    kind = re.sub(r"^(?:a|an|the) ", "", words).replace(" ", "-")
    if kind not in KINDS:
        raise ConfigError("No such weather", expected=", ".join(k.replace("-", " ") for k in KINDS), found=words)
    return kind


@given(parsers.re(r"the next lookup meets (?P<weather>.+)"))
def the_next_lookup_meets(cpis_stage: Stage, weather: str) -> None:
    """Bad weather for one lookup: `no reply`, `a late reply`, `a lost acknowledgement`, `fault 206` and others."""
    turn = Turn(weather=kind_named(weather))
    if turn.weather == "lost-acknowledgement":
        # A reply that came before the client asks again would make that needless.
        turn = turn.model_copy(update={"reply_delay_s": min(cpis_stage.lane.care_timeout_s / 2, LONGEST_DELAY_S)})
    cpis_stage.script(turn)


@given("the reply to the next lookup comes when nobody waits for it any more")
def the_next_reply_is_too_late(cpis_stage: Stage) -> None:
    """Later than the care system waits (setting `query.client_timeout`)."""
    cpis_stage.script(Turn(reply_delay_s=cpis_stage.lane.care_timeout_s + 0.5))


@given(parsers.re(r"the reply to the next lookup is (?P<form>.+)"))
def the_next_reply_is(cpis_stage: Stage, form: str) -> None:
    """A reply whose message is spoiled, or written otherwise than usual; `docs/weather.md` has the words."""
    if form not in FORMS:
        raise ConfigError("No such form of a reply", expected="; ".join(FORMS), found=form)
    cpis_stage.script(FORMS[form])


@given("the next lookup is answered with another person's record")
def answered_about_another(cpis_stage: Stage) -> None:
    """A good answer, about a number that nobody asked for."""
    child = cpis_stage.cast["child"]
    assert child.nhs_number is not None
    cpis_stage.script(Turn(changes=[Change(old=child.nhs_number, new=cpis_stage.cast.number())]))


def both(stage: Stage) -> tuple[Person, Person]:
    """The two children of the scenario."""
    return stage.cast["child"], stage.cast["second child"]


@when(parsers.re(r"(?P<setting>.+) looks both children up at once"))
def both_are_looked_up(cpis_stage: Stage, setting: str) -> None:
    """Two lookups under way at the same time; looked at again when both answers have had their time."""
    for child in both(cpis_stage):
        cpis_stage.begin_look_up(child, setting)
    cpis_stage.watch_look_ups()


@when(parsers.re(r"(?P<setting>.+) looks the child up in vain, and then the second child"))
def one_after_the_other(cpis_stage: Stage, setting: str) -> None:
    """The first lookup is given up, the second is made, and then the first one's answer arrives."""
    first, second = both(cpis_stage)
    cpis_stage.begin_look_up(first, setting)
    cpis_stage.watch_look_ups(until_over=True)
    cpis_stage.begin_look_up(second, setting)
    cpis_stage.watch_look_ups()
    cpis_stage.wait_for_late_reply(first)
    cpis_stage.watch_look_ups()


@then("the status is shown as unknown")
def the_status_is_unknown(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """Nothing is shown of anybody, and nothing that reads as "no record"."""
    cpis_judge("status-unknown-shown", nhs_number=cpis_stage.cast["child"].nhs_number)


@then("each child's plan is shown with its own lookup")
def each_sees_its_own(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """Both answers came, in whatever order, and neither is shown in the other's place."""
    for child in both(cpis_stage):
        cpis_judge("own-answer-shown", nhs_number=child.nhs_number, plans=expected_plans(cpis_stage, child))


@then("the late answer is shown with its own lookup or not at all")
def the_late_answer_is_in_place(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """The first lookup shows its own answer or that its status is unknown; the second shows its own."""
    first, second = both(cpis_stage)
    plans = expected_plans(cpis_stage, first)
    cpis_judge("own-answer-shown", nhs_number=first.nhs_number, plans=plans, may_be_unknown=True)
    cpis_judge("own-answer-shown", nhs_number=second.nhs_number, plans=expected_plans(cpis_stage, second))


@then("the query was sent again under the same message id")
def sent_again_with_the_same_id(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """More than one copy came, all with one message id."""
    cpis_judge("retry-keeps-id", nhs_number=cpis_stage.cast["child"].nhs_number)


@then("the access is recorded and notified once")
def recorded_once(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """The query came more than once; a later answer lists its access once, and one notification tells of it."""
    cpis_judge(
        "copy-recorded-once",
        authority=cpis_stage.ods,
        nhs_number=cpis_stage.cast["child"].nhs_number,
        event_id=cpis_stage.accesses[FIRST]["event_id"],
    )


@then("the next lookup of the child shows the plan again")
def the_next_one_is_shown(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """The care system has survived: it asks once more and shows what is answered."""
    child = cpis_stage.cast["child"]
    cpis_stage.look_up(child, "emergency department", "lookup afterwards")
    plans = [{k: v for k, v in p.items() if k != "authority"} for p in expected_plans(cpis_stage, child)]
    cpis_judge("plans-shown", nhs_number=child.nhs_number, plans=plans)


@then("the query obeys the rules of this test")
def the_query_obeys(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """Each rule of a query's form that the catalogue test judges for a care system."""
    for rule in cpis_stage.rules_of("care"):
        cpis_judge(f"query-obeys-{rule.removeprefix('CPIS-').lower()}", nhs_number=cpis_stage.cast["child"].nhs_number)
