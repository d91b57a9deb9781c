"""Who sends a request: the token of MESH, made and checked.

Source: CP-IS file drop, section 3.3 (AU-01 to AU-07).
"""

from __future__ import annotations

import hmac
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

from cpis_simulator.mailbox.messages import Mailbox
from cpis_simulator.mailbox.refusals import Reason, Refused

SCHEME: Final = "NHSMESH"
WINDOW: Final = timedelta(hours=2)
REMEMBERED: Final = 2 * WINDOW
"""A pair of nonce and count is in the window of times for so long, on both sides of it."""

UsedToken = tuple[tuple[str, str, str], datetime]
"""Mailbox, nonce and count, and when they were used."""

_TOKEN: Final = re.compile(r"NHSMESH ([^:]+):([^:]+):(\d{1,12}):(\d{12}):([0-9A-Fa-f]{64})")
_TIME: Final = "%Y%m%d%H%M"


def token_hash(shared_key: str, mailbox_id: str, nonce: str, count: str, password: str, time: str) -> str:
    """What proves that a sender knows both secrets."""
    text = f"{mailbox_id}:{nonce}:{count}:{password}:{time}"
    return hmac.new(shared_key.encode(), text.encode(), sha256).hexdigest()


def make_token(shared_key: str, mailbox_id: str, password: str, *, nonce: str, count: int, now: datetime) -> str:
    """The `Authorization` header of a request."""
    time = now.astimezone(UTC).strftime(_TIME)
    made = token_hash(shared_key, mailbox_id, nonce, str(count), password, time)
    return f"{SCHEME} {mailbox_id}:{nonce}:{count}:{time}:{made}"


class TokenCheck:
    """Checks tokens, and remembers those that were used.

    Args:
        shared_key: Of the environment.
        mailbox: Finds a mailbox by its id.
        strict: Refuse a token that is of another time or was used before.
        used: Tokens that were used before, oldest first.
        note: Called with each token that is used, before the request is answered.
    """

    def __init__(
        self,
        shared_key: str,
        mailbox: Callable[[str], Mailbox | None],
        *,
        strict: bool,
        used: Iterable[UsedToken] = (),
        note: Callable[[UsedToken], object] = lambda _used: None,
    ) -> None:
        """Remember those that were used."""
        self._note = note
        self._shared_key = shared_key
        self._mailbox = mailbox
        self._strict = strict
        self._used: OrderedDict[tuple[str, str, str], datetime] = OrderedDict(used)

    def check(self, header: str, mailbox_id: str, *, now: datetime) -> Mailbox:
        """The mailbox that a request is from.

        Args:
            header: `Authorization`.
            mailbox_id: The mailbox in the request's path, in upper case.
            now: Real time, for the client's clock is real, too.

        Raises:
            Refused: NOT_AUTHENTICATED, whatever is wrong.
        """
        found = _TOKEN.fullmatch(header)
        if found is None:
            raise Refused(Reason.NOT_AUTHENTICATED, "Authorization is missing or has another form.")
        named, nonce, count, time, given = found.groups()
        mailbox = self._mailbox(mailbox_id)
        # Hashed for an unknown mailbox, too: how long an answer takes tells nobody which mailboxes there are.
        password = mailbox.password if mailbox is not None else "\0"
        right = token_hash(self._shared_key, named, nonce, count, password, time)
        is_right = hmac.compare_digest(right, given.lower())
        if mailbox is None or not mailbox.active or not is_right or named != mailbox_id:
            raise Refused(Reason.NOT_AUTHENTICATED)
        if self._strict:
            self._check_time(time, now)
            self._use((named, nonce, count), now)
        return mailbox

    def _check_time(self, time: str, now: datetime) -> None:
        try:
            said = datetime.strptime(time, _TIME).replace(tzinfo=UTC)
        except ValueError:
            raise Refused(Reason.NOT_AUTHENTICATED, "The token's time is none.") from None
        if abs(now - said) > WINDOW:
            raise Refused(Reason.NOT_AUTHENTICATED, "The token's time is more than 2 hours from the server's.")

    def _use(self, pair: tuple[str, str, str], now: datetime) -> None:
        while self._used:
            oldest, at = next(iter(self._used.items()))
            if now - at <= REMEMBERED:
                break
            del self._used[oldest]
        if pair in self._used:
            raise Refused(Reason.NOT_AUTHENTICATED, "The token was used before.")
        self._note((pair, now))
        self._used[pair] = now
