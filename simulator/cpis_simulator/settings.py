"""Every choice that no public document settles, typed, with its one default.

A setting stands here only together with the code that obeys it. Names are those of the specification's table of
settings; the CLI and `cpis.toml` read them under `[settings.<group>]`.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_serializer, field_validator, model_validator

BusinessCheck = Literal[
    "content-id", "plan-and-subject", "end-not-before-start", "check-digit", "emergency-telephone", "age-18"
]

NameTolerance = Literal["case", "accents", "earlier-names"]

FlagPlace = Literal["anywhere", "first-child", "refused"]

Grouping = Literal["number", "authority"]

AuthorKey = Literal["user", "user-and-organisation"]

TotalCounts = Literal["accesses", "files"]

UpsertKey = Literal["type-and-start", "type"]


class Group(BaseModel):
    """A group of settings; unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_serializer("*", when_used="json")
    def _in_order(self, value: Any) -> Any:
        """A set has no order of its own: the same one is always written alike."""
        return sorted(value) if isinstance(value, frozenset) else value


class DataSettings(Group):
    """How long entries are visible, and which people are the same."""

    retention: Annotated[int, Field(ge=0, description="Days after its end that a plan stays visible (DAT-018)")] = 365
    unborn_grace: Annotated[int, Field(ge=0, description="Days after the due date (DAT-019)")] = 28
    ucp_end_means: Annotated[
        Literal["due-date", "last-day"],
        Field(description="An unborn child's end date: the due date, or already the last day it is visible (DAT-020)"),
    ] = "due-date"
    cross_authority_effect: Annotated[
        Literal["none"],
        Field(description="What an upload does to another authority's entries; nothing else is built (DAT-023)"),
    ] = "none"
    name_matching: Annotated[
        frozenset[NameTolerance],
        Field(
            description="What names may differ in and be the same; earlier-names: those a person had, or goes by, are "
            "a fourth try (DAT-026)"
        ),
    ] = frozenset(("case", "accents", "earlier-names"))
    test_number_prefix: Annotated[str, Field(description="Range of numbers that are accepted (DAT-030)")] = "999"


class PdsSettings(Group):
    """The demographic service that uploads are matched against."""

    unknown: Annotated[
        Literal["learn", "refuse"],
        Field(description="An unknown test number: registered from the upload, or CPR01 (UPL-021)"),
    ] = "refuse"


class HistorySettings(Group):
    """The list of accesses in an answer."""

    order: Annotated[
        Literal["newest-first", "oldest-first"], Field(description="How the accesses stand in it (RSP-008)")
    ] = "newest-first"
    same_author_key: Annotated[
        AuthorKey,
        Field(
            description="Who is the same author: the SDS user (a system: its ASID), or that within one organisation "
            "only (RSP-007)"
        ),
    ] = "user"
    silent_read_in_own_answer: Annotated[
        bool, Field(description="A silent read is listed in its own answer, in no later one (DAT-025)")
    ] = True


class UploadSettings(Group):
    """What happens to an upload that is not as it should be."""

    sequence_step: Annotated[int, Field(ge=1, description="A larger step warns (UPL-003)")] = 1
    duplicate_file_id: Annotated[
        Literal["CPF01", "accept"], Field(description="A file id that was used, or one below it (UPL-013)")
    ] = "CPF01"
    same_id_after_cpf05: Annotated[
        Literal["accepted", "refused"], Field(description="The id of a file that was answered with CPF05 (UPL-013)")
    ] = "accepted"
    quantity_mismatch: Annotated[
        Literal["CPF01", "accept"], Field(description="A header that counts other than the file (UPL-004)")
    ] = "CPF01"
    file_error_counters: Annotated[
        Literal["as-declared", "unknown"],
        Field(description="Id and quantity in CPF01, CPF05, CPF06: as the file declares them, or always -1 (ACK-003)"),
    ] = "as-declared"
    bad_header: Annotated[
        Literal["CPF01"], Field(description="A header that breaks the schema; nothing else is built (UPL-014)")
    ] = "CPF01"
    upsert_key: Annotated[
        UpsertKey,
        Field(
            description="What, with authority and number, makes an entry the same: type and start, or the type alone "
            "(UPL-011)"
        ),
    ] = "type-and-start"
    absence: Annotated[
        Literal["no-change"], Field(description="A child that is in no file stays as it is; nothing else is built")
    ] = "no-change"
    bad_record: Annotated[
        Literal["record", "file"], Field(description="A faulty record fails alone, or the whole file (UPL-022)")
    ] = "record"
    bad_check_digit: Annotated[
        Literal["CPR01", "CPR03", "CPR04", "CPR07"], Field(description="A number with a wrong check digit (DAT-029)")
    ] = "CPR04"
    foreign_sender: Annotated[
        Literal["CPF01", "accept"], Field(description="A header that names another authority (UPL-015)")
    ] = "CPF01"
    business_checks: Annotated[
        frozenset[BusinessCheck],
        Field(description="Rules beyond the schema that make a record fail (DAT-014, MSG-014)"),
    ] = frozenset(
        ("content-id", "plan-and-subject", "end-not-before-start", "check-digit", "emergency-telephone", "age-18")
    )


ECHO_LOCATION: Final = (
    "/FileResponse/message[{message}]/cP-ISLAAcknowledgementResponse/pertinentInformation1"
    "/invalidCP-ISRecord/subject[{subject}]"
)
_PLACES: Final = {"message": 1, "subject": 1, "record": 1}


class AckSettings(Group):
    """Form of an acknowledgement."""

    mesh_code_15: Annotated[
        Literal["off", "instead", "both"],
        Field(description="A report of code 15 for a file by MESH that is no CP-IS file, beside CPF01 or instead"),
    ] = "off"
    echo_valid_records: Annotated[
        bool, Field(description="Records that were stored are repeated, without their plans (ACK-008)")
    ] = False
    location_template: Annotated[
        str,
        Field(
            description="Where a failed record stands: {message} its echo, {subject} the person in it, {record} its "
            "number in the upload (ACK-007)"
        ),
    ] = ECHO_LOCATION
    location_without_echo: Annotated[
        str, Field(description="The same of a record that is too broken to be repeated: {record} (ACK-007)")
    ] = "/File/record[{record}]"
    detail_codes: Annotated[
        Literal["CPRD", "none"],
        Field(description="What stands behind CPR07: CPRD01 schema, CPRD02 business rule, or nothing (ACK-006)"),
    ] = "CPRD"
    unreadable_sender: Annotated[
        Literal["registration"],
        Field(
            description="Whom a file that cannot be read is answered as: as registered; nothing else is built (ACK-001)"
        ),
    ] = "registration"

    @field_validator("location_template", "location_without_echo")
    @classmethod
    def _names_places(cls, template: str) -> str:
        try:
            template.format_map(_PLACES)
        except (KeyError, ValueError, IndexError) as error:
            raise ValueError(f"names {error}; there are {', '.join(f'{{{place}}}' for place in _PLACES)}") from error
        return template


class QuerySettings(Group):
    """Answers to a query."""

    no_record_code: Annotated[str, Field(description="The issue of a query that finds nothing (RSP-003)")] = "CPIS-0001"
    no_record_response_code: Annotated[
        Literal["ID", "NF"], Field(description="The response code of a query that finds nothing (RSP-003)")
    ] = "ID"
    duplicate_event_id: Annotated[
        Literal["answer", "refuse"],
        Field(description="The same query again: answered, and counted once, or refused (QRY-012)"),
    ] = "answer"
    fault_codes: Annotated[
        Literal["labels"],
        Field(description="How a faulty query is told its faults: by their labels; nothing else is built (RSP-011)"),
    ] = "labels"
    access_flag_place: Annotated[
        FlagPlace,
        Field(description="Where a silent-read flag is taken: below the query, as we write it, or not (QRY-008)"),
    ] = "anywhere"
    client_timeout: Annotated[float, Field(gt=0, description="Seconds until a client says 'unknown'")] = 30.0
    superseded_number: Annotated[
        Literal["no-record", "follow"],
        Field(description="A number that another took the place of: no record, or that of the other (RSP-010)"),
    ] = "no-record"


class ResponseSettings(Group):
    """Form of an answer."""

    grouping: Annotated[
        Grouping, Field(description="Records stand together, or those of each authority for themselves (RSP-002)")
    ] = "number"


class NotifySettings(Group):
    """When an authority is told of an access."""

    cadence: Annotated[
        Literal["immediate", "window"], Field(description="At once, or what came in 24 hours in one file (NTF-009)")
    ] = "immediate"
    empty_batches: Annotated[
        bool, Field(description="With windows: an authority is also told that nobody looked, total 0 (NTF-008)")
    ] = False
    total_counts: Annotated[
        TotalCounts,
        Field(
            description="What the total of a notification counts: accesses, or upload files they stand under (NTF-006)"
        ),
    ] = "accesses"


class InactiveSettings(Group):
    """What is told of numbers that are no longer used."""

    adoption_no_link: Annotated[
        Literal["enforced", "off"],
        Field(description="After an adoption the new number is never told, nor led on to (INA-007)"),
    ] = "enforced"


class MessagesSettings(Group):
    """What no message may have."""

    doctype: Annotated[
        Literal["refused"], Field(description="A document type declaration; nothing else is built (MSG-002)")
    ] = "refused"


_VERSION: Final = r"^([0-9]+(\.[0-9]+)*)?$"


class FilesSettings(Group):
    """The drop folder of profile `cpis-client`, and which way answers leave."""

    reply_profile: Annotated[
        Literal["as-last-upload", "cpis-client", "mesh"],
        Field(description="Answers and notifications go where the last upload came from, or always one way"),
    ] = "as-last-upload"

    upload: Annotated[str, Field(description="Folder that an authority drops files into")] = "upload"
    response: Annotated[str, Field(description="Folder that it is answered in")] = "response"
    archive: Annotated[str, Field(description="Where files go that were processed")] = "archive"
    failed: Annotated[str, Field(description="Where files go of which nothing was processed")] = "failed"
    poll: Annotated[float, Field(gt=0, description="Seconds between sweeps when no event wakes the watcher")] = 1.0
    watch: Annotated[
        Literal["events", "polling"], Field(description="Polling for network shares, which tell of no events")
    ] = "events"
    settle: Annotated[float, Field(ge=0, description="Seconds that an unclosed file must stand still")] = 0.2
    max_bytes: Annotated[int, Field(gt=0, description="A larger upload is answered CPF01")] = 512 * 1024 * 1024
    status_time_zone: Annotated[
        Literal["uk", "utc"], Field(description="Of a control file's status record: local time, or UTC")
    ] = "uk"
    save_sent: Annotated[bool, Field(description="Pairs that went stand in SENT, or are deleted (PU-12)")] = True
    collect_report: Annotated[bool, Field(description="A report for each pair that was taken")] = False
    transfer_report: Annotated[bool, Field(description="A report for each pair that went")] = False
    delay_report: Annotated[bool, Field(description="A report for each try that failed (PU-11)")] = False
    client_version: Annotated[
        str, Field(pattern=_VERSION, description="Version of the client that the authorities use (CC-07)")
    ] = "1.0"
    client_min_version: Annotated[
        str,
        Field(pattern=_VERSION, description="Every file of a client below this is answered CPF06; empty: any will do"),
    ] = ""

    @model_validator(mode="after")
    def _are_four_folders(self) -> FilesSettings:
        names = [self.upload, self.response, self.archive, self.failed]
        if len({name.casefold() for name in names}) < len(names) or any(
            name in ("", ".", "..") or "/" in name or "\\" in name for name in names
        ):
            raise ValueError("four different names of folders, without a slash")
        return self

    def is_client_too_old(self) -> bool:
        """The authorities' client is no longer supported (OPS-002)."""
        return _numbers(self.client_version) < _numbers(self.client_min_version)


def _numbers(version: str) -> tuple[int, ...]:
    """A version as it is compared: 1.10 comes after 1.9, and 1.0 is 1."""
    numbers = [int(part) for part in version.split(".") if part]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


Profile = Literal["reliable", "express", "sync"]
"""How a lookup is exchanged: ebXML with or without acknowledgement and duplicate elimination, or one SOAP exchange."""


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
    shared_key: Annotated[
        SecretStr,
        Field(
            min_length=1, description="The environment's half of every secret", json_schema_extra={"default": "TestKey"}
        ),
    ] = SecretStr("TestKey")
    password: Annotated[
        SecretStr,
        Field(
            min_length=1,
            description="Of the authorities' mailboxes and the service's",
            json_schema_extra={"default": "password"},
        ),
    ] = SecretStr("password")


class TransportSettings(Group):
    """The HTTP endpoint, and the messages of a lookup on their way."""

    max_body: Annotated[int, Field(gt=0, description="Bytes of a request body; see `oversize`")] = 5_242_880
    max_payload: Annotated[int, Field(gt=0, description="Characters of an ebXML payload; see `oversize`")] = 5_000_000
    oversize: Annotated[
        Literal["413", "500"], Field(description="HTTP status of the SOAP fault 200 that answers too large a message")
    ] = "413"
    strict: Annotated[
        Literal["off", "reliable", "express", "sync"],
        Field(
            description="The only profile that is taken, at its own path and with known parties; off: whatever comes"
        ),
    ] = "off"
    profile: Annotated[Profile, Field(description="What the directory publishes for queries")] = "reliable"
    reply_profile: Annotated[
        Literal["reliable", "express"], Field(description="How replies go to a party whose entry does not say")
    ] = "express"
    sync_paths: Annotated[
        tuple[str, ...], Field(description="Where a SOAP query is taken when strict; the first is published")
    ] = ("/sync-service", "/syncservice-cpis/cpis")
    party_checks: Annotated[
        Literal["when-strict", "refuse", "warn"],
        Field(description="An unknown CPAId or From party: refused when strict, always, or never"),
    ] = "when-strict"
    broken_multipart: Annotated[
        Literal["fault", "message-error"],
        Field(description="A multipart message that is cut off: SOAP fault 201, or MimeProblem where it has a header"),
    ] = "fault"
    fault_status: Annotated[Literal[200, 500], Field(description="HTTP status of an ebXML MessageError")] = 200
    asid_oddity: Annotated[
        bool, Field(description="As Spine's own builder: ASIDs inside a synchronous 'no record' are not swapped")
    ] = False
    reply_delay: Annotated[float, Field(ge=0, description="Seconds from the acknowledgement to the reply")] = 0.02
    reply_timeout: Annotated[float, Field(gt=0, description="Seconds that a client may take to answer a reply")] = 20.0
    reply_hosts: Annotated[
        frozenset[str], Field(description="Hosts beside this machine that replies may be posted to")
    ] = frozenset()
    time_scale: Annotated[float, Field(gt=0, description="Divides the durations of every contract")] = 1.0
    certificate_name: Annotated[
        Literal["off", "party"],
        Field(description="Whether a client's certificate must have the name of its party in the directory, else 403"),
    ] = "off"
    max_head: Annotated[int, Field(gt=0, description="Bytes of request line and headers; more is 431 or 414")] = 65_536
    handshake_s: Annotated[float, Field(gt=0, description="Seconds for a whole TLS handshake, from its first byte")] = (
        5.0
    )
    headers_s: Annotated[float, Field(gt=0, description="Seconds until the first byte, and for all headers")] = 10.0
    body_s: Annotated[float, Field(gt=0, description="Seconds for a whole request body, and for its answer")] = 30.0
    max_connections: Annotated[int, Field(gt=0, description="At once; further ones are closed")] = 512


class Settings(Group):
    """All groups, each with its defaults."""

    data: DataSettings = DataSettings()
    pds: PdsSettings = PdsSettings()
    history: HistorySettings = HistorySettings()
    upload: UploadSettings = UploadSettings()
    ack: AckSettings = AckSettings()
    query: QuerySettings = QuerySettings()
    response: ResponseSettings = ResponseSettings()
    notify: NotifySettings = NotifySettings()
    inactive: InactiveSettings = InactiveSettings()
    messages: MessagesSettings = MessagesSettings()
    files: FilesSettings = FilesSettings()
    mesh: MeshSettings = MeshSettings()
    transport: TransportSettings = TransportSettings()

    def changed(self) -> dict[str, object]:
        """Settings that differ from their default, by dotted name; the report's cover shows them, but no secret."""
        found: dict[str, object] = {}
        for name in type(self).model_fields:
            group = getattr(self, name)
            for key, info in type(group).model_fields.items():
                if (value := getattr(group, key)) != info.default:
                    value = str(value) if isinstance(value, SecretStr) else value
                    found[f"{name}.{key}"] = sorted(value) if isinstance(value, frozenset) else value
        return found
