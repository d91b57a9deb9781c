"""Checks of what a service sends: whom an answer lists, what it refuses, the form of its messages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lxml import etree

from cpis_reports.checks.exchanges import lookups, lookups_of, opened
from cpis_reports.checks.reading import acknowledgements, notifications, same_instant
from cpis_reports.checks.registry import Judgement, check, failed, passed, undecided
from cpis_simulator.codecs.reply import decode_reply
from cpis_simulator.errors import DecodeError
from cpis_simulator.evidence import FILE_DROP, LOOKUP, Evidence, Record
from cpis_simulator.model import Access, AnswerMessage, PersonAuthor, Refusal
from cpis_simulator.nhs_number import masked
from cpis_simulator.rules.judge import judge
from cpis_simulator.vocabulary import FileCode, MessageKind


@check(
    "answer-lists",
    judges="service",
    requirements=(
        *("CPIS-DAT-024", "CPIS-DAT-025", "CPIS-QRY-008", "CPIS-QRY-009", "CPIS-QRY-012", "CPIS-RSP-006"),
        *("CPIS-RSP-007", "CPIS-IG-005"),
    ),
    witness="wire",
)
def answer_lists(evidence: Evidence, *, nhs_number: str, accesses: list[dict[str, str]]) -> Judgement:
    """The last answer lists exactly these accesses, each with who, in what role, of which organisation, and when."""
    answer = _last_answer(evidence, nhs_number)
    if isinstance(answer, Judgement):
        return answer
    where, found = answer
    told = {access.event_id: access for access in found}
    wanted = {access["event_id"]: access for access in accesses}
    if len(told) != len(found) or told.keys() != wanted.keys():
        missing, more = len(wanted.keys() - told.keys()), len(found) - len(told.keys() & wanted.keys())
        expected = f"expected {len(wanted)} accesses, found {len(found)}"
        return failed("wire", f"{expected}: {missing} are missing, {more} should not be there", *where)
    for event_id, access in told.items():
        if wrong := _wrong_in(access, wanted[event_id]):
            return failed("wire", wrong, *where)
    return passed("wire", *where)


def _wrong_in(access: Access, wanted: dict[str, str]) -> str:
    author = access.author
    if not same_instant(wanted["accessed"], access.effective_time):
        return f"an access stands with the time {access.effective_time.isoformat()}"
    if author.organisation.name != wanted["organisation"]:
        return f"an access stands with the organisation '{author.organisation.name}'"
    if isinstance(author, PersonAuthor):
        who, role = " ".join([*author.name.given, author.name.family]), author.role_name
    elif author.responsible:
        person = author.responsible[0]
        who, role = " ".join([*person.name.given, person.name.family]), person.role_name
    else:
        return "an access by a system stands without the person responsible for it"
    return "" if (who, role) == (wanted["worker"], wanted["role"]) else f"an access stands with '{who}', '{role}'"


@check("answer-in-order", judges="service", requirements=("CPIS-RSP-008",), witness="wire")
def answer_in_order(evidence: Evidence, *, nhs_number: str, event_ids: list[str]) -> Judgement:
    """Those of these accesses that the last answer lists stand in this order."""
    answer = _last_answer(evidence, nhs_number)
    if isinstance(answer, Judgement):
        return answer
    where, listed = answer
    found = [access.event_id for access in listed if access.event_id in event_ids]
    if found != [event_id for event_id in event_ids if event_id in found]:
        return failed("wire", "the accesses are not listed newest first", *where)
    if len(found) < 2:
        return undecided("not-reached", "fewer than two accesses are listed", *where)
    return passed("wire", *where)


def _last_answer(evidence: Evidence, nhs_number: str) -> Judgement | tuple[tuple[Record, ...], tuple[Access, ...]]:
    made = lookups_of(evidence, nhs_number)
    if not made:
        return undecided("not-reached", f"{masked(nhs_number)} was not looked up")
    reply, where = made[-1].reply, made[-1].records()
    if not isinstance(reply, AnswerMessage):
        return failed("wire", f"expected an answer with plans, found {type(reply).__name__}", *where)
    return where, reply.answer.accesses


@check(
    "query-refused",
    judges="service",
    requirements=("CPIS-QRY-003", "CPIS-QRY-004", "CPIS-QRY-005", "CPIS-QRY-007", "CPIS-RSP-011"),
    witness="wire",
)
def query_refused(evidence: Evidence, *, words: str) -> Judgement:
    """The last request is answered by an application acknowledgement that names these words as missing."""
    asked = evidence.on(LOOKUP, phase="request")
    if not asked:
        return undecided("not-reached", "no query arrived")
    exchange = asked[-1].headers.get("exchange", "")
    answers = evidence.on(LOOKUP, phase="response", exchange=exchange)
    if not answers:
        return failed("wire", "the query was not answered", asked[-1])
    where = (asked[-1], answers[-1])
    try:
        reply = decode_reply(opened(evidence, answers[-1])[1])
    except DecodeError as error:
        return failed("wire", f"the answer is no reply to a query: {error.what}", *where)
    if not isinstance(reply, Refusal):
        return failed("wire", f"expected an application acknowledgement, found {type(reply).__name__}", *where)
    said = [code.display_name for code in (*reply.issues, *reply.details)]
    if not any(words.casefold() in text.casefold() for text in said):
        return failed("wire", f"'{words}' is not named as missing, but {'; '.join(said) or 'nothing'}", *where)
    return passed("wire", *where)


@check(
    "unread-file-refused",
    judges="service",
    requirements=("CPIS-DAT-012", "CPIS-MSG-001", "CPIS-MSG-002", "CPIS-MSG-003"),
    witness="wire",
)
def unread_file_refused(evidence: Evidence, *, authority: str, name: str) -> Judgement:
    """The file of that name is answered once, with CPF01, nothing stored and nothing failed."""
    files = [r for r in evidence.on(FILE_DROP, authority=authority, direction="upload") if r.headers["name"] == name]
    if not files:
        return undecided("not-reached", f"{name} was not picked up")
    replies = acknowledgements(evidence, authority)
    if len(replies) != 1:
        where = (files[0], *(record for record, _ in replies))
        return failed("wire", f"expected one acknowledgement, found {len(replies)}", *where)
    record, reply = replies[0]
    codes = [code.code for code in reply.file_codes]
    if codes != [FileCode.FILE_ERROR]:
        return failed("wire", f"expected CPF01, found {', '.join(codes)}", files[0], record)
    if (reply.stored, reply.failed) != (0, 0):
        return failed("wire", f"it counts {reply.stored} stored and {reply.failed} failed", files[0], record)
    return passed("wire", files[0], record)


@check("accesses-in-one-file", judges="service", requirements=("CPIS-NTF-006", "CPIS-NTF-009"), witness="wire")
def accesses_in_one_file(evidence: Evidence, *, authority: str, event_ids: list[str]) -> Judgement:
    """One notification to the authority holds exactly these accesses, and no other tells of any."""
    made = {looked_up.query.query.event_id for looked_up in lookups(evidence)}
    if missing := set(event_ids) - made:
        return undecided("not-reached", f"{len(missing)} of the accesses were never made")
    told = notifications(evidence, authority)
    holding = [(r, [a.event_id for g in n.groups for a in g.accesses], n.total) for r, n in told]
    holding = [found for found in holding if set(found[1]) & set(event_ids)]
    if len(holding) != 1:
        return failed("wire", f"expected one file with the accesses, found {len(holding)}", *(r for r, _, _ in holding))
    record, found, total = holding[0]
    if sorted(found) != sorted(event_ids) or total != len(event_ids):
        return failed("wire", f"expected {len(event_ids)} accesses, found {len(found)}, total {total}", record)
    return passed("wire", record)


@check("words-in-no-response", judges="service", requirements=("CPIS-INA-007", "CPIS-DAT-003"), witness="wire")
def words_in_no_response(evidence: Evidence, *, authority: str, words: list[str]) -> Judgement:
    """None of the words stands in any file that the service put into the authority's folder."""
    sent = evidence.on(FILE_DROP, authority=authority, direction="response")
    if not sent:
        return undecided("not-reached", "nothing was sent to the authority")
    wrong = [record for record in sent if any(word.encode() in evidence.body(record) for word in words)]
    if wrong:
        return failed("wire", "a file names what the authority must not learn", *wrong)
    return passed("wire", *sent)


_KINDS = {
    "acknowledgement": MessageKind.ACKNOWLEDGEMENT,
    "access-notification": MessageKind.ACCESS_NOTIFICATION,
    "inactive-notification": MessageKind.INACTIVE_NOTIFICATION,
}


def _sent(evidence: Evidence) -> Iterator[tuple[Record, bytes, MessageKind | None]]:
    """Every message that the service has sent, as bytes."""
    for record in evidence.on(FILE_DROP, direction="response"):
        yield record, evidence.body(record), _KINDS[record.headers["kind"]]
    for record in evidence.on(LOOKUP):
        if record.headers.get("phase") not in ("reply", "response"):
            continue
        try:
            yield record, etree.tostring(opened(evidence, record)[1]), None
        except DecodeError:
            continue


def _register_form_check(number: int) -> None:
    """One check a rule, so that a message that breaks one is not said to break its neighbours."""
    rule = f"CPIS-MSG-{number:03}"
    # Status alone crosses the border (DAT-003) where nothing stands in a message but what its structure allows.
    shows: dict[int, tuple[str, ...]] = {5: (rule, "CPIS-DAT-003")}

    @check(f"service-obeys-msg-{number:03}", judges="service", requirements=shows.get(number, (rule,)), witness="wire")
    def service_obeys(evidence: Evidence) -> Judgement:
        """No acknowledgement, answer or notification breaks this rule of message form, and there is one of each."""
        seen: list[Record] = []
        kinds: set[Any] = set()
        for record, body, kind in _sent(evidence):
            verdict = judge(body, kind)
            kinds.add(verdict.kind)
            seen.append(record)
            broken = [f for f in verdict.findings if f.rule == rule and f.severity == "error"]
            if broken:
                return failed("wire", "; ".join(f"{f.rule}: {f.message}" for f in broken[:3]), record)
        wanted = {*_KINDS.values(), MessageKind.RESPONSE, MessageKind.QUERY_FAILED}
        if missing := sorted(kind.value for kind in wanted - kinds):
            return undecided("not-reached", f"the service has sent no {missing[0]}", *seen)
        return passed("wire", *seen)


for _number in range(3, 15):
    _register_form_check(_number)
