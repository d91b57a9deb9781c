"""Notifications on their way into the outbox, and what is kept of whom they told of whom.

What is told and what is kept of it is one transaction with whatever led to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from cpis_simulator.codecs.access_notification import encode_access_notification
from cpis_simulator.codecs.inactive_notification import encode_inactive_notification
from cpis_simulator.directory import RegisteredAuthority
from cpis_simulator.mailbox.names import notification_name
from cpis_simulator.model import AccessNotification
from cpis_simulator.service.notifications import (
    Notice,
    access_notifications,
    empty_notification,
    inactive_notifications,
)
from cpis_simulator.settings import Settings
from cpis_simulator.store.session import Session
from cpis_simulator.vocabulary import MessageKind


class Outgoing:
    """Writes notifications.

    Args:
        settings: What a total counts.
        authorities: Who can be told, by ODS code.
        ids: Gives upper-case UUIDs, never the same twice.
    """

    def __init__(
        self, settings: Settings, authorities: Mapping[str, RegisteredAuthority], ids: Callable[[], str]
    ) -> None:
        """Remember."""
        self._settings = settings
        self._authorities = authorities
        self._ids = ids

    def accesses(self, session: Session, notices: Sequence[Notice], now: datetime) -> int:
        """Tell of accesses, one file for each authority; how many files."""
        made = access_notifications(notices, now=now, ids=self._ids, total_counts=self._settings.notify.total_counts)
        for notification in made:
            delivery = self._send_accesses(session, notification, now)
            for group in notification.groups:
                for access in group.accesses:
                    session.add_told(
                        access.nhs_number,
                        notification.recipient.ods_code,
                        MessageKind.ACCESS_NOTIFICATION,
                        now,
                        group.upload_file_id,
                        access.event_id,
                        delivery,
                    )
        return len(made)

    def nothing_seen(self, session: Session, but: Sequence[str], now: datetime) -> int:
        """Tell every authority but these that nobody looked; how many files."""
        quiet = [a for ods, a in self._authorities.items() if ods not in but]
        for authority in quiet:
            self._send_accesses(session, empty_notification(authority.organisation(), now=now, ids=self._ids), now)
        return len(quiet)

    def inactive(self, session: Session, retired: Sequence[str], now: datetime) -> None:
        """Tell of numbers that were retired together, with those that may be told to take their place."""
        people = session.people(retired)
        replacements = {n: people[n].replacement(self._settings.inactive) for n in retired}
        kind = MessageKind.INACTIVE_NOTIFICATION
        for notification in inactive_notifications(replacements, session, now=now, ids=self._ids):
            ods = notification.recipient.ods_code
            if ods not in self._authorities:
                continue
            delivery = self._ids()
            name = notification_name(kind, now, session.next_counter())
            session.add_delivery(delivery, ods, kind, name, encode_inactive_notification(notification))
            for number in notification.numbers:
                about = "".join(number.replacements)
                session.add_told(number.nhs_number, ods, kind, now, number.upload_file_id, about, delivery)

    def _send_accesses(self, session: Session, notification: AccessNotification, now: datetime) -> str:
        kind, delivery = MessageKind.ACCESS_NOTIFICATION, self._ids()
        name = notification_name(kind, now, session.next_counter())
        body = encode_access_notification(notification)
        session.add_delivery(delivery, notification.recipient.ods_code, kind, name, body)
        return delivery
