"""What the official schema does not say about a query and its replies, by requirement.

Source: CP-IS rules, sections 4, 5 and 10a.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from lxml import etree

from cpis_simulator import nhs_number
from cpis_simulator.codecs.authors import DEVICE, PERSON
from cpis_simulator.codecs.xml import line_of, path_of
from cpis_simulator.model import Answer, AuthorName, PersonAuthor, Query, Refusal, Reply, Transmission
from cpis_simulator.rules.finding import ERROR, WARNING, Breach, Finding, findings
from cpis_simulator.rules.upload import end_not_before_start, plan_has_its_subject
from cpis_simulator.vocabulary import HL7, OID_JOB_ROLE

MOST_ACCESSES: Final = 25
"""An answer lists the 25 most recent accesses (DAT-024)."""

_ASID: Final = re.compile(r"[0-9]{12}")
_ACCEPT_CODES: Final = frozenset({"AL", "ER", "NE", "SU"})


# The query


def number_is_valid(query: Query) -> Iterator[Breach]:
    """The NHS number has ten digits and a valid check digit."""
    if not nhs_number.is_valid(query.nhs_number):
        yield Breach(
            f"NHS number {nhs_number.masked(query.nhs_number)} is not ten digits with a valid check digit",
            "/queryByParameter/person.NHSnumber/value",
        )


def person_author_is_complete(query: Query) -> Iterator[Breach]:
    """A worker has a name and an organisation with a name."""
    author = query.author
    if isinstance(author, PersonAuthor):
        yield from _name_breaches(author.name, "the worker")
        if not author.organisation.name:
            yield Breach("name of the worker's organisation is empty", "/author")


def device_author_is_complete(query: Query) -> Iterator[Breach]:
    """A system names at least one person who answers for it, and its organisation."""
    author = query.author
    if isinstance(author, PersonAuthor):
        return
    if not author.responsible:
        yield Breach("the asking system names no responsible person", "/author")
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
        yield Breach(f"prefix of {whose} is missing", "/author", WARNING)


QUERY_RULES: Final[dict[str, Callable[[Query], Iterator[Breach]]]] = {
    "CPIS-DAT-029": number_is_valid,
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
            yield Breach(f"declared {declared} {what}, listed {listed}", path)


def accesses_are_at_most_25(answer: Answer) -> Iterator[Breach]:
    """Older accesses are dropped."""
    if len(answer.accesses) > MOST_ACCESSES:
        yield Breach(
            f"expected at most {MOST_ACCESSES} accesses, found {len(answer.accesses)}",
            f"/pertinentInformation13[{MOST_ACCESSES + 1}]",
        )


def own_access_is_listed(answer: Answer) -> Iterator[Breach]:
    """The query being answered is an access, so there is always one."""
    if not answer.accesses:
        yield Breach("no access is listed, expected at least that of the query itself")


def totals_are_not_negative(answer: Answer) -> Iterator[Breach]:
    """Counts are 0 or more."""
    for path, total in (
        ("/pertinentInformation11", answer.total_accesses),
        ("/pertinentInformation12", answer.total_records),
    ):
        if total < 0:
            yield Breach(f"total {total} is negative", path)


def answered_plans_end_after_they_start(answer: Answer) -> Iterator[Breach]:
    """As in an upload."""
    for held in answer.records:
        for breach in end_not_before_start(held.record):
            yield Breach(breach.message)


def answered_plans_have_their_subject(answer: Answer) -> Iterator[Breach]:
    """As in an upload."""
    for held in answer.records:
        for breach in plan_has_its_subject(held.record):
            yield Breach(breach.message)


ANSWER_RULES: Final[dict[str, Callable[[Answer], Iterator[Breach]]]] = {
    "CPIS-RSP-002": totals_count_what_is_listed,
    "CPIS-DAT-024": accesses_are_at_most_25,
    "CPIS-RSP-007": own_access_is_listed,
    "CPIS-MSG-012": totals_are_not_negative,
    "CPIS-MSG-013": answered_plans_end_after_they_start,
    "CPIS-MSG-014": answered_plans_have_their_subject,
}

_ANSWER: Final = "/REPC_IN000007GB01/ControlActEvent/subject/CP-ISNHSQueryResponse"


def check_answer(answer: Answer) -> list[Finding]:
    """Judge a positive answer by itself; whether it answers the question is seen beside the query."""
    return [f for rule, breaches in ANSWER_RULES.items() for f in findings(rule, breaches(answer), _ANSWER)]


def check_refusal(refusal: Refusal) -> list[Finding]:
    """Judge an application acknowledgement: one that refuses says why."""
    if refusal.acknowledgement_type == "AA" or refusal.issues or refusal.details:
        return []
    return [
        Finding(
            "CPIS-RSP-011",
            ERROR,
            f"refused with {refusal.acknowledgement_type}, but no reason is given",
            xpath="/MCCI_IN010000UK13/ControlActEvent",
        )
    ]


def check_reply(reply: Reply) -> list[Finding]:
    """Judge whatever the service answered."""
    if isinstance(reply, Refusal):
        return check_refusal(reply)
    answer = getattr(reply, "answer", None)
    return check_answer(answer) if isinstance(answer, Answer) else []


# The wrapper


def check_transmission(transmission: Transmission, root: str) -> list[Finding]:
    """Judge the system ids of a wrapper."""
    return [
        Finding(
            "CPIS-MSG-007", ERROR, f"ASID: expected twelve digits, found {asid!r}", xpath=f"/{root}/{side}/device/id"
        )
        for side, asid in (
            ("communicationFunctionRcv", transmission.receiver_asid),
            ("communicationFunctionSnd", transmission.sender_asid),
        )
        if not _ASID.fullmatch(asid)
    ]


def check_codes(element: etree._Element) -> list[Finding]:
    """Judge codes that the model does not keep: how to acknowledge, and the code system of job roles."""
    found = []
    for code in element.iterfind(f"{{{HL7}}}acceptAckCode"):
        if code.get("code") not in _ACCEPT_CODES:
            found.append(_code_finding("CPIS-MSG-011", code, "acceptAckCode", "AL, ER, NE or SU", code.get("code")))
    for block in (PERSON, f"{DEVICE}/{{{HL7}}}indirectAuthority/{{{HL7}}}superiorAssignedEntity"):
        for code in element.iterfind(f".//{{{HL7}}}{block}/{{{HL7}}}code"):
            if code.get("codeSystem") != OID_JOB_ROLE:
                found.append(
                    _code_finding(
                        "CPIS-MSG-010", code, "code system of a job role", OID_JOB_ROLE, code.get("codeSystem")
                    )
                )
    return found


def _code_finding(rule: str, element: etree._Element, what: str, expected: str, found: str | None) -> Finding:
    return Finding(rule, ERROR, f"{what}: expected {expected}, found {found}", line_of(element), path_of(element))
