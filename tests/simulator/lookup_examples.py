"""Lookups for tests: a fixed time, ids in a row, who asks, and a service that answers as it is told."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from itertools import count
from typing import Final

from cpis_simulator.codecs.reply import encode_reply, interaction_of
from cpis_simulator.codecs.soap import encode_soap_reply
from cpis_simulator.directory import SPINE_ASID
from cpis_simulator.driving import CareAuthor, LookUp
from cpis_simulator.model import (
    Access,
    Answer,
    AnswerMessage,
    AuthorityRecord,
    AuthorName,
    Coded,
    NoRecord,
    Organisation,
    PersonAuthor,
    PlanRecord,
    ProtectionPlan,
    QueryMessage,
    Reply,
    Subject,
    SubjectKind,
    Telecom,
    Transmission,
)
from cpis_simulator.vocabulary import OID_ISSUE, PlanType

NOW: Final = datetime(2026, 1, 6, 10, 15, tzinfo=UTC)
CHILD: Final = "9990001014"
CARE_ASID: Final = "999999000101"
COUNCIL: Final = Organisation(
    "Z99", "EXAMPLETON TEST COUNCIL", (Telecom("tel:01632960001", "WP"), Telecom("tel:01632960002", "EC"))
)
NURSE: Final = CareAuthor(
    prefix="Ms",
    given=["Quebec"],
    family="Testnurse",
    role_code="R8001",
    role_name="Nurse Access Role",
    user_id="999900000001",
    role_profile_id="999900000002",
    organisation_ods="ZZ9",
    organisation_name="EXAMPLETON TEST HOSPITALS",
)
CREW: Final = CareAuthor(
    prefix="Dr",
    given=["Romeo"],
    family="Testlead",
    role_code="R0370",
    role_name="Safeguarding Lead",
    asid="999999000105",
    organisation_ods="ZZ5",
    organisation_name="SAMPLEBURY TEST AMBULANCE SERVICE",
)
PROTECTED: Final = ProtectionPlan(PlanType.CHILD_PROTECTION, datetime(2025, 11, 1))


def ids() -> Callable[[], str]:
    """Upper-case UUIDs, counted from 1."""
    numbers = count(1)
    return lambda: f"0B1D5C10-7A2E-4C55-9D01-{next(numbers):012}"


def now() -> datetime:
    return NOW


def looked_up(**more: object) -> LookUp:
    return LookUp.model_validate({"nhs_number": CHILD, "author": NURSE, **more})


def child(nhs_number: str = CHILD, kind: SubjectKind = SubjectKind.CHILD) -> Subject:
    return Subject(kind, nhs_number, date(2017, 3, 14), "Alpha", "Testcase")


def transmission(asid: str = CARE_ASID) -> Transmission:
    return Transmission("0B1D5C10-7A2E-4C55-9D01-000000000201", "20260106101502", SPINE_ASID, asid)


def answer(*plans: ProtectionPlan, nhs_number: str = CHILD, **more: int) -> AnswerMessage:
    """A positive answer with one record and one access."""
    nurse = PersonAuthor(
        "R8001",
        "Nurse Access Role",
        "999900000001",
        AuthorName("Testnurse", ("Quebec",), "Ms"),
        Organisation("ZZ9", "EXAMPLETON TEST HOSPITALS"),
        "999900000002",
    )
    kind = SubjectKind.MOTHER if plans and plans[0].plan_type is PlanType.UNBORN else SubjectKind.CHILD
    record = AuthorityRecord(COUNCIL, PlanRecord(plans or (PROTECTED,), (child(nhs_number, kind),)))
    access = Access(NOW, "0B1D5C10-7A2E-4C55-9D01-000000000102", nurse, nhs_number)
    totals = {"total_accesses": 1, "total_records": 1, **more}
    return AnswerMessage(
        transmission(),
        Answer(
            NOW,
            "0B1D5C10-7A2E-4C55-9D01-000000000202",
            totals["total_accesses"],
            totals["total_records"],
            (access,),
            (record,),
        ),
    )


def no_record(answers: str, issue: Coded | None = None) -> NoRecord:
    return NoRecord(transmission(), answers, issue or Coded("CPIS-0001", "No Records Found", OID_ISSUE))


def enveloped(reply: Reply, relates_to: str) -> bytes:
    return encode_soap_reply(
        encode_reply(reply),
        message_id="0B1D5C10-7A2E-4C55-9D01-000000000901",
        relates_to=relates_to,
        interaction=interaction_of(reply),
        from_asid=SPINE_ASID,
        to_asid=CARE_ASID,
    )


class ToldService:
    """Answers with what it was given, and keeps what it was asked."""

    def __init__(self, reply: Reply | Exception) -> None:
        self.asked: list[QueryMessage] = []
        self._reply = reply

    def answer(self, message: QueryMessage) -> Reply:
        self.asked.append(message)
        if isinstance(self._reply, Exception):
            raise self._reply
        return self._reply
