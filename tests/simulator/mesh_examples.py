"""A post office to try, with a clock that can be moved, and calls of its REST interface as a client makes them."""

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from cpis_simulator.mailbox.messages import Mailbox
from cpis_simulator.mailbox.rest import RestAnswer, RestInterface, RestRequest
from cpis_simulator.mailbox.tokens import make_token
from cpis_simulator.settings import MeshSettings
from cpis_simulator.store.mail_store import MailStore

NOW = datetime(2026, 11, 22, 13, 5, 1, 123456, tzinfo=UTC)
KEY = "NotTheRealKey"
PASSWORD = "let-me-in-7"
CLIENT = {"Mex-ClientVersion": "1", "Mex-OSName": "Linux", "Mex-OSVersion": "6"}

MAILBOXES = (
    Mailbox(
        "LA7HC001", "LA7", "LA7", PASSWORD, "LA SEVEN", frozenset(("REPLY",)),
        barred=(("NOT_MINE", "16"), ("ONS", "18"), ("EXPIRES", "19")),
    ),
    Mailbox("CPISSIM01", "CP-IS", "X26", PASSWORD, "HARNESS", frozenset(("UPLOAD",)), only_registered=True),
    Mailbox("LA8HC001", "LA8", "LA8", PASSWORD, may_send=frozenset(("UPLOAD",))),
    Mailbox("OFF01", "Off", "LA9", PASSWORD, active=False),
)  # fmt: skip


class Desk:
    """A post office in a folder."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.settings = MeshSettings(shared_key=KEY, **settings)
        self.now = self.real = NOW
        self.store = self.opened()
        self.rest = self.interface()
        self._nonce = 0

    def opened(self) -> MailStore:
        return MailStore(
            self.folder, MAILBOXES, self.settings, chance=Random(7), now=lambda: self.now, real_now=lambda: self.real
        )

    def interface(self) -> RestInterface:
        return RestInterface(self.store, self.settings, real_now=lambda: self.real, ids=lambda: "QUERY-1")

    def reopen(self) -> None:
        self.store.close()
        self.store = self.opened()
        self.rest = self.interface()

    def later(self, **gone: float) -> None:
        self.now += timedelta(**gone)

    def token(self, mailbox: str, password: str = PASSWORD) -> str:
        self._nonce += 1
        return make_token(KEY, mailbox, password, nonce=str(uuid.UUID(int=self._nonce)), count=0, now=self.real)

    def call(
        self,
        method: str,
        path: str,
        *,
        version: int = 2,
        headers: Mapping[str, str] = {},
        body: bytes = b"",
        mailbox: str | None = None,
    ) -> RestAnswer:
        """A call of the mailbox in the path, unless another one or none ("") is named."""
        fields = {"accept": f"application/vnd.mesh.v{version}+json"}
        owner = path.split("/")[1].split("?")[0] if mailbox is None else mailbox
        if owner:
            fields["authorization"] = self.token(owner)
        fields |= {name.lower(): value for name, value in headers.items()}
        address, _, query = path.partition("?")
        request = RestRequest(method, f"/messageexchange{address}", query, fields, len(body), body, lambda: body)
        return self.rest.answer(request)

    def send(self, body: bytes = b"data", *, sender: str = "LA7HC001", **headers: str) -> str:
        """Send a message; its id."""
        answer = self.call("POST", f"/{sender}/outbox", headers=SEND | headers, body=body)
        assert answer.status == 202, answer
        return str(json.loads(answer.body)["message_id"])

    def inbox(self, mailbox: str = "CPISSIM01") -> list[str]:
        return list(json.loads(self.call("GET", f"/{mailbox}/inbox").body)["messages"])

    def status(self, message_id: str, sender: str = "LA7HC001") -> str:
        return str(self.tracked(message_id, sender)["status"])

    def tracked(self, message_id: str, sender: str = "LA7HC001") -> dict[str, Any]:
        answer = self.call("GET", f"/{sender}/outbox/tracking?messageID={message_id}")
        assert answer.status == 200, answer
        return dict(json.loads(answer.body))

    def fields(self, message_id: str, mailbox: str) -> dict[str, str]:
        """Headers of a message."""
        answer = self.call("GET", f"/{mailbox}/inbox/{message_id}")
        assert answer.status == 200, answer
        return dict(answer.fields)


SEND = {"Mex-To": "CPISSIM01", "Mex-WorkflowID": "UPLOAD"}
