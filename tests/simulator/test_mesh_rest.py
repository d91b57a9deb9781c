"""Every endpoint of MESH's REST interface, its success and each of its errors, in both versions.

`python -m tests.simulator.test_mesh_rest` prints the table of them that stands in `docs/mesh.md`.
"""

import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from cpis_simulator.mailbox.rest import RestAnswer
from tests.simulator.mesh_examples import CLIENT, NOW, SEND, Desk

ID = "20261122130501123456_52E6B4"
Said = dict[str, Any] | None

# Event and code of an error.
VALIDATION = ("validation", "")
DENIED = ("", "")
GONE = ("SEND", "Message already accepted")
UNKNOWN = ("RECEIVE", "20")
BAD_RANGE = ("SEND", "InvalidHeaderChunks")


class Row(NamedTuple):
    """A call, and what it is answered: status, and body (successes) or event and code (errors)."""

    name: str
    act: Callable[[Desk, int], RestAnswer]
    status: int
    first: Any = None
    second: Any = None


def get(path: str, **more: Any) -> Callable[[Desk, int], RestAnswer]:
    return lambda desk, version: desk.call("GET", path, version=version, **more)


def post(
    path: str, headers: Mapping[str, str] = {}, body: bytes = b"data", **more: Any
) -> Callable[[Desk, int], RestAnswer]:
    return lambda desk, version: desk.call("POST", path, version=version, headers=headers, body=body, **more)


def after(
    first: Callable[[Desk], object], then: Callable[[Desk, int], RestAnswer]
) -> Callable[[Desk, int], RestAnswer]:
    def act(desk: Desk, version: int) -> RestAnswer:
        first(desk)
        return then(desk, version)

    return act


def sent(desk: Desk) -> str:
    return desk.send(**{"Mex-LocalID": "RUN-4711"})


def begun(desk: Desk) -> str:
    return desk.send(**{"Mex-Chunk-Range": "1:2"})


def twice(desk: Desk) -> None:
    sent(desk), sent(desk)


def acknowledged(desk: Desk) -> None:
    message_id = sent(desk)
    assert desk.call("PUT", f"/CPISSIM01/inbox/{message_id}/status/acknowledged").status == 200


def expired(desk: Desk) -> None:
    sent(desk)
    desk.later(days=5)


def chunk(
    number: int, headers: dict[str, str], body: bytes = b"more", **more: Any
) -> Callable[[Desk, int], RestAnswer]:
    return post(f"/LA7HC001/outbox/{ID}/{number}", headers, body, **more)


def whole(desk: Desk) -> None:
    begun(desk)
    assert chunk(2, SECOND)(desk, 2).status == 202


def missing(desk: Desk) -> None:
    desk.send(**{"Mex-Chunk-Range": "1:3"})


def wrong_password(desk: Desk, version: int) -> RestAnswer:
    headers = CLIENT | {"Authorization": desk.token("LA7HC001", "wrong")}
    return desk.call("POST", "/LA7HC001", version=version, headers=headers)


def version_9(desk: Desk, _version: int) -> RestAnswer:
    return desk.call("GET", "/CPISSIM01/inbox", headers={"Accept": "application/vnd.mesh.v9+json"})


def put(path: str, **more: Any) -> Callable[[Desk, int], RestAnswer]:
    return lambda desk, version: desk.call("PUT", path, version=version, **more)


def head(path: str, **more: Any) -> Callable[[Desk, int], RestAnswer]:
    return lambda desk, version: desk.call("HEAD", path, version=version, **more)


ACKNOWLEDGE = f"/CPISSIM01/inbox/{ID}/status/acknowledged"
OUT = "/LA7HC001/outbox"
OTHER = {"Mex-WorkflowID": "OTHER", "Mex-To": "LA7HC001"}
BROTLI = SEND | {"Content-Encoding": "br"}
SECOND = {"Mex-Chunk-Range": "2:2"}

# Bodies of successes: version 1, version 2. None: no body.
SUCCESSES = [
    Row("handshake", post("/LA7HC001", CLIENT, b""), 200, {"mailboxId": "LA7HC001"}),
    Row("handshake by GET", get("/la7hc001", headers=CLIENT, mailbox="LA7HC001"), 200, {"mailboxId": "LA7HC001"}),
    Row("send", post(OUT, SEND), 202, {"messageID": ID}, {"message_id": ID}),
    Row("send first of two", post(OUT, SEND | {"Mex-Chunk-Range": "1:2"}), 202, {"messageID": ID}, {"message_id": ID}),
    Row("send chunk", after(begun, chunk(2, SECOND)), 202, {"messageID": ID, "blockID": 2}, {"message_id": ID}),
    Row(
        "inbox", after(sent, get("/CPISSIM01/inbox")), 200, {"messages": [ID]},
        {"messages": [ID], "links": {"self": "/messageexchange/CPISSIM01/inbox"}, "approx_inbox_count": 1},
    ),
    Row("download", after(sent, get(f"/CPISSIM01/inbox/{ID}")), 200),
    Row("download of chunk 1", after(sent, get(f"/CPISSIM01/inbox/{ID}/1")), 200),
    Row("download of the first of two", after(whole, get(f"/CPISSIM01/inbox/{ID}")), 206),
    Row("download of the last of two", after(whole, get(f"/CPISSIM01/inbox/{ID}/2")), 200),
    Row("head", after(sent, head(f"/CPISSIM01/inbox/{ID}")), 200),
    Row("head by the sender", after(sent, head(f"/LA7HC001/inbox/{ID}")), 200),
    Row("acknowledge", after(sent, put(ACKNOWLEDGE)), 200, {"messageId": ID}),
    Row("acknowledge again", after(acknowledged, put(ACKNOWLEDGE)), 200, {"messageId": ID}),
    Row(
        "count", after(sent, get("/CPISSIM01/count")), 200,
        {"count": 1, "internalID": "QUERY-1", "allResultsIncluded": True}, {"count": 1},
    ),
    Row(
        "look-up", get("/endpointlookup/LA7/REPLY", mailbox=""), 200,
        {"query_id": "QUERY-1", "results": [{"address": "LA7HC001", "description": "LA7", "endpoint_type": "MESH"}]},
        {"results": [{"mailbox_id": "LA7HC001", "mailbox_name": "LA7"}]},
    ),
    Row(
        "look-up of nothing", get("/endpointlookup/LA7/NONE", mailbox=""), 200,
        {"query_id": "QUERY-1", "results": []}, {"results": []},
    ),
    Row(
        "workflow search", get("/workflowsearch/UPLOAD", mailbox=""), 200,
        {"results": [{"mailbox_id": "CPISSIM01", "mailbox_name": "CP-IS"}]},
        {"results": [{"mailbox_id": "CPISSIM01", "mailbox_name": "CP-IS"}]},
    ),
    Row("update", post("/LA7HC001/update", {}, b""), 200),
]  # fmt: skip

# Errors: event and code; None: the answer has none.
ERRORS = [
    Row("handshake without client headers", post("/LA7HC001", {}, b""), 400, *VALIDATION),
    Row("handshake, wrong password", wrong_password, 403, *DENIED),
    Row("handshake, another's token", post("/LA7HC001", CLIENT, b"", mailbox="CPISSIM01"), 403, *DENIED),
    Row("handshake, no token", post("/LA7HC001", CLIENT, b"", mailbox=""), 403, *DENIED),
    Row("handshake, unknown mailbox", post("/NOBODY01", CLIENT, b""), 403, *DENIED),
    Row("handshake, mailbox switched off", post("/OFF01", CLIENT, b""), 403, *DENIED),
    Row("inbox, max_results too small", get("/CPISSIM01/inbox?max_results=9"), 400, *VALIDATION),
    Row("inbox, max_results too large", get("/CPISSIM01/inbox?max_results=5001"), 400, *VALIDATION),
    Row("inbox, max_results no number", get("/CPISSIM01/inbox?max_results=all"), 400, *VALIDATION),
    Row("inbox, no token", get("/CPISSIM01/inbox", mailbox=""), 403, *DENIED),
    Row("download, unknown message", get("/CPISSIM01/inbox/NONE"), 404, *UNKNOWN),
    Row("download, another's message", after(sent, get(f"/LA8HC001/inbox/{ID}")), 403, *DENIED),
    Row("download, still uploading", after(begun, get(f"/CPISSIM01/inbox/{ID}")), 410, *GONE),
    Row("download, acknowledged", after(acknowledged, get(f"/CPISSIM01/inbox/{ID}")), 410, *GONE),
    Row("download, expired", after(expired, get(f"/CPISSIM01/inbox/{ID}")), 410, *GONE),
    Row("download, no such chunk", after(sent, get(f"/CPISSIM01/inbox/{ID}/2")), 404, *UNKNOWN),
    Row("download, chunk 0", after(sent, get(f"/CPISSIM01/inbox/{ID}/0")), 400, *VALIDATION),
    Row("download, no token", after(sent, get(f"/CPISSIM01/inbox/{ID}", mailbox="")), 403, *DENIED),
    Row("head, unknown message", head("/CPISSIM01/inbox/NONE"), 404, *UNKNOWN),
    Row("head, another's message", after(sent, head(f"/LA8HC001/inbox/{ID}")), 404, *UNKNOWN),
    Row("head, still uploading", after(begun, head(f"/CPISSIM01/inbox/{ID}")), 410, *GONE),
    Row("acknowledge, unknown message", put("/CPISSIM01/inbox/NONE/status/acknowledged"), 404, *UNKNOWN),
    Row("acknowledge, another's message", after(sent, put(f"/LA7HC001/inbox/{ID}/status/acknowledged")), 403, *DENIED),
    Row("count, no token", get("/CPISSIM01/count", mailbox=""), 403, *DENIED),
    Row("send, no token", post(OUT, SEND, mailbox=""), 403, *DENIED),
    Row("send, Mex-To absent", post(OUT, {"Mex-WorkflowID": "UPLOAD"}), 400, *VALIDATION),
    Row("send, Mex-WorkflowID absent", post(OUT, {"Mex-To": "CPISSIM01"}), 400, *VALIDATION),
    Row("send, subject too long", post(OUT, SEND | {"Mex-Subject": "x" * 501}), 400, *VALIDATION),
    Row("send, bad checksum", post(OUT, SEND | {"Mex-Content-Checksum": "a;b"}), 400, *VALIDATION),
    Row("send, Mex-To empty", post(OUT, SEND | {"Mex-To": " "}), 400, "SEND", "08"),
    Row("send, Mex-To an address", post(OUT, SEND | {"Mex-To": "https://mesh.example.test"}), 400, "TRANSFER", "06"),
    Row("send, control character", post(OUT, SEND | {"Mex-Subject": "a\x07b"}), 400, "TRANSFER", "06"),
    Row("send, no data", post(OUT, SEND, b""), 417, "COLLECT", "02"),
    Row("send, other sender", post(OUT, SEND | {"Mex-From": "LA8HC001"}), 417, "SEND", "07"),
    Row("send, a report", post(OUT, SEND | {"Mex-MessageType": "REPORT"}), 417, "SEND", "11"),
    Row("send, unknown recipient", post(OUT, SEND | {"Mex-To": "NOBODY01"}), 417, "SEND", "12"),
    Row("send, recipient switched off", post(OUT, SEND | {"Mex-To": "OFF01"}), 417, "SEND", "12"),
    Row("send, not allowed", post("/LA8HC001/outbox", OTHER), 417, "SEND", "16"),
    Row("send, kept from a workflow", post(OUT, SEND | {"Mex-WorkflowID": "NOT_MINE"}), 417, "SEND", "16"),
    Row("send, workflow not registered", post(OUT, SEND | {"Mex-WorkflowID": "OTHER"}), 417, "SEND", "17"),
    Row("send, workflow off", post(OUT, SEND | {"Mex-WorkflowID": "ONS"}), 417, "SEND", "18"),
    Row("send, bad expiry", post(OUT, SEND | {"Mex-WorkflowID": "EXPIRES"}), 417, "SEND", "19"),
    Row("send, other encoding", post(OUT, BROTLI), 422, "SEND", "UnsupportedContentEncoding"),
    Row("send, begins with chunk 2", post(OUT, SEND | SECOND), 417, *BAD_RANGE),
    Row("send, range no range", post(OUT, SEND | {"Mex-Chunk-Range": "one"}), 417, *BAD_RANGE),
    Row("chunk, no range", after(begun, chunk(2, {})), 417, *BAD_RANGE),
    Row("chunk, range of another", after(begun, chunk(2, {"Mex-Chunk-Range": "1:2"})), 417, *BAD_RANGE),
    Row("chunk, other total", after(begun, chunk(2, {"Mex-Chunk-Range": "2:3"})), 417, *BAD_RANGE),
    Row("chunk, one missing", after(missing, chunk(3, {"Mex-Chunk-Range": "3:3"})), 417, *BAD_RANGE),
    Row("chunk, encoding changed", after(begun, chunk(2, SECOND | {"Content-Encoding": "gzip"})), 417),
    Row("chunk, no data", after(begun, chunk(2, SECOND, b"")), 417, "COLLECT", "02"),
    Row("chunk, of another's message", after(begun, post(f"/LA8HC001/outbox/{ID}/2", SECOND)), 403, *DENIED),
    Row("chunk, unknown message", post("/LA7HC001/outbox/NONE/2", SECOND), 404, *UNKNOWN),
    Row("chunk, too many", after(begun, chunk(3, {"Mex-Chunk-Range": "3:3"})), 406),
    Row("chunk, message complete", after(sent, chunk(2, SECOND)), 423),
    Row("track, unknown message", get("/LA7HC001/outbox/tracking?messageID=NONE"), 404, *UNKNOWN),
    Row("track, another's message", after(sent, get(f"/CPISSIM01/outbox/tracking?messageID={ID}")), 404, *UNKNOWN),
    Row("track, no id", get("/LA7HC001/outbox/tracking"), 400, *VALIDATION),
    Row("track by local id, unknown", get("/LA7HC001/outbox/tracking/NONE"), 404, *UNKNOWN),
    Row("track by local id, several", after(twice, get("/LA7HC001/outbox/tracking/RUN-4711")), 300),
    Row("look-up without workflow", get("/endpointlookup/LA7", mailbox=""), 400, *VALIDATION),
    Row("workflow search for nothing", get("/workflowsearch/ ", mailbox=""), 400, *VALIDATION),
    Row("rich list, no token", get("/CPISSIM01/inbox/rich", mailbox=""), 403, *DENIED),
    Row("rich list, no instant", get("/CPISSIM01/inbox/rich?start_time=soon"), 400, *VALIDATION),
    Row("update, no token", post("/LA7HC001/update", {}, b"", mailbox=""), 403, *DENIED),
    Row("unknown version", version_9, 400),
    Row("unknown address", get("/LA7HC001/letterbox"), 404),
    Row("other method", get(OUT), 405),
    Row("admin calls outside of test mode", lambda d, v: d.call("DELETE", "/admin/reset", version=v), 403, *DENIED),
]  # fmt: skip

PAGE = Path(__file__).parents[2] / "docs" / "mesh.md"
BEGINS = "| call | version 1 | version 2 | event | code |"


def table(folder: Path) -> str:
    """Each call, and what it is answered in either version."""
    lines = [BEGINS, "| --- | --- | --- | --- | --- |"]
    for row in SUCCESSES + ERRORS:
        statuses, told = [], ("", "")
        for version in (1, 2):
            desk = Desk(folder / f"{row.name}-{version}".replace("/", " "))
            answer = row.act(desk, version)
            statuses.append(str(answer.status))
            if row in ERRORS:
                event, code = event_and_code(said_by(answer), 1 if row.name == "unknown version" else version)
                told = (event or "", code or "")
            desk.store.close()
        lines.append(f"| {row.name} | {' | '.join(statuses)} | {told[0]} | {told[1]} |")
    return "\n".join(lines) + "\n"


def test_the_page_has_the_table_of_every_call(tmp_path: Path) -> None:
    """Made again by `python -m tests.simulator.test_mesh_rest`."""
    assert table(tmp_path) in PAGE.read_text(encoding="utf-8")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def said_by(answer: RestAnswer) -> Any:
    return json.loads(answer.body) if answer.body else None


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("row", SUCCESSES, ids=lambda row: row.name)
def test_a_call_succeeds(desk: Desk, row: Row, version: int) -> None:
    answer = row.act(desk, version)
    expected = row.first if version == 1 else row.second
    assert (answer.status, said_by(answer)) == (row.status, expected)
    kinds = {1: "application/json", 2: "application/vnd.mesh.v2+json"}
    assert answer.body == b"" or dict(answer.fields)["Content-Type"] == kinds[version]


def event_and_code(body: dict[str, Any], version: int) -> tuple[Any, Any]:
    if isinstance(body.get("detail"), list) and "loc" in body["detail"][0]:
        return VALIDATION
    if version == 1:
        return body.get("errorEvent"), body.get("errorCode")
    return body["detail"][0].get("event"), body["detail"][0].get("code")


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("row", ERRORS, ids=lambda row: row.name)
def test_a_call_is_refused(desk: Desk, row: Row, version: int) -> None:
    answer = row.act(desk, version)
    told = 1 if row.name == "unknown version" else version
    event, code = event_and_code(said_by(answer), told)
    assert (answer.status, event, code) == (row.status, row.first, row.second)


def test_an_error_of_version_1_and_2_in_full(desk: Desk) -> None:
    acknowledged(desk)
    one, two = (desk.call("GET", f"/CPISSIM01/inbox/{ID}", version=version) for version in (1, 2))
    text = "The message is not there to be fetched."
    assert said_by(one) == {
        "messageID": ID, "errorEvent": "SEND", "errorCode": "Message already accepted", "errorDescription": text,
    }  # fmt: skip
    assert said_by(two) == {
        "message_id": ID, "detail": [{"event": "SEND", "code": "Message already accepted", "msg": text}],
    }  # fmt: skip


def test_malformed_headers_are_listed(desk: Desk) -> None:
    headers = SEND | {"Mex-Subject": "a\x07b", "Mex-To": "http://x"}
    said = said_by(desk.call("POST", OUT, version=1, headers=headers, body=b"data"))
    assert said["fields"] == ["mex-subject", "mex-to"]


def test_tracking_of_version_2_in_full(desk: Desk) -> None:
    message_id = desk.send(**{"Mex-LocalID": "RUN-4711", "Mex-FileName": "a.dat"})
    assert desk.tracked(message_id) == {
        "message_id": ID,
        "local_id": "RUN-4711",
        "workflow_id": "UPLOAD",
        "filename": "a.dat",
        "expiry_time": "2026-11-27T13:05:01.123456+00:00",
        "upload_timestamp": "2026-11-22T13:05:01.123456+00:00",
        "recipient": "CPISSIM01",
        "recipient_name": "CP-IS",
        "recipient_ods_code": "X26",
        "recipient_org_code": "X26",
        "recipient_org_name": "HARNESS",
        "status_success": True,
        "status": "accepted",
        "status_timestamp": "2026-11-22T13:05:01.123456+00:00",
    }


def test_tracking_of_version_1_capitalises_and_uses_short_times(desk: Desk) -> None:
    sent(desk)
    said = said_by(desk.call("GET", f"/LA7HC001/outbox/tracking?messageID={ID}", version=1))
    picked = {name: said[name] for name in ("status", "statusSuccess", "uploadTimestamp", "expiryTime", "fileSize")}
    assert picked == {
        "status": "Accepted", "statusSuccess": "SUCCESS", "uploadTimestamp": "20261122130501",
        "expiryTime": "20261127130501", "fileSize": 4,
    }  # fmt: skip


def test_tracking_by_local_id_is_of_version_1(desk: Desk) -> None:
    sent(desk)
    answer = desk.call("GET", "/LA7HC001/outbox/tracking/RUN-4711")
    assert (answer.status, said_by(answer)["dtsId"]) == (200, ID)


def test_a_download_has_the_headers_that_the_sender_gave(desk: Desk) -> None:
    given = {
        "Mex-LocalID": "RUN-4711", "Mex-Subject": "nightly", "Mex-FileName": "a.dat", "Mex-PartnerID": "P1",
        "Mex-Content-Checksum": "md5:ab/cd", "Mex-Content-Encrypted": "on", "Mex-Content-Type": "text/xml",
    }  # fmt: skip
    message_id = desk.send(**given)
    assert desk.fields(message_id, "CPISSIM01") == {
        "Content-Type": "text/xml",
        "Mex-From": "LA7HC001",
        "Mex-To": "CPISSIM01",
        "Mex-WorkflowID": "UPLOAD",
        "Mex-Chunk-Range": "1:1",
        "Mex-Total-Chunks": "1",
        "Mex-AddressType": "ALL",
        "Mex-LocalID": "RUN-4711",
        "Mex-PartnerID": "P1",
        "Mex-FileName": "a.dat",
        "Mex-Subject": "nightly",
        "Mex-Version": "1.0",
        "Mex-MessageType": "DATA",
        "Mex-MessageID": ID,
        "Mex-StatusCode": "00",
        "Mex-StatusEvent": "TRANSFER",
        "Mex-StatusDescription": "Transferred to recipient mailbox",
        "Mex-StatusSuccess": "SUCCESS",
        "Mex-StatusTimestamp": "20261122130501",
        "Mex-Content-Encrypted": "Y",
        "Mex-Content-Checksum": "md5:ab/cd",
        "Mex-Content-Type": "text/xml",
        "ETag": f'"{ID}-1"',
        "Last-Modified": "Sun, 22 Nov 2026 13:05:01 GMT",
    }


def test_a_file_without_a_name_is_named_by_its_message(desk: Desk) -> None:
    assert desk.fields(sent(desk), "CPISSIM01")["Mex-FileName"] == f"{ID}.dat"


def test_what_was_compressed_for_transport_stays_so_for_who_takes_it(desk: Desk) -> None:
    desk.send(b"zipped", **{"Content-Encoding": "gzip"})
    packed = desk.call("GET", f"/CPISSIM01/inbox/{ID}", headers={"Accept-Encoding": "gzip, deflate"})
    plain = desk.call("GET", f"/CPISSIM01/inbox/{ID}")
    assert packed.download is not None and plain.download is not None
    assert (packed.download.plain, dict(packed.fields)["Content-Encoding"]) == (False, "gzip")
    assert (plain.download.plain, dict(plain.fields).get("Content-Encoding")) == (True, None)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("UPLOAD", ["UPLOAD"]),
        ("!UPLOAD", ["UPLOAD_ACK", "REUPLOADED"]),
        ("UPLOAD*", ["UPLOAD", "UPLOAD_ACK"]),
        ("!UPLOAD*", ["REUPLOADED"]),
        ("*LOADED*", ["REUPLOADED"]),
        ("!*LOADED*", ["UPLOAD", "UPLOAD_ACK"]),
    ],
)
def test_the_workflow_filter(desk: Desk, asked: str, found: list[str]) -> None:
    workflows = ["UPLOAD", "UPLOAD_ACK", "REUPLOADED"]
    ids = {desk.send(**{"Mex-To": "LA7HC001", "Mex-WorkflowID": workflow}): workflow for workflow in workflows}
    said = said_by(desk.call("GET", f"/LA7HC001/inbox?workflow_filter={asked}"))
    assert [ids[message_id] for message_id in said["messages"]] == found


def pages(desk: Desk, version: int) -> list[list[str]]:
    found: list[list[str]] = []
    path = "/CPISSIM01/inbox?max_results=10"
    for _ in range(10):
        said = said_by(desk.call("GET", path, version=version))
        found.append(said["messages"])
        if version == 2:
            following = said["links"].get("next", "")
            path = following.removeprefix("/messageexchange")
        else:
            following = said["messages"][-1] if len(said["messages"]) == 10 else ""
            path = f"/CPISSIM01/inbox?max_results=10&continue_from={following}"
        if not following:
            return found
    raise AssertionError(f"pages without end: {found}")


@pytest.mark.parametrize("version", [1, 2])
def test_an_inbox_is_listed_in_pages_oldest_first(desk: Desk, version: int) -> None:
    ids = [desk.send() for _ in range(25)]
    assert pages(desk, version) == [ids[:10], ids[10:20], ids[20:]]


def test_a_page_goes_on_where_it_ended_though_that_message_is_gone(desk: Desk) -> None:
    ids = [desk.send() for _ in range(12)]
    first = said_by(desk.call("GET", "/CPISSIM01/inbox?max_results=10"))
    for message_id in ids[:10]:
        desk.call("PUT", f"/CPISSIM01/inbox/{message_id}/status/acknowledged")
    rest = said_by(desk.call("GET", first["links"]["next"].removeprefix("/messageexchange")))
    assert rest["messages"] == ids[10:]


@pytest.mark.parametrize("box", ["CPISSIM01/inbox", "LA7HC001/outbox"])
def test_a_rich_list_is_newest_first_and_in_pages(desk: Desk, box: str) -> None:
    ids = [desk.send() for _ in range(3)]
    first = said_by(desk.call("GET", f"/{box}/rich?max_results=2"))
    then = said_by(desk.call("GET", first["links"]["next"].removeprefix("/messageexchange")))
    listed = [line["message_id"] for line in first["messages"] + then["messages"]]
    assert listed == ids[::-1]
    assert "next" not in then["links"]


def test_a_rich_list_begins_at_a_time(desk: Desk) -> None:
    desk.send()
    desk.later(hours=1)
    second = desk.send()
    said = said_by(desk.call("GET", "/CPISSIM01/inbox/rich?start_time=2026-11-22T14:00:00Z"))
    assert [line["message_id"] for line in said["messages"]] == [second]


def test_an_acknowledged_message_is_served_again_when_that_is_allowed(tmp_path: Path) -> None:
    desk = Desk(tmp_path, strict_inbox=False)
    acknowledged(desk)
    assert desk.call("GET", f"/CPISSIM01/inbox/{ID}").status == 200


def test_a_chunk_may_be_answered_without_a_body(tmp_path: Path) -> None:
    desk = Desk(tmp_path, v2_chunk_body=False)
    begun(desk)
    assert chunk(2, SECOND)(desk, 2).body == b""


def test_a_lookup_may_need_a_token(tmp_path: Path) -> None:
    desk = Desk(tmp_path, lookup_token="required")
    without, own = (desk.call("GET", "/endpointlookup/LA7/REPLY", mailbox=who).status for who in ("", "LA8HC001"))
    assert (without, own) == (403, 200)


def test_an_inbox_that_is_listed_too_often_is_answered_429(tmp_path: Path) -> None:
    desk = Desk(tmp_path, poll_s=300)
    first, again = (desk.call("GET", "/CPISSIM01/inbox").status for _ in range(2))
    desk.real = NOW.replace(hour=14)
    assert (first, again, desk.call("GET", "/CPISSIM01/inbox").status) == (200, 429, 200)


@pytest.fixture
def test_mode(tmp_path: Path) -> Desk:
    return Desk(tmp_path, admin=True)


@pytest.mark.parametrize("path", ["/admin/reset", "/admin/reset/CPISSIM01"])
def test_in_test_mode_mailboxes_are_emptied(test_mode: Desk, path: str) -> None:
    sent(test_mode)
    assert test_mode.call("DELETE", path, mailbox="").status == 200
    assert test_mode.inbox() == []


def test_in_test_mode_one_mailbox_is_emptied_and_no_other(test_mode: Desk) -> None:
    kept = sent(test_mode)
    test_mode.call("DELETE", "/admin/reset/LA7HC001", mailbox="")
    assert test_mode.inbox() == [kept]


def test_in_test_mode_a_message_and_a_mailbox_are_shown(test_mode: Desk) -> None:
    message_id = sent(test_mode)
    message = said_by(test_mode.call("GET", f"/admin/message/{message_id}", mailbox=""))
    picked = ("status", "status_success", "message_type", "sender", "recipient", "file_size", "chunk_count")
    assert [message[name] for name in picked] == ["Accepted", "SUCCESS", "Data", "LA7HC001", "CPISSIM01", 4, 1]
    assert said_by(test_mode.call("GET", "/admin/mailbox/la7hc001", mailbox="")) == {
        "mailbox_id": "LA7HC001", "mailbox_name": "LA7", "ods_code": "LA7", "org_code": "LA7", "org_name": "LA SEVEN",
        "active": True,
    }  # fmt: skip
    unknown = [test_mode.call("GET", f"/admin/{what}/NONE", mailbox="").status for what in ("message", "mailbox")]
    assert unknown == [404, 404]


def test_in_test_mode_a_report_is_made(test_mode: Desk) -> None:
    asked = {
        "mailbox_id": "la7hc001", "code": "21", "description": "weather", "workflow_id": "UPLOAD",
        "status": "error", "linked_message_id": ID,
    }  # fmt: skip
    answer = test_mode.call("POST", "/admin/report", body=json.dumps(asked).encode(), mailbox="")
    (report,) = test_mode.inbox("LA7HC001")
    assert said_by(answer) == {"message_id": report}
    fields = test_mode.fields(report, "LA7HC001")
    assert [fields[f"Mex-{name}"] for name in ("StatusEvent", "StatusCode", "StatusDescription", "LinkedMsgID")] == [
        "TRANSFER", "21", "weather", ID,
    ]  # fmt: skip


def test_in_test_mode_a_message_is_given_a_status(test_mode: Desk) -> None:
    sent(test_mode)
    body = b'{"status":"error","event":"SEND","code":"15","description":"bad"}'
    assert test_mode.call("POST", f"/admin/message/{ID}/event", body=body, mailbox="").status == 200
    said = test_mode.tracked(ID)
    assert [said[f"status{name}"] for name in ("", "_success", "_event", "_code")] == ["error", False, "SEND", "15"]
    assert test_mode.inbox() == []


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        print(table(Path(made)), end="")
