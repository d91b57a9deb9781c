"""CP-IS put on its store and edges: what an endpoint asks for an answer, and what a driver can ask it to do.

Any number of processes may hold a node on the same store. One of them serves the folders; all of them answer.
"""

from __future__ import annotations

import base64
import binascii
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final, TypeVar

from cpis_simulator.apps.file_drop import FileDrop
from cpis_simulator.apps.operations import OperationRefused, offered
from cpis_simulator.apps.reply_sender import ReplySender
from cpis_simulator.apps.world_desk import SetupMemory, WorldDesk
from cpis_simulator.codecs.access_notification import encode_access_notification
from cpis_simulator.codecs.inactive_notification import encode_inactive_notification
from cpis_simulator.directory import Directory, Party, RegisteredAuthority, spine_party
from cpis_simulator.driving import (
    AuthorityIdentity,
    Deliver,
    Delivered,
    Explain,
    Flushed,
    Health,
    Held,
    HoldNotifications,
    Nothing,
    PartyList,
    PartyState,
    PdsPerson,
    PreviousName,
    PutParties,
    PutPeople,
    ReplyList,
    ReplyState,
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
from cpis_simulator.mailbox.messages import Mailbox
from cpis_simulator.mailbox.names import notification_name, response_name
from cpis_simulator.model import QueryMessage, Reply
from cpis_simulator.nhs_number import is_synthetic, masked
from cpis_simulator.service.lookups import look_up
from cpis_simulator.service.notifications import Notice, access_notifications, inactive_notifications
from cpis_simulator.service.pds import TEST_PEOPLE, Person, PersonName
from cpis_simulator.service.register import Holding
from cpis_simulator.settings import Settings
from cpis_simulator.spine.delivery import Standing
from cpis_simulator.spine.parties import party_of
from cpis_simulator.spine.weather import kinds_of, resolved
from cpis_simulator.store.journal import Journal
from cpis_simulator.store.session import Session
from cpis_simulator.store.world import World
from cpis_simulator.vocabulary import MessageKind

PRODUCT: Final = "CP-IS harness, mock Spine"
WINDOW: Final = timedelta(hours=24)
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
        self._ids = ids
        self._real_now = real_now
        window = settings.notify.cadence == "window"
        self.world = World(store_url, people=TEST_PEOPLE, held=window)
        self.drop = FileDrop(
            drop_root, authorities, self.world, journal, settings,
            ids=ids, real_now=real_now, also=self._flush_when_due if window else None,
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
        outcome = look_up(message, session, settings=self._settings, now=now, ids=self._ids)
        if outcome.query is not None:
            session.add_query(outcome.query)
        # Records of an authority that is registered no more have nobody to be told.
        notices = [n for n in outcome.notices if n.recipient.ods_code in self._authorities]
        if session.state().held:
            for waiting in notices:
                session.add_notice(waiting, now)
        else:
            self._send(session, notices, now)
        return outcome.reply, bool(notices)

    def _send(self, session: Session, notices: Sequence[Notice], now: datetime) -> int:
        """Put notifications into the outbox, one for each authority; how many."""
        kind = MessageKind.ACCESS_NOTIFICATION
        made = access_notifications(notices, now=now, ids=self._ids)
        for notification in made:
            name = notification_name(kind, now, session.next_counter())
            body = encode_access_notification(notification)
            session.add_delivery(self._ids(), notification.recipient.ods_code, kind, name, body)
        return len(made)

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
            if self._serves_folders:
                self.drop.delivery.forget()
        return Nothing()

    def set_clock(self, request: ServiceClock) -> Nothing:
        """Move the world's clock."""
        with self.world.write() as session:
            if request.instant is None and request.advance_s is not None:
                session.set_clock(session.state().clock_offset + timedelta(seconds=request.advance_s))
            else:
                offset = self._offset(request.instant) + timedelta(seconds=request.advance_s or 0)
                session.set_clock(offset)
        return Nothing()

    def set_pds(self, request: SetPds) -> Nothing:
        """Switch the demographic service on or off."""
        with self.world.write() as session:
            session.set_pds(available=request.available)
        return Nothing()

    def put_people(self, request: PutPeople) -> Nothing:
        """Put people on the demographic service."""
        prefix = self._settings.data.test_number_prefix
        for person in request.people:
            if not is_synthetic(person.nhs_number, prefix):
                raise OperationRefused(
                    "A person needs a number of the test range",
                    expected=f"ten digits beginning with {prefix}, the last one their check digit",
                    found=masked(person.nhs_number),
                    mend="Use made-up people only, or name another range in data.test_number_prefix.",
                )
        with self.world.write() as session:
            session.put_people(_person(person) for person in request.people)
        return Nothing()

    def retire_numbers(self, request: RetireNumbers) -> Nothing:
        """Retire NHS numbers and tell the authorities."""
        retired: Mapping[str, str | None] = {n.nhs_number: n.replaced_by for n in request.numbers}
        kind = MessageKind.INACTIVE_NOTIFICATION
        with self.world.write() as session:
            known = session.people(tuple(retired))
            if unknown := [masked(number) for number in retired if number not in known]:
                raise OperationRefused(
                    "Numbers that the demographic service does not know", found=", ".join(unknown),
                    mend="Put the people there first (put-people).",
                )  # fmt: skip
            session.put_people(
                replace(known[number], inactive=True, superseded_by=replacement)
                for number, replacement in retired.items()
            )
            now = self._now(session)
            made = inactive_notifications(retired, session, now=now, ids=self._ids) if request.notify else []
            for notification in made:
                if (ods := notification.recipient.ods_code) in self._authorities:
                    name = notification_name(kind, now, session.next_counter())
                    body = encode_inactive_notification(notification)
                    session.add_delivery(self._ids(), ods, kind, name, body)
        self.drop.wake_delivery()
        return Nothing()

    def hold_notifications(self, request: HoldNotifications) -> Nothing:
        """Let access notifications wait, or not; what waits when they need not any more is sent."""
        with self.world.write() as session:
            session.set_held(held=request.held)
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
        """Say what is held under a number."""
        number = request.nhs_number
        with self.world.read() as session:
            person = session.people((number,)).get(number)
            return Held(
                nhs_number=number,
                person=_shape(person) if person else None,
                records=[_facts(holding) for holding in session.holdings(number)],
                accesses=session.queries(number),
            )

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

    def _flush(self) -> int:
        with self.world.write() as session:
            sent = self._send(session, session.take_notices(), self._now(session))
        self.drop.wake_delivery()
        return sent

    def _flush_when_due(self) -> None:
        """In window mode, send what waits once the oldest of it has waited a day (NTF-009)."""
        with self.world.read() as session:
            oldest, now = session.oldest_notice(), self._now(session)
        if oldest is not None and now - oldest >= WINDOW:
            self._flush()

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


def _person(shape: PdsPerson) -> Person:
    return Person(
        nhs_number=shape.nhs_number,
        name=PersonName(shape.given, shape.family),
        birth_date=shape.birth_date,
        previous_names=tuple(PersonName(n.given, n.family) for n in shape.previous_names),
        sensitive=shape.sensitive,
        inactive=shape.inactive,
        superseded_by=shape.superseded_by,
    )


def _shape(person: Person) -> PdsPerson:
    return PdsPerson(
        nhs_number=person.nhs_number,
        given=person.name.given,
        family=person.name.family,
        birth_date=person.birth_date,
        previous_names=[PreviousName(given=n.given, family=n.family) for n in person.previous_names],
        sensitive=person.sensitive,
        inactive=person.is_retired(),
        superseded_by=person.superseded_by,
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
