"""Every choice that no public document settles, typed, with its one default.

A setting stands here only together with the code that obeys it. Names are those of the specification's table of
settings; the CLI and `cpis.toml` read them under `[settings.<group>]`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

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

    order: Annotated[
        Literal["newest-first", "oldest-first"], Field(description="Which access comes first (RSP-008)")
    ] = "newest-first"
    silent_read_in_own_answer: Annotated[
        bool, Field(description="A silent read stands in the answer to itself (DAT-025)")
    ] = True


class UploadSettings(Group):
    """What happens to an upload that is not as it should be."""

    sequence_step: Annotated[int, Field(ge=1, description="A larger step warns (UPL-003)")] = 1
    duplicate_file_id: Annotated[
        Literal["CPF01", "accept"], Field(description="A file id that was used before (UPL-013)")
    ] = "CPF01"
    same_id_after_cpf05: Annotated[
        Literal["accepted", "refused"], Field(description="The same id again after CPF05 (UPL-013, ACK-009)")
    ] = "accepted"
    quantity_mismatch: Annotated[
        Literal["CPF01", "accept"], Field(description="More or fewer records than declared (UPL-004)")
    ] = "CPF01"
    absence: Annotated[
        Literal["no-change"], Field(description="A child that is in no file stays as it is; nothing else is built")
    ] = "no-change"
    bad_record: Annotated[
        Literal["record", "file"], Field(description="What a wrong record takes down with it (UPL-014)")
    ] = "record"
    bad_check_digit: Annotated[
        Literal["CPR01", "CPR03", "CPR04", "CPR07"],
        Field(description="Code of an NHS number with a wrong check digit (DAT-029)"),
    ] = "CPR04"
    foreign_sender: Annotated[
        Literal["CPF01", "accept"], Field(description="A file of another authority than the folder's (UPL-015)")
    ] = "CPF01"
    business_checks: Annotated[
        frozenset[BusinessCheck], Field(description="Checks beyond the structure that are made")
    ] = frozenset(
        ("content-id", "plan-and-subject", "end-not-before-start", "check-digit", "emergency-telephone", "age-18")
    )


class AckSettings(Group):
    """Form of an acknowledgement."""

    echo_valid_records: Annotated[
        bool, Field(description="Records without a fault stand in the acknowledgement too (ACK-008)")
    ] = False


class QuerySettings(Group):
    """Answers to a query."""

    no_record_code: Annotated[str, Field(description="Reason when nothing is held (RSP-003)")] = "CPIS-0001"
    no_record_response_code: Annotated[
        Literal["ID", "NF"], Field(description="Response code when nothing is held (RSP-003)")
    ] = "ID"
    duplicate_event_id: Annotated[
        Literal["answer", "refuse"], Field(description="An event id that was used before (QRY-012)")
    ] = "answer"
    access_flag_place: Annotated[
        FlagPlace,
        Field(description="Where a silent-read flag is taken: below the query, as we write it, or not (QRY-008)"),
    ] = "anywhere"
    client_timeout: Annotated[float, Field(gt=0, description="Seconds until a client says 'unknown'")] = 30.0
    superseded_number: Annotated[
        Literal["no-record", "follow"], Field(description="A number that was replaced by another (RSP-010)")
    ] = "no-record"


class NotifySettings(Group):
    """When an authority is told of an access."""

    cadence: Annotated[Literal["immediate", "window"], Field(description="At once, or gathered (NTF-009)")] = (
        "immediate"
    )


class FilesSettings(Group):
    """The drop folder of profile `cpis-client`."""

    upload: Annotated[str, Field(description="Name of the folder that the product writes into")] = "upload"
    response: Annotated[str, Field(description="Name of the folder that the product reads")] = "response"
    archive: Annotated[str, Field(description="Name of the folder for files that were taken")] = "archive"
    failed: Annotated[str, Field(description="Name of the folder for files that could not be taken")] = "failed"
    poll: Annotated[float, Field(gt=0, description="Seconds between sweeps when no event wakes the watcher")] = 1.0
    watch: Annotated[
        Literal["events", "polling"], Field(description="Polling for network shares, which tell of no events")
    ] = "events"
    settle: Annotated[float, Field(ge=0, description="Seconds that an unclosed file must stand still")] = 0.2
    max_bytes: Annotated[int, Field(gt=0, description="A larger upload is answered CPF01")] = 512 * 1024 * 1024

    @model_validator(mode="after")
    def _are_four_folders(self) -> FilesSettings:
        names = [self.upload, self.response, self.archive, self.failed]
        if len({name.casefold() for name in names}) < len(names) or any(
            name in ("", ".", "..") or "/" in name or "\\" in name for name in names
        ):
            raise ValueError("four different names of folders, without a slash")
        return self


Profile = Literal["reliable", "express", "sync"]
"""How a lookup is exchanged: ebXML with or without acknowledgement and duplicate elimination, or one SOAP exchange."""


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
    notify: NotifySettings = NotifySettings()
    files: FilesSettings = FilesSettings()
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
