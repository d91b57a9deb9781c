"""Messages of every kind, drawn by hypothesis.

Each strategy draws what the model and the official schema allow, awkward values included. With `conforming=True` the
message keeps the rules of `cpis_simulator.rules` too. Everybody is made up: numbers of the 999 range, telephones of the
range reserved for drama.

Source: CP-IS DMS 1.0-RC5, data types usage and templates.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from typing import Any, Final, TypeVar

from hypothesis import settings
from hypothesis import strategies as st

from cpis_simulator.codecs.xml import WHITE_SPACE
from cpis_simulator.model import (
    Access,
    AccessGroup,
    AccessNotification,
    Acknowledgement,
    Answer,
    AnswerMessage,
    Author,
    AuthorityRecord,
    AuthorName,
    Coded,
    DeviceAuthor,
    Echo,
    InactiveNumber,
    InactiveNumberNotification,
    LocalId,
    NoRecord,
    NotifiedAccess,
    Organisation,
    PersonAuthor,
    PlanRecord,
    ProtectionPlan,
    Query,
    QueryMessage,
    RecordResult,
    Refusal,
    ResponsiblePerson,
    Subject,
    SubjectKind,
    Telecom,
    Transmission,
    Upload,
)
from cpis_simulator.nhs_number import TEST_RANGE, check_digit
from cpis_simulator.vocabulary import (
    FILE_CODE_TEXT,
    OID_FAULT,
    OID_ISSUE,
    OID_RECORD_DETAIL,
    RECORD_CODE_TEXT,
    FileCode,
    PlanType,
    RecordCode,
)

PROFILES: Final = {
    "quick": settings(max_examples=15, deadline=None, derandomize=True),
    "thorough": settings(max_examples=300, deadline=None),
}
PROFILE: Final = PROFILES[os.environ.get("HYPOTHESIS_PROFILE", "quick")]
settings.register_profile("cpis", PROFILE)
settings.load_profile("cpis")

T = TypeVar("T")
Draw = Callable[[st.SearchStrategy[T]], T]

MOST_ACCESSES: Final = 25


# Text


AWKWARD: Final = "".join(
    (
        "&<>\"'];-?/= \t\n\r",
        "\N{NO-BREAK SPACE}\N{NEXT LINE}\N{LINE SEPARATOR}\N{IDEOGRAPHIC SPACE}\N{ZERO WIDTH NO-BREAK SPACE}\x7f",
        "éß\N{COMBINING ACUTE ACCENT}李\N{HEBREW LETTER ALEF}\N{RIGHT-TO-LEFT MARK}\ud7ff\ue000\ufffd",
        "\N{GRINNING FACE}\N{MATHEMATICAL FRAKTUR CAPITAL A}\U0001fffe\U0010ffff",
    )
)
"""Characters that a careless writer or reader gets wrong; all of them may stand in XML."""

_CONTROLS: Final = "".join(chr(code) for code in range(0x20) if chr(code) not in WHITE_SPACE)
_FORBIDDEN: Final = f"{_CONTROLS}\ufffe\uffff"


@cache
def texts(*, empty: bool = True) -> st.SearchStrategy[str]:
    """Anything that XML can hold."""
    least = 0 if empty else 1
    return (
        st.text(AWKWARD, min_size=least, max_size=8)
        | st.text(_characters(), min_size=least, max_size=8)
        | st.sampled_from(
            ["]]>", "<!-- x -->", "<![CDATA[x]]>", "<?x y?>", "&amp;", "&#0;", "O'Example", " Siân  Mary ", "x" * 300]
        )
    )


@cache
def _characters(forbidden: str = "") -> st.SearchStrategy[str]:
    return st.characters(exclude_categories=["Cs"], exclude_characters=_FORBIDDEN + forbidden)


@cache
def values() -> st.SearchStrategy[str]:
    """Of an attribute, where an empty one is left out."""
    return texts(empty=False)


@cache
def names() -> st.SearchStrategy[str]:
    """That say something."""
    return st.builds("{}{}{}".format, texts(), st.sampled_from(["Alpha", "Zoë", "李", "\N{GRINNING FACE}"]), texts())


@cache
def codes() -> st.SearchStrategy[str]:
    """A code may hold anything but white space."""
    return st.text(_characters(WHITE_SPACE), min_size=1, max_size=8)


def as_read(message: T) -> T:
    """A message as its reader gives it back: without white space around what stands between tags.

    A prefix or suffix of which nothing is left is none.
    """
    return _as_read(message)  # type: ignore[no-any-return]  # The kind of value is kept.


def _as_read(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_as_read(item) for item in value)
    if not is_dataclass(value) or isinstance(value, type):
        return value
    inner = {field.name: _as_read(getattr(value, field.name)) for field in fields(value)}
    for name in _BETWEEN_TAGS.get(type(value), ()):
        inner[name] = _as_content(inner[name])
    for name in ("prefix", "suffix") if isinstance(value, AuthorName) else ():
        inner[name] = inner[name] or None
    return replace(value, **inner)


def _as_content(value: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
    if isinstance(value, tuple):
        return tuple(item.strip(WHITE_SPACE) for item in value)
    return None if value is None else value.strip(WHITE_SPACE)


_BETWEEN_TAGS: Final[dict[type, tuple[str, ...]]] = {
    Subject: ("given", "family"),
    Organisation: ("name",),
    AuthorName: ("family", "given", "prefix", "suffix"),
    RecordResult: ("location",),
}


# Values


@cache
def nhs_numbers() -> st.SearchStrategy[str]:
    """Of the test range, with their check digit."""
    nines = st.integers(0, 999_999).map(f"{TEST_RANGE}{{:06}}".format)
    return nines.filter(lambda nine: check_digit(nine) is not None).map(lambda nine: f"{nine}{check_digit(nine)}")


@cache
def uuids() -> st.SearchStrategy[str]:
    """In upper case."""
    return st.uuids().map(lambda uuid: str(uuid).upper())


@cache
def asids() -> st.SearchStrategy[str]:
    """Twelve digits."""
    return st.integers(0, 999_999).map("999999{:06}".format)


@cache
def times() -> st.SearchStrategy[datetime]:
    """Of a message: to the second, with an offset to the minute."""
    day = timedelta(days=1)
    moments = st.datetimes(datetime.min + day, datetime.max - day).map(lambda moment: moment.replace(microsecond=0))
    offsets = st.sampled_from([0, 60, -60, 1439, -1439]) | st.integers(-1439, 1439)
    zones = offsets.map(lambda minutes: timezone(timedelta(minutes=minutes)) if minutes else UTC)
    return st.builds(lambda moment, zone: moment.replace(tzinfo=zone), moments, zones)


@cache
def wrapper_times() -> st.SearchStrategy[str]:
    """As far from complete as the schema allows."""
    return st.just("20260302083005") | st.from_regex(
        r"[0-9]{1,8}|([0-9]{9,14}|[0-9]{14}\.[0-9]{1,3})([+-][0-9]{1,4})?", fullmatch=True, alphabet=_ASCII
    )


_ASCII: Final = st.characters(codec="ascii")


@cache
def plan_dates() -> st.SearchStrategy[datetime]:
    """To the minute, without an offset."""
    return st.datetimes(datetime(1900, 1, 1), datetime(2099, 12, 31, 23, 59)).map(
        lambda moment: moment.replace(second=0, microsecond=0)
    )


@cache
def counts() -> st.SearchStrategy[int]:
    """As the schema has them, negative ones too."""
    return st.integers(-3, 3) | st.integers(1 - 10**18, 10**18 - 1)


@cache
def telephones(use: st.SearchStrategy[str]) -> st.SearchStrategy[Telecom]:
    """Of the range reserved for drama, at home or from abroad."""
    numbers = st.builds("{}1632960{:03}".format, st.sampled_from(["tel:0", "tel:+44"]), st.integers(0, 999))
    return st.builds(Telecom, numbers, use)


@cache
@st.composite
def authorities(draw: Draw[Any], *, conforming: bool = False) -> Organisation:
    """With the telephones that a header has."""
    organisation: Organisation = draw(organisations(conforming=conforming))
    if not conforming:
        uses = st.lists(st.sampled_from(["WP", "EC", "H", "MC"]), min_size=1, max_size=2).map(" ".join)
        telecom = draw(st.lists(telephones(uses), min_size=1, max_size=2))
    else:
        office = draw(st.lists(telephones(st.just("WP")), max_size=1))
        telecom = draw(st.permutations([*office, draw(telephones(st.just("EC")))]))
    return replace(organisation, telecom=tuple(telecom))


@cache
def organisations(*, conforming: bool = False) -> st.SearchStrategy[Organisation]:
    """Without telephones."""
    ods_codes = st.text("ABCXYZ0123456789", min_size=2, max_size=10) if conforming else values()
    return st.builds(
        Organisation, ods_codes, names() if conforming else texts(), telecom=st.just(()), is_site=st.booleans()
    )


@cache
def codings(*systems: str) -> st.SearchStrategy[Coded]:
    """Code, text and system, each of which may be missing."""
    return st.builds(Coded, st.just("") | codes(), st.just("") | values(), st.sampled_from(["", *systems]))


# People and plans


@cache
def local_ids(*, conforming: bool = False) -> st.SearchStrategy[LocalId | None]:
    """An authority's own id, or none."""
    authority = st.builds("{}:{}".format, st.just("Z98"), values()) if conforming else values()
    return st.none() | st.builds(LocalId, values(), st.none() | authority)


@cache
def subjects(kind: SubjectKind, *, conforming: bool = False) -> st.SearchStrategy[Subject]:
    """A child, or a mother."""
    name = names() if conforming else texts()
    return st.builds(Subject, st.just(kind), nhs_numbers(), st.dates(), name, name, local_ids(conforming=conforming))


@cache
@st.composite
def plans(draw: Draw[Any], plan_type: PlanType, *, conforming: bool = False, delete: bool = True) -> ProtectionPlan:
    """With the dates that its type must have; `delete` says whether it may have a delete date."""
    start: datetime = draw(plan_dates())
    end = None
    if plan_type is PlanType.UNBORN or draw(st.booleans()):
        end = draw(plan_dates())
    if conforming and end is not None:
        start, end = min(start, end), max(start, end)
    return ProtectionPlan(plan_type, start, end, draw(st.none() | plan_dates()) if delete else None)


@cache
@st.composite
def records(draw: Draw[Any], *, conforming: bool = False, delete: bool = True) -> PlanRecord:
    """One to three plans of one or two people."""
    types = draw(st.lists(st.sampled_from(PlanType), min_size=1, max_size=3))
    if conforming:
        needed = {SubjectKind.MOTHER if kind is PlanType.UNBORN else SubjectKind.CHILD for kind in types}
        kinds = draw(st.permutations(sorted(needed | set(draw(st.sets(st.sampled_from(SubjectKind)))))))
    else:
        kinds = draw(st.lists(st.sampled_from(SubjectKind), min_size=1, max_size=2))
    return PlanRecord(
        tuple(draw(plans(plan_type, conforming=conforming, delete=delete)) for plan_type in types),
        tuple(draw(subjects(kind, conforming=conforming)) for kind in kinds),
    )


# Who asks


@cache
def author_names(*, conforming: bool = False) -> st.SearchStrategy[AuthorName]:
    """Of a worker."""
    part = names() if conforming else texts()
    return st.builds(
        AuthorName,
        part,
        st.lists(part, min_size=1 if conforming else 0, max_size=3).map(tuple),
        part if conforming else st.none() | part,
        st.none() | part,
        st.sampled_from(["L", "PREFERRED"] if conforming else [None, "L", "PREFERRED", "A SYL"]),
    )


@cache
def people(*, conforming: bool = False) -> st.SearchStrategy[PersonAuthor]:
    """Signed in, with or without a known role profile."""
    return st.builds(
        PersonAuthor,
        codes(),
        values(),
        values(),
        author_names(conforming=conforming),
        organisations(conforming=conforming),
        st.none() | values(),
    )


@cache
def devices(*, conforming: bool = False) -> st.SearchStrategy[DeviceAuthor]:
    """Systems, with those who answer for them."""
    responsible = st.builds(ResponsiblePerson, codes(), values(), author_names(conforming=conforming))
    return st.builds(
        DeviceAuthor,
        asids(),
        organisations(conforming=conforming),
        st.lists(responsible, min_size=1 if conforming else 0, max_size=2).map(tuple),
    )


@cache
def authors(*, conforming: bool = False) -> st.SearchStrategy[Author]:
    """Of either kind."""
    return people(conforming=conforming) | devices(conforming=conforming)


@cache
def transmissions(*, conforming: bool = False) -> st.SearchStrategy[Transmission]:
    """Of any interaction."""
    asid = asids() if conforming else asids() | values()
    return st.builds(Transmission, uuids(), wrapper_times(), asid, asid)


# Messages


@cache
@st.composite
def uploads(draw: Draw[Any], *, conforming: bool = False) -> Upload:
    """Message 1."""
    held = tuple(draw(st.lists(records(conforming=conforming), min_size=1, max_size=3)))
    return Upload(
        draw(times()),
        draw(st.integers(0, 10**9).map(str) if conforming else values()),
        len(held) if conforming else draw(counts()),
        draw(authorities(conforming=conforming)),
        held,
    )


@cache
@st.composite
def echoes(draw: Draw[Any], *, conforming: bool = False) -> Echo:
    """A record as an acknowledgement repeats it."""
    record: PlanRecord = draw(records(conforming=conforming))
    valid = draw(st.booleans())
    return Echo(valid, () if valid else record.plans, record.subjects)


@cache
def results(*allowed: RecordCode, conforming: bool = False) -> st.SearchStrategy[RecordResult]:
    """What became of a record."""
    details = st.lists(codings(OID_RECORD_DETAIL, "local-list"), max_size=2).map(tuple)
    if not conforming:
        return st.builds(RecordResult, st.just("") | codes(), st.just("") | values(), texts(), details)
    return st.sampled_from(allowed).flatmap(
        lambda code: st.builds(RecordResult, st.just(code), st.just(RECORD_CODE_TEXT[code]), names(), details)
    )


@cache
@st.composite
def acknowledgements(draw: Draw[Any], *, conforming: bool = False) -> Acknowledgement:
    """Message 2."""
    if conforming:
        return draw(_conforming_acknowledgements())  # type: ignore[no-any-return]  # What is drawn has no type here.
    file_codes = st.builds(Coded, st.sampled_from(FileCode), st.sampled_from(sorted(FILE_CODE_TEXT.values())))
    return Acknowledgement(
        creation_time=draw(times()),
        file_id=draw(values()),
        quantity=draw(counts()),
        file_codes=tuple(draw(st.lists(file_codes, min_size=1, max_size=2))),
        receiver=draw(authorities()),
        stored=draw(counts()),
        failed=draw(counts()),
        results=tuple(draw(st.lists(results(), max_size=3))),
        echoes=tuple(draw(st.lists(echoes(), max_size=2))),
    )


@cache
@st.composite
def _conforming_acknowledgements(draw: Draw[Any]) -> Acknowledgement:
    code: FileCode = draw(st.sampled_from(FileCode))
    some, others = draw(st.integers(1, 10**6)), draw(st.integers(1, 10**6))
    stored, failed = {
        FileCode.ALL_STORED: (some, 0),
        FileCode.PARTLY_STORED: (some, others),
        FileCode.NONE_STORED: (0, others),
    }.get(code, (0, 0))
    of_records = stored + failed > 0
    failures = [each for each in RecordCode if each is not RecordCode.STORED]
    allowed = failures if failed else [RecordCode.STORED]
    unreadable = not of_records and draw(st.booleans())
    return Acknowledgement(
        creation_time=draw(times()),
        file_id="-1" if unreadable else draw(st.integers(0, 10**9).map(str)),
        quantity=-1 if unreadable else stored + failed,
        file_codes=(Coded(code, FILE_CODE_TEXT[code]),),
        receiver=draw(authorities(conforming=True)),
        stored=stored,
        failed=failed,
        results=tuple(draw(st.lists(results(*allowed, conforming=True), max_size=3 if of_records else 0))),
        echoes=tuple(draw(st.lists(echoes(conforming=True), max_size=2 if of_records else 0))),
    )


@cache
def queries(*, conforming: bool = False) -> st.SearchStrategy[QueryMessage]:
    """Message 3 in its interaction."""
    query = st.builds(
        Query,
        times(),
        uuids(),
        authors(conforming=conforming),
        nhs_numbers() if conforming else nhs_numbers() | values(),
        st.sampled_from([None, True, False]),
    )
    return st.builds(QueryMessage, transmissions(conforming=conforming), query)


@cache
def _accesses(
    kind: Callable[..., T], *rest: st.SearchStrategy[Any], least: int, conforming: bool
) -> st.SearchStrategy[tuple[T, ...]]:
    """A few accesses, or as many as an answer may list; then few people look at the record again and again."""
    access = st.builds(kind, times(), uuids(), authors(conforming=conforming), nhs_numbers(), *rest)
    few = st.lists(access, min_size=least, max_size=2)
    again = st.lists(uuids(), min_size=MOST_ACCESSES, max_size=MOST_ACCESSES)
    many = st.builds(lambda one, ids: [replace(one, event_id=each) for each in ids], access, again)
    return (few | few | few | many).map(tuple)


@cache
@st.composite
def answers(draw: Draw[Any], *, conforming: bool = False) -> AnswerMessage:
    """Message 4 in its interaction."""
    accesses = draw(_accesses(Access, least=1 if conforming else 0, conforming=conforming))
    held = st.builds(AuthorityRecord, authorities(conforming=conforming), records(conforming=conforming, delete=False))
    found = tuple(draw(st.lists(held, min_size=1, max_size=2)))
    answer = Answer(
        draw(times()),
        draw(uuids()),
        len(accesses) if conforming else draw(counts()),
        len(found) if conforming else draw(counts()),
        accesses,
        found,
    )
    return AnswerMessage(draw(transmissions(conforming=conforming)), answer)


@cache
def no_records(*, conforming: bool = False) -> st.SearchStrategy[NoRecord]:
    """The interaction of a failed query."""
    return st.builds(
        NoRecord,
        transmissions(conforming=conforming),
        uuids(),
        codings(OID_ISSUE, OID_FAULT),
        st.sampled_from(["OK", "NF", "ID"]),
        st.sampled_from(["AA", "AE", "AR"]),
    )


@cache
def refusals(*, conforming: bool = False) -> st.SearchStrategy[Refusal]:
    """The interaction of an application acknowledgement."""
    issues = st.lists(codings(OID_FAULT), min_size=1 if conforming else 0, max_size=3).map(tuple)
    return st.builds(
        Refusal,
        transmissions(conforming=conforming),
        uuids(),
        issues,
        st.sampled_from(["AA", "AE", "AR"]),
        st.lists(codings(OID_FAULT), max_size=2).map(tuple),
    )


@cache
@st.composite
def access_notifications(draw: Draw[Any], *, conforming: bool = False) -> AccessNotification:
    """Message 5."""
    accesses = _accesses(NotifiedAccess, local_ids(conforming=conforming), least=1, conforming=conforming)
    groups = tuple(draw(st.lists(st.builds(AccessGroup, values(), accesses), max_size=2)))
    return AccessNotification(
        draw(times()),
        draw(uuids()),
        sum(len(group.accesses) for group in groups) if conforming else draw(counts()),
        groups,
        draw(organisations(conforming=conforming)),
    )


@cache
@st.composite
def inactive_notifications(draw: Draw[Any], *, conforming: bool = False) -> InactiveNumberNotification:
    """Message 6."""
    number = st.builds(
        InactiveNumber,
        nhs_numbers(),
        values(),
        local_ids(conforming=conforming),
        st.lists(nhs_numbers(), max_size=1 if conforming else 2).map(tuple),
    )
    if conforming:
        number = number.filter(lambda each: each.nhs_number not in each.replacements)
    return InactiveNumberNotification(
        draw(times()),
        draw(uuids()),
        draw(organisations(conforming=conforming)),
        tuple(draw(st.lists(number, min_size=1, max_size=3))),
    )


# Damage


_FRAGMENTS: Final = (
    *(
        b"",
        b"<",
        b">",
        b"&",
        b"&#0;",
        b"&#x110000;",
        b"&none;",
        b"]]>",
        b"<!--",
        b"<!DOCTYPE File>",
        b"<x/>",
        b"</File>",
    ),
    *(b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xc2\xa0", b"\xff\xfe", b"\r\n", b"--b\r\n", b" xmlns=''"),
)
_VALUES: Final = (
    *(
        b"",
        b" ",
        b"\xc2\xa0",
        b"-1",
        b"9" * 400,
        b"0",
        b"\xd9\xa1",
        b"1e3",
        b"NaN",
        b"&#10;",
        b"x" * 3000,
        b"{}",
        b"%s",
    ),
    *(
        b"20260230",
        b"00000101",
        b"00010101000000+2359",
        b"99991231235959-2359",
        b"20260101000000+9999",
        b"true",
        b"a b",
    ),
)
_QUOTED: Final = re.compile(rb"""(?<==")[^"]*""")


@st.composite
def damaged(draw: Draw[Any], bodies: st.SearchStrategy[bytes]) -> bytes:
    """A document after one to three accidents: a cut, a flipped bit, a range lost, doubled or moved, another value."""
    body: bytes = draw(bodies)
    for _ in range(draw(st.integers(1, 3))):
        accident = draw(st.sampled_from(["cut", "flip", "put", "lose", "double", "move", "value", "value"]))
        places = [found.start() for found in re.finditer(rb"<", body)] if draw(st.booleans()) else range(len(body))
        if not places:
            return body
        first, second, third = sorted(places[draw(st.integers(0, 2**20)) % len(places)] for _ in range(3))
        if accident == "cut":
            body = body[:first]
        elif accident == "flip":
            body = body[:first] + bytes([body[first] ^ 1 << draw(st.integers(0, 7))]) + body[first + 1 :]
        elif accident == "put":
            body = body[:first] + draw(st.sampled_from(_FRAGMENTS) | st.binary(max_size=6)) + body[first:]
        elif accident == "lose":
            body = body[:first] + body[second:]
        elif accident == "double":
            body = body[:second] + body[first:second] + body[second:]
        elif accident == "move":
            body = body[:first] + body[second:third] + body[first:second] + body[third:]
        elif values_ := list(_QUOTED.finditer(body)):
            found = values_[draw(st.integers(0, 2**20)) % len(values_)]
            body = body[: found.start()] + draw(st.sampled_from(_VALUES)) + body[found.end() :]
    return body
