"""The catalogue carries every requirement and test, and its parts agree."""

from __future__ import annotations

from cpis_reports import catalogue


def test_it_is_whole() -> None:
    assert (len(catalogue.requirements()), len(catalogue.tests())) == (169, 225)


def test_denominators_of_a_product_without_further_claims() -> None:
    counts = {
        role: sum(r.level == "MUST" and r.applies(frozenset()) for r in catalogue.binding(role))
        for role in ("authority", "service", "care")
    }
    assert counts == {"authority": 73, "service": 72, "care": 39}


def test_a_requirement_reads_as_it_should() -> None:
    found = catalogue.requirements()["CPIS-UPL-016"]
    assert (found.level, found.binds, found.applies_when) == ("MUST", ("authority", "service"), "transport:mesh")
    assert dict(found.witness) == {"service": "wire", "authority": "product"}
    assert found.tests == ("AK-18",)
    assert not found.applies(frozenset()) and found.applies(frozenset({"transport:mesh"}))


def test_a_test_reads_as_it_should() -> None:
    found = catalogue.tests()["FD-07"]
    assert found.title == "Looked-after pregnant girl"
    assert dict(found.judges) == {"authority": ("CPIS-DAT-006",), "service": ("CPIS-DAT-006",)}
    assert found.context == ("CPIS-DAT-005", "CPIS-DAT-022")


def test_texts_are_one_short_line() -> None:
    long = [r.id for r in catalogue.requirements().values() if not r.text or len(r.text.split()) > 16]
    assert long == []


def test_tests_judge_only_requirements_that_bind_the_role() -> None:
    known = catalogue.requirements()
    wrong = [
        (test.id, role, requirement)
        for test in catalogue.tests().values()
        for role, requirements in test.judges.items()
        for requirement in requirements
        if role not in known[requirement].binds
    ]
    assert wrong == []


def test_what_no_test_judges_has_a_reason() -> None:
    silent = [
        (requirement.id, role)
        for requirement in catalogue.requirements().values()
        for role in requirement.binds
        if not catalogue.judging(requirement.id, role) and role not in requirement.untested_reason
    ]
    assert silent == []
