"""The six CP-IS messages and the things they speak of, free of XML.

Values are immutable. An NHS number is a string of ten digits. Message times are timezone-aware; plan dates are
naive datetimes to the minute, because the wire form has neither seconds nor offset (TS.NHS.DateType1).

Source: CP-IS Domain Message Specification 1.0-RC5, tabular views and templates.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from cpis_simulator.errors import Fault
from cpis_simulator.vocabulary import FileCode, PlanType


@dataclass(frozen=True, slots=True)
class LocalId:
    """The authority's own identifier of a person; `assigning_authority` reads `<ODS code>:<name>`."""

    extension: str
    assigning_authority: str | None = None


@dataclass(frozen=True, slots=True)
class Telecom:
    """A telephone of an authority: `value` is `tel:` and digits, `use` is `WP` (office) or `EC` (emergency duty)."""

    value: str
    use: str


@dataclass(frozen=True, slots=True)
class Organisation:
    """An organisation by ODS code; `is_site` where the code is that of a site."""

    ods_code: str
    name: str
    telecom: tuple[Telecom, ...] = ()
    is_site: bool = False


@dataclass(frozen=True, slots=True)
class ProtectionPlan:
    """One plan entry: `end` means it stopped and stays visible, `delete` it was wrong and must vanish (DAT-010)."""

    plan_type: PlanType
    start: datetime
    end: datetime | None = None
    delete: datetime | None = None


class SubjectKind(StrEnum):
    """Whom a record is about: a child, or the mother of an unborn child."""

    CHILD = "child"
    MOTHER = "mother"


@dataclass(frozen=True, slots=True)
class Subject:
    """The person of a record, as an authority knows them."""

    kind: SubjectKind
    nhs_number: str
    birth_date: date
    given: str
    family: str
    local_id: LocalId | None = None


@dataclass(frozen=True, slots=True)
class PlanRecord:
    """A `CP-ISRecord`: one to three plans of one or two subjects (DAT-006)."""

    plans: tuple[ProtectionPlan, ...]
    subjects: tuple[Subject, ...]


@dataclass(frozen=True, slots=True)
class FaultyRecord:
    """A record of an upload that could not be read as one; its neighbours are unaffected (UPL-022).

    `faults` is never empty: the first is the one to mend first. `nhs_number` is whatever could still be read, for the
    work-list.
    """

    faults: tuple[Fault, ...]
    nhs_number: str | None = None

    @property
    def requirement(self) -> str:
        """Id of the first requirement that is broken."""
        return self.faults[0].requirement

    @property
    def reason(self) -> str:
        """The first fault in words, without its place."""
        return self.faults[0].text()


@dataclass(frozen=True, slots=True)
class UploadHeader:
    """What an upload file says before its records: when it was made, its sequence number as written, how many records.

    `sender` is the authority that shares.
    """

    creation_time: datetime
    file_id: str
    quantity: int
    sender: Organisation


@dataclass(frozen=True, slots=True)
class Upload:
    """Message 1, `File`: what one authority shares. `file_id` is its sequence number as written."""

    creation_time: datetime
    file_id: str
    quantity: int
    sender: Organisation
    records: tuple[PlanRecord | FaultyRecord, ...]

    def header(self) -> UploadHeader:
        """What stands before the records."""
        return UploadHeader(self.creation_time, self.file_id, self.quantity, self.sender)


@dataclass(frozen=True, slots=True)
class Coded:
    """A code with its system (empty where the system is fixed and so not sent) and text."""

    code: str
    display_name: str
    code_system: str = ""


@dataclass(frozen=True, slots=True)
class RecordResult:
    """What became of one record. `location` is an XPath; `detail` refines CPR07 (ACK-006)."""

    code: str
    display_name: str
    location: str
    detail: tuple[Coded, ...] = ()


@dataclass(frozen=True, slots=True)
class Echo:
    """A record repeated in an acknowledgement; a valid one without plans (ACK-008)."""

    valid: bool
    plans: tuple[ProtectionPlan, ...]
    subjects: tuple[Subject, ...]


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Message 2, `FileResponse`. `file_id` and `quantity` are -1 where the upload's could not be read (ACK-002)."""

    creation_time: datetime
    file_id: str
    quantity: int
    file_codes: tuple[Coded, ...]
    receiver: Organisation
    stored: int
    failed: int
    results: tuple[RecordResult, ...] = ()
    echoes: tuple[Echo, ...] = ()

    def is_whole_success(self) -> bool:
        """The file code says that every record was stored."""
        return [c.code for c in self.file_codes] == [FileCode.ALL_STORED]


@dataclass(frozen=True, slots=True)
class AuthorName:
    """Name of a worker: `use` is `L` or `PREFERRED`."""

    family: str
    given: tuple[str, ...] = ()
    prefix: str | None = None
    suffix: str | None = None
    use: str | None = "L"

    def shown(self) -> str:
        """The name as people read it."""
        return " ".join(p for p in (self.prefix, *self.given, self.family, self.suffix) if p)


@dataclass(frozen=True, slots=True)
class PersonAuthor:
    """A signed-in worker who asks (QRY-004)."""

    role_code: str
    role_name: str
    user_id: str
    name: AuthorName
    organisation: Organisation
    role_profile_id: str | None = None


@dataclass(frozen=True, slots=True)
class ResponsiblePerson:
    """Who answers for the queries of a system (QRY-005)."""

    role_code: str
    role_name: str
    name: AuthorName


@dataclass(frozen=True, slots=True)
class DeviceAuthor:
    """A system that asks while nobody is signed in; `asid` has twelve digits."""

    asid: str
    organisation: Organisation
    responsible: tuple[ResponsiblePerson, ...] = ()


Author = PersonAuthor | DeviceAuthor


@dataclass(frozen=True, slots=True)
class Query:
    """Message 3, `CP-ISQueryStub`. `unscheduled` is the Patch D flag: False a silent read, None not sent (QRY-009)."""

    effective_time: datetime
    event_id: str
    author: Author
    nhs_number: str
    unscheduled: bool | None = None

    def is_silent(self) -> bool:
        """A scheduled setting's read, which notifies nobody (QRY-008)."""
        return self.unscheduled is False


@dataclass(frozen=True, slots=True)
class Access:
    """One look at a record: an earlier query, as an answer lists it."""

    effective_time: datetime
    event_id: str
    author: Author
    nhs_number: str


@dataclass(frozen=True, slots=True)
class AuthorityRecord:
    """A record in an answer, with the authority that shared it."""

    authority: Organisation
    record: PlanRecord


@dataclass(frozen=True, slots=True)
class Answer:
    """Message 4, `CP-ISNHSQueryResponse`; the totals are as declared (RSP-002)."""

    effective_time: datetime
    message_id: str
    total_accesses: int
    total_records: int
    accesses: tuple[Access, ...]
    records: tuple[AuthorityRecord, ...]


@dataclass(frozen=True, slots=True)
class NotifiedAccess:
    """An access as an authority is told of it: the original query and the authority's own id of the person."""

    effective_time: datetime
    event_id: str
    author: Author
    nhs_number: str
    local_id: LocalId | None = None


@dataclass(frozen=True, slots=True)
class AccessGroup:
    """Accesses to records of one upload file."""

    upload_file_id: str
    accesses: tuple[NotifiedAccess, ...]


@dataclass(frozen=True, slots=True)
class AccessNotification:
    """Message 5: who looked at an authority's records; `total` is as declared, 0 is legal (NTF-008)."""

    effective_time: datetime
    message_id: str
    total: int
    groups: tuple[AccessGroup, ...]
    recipient: Organisation


@dataclass(frozen=True, slots=True)
class InactiveNumber:
    """A number that PDS no longer uses; `replacements` is empty where none may be told (INA-002, INA-007)."""

    nhs_number: str
    upload_file_id: str
    local_id: LocalId | None = None
    replacements: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InactiveNumberNotification:
    """Message 6: numbers of one authority that became inactive."""

    effective_time: datetime
    message_id: str
    recipient: Organisation
    numbers: tuple[InactiveNumber, ...]


@dataclass(frozen=True, slots=True)
class Transmission:
    """The HL7 transmission wrapper of an interaction; `creation_time` is the wire text (its offset is optional)."""

    message_id: str
    creation_time: str
    sender_asid: str
    receiver_asid: str


@dataclass(frozen=True, slots=True)
class QueryMessage:
    """Interaction QUPC_IN000006GB01."""

    transmission: Transmission
    query: Query


@dataclass(frozen=True, slots=True)
class AnswerMessage:
    """Interaction REPC_IN000007GB01."""

    transmission: Transmission
    answer: Answer


@dataclass(frozen=True, slots=True)
class NoRecord:
    """Interaction QUQI_IN010000UK14: the query failed; `issue` says why, normally "No Records Found" (RSP-003)."""

    transmission: Transmission
    answers: str
    issue: Coded
    response_code: str = "ID"
    acknowledgement_type: str = "AE"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Interaction MCCI_IN010000UK13: a faulty query, one issue for each fault (RSP-011)."""

    transmission: Transmission
    answers: str
    issues: tuple[Coded, ...]
    acknowledgement_type: str = "AE"
    details: tuple[Coded, ...] = field(default=())


Reply = AnswerMessage | NoRecord | Refusal
