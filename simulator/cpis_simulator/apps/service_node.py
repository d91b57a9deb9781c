"""CP-IS put on its store and edges: what an endpoint asks for an answer, and what a driver can ask it to do.

Any number of processes may hold a node on the same store. One of them serves the folders; all of them answer.
"""

from __future__ import annotations

import base64
import binascii
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final, TypeVar

from cpis_simulator.apps.agenda import Agenda
from cpis_simulator.apps.file_drop import FileDrop
from cpis_simulator.apps.operations import OperationRefused, offered
from cpis_simulator.apps.outgoing import Outgoing
from cpis_simulator.apps.reply_sender import ReplySender
from cpis_simulator.apps.world_desk import SetupMemory, WorldDesk
from cpis_simulator.directory import Directory, Party, RegisteredAuthority, spine_party
from cpis_simulator.driving import (
    AuthorityIdentity,
    Changed,
    ChangePeople,
    Deliver,
    Delivered,
    Explain,
    ExplainedNotice,
    Flushed,
    Health,
    Held,
    HoldNotifications,
    Nothing,
    PartyList,
    PartyState,
    PdsChange,
    PdsPerson,
    Population,
    PutParties,
    PutPeople,
    ReplyList,
    ReplyState,
    ReportUndelivered,
    Reset,
    RetireNumbers,
    Script,
    ServiceClock,
    SetPds,
    Silence,
    Version,
    Weather,
)
from cpis_simulator.errors import ConfigError
from cpis_simulator.evidence import FILE_DROP
from cpis_simulator.mailbox.messages import Mailbox
from cpis_simulator.mailbox.names import notification_name, response_name
from cpis_simulator.model import QueryMessage, Reply
from cpis_simulator.nhs_number import is_synthetic, masked
from cpis_simulator.service.explaining import Known, Source, explain
from cpis_simulator.service.lookups import look_up
from cpis_simulator.service.pds import TEST_PEOPLE
from cpis_simulator.service.people import obstacle, person_of
from cpis_simulator.service.register import Holding
from cpis_simulator.settings import Settings
from cpis_simulator.spine.delivery import Standing
from cpis_simulator.spine.parties import party_of
from cpis_simulator.spine.weather import kinds_of, resolved
from cpis_simulator.store.journal import Journal
from cpis_simulator.store.session import Session, ToldRow
from cpis_simulator.store.world import World
from cpis_simulator.vocabulary import MessageKind

PRODUCT: Final = "CP-IS harness, mock Spine"
_DELIVER_S: Final = 10.0
T = TypeVar("T")


class ServiceNode:
    """The service in one process.

    Args:
        settings: Every choice about the service.
        authorities: Who may share; the first part of each drop folder's path is the ODS code.
        drop_root: Where the authorities' folders are.
        store_url: The world's store, as SQLAlchemy reads it.
        journal: Where evidence goes, if anywhere.
        ids: Gives upper-case UUIDs, never the same twice.
        real_now: Real time; the world's clock is counted from it.
        population: People beside the test people, and what happens to them; put there anew at every reset.
        serves_folders: This process picks up uploads and delivers; one of those that share a store.
        serves_mesh: It does so by MESH, too.
        mailboxes: Of MESH, beside those of CP-IS.
        serves_pairs: Authorities whose mailboxes have folders of pairs.
        parties: The configured part of the directory, without the service itself.
        tls: Our side of TLS where replies go to an `https` address.
    """

    def __init__(
        self,
        settings: Settings,
        authorities: Sequence[RegisteredAuthority],
        drop_root: Path,
        store_url: str,
        journal: Journal | None,
        ids: Callable[[], str],
        real_now: Callable[[], datetime],
        *,
        population: Population | None = None,
        serves_folders: bool = True,
        serves_mesh: bool = False,
        mailboxes: Sequence[Mailbox] = (),
        serves_pairs: Sequence[str] = (),
        parties: Sequence[Party] = (),
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Open the store; `start` opens the folders."""
        self._settings = settings
        self._authorities = {a.ods_code: a for a in authorities}
        self._journal = journal
        self._ids = ids
        self._real_now = real_now
        populace = population or Population()
        changes = [(c.at, c.model_dump_json(exclude_none=True)) for c in populace.changes if c.at is not None]
        if len(changes) != len(populace.changes):
            raise ConfigError("A change in a population has no instant", mend="Give each change an `at`.")
        prefix = settings.data.test_number_prefix
        if strange := [p.nhs_number for p in populace.people if not is_synthetic(p.nhs_number, prefix)]:
            found = ", ".join(map(masked, strange[:3]))
            expected = f"numbers beginning with {prefix}, each with its check digit"
            raise ConfigError("A population holds others than test people", expected=expected, found=found)
        self.world = World(
            store_url,
            people=[*TEST_PEOPLE, *map(person_of, populace.people)],
            changes=changes,
            held=settings.notify.cadence == "window",
        )
        self._outgoing = Outgoing(settings, self._authorities, ids)
        self._agenda = Agenda(settings, self._outgoing)
        self.drop = FileDrop(
            drop_root, authorities, self.world, journal, settings,
            ids=ids, real_now=real_now, also=self._run_what_is_due,
            mail_now=self.now if serves_mesh and serves_folders else None, mailboxes=mailboxes,
            pairs=serves_pairs,
        )  # fmt: skip
        self._serves_folders = serves_folders
        self._parties = tuple(parties)
        self._setup = SetupMemory(parties, settings.transport)
        self.sender = ReplySender(self.world, journal, settings.transport, real_now, tls)

    def listens_at(self, url: str) -> None:
        """The address of the lookup endpoint is known: the directory publishes it."""
        self._setup.parties = (spine_party(url, self._settings.transport), *self._parties)
        self._setup.forget()

    def start(self, *, adopts_replies: bool = True) -> None:
        """Begin to work.

        Args:
            adopts_replies: No other process sends replies of this store yet.

        Raises:
            StartError: When a folder cannot be used, or another endpoint serves the drop root.
        """
        if self._serves_folders:
            with self.world.read() as session:
                is_to_open = self._agenda.is_to_open(session.state())
            if is_to_open:
                with self.world.write() as session:
                    self._agenda.open(session, self._now(session))
            self.drop.start()
        self.sender.start(adopts=adopts_replies)

    def stop(self) -> None:
        """Finish what is being done and let go of everything."""
        self.sender.stop()
        if self._serves_folders:
            self.drop.stop()
        self.world.close()

    def now(self) -> datetime:
        """What the world's clock shows."""
        with self.world.read() as session:
            return self._now(session)

    # The lookup.

    @contextmanager
    def desk(self, exchange: str = "", scenario: str | None = None) -> Iterator[WorldDesk]:
        """A transaction for one exchange: all that comes of it, or on an exception nothing.

        Args:
            exchange: Id of its evidence.
            scenario: Whose evidence that is.
        """
        with self.world.write() as session:
            desk = WorldDesk(
                session, self._setup.read(session), self.sender, self._answer, self._real_now, exchange, scenario
            )
            yield desk
        if desk.reserved:
            self.sender.reserve(desk.reserved)
        if desk.notified:
            self.drop.wake_delivery()

    def release(self, rows: Iterable[int]) -> None:
        """The answer before these replies has left: they may go."""
        self.sender.release(rows)

    def answer(self, message: QueryMessage) -> Reply:
        """Answer a query that has passed the checks of its form; tell the authorities of it."""
        with self.desk() as desk:
            return desk.answer(message)

    def _answer(self, session: Session, message: QueryMessage) -> tuple[Reply, bool]:
        """Answer a query within a transaction, and say whether somebody is to be told of it.

        Answer, access and notification are one transaction: there is none without the others.
        """
        now = self._now(session)
        if (due := session.state().due) is not None and due <= now:
            self._agenda.run(session, now)
        outcome = look_up(message, session, settings=self._settings, now=now, ids=self._ids)
        if outcome.query is not None:
            session.add_query(outcome.query)
        # Records of an authority that is registered no more have nobody to be told.
        notices = [n for n in outcome.notices if n.recipient.ods_code in self._authorities]
        if session.state().held:
            for waiting in notices:
                session.add_notice(waiting, now)
                self._agenda.wait(session, now)
        else:
            self._outgoing.accesses(session, notices, now)
        return outcome.reply, bool(notices)

    # What a driver can ask.

    def version(self, _request: Nothing) -> Version:
        """Say what the service is."""
        authorities = [
            AuthorityIdentity(
                ods=a.ods_code,
                name=a.name,
                telephone_office=a.telephone_office,
                telephone_emergency=a.telephone_emergency,
            )
            for a in self._authorities.values()
        ]
        return Version(
            product=PRODUCT,
            version=_version(),
            role="service",
            operations=offered("service", self),
            authorities=authorities,
            now=self.now(),
        )

    def health(self, _request: Nothing) -> Health:
        """Say whether it works, and what keeps it from working."""
        with self.world.read() as session:
            state, now, silent = session.state(), self._now(session), sorted(session.silent())
        return Health(
            alive=self.drop.is_working() if self._serves_folders else True,
            version=_version(),
            now=now,
            pds_available=state.pds_available,
            problems=[*self.drop.problems.texts(), *self.drop.shortage()],
            held=state.held,
            silent=silent,
            folders=self.drop.folder_states(),
        )

    def reset(self, request: Reset) -> Nothing:
        """Empty the world and set its clock. Files in the folders stay where they are."""
        with self.drop.pause():
            self.world.reset(self._offset(request.base))
            with self.world.write() as session:
                self._agenda.open(session, self._now(session))
                self._agenda.run(session, self._now(session))
            if self._serves_folders:
                self.drop.delivery.forget()
        return Nothing()

    def set_clock(self, request: ServiceClock) -> Nothing:
        """Move the world's clock; a leap forward has everything happen that falls due on the way, in order."""
        with self.world.write() as session:
            if request.instant is None and request.advance_s is not None:
                session.set_clock(session.state().clock_offset + timedelta(seconds=request.advance_s))
            else:
                offset = self._offset(request.instant) + timedelta(seconds=request.advance_s or 0)
                session.set_clock(offset)
            self._agenda.run(session, self._now(session))
        self.drop.wake_delivery()
        return Nothing()

    def set_pds(self, request: SetPds) -> Nothing:
        """Switch the demographic service on or off."""
        with self.world.write() as session:
            session.set_pds(available=request.available)
        return Nothing()

    def put_people(self, request: PutPeople) -> Nothing:
        """Put people on the demographic service."""
        self._check_people(request.people)
        with self.world.write() as session:
            session.put_people(person_of(person) for person in request.people)
        return Nothing()

    def change_people(self, request: ChangePeople) -> Changed:
        """Have something happen to people, at once or when the clock gets there."""
        with self.world.write() as session:
            now = self._now(session)
            at_once = [c for c in request.changes if c.at is None or c.at <= now]
            later = [(c.at, c.model_dump_json(exclude_none=True)) for c in request.changes if c.at and c.at > now]
            self._refuse_obstacles(session, at_once)
            self._agenda.change(session, at_once, now, notify=request.notify)
            session.schedule(later)
        self.drop.wake_delivery()
        return Changed(happened=len(at_once), waiting=len(later))

    def retire_numbers(self, request: RetireNumbers) -> Nothing:
        """Retire NHS numbers and tell the authorities."""
        with self.world.write() as session:
            known = session.people([n.nhs_number for n in request.numbers])
            if unknown := [masked(n.nhs_number) for n in request.numbers if n.nhs_number not in known]:
                raise OperationRefused(
                    "Numbers that the demographic service does not know", found=", ".join(unknown),
                    mend="Put the people there first (put-people).",
                )  # fmt: skip
            session.put_people(
                replace(known[n.nhs_number], inactive=True, superseded_by=n.replaced_by, adopted=n.adopted)
                for n in request.numbers
            )
            if request.notify:
                self._outgoing.inactive(session, [n.nhs_number for n in request.numbers], self._now(session))
        self.drop.wake_delivery()
        return Nothing()

    def hold_notifications(self, request: HoldNotifications) -> Nothing:
        """Let access notifications wait, or not; what waits when they need not any more is sent."""
        with self.world.write() as session:
            session.set_held(held=request.held)
            self._agenda.settle(session)
        if not request.held:
            self._flush()
        return Nothing()

    def flush_notifications(self, _request: Nothing) -> Flushed:
        """Send the notifications that wait."""
        return Flushed(files=self._flush())

    def silence(self, request: Silence) -> Nothing:
        """Leave an authority's files unanswered."""
        self._known(request.authority)
        with self.world.write() as session:
            session.set_silent(request.authority, silent=request.silent)
        return Nothing()

    def deliver(self, request: Deliver) -> Delivered:
        """Put a given file into an authority's receiving folder; returns when it stands there."""
        self._known(request.authority)
        try:
            body = base64.b64decode(request.body, validate=True)
        except binascii.Error as error:
            raise OperationRefused("The body is not Base64", found=error) from error
        delivery = self._ids()
        with self.world.write() as session:
            now = self._now(session)
            kind = MessageKind(request.kind)
            if kind is MessageKind.ACKNOWLEDGEMENT:
                name = response_name(session.last_upload_name(request.authority) or "UPLOAD.xml", now)
            else:
                name = notification_name(kind, now, session.next_counter())
            session.add_delivery(delivery, request.authority, kind, name, body)
        return Delivered(name=self._wait_for(delivery))

    def report_undelivered(self, request: ReportUndelivered) -> Nothing:
        """Have MESH report an upload as not delivered; returns when the reports are where they go."""
        mail = self.drop.mail
        if mail is None:
            raise OperationRefused("MESH is not served here", mend="Start the service with --mesh-port.")
        for _ in range(request.times):
            report = mail.tell_undelivered(request.message_id, request.code, self._ids())
            if report is None:
                raise OperationRefused("No authority has sent such a message", found=request.message_id)
            if self._journal is not None:
                facts = mail.report_facts(report)
                self._journal.append(FILE_DROP, sender="service", receiver="authority", headers=facts)
        return Nothing()

    def parties(self, _request: Nothing) -> PartyList:
        """The directory."""
        return PartyList(
            parties=[
                PartyState(
                    key=party.key,
                    ods=party.ods_code,
                    name=party.name,
                    asids=list(party.asids),
                    endpoints={c.interaction: c.endpoint for c in party.contracts},
                )
                for party in self.directory().parties.values()
            ]
        )

    def directory(self) -> Directory:
        """Who takes what, and where, at this moment."""
        with self.world.read() as session:
            return self._setup.read(session).directory

    def put_parties(self, request: PutParties) -> Nothing:
        """Add parties to the directory, or replace them."""
        for entry in request.parties:
            try:
                party_of(entry, self._settings.transport)
            except ConfigError as error:
                raise OperationRefused(
                    error.what, where=error.where, expected=error.expected, found=error.found, mend=error.mend
                ) from error
        with self.world.write() as session:
            session.put_parties({entry.key: entry.model_dump_json() for entry in request.parties})
        return Nothing()

    def script(self, request: Script) -> Nothing:
        """Say what is done with the next lookups otherwise than it should."""
        turns = _checked(lambda: [resolved(turn) for turn in request.turns])
        with self.world.write() as session:
            session.put_turns(request.party or "", [turn.model_dump_json() for turn in turns])
        return Nothing()

    def weather(self, request: Weather) -> Nothing:
        """Let lookups meet trouble at random, or no more."""
        _checked(lambda: kinds_of(request.kinds))
        with self.world.write() as session:
            session.put_weather(request.model_dump_json())
        return Nothing()

    def replies(self, _request: Nothing) -> ReplyList:
        """Replies that are not delivered."""
        with self.world.read() as session:
            found = session.replies()
        return ReplyList(
            replies=[
                ReplyState(
                    message_id=r.message_id,
                    ref_to_message_id=r.ref_to_message_id,
                    party=r.party,
                    interaction=r.interaction,
                    standing="failed" if r.course.standing is Standing.FAILED else "waiting",
                    tries=r.course.tries,
                    reason=r.course.reason,
                )
                for r in found
            ]
        )

    def explain(self, request: Explain) -> Held:
        """Say why a lookup of a number is answered as it is."""
        number = request.nhs_number
        with self.world.read() as session:
            now = self._now(session)
            holdings = session.holdings(number)
            used = {(h.authority.ods_code, e.file_id) for h in holdings for e in h.entries}
            files = {key: file for key in used if (file := session.file(*key)) is not None}
            known = Known(
                nhs_number=number,
                person=session.people((number,)).get(number),
                holdings=holdings,
                sources={key: Source(file.name, file.at) for key, file in files.items()},
                queries=session.stored_queries(number),
                told=[_told(row) for row in session.told(number)],
                waiting=session.waiting_notices(number),
                changes=[PdsChange.model_validate_json(body) for _, body in session.waiting_changes(number)],
            )
        held = explain(known, settings=self._settings, now=now)
        return held.model_copy(update={"records": [_facts(holding) for holding in holdings]})

    # Helpers.

    def _now(self, session: Session) -> datetime:
        return session.now(self._real_now()).astimezone(UTC)

    def _offset(self, base: datetime | None) -> timedelta:
        """How far the world's clock is from real time when it shows an instant now."""
        if base is None:
            return timedelta(0)
        aware = base if base.tzinfo else base.replace(tzinfo=UTC)
        return aware - self._real_now()

    def _known(self, ods_code: str) -> None:
        if ods_code not in self._authorities:
            raise OperationRefused("No such authority", expected=", ".join(self._authorities), found=ods_code)

    def _check_people(self, people: Sequence[PdsPerson]) -> None:
        prefix = self._settings.data.test_number_prefix
        for person in people:
            if not is_synthetic(person.nhs_number, prefix):
                raise OperationRefused(
                    "A person needs a number of the test range",
                    expected=f"ten digits beginning with {prefix}, the last one their check digit",
                    found=masked(person.nhs_number),
                    mend="Use made-up people only, or name another range in data.test_number_prefix.",
                )

    def _refuse_obstacles(self, session: Session, changes: Sequence[PdsChange]) -> None:
        """All changes are possible, one after the other; none happens where one is not."""
        known = set(session.people([n for c in changes for n in (c.nhs_number, c.replaced_by) if n is not None]))
        for change in changes:
            if why := obstacle(change, known, self._settings.data.test_number_prefix):
                raise OperationRefused("That cannot happen", found=why, mend="Put the people there first (put-people).")
            known |= {change.replaced_by} if change.replaced_by else set()

    def _flush(self) -> int:
        with self.world.write() as session:
            sent = self._agenda.end_window(session, self._now(session))
            self._agenda.settle(session)
        self.drop.wake_delivery()
        return sent

    def _run_what_is_due(self) -> None:
        with self.world.read() as session:
            due, now = session.state().due, self._now(session)
        if due is not None and due <= now:
            with self.world.write() as session:
                self._agenda.run(session, self._now(session))

    def _wait_for(self, delivery: str) -> str:
        """The name under which a file was delivered.

        Raises:
            OperationRefused: When it could not be delivered; it waits in the outbox.
        """
        deadline = time.monotonic() + _DELIVER_S
        while time.monotonic() < deadline:
            self.drop.wake_delivery()
            with self.world.read() as session:
                if name := session.delivered_name(delivery):
                    return name
            time.sleep(0.002)
        raise OperationRefused(
            "The file is not delivered yet",
            found="; ".join(self.drop.problems.texts()) or f"nothing after {_DELIVER_S:.0f} s",
            mend="It waits in the outbox. Is the service started, and is there room on the disk?",
        )


def _checked(make: Callable[[], T]) -> T:
    """What is made, or the refusal of an operation that asks for what there is not."""
    try:
        return make()
    except ConfigError as error:
        raise OperationRefused(error.what, expected=error.expected, found=error.found) from error


def _told(row: ToldRow) -> ExplainedNotice:
    return ExplainedNotice.model_validate(
        {
            "authority": row.authority,
            "kind": row.kind,
            "at": row.at,
            "file_id": row.file_id,
            "about": row.about,
            "state": "delivered" if row.is_delivered else "on its way",
            "file_name": row.name if row.is_delivered else None,
        }
    )


def _facts(holding: Holding) -> dict[str, object]:
    return {
        "authority": holding.authority.ods_code,
        "subjects": [
            {"kind": s.kind.value, "given": s.given, "family": s.family, "birth_date": s.birth_date.isoformat()}
            for s in holding.subjects
        ],
        "plans": [
            {
                "plan_type": e.plan.plan_type.value,
                "start": e.plan.start.isoformat(),
                "end": e.plan.end.isoformat() if e.plan.end else None,
                "delete": e.plan.delete.isoformat() if e.plan.delete else None,
                "file_id": e.file_id,
            }
            for e in holding.entries
        ],
    }


def _version() -> str:
    try:
        return version("cpis-harness")
    except PackageNotFoundError:
        return "unknown"
