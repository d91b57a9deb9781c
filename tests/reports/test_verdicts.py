"""What a record means: the table of verdicts, and what never becomes a pass."""

from __future__ import annotations

from typing import Any

import pytest

from cpis_reports.results import CalledFor, RequirementVerdict, Results, Stop
from cpis_reports.verdicts import exit_code, judge

UPL_001 = "CPIS-UPL-001"


def verdict_on(results: Results, requirement: str = UPL_001) -> RequirementVerdict:
    return next(v for v in judge(results).requirements if v.id == requirement)


@pytest.mark.parametrize(
    ("outcome", "more", "verdict", "cause"),
    [
        ("pass", {}, "pass", None),
        ("fail", {"findings": ["the child is missing"]}, "fail", None),
        ("inconclusive", {"cause": "harness"}, "inconclusive", "harness"),
        ("inconclusive", {"cause": "config"}, "inconclusive", "config"),
        ("attested", {"witness": "person"}, "attested", None),
        ("pass", {"witness": "person"}, "attested", None),
    ],
)
def test_the_verdict_follows_the_check(
    make: Any, outcome: str, more: dict[str, Any], verdict: str, cause: str | None
) -> None:
    results = make.results(make.scenario("one", make.attempt(make.check(outcome=outcome, **more))))
    found = verdict_on(results)
    assert (found.verdict, found.cause, found.scenarios) == (verdict, cause, ["file_drop/first/one"])


def test_a_failing_scenario_of_several_makes_the_requirement_fail(make: Any) -> None:
    results = make.results(
        make.scenario("one", make.attempt(make.check())),
        make.scenario("two", make.attempt(make.check(outcome="fail", findings=["it is there twice"]))),
    )
    found = verdict_on(results)
    assert (found.verdict, found.reason) == ("fail", "it is there twice")


def test_a_failed_attempt_stays_whatever_a_retry_says(make: Any) -> None:
    failed = make.attempt(make.check(outcome="fail", findings=["gone"]), steps="passed failed")
    results = judge(make.results(make.scenario("one", failed, make.attempt(make.check()))))
    assert verdict_on(results).verdict == "fail"
    assert results.scenarios[0].outcome == "fail"
    assert exit_code(results) == 1


def test_a_check_that_was_called_for_but_not_run_is_our_error(make: Any) -> None:
    results = judge(make.results(make.scenario("one", make.attempt(make.check(name="another")))))
    found = verdict_on(results)
    assert (found.verdict, found.cause) == ("inconclusive", "harness")
    assert results.errors == ["file_drop/first/one: in-file-once was not run, though FD-01 calls for it"]
    assert not results.run.passed


def test_a_check_that_was_run_less_often_than_called_for_is_our_error(make: Any) -> None:
    call = CalledFor(test="FD-01", check="in-file-once", party="authority", requirements=[UPL_001], times=2)
    twice = make.scenario("two", make.attempt(make.check(), make.check()))
    results = judge(make.results(make.scenario("one", make.attempt(make.check())), twice, called_for=[call]))
    found = verdict_on(results)
    assert (found.verdict, found.cause) == ("inconclusive", "harness")
    assert results.errors == ["file_drop/first/one: in-file-once was run 1 times, though FD-01 calls for it 2 times"]


def test_it_must_have_run_in_every_scenario_of_its_test(make: Any) -> None:
    results = make.results(
        make.scenario("row~1", make.attempt(make.check())),
        make.scenario("row~2", make.attempt(make.check(name="another"))),
    )
    assert verdict_on(results).verdict == "inconclusive"


def test_a_call_narrowed_to_one_scenario_is_not_missed_in_the_others(make: Any) -> None:
    call = CalledFor(test="FD-01", check="in-file-once", party="authority", requirements=[UPL_001], scenario="*/one")
    results = make.results(
        make.scenario("one", make.attempt(make.check())),
        make.scenario("two", make.attempt(make.check(name="another", requirements=["CPIS-DAT-001"]))),
        called_for=[call],
    )
    assert verdict_on(results).verdict == "pass"


def test_a_scenario_that_stopped_early_leaves_the_rest_not_reached(make: Any) -> None:
    stopped = make.attempt(stop=Stop(cause="not-reached", reason="the product is down"), steps="failed not-run")
    results = judge(make.results(make.scenario("one", stopped)))
    found = verdict_on(results)
    assert (found.verdict, found.cause, found.reason) == (
        "inconclusive",
        "not-reached",
        "the product is down",
    )
    assert results.errors == []
    assert exit_code(results) == 3


def test_a_scenario_that_needs_what_the_product_lacks_is_not_tested(make: Any) -> None:
    stop = Stop(cause="not-tested", reason="needs a clock that can be moved")
    results = judge(make.results(make.scenario("one", make.attempt(stop=stop, steps="not-run"))))
    found = verdict_on(results)
    assert (found.verdict, found.reason) == ("not-tested", "needs a clock that can be moved")
    assert results.scenarios[0].outcome == "not-tested"
    assert (results.run.passed, exit_code(results), exit_code(results, require_conformant=True)) == (
        True,
        0,
        1,
    )


def test_with_only_some_of_its_tests_selected_nothing_is_shown(make: Any) -> None:
    calls = [
        CalledFor(test=test, check="in-file-once", party="authority", requirements=[UPL_001])
        for test in ("FD-01", "FD-24")
    ]
    results = make.results(make.scenario("one", make.attempt(make.check())), called_for=calls, selection="-k one")
    results.suite.scenarios = {"FD-01": ["file_drop/first/one"], "FD-24": ["file_drop/load/large"]}
    found = verdict_on(results)
    assert (found.verdict, found.reason) == ("not-tested", "only 1 of 2 tests selected")
    assert judge(results).summary.status == "partial"


def test_a_check_gives_a_verdict_only_where_the_test_judges_its_requirement(make: Any) -> None:
    # FD-02 judges DAT-002 for the authority, and nothing else.
    both = make.check(requirements=["CPIS-DAT-002", UPL_001])
    results = judge(make.results(make.scenario("one", make.attempt(both), test="FD-02"), called_for=[]))
    assert results.scenarios[0].attempts[0].checks[0].requirements == ["CPIS-DAT-002"]


def test_a_check_of_another_party_judges_nobody_and_its_failure_is_ours(make: Any) -> None:
    own = make.check()
    other = make.check(name="acknowledged", party="service", outcome="fail", requirements=["CPIS-ACK-001"])
    results = judge(make.results(make.scenario("one", make.attempt(own, other), test="EE-01"), called_for=[]))
    scenario = results.scenarios[0]
    assert (scenario.outcome, scenario.cause) == ("inconclusive", "harness")
    assert not any(v.verdict == "fail" for v in results.requirements)


def test_a_scenario_without_any_check_is_no_pass(make: Any) -> None:
    results = judge(make.results(make.scenario("one", make.attempt())))
    scenario = results.scenarios[0]
    assert (scenario.outcome, scenario.cause) == ("inconclusive", "harness")
    assert scenario.reason == "no check of the role under test was run"


def test_a_step_that_broke_without_a_check_is_ours(make: Any) -> None:
    results = judge(make.results(make.scenario("one", make.attempt(make.check(), steps="passed undefined"))))
    assert (results.scenarios[0].outcome, results.scenarios[0].cause) == ("inconclusive", "harness")


def test_a_tag_that_no_check_judges_is_an_error_of_the_suite(make: Any) -> None:
    scenario = make.scenario("one", make.attempt(make.check()), requirements=[UPL_001, "CPIS-UPL-002"])
    results = judge(make.results(scenario))
    assert results.errors == ["file_drop/first/one: tagged CPIS-UPL-002, but no check judged it"]
    assert results.summary.caveats == ["1 errors of the suite"]


def test_tags_that_are_context_or_bind_another_role_need_no_check(make: Any) -> None:
    # FD-07: DAT-022 is context and binds service and care only; DAT-005 is context and binds the authority.
    check = make.check(requirements=["CPIS-DAT-006"])
    tags = ["CPIS-DAT-006", "CPIS-DAT-005", "CPIS-DAT-022"]
    scenario = make.scenario("one", make.attempt(check), test="FD-07", requirements=tags)
    assert judge(make.results(scenario, called_for=[])).errors == []


def test_what_the_product_does_not_claim_is_not_applicable(make: Any) -> None:
    found = verdict_on(make.results(), "CPIS-OPS-004")
    assert (found.verdict, found.reason) == ("not-applicable", "the product does not claim transport:mesh")
    assert verdict_on(make.results(claims=["transport:mesh"]), "CPIS-OPS-004").verdict == "not-tested"


def test_a_capability_that_is_not_claimed_leaves_a_gap(make: Any) -> None:
    found = verdict_on(make.results(capabilities=["upload"]), "CPIS-INA-003")
    assert (found.verdict, found.reason) == (
        "not-tested",
        "the product does not claim the capability inactive-number",
    )


def test_a_requirement_without_scenario_says_why(make: Any) -> None:
    results = make.results()
    results.suite.reasons = {"FD-30": "needs a clock that can be moved"}
    found = verdict_on(results, "CPIS-UPL-005")
    assert found.reason == "needs a clock that can be moved (FD-30)"
    assert found.without_scenario == ["FD-30"]


def test_the_claim_counts_over_the_catalogue_and_not_over_what_ran(make: Any) -> None:
    summary = judge(make.results(make.scenario("one", make.attempt(make.check())))).summary
    assert summary.claim == "1 of 73 mandatory requirements shown, 0 failed, 72 not tested"
    assert (summary.status, summary.conformant) == ("incomplete", False)


def full_pass(make: Any, **run: Any) -> Results:
    """Every requirement of the authority called for and shown in one scenario."""
    from cpis_reports import catalogue

    ids = [r.id for r in catalogue.binding("authority") if r.level != "INFO"]
    call = CalledFor(test="FD-01", check="in-file-once", party="authority", requirements=ids)
    check = make.check(requirements=ids, witness=run.pop("witness", "wire"))
    results: Results = make.results(make.scenario("one", make.attempt(check), test=None), called_for=[call], **run)
    results.suite.scenarios = {"FD-01": ["file_drop/first/one"]}
    return results


def test_a_run_in_which_everything_is_shown_is_conformant(make: Any) -> None:
    results = judge(full_pass(make))
    assert results.summary.status == "conformant"
    assert results.summary.claim == "73 of 73 mandatory requirements shown, 0 failed, 0 not tested"
    assert exit_code(results, require_conformant=True) == 0


def test_a_persons_word_is_told_apart(make: Any) -> None:
    assert judge(full_pass(make, witness="person")).summary.status == "conformant-with-attestations"


def test_a_weakened_run_is_never_conformant(make: Any) -> None:
    summary = judge(full_pass(make, settings={"upload.quantity_mismatch": "accept"})).summary
    assert (summary.status, summary.conformant) == ("incomplete", False)
    assert summary.caveats == ["weakened by the setting upload.quantity_mismatch"]


def test_a_changed_setting_that_weakens_nothing_is_no_caveat(make: Any) -> None:
    assert judge(full_pass(make, settings={"files.poll": 0.1})).summary.status == "conformant"


def test_a_selection_is_partial_even_if_all_is_shown(make: Any) -> None:
    assert judge(full_pass(make, selection="--tag FD-01")).summary.status == "partial"


def test_judging_twice_changes_nothing(make: Any) -> None:
    scenario = make.scenario("one", make.attempt(make.check(outcome="fail", findings=["gone"])))
    once = judge(make.results(scenario))
    assert judge(once) == once


@pytest.mark.parametrize(
    ("causes", "code"),
    [(["harness"], 3), (["not-reached"], 3), (["not-reached", "harness"], 3), (["config"], 2)],
)
def test_exit_code_when_nothing_could_be_judged(make: Any, causes: list[str], code: int) -> None:
    scenarios = [
        make.scenario(f"s{n}", make.attempt(stop=Stop(cause=cause, reason="why"), steps="not-run"))  # type: ignore[arg-type]  # Causes as words.
        for n, cause in enumerate(causes)
    ]
    assert exit_code(judge(make.results(*scenarios))) == code


def test_exit_code_when_some_was_judged_and_some_was_not(make: Any) -> None:
    stopped = make.attempt(stop=Stop(cause="not-reached", reason="down"), steps="not-run")
    results = judge(make.results(make.scenario("one", make.attempt(make.check())), make.scenario("two", stopped)))
    assert exit_code(results) == 1


def test_what_is_undecided_cites_the_check_of_doctor_that_explains_it(make: Any) -> None:
    stop = Stop(cause="config", reason="the folder cannot be made", doctor="drop-root")
    results = judge(make.results(make.scenario("one", make.attempt(stop=stop, steps="not-run"))))
    assert verdict_on(results).doctor == "drop-root"
    assert results.scenarios[0].doctor == "drop-root"


def test_a_check_that_could_not_tell_cites_it_too_and_a_pass_cites_none(make: Any) -> None:
    told = {"outcome": "inconclusive", "findings": ["no file has ever come"], "doctor": "files-elsewhere"}
    undecided = make.check(cause="config", **told)
    assert verdict_on(make.results(make.scenario("one", make.attempt(undecided)))).doctor == "files-elsewhere"
    assert verdict_on(make.results(make.scenario("one", make.attempt(make.check())))).doctor == ""


def test_the_reason_is_that_of_the_cause_where_there_are_several(make: Any) -> None:
    ours = make.check(outcome="inconclusive", cause="harness", findings=["it broke"])
    theirs = make.check(outcome="inconclusive", cause="config", findings=["another name"], doctor="authority-name")
    results = make.results(make.scenario("one", make.attempt(ours)), make.scenario("two", make.attempt(theirs)))
    found = verdict_on(results)
    assert (found.cause, found.reason, found.doctor) == ("config", "another name", "authority-name")


def own(scenario: Any) -> Any:
    """The scenario as somebody's own."""
    return scenario.model_copy(update={"own": True})


@pytest.mark.parametrize("outcome", ["pass", "fail"])
def test_an_own_scenario_changes_no_verdict_and_no_status(make: Any, outcome: str) -> None:
    suite = make.scenario("one", make.attempt(make.check()))
    theirs = own(
        make.scenario("two", make.attempt(make.check(outcome=outcome, findings=["gone"] if outcome == "fail" else [])))
    )
    without, both = judge(make.results(suite)), judge(make.results(suite, theirs))
    assert both.requirements == without.requirements
    assert both.summary.model_copy(update={"own_scenarios": {}}) == without.summary
    assert both.summary.own_scenarios == {outcome: 1}


def test_what_an_own_scenario_leaves_out_is_no_error_of_the_suite(make: Any) -> None:
    suite = make.scenario("one", make.attempt(make.check()))
    results = judge(make.results(suite, own(make.scenario("two", make.attempt(make.check(name="another"))))))
    assert results.errors == []
    assert results.own_errors == ["file_drop/first/two: in-file-once was not run, though FD-01 calls for it"]
    assert not results.run.passed


def test_a_scenario_that_the_suite_has_is_nobodys_own(make: Any) -> None:
    failed = own(make.scenario("one", make.attempt(make.check(outcome="fail", findings=["gone"]))))
    results = make.results(failed)
    known = results.suite.model_copy(update={"scenarios": {"FD-01": [failed.id]}})
    judged = judge(results.model_copy(update={"suite": known}))
    assert verdict_on(judged).verdict == "fail"
    assert not judged.scenarios[0].own
