"""The REST interface of MESH: a request in, an answer out; no socket, no file.

Bodies are not looked into. That of a request is handed on to whoever keeps messages; that of a download is named, for
the edge to send.

Source: CP-IS file drop, sections 3.1 to 3.9.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl, quote, urlencode

from cpis_simulator.mailbox import answers, headers
from cpis_simulator.mailbox.headers import Fields, broken
from cpis_simulator.mailbox.messages import Failure, Mailbox, Message, Sending, Status
from cpis_simulator.mailbox.office import KEPT, PostOffice, WorkflowTest
from cpis_simulator.mailbox.refusals import NOT_COLLECTED, Reason, Refused
from cpis_simulator.mailbox.tokens import REMEMBERED, TokenCheck, UsedToken
from cpis_simulator.settings import MeshSettings

ROOT: Final = "/messageexchange"
JSON_1: Final = "application/json"
JSON_2: Final = "application/vnd.mesh.v2+json"
BYTES: Final = "application/octet-stream"
PAGE: Final = 500
RICH_PAGE: Final = 100

_VERSION: Final = re.compile(r"application/vnd\.mesh\.v([12])\+json")


@dataclass(frozen=True, slots=True)
class RestRequest:
    """A request as the edge has it.

    Attributes:
        path: Decoded.
        fields: Header fields by lower-case name.
        size: Bytes of the body.
        body: The body, as whoever keeps messages understands it.
        text: Reads a small body, for the simulator's own calls.
    """

    method: str
    path: str
    query: str
    fields: Fields
    size: int = 0
    body: object = None
    text: Callable[[], bytes] = bytes


@dataclass(frozen=True, slots=True)
class Download:
    """A chunk to be sent; `plain`: decompressed on the way."""

    message: Message
    number: int
    plain: bool


@dataclass(slots=True)
class RestAnswer:
    """An answer; its body is `body`, or where there is one that of `download`."""

    status: int
    fields: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    download: Download | None = None


class Post(Protocol):
    """Whoever keeps messages."""

    @property
    def office(self) -> PostOffice:
        """Where they are."""

    def turn(self) -> AbstractContextManager[datetime]:
        """Nobody else changes anything meanwhile; gives the service's time, and what was due has happened."""

    def send(self, sender: Mailbox, sending: Sending, size: int, body: object) -> Message:
        """Take a message or its first chunk."""

    def add_chunk(self, message: Message, number: int, size: int, body: object) -> None:
        """Take a further chunk."""

    def acknowledge(self, mailbox: Mailbox, message_id: str) -> None:
        """A message was received."""

    def report(self, about: Message, failure: Failure) -> Message:
        """Put a report into the inbox of a message's sender."""

    def settle(self, message_id: str, status: Status, failure: Failure | None) -> None:
        """Give a message another status."""

    def clear(self, mailbox_id: str | None = None) -> None:
        """Forget all messages, or those in one inbox."""

    def used_tokens(self, *, since: datetime) -> list[UsedToken]:
        """Tokens that were used since then, oldest first; what is older is forgotten."""

    def note_token(self, used: UsedToken) -> None:
        """Remember a token."""


Answering = Callable[["Call"], RestAnswer]


@dataclass(slots=True)
class Call:
    """A request whose address is known: its words, its version, and whose it is."""

    request: RestRequest
    words: list[str]
    version: int
    now: datetime
    mailbox: Mailbox
    query: Mapping[str, str]

    def json(self, body: answers.Body, status: int = 200) -> RestAnswer:
        """An answer of JSON."""
        return _json(body, status, self.version)


class RestInterface:
    """Answers requests.

    Args:
        post: Keeps messages.
        settings: Every choice about MESH.
        real_now: Real time: tokens are checked by it, for the clocks of clients are real.
        ids: Gives ids of look-ups.
    """

    def __init__(
        self, post: Post, settings: MeshSettings, *, real_now: Callable[[], datetime], ids: Callable[[], str]
    ) -> None:
        """Read which tokens were used."""
        self._post = post
        self._settings = settings
        self._real_now = real_now
        self._ids = ids
        self._tokens = TokenCheck(
            settings.shared_key.get_secret_value(), post.office.mailbox,
            strict=settings.strict, used=post.used_tokens(since=real_now() - REMEMBERED), note=post.note_token,
        )  # fmt: skip
        self._listed: dict[str, datetime] = {}

    def answer(self, request: RestRequest) -> RestAnswer:
        """Answer one request."""
        try:
            return self._route(request, _version(request.fields.get("accept", "")))
        except Refused as refused:
            return self.refuse(refused, request)

    def refuse(self, refused: Refused, request: RestRequest) -> RestAnswer:
        """Say no, in the version that was asked for, as far as that can be told."""
        try:
            version = _version(request.fields.get("accept", ""))
        except Refused:
            version = 1
        return _json(answers.refusal(refused, version), refused.reason.value.status, version)

    # Which call it is.

    def _route(self, request: RestRequest, version: int) -> RestAnswer:
        words = [word for word in request.path.split("/") if word]
        if words == ["health"]:
            words = [ROOT[1:], "_ping"]
        if words[:1] == ["admin"]:
            words = ["messageexchange", *words]
        if words[:1] != [ROOT[1:]] or len(words) < 2:
            raise Refused(Reason.UNKNOWN_PATH)
        words = words[1:]
        first = words[0]
        if first == "_ping" and len(words) == 1:
            return _json({"status": "running", "outcome": "Yes", "env": "cpis-harness"}, 200, 1)
        with self._post.turn() as now:
            call = Call(request, words, version, now, answers.CENTRAL, _query(request.query))
            if self._settings.admin and first == "admin":
                return self._administer(call)
            if self._settings.admin and first in ("mailbox", "message") and len(words) == 2:
                call.words = ["admin", *words]
                return self._administer(call)
            if first in ("endpointlookup", "workflowsearch"):
                return self._look_up(call)
            mailbox_id = first.upper()
            call.mailbox = self._tokens.check(request.fields.get("authorization", ""), mailbox_id, now=self._real_now())
            return self._find(request.method, words[1:])(call)

    def _find(self, method: str, words: list[str]) -> Answering:
        """What answers a mailbox's call at an address."""
        ways = self._ways(words)
        if not ways:
            raise Refused(Reason.UNKNOWN_PATH)
        if (way := ways.get(method)) is None:
            raise Refused(Reason.BAD_METHOD)
        return way

    def _ways(self, words: list[str]) -> dict[str, Answering]:
        match words:
            case []:
                return {"POST": self._shake_hands, "GET": self._shake_hands}
            case ["inbox"]:
                return {"GET": self._list}
            case ["inbox", "rich"] | ["outbox", "rich"]:
                return {"GET": self._list_richly}
            case ["inbox", _]:
                return {"GET": self._fetch, "HEAD": self._fetch_head}
            case ["inbox", _, "status", "acknowledged"]:
                return {"PUT": self._acknowledge}
            case ["inbox", _, _]:
                return {"GET": self._fetch}
            case ["count"]:
                return {"GET": self._count}
            case ["outbox"]:
                return {"POST": self._send}
            case ["outbox", "tracking"]:
                return {"GET": self._track}
            case ["outbox", "tracking", _]:
                return {"GET": self._track_by_local_id}
            case ["outbox", _, _]:
                return {"POST": self._send_chunk}
            case ["update"]:
                return {"POST": _nothing}
        return {}

    # The mailbox's calls.

    def _shake_hands(self, call: Call) -> RestAnswer:
        headers.check_handshake(call.request.fields)
        return call.json({"mailboxId": call.mailbox.mailbox_id}) if call.version == 1 else RestAnswer(200)

    def _list(self, call: Call) -> RestAnswer:
        limit = _number(call.query, "max_results", PAGE, 10, 5000)
        behind = call.query.get("continue_from", "")
        if call.version == 2 and behind:
            behind = _from_token(behind)
        asked = call.query.get("workflow_filter", "").strip()
        self._check_pace(call.mailbox, behind)
        office = self._post.office
        page = office.page(call.mailbox, limit, behind.upper(), workflow_test(asked))
        if call.version == 1:
            return call.json({"messages": page.ids})
        kept = {"max_results": str(limit)} if limit != PAGE else {}
        kept |= {"workflow_filter": asked} if asked else {}
        links = {"self": _link(call.mailbox, "inbox", kept)}
        if page.more:
            links["next"] = _link(call.mailbox, "inbox", kept | {"continue_from": _token(page.more)})
        return call.json({"messages": page.ids, "links": links, "approx_inbox_count": office.count(call.mailbox)})

    def _check_pace(self, mailbox: Mailbox, behind: str) -> None:
        """A client that asks for the beginning again too soon is told to wait (IN-04)."""
        if not self._settings.poll_s or behind:
            return
        real = self._real_now()
        last, self._listed[mailbox.mailbox_id] = self._listed.get(mailbox.mailbox_id), real
        is_full = self._post.office.count(mailbox) >= PAGE
        if last is not None and not is_full and real - last < timedelta(seconds=self._settings.poll_s):
            raise Refused(Reason.TOO_FAST)

    def _list_richly(self, call: Call) -> RestAnswer:
        limit = _number(call.query, "max_results", RICH_PAGE, 1, RICH_PAGE)
        since = _instant(call.query, "start_time", call.now - KEPT)
        behind = _from_token(call.query["continue_from"]) if call.query.get("continue_from") else ""
        office = self._post.office
        box = call.words[1]
        listed = office.received(call.mailbox) if box == "inbox" else office.sent(call.mailbox)
        found = [m for m in listed if m.uploaded >= since and (not behind or m.message_id < behind)]
        kept = {"start_time": since.isoformat(), "max_results": str(limit)}
        links = {"self": _link(call.mailbox, f"{box}/rich", kept)}
        if len(found) > limit:
            token = {"continue_from": _token(found[limit - 1].message_id)}
            links["next"] = _link(call.mailbox, f"{box}/rich", kept | token)
        lines = [answers.rich(message, office.mailboxes) for message in found[:limit]]
        return call.json({"valid_at": call.now.isoformat(), "messages": lines, "links": links})

    def _fetch_head(self, call: Call) -> RestAnswer:
        message = self._post.office.to_fetch(call.mailbox, call.words[2].upper(), head=True)
        return RestAnswer(200, [("Content-Type", BYTES), *headers.answer_fields(message, 1), *_encoding(message)])

    def _fetch(self, call: Call) -> RestAnswer:
        message = self._post.office.to_fetch(call.mailbox, call.words[2].upper())
        number = 1
        if len(call.words) == 4:
            if not call.words[3].isdecimal() or int(call.words[3]) < 1:
                rule = "a number from 1"
                raise Refused(Reason.BAD_REQUEST, fields=[broken("path", "chunk_number", "greater_than_equal", rule)])
            number = int(call.words[3])
        if message.kind == "REPORT":
            return RestAnswer(200, [("Content-Type", BYTES), *headers.answer_fields(message, 1)])
        if number not in message.sizes:
            raise Refused(Reason.UNKNOWN_MESSAGE, message_id=message.message_id)
        is_plain = bool(message.sending.encoding) and not _takes_gzip(call.request.fields)
        is_single = message.sending.chunks == 1
        said = message.sending.content_type if call.version == 2 and is_single else ""
        fields = [("Content-Type", said or BYTES), *headers.answer_fields(message, number)]
        if not is_plain:
            fields += _encoding(message)
        status = 200 if number == message.sending.chunks else 206
        return RestAnswer(status, fields, download=Download(message, number, is_plain))

    def _acknowledge(self, call: Call) -> RestAnswer:
        message_id = call.words[2].upper()
        self._post.acknowledge(call.mailbox, message_id)
        return call.json({"messageId": message_id}) if call.version == 1 else RestAnswer(200)

    def _count(self, call: Call) -> RestAnswer:
        body: answers.Body = {"count": self._post.office.count(call.mailbox)}
        if call.version == 1:
            body |= {"internalID": self._ids(), "allResultsIncluded": True}
        return call.json(body)

    def _send(self, call: Call) -> RestAnswer:
        fields = call.request.fields
        sending = headers.read_sending(fields, sender=call.mailbox.mailbox_id, strict=self._settings.strict)
        message = self._post.send(call.mailbox, sending, call.request.size, call.request.body)
        name = "messageID" if call.version == 1 else "message_id"
        return call.json({name: message.message_id}, 202)

    def _send_chunk(self, call: Call) -> RestAnswer:
        message_id = call.words[2].upper()
        number, total = headers.read_range(call.request.fields, message_id)
        if call.words[3] != str(number) or number < 2:
            raise Refused(Reason.BAD_CHUNK_RANGE, message_id=message_id)
        encoding = headers.read_encoding(call.request.fields)
        message = self._post.office.chunk(call.mailbox, message_id, number, total, encoding)
        self._post.add_chunk(message, number, call.request.size, call.request.body)
        if call.version == 1:
            return call.json({"messageID": message_id, "blockID": number}, 202)
        return call.json({"message_id": message_id}, 202) if self._settings.v2_chunk_body else RestAnswer(202)

    def _track(self, call: Call) -> RestAnswer:
        if not (message_id := call.query.get("messageID", "")):
            raise Refused(Reason.BAD_REQUEST, fields=[broken("query", "messageID", "missing", "Field required")])
        message = self._post.office.tracked(call.mailbox, message_id.upper())
        return call.json(answers.tracking(message, self._post.office.mailboxes, call.version))

    def _track_by_local_id(self, call: Call) -> RestAnswer:
        message = self._post.office.tracked_by_local_id(call.mailbox, call.words[3])
        return _json(answers.tracking(message, self._post.office.mailboxes, 1), 200, 1)

    # Calls that belong to no mailbox.

    def _look_up(self, call: Call) -> RestAnswer:
        kind, *words = call.words
        if call.request.method != "GET":
            raise Refused(Reason.BAD_METHOD)
        self._check_look_up_token(call)
        words = [word.strip() for word in words]
        if len(words) != (2 if kind == "endpointlookup" else 1) or not all(words):
            rule = "an ODS code and a workflow id" if kind == "endpointlookup" else "a workflow id"
            raise Refused(Reason.BAD_REQUEST, fields=[broken("path", kind, "missing", rule)])
        if kind == "workflowsearch":
            return call.json(answers.workflow_search(self._post.office.registered(words[0])))
        found = self._post.office.registered(words[1], words[0].upper())
        return call.json(answers.endpoint_lookup(found, call.version, self._ids()))

    def _check_look_up_token(self, call: Call) -> None:
        if self._settings.lookup_token == "optional":
            return
        token = call.request.fields.get("authorization", "")
        mailbox_id = token.removeprefix("NHSMESH ").partition(":")[0]
        self._tokens.check(token, mailbox_id, now=self._real_now())

    def _administer(self, call: Call) -> RestAnswer:
        """The simulator's own calls, in test mode only."""
        match call.request.method, call.words[1:]:
            case "DELETE", ["reset"]:
                self._post.clear()
                return call.json({"message": "all mailboxes reset"})
            case "DELETE", ["reset", name]:
                mailbox_id = name.upper()
                if self._post.office.mailbox(mailbox_id) is None:
                    raise Refused(Reason.UNKNOWN_PATH, "There is no such mailbox.")
                self._post.clear(mailbox_id)
                return call.json({"message": f"mailbox {mailbox_id} reset"})
            case "POST", ["report"]:
                return self._make_report(call)
            case "GET", ["mailbox", name]:
                if (mailbox := self._post.office.mailbox(name.upper())) is None:
                    raise Refused(Reason.UNKNOWN_PATH, "There is no such mailbox.")
                return call.json(answers.mailbox_details(mailbox))
            case "GET", ["message", name]:
                if (message := self._post.office.messages.get(name.upper())) is None:
                    raise Refused(Reason.UNKNOWN_MESSAGE)
                return call.json(answers.details(message, self._post.office.mailboxes))
            case "POST", ["message", name, "event"]:
                return self._make_event(call, name.upper())
        raise Refused(Reason.UNKNOWN_PATH)

    def _make_report(self, call: Call) -> RestAnswer:
        said = _object(call.request)
        mailbox_id = _word(said, "mailbox_id").upper()
        if self._post.office.mailbox(mailbox_id) is None:
            raise Refused(Reason.UNKNOWN_PATH, "There is no such mailbox.")
        failure = NOT_COLLECTED
        if said.get("status", Status.UNDELIVERABLE.value) == Status.ERROR:
            failure = Failure("TRANSFER", _word(said, "code"), _word(said, "description"))
        sending = Sending(
            "",
            _word(said, "workflow_id"),
            local_id=str(said.get("local_id") or ""),
            subject=str(said.get("subject") or ""),
            file_name=str(said.get("file_name") or ""),
        )
        linked = str(said.get("linked_message_id") or "")
        about = Message(linked, mailbox_id, sending, call.now, Status.ERROR, call.now)
        return call.json({"message_id": self._post.report(about, failure).message_id})

    def _make_event(self, call: Call, message_id: str) -> RestAnswer:
        if message_id not in self._post.office.messages:
            raise Refused(Reason.UNKNOWN_MESSAGE)
        said = _object(call.request)
        word = _word(said, "status").lower()
        if word not in [status.value for status in Status]:
            rule = f"one of {', '.join(Status)}"
            raise Refused(Reason.BAD_REQUEST, fields=[broken("body", "status", "enum", rule)])
        failure = None
        if said.get("code") or said.get("event"):
            parts = [str(said.get(name) or "") for name in ("event", "code", "description")]
            failure = Failure(*parts)
        self._post.settle(message_id, Status(word), failure)
        return RestAnswer(200)


def workflow_test(asked: str) -> WorkflowTest | None:
    """What `workflow_filter` asks for: `X`, `X*` or `*X*`, and with `!` before it all others (IN-03)."""
    if not asked:
        return None
    is_not, pattern = asked.startswith("!"), asked.removeprefix("!")
    word = pattern.strip("*") if pattern.startswith("*") else pattern.removesuffix("*")
    if pattern.startswith("*"):
        return lambda workflow: (word in workflow) is not is_not
    if pattern.endswith("*"):
        return lambda workflow: workflow.startswith(word) is not is_not
    return lambda workflow: (workflow == word) is not is_not


def _nothing(_call: Call) -> RestAnswer:
    return RestAnswer(200)


def _version(accept: str) -> int:
    """The version of the API that a client asks for.

    Raises:
        Refused: It asks for one that there is not.
    """
    if "vnd.mesh" not in accept:
        return 1
    for part in re.split("[;,]", accept):
        if "vnd.mesh" in part:
            if (found := _VERSION.fullmatch(part.strip())) is None:
                raise Refused(Reason.BAD_ACCEPT)
            return int(found[1])
    return 1


def _json(body: answers.Body, status: int, version: int) -> RestAnswer:
    kind = JSON_2 if version == 2 else JSON_1
    return RestAnswer(status, [("Content-Type", kind)], json.dumps(body, separators=(",", ":")).encode())


def _query(text: str) -> dict[str, str]:
    return dict(parse_qsl(text, keep_blank_values=True))


def _number(query: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    if (text := query.get(name)) is None:
        return default
    if not text.isdecimal() or not least <= int(text) <= most:
        rule = f"a number from {least} to {most}"
        raise Refused(Reason.BAD_REQUEST, fields=[broken("query", name, "out_of_range", rule)])
    return int(text)


def _instant(query: Mapping[str, str], name: str, default: datetime) -> datetime:
    if not (text := query.get(name, "")):
        return default
    try:
        # A plus sign in a query is a blank, unless it was quoted.
        found = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        raise Refused(Reason.BAD_REQUEST, fields=[broken("query", name, "datetime", "an ISO instant")]) from None
    return found if found.tzinfo else found.replace(tzinfo=default.tzinfo)


def _token(message_id: str) -> str:
    return base64.urlsafe_b64encode(message_id.encode()).decode()


def _from_token(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token.encode()).decode("ascii")
    except (binascii.Error, ValueError):
        rule = "the value of links.next"
        raise Refused(Reason.BAD_REQUEST, fields=[broken("query", "continue_from", "value_error", rule)]) from None


def _link(mailbox: Mailbox, path: str, query: Mapping[str, str]) -> str:
    address = f"{ROOT}/{quote(mailbox.mailbox_id)}/{path}"
    return f"{address}?{urlencode(query)}" if query else address


def _encoding(message: Message) -> list[tuple[str, str]]:
    """How the body is compressed on the way; clients are told so in two places."""
    encoding = message.sending.encoding
    if not encoding:
        return []
    said = [] if message.sending.compressed else [("Mex-Content-Compressed", "Y")]
    return [("Content-Encoding", encoding), *said]


def _takes_gzip(fields: Fields) -> bool:
    return "gzip" in fields.get("accept-encoding", "").lower()


def _object(request: RestRequest) -> dict[str, Any]:
    try:
        said = json.loads(request.text() or b"{}")
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise Refused(Reason.BAD_REQUEST, fields=[broken("body", "", "json_invalid", "a JSON object")])
    return said


def _word(said: Mapping[str, Any], name: str) -> str:
    if not isinstance(word := said.get(name), str):
        raise Refused(Reason.BAD_REQUEST, fields=[broken("body", name, "missing", "Field required")])
    return word
