"""Every choice that no public document settles, typed, with its one default.

A setting stands here only together with the code that obeys it. Names are those of the specification's table of
settings; the CLI and `cpis.toml` read them under `[settings.<group>]`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

BusinessCheck = Literal[
    "content-id", "plan-and-subject", "end-not-before-start", "check-digit", "emergency-telephone", "age-18"
]


FlagPlace = Literal["anywhere", "first-child", "refused"]


class Group(BaseModel):
    """A group of settings; unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DataSettings(Group):
    """How long entries are visible, and which numbers are allowed."""

    retention: Annotated[int, Field(ge=0, description="Days after its end that a plan stays visible (DAT-018)")] = 365
    unborn_grace: Annotated[int, Field(ge=0, description="Days after the due date (DAT-019)")] = 28
    test_number_prefix: Annotated[str, Field(description="Range of numbers that are accepted (DAT-030)")] = "999"


class PdsSettings(Group):
    """The demographic service that uploads are matched against."""

    unknown: Annotated[
        Literal["learn", "refuse"],
        Field(description="An unknown test number: registered from the upload, or CPR01 (UPL-021)"),
    ] = "refuse"


class HistorySettings(Group):
    """The list of accesses in an answer."""

    order: Literal["newest-first", "oldest-first"] = "newest-first"
    silent_read_in_own_answer: bool = True


class UploadSettings(Group):
    """What happens to an upload that is not as it should be."""

    sequence_step: Annotated[int, Field(ge=1, description="A larger step warns (UPL-003)")] = 1
    duplicate_file_id: Literal["CPF01", "accept"] = "CPF01"
    same_id_after_cpf05: Literal["accepted", "refused"] = "accepted"
    quantity_mismatch: Literal["CPF01", "accept"] = "CPF01"
    absence: Annotated[
        Literal["no-change"], Field(description="A child that is in no file stays as it is; nothing else is built")
    ] = "no-change"
    bad_record: Literal["record", "file"] = "record"
    bad_check_digit: Literal["CPR01", "CPR03", "CPR04", "CPR07"] = "CPR04"
    foreign_sender: Literal["CPF01", "accept"] = "CPF01"
    business_checks: frozenset[BusinessCheck] = frozenset(
        ("content-id", "plan-and-subject", "end-not-before-start", "check-digit", "emergency-telephone", "age-18")
    )


class AckSettings(Group):
    """Form of an acknowledgement."""

    echo_valid_records: bool = False
    mesh_code_15: Annotated[
        Literal["off", "instead", "both"],
        Field(description="A report of code 15 for a file by MESH that is no CP-IS file, beside CPF01 or instead"),
    ] = "off"


class QuerySettings(Group):
    """Answers to a query."""

    no_record_code: str = "CPIS-0001"
    no_record_response_code: Literal["ID", "NF"] = "ID"
    duplicate_event_id: Literal["answer", "refuse"] = "answer"
    access_flag_place: Annotated[
        FlagPlace,
        Field(description="Where a silent-read flag is taken: below the query, as we write it, or not (QRY-008)"),
    ] = "anywhere"
    client_timeout: Annotated[float, Field(gt=0, description="Seconds until a client says 'unknown'")] = 30.0
    superseded_number: Literal["no-record", "follow"] = "no-record"


class NotifySettings(Group):
    """When an authority is told of an access."""

    cadence: Literal["immediate", "window"] = "immediate"


class FilesSettings(Group):
    """The drop folder of profile `cpis-client`, and which way answers leave."""

    reply_profile: Annotated[
        Literal["as-last-upload", "cpis-client", "mesh"],
        Field(description="Answers and notifications go where the last upload came from, or always one way"),
    ] = "as-last-upload"

    upload: str = "upload"
    response: str = "response"
    archive: str = "archive"
    failed: str = "failed"
    poll: Annotated[float, Field(gt=0, description="Seconds between sweeps when no event wakes the watcher")] = 1.0
    watch: Annotated[
        Literal["events", "polling"], Field(description="Polling for network shares, which tell of no events")
    ] = "events"
    settle: Annotated[float, Field(ge=0, description="Seconds that an unclosed file must stand still")] = 0.2
    max_bytes: Annotated[int, Field(gt=0, description="A larger upload is answered CPF01")] = 512 * 1024 * 1024


class MeshSettings(Group):
    """The mailboxes, and the REST interface to them."""

    strict: Annotated[
        bool, Field(description="A token has its time and counts once; senders are checked; no routing by patient")
    ] = True
    strict_inbox: Annotated[bool, Field(description="An acknowledged message cannot be fetched again (IN-06)")] = True
    last_chunk_early: Annotated[
        Literal["refuse", "accept"], Field(description="The last chunk while another one is missing (CH-08)")
    ] = "refuse"
    unfinished_h: Annotated[float, Field(gt=0, description="Hours until an unfinished upload is dropped (CH-11)")] = 24
    v2_chunk_body: Annotated[bool, Field(description="Version 2 answers a further chunk with the message's id")] = True
    lookup_token: Annotated[Literal["optional", "required"], Field(description="Whether look-ups need a token")] = (
        "optional"
    )
    max_request: Annotated[int, Field(gt=0, description="Bytes of a request body (CH-01)")] = 100_000_000
    poll_s: Annotated[float, Field(ge=0, description="A list asked for again sooner is answered 429; 0: never")] = 0
    client_certificate: Annotated[
        Literal["optional", "required"], Field(description="Whether a client shows a certificate (AU-08)")
    ] = "optional"
    admin: Annotated[bool, Field(description="Offer the simulator's own calls: reset, report, event")] = False
    shared_key: Annotated[str, Field(min_length=1, description="The environment's half of every secret")] = "TestKey"
    password: Annotated[str, Field(min_length=1, description="Of the authorities' mailboxes and the service's")] = (
        "password"
    )


class TransportSettings(Group):
    """The HTTP endpoint."""

    max_body: Annotated[int, Field(gt=0, description="Bytes of a request body; more is answered 413")] = 2_000_000
    max_head: Annotated[int, Field(gt=0, description="Bytes of request line and headers; more is 431 or 414")] = 65_536
    handshake_s: Annotated[float, Field(gt=0, description="Seconds for a whole TLS handshake, from its first byte")] = (
        5.0
    )
    headers_s: Annotated[float, Field(gt=0, description="Seconds until the first byte, and for all headers")] = 10.0
    body_s: Annotated[float, Field(gt=0, description="Seconds for a whole request body, and for its answer")] = 30.0
    max_connections: Annotated[int, Field(gt=0)] = 512


class Settings(Group):
    """All groups, each with its defaults."""

    data: DataSettings = DataSettings()
    pds: PdsSettings = PdsSettings()
    history: HistorySettings = HistorySettings()
    upload: UploadSettings = UploadSettings()
    ack: AckSettings = AckSettings()
    query: QuerySettings = QuerySettings()
    notify: NotifySettings = NotifySettings()
    files: FilesSettings = FilesSettings()
    mesh: MeshSettings = MeshSettings()
    transport: TransportSettings = TransportSettings()

    def changed(self) -> dict[str, object]:
        """Settings that differ from their default, by dotted name; the report's cover shows them."""
        found: dict[str, object] = {}
        for name in type(self).model_fields:
            group = getattr(self, name)
            for key, info in type(group).model_fields.items():
                if (value := getattr(group, key)) != info.default:
                    found[f"{name}.{key}"] = sorted(value) if isinstance(value, frozenset) else value
        return found
