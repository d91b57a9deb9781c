"""Steps of people and plans: who is there, and what changes before the scenario's event."""

from __future__ import annotations

from datetime import timedelta

from pytest_bdd import given, parsers

from cpis_fixtures.cast import Person
from cpis_simulator import driving
from cpis_simulator.driving import Nothing
from cpis_simulator.nhs_number import check_digit
from cpis_simulator.vocabulary import PlanType
from cpis_steps.stage import Stage

ORDINALS = ("", "second ", "third ", "fourth ", "fifth ")
COUNTS = {"two": 2, "three": 3, "five": 5}


def child_on_plan(stage: Stage, who: str, *, notes: str | None = None) -> Person:
    """A child on a child protection plan, recorded and known to PDS."""
    person = stage.record(stage.cast.enter(who))
    stage.open_plan(person, PlanType.CHILD_PROTECTION, notes=notes)
    return person


@given(parsers.re(r"an? (?P<who>child|second child|third child|marker child) on a child protection plan"))
def a_child_on_a_plan(cpis_stage: Stage, who: str) -> None:
    """A child with an open child protection plan and a verified NHS number."""
    child_on_plan(cpis_stage, who)


@given(parsers.re(r"(?P<count>two|three|five) children on child protection plans"))
def some_children_on_plans(cpis_stage: Stage, count: str) -> None:
    """Two, three or five children, each with an open plan: the child, the second child and so on."""
    for ordinal in ORDINALS[: COUNTS[count]]:
        child_on_plan(cpis_stage, f"{ordinal}child")


@given(parsers.parse("{count:d} children on child protection plans, none sent before"))
def many_children_on_plans(cpis_stage: Stage, count: int) -> None:
    """Many children at once, for an initial load."""
    for number in range(1, count + 1):
        child_on_plan(cpis_stage, "child" if number == 1 else f"child {number}")


@given(parsers.re(r"a (?P<who>|marker )looked-after child under section (?P<section>[0-9]+)"))
def a_looked_after_child(cpis_stage: Stage, who: str, section: str) -> None:
    """A looked-after child under a section of the Children Act 1989; 20, 31 and 38 are in scope."""
    person = cpis_stage.record(cpis_stage.cast.enter(f"{who}child"))
    cpis_stage.open_plan(person, PlanType.LOOKED_AFTER, section=section)


@given("a looked-after child on a child protection plan")
def a_child_with_both_plans(cpis_stage: Stage) -> None:
    """A child who is looked after and on a child protection plan."""
    person = child_on_plan(cpis_stage, "child")
    cpis_stage.open_plan(person, PlanType.LOOKED_AFTER, section="20")


@given("an unborn child with a plan")
def an_unborn_child(cpis_stage: Stage) -> None:
    """An unborn child's plan with a due date, under the mother's number: the mother."""
    cpis_stage.open_unborn_plan(cpis_stage.record(cpis_stage.cast.enter("mother", mother=True)))


@given(parsers.parse("an unborn child with a plan, whose mother is {years:d}"))
def an_unborn_child_of_age(cpis_stage: Stage, years: int) -> None:
    """An unborn child's plan under a mother of that age."""
    cpis_stage.open_unborn_plan(cpis_stage.record(cpis_stage.cast.enter("mother", mother=True, years=years)))


@given("a looked-after girl whose unborn child has a plan")
def a_looked_after_pregnant_girl(cpis_stage: Stage) -> None:
    """A looked-after girl who is the mother of an unborn child's plan: the girl."""
    girl = cpis_stage.record(cpis_stage.cast.enter("girl", mother=True, years=15))
    cpis_stage.open_plan(girl, PlanType.LOOKED_AFTER, section="20")
    cpis_stage.open_unborn_plan(girl)


@given("twins on child protection plans")
def twins_on_plans(cpis_stage: Stage) -> None:
    """Twins with one family name and birth date, each with an own number, local id and plan."""
    first = cpis_stage.cast.enter("first twin")
    second = cpis_stage.cast.enter("second twin")
    second.family, second.birth_date = first.family, first.birth_date
    if second.given == first.given:
        second.given = f"{second.given}a"
    for twin in (first, second):
        cpis_stage.record(twin)
        cpis_stage.open_plan(twin, PlanType.CHILD_PROTECTION, start=cpis_stage.today - timedelta(days=30))


@given("a child whose child protection plan ended last month")
def a_child_with_an_ended_plan(cpis_stage: Stage) -> None:
    """A child with a plan that began some months ago and ended last month."""
    person = cpis_stage.record(cpis_stage.cast.enter("child"))
    plan = cpis_stage.open_plan(person, PlanType.CHILD_PROTECTION, start=cpis_stage.today - timedelta(days=200))
    plan.end = cpis_stage.today - timedelta(days=35)
    cpis_stage.authority.ask("end-plan", driving.EndPlan(plan_id=plan.plan_id, end=plan.end), Nothing)


@given("the child is on a child protection plan again from today")
def a_plan_begins_again(cpis_stage: Stage) -> None:
    """A new plan of the same type for the same child, starting today."""
    cpis_stage.open_plan(cpis_stage.cast["child"], PlanType.CHILD_PROTECTION, start=cpis_stage.today)


@given("a child on a child protection plan without an NHS number")
def a_child_without_number(cpis_stage: Stage) -> None:
    """A child on a plan whose NHS number has not been traced."""
    person = cpis_stage.cast.enter("child")
    person.nhs_number = None
    cpis_stage.record(person)
    cpis_stage.open_plan(person, PlanType.CHILD_PROTECTION)


@given("a child on a child protection plan, keyed with a wrong check digit")
def a_child_with_wrong_check_digit(cpis_stage: Stage) -> None:
    """A child whose NHS number was mistyped in its last digit."""
    person = cpis_stage.cast.enter("child")
    nine = str(person.nhs_number)[:9]
    person.nhs_number = f"{nine}{((check_digit(nine) or 0) + 1) % 10}"
    cpis_stage.record(person, on_pds=False)
    cpis_stage.open_plan(person, PlanType.CHILD_PROTECTION)


@given("a child on a child protection plan, with notes that hold marker words")
def a_child_with_notes(cpis_stage: Stage) -> None:
    """A child whose case holds notes with words that stand nowhere else."""
    child_on_plan(
        cpis_stage, "child", notes="Strategy discussion QUOKKAMARK; plan document PLATYMARK; reason WOMBAMARK"
    )


@given("a child on a child protection plan, with a note that consent was refused")
def a_child_without_consent(cpis_stage: Stage) -> None:
    """A child whose parents refused consent, which is no condition for sharing."""
    child_on_plan(cpis_stage, "child", notes="Consent to share: refused")


@given(parsers.re(r"a child called (?P<given>.+) (?P<family>[^ ]+) on a child protection plan"))
def a_child_called(cpis_stage: Stage, given: str, family: str) -> None:
    """A child with a name of your own choosing; the last word is the family name."""
    person = cpis_stage.cast.enter("child")
    person.given, person.family = given, family
    cpis_stage.record(person)
    cpis_stage.open_plan(person, PlanType.CHILD_PROTECTION)


@given("a person on PDS without any plan")
def a_person_without_plan(cpis_stage: Stage) -> None:
    """Somebody whom PDS knows and nobody holds a plan of: the person."""
    cpis_stage.put_on_pds(cpis_stage.cast.enter("person"))


@given("the assessor's data set of all plan types, with ends, a withdrawal and local ids")
def the_data_set(cpis_stage: Stage) -> None:
    """Five people: an open plan, an ended one, a looked-after child, an unborn child, and a withdrawn entry."""
    stage, today = cpis_stage, cpis_stage.today
    # The withdrawn entry was sent before; the others go for the first time, so that one file holds the whole set.
    child_on_plan(stage, "set: withdrawn")
    stage.history("CPF02")
    withdraw(stage, "set: withdrawn")
    child_on_plan(stage, "set: open")
    ended = stage.record(stage.cast.enter("set: ended"))
    plan = stage.open_plan(ended, PlanType.CHILD_PROTECTION, start=today - timedelta(days=300))
    plan.end = today - timedelta(days=20)
    stage.authority.ask("end-plan", driving.EndPlan(plan_id=plan.plan_id, end=plan.end), Nothing)
    cared_for = stage.record(stage.cast.enter("set: looked after"))
    stage.open_plan(cared_for, PlanType.LOOKED_AFTER, section="31")
    stage.open_unborn_plan(stage.record(stage.cast.enter("set: mother", mother=True)))


def withdraw(stage: Stage, who: str) -> None:
    """Mark the person's first plan as entered in error."""
    plan = stage.cast[who].plans[0]
    plan.deleted = stage.today
    stage.authority.ask("delete-plan", driving.DeletePlan(plan_id=plan.plan_id, on=stage.today), Nothing)


@given(parsers.re(r"a social worker has ended the (?P<who>.+)'s plan"))
def a_plan_was_ended(cpis_stage: Stage, who: str) -> None:
    """The plan stopped yesterday."""
    plan = cpis_stage.cast[who].plans[0]
    plan.end = cpis_stage.today - timedelta(days=1)
    cpis_stage.authority.ask("end-plan", driving.EndPlan(plan_id=plan.plan_id, end=plan.end), Nothing)


@given(parsers.re(r"a social worker has marked the (?P<who>.+)'s plan as entered in error"))
def a_plan_was_withdrawn(cpis_stage: Stage, who: str) -> None:
    """The plan should never have been there."""
    withdraw(cpis_stage, who)


@given("the baby is born and on a child protection plan under its own number")
def the_baby_is_born(cpis_stage: Stage) -> None:
    """The mother's unborn plan ends today; the baby gets a number and a plan: the baby."""
    mother = cpis_stage.cast["mother"]
    plan = mother.plans[0]
    plan.end = cpis_stage.today
    cpis_stage.authority.ask("end-plan", driving.EndPlan(plan_id=plan.plan_id, end=cpis_stage.today), Nothing)
    baby = cpis_stage.cast.enter("baby")
    baby.birth_date, baby.family = cpis_stage.today - timedelta(days=1), mother.family
    cpis_stage.record(baby)
    cpis_stage.open_plan(baby, PlanType.CHILD_PROTECTION, start=cpis_stage.today)


@given(parsers.re(r"the (?P<who>.+)'s family name was corrected"))
def a_family_name_was_corrected(cpis_stage: Stage, who: str) -> None:
    """PDS and the authority both have the new name."""
    person = cpis_stage.cast[who]
    person.family = f"{person.family}-Corrected"
    cpis_stage.put_on_pds(person)
    cpis_stage.change(person, family=person.family)


@given(parsers.re(r"the (?P<who>.+)'s birth date was corrected"))
def a_birth_date_was_corrected(cpis_stage: Stage, who: str) -> None:
    """PDS and the authority both have the new date."""
    person = cpis_stage.cast[who]
    person.birth_date += timedelta(days=9)
    cpis_stage.put_on_pds(person)
    cpis_stage.change(person, birth_date=person.birth_date)


@given(parsers.re(r"the (?P<who>.+)'s birth date was corrected to that of PDS"))
def a_birth_date_follows_pds(cpis_stage: Stage, who: str) -> None:
    """The authority takes over what PDS has."""
    person = cpis_stage.cast[who]
    person.birth_date += timedelta(days=11)
    cpis_stage.change(person, birth_date=person.birth_date)


@given(parsers.re(r"PDS has another birth date for the (?P<who>.+)"))
def pds_has_another_birth_date(cpis_stage: Stage, who: str) -> None:
    """The demographics do not agree, so the record will not be verified (CPR03)."""
    person = cpis_stage.cast[who]
    cpis_stage.put_on_pds(person, birth_date=person.birth_date + timedelta(days=11))


@given(parsers.re(r"PDS does not know the (?P<who>.+)"))
def pds_does_not_know(cpis_stage: Stage, who: str) -> None:
    """The child's number is changed, everywhere, to one that PDS does not have (CPR01)."""
    person = cpis_stage.cast[who]
    person.nhs_number = cpis_stage.unknown_number(person)
    cpis_stage.change(person, nhs_number=person.nhs_number)


@given(parsers.re(r"the (?P<who>.+) was keyed with a number that PDS does not know"))
def a_number_was_mistyped(cpis_stage: Stage, who: str) -> None:
    """A valid number, but not the child's own; the right one is kept for later."""
    person = cpis_stage.cast[who]
    cpis_stage.new_numbers[who] = str(person.nhs_number)
    person.nhs_number = cpis_stage.unknown_number(person)
    cpis_stage.change(person, nhs_number=person.nhs_number)


@given(parsers.re(r"PDS marks the (?P<who>.+) as sensitive"))
def pds_marks_as_sensitive(cpis_stage: Stage, who: str) -> None:
    """The person is S-flagged: no CP-IS data may be stored (CPR02)."""
    cpis_stage.put_on_pds(cpis_stage.cast[who], sensitive=True)


@given(parsers.re(r"PDS has superseded the (?P<who>.+)'s number"))
def pds_has_superseded(cpis_stage: Stage, who: str) -> None:
    """The number is verified but has a successor (CPR05)."""
    person = cpis_stage.cast[who]
    new = cpis_stage.cast.number()
    cpis_stage.put_on_pds(person, superseded_by=new, inactive=True)
    cpis_stage.old_numbers[who] = str(person.nhs_number)
    cpis_stage.new_numbers[who] = new


@given(parsers.re(r"a data officer has entered the (?P<who>.+)'s new number"))
def a_new_number_was_entered(cpis_stage: Stage, who: str) -> None:
    """The number that replaces the old one is typed in by hand."""
    person = cpis_stage.cast[who]
    new = cpis_stage.new_numbers.get(who) or cpis_stage.cast.number()
    person.nhs_number = new
    cpis_stage.put_on_pds(person)
    cpis_stage.change(person, nhs_number=new)


@given(parsers.re(r"a data officer has forced the (?P<who>.+) into the next file"))
def a_child_was_forced(cpis_stage: Stage, who: str) -> None:
    """Ticked for the next file, without any change."""
    request = driving.ChildReference(child_id=cpis_stage.cast[who].child_id)
    cpis_stage.authority.ask("force", request, Nothing)


@given("the authority's emergency duty number has changed")
def the_emergency_number_changed(cpis_stage: Stage) -> None:
    """A new number of the emergency duty team."""
    cpis_stage.telephone = "tel:01632960077"
    key_telephone(cpis_stage, "01632960077")


@given("the authority's emergency duty number was keyed with spaces")
def the_emergency_number_has_spaces(cpis_stage: Stage) -> None:
    """As people write telephone numbers."""
    cpis_stage.telephone = "tel:01632960078"
    key_telephone(cpis_stage, "01632 960 078")


@given("the authority has no emergency duty number")
def the_emergency_number_is_missing(cpis_stage: Stage) -> None:
    """The mandatory telephone was removed; the alerts are read before, because one about it must be new."""
    cpis_stage.authority.ask("alerts", Nothing(), driving.AlertList)
    key_telephone(cpis_stage, "")


def key_telephone(stage: Stage, text: str) -> None:
    """Key the emergency duty number as a person does."""
    stage.telephone_keyed = True
    stage.authority.ask("change-authority", driving.ChangeAuthority(ods=stage.ods, telephone_emergency=text), Nothing)


@given(parsers.re(r"the (?P<who>.+) is allocated to a worker of (?:one|another) team"))
def a_child_is_allocated(cpis_stage: Stage, who: str) -> None:
    """A worker and a team of their own are responsible for the child."""
    allocate(cpis_stage, who, f"Worker for {who}", f"Team for {who}")


@given(parsers.re(r"the (?P<who>.+) is now allocated to a new worker"))
def a_child_is_reallocated(cpis_stage: Stage, who: str) -> None:
    """The case went to another worker of another team."""
    allocate(cpis_stage, who, f"New worker for {who}", f"New team for {who}")


@given(parsers.re(r"the (?P<who>.+) is allocated to nobody"))
def a_child_is_unallocated(cpis_stage: Stage, who: str) -> None:
    """Nobody is responsible for the child."""
    request = driving.Allocate(child_id=cpis_stage.cast[who].child_id)
    cpis_stage.authority.ask("allocate", request, Nothing)


def allocate(stage: Stage, who: str, worker: str, team: str) -> None:
    """Make a worker and team responsible, and remember them."""
    stage.workers[who] = [worker, team]
    request = driving.Allocate(child_id=stage.cast[who].child_id, worker=worker, team=team)
    stage.authority.ask("allocate", request, Nothing)


@given(parsers.re(r"the (?P<who>.+)'s case was closed (?P<days>[0-9]+) days ago"))
def a_case_was_closed(cpis_stage: Stage, who: str, days: str) -> None:
    """Closed, but the access must still reach somebody."""
    on = cpis_stage.today - timedelta(days=int(days))
    cpis_stage.authority.ask("close-case", driving.CloseCase(child_id=cpis_stage.cast[who].child_id, on=on), Nothing)
