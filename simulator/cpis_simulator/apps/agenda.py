"""What falls due by the world's clock: changes of people, and windows of notifications.

Theory of operation. The store knows when the next thing is due. Whoever finds the clock beyond that, be it a leap of
the clock, a lookup, or the thread that empties the outbox, has everything happen that is due, one instant after the
other, each as if the clock stood there. So a leap over a year leads to the same as a year. What expires without anybody
being told (retention, due dates, birthdays) is worked out when it is asked for, and needs no place here.

Source: CP-IS rules NTF-008, NTF-009, INA-001.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from cpis_simulator.apps.outgoing import Outgoing
from cpis_simulator.driving import PdsChange
from cpis_simulator.service.people import happen, obstacle
from cpis_simulator.settings import Settings
from cpis_simulator.store.session import Session, State

LOG: Final = logging.getLogger(__name__)
WINDOW: Final = timedelta(hours=24)


class Agenda:
    """Has happen what is due.

    Args:
        settings: Whether notifications go out in windows, and whether empty ones do.
        outgoing: Writes what authorities are told.
    """

    def __init__(self, settings: Settings, outgoing: Outgoing) -> None:
        """Remember; what waits is in the store."""
        self._settings = settings
        self._outgoing = outgoing
        self._windows = settings.notify.cadence == "window"
        self._empty = self._windows and settings.notify.empty_batches

    def is_to_open(self, state: State) -> bool:
        """The first window has to begin: each is told of, and none has begun yet."""
        return self._empty and state.window is None

    def open(self, session: Session, now: datetime) -> None:
        """Begin the first window where that is still to be done."""
        if self.is_to_open(session.state()):
            session.set_window(now)
            self.settle(session)

    def run(self, session: Session, now: datetime) -> bool:
        """Have everything happen that is due by now, in order; whether anything was."""
        happened = False
        while (due := session.state().due) is not None and due <= now:
            # People change before the window of the same instant ends.
            if session.next_change() == due:
                self.change(session, [PdsChange.model_validate_json(b) for b in session.take_changes(due)], due)
            if self._window_end(session) == due:
                self.end_window(session, due)
            self.settle(session)
            happened = True
        return happened

    def change(self, session: Session, changes: Sequence[PdsChange], now: datetime, *, notify: bool = True) -> None:
        """Have changes happen together; authorities are told of all numbers that are retired by them at once."""
        retired: list[str] = []
        for change in changes:
            numbers = [n for n in (change.nhs_number, change.replaced_by) if n is not None]
            people = session.people(numbers)
            if why := obstacle(change, people.keys(), self._settings.data.test_number_prefix):
                LOG.warning("event=change_without_effect reason=%r", why)
                continue
            changed = happen(change, people)
            session.put_people(changed.people)
            retired += [changed.retired] if changed.retired else []
        if notify:
            self._outgoing.inactive(session, list(dict.fromkeys(retired)), now)

    def end_window(self, session: Session, now: datetime) -> int:
        """Send all notices that wait, and empty ones where they are wanted; how many files."""
        notices = session.take_notices()
        sent = self._outgoing.accesses(session, notices, now)
        if self._empty:
            sent += self._outgoing.nothing_seen(session, [n.recipient.ods_code for n in notices], now)
            session.set_window(now)
        return sent

    def wait(self, session: Session, now: datetime) -> None:
        """A notice waits from now on: its window ends in 24 hours, unless one ends before."""
        due = session.state().due
        if self._windows and not self._empty and (due is None or now + WINDOW < due):
            session.set_due(now + WINDOW)

    def settle(self, session: Session) -> None:
        """Write down when the next thing is due."""
        times = [at for at in (session.next_change(), self._window_end(session)) if at is not None]
        session.set_due(min(times, default=None))

    def _window_end(self, session: Session) -> datetime | None:
        """When the window ends that is open now: 24 hours after its first notice, or after the window before it."""
        state = session.state()
        if not self._windows or not state.held:
            return None
        began = state.window if self._empty else session.oldest_notice()
        return None if began is None else began + WINDOW
