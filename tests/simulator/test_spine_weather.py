"""Bad weather: every fault on demand, to the byte; replies spoiled; the same seed, the same weather."""

import base64
from collections import Counter

import pytest

from cpis_simulator.codecs.ebxml import decode_header
from cpis_simulator.codecs.query import transmission_of
from cpis_simulator.codecs.reply import decode_reply
from cpis_simulator.codecs.soap import decode_soap
from cpis_simulator.driving import Change, Turn, Weather
from cpis_simulator.errors import ConfigError, DecodeError, HarnessError
from cpis_simulator.model import AnswerMessage
from cpis_simulator.spine.exchange import LONGEST_HOLD
from cpis_simulator.spine.weather import KINDS, MIXTURES, NOBODY, drawn, kinds_of, resolved, spoiled_payload
from tests.simulator.lookup_examples import CHILD, ToldService, answer
from tests.simulator.spine_examples import REQUEST_ID, Spine, error_of, fault_of, read_reply, request

PROFILES = ("reliable", "express", "sync")


def spine(*turns: Turn, **choices: object) -> Spine:
    return Spine(ToldService(answer()), **choices).script(*turns)


SOAP_FAULT = """<?xml version="1.0" encoding="UTF-8"?>
<SOAP:Envelope xmlns:SOAP="http://schemas.xmlsoap.org/soap/envelope/">
<SOAP:Body><SOAP:Fault><faultcode>SOAP:{side}</faultcode><faultstring>Application Exception</faultstring><detail>\
<nasp:errorList xmlns:nasp="http://national.carerecords.nhs.uk/schema/">{errors}</nasp:errorList></detail></SOAP:Fault>\
</SOAP:Body>
</SOAP:Envelope>
"""
NASP_ERROR = (
    "<nasp:error><nasp:codeContext>urn:nhs:names:error:tms</nasp:codeContext><nasp:errorCode>{}</nasp:errorCode>"
    "<nasp:severity>Error</nasp:severity><nasp:location>Not Supported</nasp:location>"
    "<nasp:description>{}</nasp:description></nasp:error>"
)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize(
    ("kind", "side", "code", "description"),
    [
        ("fault-101", "Client", 101, "Service or interaction not supported at this address"),
        ("fault-200", "Server", 200, "System failure to process message - default"),
        ("fault-201", "Server", 201, "Message not well formed"),
        ("fault-206", "Server", 206, "Routing delivery failure"),
        ("fault-208", "Server", 208, "Failure storing state"),
        ("fault-300", "Server", 300, "Unknown error"),
    ],
)
def test_every_soap_fault_is_there_on_demand_to_the_byte(
    profile: str, kind: str, side: str, code: int, description: str
) -> None:
    given = spine(KINDS[kind])
    found = given.post(request(profile))
    assert (found.status, found.content_type, found.weather) == (500, "text/xml", kind)
    assert found.body.decode() == SOAP_FAULT.format(side=side, errors=NASP_ERROR.format(code, description))
    assert (given.service.asked, given.replies) == ([], [])


def test_a_fault_may_have_several_errors() -> None:
    found = spine(KINDS["several-faults"]).post(request("reliable"))
    errors = NASP_ERROR.format(200, "System failure to process message - default")
    errors += NASP_ERROR.format(206, "Routing delivery failure")
    assert found.body.decode() == SOAP_FAULT.format(side="Server", errors=errors)


MESSAGE_ERROR = """<?xml version="1.0" encoding="UTF-8"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:eb="http://www.oasis-open.org/committees/ebxml-msg/schema/msg-header-2_0.xsd">
<soap:Header>
<eb:MessageHeader eb:version="2.0" soap:mustUnderstand="1">
<eb:From><eb:PartyId eb:type="urn:nhs:names:partyType:ocs+serviceInstance">YES-0000806</eb:PartyId></eb:From>
<eb:To><eb:PartyId eb:type="urn:nhs:names:partyType:ocs+serviceInstance">RX0-0000001</eb:PartyId></eb:To>
<eb:CPAId>S2001A0000001</eb:CPAId>
<eb:ConversationId>0B1D5C10-7A2E-4C55-9D01-000000000100</eb:ConversationId>
<eb:Service>urn:oasis:names:tc:ebxml-msg:service</eb:Service>
<eb:Action>MessageError</eb:Action>
<eb:MessageData>
<eb:MessageId>0B1D5C10-7A2E-4C55-9D01-000000000001</eb:MessageId>
<eb:Timestamp>2026-01-06T10:15:00Z</eb:Timestamp>
<eb:RefToMessageId>0B1D5C10-7A2E-4C55-9D01-000000000101</eb:RefToMessageId>
</eb:MessageData>
</eb:MessageHeader>
<eb:ErrorList eb:version="2.0" soap:mustUnderstand="1" eb:highestSeverity="Error">
<eb:Error eb:codeContext="urn:oasis:names:tc:ebxml-msg:service:errors" eb:errorCode="{code}" eb:severity="Error">
<eb:Description xml:lang="en-GB">{description}</eb:Description>
</eb:Error>
</eb:ErrorList>
</soap:Header>
<soap:Body/>
</soap:Envelope>
"""


@pytest.mark.parametrize("profile", ["reliable", "express"])
@pytest.mark.parametrize(
    ("code", "description"),
    [
        ("ValueNotRecognized", "501319:Unknown eb:CPAId"),
        ("ValueNotRecognized", "501314:Invalid To Party Type attribute"),
        ("200", "System failure to process message - default"),
        ("NotSupported", "free text"),
        ("Inconsistent", "free text"),
        ("OtherXml", "free text"),
        ("DeliveryFailure", "free text"),
        ("TimeToLiveExpired", "free text"),
        ("SecurityFailure", "free text"),
        ("MimeProblem", "free text"),
        ("Unknown", "free text"),
    ],
)
@pytest.mark.parametrize("status", [200, 500])
def test_every_ebxml_error_is_there_on_demand_to_the_byte(
    profile: str, code: str, description: str, status: int
) -> None:
    text = "" if code == "200" else description
    given = spine(Turn(answer="message-error", error=code, description=text), fault_status=status)
    found = given.post(request(profile))
    assert (found.status, found.content_type) == (status, "text/xml")
    assert found.body.decode() == MESSAGE_ERROR.format(code=code, description=description)
    assert (given.service.asked, given.replies) == ([], [])


def test_in_a_synchronous_lookup_an_ebxml_error_is_a_fault() -> None:
    assert fault_of(spine(KINDS["message-error"]).post(request("sync")))[0] == "200"


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("status", [413, 500, 503, 599])
def test_a_bare_status_is_there_on_demand(profile: str, status: int) -> None:
    given = spine(Turn(answer="status", status=status))
    found = given.post(request(profile))
    assert (found.status, found.body, given.service.asked) == (status, b"", [])


@pytest.mark.parametrize("profile", PROFILES)
def test_a_lost_request_is_not_answered_and_not_heard(profile: str) -> None:
    given = spine(KINDS["lost-request"])
    assert (given.post(request(profile)).harm, given.service.asked, given.replies) == ("lost", [], [])


def test_after_a_refusal_on_demand_the_same_message_is_taken() -> None:
    given = spine(KINDS["fault-206"])
    given.post(request("reliable"))
    assert given.post(request("reliable")).status == 202
    assert (len(given.service.asked), len(given.replies)) == (1, 1)


def test_a_duplicate_uses_up_no_turn() -> None:
    given = spine(Turn(), KINDS["fault-206"])
    given.post(request("reliable"))
    assert given.post(request("reliable")).outcome == "duplicate"
    assert len(given.memory.turns) == 1


@pytest.mark.parametrize("kind", ["lost-acknowledgement", "empty-acknowledgement", "broken-acknowledgement"])
def test_the_copy_of_a_message_whose_acknowledgement_was_spoiled_gets_a_good_one(kind: str) -> None:
    given = spine(KINDS[kind])
    spoiled = given.post(request("reliable"))
    again = given.post(request("reliable"))
    assert (again.harm, decode_header(again.body).acknowledges) == ("", REQUEST_ID)
    assert (spoiled.harm, spoiled.body) != (again.harm, again.body)
    assert (len(given.service.asked), len(given.replies)) == (1, 1)


def test_a_wrong_acknowledgement_names_nobodys_message() -> None:
    found = spine(KINDS["wrong-acknowledgement"]).post(request("reliable"))
    assert decode_header(found.body).acknowledges == NOBODY


@pytest.mark.parametrize("kind", ["cut", "reset", "slow"])
@pytest.mark.parametrize("profile", PROFILES)
def test_an_answer_spoiled_on_the_wire_says_how_and_from_where(profile: str, kind: str) -> None:
    found = spine(Turn(weather=f"{kind}-acknowledgement", after_bytes=7)).post(request(profile))
    assert (found.harm, found.after_bytes, found.weather) == (kind, 7, f"{kind}-acknowledgement")


def test_answers_and_replies_are_late_by_what_the_turn_says() -> None:
    given = spine(Turn(answer_delay_s=0.5, reply_delay_s=2), reply_delay=0)
    assert given.post(request("express")).delay_s == 0.5
    assert (given.replies[0].course.due - given.memory.real_now).total_seconds() == 2
    assert spine(Turn(answer_delay_s=0.5, reply_delay_s=2)).post(request("sync")).delay_s == 2.5


def test_no_reply_is_asked_for_and_recorded_all_the_same() -> None:
    given = spine(KINDS["no-reply"])
    assert (given.post(request("reliable")).status, given.replies, len(given.service.asked)) == (202, [], 1)
    assert spine(KINDS["no-reply"]).post(request("sync")).harm == "lost"


def test_a_duplicate_reply_is_the_same_one_twice() -> None:
    given = spine(KINDS["duplicate-reply"])
    given.post(request("express"))
    first, second = given.replies
    assert (first.body, first.message_id) == (second.body, second.message_id)


def test_a_swapped_reply_is_held() -> None:
    given = spine(KINDS["swapped-replies"], reply_delay=0)
    given.post(request("express"))
    (reply,) = given.replies
    assert (reply.held, reply.course.due - given.memory.real_now) == (True, LONGEST_HOLD)


def test_a_wrong_reference_names_nobodys_message() -> None:
    given = spine(KINDS["wrong-reference"])
    given.post(request("express"))
    assert read_reply(given.replies[0]).header.ref_to_message_id == NOBODY
    assert given.replies[0].ref_to_message_id == REQUEST_ID
    found = spine(KINDS["wrong-reference"]).post(request("sync"))
    assert decode_soap(found.body).relates_to == NOBODY


def test_a_broken_reply_is_no_multipart_message() -> None:
    given = spine(KINDS["broken-reply"])
    given.post(request("express"))
    with pytest.raises(DecodeError, match="cut off"):
        read_reply(given.replies[0])
    with pytest.raises(DecodeError):
        decode_soap(spine(KINDS["broken-reply"]).post(request("sync")).body)


@pytest.mark.parametrize("kind", ["cut", "reset", "slow"])
def test_a_reply_spoiled_on_the_wire_is_whole_where_it_is_kept(kind: str) -> None:
    given = spine(Turn(reply=kind, after_bytes=9))  # type: ignore[arg-type]
    given.post(request("express"))
    (reply,) = given.replies
    assert (reply.harm, reply.after_bytes, bool(read_reply(reply).payload)) == (kind, 9, True)
    assert spine(Turn(reply=kind)).post(request("sync")).harm == kind  # type: ignore[arg-type]


def test_a_message_of_the_harness_stands_in_the_replys_place() -> None:
    given = spine(Turn(body=base64.b64encode(b"<other/>").decode()))
    given.post(request("express"))
    assert read_reply(given.replies[0]).payload == b"<other/>"


@pytest.mark.parametrize("profile", ["express", "sync"])
def test_texts_of_the_reply_are_replaced(profile: str) -> None:
    given = spine(Turn(changes=[Change(old=CHILD, new="9990001022")]))
    found = given.post(request(profile))
    body = found.body if profile == "sync" else given.replies[0].body
    assert (CHILD.encode() in body, b"9990001022" in body) == (False, True)


@pytest.mark.parametrize(
    ("turn", "said"),
    [
        (Turn(changes=[Change(old="no such text", new="")]), "changes a text that the reply does not hold"),
        (Turn(body="%"), "not Base64"),
    ],
)
def test_a_turn_that_cannot_be_played_is_ours_to_mend(turn: Turn, said: str) -> None:
    with pytest.raises(HarnessError, match=said):
        spine(turn).post(request("express"))


PAYLOAD = b'<?xml version="1.0" encoding="UTF-8"?>\n<REPC xmlns="urn:hl7-org:v3"><name>Alpha</name>\n<id/></REPC>\n'


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("as-is", PAYLOAD),
        ("utf-16", PAYLOAD.decode().replace("UTF-8", "UTF-16").encode("utf-16")),
        ("cut", PAYLOAD[: len(PAYLOAD) * 2 // 3]),
        ("empty", b""),
        (
            "document-type",
            b'<!DOCTYPE reply><REPC xmlns="urn:hl7-org:v3"><name>Alpha</name>\n<id/></REPC>\n',
        ),
        (
            "internal-entity",
            b'<!DOCTYPE reply [<!ENTITY weather "rain">]><REPC xmlns="urn:hl7-org:v3"><name>Alpha&weather;</name>\n'
            b"<id/></REPC>\n",
        ),
        (
            "prefixed",
            b'<hl7:REPC xmlns:hl7="urn:hl7-org:v3"><hl7:name>Alpha</hl7:name>\r\n'
            b"\t<!-- the harness's weather -->\r\n<hl7:id/></hl7:REPC>\n",
        ),
    ],
)
def test_a_payload_takes_the_form_that_the_turn_says(form: str, expected: bytes) -> None:
    assert spoiled_payload(PAYLOAD, Turn(payload=form)) == expected  # type: ignore[arg-type]


def test_the_deepest_payload_and_the_one_that_fetches_are_made() -> None:
    assert spoiled_payload(PAYLOAD, Turn(payload="deep")).count(b"<d>") == 100_000
    assert b'SYSTEM "file:///etc/hostname"' in spoiled_payload(PAYLOAD, Turn(payload="external-entity"))


def test_a_prefixed_reply_means_the_same() -> None:
    given = spine(Turn(payload="prefixed"))
    given.post(request("express"))
    payload = read_reply(given.replies[0]).payload or b""
    assert b"<hl7:REPC_IN000007GB01" in payload
    reply = decode_reply(payload)
    assert isinstance(reply, AnswerMessage)
    assert reply.answer.records == answer().answer.records


def test_an_application_acknowledgement_comes_in_any_weather_of_the_wire() -> None:
    given = spine(Turn(reply="slow"))
    found = given.post(request("sync"))
    assert transmission_of(decode_soap(found.body).body_element).sender_asid == "999999000001"


# Kinds, mixtures and seeds.


def test_a_kind_is_a_turn_that_can_be_changed() -> None:
    turn = resolved(Turn(weather="late-reply", reply_delay_s=9))
    assert (turn.weather, turn.reply_delay_s, turn.answer) == ("late-reply", 9, "normal")
    assert resolved(Turn(answer="lost")).weather == "scripted"
    whole = Turn.model_validate_json(Turn(weather="fault-206").model_dump_json())
    assert (resolved(whole).answer, resolved(whole).codes) == ("fault", [206])


@pytest.mark.parametrize("turn", [Turn(weather="hail"), Turn(weather="storm")])
def test_a_turn_of_no_kind_is_refused(turn: Turn) -> None:
    with pytest.raises(ConfigError, match="No such kind of weather"):
        resolved(turn)


def test_mixtures_are_taken_apart_and_an_unknown_one_is_refused() -> None:
    assert set(kinds_of(["drizzle", "no-reply"])) == {*MIXTURES["drizzle"], "no-reply"}
    assert set(MIXTURES["storm"]) == set(KINDS)
    with pytest.raises(ConfigError, match=r"No such kind of weather: expected .*storm, found hail"):
        kinds_of(["hail"])


def test_the_same_seed_draws_the_same_weather_and_another_one_other() -> None:
    def year(seed: int) -> list[str]:
        weather = Weather(seed=seed, kinds=["storm"], share=0.5)
        return [turn.weather if (turn := drawn(weather, n)) else "" for n in range(365)]

    assert year(7) == year(7)
    assert year(7) != year(8)


def test_as_many_lookups_meet_the_weather_as_the_share_says() -> None:
    weather = Weather(seed=1, kinds=["rain"], share=0.3)
    met = Counter(drawn(weather, n) is not None for n in range(10_000))
    assert 2_800 < met[True] < 3_200
    assert drawn(Weather(seed=1, kinds=["rain"], share=0), 0) is None
    assert drawn(Weather(seed=1), 0) is None


def test_every_kind_of_weather_can_be_played_in_every_profile() -> None:
    for kind, turn in KINDS.items():
        for profile in PROFILES:
            assert spine(turn).post(request(profile)).weather == kind, (kind, profile)


def test_an_error_on_demand_names_its_code() -> None:
    assert error_of(spine(KINDS["delivery-failure"]).post(request("reliable"))) == ("DeliveryFailure", "Undeliverable")
