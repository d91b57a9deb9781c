"""An asynchronous lookup: every check in its order, the acknowledgement, the reply, and each open choice."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from cpis_simulator.codecs.ebxml import (
    MessageError,
    Signal,
    decode_header,
    encode_acknowledgement,
    encode_message_error,
)
from cpis_simulator.codecs.reply import decode_reply
from cpis_simulator.codecs.soap import QUERY_ACTION
from cpis_simulator.directory import RELIABLE, care_party, default_parties, directory_of, spine_party
from cpis_simulator.model import AnswerMessage, NoRecord, Refusal
from cpis_simulator.settings import TransportSettings
from cpis_simulator.spine.answers import HttpAnswer
from cpis_simulator.spine.delivery import Standing
from cpis_simulator.spine.intake import Incoming
from tests.simulator.lookup_examples import CHILD, ToldService, answer, no_record
from tests.simulator.spine_examples import (
    CONVERSATION_ID,
    EXPRESS_HEADER,
    HEADER,
    RELIABLE_HEADER,
    REQUEST_ID,
    Memory,
    Spine,
    ebxml_request,
    edited,
    error_of,
    fault_of,
    query_xml,
    read_reply,
    request,
)

ASYNCHRONOUS = ("reliable", "express")


def spine(**choices: object) -> Spine:
    return Spine(ToldService(answer()), **choices)


def refused(given: Spine, incoming: Incoming) -> HttpAnswer:
    """A refusal, which leaves no trace: the application was not asked, nothing is remembered, nothing will be sent."""
    found = given.post(incoming)
    assert given.service.asked == []
    assert (given.memory.answers, given.memory.replies) == ({}, {})
    return found


# What a good message gets.


def test_a_reliable_query_is_acknowledged_with_202() -> None:
    given = spine().post(request("reliable"))
    assert (given.status, given.content_type) == (202, "text/xml")
    assert given.soap_action == "urn:oasis:names:tc:ebxml-msg:service/Acknowledgment"
    header = decode_header(given.body)
    assert (header.from_party, header.to_party) == ("YES-0000806", "RX0-0000001")
    assert (header.cpa_id, header.conversation_id) == ("S2001A0000001", CONVERSATION_ID)
    assert (header.ref_to_message_id, header.acknowledges) == (REQUEST_ID, REQUEST_ID)
    assert header.timestamp == "2026-01-06T10:15:00Z"


def test_an_express_query_is_accepted_with_an_empty_202() -> None:
    given = spine().post(request("express"))
    assert (given.status, given.body, dict(given.headers())["Content-Length"]) == (202, b"", "0")


@pytest.mark.parametrize("profile", ASYNCHRONOUS)
def test_the_query_reaches_the_application_once(profile: str) -> None:
    given = spine()
    given.post(request(profile))
    assert [m.query.nhs_number for m in given.service.asked] == [CHILD]


@pytest.mark.parametrize("profile", ASYNCHRONOUS)
def test_the_reply_goes_to_the_endpoint_of_the_directory_and_names_the_request(profile: str) -> None:
    given = spine()
    accepted = given.post(request(profile))
    (reply,) = given.replies
    assert accepted.replies == (reply.row,)
    assert (reply.address, reply.party) == ("http://127.0.0.1:4434/", "RX0-0000001")
    message = read_reply(reply)
    header = message.header
    assert (header.from_party, header.to_party) == ("YES-0000806", "RX0-0000001")
    assert (header.ref_to_message_id, header.conversation_id) == (REQUEST_ID, CONVERSATION_ID)
    assert (header.cpa_id, header.action) == ("S2001A0000002", "REPC_IN000007GB01")
    assert header.message_id == reply.message_id != REQUEST_ID
    assert message.payload is not None
    assert isinstance(decode_reply(message.payload), AnswerMessage)


def test_an_express_reply_asks_for_nothing_and_a_reliable_one_for_an_acknowledgement() -> None:
    reliable = care_party("RX0-0000001", "ZZ9", "X", [], "http://127.0.0.1:9/", "S2001A0000002", RELIABLE)
    memory = Memory(directory=directory_of(spine_party("http://127.0.0.1:1", TransportSettings()), reliable))
    for given, asks in ((spine(), False), (Spine(ToldService(answer()), memory), True)):
        given.post(request("reliable"))
        header = read_reply(given.replies[0]).header
        assert (header.ack_requested is not None, header.duplicate_elimination, header.sync_reply is not None) == (
            asks,
            asks,
            True,
        )
        assert given.replies[0].course.needs_ack is asks


def test_no_record_and_a_refusal_are_replies_of_their_own_interaction() -> None:
    nothing = Spine(ToldService(no_record("0B1D5C10-7A2E-4C55-9D01-000000000002")))
    nothing.post(request("express"))
    faulty = spine()
    organisation = '<id root="2.16.840.1.113883.2.1.3.2.4.19.1" extension="ZZ9"/>'
    faulty.post(edited(request("express"), organisation, ""))
    assert faulty.service.asked == []
    for given, interaction, kind in (
        (nothing, "QUQI_IN010000UK14", NoRecord),
        (faulty, "MCCI_IN010000UK13", Refusal),
    ):
        message = read_reply(given.replies[0])
        assert (message.header.action, given.replies[0].interaction) == (interaction, interaction)
        assert isinstance(decode_reply(message.payload or b""), kind)


def test_the_reply_waits_for_the_delay_that_is_set() -> None:
    given = spine(reply_delay=0.25)
    given.post(request("express"))
    assert given.replies[0].course.due - given.memory.real_now == timedelta(seconds=0.25)


def test_ids_of_header_and_payload_need_not_agree() -> None:
    given = spine()
    assert given.post(ebxml_request(replace(EXPRESS_HEADER, message_id="FREE-TEXT"))).status == 202
    assert read_reply(given.replies[0]).header.ref_to_message_id == "FREE-TEXT"


# Steps 2 to 5.


@pytest.mark.parametrize("profile", ["reliable", "express", "sync"])
@pytest.mark.parametrize("action", [None, "", "urn:nhs:names:services:pdsquery/QUPA_IN000005UK01", "QUPC_IN000006GB01"])
def test_without_a_known_soap_action_the_service_is_not_supported(profile: str, action: str | None) -> None:
    given = refused(spine(), replace(request(profile), soap_action=action))
    assert (given.status, fault_of(given)[0]) == (500, "101")
    assert b"<faultcode>SOAP:Client</faultcode>" in given.body


@pytest.mark.parametrize("profile", ["reliable", "express", "sync"])
@pytest.mark.parametrize("form", ["{}", '"{}"', " urn:{} ", '"urn:{}"'])
def test_soap_action_may_be_quoted_and_doubled(profile: str, form: str) -> None:
    given = spine()
    assert given.post(replace(request(profile), soap_action=form.format(QUERY_ACTION))).status in (200, 202)
    assert len(given.service.asked) == 1


@pytest.mark.parametrize("profile", ["reliable", "express", "sync"])
@pytest.mark.parametrize("path", ["/", "/sync-service", "/reliablemessaging/reliablerequest", "/anything/at/all"])
def test_every_path_takes_every_profile(profile: str, path: str) -> None:
    assert spine().post(replace(request(profile), path=path)).status in (200, 202)


def test_the_intermediary_is_not_offered() -> None:
    given = refused(spine(), replace(request("reliable"), path="/reliablemessaging/intermediary"))
    assert (given.status, fault_of(given)[0]) == (404, "101")


@pytest.mark.parametrize(
    "broken",
    [
        lambda r: replace(r, body=b""),
        lambda r: replace(r, body=b"no parts at all"),
        lambda r: replace(r, content_type="multipart/related"),
        lambda r: replace(r, body=r.body[: len(r.body) // 2]),
        lambda r: edited(r, "</soap:Envelope>", ""),
        lambda r: edited(r, "<soap:Envelope", "<!DOCTYPE x><soap:Envelope"),
        lambda r: edited(r, "eb:CPAId", "eb:Other"),
        lambda r: edited(r, "</QUPC_IN000006GB01>", ""),
        lambda r: edited(r, "QUPC_IN000006GB01 xmlns", "QUPC_IN000009GB01 xmlns"),
        lambda r: edited(edited(r, "QUPC_IN000006GB01 xmlns", "ABCD xmlns"), "</QUPC_IN000006GB01>", "</ABCD>"),
    ],
)
def test_what_cannot_be_read_is_fault_201(broken: Callable[[Incoming], Incoming]) -> None:
    given = refused(spine(), broken(request("reliable")))
    code, description = fault_of(given)
    assert (given.status, code, description.partition(":")[0]) == (500, "201", "MESSAGE_NOT_WELL_FORMED")


def with_header(**changed: object) -> Incoming:
    return ebxml_request(replace(RELIABLE_HEADER, **changed))


ACK = RELIABLE_HEADER.ack_requested or Signal()
SYNC = RELIABLE_HEADER.sync_reply or Signal()
HREF = f'xlink:href="cid:{REQUEST_ID}@spine.nhs.uk"'
VERSION = 'eb:version="2.0" soap:mustUnderstand="1">'


@pytest.mark.parametrize(
    ("incoming", "code", "rule"),
    [
        (
            edited(request("reliable"), f"MessageHeader {VERSION}", "MessageHeader eb:version='3.0'>"),
            "Inconsistent",
            "INVALID_MESSAGE_HEADER_VERSION: eb:version: expected 2.0, found 3.0",
        ),
        (
            with_header(ack_requested=replace(ACK, version="1.0")),
            "Inconsistent",
            "ACK_REQUESTED_VERSION_INVALID: eb:version: expected 2.0, found 1.0",
        ),
        (
            with_header(ack_requested=replace(ACK, signed="true")),
            "Inconsistent",
            "ACK_REQUESTED_SIGNED_INVALID: eb:signed: expected false, found true",
        ),
        (
            with_header(ack_requested=replace(ACK, actor="urn:somebody")),
            "Inconsistent",
            "ACK_REQUESTED_ACTOR_INVALID: SOAP actor: expected "
            "urn:oasis:names:tc:ebxml-msg:actor:toPartyMSH, found urn:somebody",
        ),
        (
            with_header(sync_reply=None),
            "Inconsistent",
            "SYNCREPLY_INCONSISTENT_WITH_CONTRACT: eb:SyncReply is missing, the contract has MSHSignalsOnly",
        ),
        (
            with_header(sync_reply=replace(SYNC, version="1.0")),
            "Inconsistent",
            "SYNCREPLY_VERSION_INVALID: eb:version: expected 2.0, found 1.0",
        ),
        (
            with_header(sync_reply=replace(SYNC, actor="")),
            "Inconsistent",
            "SYNCREPLY_ACTOR_INVALID: SOAP actor: expected http://schemas.xmlsoap.org/soap/actor/next, found nothing",
        ),
        (
            edited(request("express"), "eb:Reference", "eb:Other"),
            "MimeProblem",
            "INVALID_MANIFEST_REFERENCE: expected one eb:Reference, found 0",
        ),
        (
            edited(request("express"), HREF, 'xlink:href="cid:"'),
            "MimeProblem",
            "INVALID_MANIFEST_REFERENCE: xlink:href: expected cid: and a content id, found cid:",
        ),
        (
            edited(request("express"), HREF, 'xlink:href="cid:nobody"'),
            "MimeProblem",
            "INVALID_MANIFEST_REFERENCE: no MIME part has the content id nobody",
        ),
        (
            edited(request("express"), f"Manifest {VERSION}", "Manifest eb:version='1.0'>"),
            "MimeProblem",
            "INVALID_MANIFEST_REFERENCE: eb:version of eb:Manifest: expected 2.0, found 1.0",
        ),
    ],
)
def test_a_broken_header_rule_is_an_error_that_names_it(incoming: Incoming, code: str, rule: str) -> None:
    given = refused(spine(), incoming)
    assert (given.status, error_of(given)) == (200, (code, rule))
    header = decode_header(given.body)
    assert (header.from_party, header.to_party) == ("YES-0000806", "RX0-0000001")
    assert (header.ref_to_message_id, header.conversation_id) == (REQUEST_ID, CONVERSATION_ID)


def test_a_second_reference_is_one_too_many() -> None:
    doubled = edited(request("express"), "</eb:Reference>", f"</eb:Reference><eb:Reference {HREF}/>")
    assert error_of(refused(spine(), doubled)) == (
        "MimeProblem",
        "INVALID_MANIFEST_REFERENCE: expected one eb:Reference, found 2",
    )


def test_an_express_query_needs_no_sync_reply() -> None:
    assert spine().post(ebxml_request(HEADER)).status == 202


def test_a_reliable_query_without_duplicate_elimination_is_taken() -> None:
    given = spine().post(with_header(duplicate_elimination=False))
    assert (given.status, decode_header(given.body).acknowledges) == (202, REQUEST_ID)


# Step 6.


def test_a_soap_action_that_is_not_the_messages_own_is_inconsistent() -> None:
    given = refused(spine(), ebxml_request(replace(RELIABLE_HEADER, action="QUPC_IN000009GB01")))
    code, description = error_of(given)
    assert (code, description.partition(",")[0]) == ("Inconsistent", f"SOAPAction is {QUERY_ACTION}")


def test_a_message_to_another_party_is_refused() -> None:
    given = refused(spine(), ebxml_request(replace(RELIABLE_HEADER, to_party="YES-0000001")))
    assert error_of(given) == ("ValueNotRecognized", "501314:Invalid To Party Type attribute")


WRONG_PARTIES = [
    ({"cpa_id": "S9999A9999999"}, "501319:Unknown eb:CPAId"),
    ({"from_party": "RX9-9999999"}, "Unknown eb:From party"),
]


@pytest.mark.parametrize(("changed", "said"), WRONG_PARTIES)
@pytest.mark.parametrize(
    ("choices", "is_refused"),
    [
        ({}, False),
        ({"party_checks": "warn", "strict": "reliable"}, False),
        ({"party_checks": "when-strict", "strict": "reliable"}, True),
        ({"party_checks": "refuse"}, True),
    ],
)
def test_an_unknown_contract_or_sender_is_told_and_refused_where_it_is_set_so(
    changed: dict[str, str], said: str, choices: dict[str, str], is_refused: bool
) -> None:
    given = spine(**choices)
    found = given.post(ebxml_request(replace(RELIABLE_HEADER, **changed)))
    if is_refused:
        assert error_of(found) == ("ValueNotRecognized", said)
        assert given.service.asked == []
    else:
        assert (found.status, len(given.service.asked)) == (202, 1)
        assert given.memory.warnings[0].startswith(f"{said}: ")


def test_nothing_is_sent_to_a_sender_whom_the_directory_does_not_know() -> None:
    given = spine()
    accepted = given.post(ebxml_request(replace(RELIABLE_HEADER, from_party="RX9-9999999")))
    assert (accepted.status, accepted.replies, given.replies) == (202, (), [])
    assert given.memory.warnings[-1].startswith("DeliveryFailure: the directory has no endpoint of RX9-9999999")


# Step 7.


def test_a_duplicate_gets_the_same_acknowledgement_and_nothing_else_happens() -> None:
    given = spine()
    first = given.post(request("reliable"))
    given.later(seconds=299)
    again = given.post(request("reliable"))
    assert (again.status, again.body, again.soap_action) == (first.status, first.body, first.soap_action)
    assert again.replies == ()
    assert (len(given.service.asked), len(given.replies)) == (1, 1)


def test_after_the_persist_duration_the_same_id_is_another_message() -> None:
    given = spine()
    given.post(request("reliable"))
    given.later(minutes=5)
    given.post(request("reliable"))
    assert (len(given.service.asked), len(given.replies)) == (2, 2)


def test_the_time_scale_divides_the_persist_duration() -> None:
    given = spine(time_scale=1000)
    given.post(request("reliable"))
    given.later(seconds=0.29)
    given.post(request("reliable"))
    assert len(given.service.asked) == 1
    given.later(seconds=0.02)
    given.post(request("reliable"))
    assert len(given.service.asked) == 2


def test_the_same_id_of_another_party_is_another_message() -> None:
    given = spine()
    given.post(request("reliable"))
    given.post(ebxml_request(replace(RELIABLE_HEADER, from_party="RX0-0000002")))
    assert [r.party for r in given.replies] == ["RX0-0000001", "RX0-0000002"]


def test_without_duplicate_elimination_the_same_message_is_processed_again() -> None:
    given = spine()
    given.post(request("express"))
    given.post(request("express"))
    assert (len(given.service.asked), len(given.replies)) == (2, 2)


def test_a_message_that_was_refused_is_no_duplicate_later() -> None:
    given = spine()
    refused(given, ebxml_request(replace(RELIABLE_HEADER, to_party="YES-0000001")))
    given.post(request("reliable"))
    assert len(given.service.asked) == 1


# Open choices.


@pytest.mark.parametrize(
    ("strict", "taken"),
    [
        ("off", {"reliable", "express", "sync"}),
        ("reliable", {"reliable"}),
        ("express", {"express"}),
        ("sync", {"sync"}),
    ],
)
def test_a_strict_service_takes_one_profile(strict: str, taken: set[str]) -> None:
    found = set()
    for profile in ("reliable", "express", "sync"):
        given = spine(strict=strict)
        given.post(on_path(profile, strict))
        found |= {profile} if given.service.asked else set()
    assert found == taken


def on_path(profile: str, strict: str) -> Incoming:
    path = {"reliable": "/reliablemessaging/reliablerequest", "express": "/reliablemessaging/queryrequest"}
    found = request(profile)
    return replace(found, path=path.get(strict, "/sync-service"))


@pytest.mark.parametrize(
    ("strict", "profile", "said"),
    [
        (
            "reliable",
            "express",
            "DUPLICATE_ELIMINATION_INCONSISTENT_WITH_CONTRACT: eb:DuplicateElimination is missing, "
            "the contract is reliable",
        ),
        (
            "express",
            "reliable",
            "DUPLICATE_ELIMINATION_INCONSISTENT_WITH_CONTRACT: eb:DuplicateElimination is there, "
            "the contract is express",
        ),
    ],
)
def test_the_other_asynchronous_profile_is_inconsistent_when_strict(strict: str, profile: str, said: str) -> None:
    given = refused(spine(strict=strict), on_path(profile, strict))
    assert error_of(given) == ("Inconsistent", said)


@pytest.mark.parametrize(
    ("strict", "header"),
    [
        ("reliable", replace(RELIABLE_HEADER, ack_requested=None)),
        ("express", replace(EXPRESS_HEADER, ack_requested=RELIABLE_HEADER.ack_requested)),
    ],
)
def test_an_acknowledgement_that_the_contract_has_otherwise_is_inconsistent_when_strict(
    strict: str, header: object
) -> None:
    incoming = replace(ebxml_request(header), path=on_path("sync", strict).path)  # type: ignore[arg-type]
    code, description = error_of(refused(spine(strict=strict), incoming))
    assert (code, description.partition(":")[0]) == ("Inconsistent", "ACK_REQUESTED_INCONSISTENT_WITH_CONTRACT")


@pytest.mark.parametrize(("strict", "profile"), [("sync", "reliable"), ("reliable", "sync"), ("express", "sync")])
def test_the_other_kind_of_message_is_not_supported_when_strict(strict: str, profile: str) -> None:
    given = refused(spine(strict=strict), on_path(profile, strict))
    assert (given.status, fault_of(given)) == (500, ("101", f"Only the {strict} profile is offered here"))


@pytest.mark.parametrize("strict", ["reliable", "express", "sync"])
def test_another_path_is_not_found_when_strict(strict: str) -> None:
    given = refused(spine(strict=strict), replace(request(strict), path="/elsewhere"))
    assert (given.status, fault_of(given)[0]) == (404, "101")


def test_the_paths_of_strict_synchronous_lookups_are_a_setting() -> None:
    choices = {"strict": "sync", "sync_paths": ["/mine"]}
    assert spine(**choices).post(replace(request("sync"), path="/mine")).status == 200
    assert spine(**choices).post(replace(request("sync"), path="/sync-service")).status == 404


@pytest.mark.parametrize("status", [200, 500])
def test_the_status_of_an_error_is_a_setting(status: int) -> None:
    given = refused(spine(fault_status=status), ebxml_request(replace(RELIABLE_HEADER, to_party="X")))
    assert (given.status, error_of(given)[0]) == (status, "ValueNotRecognized")


def test_a_message_that_is_cut_off_is_a_mime_problem_where_it_is_set_so() -> None:
    whole = request("reliable")
    cut = replace(whole, body=whole.body[: whole.body.index(b"<QUPC")])
    given = refused(spine(broken_multipart="message-error"), cut)
    code, description = error_of(given)
    assert (code, description.partition(":")[0]) == ("MimeProblem", "MIME message that is cut off")
    headless = replace(whole, body=whole.body[:200])
    assert fault_of(refused(spine(broken_multipart="message-error"), headless))[0] == "201"


@pytest.mark.parametrize(("oversize", "status"), [("413", 413), ("500", 500)])
def test_too_large_a_payload_is_a_fault_of_the_status_that_is_set(oversize: str, status: int) -> None:
    given = refused(spine(oversize=oversize, max_payload=1000), request("reliable"))
    assert (given.status, fault_of(given)) == (status, ("200", "The payload is larger than 1000 characters"))


def test_the_largest_payload_counts_characters_not_bytes() -> None:
    payload = query_xml().replace(b"Testnurse", "Testnürse".encode())
    given = spine(max_payload=len(payload.decode().replace("\n", "\r\n")))
    assert given.post(ebxml_request(RELIABLE_HEADER, payload)).status == 202


# What clients tell later.


def told(given: Spine, body: bytes, action: str = "Acknowledgment") -> HttpAnswer:
    soap_action = f"urn:urn:oasis:names:tc:ebxml-msg:service/{action}"
    return given.post(Incoming("/", "text/xml", soap_action, body))


def test_a_later_acknowledgement_ends_a_reply() -> None:
    given = spine()
    given.post(request("reliable"))
    header = read_reply(given.replies[0]).header
    found = told(given, encode_acknowledgement(header, message_id="A", acknowledged="2026-01-06T10:15:02Z"))
    assert (found.status, found.body) == (200, b"")
    assert given.replies[0].course.standing is Standing.DELIVERED


def test_a_later_error_ends_none() -> None:
    given = spine()
    given.post(request("reliable"))
    header = read_reply(given.replies[0]).header
    error = MessageError("Unknown", "not today")
    body = encode_message_error(header, [error], message_id="A", timestamp="2026-01-06T10:15:02Z")
    found = told(given, body, "MessageError")
    assert (found.status, found.body) == (200, b"")
    assert given.replies[0].course.standing is Standing.WAITING


def test_an_acknowledgement_of_another_party_ends_none() -> None:
    given = spine()
    given.post(request("reliable"))
    header = replace(read_reply(given.replies[0]).header, to_party="RX0-0000002")
    found = told(given, encode_acknowledgement(header, message_id="A", acknowledged="2026-01-06T10:15:02Z"))
    assert (found.status, found.body) == (200, b"")
    assert given.replies[0].course.standing is Standing.WAITING
    assert "which is no reply to it" in given.memory.warnings[-1]


def test_an_acknowledgement_that_cannot_be_read_is_a_fault() -> None:
    assert fault_of(told(spine(), b"<x/>"))[0] == "201"


def test_the_bundled_parties_are_two() -> None:
    assert [p.key for p in default_parties()] == ["RX0-0000001", "RX0-0000002"]
