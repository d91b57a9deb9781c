"""Seeded faults in who asks, about whom, when, and what is sent."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from typing import ClassVar

from cpis_simulator.care.client import Question
from cpis_simulator.care.seeding import seeded
from cpis_simulator.care.state import PatientLookUp
from cpis_simulator.care.system import CareSystem
from cpis_simulator.driving import CareAuthor, LookUp, LookUpResult, PatientDetails, SignIn
from cpis_simulator.model import QueryMessage

# Who may ask.


@seeded("role-ignored", "IG-001 IG-004", tests="LK-24", origin="rules")
class RoleIgnored(CareSystem):
    """A user with neither role code asks and is shown the answer."""

    def may_look(self, session: SignIn) -> bool:
        """Everybody may."""
        return True


@seeded("silent-flag-never-set", "QRY-008 IG-002", tests="LK-16 LK-32 SA-02 EE-07", origin="rules")
class SilentFlagNeverSet(CareSystem):
    """Every query counts as unscheduled, so that scheduled care notifies the authority."""

    def is_silent(self, session: SignIn) -> bool:
        """Never."""
        return False


@seeded("silent-flag-always-set", "QRY-008 IG-002", also="IG-001", tests="LK-31 SA-01 EE-07", origin="rules")
class SilentFlagAlwaysSet(CareSystem):
    """Every query is silent, so that no authority learns of an attendance."""

    def is_silent(self, session: SignIn) -> bool:
        """Always."""
        return True


@seeded("flag-follows-desk-alone", "IG-002", tests="SA-02 SA-03", origin="rules")
class FlagFollowsDeskAlone(CareSystem):
    """A user who may only read silently notifies at an unscheduled desk."""

    def is_silent(self, session: SignIn) -> bool:
        """As the desk is, whoever sits there."""
        return session.scheduled


@seeded("nobody-signed-in-asks-as-last-user", "IG-003", also="QRY-005", tests="SA-14", origin="rules")
class NobodySignedInAsksAsLastUser(CareSystem):
    """A background lookup names the user who was signed in last."""

    def sign_out(self) -> None:
        """Whoever was there goes on asking."""


@seeded("lead-shortened", "QRY-006", tests="LK-18 EE-07", origin="rules")
class LeadShortened(CareSystem):
    """The safeguarding lead's telephone is cut from the role text."""

    def author_of_session(self, session: SignIn) -> CareAuthor:
        """A field of the product holds seventeen characters."""
        return session.author.model_copy(update={"role_name": session.author.role_name[:17]})


# About whom.


@seeded("unverified-number-sent", "QRY-002", tests="LK-11", origin="rules")
class UnverifiedNumberSent(CareSystem):
    """A number that is not verified is asked about."""

    def is_verified(self, details: PatientDetails) -> bool:
        """Any number will do."""
        return details.nhs_number is not None


@seeded("check-digit-not-checked", "DAT-029", tests="LK-33", origin="rules")
class CheckDigitNotChecked(CareSystem):
    """A number with a wrong check digit is asked about."""

    def is_well_formed(self, nhs_number: str) -> bool:
        """Any ten digits will do."""
        return True


@seeded("consent-asked-for", "IG-011", tests="SA-13", origin="rules")
class ConsentAskedFor(CareSystem):
    """Nothing is asked where consent is recorded as refused."""

    def is_withheld(self, details: PatientDetails) -> bool:
        """Consent decides."""
        return details.consent_refused


# When.


@seeded("list-notifies", "QRY-014", tests="LK-29", origin="rules")
class ListNotifies(CareSystem):
    """Opening a list asks about everyone on it as if they had come."""

    def asks_on_list(self, patient_id: str) -> bool:
        """About everyone."""
        return True


@seeded("pregnant-women-not-asked-about", "QRY-010", tests="LK-29", origin="rules")
class PregnantWomenNotAskedAbout(CareSystem):
    """Only children are asked about at registration."""

    def is_relevant(self, details: PatientDetails, *, on: date) -> bool:
        """By age alone."""
        return super().is_relevant(details.model_copy(update={"may_be_pregnant": False}), on=on)


@seeded("attendance-waits-for-answer", "OPS-007", tests="RL-01", origin="rules")
class AttendanceWaitsForAnswer(CareSystem):
    """An attendance cannot be completed until CP-IS has answered."""

    attendance_waits: ClassVar[bool] = True


@seeded("seeing-the-alert-notifies", "NTF-004", also="UI-011", tests="LK-28", origin="rules")
class SeeingTheAlertNotifies(CareSystem):
    """A viewer asks as if somebody had opened the alert when it is only seen."""

    def seeing_is_silent(self) -> bool:
        """A query is a query."""
        return False


@seeded("first-viewer-named", "UI-011", also="NTF-004", tests="LK-28", origin="rules")
class FirstViewerNamed(CareSystem):
    """Opening an alert names who first saw it."""

    first: CareAuthor | None = None

    def author_of_session(self, session: SignIn) -> CareAuthor:
        """Whoever brings a patient up first is remembered."""
        self.first = self.first or session.author
        return session.author

    def author_of_opening(self, patient_id: str, session: SignIn) -> CareAuthor:
        """Whoever brought the patient up."""
        return self.first or session.author


# On record.


@seeded("silent-lookup-not-audited", "IG-005", tests="SA-06", origin="rules")
class SilentLookupNotAudited(CareSystem):
    """A silent lookup leaves no audit entry."""

    def audit(self, lookup: PatientLookUp, asked: LookUp, *, now: datetime) -> None:
        """Nobody is told of it, so nobody writes it down."""
        if not asked.silent:
            super().audit(lookup, asked, now=now)


@seeded("audit-without-outcome", "IG-005", tests="SA-06", origin="rules")
class AuditWithoutOutcome(CareSystem):
    """Audit entries do not say what came of the lookup."""

    def outcome_of(self, result: LookUpResult) -> str:
        """That somebody asked is all."""
        return "asked"


# On the wire.


@seeded("retry-under-new-message-id", "OPS-005", tests="RL-05", origin="rules")
class RetryUnderNewMessageId(CareSystem):
    """A query that is sent again is a new message."""

    def again(self, question: Question, ids: Callable[[], str]) -> Question:
        """The same query in an envelope with another id."""
        fresh = ids()
        body = question.body.replace(question.envelope_id.encode(), fresh.encode())
        return replace(question, envelope_id=fresh, body=body)


@seeded("query-id-in-lower-case", "MSG-007", also="MSG-005", tests="MF-06", origin="rules")
class QueryIdInLowerCase(CareSystem):
    """Identifiers of a query are lower-case."""

    def written(self, message: QueryMessage) -> bytes:
        """UUIDs as most libraries write them."""
        return re.sub(rb'(?<=root=")[0-9A-F]{8}-[0-9A-F-]{27}(?=")', lambda m: m[0].lower(), super().written(message))


@seeded("time-without-offset", "DAT-012", tests="LK-12 LK-13", origin="rules")
class TimeWithoutOffset(CareSystem):
    """The time of a query has hours and no offset."""

    def written(self, message: QueryMessage) -> bytes:
        """As the wall clock shows it."""
        return re.sub(rb'(?<=effectiveTime value=")([0-9]{14})[+-][0-9]{4}', rb"\1", super().written(message))


@seeded("author-without-role-name", "QRY-004", tests="LK-12", origin="rules")
class AuthorWithoutRoleName(CareSystem):
    """The author's role has a code and no name."""

    def written(self, message: QueryMessage) -> bytes:
        """The display name of the role is left out."""
        return re.sub(
            rb'(<code code="R[0-9]{4}" codeSystem="[0-9.]+") displayName="[^"]*"', rb"\1", super().written(message)
        )


@seeded("fixed-value-sent", "MSG-004", tests="MF-02", origin="rules")
class FixedValueSent(CareSystem):
    """A query holds a value that the model fixes."""

    def written(self, message: QueryMessage) -> bytes:
        """With the class code of an observation."""
        return super().written(message).replace(b"<cP-ISNHSQuery>", b'<cP-ISNHSQuery classCode="OBS">')


@seeded("birth-date-sent-as-second-key", "QRY-001 DAT-004", tests="LK-12", origin="checks")
class BirthDateSentAsSecondKey(CareSystem):
    """A query asks by NHS number and birth date."""

    def written(self, message: QueryMessage) -> bytes:
        """As the product's search form has it."""
        key = b'<person.birthTime><value value="20170314"/></person.birthTime></queryByParameter>'
        return super().written(message).replace(b"</queryByParameter>", key)


@seeded("query-without-event-id", "QRY-007", tests="LK-12 LK-13", origin="checks")
class QueryWithoutEventId(CareSystem):
    """A query has no event id."""

    def written(self, message: QueryMessage) -> bytes:
        """The id of the message is thought to be enough."""
        return re.sub(rb"(<effectiveTime [^>]*/>)<id [^>]*/>", rb"\1", super().written(message))


@seeded("user-and-system-both-named", "QRY-003", tests="LK-12 LK-13", origin="checks")
class UserAndSystemBothNamed(CareSystem):
    """A query has two authors."""

    def written(self, message: QueryMessage) -> bytes:
        """Whoever asked, and who asked for them."""
        found = re.search(rb"<author><npfitlc:contentId.*?</author>", written := super().written(message), re.DOTALL)
        return written.replace(found[0], found[0] * 2) if found else written
