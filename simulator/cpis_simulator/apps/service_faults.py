"""Seeded faults of the service: ways in which it may break the rules, each switched on by name.

A fault takes one decision of the core differently, in the place where that decision is made: the wrong answer or the
missing notification comes about as it would in a service that was built so, and no byte is edited on its way out.
Decisions are functions of the core, so a fault stands in the place of one from its planting until the process ends.
`tests` of the harness switch on each of them and expect `fail` on its requirements; other requirements may fail only
where `also` names them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Any, Final, Literal

from cpis_simulator.apps import claims, outgoing, service_node
from cpis_simulator.apps.outgoing import Outgoing
from cpis_simulator.directory import DEFAULT_AUTHORITIES
from cpis_simulator.errors import ConfigError
from cpis_simulator.model import Coded, Organisation, PlanRecord, Query
from cpis_simulator.service import lookups, pds, register, uploads
from cpis_simulator.service.lookups import LookUpOutcome
from cpis_simulator.service.notifications import notice
from cpis_simulator.service.pds import Person
from cpis_simulator.service.register import Entry, Holding, Showing
from cpis_simulator.service.uploads import Changes, Ingest, UploadOutcome
from cpis_simulator.spine import exchange
from cpis_simulator.store.session import Session
from cpis_simulator.vocabulary import FILE_CODE_TEXT, FileCode, PlanType, RecordCode

Decision = Callable[..., Any]
Origin = Literal["rules", "checks"]


@dataclass(frozen=True, slots=True)
class ServiceFault:
    """A fault.

    Attributes:
        name: As on the command line.
        behaviour: What the service does wrong.
        origin: `rules`: drawn up from the rules by somebody who had not seen the checks; `checks`: added with them.
        requirements: Ids that must be noticed as broken.
        also: Ids that may fail as a consequence.
        tests: Catalogue tests that can notice it.
        places: Modules or classes of the core, and in each the name of the decision that is taken otherwise.
        wrong: Is handed the right decision, then what that is handed.
    """

    name: str
    behaviour: str
    origin: Origin
    requirements: tuple[str, ...]
    also: tuple[str, ...]
    tests: tuple[str, ...]
    places: tuple[tuple[object, str], ...]
    wrong: Decision

    def plant(self) -> None:
        """Take the decision otherwise from now on."""
        for owner, decision in self.places:
            setattr(owner, decision, _instead_of(getattr(owner, decision), self.wrong))


SERVICE_FAULTS: Final[dict[str, ServiceFault]] = {}
"""Every fault by name."""


def _instead_of(right: Decision, wrong: Decision) -> Decision:
    def decide(*given: Any, **named: Any) -> Any:
        return wrong(right, *given, **named)

    return decide


def seeded(
    name: str,
    requirements: str,
    *places: tuple[object, str],
    tests: str,
    also: str = "",
    origin: Origin = "rules",
) -> Callable[[Decision], Decision]:
    """Register a wrong decision; its docstring says what it does. Ids are written without `CPIS-`."""

    def register_fault(wrong: Decision) -> Decision:
        SERVICE_FAULTS[name] = ServiceFault(
            name,
            " ".join((wrong.__doc__ or "").split()),
            origin,
            tuple(f"CPIS-{short}" for short in requirements.split()),
            tuple(f"CPIS-{short}" for short in also.split()),
            tuple(tests.split()),
            places,
            wrong,
        )
        return wrong

    return register_fault


def plant(names: Sequence[str]) -> None:
    """Plant these faults in this process.

    Raises:
        ConfigError: A name is unknown, or two faults change the same decision.
    """
    taken: dict[tuple[int, str], str] = {}
    chosen = []
    for name in dict.fromkeys(names):
        if (fault := SERVICE_FAULTS.get(name)) is None:
            nearest = get_close_matches(name, SERVICE_FAULTS, n=3)
            raise ConfigError(
                "Unknown fault",
                found=name,
                expected=f"one of {', '.join(nearest)}" if nearest else "a name of --list-faults",
                mend="`cpis serve --list-faults` lists them.",
            )
        for owner, decision in fault.places:
            if (other := taken.setdefault((id(owner), decision), name)) != name:
                raise ConfigError(f"The faults {other} and {name} cannot be combined", mend="Run them one by one.")
        chosen.append(fault)
    for fault in chosen:
        fault.plant()


# Who somebody is.


@seeded("match-ignores-birth-date", "DAT-026", (uploads, "check_person"), tests="SV-06")
def _match_ignores_birth_date(right: Decision, subject: Any, person: Person | None, *more: Any) -> Any:
    """A record is stored although its birth date differs from that of PDS."""
    return right(replace(subject, birth_date=person.birth_date) if person else subject, person, *more)


@seeded("match-ignores-given-names", "DAT-026", (uploads, "check_person"), tests="SV-06")
def _match_ignores_given_names(right: Decision, subject: Any, person: Person | None, *more: Any) -> Any:
    """A record is stored whatever its given name is."""
    return right(replace(subject, given=person.name.given) if person else subject, person, *more)


@seeded("match-is-case-and-accent-exact", "DAT-026", (pds, "folded"), tests="SV-06")
def _match_is_exact(right: Decision, name: str, tolerated: frozenset[Any] = frozenset()) -> Any:
    """A family name in capitals is another name."""
    return right(name, tolerated - {"case", "accents"})


@seeded("match-on-local-register", "DAT-026", (Ingest, "_judge_subjects"), tests="SV-06")
def _match_on_local_register(right: Decision, ingest: Ingest, record: PlanRecord, work: Any) -> Any:
    """PDS is asked only the first time that a number is uploaded."""
    known = all(subject.nhs_number in work.held for subject in record.subjects)
    return None if known else right(ingest, record, work)


@seeded("sensitive-stored", "UPL-020", (uploads, "check_person"), tests="SV-08")
def _sensitive_stored(right: Decision, subject: Any, person: Person | None, *more: Any) -> Any:
    """A record of a sensitive person is stored."""
    return right(subject, replace(person, sensitive=False) if person else None, *more)


@seeded("superseded-said-to-be-unknown", "UPL-021", (uploads, "check_person"), tests="SV-07")
def _superseded_unknown(right: Decision, *given: Any) -> Any:
    """A number that was merged is answered CPR01, so nobody asks for the new one."""
    code = right(*given)
    return RecordCode.NO_MATCH if code is RecordCode.SUPERSEDED else code


@seeded("check-digit-said-to-be-unknown", "UPL-021", (uploads, "check_number"), tests="SV-07")
def _check_digit_unknown(right: Decision, *given: Any) -> Any:
    """A number with a wrong check digit is answered CPR01."""
    return RecordCode.NO_MATCH if right(*given) is RecordCode.BAD_FORMAT else None


@seeded("eighteenth-birthday-ignored", "DAT-016", (register, "is_over_age"), (uploads, "is_over_age"), tests="SV-22")
def _never_of_age(_right: Decision, _born: Any, *, on: Any) -> bool:
    """An open plan stays open after the eighteenth birthday, and updates are still taken."""
    return False


@seeded("eighteenth-birthday-hides", "DAT-016", (register, "showing"), tests="SV-22")
def _age_hides(right: Decision, entry: Entry, **how: Any) -> Any:
    """A plan vanishes on the eighteenth birthday."""
    seen = right(entry, **how)
    return replace(seen, is_shown=False) if seen.rule is register.Rule.OF_AGE else seen


@seeded("mothers-cut-at-eighteen", "DAT-017", (Ingest, "_is_too_old"), tests="SV-45")
def _mothers_cut(_right: Decision, ingest: Ingest, _record: Any, _kind: Any, person: Person) -> bool:
    """An unborn child's plan of a mother of 18 or over is refused."""
    return register.is_over_age(person.birth_date, on=ingest._today)


@seeded("match-wants-every-given-name", "DAT-026", (pds, "_match_name"), tests="SV-06")
def _every_given_name(right: Decision, *given: Any) -> Any:
    """A record with the first of two given names is refused."""
    step = right(*given)
    return step if step is pds.MatchStep.ALL_GIVEN_NAMES else None


# How long a plan is shown, and as what.


@seeded("retention-one-day-short", "DAT-018", (register, "last_day"), tests="LK-06")
def _retention_short(right: Decision, plan_type: PlanType, *given: Any) -> Any:
    """An ended plan is hidden on day 365 after its end."""
    return right(plan_type, *given) - timedelta(days=plan_type is not PlanType.UNBORN)


@seeded("retention-one-day-long", "DAT-018", (register, "last_day"), tests="LK-06")
def _retention_long(right: Decision, plan_type: PlanType, *given: Any) -> Any:
    """An ended plan is still shown on day 366 after its end."""
    return right(plan_type, *given) + timedelta(days=plan_type is not PlanType.UNBORN)


@seeded("retention-is-a-calendar-year", "DAT-018", (register, "last_day"), tests="SV-46")
def _calendar_year(right: Decision, plan_type: PlanType, end: datetime, data: Any) -> Any:
    """An ended plan is kept until the same date of the next year."""
    return right(plan_type, end, data) if plan_type is PlanType.UNBORN else pds.birthday(end.date(), 1)


@seeded("unborn-kept-365-days", "DAT-019", (register, "last_day"), tests="LK-07", also="DAT-020")
def _unborn_long(right: Decision, _plan_type: PlanType, *given: Any) -> Any:
    """An unborn child's plan is kept for 365 days like the others."""
    return right(PlanType.CHILD_PROTECTION, *given)


@seeded("unborn-hidden-at-due-date", "DAT-019 DAT-020", (register, "last_day"), tests="LK-07")
def _unborn_short(right: Decision, plan_type: PlanType, end: datetime, data: Any) -> Any:
    """An unborn child's plan is not shown after the due date."""
    return end.date() if plan_type is PlanType.UNBORN else right(plan_type, end, data)


@seeded("end-hides-at-once", "RSP-009", (register, "showing"), tests="SV-39", also="DAT-018")
def _end_hides(right: Decision, entry: Entry, **how: Any) -> Any:
    """A plan with an end in the past is not shown any more."""
    seen = right(entry, **how)
    end = entry.plan.end
    return replace(seen, is_shown=False) if end is not None and end.date() < how["on"] else seen


@seeded("ended-plan-looks-open", "RSP-009", (register, "showing"), tests="SV-39", also="DAT-018")
def _ended_looks_open(right: Decision, entry: Entry, **how: Any) -> Any:
    """An ended plan is shown without its end."""
    seen: Showing = right(entry, **how)
    return replace(seen, entry=replace(seen.entry, plan=replace(seen.entry.plan, end=None)))


@seeded("one-authority-answered", "DAT-022 DAT-023", (Session, "holdings"), tests="SV-12", origin="checks")
def _one_authority(right: Decision, *given: Any) -> Any:
    """Of several authorities' entries only one authority's are found."""
    return right(*given)[-1:]


@seeded("merge-carries-entries-over", "RSP-010", (lookups, "hidden_by"), tests="LK-23")
def _merge_hides_nothing(_right: Decision, *_given: Any) -> None:
    """After a merge the old number still finds its entries."""


@seeded("adoption-told", "INA-007", (Person, "replacement"), tests="SV-17")
def _adoption_told(_right: Decision, person: Person, _settings: Any) -> str | None:
    """At an adoption the new number is given as the replacement."""
    return person.superseded_by


# What is stored.


def _with_plans(record: PlanRecord, change: Callable[[Any], Any]) -> PlanRecord:
    return replace(record, plans=tuple(map(change, record.plans)))


@seeded("delete-only-ends", "DAT-010 DAT-009", (uploads, "upsert"), tests="SV-05")
def _delete_only_ends(right: Decision, record: PlanRecord, **how: Any) -> Any:
    """A withdrawn plan is shown as ended on the day of its withdrawal."""
    return right(_with_plans(record, lambda p: replace(p, end=p.delete, delete=None) if p.delete else p), **how)


@seeded("end-date-cannot-be-taken-back", "UPL-011", (uploads, "upsert"), tests="FD-32")
def _end_stays(right: Decision, record: PlanRecord, **how: Any) -> Any:
    """The same plan sent again without its end leaves the old end standing."""
    before: Holding | None = how["held"].get(record.subjects[0].nhs_number)
    ends = {(e.plan.plan_type, e.plan.start): e.plan.end for e in before.entries} if before else {}
    return right(_with_plans(record, lambda p: replace(p, end=p.end or ends.get((p.plan_type, p.start)))), **how)


@seeded("upsert-without-start-date", "UPL-011", (register, "_is_same"), tests="FD-32")
def _same_by_type(right: Decision, held: Any, sent: Any, _key: Any) -> Any:
    """A plan with another start takes the place of the earlier one of its type."""
    return right(held, sent, "type")


@seeded("upsert-adds-always", "UPL-011 UPL-012", (register, "_is_same"), tests="FD-31 FD-32", also="UPL-009 UPL-010")
def _never_same(_right: Decision, *_given: Any) -> bool:
    """The same plan is kept beside itself."""
    return False


@seeded("duplicate-id-processed", "UPL-013", (uploads, "_is_used"), tests="FD-16")
def _id_never_used(_right: Decision, *_given: Any) -> bool:
    """A file under an id that was processed is loaded again."""
    return False


@seeded("id-burnt-by-cpf05", "OPS-001", (uploads, "_is_used"), tests="SV-11")
def _id_burnt(right: Decision, file_id: str, authority: Any, known: Any, settings: Any) -> Any:
    """The same file sent again after CPF05 is answered CPF01."""
    burnt = known.standing_of_file(authority.ods_code, file_id) is not None
    return burnt or right(file_id, authority, known, settings)


@seeded("foreign-code-accepted", "UPL-015", (uploads, "_header_refusal"), tests="FD-26")
def _foreign_code(right: Decision, header: Any, authority: Any, *more: Any) -> Any:
    """A file with another authority's code is stored under that code."""
    return right(header, replace(authority, ods_code=header.sender.ods_code), *more)


@seeded("foreign-code-stored-for-sender", "UPL-015", (uploads, "_is_own"), tests="FD-26")
def _all_codes_are_own(_right: Decision, *_given: Any) -> bool:
    """A file with another authority's code is stored under the code of whose folder it came from."""
    return True


@seeded("quantity-not-counted", "UPL-004", (Ingest, "finish"), tests="SV-01")
def _quantity_not_counted(right: Decision, ingest: Ingest, count: int) -> Any:
    """A file that declares more records than it holds is loaded."""
    assert ingest._header is not None
    ingest._header = replace(ingest._header, quantity=count)
    return right(ingest, count)


@seeded("outage-unnoticed", "OPS-001", (Ingest, "begin"), tests="SV-11", origin="checks")
def _outage_unnoticed(right: Decision, ingest: Ingest, header: Any) -> Any:
    """While PDS is away a file is stored by what is remembered of its people."""
    refusal = right(ingest, header)
    ingest._pds = True
    return refusal


@seeded("emergency-number-not-needed", "DAT-014", (uploads, "check_header"), tests="SV-04", origin="checks")
def _header_not_checked(_right: Decision, *_given: Any, **_named: Any) -> tuple[()]:
    """A file without an emergency duty number is stored."""
    return ()


@seeded("dates-not-compared", "MSG-013", (uploads, "is_sound"), tests="SV-30", origin="checks")
def _all_records_sound(_right: Decision, *_given: Any) -> bool:
    """A plan that ends before it starts is stored."""
    return True


@seeded("content-id-ignored", "MSG-006", (claims, "ingest_pieces"), tests="SV-31", origin="checks")
def _content_id_ignored(right: Decision, *given: Any, **_named: Any) -> Any:
    """A plan behind the name of another block is stored."""
    return right(*given, content_id=False)


# How a file is answered.


@seeded("one-bad-record-spoils-the-file", "UPL-014", (Ingest, "take"), tests="FD-33", also="ACK-002 DAT-007 DAT-008")
def _one_spoils_all(right: Decision, ingest: Ingest, records: Any) -> Any:
    """One record that fails makes the whole file fail."""
    changes = right(ingest, records)
    if isinstance(changes, Changes) and changes.results:
        return ingest._refused("a record failed")
    return changes


@seeded("partial-said-to-be-whole", "ACK-004", (uploads, "_file_code"), tests="SV-36", also="ACK-001 ACK-003")
def _partial_is_whole(right: Decision, code: FileCode) -> Any:
    """A file with stored and failed records is answered CPF02."""
    return right(FileCode.ALL_STORED if code is FileCode.PARTLY_STORED else code)


@seeded("none-stored-said-to-be-partial", "ACK-004", (uploads, "_file_code"), tests="SV-36", also="ACK-001 ACK-003")
def _none_is_partial(right: Decision, code: FileCode) -> Any:
    """A file of which nothing was stored is answered CPF03."""
    return right(FileCode.PARTLY_STORED if code is FileCode.NONE_STORED else code)


@seeded("counts-at-file-level", "ACK-003", (Ingest, "_file_level"), tests="SV-36", also="ACK-001 ACK-004")
def _counts_at_file_level(right: Decision, ingest: Ingest, *given: Any) -> Any:
    """CPF01 is answered with the records counted as failed."""
    outcome: UploadOutcome = right(ingest, *given)
    counted = replace(outcome.acknowledgement, failed=max(outcome.acknowledgement.quantity, 0))
    return replace(outcome, acknowledgement=counted)


@seeded("crossed-failures", "ACK-005 ACK-007", (Ingest, "take"), tests="SV-37", also="ACK-008")
def _crossed_failures(right: Decision, ingest: Ingest, records: Any) -> Any:
    """Of several failed records each is answered with another one's code."""
    changes = right(ingest, records)
    if isinstance(changes, Changes):
        codes = [(r.code, r.display_name) for r in changes.results]
        crossed = zip(changes.results, codes[1:] + codes[:1], strict=True)
        changes.results = [replace(r, code=code, display_name=text) for r, (code, text) in crossed]
    return changes


@seeded(
    "another-file-acknowledged",
    "ACK-002",
    (Ingest, "finish"),
    tests="FD-33",
    also="UPL-014 DAT-007 DAT-008",
    origin="checks",
)
def _another_file(right: Decision, ingest: Ingest, count: int) -> Any:
    """The reply names the file before the one that it answers."""
    outcome: UploadOutcome = right(ingest, count)
    named = str(int(outcome.acknowledgement.file_id) - 1)
    return replace(outcome, acknowledgement=replace(outcome.acknowledgement, file_id=named))


@seeded("code-with-another-text", "MSG-010", (uploads, "_file_code"), tests="SV-32", origin="checks")
def _another_text(right: Decision, code: FileCode) -> Coded:
    """CPF03 comes with the text of CPF02."""
    coded: Coded = right(code)
    return replace(coded, display_name=FILE_CODE_TEXT[FileCode.ALL_STORED]) if code is FileCode.PARTLY_STORED else coded


# Whom an answer lists.


@seeded("twenty-six-accesses", "DAT-024", (lookups, "_accesses"), tests="SV-40", also="RSP-006")
def _twenty_six(right: Decision, query: Query, known: Any, settings: Any, *, own: bool) -> Any:
    """The answer lists its own access beside 25 earlier ones."""
    earlier = known.history(query.nhs_number, lookups.HISTORY_DEPTH)
    listed = right(query, known, settings, own=own)
    return (*listed, *(a for a in earlier if a not in listed))


@seeded("collapse-by-calendar-day", "RSP-007", (lookups, "_is_repeat"), tests="LK-26", also="RSP-008")
def _same_day(_right: Decision, query: Query, key: str, known: Any) -> bool:
    """A repeat on the next day within 24 hours is listed again."""
    last = known.last_listed(query.nhs_number, key, until=query.effective_time)
    return last is not None and last.date() == query.effective_time.date()


@seeded("collapse-window-slides", "RSP-007", (lookups, "_is_repeat"), tests="LK-26", also="RSP-008")
def _window_slides(_right: Decision, query: Query, key: str, known: Any) -> bool:
    """Each repeat begins the 24 hours anew."""
    times = [q.query.effective_time for q in known.stored_queries(query.nhs_number) if q.author_key == key and q.found]
    return bool(times) and query.effective_time - max(times) <= lookups.REPEAT_WINDOW


@seeded("local-time-leaps", "RSP-007", (lookups, "_is_repeat"), tests="LK-26", also="RSP-008")
def _local_time(_right: Decision, query: Query, key: str, known: Any) -> bool:
    """The 24 hours are counted on clocks that go back in October."""
    at = query.effective_time
    last = known.last_listed(query.nhs_number, key, until=at)
    return last is not None and _on_clocks(at) - _on_clocks(last) <= lookups.REPEAT_WINDOW


def _on_clocks(at: datetime) -> datetime:
    """What clocks in the United Kingdom show."""
    utc = at.astimezone(UTC)
    summer = register._last_sunday(utc.year, 3) <= utc < register._last_sunday(utc.year, 10)
    return utc + timedelta(hours=summer)


@seeded("collapse-by-organisation", "RSP-007", (lookups, "author_key"), tests="LK-26", also="RSP-008")
def _by_organisation(_right: Decision, author: Any, *_more: Any) -> str:
    """Accesses of two persons of one organisation are listed as one."""
    return str(author.organisation.ods_code)


@seeded("own-query-not-listed", "RSP-007", (lookups, "_accesses"), tests="LK-26", also="RSP-008")
def _own_not_listed(right: Decision, *given: Any, own: bool) -> Any:
    """The answer lists the earlier accesses only."""
    return right(*given, own=False)


@seeded("oldest-access-first", "RSP-008", (lookups, "_accesses"), tests="LK-26")
def _oldest_first(right: Decision, *given: Any, own: bool) -> Any:
    """The accesses are listed oldest first."""
    return tuple(reversed(right(*given, own=own)))


@seeded("silent-read-remembered", "DAT-025", (service_node, "look_up"), tests="LK-25")
def _silent_remembered(right: Decision, *given: Any, **named: Any) -> Any:
    """A silent read stands in later answers."""
    outcome: LookUpOutcome = right(*given, **named)
    kept = outcome.query
    if kept is None or not (kept.found and kept.query.is_silent()):
        return outcome
    return replace(outcome, query=replace(kept, listed=True))


@seeded("unflagged-is-silent", "QRY-009", (Query, "is_silent"), tests="LK-17", origin="checks")
def _unflagged_silent(_right: Decision, query: Query) -> bool:
    """A query without the flag is taken for a silent read."""
    return query.unscheduled is not True


# Who is told.


@seeded("silent-read-notified", "NTF-002", (service_node, "look_up"), tests="SV-42", also="QRY-008")
def _silent_notified(right: Decision, message: Any, *given: Any, **named: Any) -> Any:
    """A silent read is notified."""
    outcome: LookUpOutcome = right(message, *given, **named)
    loud = replace(message, query=replace(message.query, unscheduled=True))
    return replace(outcome, notices=right(loud, *given, **named).notices)


@seeded("repeat-not-notified", "NTF-001", (service_node, "look_up"), tests="SV-14")
def _repeat_not_notified(right: Decision, *given: Any, **named: Any) -> Any:
    """A repeat that the history does not show is not notified either."""
    outcome: LookUpOutcome = right(*given, **named)
    return outcome if outcome.query and outcome.query.listed else replace(outcome, notices=())


@seeded("first-authority-notified-only", "NTF-005", (service_node, "look_up"), tests="NT-07", also="IG-010")
def _first_notified(right: Decision, *given: Any, **named: Any) -> Any:
    """With entries of two authorities only one of them is notified."""
    outcome: LookUpOutcome = right(*given, **named)
    return replace(outcome, notices=outcome.notices[:1])


def _with_hidden(outcome: LookUpOutcome, message: Any, known: Any) -> LookUpOutcome:
    holdings = known.holdings(message.query.nhs_number)
    return replace(outcome, notices=tuple(notice(message.query, h, h.entries) for h in holdings))


@seeded("hidden-entry-notified", "IG-010", (service_node, "look_up"), tests="SV-13")
def _hidden_notified(right: Decision, message: Any, known: Any, **named: Any) -> Any:
    """An authority whose only entry is withdrawn is told of an access that found another authority's."""
    outcome: LookUpOutcome = right(message, known, **named)
    return _with_hidden(outcome, message, known) if outcome.notices else outcome


@seeded("not-found-notified", "NTF-003", (service_node, "look_up"), tests="SV-15")
def _not_found_notified(right: Decision, message: Any, known: Any, **named: Any) -> Any:
    """An access that found nothing, because all entries are hidden, is notified."""
    outcome: LookUpOutcome = right(message, known, **named)
    return _with_hidden(outcome, message, known) if outcome.query and not outcome.query.found else outcome


@seeded("access-told-an-hour-late", "IG-005", (lookups, "notice"), tests="SV-44", origin="checks")
def _an_hour_late(right: Decision, query: Query, *given: Any) -> Any:
    """The notification has another time than the query."""
    return right(replace(query, effective_time=query.effective_time + timedelta(hours=1)), *given)


@seeded("window-drops-its-last-access", "NTF-009", (Session, "take_notices"), tests="NT-16", origin="checks")
def _drops_the_last(right: Decision, *given: Any) -> Any:
    """The last access of a window is told with none."""
    return right(*given)[:-1]


@seeded("a-file-for-each-access", "NTF-009", (Outgoing, "accesses"), tests="NT-16", origin="checks")
def _file_for_each(right: Decision, sender: Outgoing, session: Session, notices: Any, now: datetime) -> int:
    """What came in a window is told in as many files as there were accesses."""
    return sum(right(sender, session, [notice], now) for notice in notices)


@seeded("inactive-number-not-told", "INA-001", (outgoing, "inactive_notifications"), tests="SV-16", also="INA-002")
def _inactive_not_told(_right: Decision, *_given: Any, **_named: Any) -> list[Any]:
    """A number that is used no more is told to nobody."""
    return []


@seeded(
    "inactive-number-to-one-only",
    "INA-001",
    (outgoing, "inactive_notifications"),
    tests="SV-16",
    also="INA-002",
    origin="checks",
)
def _inactive_to_one(right: Decision, *given: Any, **named: Any) -> Any:
    """Of two authorities that use a number one is told."""
    return right(*given, **named)[:1]


@seeded("replacement-left-out", "INA-002", (outgoing, "inactive_notifications"), tests="SV-16", also="INA-001")
def _replacement_left_out(right: Decision, retired: Any, *given: Any, **named: Any) -> Any:
    """The notification of a merged number has no new one."""
    return right(dict.fromkeys(retired), *given, **named)


@seeded("inactive-number-to-all", "INA-001", (outgoing, "inactive_notifications"), tests="SV-47")
def _inactive_to_all(right: Decision, *given: Any, ids: Callable[[], str], **named: Any) -> Any:
    """A number that is used no more is told to authorities that never used it."""
    told = right(*given, ids=ids, **named)
    others = [a for a in DEFAULT_AUTHORITIES if a.ods_code not in {t.recipient.ods_code for t in told}]
    more = [
        replace(told[0], recipient=Organisation(other.ods_code, other.name), message_id=ids())
        for other in others
        if told
    ]
    return [*told, *more]


@seeded("notified-under-anothers-file", "IG-010", (service_node, "look_up"), tests="NT-07", also="NTF-005")
def _anothers_file(right: Decision, *given: Any, **named: Any) -> Any:
    """The notification to one authority names the upload file of another."""
    outcome: LookUpOutcome = right(*given, **named)
    if len(outcome.notices) < 2:
        return outcome
    first = outcome.notices[0].upload_file_id
    return replace(outcome, notices=tuple(replace(n, upload_file_id=first) for n in outcome.notices))


@seeded("lower-case-ids", "MSG-007", (outgoing, "access_notifications"), tests="SV-27", origin="checks")
def _lower_case(right: Decision, *given: Any, ids: Callable[[], str], **named: Any) -> Any:
    """Notifications have ids in lower case."""
    return right(*given, ids=lambda: ids().lower(), **named)


# What a query needs.


def _but(faults: tuple[Coded, ...], item: str) -> tuple[Coded, ...]:
    return tuple(fault for fault in faults if item not in fault.display_name)


@seeded(
    "role-name-not-asked-for",
    "QRY-004",
    (exchange, "query_faults"),
    tests="LK-14",
    also="QRY-003 QRY-005 RSP-011",
    origin="checks",
)
def _role_name_not_asked_for(right: Decision, element: Any) -> Any:
    """A query whose author has no role name is not refused for it."""
    return _but(right(element), "Job Role Name")


@seeded("event-id-not-asked-for", "QRY-007", (exchange, "query_faults"), tests="LK-15", also="RSP-011", origin="checks")
def _event_id_not_asked_for(right: Decision, element: Any) -> Any:
    """A query without an event id is not refused for it."""
    return _but(right(element), "Event ID")
