"""`make fuzz SECONDS=900`: messages spoiled at random, for every reader of a lookup and for the live endpoints.

Theory of operation. A case is a message of ours, or of a folder of samples, changed by a few of the mutations below;
its seed and number bring it back. Batches take turns: cases read in this process, cases sent over sockets to a mock
Spine and to a mock care client, each a process of its own, and a good lookup, which must be answered as ever. Found is
whatever a reader raises beside its own errors, a traceback in a log, an answer that is none, what takes more than two
seconds twice, and memory that grows.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import random
import re
import socket
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench.measuring import table
from cpis_fixtures.care_settings import care_setting
from cpis_fixtures.processes import Process
from cpis_fixtures.uploads import made_up_upload
from cpis_simulator.care.client import Question, Sender, prepare, understand, understand_payload
from cpis_simulator.care.correspondence import Correspondence
from cpis_simulator.codecs.ebxml import (
    ACKNOWLEDGEMENT_ACTION,
    MESSAGE_ERROR_ACTION,
    SYNC_REPLY,
    EbxmlHeader,
    MessageError,
    decode_ebxml,
    decode_header,
    decode_root,
    encode_acknowledgement,
    encode_ebxml,
    encode_message_error,
)
from cpis_simulator.codecs.mime import read_mime_message, read_multipart
from cpis_simulator.codecs.query import decode_query, query_faults
from cpis_simulator.codecs.soap import QUERY_ACTION, decode_soap, decode_soap_fault, encode_soap_fault
from cpis_simulator.codecs.upload import encode_upload
from cpis_simulator.directory import CARE_PARTY_KEY, DEFAULT_AUTHORITIES, SPINE_PARTY_KEY
from cpis_simulator.driving import LookUp, PartyEntry, PutParties
from cpis_simulator.errors import DecodeError
from cpis_simulator.model import PlanRecord
from cpis_simulator.settings import Profile, TransportSettings
from cpis_simulator.spine.answers import Refused
from cpis_simulator.spine.delivery import outcome_of_reply
from cpis_simulator.spine.intake import AskedByEbxml, AskedBySoap, Incoming, take_in
from cpis_simulator.transport.http_client import DriverClient, DriverReply, post
from cpis_simulator.transport.http_reading import Request, RequestReader
from cpis_simulator.vocabulary import SERVICE_NAME

SLOW_S: Final = 2.0
STUCK_S: Final = 60.0
READ: Final = 150
"""Cases of a batch that are read in this process."""
SENT: Final = 25
"""Cases of a batch that are sent."""
GROWTH_MIB: Final = 24.0
"""What the memory of a process may be above its first quarter in its last; caches have filled by then."""
LARGEST: Final = 5_000_000

_OWN: Final = b"0F022E00"
"""Begins the ids of our messages."""
_TOKENS: Final = [
    *(
        b"\x00",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\r",
        b"\n",
        b"\r\n\r\n",
        b"--",
        b"\t",
        b'"',
        b"'",
        b"<",
        b">",
        b"&",
        b"]]>",
    ),
    *(b"<!--", b"-->", b"<![CDATA[", b"<?xml version='1.0' encoding='UTF-16'?>", b"<!DOCTYPE x [<!ENTITY a 'b'>]>"),
    *(b"&a;", b"&#0;", b"&#x10FFFF;", b"&#xD800;", b" xmlns='urn:x'", b" xmlns:eb=''", b" xsi:type='x'", b"<x/>"),
    *(b"----=_MIME-Boundary\r\n", b"----=_MIME-Boundary--", b"\r\n----=_MIME-Boundary\r\n\r\n", b"Content-Id: <a>\r\n"),
    *(b"Content-Transfer-Encoding: base64\r\n", b"Content-Transfer-Encoding: quoted-printable\r\n", b"charset=UTF-7"),
    *(b"cid:", b"cid:%", b"%00", b"urn:urn:", b"uuid:", b"9999999999999999999999", b"-1", b"\xc3\x28", b"\xed\xa0\x80"),
    *(
        b"20991231235959+9999",
        b"00000000000000",
        b"\xe2\x80\xae",
        b"\xf0\x9f\x92\xa9",
        b"eb:",
        b"soap:",
        b"MessageHeader",
    ),
]
_ELEMENT: Final = re.compile(rb"<([A-Za-z][\w:.-]{0,60})[^<>]{0,200}(?:(?<=/)>|>[^<>]{0,400}</\1>)")
_VALUE: Final = re.compile(rb"\"[^\"<>]{0,200}\"|>[^<>]{1,200}<")


@dataclass(frozen=True, slots=True)
class Case:
    """A message as it comes over HTTP."""

    content_type: str
    soap_action: str
    body: bytes


@dataclass(slots=True)
class Found:
    """What went wrong: each kind once with its case, and how often."""

    folder: Path
    counts: Counter[str] = field(default_factory=Counter)

    def note(self, kind: str, case: bytes, said: str) -> None:
        """Keep the first case of its kind in a file."""
        self.counts[kind] += 1
        if self.counts[kind] > 1:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        name = re.sub(r"\W+", "-", kind)[:80]
        (self.folder / f"{name}.case").write_bytes(case)
        (self.folder / f"{name}.txt").write_text(said, encoding="utf-8")
        print(f"fuzz: found {kind}; see {self.folder / name}.txt\n{said[-800:]}", flush=True)


# Messages to begin with.


def seeds(question: Mapping[Profile, Question], answer: bytes, samples: Path | None) -> list[Case]:
    """Messages of ours of every kind, and those of a folder."""
    found = [Case(q.content_type, QUERY_ACTION, q.body) for q in question.values()]
    header = decode_ebxml(question["reliable"].body, question["reliable"].content_type).header
    acknowledgement = encode_acknowledgement(header, message_id=header.message_id, acknowledged=header.timestamp)
    error = MessageError("ValueNotRecognized", "501319:Unknown eb:CPAId")
    refusal = encode_message_error(header, [error], message_id=header.message_id, timestamp=header.timestamp)
    found += [
        Case("text/xml", ACKNOWLEDGEMENT_ACTION, acknowledgement),
        Case("text/xml", MESSAGE_ERROR_ACTION, refusal),
        Case("text/xml", "", encode_soap_fault(206, "Routing delivery failure")),
        Case("text/xml", "", answer),
        reply_of(header, answer),
    ]
    for file in sorted(samples.iterdir(), key=lambda f: (f.suffix, f.name)) if samples is not None else ():
        body = file.read_bytes()
        if file.suffix == ".mime":
            head, _, rest = body.partition(b"\r\n\r\n")
            named = re.search(rb"(?im)^content-type:\s*(.*?)\r?$", head)
            content_type = named[1].decode() if named else ""
            found.append(Case(content_type, QUERY_ACTION, rest))
        elif file.suffix == ".xml" and len(body) < 100_000:
            found.append(Case("text/xml", QUERY_ACTION, body))
    return found


def reply_of(header: EbxmlHeader, answer: bytes) -> Case:
    """The payload of a synchronous answer as the reply to an asynchronous query."""
    payload = re.search(rb"<REPC_IN000007GB01.*</REPC_IN000007GB01>", answer, re.DOTALL)
    assert payload is not None, answer[:200]
    reply = replace(
        header,
        from_party=SPINE_PARTY_KEY,
        to_party=CARE_PARTY_KEY,
        action="REPC_IN000007GB01",
        message_id=header.conversation_id,
        ref_to_message_id=header.message_id,
        sync_reply=SYNC_REPLY,
    )
    content_type, body = encode_ebxml(reply, payload[0], description="CP-IS query response", schema=reply.action)
    return Case(content_type, f'"{SERVICE_NAME}/{reply.action}"', body)


# Mutations: a message in, a spoiled one out.

Mutation = Callable[[random.Random, bytes, Sequence[bytes]], bytes]


def _place(rng: random.Random, body: bytes) -> int:
    return rng.randrange(len(body) + 1)


def _range(rng: random.Random, body: bytes, longest: int = 400) -> tuple[int, int]:
    start = _place(rng, body)
    return start, min(len(body), start + rng.randint(1, longest))


def _flip(rng: random.Random, body: bytes, _: Sequence[bytes]) -> bytes:
    spoiled = bytearray(body)
    for _n in range(rng.randint(1, 8)):
        if spoiled:
            spoiled[rng.randrange(len(spoiled))] = rng.choice((0, 9, 10, 13, 32, 45, 60, 62, 255, rng.randrange(256)))
    return bytes(spoiled)


def _insert(rng: random.Random, body: bytes, _: Sequence[bytes]) -> bytes:
    at = _place(rng, body)
    return body[:at] + rng.choice(_TOKENS) + body[at:]


def _delete(rng: random.Random, body: bytes, _: Sequence[bytes]) -> bytes:
    start, end = _range(rng, body)
    return body[:start] + body[end:]


def _double(rng: random.Random, body: bytes, _: Sequence[bytes]) -> bytes:
    start, end = _range(rng, body)
    return body[:end] + body[start:]


def _truncate(rng: random.Random, body: bytes, _: Sequence[bytes]) -> bytes:
    return body[: _place(rng, body)]


def _splice(rng: random.Random, body: bytes, others: Sequence[bytes]) -> bytes:
    other = rng.choice(others)
    return body[: _place(rng, body)] + other[_place(rng, other) :]


def _nudge(rng: random.Random, body: bytes, _: Sequence[bytes]) -> bytes:
    """Another character of the same kind, which leaves most messages well-formed."""
    places = [m.start() for m in re.finditer(rb"[A-Za-z0-9]", body[:100_000])]
    spoiled = bytearray(body)
    for at in rng.sample(places, min(len(places), rng.randint(1, 3))):
        spoiled[at] = rng.choice(b"0123456789" if 48 <= body[at] < 58 else b"abcXYZ")
    return bytes(spoiled)


def _drop_element(rng: random.Random, body: bytes, _: Sequence[bytes]) -> bytes:
    return _at_some(rng, body, _ELEMENT, lambda element: b"")


def _double_element(rng: random.Random, body: bytes, _: Sequence[bytes]) -> bytes:
    return _at_some(rng, body, _ELEMENT, lambda element: element * rng.choice((2, 2, 3, 50)))


def _nest_element(rng: random.Random, body: bytes, _: Sequence[bytes]) -> bytes:
    depth = rng.choice((1, 10, 300, 20_000))
    return _at_some(rng, body, _ELEMENT, lambda element: b"<d>" * depth + element + b"</d>" * depth)


def _change_value(rng: random.Random, body: bytes, _: Sequence[bytes]) -> bytes:
    value = rng.choice((b"", b" ", b"x" * rng.choice((1, 300, 70_000)), *rng.sample(_TOKENS, 3), b"\xc2\xa0"))
    return _at_some(rng, body, _VALUE, lambda found: found[:1] + value + found[-1:])


def _at_some(rng: random.Random, body: bytes, pattern: re.Pattern[bytes], change: Callable[[bytes], bytes]) -> bytes:
    places = [m.span() for m in pattern.finditer(body[:30_000])]
    if not places:
        return body
    start, end = rng.choice(places)
    return body[:start] + change(body[start:end]) + body[end:]


def _line_ends(rng: random.Random, body: bytes, _: Sequence[bytes]) -> bytes:
    return body.replace(b"\r\n", b"\n").replace(b"\n", rng.choice((b"\n", b"\r\n", b"\r", b"\n\n", b" \r\n")))


def _recode(rng: random.Random, body: bytes, _: Sequence[bytes]) -> bytes:
    return body.decode("utf-8", "replace").encode(rng.choice(("utf-16", "utf-16-le", "utf-32", "utf-7")))


def _amplify(rng: random.Random, body: bytes, _: Sequence[bytes]) -> bytes:
    if rng.random() > 0.1:
        return body
    start, end = _range(rng, body, rng.choice((1, 4, 60, 4000)))
    piece = body[start:end] or b"<"
    return body[:start] + piece * (rng.choice((100_000, LARGEST)) // len(piece)) + body[end:]


MUTATIONS: Final[tuple[Mutation, ...]] = (
    *(_flip, _insert, _delete, _double, _truncate, _splice, _drop_element, _double_element, _nest_element),
    *(_change_value, _change_value, _change_value, _nudge, _nudge, _line_ends, _recode, _amplify),
)


def spoiled(rng: random.Random, corpus: Sequence[Case]) -> Case:
    """A case of the corpus, one of the first most often, changed a few times or only on its way."""
    case = corpus[int(len(corpus) * rng.random() ** 3)]
    bodies = [other.body for other in corpus]
    body = case.body
    for _ in range(rng.choice((0, 1, 1, 1, 1, 2, 2, 4))):
        body = rng.choice(MUTATIONS)(rng, body, bodies)[:LARGEST]
    content_type, soap_action = case.content_type, case.soap_action
    if rng.random() < 0.15:
        content_type = _spoiled_text(rng, content_type)
    if rng.random() < 0.05:
        soap_action = _spoiled_text(rng, soap_action)
    return Case(content_type, soap_action, body)


_TEXTS: Final = (
    *(
        "",
        "multipart/related",
        'multipart/related; boundary=""',
        "multipart/related; boundary=--=_MIME-Boundary",
        "text/xml",
    ),
    *(
        "multipart/related; boundary=-",
        'multipart/mixed; boundary="----=_MIME-Boundary"; start=<>',
        "text/xml; charset=utf-16",
    ),
    *(
        "multipart/related; boundary=--=_MIME-Boundary, text/xml",
        "multipart/related" + ";a=" * 5000,
        f'"{QUERY_ACTION}"',
    ),
    *(
        'multipart/related; a="' + "\\\\" * 8000,
        f"urn:urn:{QUERY_ACTION}",
        'MULTIPART/RELATED;BOUNDARY="--=_MIME-Boundary"',
    ),
)


def _spoiled_text(rng: random.Random, text: str) -> str:
    if rng.random() < 0.4:
        return rng.choice(_TEXTS)
    spoiled = rng.choice(MUTATIONS[:5])(rng, text.encode(), [b"x"])
    return re.sub(r"[\r\n\0]", " ", spoiled.decode("latin-1"))


# Readers in this process.


class Readers:
    """Everything that reads what a stranger sent."""

    def __init__(self, question: Mapping[Profile, Question]) -> None:
        """Ready."""
        self._transport = TransportSettings()
        self._sync, self._reliable = question["sync"], question["reliable"]
        self._numbers = count(1)
        self.table: dict[str, Callable[[Case, random.Random], object]] = {
            "MIME": lambda c, _: read_multipart(c.body, c.content_type),
            "MIME file": lambda c, _: read_mime_message(f"Content-Type: {c.content_type}\r\n\r\n".encode() + c.body),
            "ebXML": lambda c, _: decode_ebxml(c.body, c.content_type, party="care"),
            "ebXML root": lambda c, _: decode_root(c.body, c.content_type),
            "ebXML signal": lambda c, _: decode_header(c.body),
            "SOAP": lambda c, _: self._soap(c),
            "request": lambda c, _: self._request(c),
            "reply": lambda c, _: self._reply(c),
            "answer to a query": lambda c, _: understand(self._sync, 200, c.body),
            "answer to a reply": lambda c, _: outcome_of_reply(200, c.body, "A", needs_ack=True),
            "payload": lambda c, _: understand_payload(self._reliable, c.body),
            "HTTP": self._http,
        }

    def _soap(self, case: Case) -> object:
        message = decode_soap(case.body)
        return decode_soap_fault(message.body_element) if message.is_fault() else message

    def _request(self, case: Case) -> object:
        taken = take_in(
            Incoming("/any", case.content_type, case.soap_action or QUERY_ACTION, case.body), self._transport
        )
        if isinstance(taken, AskedByEbxml | AskedBySoap) and not query_faults(taken.query):
            return decode_query(taken.query)
        return taken

    def _reply(self, case: Case) -> object:
        letters = Correspondence(Sender(profile="reliable"), timedelta(seconds=30))
        letters.begin(self._reliable, self._reliable.asked)
        ids: Callable[[], str] = lambda: f"00000000-0000-4000-8000-{next(self._numbers):012X}"  # noqa: E731
        letters.answered(self._reliable.envelope_id, 202, case.body, self._reliable.asked)
        return letters.receive(case.body, case.content_type, now=self._reliable.asked, ids=ids)

    def _http(self, case: Case, rng: random.Random) -> object:
        reader, data, start = RequestReader(65_536, LARGEST), wire(case, rng), 0
        while start < len(data):
            end = start + rng.choice((1, 7, 100, 65_536))
            if len(data) > 100_000:
                end = start + 65_536
            reader.feed(data[start:end])
            start = end
            while isinstance(took := reader.take(), Request):
                pass
            if took is not None:
                return took
            reader.must_say_go_on()
        return None


def read(readers: Readers, case: Case, rng: random.Random, found: Found, number: str) -> Counter[str]:
    """Hand a case to every reader; how each of them ended."""
    ended: Counter[str] = Counter()
    for name, reader in readers.table.items():
        for trial in (1, 2):
            began = time.perf_counter()
            try:
                reader(case, rng)
                ended[f"{name}: taken"] += trial == 1
            except (DecodeError, Refused):
                ended[f"{name}: refused"] += trial == 1
            except Exception:  # noqa: BLE001 - whatever it is, it is what is looked for.
                said = traceback.format_exc()
                found.note(f"{name}: {said.strip().splitlines()[-1][:60]}", _shown(case), f"case {number}\n{said}")
            if (took := time.perf_counter() - began) <= SLOW_S:
                break
            if trial == 2:
                found.note(f"{name}: slow", _shown(case), f"case {number} took {took:.1f} s twice")
    return ended


def _shown(case: Case) -> bytes:
    return f"Content-Type: {case.content_type}\nSOAPAction: {case.soap_action}\n\n".encode() + case.body


# The live endpoints.

_PATHS: Final = ("/", "/reliablemessaging/reliablerequest", "/sync-service", "/%00%ff", "/a?b=%")
_ODD: Final = (
    *("Expect: 100-continue", "Connection: close", "X: " + "y" * 9_000, "X: " + "y" * 70_000, "Host: other"),
    *("Transfer-Encoding: gzip", "no colon", " folded", "A\0: b", "Upgrade: h2c", "Content-Type: text/xml"),
)


def wire(case: Case, rng: random.Random) -> bytes:
    """A case as bytes on a connection: most often a whole request, now and then one that HTTP does not know."""
    content_type, action = (re.sub(r"[\r\n]", " ", text) for text in (case.content_type, case.soap_action))
    head = [
        f"POST {rng.choice(_PATHS)} HTTP/1.1",
        "Host: spine.example.test",
        f"Content-Type: {content_type}",
        f"SOAPAction: {action}",
    ]
    body = case.body
    framing = rng.random()
    if framing < 0.7:
        head.append(f"Content-Length: {len(body)}")
    elif framing < 0.85:
        head.append("Transfer-Encoding: chunked")
        body = _chunked(rng, body)
    else:
        length = rng.choice(
            (len(body) // 2, len(body) + 10, 0, -1, 10**20, "x", "+5", "0x10", f"{len(body)}, {len(body)}")
        )
        head.append(f"Content-Length: {length}")
    if rng.random() < 0.2:
        odd = rng.choice(_ODD) if rng.random() < 0.8 else f"Content-Type: {content_type}"
        head.insert(rng.randint(1, len(head)), odd)
    raw = "\r\n".join(head).encode("latin-1", "replace") + b"\r\n\r\n" + body
    if rng.random() < 0.1:
        raw = rng.choice((_flip, _insert, _delete, _truncate, _double))(rng, raw, [])
    return raw


def _chunked(rng: random.Random, body: bytes) -> bytes:
    pieces, start = [], 0
    while start < len(body):
        size = rng.choice((1, 10, 1000, 65_536)) if len(body) < 20_000 else 65_536
        piece = body[start : start + size]
        pieces.append(b"%x%s\r\n%s\r\n" % (len(piece), rng.choice((b"", b";a=b", b" ")), piece))
        start += size
    return b"".join(pieces) + b"0\r\n" + rng.choice((b"", b"Trailer: x\r\n", b"Content-Length: 5\r\n")) + b"\r\n"


def sent(port: int, raw: bytes) -> tuple[bytes, float]:
    """What a server answers to bytes after which nothing more comes, and how long it took."""
    began, answer = time.perf_counter(), b""
    with socket.create_connection(("127.0.0.1", port), timeout=STUCK_S) as sock:
        try:
            sock.sendall(raw)
            sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # It has answered before all was sent.
        try:
            while piece := sock.recv(65_536):
                answer += piece
        except ConnectionError:
            pass
    return answer, time.perf_counter() - began


_STATUS: Final = re.compile(rb"(?:HTTP/1\.1 100 Continue\r\n\r\n)?HTTP/1\.1 (\d{3}) ")


def send(port: int, name: str, raw: bytes, found: Found, number: str) -> str:
    """Send a case, and look at the answer; its status."""
    for trial in (1, 2):
        try:
            answer, took = sent(port, raw)
        except OSError as error:
            found.note(f"{name}: not reached", raw, f"case {number}: {error}")
            return "none"
        if took <= SLOW_S:
            break
        if trial == 2:
            found.note(f"{name}: slow", raw, f"case {number} took {took:.1f} s twice")
    if not answer:
        return "closed"
    status = _STATUS.match(answer)
    if status is None:
        found.note(f"{name}: no HTTP", raw, f"case {number}: {answer[:300]!r}")
        return "none"
    if b"The simulator failed" in answer:
        found.note(f"{name}: failed", raw, f"case {number}: {answer[:600]!r}")
    return status[1].decode()


class Watched:
    """A process whose log and memory are looked at."""

    def __init__(self, name: str, process: Process, log: Path) -> None:
        """Nothing was read yet."""
        self.name = name
        self._process = process
        self._log = log
        self._read = 0
        self.mib: list[float] = []

    def look(self, found: Found, number: str) -> None:
        """Measure its memory, and read what is new in its log."""
        if not self._process.alive():
            raise SystemExit(f"fuzz: the {self.name} has ended; see {self._log}")
        self.mib.append(resident_mib(self._process.pid))
        with self._log.open("rb") as log:
            log.seek(self._read)
            new = log.read()
            self._read = log.tell()
        if (at := new.find(b"Traceback")) >= 0:
            said = new[max(0, at - 400) : at + 3000].decode("utf-8", "replace")
            last = [line for line in said.splitlines() if re.match(r"[\w.]+(Error|Exception)?:", line)]
            found.note(f"{self.name}: traceback {last[-1][:50] if last else ''}", b"", f"before case {number}\n{said}")


def resident_mib(pid: int | str) -> float:
    """Memory of a process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    pids = [str(pid), *(children.read_text().split() if pid != "self" and children.exists() else [])]
    kib = 0
    for each in pids:
        status = Path(f"/proc/{each}/status").read_text()
        resident = re.search(r"VmRSS:\s+(\d+)", status)
        kib += int(resident[1]) if resident else 0
    return kib / 1024


def grown(mib: Sequence[float]) -> float:
    """How far the last quarter is above the second, by their medians."""
    quarter = len(mib) // 4
    return median(mib[-quarter:]) - median(mib[quarter : 2 * quarter]) if quarter else 0.0


# The run.


def questions(nhs_number: str) -> dict[Profile, Question]:
    """A query in each profile."""
    numbers = count(1)
    found: dict[Profile, Question] = {}
    profiles: tuple[Profile, ...] = ("sync", "express", "reliable")
    for profile in profiles:
        request = LookUp(nhs_number=nhs_number, author=care_setting("ambulance").author(), silent=True)
        question = prepare(
            request,
            now=datetime.now(UTC),
            ids=lambda: f"{_OWN.decode()}-0000-4000-8000-{next(numbers):012X}",
            sender=Sender(profile=profile),
        )
        assert isinstance(question, Question)
        found[profile] = question
    return found


def fuzz(seconds: float, seed: int, samples: Path | None, out: Path, folder: Path) -> int:
    """Run for so long; the number of kinds of faults that were found."""
    found = Found(out)
    with ExitStack() as parts:
        upload = made_up_upload(3, seed=1, day=date.today(), authority=DEFAULT_AUTHORITIES[0], file_id="1")
        (folder / "upload.xml").write_bytes(encode_upload(upload))
        record = upload.records[0]
        assert isinstance(record, PlanRecord)
        question = questions(record.subjects[0].nhs_number)
        service, care = _start(parts, folder, question)
        ports = {"service": _port(service.ready["url"]), "care client": _port(care.ready["reply_url"])}
        watched = [
            Watched("service", service, folder / "service.log"),
            Watched("care client", care, folder / "care.log"),
        ]
        url, good = str(service.ready["url"]), question["sync"]
        answer = post(url + good.path, good.body, headers=good.headers(), within=10).body
        corpus = seeds(question, answer, samples)
        client = DriverClient(str(care.ready["url"]))
        request = LookUp(nhs_number=good.nhs_number, author=care_setting("ambulance").author(), silent=True)

        def look_up() -> DriverReply:
            return client.call("look-up", request, within=STUCK_S)

        ended, own = _rounds(seconds, seed, corpus, Readers(question), ports, watched, look_up, found)
    rows = [(name, str(number)) for name, number in sorted(ended.items())]
    print(table(f"Seed {seed}, {len(corpus)} messages to begin with", ("what", "times"), rows))
    for name, mib in [*((w.name, w.mib) for w in watched), ("readers", own)]:
        print(f"memory of {name}: {mib[0]:.0f} MiB at first, {mib[-1]:.0f} at last, grown by {grown(mib):+.1f}")
        if grown(mib) > GROWTH_MIB:
            found.note(f"{name}: grows", b"", f"MiB: {', '.join(f'{m:.0f}' for m in mib[:: max(1, len(mib) // 50)])}")
    print(f"found: {dict(found.counts) or 'nothing'}")
    return len(found.counts)


def _rounds(
    seconds: float,
    seed: int,
    corpus: Sequence[Case],
    readers: Readers,
    ports: Mapping[str, int],
    watched: Sequence[Watched],
    good: Callable[[], DriverReply],
    found: Found,
) -> tuple[Counter[str], list[float]]:
    ended: Counter[str] = Counter()
    memory: list[float] = []
    done, until = 0, time.monotonic() + seconds
    while time.monotonic() < until:
        faulthandler.dump_traceback_later(STUCK_S * 3, exit=True)
        for number in range(done, done + READ):
            case, rng = case_of(seed, number, corpus)
            ended += read(readers, case, rng, found, f"{seed}:{number}")
        for number in range(done + READ, done + READ + SENT):
            case, rng = case_of(seed, number, corpus)
            name = "service" if rng.random() < 0.75 else "care client"
            # With ids of its own it is no duplicate.
            own_ids = replace(case, body=case.body.replace(_OWN, b"%08X" % number))
            status = send(ports[name], name, wire(own_ids, rng), found, f"{seed}:{number}")
            ended[f"{name}: {status}"] += 1
        done += READ + SENT
        ended["cases read, by every reader"] += READ
        ended["cases sent"] += SENT
        shown = good()
        if shown.body.get("status") != "found":
            found.note("a good lookup", b"", f"before case {seed}:{done}: {shown.text[:500]}")
        for each in watched:
            each.look(found, f"{seed}:{done}")
        memory.append(resident_mib("self"))
    faulthandler.cancel_dump_traceback_later()
    return ended, memory


def case_of(seed: int, number: int, corpus: Sequence[Case]) -> tuple[Case, random.Random]:
    """A case by its number, and the generator that goes on from it."""
    rng = random.Random(f"{seed}:{number}")
    return spoiled(rng, corpus), rng


# With an arena for each thread, each keeps the largest message it ever saw: that is no leak, and hides one.
_ONE_ARENA: Final = {"MALLOC_ARENA_MAX": "1", "MALLOC_TRIM_THRESHOLD_": "131072"}


def _start(parts: ExitStack, folder: Path, question: Mapping[Profile, Question]) -> tuple[Process, Process]:
    """A mock Spine that knows the children, and the mock care client as the party that takes its replies."""
    arguments = ["serve", "--no-tls", "--port", "0", "--workers", "2", "--drop", str(folder / "drop")]
    arguments += ["--evidence", str(folder / "evidence"), "--store", str(folder / "service.sqlite")]
    arguments += ["--load-upload", str(folder / "upload.xml")]
    environment = {**os.environ, **_ONE_ARENA}
    service = Process("service", arguments, log=folder / "service.log", environment=environment, within=60)
    parts.callback(service.stop)
    arguments = ["care", "--url", str(service.ready["url"]), "--profile", "reliable", "--reply-port", "0"]
    care = Process("care client", arguments, log=folder / "care.log", environment=environment, within=60)
    parts.callback(care.stop)
    control = DriverClient(str(service.ready["control_url"]), token=str(service.ready["control_token"]))
    entries = [
        PartyEntry(key=key, ods="ZZ9", asids=[asid], endpoint=str(care.ready["reply_url"]))
        for key, asid in ((CARE_PARTY_KEY, "999999000101"), ("RX0-0000002", "999999000102"))
    ]
    put = control.call("put-parties", PutParties(parties=entries), within=10)
    if put.code != 200:
        raise SystemExit(f"fuzz: {put.reason}")
    return service, care


def _port(url: Any) -> int:
    return int(re.sub(r"\D", "", str(url).rpartition(":")[2]))


def main(arguments: Iterable[str] | None = None) -> int:
    """Read the command line, run, and say what came of it."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.fuzz", description="Fuzz the readers and the live endpoints."
    )
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--samples", type=Path, help="folder with .mime and .xml messages to begin with")
    parser.add_argument("--out", type=Path, default=Path("build/fuzz"), help="folder for what is found")
    options = parser.parse_args(None if arguments is None else list(arguments))
    with tempfile.TemporaryDirectory(prefix="cpis-fuzz-", ignore_cleanup_errors=True) as name:
        return 1 if fuzz(options.seconds, options.seed, options.samples, options.out, Path(name)) else 0


if __name__ == "__main__":
    sys.exit(main())
