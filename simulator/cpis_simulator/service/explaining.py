"""Why a lookup of a number is answered as it is, in words and as facts.

What decides is not said twice: whether an entry is shown comes from `register.showing`, whether a person is answered
for from `lookups.hidden_by`, as in the answer itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from cpis_simulator.driving import ExplainedAccess, ExplainedEntry, ExplainedNotice, Held, PdsChange
from cpis_simulator.model import Author, AuthorName, PersonAuthor
from cpis_simulator.service.lookups import hidden_by
from cpis_simulator.service.notifications import Notice
from cpis_simulator.service.pds import Person
from cpis_simulator.service.people import shape_of
from cpis_simulator.service.register import Entry, Holding, Rule, Showing, StoredQuery, begins, showing, uk_day
from cpis_simulator.settings import Settings
from cpis_simulator.vocabulary import PlanType


@dataclass(frozen=True, slots=True)
class Source:
    """The upload file that an entry stands in as it is."""

    name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """Everything that is known of a number.

    Attributes:
        nhs_number: Whose.
        person: On the demographic service, None when it knows nobody.
        holdings: What each authority shares.
        sources: Upload files, by ODS code and file id.
        queries: Every query on the number, in the order they came.
        told: What authorities were told.
        waiting: Notices that wait for their window, and since when.
        changes: What is to happen to the person.
    """

    nhs_number: str
    person: Person | None
    holdings: Sequence[Holding]
    sources: Mapping[tuple[str, str], Source]
    queries: Sequence[StoredQuery]
    told: Sequence[ExplainedNotice]
    waiting: Sequence[tuple[datetime, Notice]]
    changes: Sequence[PdsChange]


def explain(known: Known, *, settings: Settings, now: datetime) -> Held:
    """Say why a lookup is answered as it is at an instant."""
    hidden = hidden_by(known.person, settings)
    entries = [_entry(holding, entry, known, settings, now) for holding in known.holdings for entry in holding.entries]
    is_found = hidden is None and any(entry.is_shown for entry in entries)
    held = Held(
        nhs_number=known.nhs_number,
        now=now,
        is_found=is_found,
        because=hidden or _summary(entries),
        person=shape_of(known.person) if known.person else None,
        entries=entries,
        accesses=[_access(query) for query in known.queries],
        told=[*known.told, *(_waiting(since, notice) for since, notice in known.waiting)],
        waiting=list(known.changes),
    )
    return held.model_copy(update={"text": in_words(held)})


def _summary(entries: Sequence[ExplainedEntry]) -> str:
    if not entries:
        return "no authority shares anything under this number"
    shown = sum(entry.is_shown for entry in entries)
    return f"{shown} of {len(entries)} {'entry is' if len(entries) == 1 else 'entries are'} shown"


def _entry(holding: Holding, entry: Entry, known: Known, settings: Settings, now: datetime) -> ExplainedEntry:
    born = known.person.birth_date if known.person else None
    limited = "age-18" in settings.upload.business_checks
    seen = showing(entry, on=uk_day(now), born=born, data=settings.data, age_limit=limited)
    source = known.sources.get((holding.authority.ods_code, entry.file_id))
    plan = entry.plan
    return ExplainedEntry(
        authority=holding.authority.ods_code,
        plan_type=plan.plan_type,
        about="unborn child" if plan.plan_type is PlanType.UNBORN else "child",
        start=plan.start,
        end=seen.entry.plan.end,
        delete=plan.delete,
        file_id=entry.file_id,
        file_name=source.name if source else None,
        stored=source.at if source else None,
        is_shown=seen.is_shown,
        rule=seen.rule,
        because=_REASONS[seen.rule](seen, settings),
        since=_since(seen, source),
        last_day=seen.last_day,
    )


def _since(seen: Showing, source: Source | None) -> datetime | None:
    """Since when it is shown, or hidden; None where that is not known."""
    if not seen.is_shown and seen.last_day is not None:
        over = begins(seen.last_day + timedelta(days=1))
        # A file that came later brought in what was over already.
        return max(over, source.at) if source else over
    return source.at if source else None


def _of_deleted(seen: Showing, _settings: Settings) -> str:
    deleted = seen.entry.plan.delete
    assert deleted is not None, "else no other rule would have come first"
    return f"the authority withdrew it as wrong, dated {_day(deleted.date())}"


def _of_age(seen: Showing, _settings: Settings) -> str:
    end, last = seen.entry.plan.end, seen.last_day
    assert end is not None and last is not None, "age has ended it"
    return f"it ended with the eighteenth birthday, {_day(end.date())}, and is shown until {_day(last)}"


def _of_retention(seen: Showing, settings: Settings) -> str:
    end, last = seen.entry.plan.end, seen.last_day
    assert end is not None and last is not None, "else it would be open"
    verb = "is" if seen.is_shown else "was"
    return f"it ends on {_day(end.date())} and {verb} shown for {settings.data.retention} days, until {_day(last)}"


def _of_unborn(seen: Showing, settings: Settings) -> str:
    end, last = seen.entry.plan.end, seen.last_day
    assert end is not None and last is not None, "else it would be open"
    verb = "is" if seen.is_shown else "was"
    if settings.data.ucp_end_means == "last-day":
        return f"it {verb} shown until its end, {_day(last)}"
    grace = settings.data.unborn_grace
    return f"the child is due on {_day(end.date())}, and it {verb} shown for {grace} days, until {_day(last)}"


_REASONS: Final[dict[Rule, Callable[[Showing, Settings], str]]] = {
    Rule.OPEN: lambda _seen, _settings: "it has no end",
    Rule.DELETED: _of_deleted,
    Rule.OF_AGE: _of_age,
    Rule.RETENTION: _of_retention,
    Rule.UNBORN: _of_unborn,
}


def _access(kept: StoredQuery) -> ExplainedAccess:
    query = kept.query
    if query.is_silent():
        because = "a silent read: in no later answer (CPIS-DAT-025), and nobody is told (CPIS-NTF-002)"
    elif not kept.found:
        because = "it found nothing: nobody is told (CPIS-NTF-003)"
    elif kept.listed:
        because = "listed, and each authority of a shown entry is told (CPIS-NTF-001)"
    else:
        because = (
            "not listed, the same author was there within 24 hours (CPIS-RSP-007); told all the same (CPIS-NTF-001)"
        )
    return ExplainedAccess(
        at=query.effective_time,
        event_id=query.event_id,
        who=_who(query.author),
        organisation=query.author.organisation.name,
        is_silent=query.is_silent(),
        found=kept.found,
        is_listed=kept.listed,
        because=because,
    )


def _who(author: Author) -> str:
    if isinstance(author, PersonAuthor):
        return f"{_name(author.name)}, {author.role_name}"
    return f"system {author.asid} for {', '.join(_name(person.name) for person in author.responsible)}"


def _name(name: AuthorName) -> str:
    return " ".join(part for part in (name.prefix, *name.given, name.family) if part)


def _waiting(since: datetime, notice: Notice) -> ExplainedNotice:
    return ExplainedNotice(
        authority=notice.recipient.ods_code,
        kind="access-notification",
        at=since,
        file_id=notice.upload_file_id,
        about=notice.access.event_id,
        state="waits",
    )


def in_words(held: Held) -> str:
    """The whole explanation as lines for people."""
    assert held.now is not None, "made by `explain`"
    answer = "a record is found" if held.is_found else "no record is found"
    lines = [f"{held.nhs_number}, {_moment(held.now)}: {answer}, because {held.because}.", *_person_lines(held)]
    lines += _section("Entries", [_entry_line(entry) for entry in held.entries])
    lines += _section("Accesses", [_access_line(access) for access in held.accesses])
    lines += _section("Told", [_told_line(notice) for notice in held.told])
    return "\n".join(lines)


def _person_lines(held: Held) -> list[str]:
    person = held.person
    if person is None:
        return ["The demographic service knows nobody of this number."]
    also = [f"also {n.given} {n.family}" for n in person.previous_names]
    flags = [
        *(["sensitive record"] if person.sensitive else []),
        *([f"died {_day(person.died)}, which changes nothing here"] if person.died else []),
        *(["adopted: no other number may be told"] if person.adopted else []),
        *([f"number replaced by {person.superseded_by}"] if person.superseded_by and not person.adopted else []),
        *(["number retired"] if person.inactive and not person.superseded_by else []),
    ]
    lines = [
        "On the demographic service: "
        + ", ".join([f"{person.given} {person.family}", f"born {_day(person.birth_date)}", *also, *flags])
        + "."
    ]
    lines += [f"To come: {change.kind}, {_moment(change.at)}." for change in held.waiting if change.at]
    return lines


def _section(title: str, lines: list[str]) -> list[str]:
    return [title, *(f"  {line}" for line in lines)] if lines else [f"{title}: none."]


def _entry_line(entry: ExplainedEntry) -> str:
    state = "shown " if entry.is_shown else "hidden"
    since = f" since {_moment(entry.since)}" if entry.since else ""
    name = f" ({entry.file_name})" if entry.file_name else ""
    stored = f", stored {_moment(entry.stored)}" if entry.stored else ""
    dates = f"from {_day(entry.start.date())}" + (f" to {_day(entry.end.date())}" if entry.end else "")
    return (
        f"{state} {entry.authority} {entry.plan_type} {dates}: {entry.because} ({entry.rule}){since}. "
        f"File {entry.file_id}{name}{stored}."
    )


def _access_line(access: ExplainedAccess) -> str:
    return f"{_moment(access.at)} {access.who}, {access.organisation}: {access.because}. Event {access.event_id}."


def _told_line(notice: ExplainedNotice) -> str:
    file = f", {notice.file_name}" if notice.file_name else ""
    what = f"access {notice.about}" if notice.kind == "access-notification" else "the number is no longer used"
    if notice.kind == "inactive-notification":
        what += f", {notice.about} takes its place" if notice.about else ", nothing is told of another"
    return f"{_moment(notice.at)} {notice.authority}: {what}; under its file {notice.file_id}; {notice.state}{file}."


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def _moment(at: datetime) -> str:
    utc = at.astimezone(UTC)
    return f"{_day(utc.date())} {utc:%H:%M:%S} UTC"
