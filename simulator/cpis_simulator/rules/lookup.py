"""What the schema does not say about a query and its replies, by requirement.

Source: CP-IS rules, sections 4, 5 and 10a.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Final

from lxml import etree

from cpis_simulator import nhs_number
from cpis_simulator.codecs.authors import DEVICE, PERSON
from cpis_simulator.codecs.xml import line_of, path_of
from cpis_simulator.errors import in_words
from cpis_simulator.model import Answer, Author, AuthorName, NoRecord, PersonAuthor, Query, Refusal, Reply, Transmission
from cpis_simulator.rules.finding import ERROR, WARNING, Breach, Finding, findings
from cpis_simulator.rules.sources import source_of
from cpis_simulator.rules.upload import check_authority, end_not_before_start, plan_has_its_subject
from cpis_simulator.vocabulary import HL7, OID_JOB_ROLE

MOST_ACCESSES: Final = 25
"""An answer lists the 25 most recent accesses (DAT-024)."""

_ASID: Final = re.compile(r"[0-9]{12}")
_ACCEPT_CODES: Final = frozenset({"AL", "ER", "NE", "SU"})
_NUMBER: Final = "/queryByParameter/person.NHSnumber/value"
_NO_RECORD: Final = re.compile(r"CPIS-0001|no records? found", re.IGNORECASE)


# The query


def number_is_valid(query: Query) -> Iterator[Breach]:
    """The NHS number has ten digits and a valid check digit."""
    if not nhs_number.is_valid(query.nhs_number):
        yield Breach(
            "NHS number",
            _NUMBER,
            expected="ten digits with a valid check digit",
            found=nhs_number.masked(query.nhs_number),
            mend="Trace the number; a digit is probably mistyped.",
        )


def number_is_of_the_test_range(query: Query) -> Iterator[Breach]:
    """Tests ask about made-up people only."""
    if nhs_number.is_valid(query.nhs_number) and not nhs_number.is_synthetic(query.nhs_number):
        yield Breach(
            "NHS number outside of the test range",
            _NUMBER,
            WARNING,
            expected=f"{nhs_number.TEST_RANGE} and seven digits",
            found=nhs_number.masked(query.nhs_number),
            mend="Never test with the data of real people.",
        )


def person_author_is_complete(query: Query) -> Iterator[Breach]:
    """A worker has a name and an organisation with a name."""
    if isinstance(query.author, PersonAuthor):
        yield from _author_breaches(query.author)


def device_author_is_complete(query: Query) -> Iterator[Breach]:
    """A system names at least one person who answers for it, and its organisation."""
    author = query.author
    if isinstance(author, PersonAuthor):
        return
    if not author.responsible:
        yield Breach(
            "the asking system names no responsible person",
            "/author",
            expected="at least one indirectAuthority",
            mend="Name the person who answers for the queries, with role and name.",
        )
    yield from _author_breaches(author)


def _author_breaches(author: Author) -> Iterator[Breach]:
    if isinstance(author, PersonAuthor):
        yield from _name_breaches(author.name, "the worker")
        if not author.organisation.name:
            yield Breach("name of the worker's organisation is empty", "/author")
        return
    for person in author.responsible:
        yield from _name_breaches(person.name, "the responsible person")
    if not author.organisation.name:
        yield Breach("name of the system's organisation is empty", "/author")


def _name_breaches(name: AuthorName, whose: str) -> Iterator[Breach]:
    if not name.family:
        yield Breach(f"family name of {whose} is empty", "/author")
    if not any(name.given):
        yield Breach(f"given name of {whose} is missing", "/author")
    # The prefix is mandatory in the mapping only, and Spine itself does not look at it.
    if name.prefix is None:
        yield Breach(f"prefix of {whose} is missing", "/author", WARNING, mend="Add it where it is known, such as Dr.")


QUERY_RULES: Final[dict[str, Callable[[Query], Iterator[Breach]]]] = {
    "CPIS-DAT-029": number_is_valid,
    "CPIS-DAT-030": number_is_of_the_test_range,
    "CPIS-QRY-004": person_author_is_complete,
    "CPIS-QRY-005": device_author_is_complete,
}

_QUERY: Final = "/QUPC_IN000006GB01/ControlActEvent/subject/CP-ISQueryStub/cP-ISNHSQuery"


def check_query(query: Query) -> list[Finding]:
    """Judge a query that could be read."""
    return [f for rule, breaches in QUERY_RULES.items() for f in findings(rule, breaches(query), _QUERY)]


# The answer


def totals_count_what_is_listed(answer: Answer) -> Iterator[Breach]:
    """The totals are the number of accesses, and of records, in the answer."""
    for path, what, declared, listed in (
        ("/pertinentInformation11", "accesses", answer.total_accesses, len(answer.accesses)),
        ("/pertinentInformation12", "records", answer.total_records, len(answer.records)),
    ):
        if declared != listed:
            yield Breach(f"number of {what}", path, expected=f"{declared}, as declared", found=listed)


def accesses_are_at_most_25(answer: Answer) -> Iterator[Breach]:
    """Older accesses are dropped."""
    if len(answer.accesses) > MOST_ACCESSES:
        yield Breach(
            "number of accesses",
            f"/pertinentInformation13[{MOST_ACCESSES + 1}]",
            expected=f"at most {MOST_ACCESSES}",
            found=len(answer.accesses),
            mend="Leave the oldest out.",
        )


def own_access_is_listed(answer: Answer) -> Iterator[Breach]:
    """The query being answered is an access, so there is always one."""
    if not answer.accesses:
        yield Breach("no access is listed", expected="at least that of the query itself")


def accesses_are_complete(answer: Answer) -> Iterator[Breach]:
    """Each access says who looked and for which organisation."""
    for number, access in enumerate(answer.accesses, start=1):
        base = "/pertinentInformation13" + (f"[{number}]" if len(answer.accesses) > 1 else "")
        for breach in _author_breaches(access.author):
            yield replace(breach, xpath=f"{base}/pertinentCP-ISNHSQuery{breach.xpath}")


def newest_access_comes_first(answer: Answer) -> Iterator[Breach]:
    """The order is our reading, so another is worth a warning only."""
    for number, (earlier, later) in enumerate(pairwise(answer.accesses), start=2):
        if later.effective_time > earlier.effective_time:
            path = f"/pertinentInformation13[{number}]"
            yield Breach("order of the accesses", path, WARNING, expected="newest first", found="a newer one behind")
            return


def totals_are_not_negative(answer: Answer) -> Iterator[Breach]:
    """Counts are 0 or more."""
    for path, total in (
        ("/pertinentInformation11", answer.total_accesses),
        ("/pertinentInformation12", answer.total_records),
    ):
        if total < 0:
            yield Breach("negative total", path, found=total)


def answered_plans_end_after_they_start(answer: Answer) -> Iterator[Breach]:
    """As in an upload."""
    for held in answer.records:
        for breach in end_not_before_start(held.record):
            yield replace(breach, xpath="/pertinentInformation14", mend="")


def answered_plans_have_their_subject(answer: Answer) -> Iterator[Breach]:
    """As in an upload."""
    for held in answer.records:
        for breach in plan_has_its_subject(held.record):
            yield replace(breach, xpath="/pertinentInformation14")


ANSWER_RULES: Final[dict[str, Callable[[Answer], Iterator[Breach]]]] = {
    "CPIS-RSP-002": totals_count_what_is_listed,
    "CPIS-DAT-024": accesses_are_at_most_25,
    "CPIS-RSP-006": accesses_are_complete,
    "CPIS-RSP-007": own_access_is_listed,
    "CPIS-RSP-008": newest_access_comes_first,
    "CPIS-MSG-012": totals_are_not_negative,
    "CPIS-MSG-013": answered_plans_end_after_they_start,
    "CPIS-MSG-014": answered_plans_have_their_subject,
}

_ANSWER: Final = "/REPC_IN000007GB01/ControlActEvent/subject/CP-ISNHSQueryResponse"


def check_answer(answer: Answer) -> list[Finding]:
    """Judge a positive answer by itself; whether it answers the question is seen beside the query."""
    found = [f for rule, breaches in ANSWER_RULES.items() for f in findings(rule, breaches(answer), _ANSWER)]
    for held in answer.records:
        found += check_authority(held.authority, f"{_ANSWER}/pertinentInformation14")
    return found


# The other replies


def issue_says_no_record(reply: NoRecord) -> Iterator[Breach]:
    """A failed query that means "No Records Found" says so: readers go by the issue's code or text."""
    shown = f"{reply.issue.code} {reply.issue.display_name}"
    if not _NO_RECORD.search(shown):
        yield Breach(
            "issue of a failed query",
            "/QUQI_IN010000UK14/ControlActEvent/reason",
            WARNING,
            expected="CPIS-0001 or the text No Records Found",
            found=shown,
            mend="A client must not take another failure for 'no record'.",
        )


def refusal_says_why(refusal: Refusal) -> Iterator[Breach]:
    """An application acknowledgement that refuses has a reason."""
    if refusal.acknowledgement_type != "AA" and not (refusal.issues or refusal.details):
        yield Breach(
            f"refused with {refusal.acknowledgement_type}, but no reason is given",
            "/MCCI_IN010000UK13/ControlActEvent",
            expected="one reason for each fault",
        )


def check_reply(reply: Reply) -> list[Finding]:
    """Judge whatever the service answered."""
    if isinstance(reply, Refusal):
        return list(findings("CPIS-RSP-011", refusal_says_why(reply)))
    if isinstance(reply, NoRecord):
        return list(findings("CPIS-RSP-003", issue_says_no_record(reply)))
    return check_answer(reply.answer)


# The wrapper


def check_transmission(transmission: Transmission, root: str) -> list[Finding]:
    """Judge the system ids of a wrapper."""
    breaches = (
        Breach("ASID", f"/{side}/device/id", expected="twelve digits", found=repr(asid))
        for side, asid in (
            ("communicationFunctionRcv", transmission.receiver_asid),
            ("communicationFunctionSnd", transmission.sender_asid),
        )
        if not _ASID.fullmatch(asid)
    )
    return list(findings("CPIS-MSG-007", breaches, f"/{root}"))


def check_codes(element: etree._Element) -> list[Finding]:
    """Judge codes that the model does not keep: how to acknowledge, and the code system of job roles."""
    found = []
    for code in element.iterfind(f"{{{HL7}}}acceptAckCode"):
        if code.get("code") not in _ACCEPT_CODES:
            found.append(_code_finding("CPIS-MSG-011", code, "acceptAckCode", "AL, ER, NE or SU", code.get("code")))
    for block in (PERSON, f"{DEVICE}/{{{HL7}}}indirectAuthority/{{{HL7}}}superiorAssignedEntity"):
        for code in element.iterfind(f".//{{{HL7}}}{block}/{{{HL7}}}code"):
            if code.get("codeSystem") != OID_JOB_ROLE:
                system = code.get("codeSystem")
                found.append(_code_finding("CPIS-MSG-010", code, "code system of a job role", OID_JOB_ROLE, system))
    return found


def _code_finding(rule: str, element: etree._Element, what: str, expected: str, found: str | None) -> Finding:
    return Finding(
        rule,
        ERROR,
        in_words(what, "", expected, str(found)),
        line_of(element),
        path_of(element),
        expected=expected,
        found=str(found),
        source=source_of(rule),
    )
