"""What an acknowledgement does to the files and plans that it answers.

Theory of operation. A reply is first read as a whole: whose it is, which file it answers, and what it says of each
record of that file. A reply that contradicts itself or the file is not acted on at all; it goes to the exception list
and the file stays open, because each way of acting on half of it could show a refused child as stored.

Source: CP-IS rules ACK-002 to ACK-016, OPS-001, OPS-003, DAT-031.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final, Literal

from cpis_simulator.authority.caseload import age_on
from cpis_simulator.authority.exporting import ADULT, Exporting
from cpis_simulator.authority.office_hours import uk_time
from cpis_simulator.authority.reading import Contradiction, located_failures, require
from cpis_simulator.authority.state import FileState, SentFile, SentRecord, Task
from cpis_simulator.driving import Alert, ExceptionItem, WorkItem
from cpis_simulator.model import Acknowledgement, Coded, Organisation, RecordResult, SubjectKind
from cpis_simulator.rules.acknowledgement import FILE_LEVEL, check_acknowledgement, is_file_level
from cpis_simulator.rules.finding import ERROR
from cpis_simulator.vocabulary import (
    FILE_CODE_TEXT,
    RECORD_CODE_TEXT,
    FileCode,
    PlanType,
    RecordCode,
)

NO_ID: Final = "-1"

NEXT_ACTION: Final[dict[str, str]] = {
    RecordCode.NO_MATCH: "Trace the NHS number and correct it; the child goes into the next file.",
    RecordCode.SENSITIVE: "Do not send again. Ask the safeguarding lead how to share this plan.",
    RecordCode.NOT_VERIFIED: (
        "Compare name and birth date with the child's papers and correct them; "
        "if ours are right, force the child into a file once the NHS has corrected its own."
    ),
    RecordCode.BAD_FORMAT: "Enter the ten-digit NHS number; the child goes into the next file.",
    RecordCode.SUPERSEDED: "Ask for the new NHS number and enter it; the old one is not sent again.",
    RecordCode.NOT_STORED: "Read the detail, correct the record; the child goes into the next file.",
}

_STATE_AFTER: Final[dict[FileCode, FileState]] = {
    FileCode.ALL_STORED: "stored",
    FileCode.PARTLY_STORED: "partly stored",
}

_FILE_ACTION: Final = {
    FileCode.FILE_ERROR: "Its records go again with the next file; have the file's form looked at.",
    FileCode.NONE_STORED: "See the work-list for each record.",
    FileCode.UNAVAILABLE: "Its records go again with the next file.",
    FileCode.CLIENT_TOO_OLD: "The file-drop client must be upgraded; then its records go again.",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """A reply as understood: its code, and for each failed record of the file (by index) why."""

    code: FileCode
    failures: dict[int, list[RecordResult]]


class Acknowledging(Exporting):
    """The handling of acknowledgements. The methods that a fault may replace are those without an underscore."""

    def acknowledge(self, reply: Acknowledgement, *, now: datetime) -> None:
        """Act on a reply, or show why not."""
        if not self.is_acknowledgement_ours(reply.receiver):
            # Nothing of its content: another authority's children are not for our people to see (IG-010).
            self._dispute(f"An acknowledgement for {reply.receiver.ods_code} was delivered to us and refused.", None)
            return
        if (file := self.answered_file(reply)) is None:
            self._unmatched(reply, now=now)
            return
        if file.acknowledged is not None:
            self._answered_again(file, reply)
            return
        try:
            outcome = self.outcome(file, reply)
        except Contradiction as contradiction:
            self.state.files[file.file_id] = replace(file, disputed=True)
            self._dispute(
                f"The acknowledgement of file {file.file_id} contradicts itself: {contradiction}", file.file_id
            )
            return
        self._apply(file, reply, outcome, now=now)

    # Decisions, each by the rule it names.

    def is_acknowledgement_ours(self, receiver: Organisation) -> bool:
        """The reply is addressed to this authority (ACK-015)."""
        return self.is_own(receiver)

    def answered_file(self, reply: Acknowledgement) -> SentFile | None:
        """The file with the reply's sequence id, whatever the order of arrival (ACK-002, ACK-014)."""
        return self.state.files.get(reply.file_id)

    def outcome(self, file: SentFile, reply: Acknowledgement) -> Outcome:
        """What the reply says of each record (ACK-003, ACK-004, ACK-007, ACK-016).

        Raises:
            Contradiction: It says two things at once.
        """
        require(len({given.code for given in reply.file_codes}) == 1, "it has several file codes")
        code = FileCode(reply.file_codes[0].code)
        sent = len(file.records)
        for finding in check_acknowledgement(reply):
            require(finding.severity != ERROR, finding.message)
        if is_file_level(reply):
            return Outcome(code, {})
        require(reply.quantity == sent, f"it speaks of {reply.quantity} records, the file has {sent}")
        failures = located_failures(file.records, reply)
        if code is FileCode.NONE_STORED and not failures:
            refused = RecordResult(code, FILE_CODE_TEXT[code], "")
            failures = {index: [refused] for index in range(sent)}
        require(len(failures) == reply.failed, f"{reply.failed} failed, but {len(failures)} are listed as failed")
        return Outcome(code, failures)

    def after_refusal_of_file(self, file: SentFile, code: FileCode) -> None:
        """A file that was not taken goes again, whole, under a new id (ACK-009, OPS-001)."""
        for record in file.records:
            self.forget_sent(record, file.file_id)

    def needs_somebody(self, result: RecordResult) -> bool:
        """The failure belongs on the work-list: each does (ACK-005, ACK-010)."""
        return True

    def next_action(self, code: str) -> str:
        """What a data-quality worker is to do about a failed record (ACK-010, UI-010)."""
        return NEXT_ACTION.get(code, "Find out from CP-IS what is wrong and correct the record.")

    def shown_details(self, result: RecordResult) -> Sequence[Coded]:
        """Details as the work-list shows them: as they came, known or not (ACK-006)."""
        return result.detail

    def after_superseded(self, file: SentFile, record: SentRecord, *, now: datetime) -> None:
        """The number is stopped and the new one asked for, unless it was entered meanwhile (ACK-012)."""
        person = self.person(record.child_id)
        if person.nhs_number != record.nhs_number:
            return
        self.state.people[person.child_id] = replace(person, number_inactive=True)
        self.watch_number(person.child_id, now=now)
        self.tell_role(
            Alert(
                kind="new-number-needed",
                raised=now,
                child_id=person.child_id,
                file_id=file.file_id,
                text=f"The NHS number of {person.given} {person.family} was superseded. Enter the new one.",
            )
        )

    def closes_at_18(self, record: SentRecord, result: RecordResult, day: date) -> bool:
        """CP-IS refused the update because the person is an adult by now (DAT-031).

        No public code says so; CPR07 for somebody of 18 is taken to mean it.
        """
        adult = age_on(self.person(record.child_id).birth_date, day) >= ADULT
        return adult and result.code == RecordCode.NOT_STORED and SubjectKind.CHILD in record.kinds

    # What follows from an outcome.

    def _apply(self, file: SentFile, reply: Acknowledgement, outcome: Outcome, *, now: datetime) -> None:
        file = replace(
            file,
            state=_STATE_AFTER.get(outcome.code, "failed"),
            code=reply.file_codes[0].code,
            stored=reply.stored,
            failed=reply.failed,
            acknowledged=reply.creation_time,
            disputed=False,
        )
        self.state.files[file.file_id] = file
        if action := _FILE_ACTION.get(outcome.code):
            text = f"File {file.file_id}: {outcome.code}, {FILE_CODE_TEXT[outcome.code]}. {action}"
            self.tell_role(Alert(kind="file-failed", raised=now, file_id=file.file_id, text=text))
        if outcome.code in FILE_LEVEL:
            self.after_refusal_of_file(file, outcome.code)
            return
        stored: set[str] = set()
        for index, record in enumerate(file.records):
            if results := outcome.failures.get(index):
                self._record_failed(file, record, results, now=now)
            else:
                self._mark(file, record, "stored")
                stored.update(record.plan_ids)
        self._settle_tasks(file, stored)

    def _settle_tasks(self, file: SentFile, stored: set[str]) -> None:
        """Close what waited on the work-list for these plans (ACK-010)."""
        for key, task in self.state.tasks.items():
            # A task from a later file is not settled by a late reply to an earlier one.
            if task.item.open and int(task.item.file_id or 0) <= int(file.file_id):
                left = tuple(plan_id for plan_id in task.plan_ids if plan_id not in stored)
                if left != task.plan_ids:
                    item = task.item.model_copy(update={"open": bool(left)})
                    self.state.tasks[key] = Task(item, left)

    def _record_failed(self, file: SentFile, record: SentRecord, results: list[RecordResult], *, now: datetime) -> None:
        """Put the record on the work-list (ACK-005, ACK-006, ACK-010)."""
        self._mark(file, record, "failed")
        for result in results:
            adult = self.closes_at_18(record, result, uk_time(now).date())
            if adult:
                self._close_at_18(file, record)
            if self.needs_somebody(result):
                self._add_task(file, record, result, adult=adult, now=now)
            if result.code == RecordCode.SUPERSEDED:
                self.after_superseded(file, record, now=now)

    def _add_task(
        self, file: SentFile, record: SentRecord, result: RecordResult, *, adult: bool, now: datetime
    ) -> None:
        details = self.shown_details(result)
        waiting = tuple(plan_id for plan_id in record.plan_ids if not self._stored_since(file, plan_id))
        item = WorkItem(
            child_id=record.child_id,
            nhs_number=record.nhs_number,
            file_id=file.file_id,
            code=result.code,
            meaning=RECORD_CODE_TEXT.get(result.code, result.display_name),  # type: ignore[call-overload]
            detail_code=", ".join(detail.code for detail in details) or None,
            detail_text=", ".join(detail.display_name for detail in details) or None,
            raised=now,
            next_action="None: the person is 18 or over, nothing more is sent."
            if adult
            else self.next_action(result.code),
            open=bool(waiting) and not adult,
        )
        self.state.tasks.append(Task(item, waiting))
        self.tell_role(
            Alert(
                kind="record-failed",
                raised=now,
                child_id=record.child_id,
                file_id=file.file_id,
                text=f"{item.code}: {item.meaning}. {item.next_action}",
            )
        )

    def _close_at_18(self, file: SentFile, record: SentRecord) -> None:
        """End the sharing of the person's plans as a child; an unborn child's plan in the same record goes again."""
        person = self.person(record.child_id)
        self.state.people[person.child_id] = replace(person, over_18=True)
        unborn = [p for p in record.plan_ids if self.plan(p).plan_type is PlanType.UNBORN]
        self.forget_sent(replace(record, plan_ids=tuple(unborn)), file.file_id)

    def _mark(self, file: SentFile, record: SentRecord, result: Literal["stored", "failed"]) -> None:
        """Note the result on plans that no later file holds."""
        for plan_id in record.plan_ids:
            plan = self.plan(plan_id)
            if plan.file_id == file.file_id:
                self.state.plans[plan_id] = replace(plan, result=result, acknowledged=file.acknowledged)

    def _stored_since(self, file: SentFile, plan_id: str) -> bool:
        """A later file has got the plan stored already."""
        plan = self.plan(plan_id)
        return plan.file_id != file.file_id and plan.result == "stored"

    # Replies that cannot be acted on.

    def _unmatched(self, reply: Acknowledgement, *, now: datetime) -> None:
        """No file of ours is answered (ACK-002, ACK-015)."""
        codes = ", ".join(f"{code.code} {code.display_name}" for code in reply.file_codes)
        if reply.file_id != NO_ID:
            self._dispute(f"{codes}: file {reply.file_id} was never sent.", reply.file_id)
            return
        text = (
            f"{codes}: CP-IS could not read the number of the file that it answers. Which open file it was is unknown."
        )
        self._dispute(text, NO_ID)
        self.tell_role(Alert(kind="file-failed", raised=now, file_id=NO_ID, text=text))

    def _answered_again(self, file: SentFile, reply: Acknowledgement) -> None:
        """A reply that came twice changes nothing (OPS-006); one that says otherwise is for a person to judge."""
        first = (file.acknowledged, file.code, file.stored, file.failed)
        if (reply.creation_time, reply.file_codes[0].code, reply.stored, reply.failed) != first:
            self._dispute(f"File {file.file_id} was acknowledged before, with another result.", file.file_id)

    def _dispute(self, text: str, file_id: str | None) -> None:
        self.raise_exception(ExceptionItem(kind="acknowledgement", text=text, file_id=file_id))
