"""What a driver can be asked, in JSON shapes: the one contract for products and bundled systems alike.

A driver turns a step of a scenario into whatever makes its product do that thing. Over HTTP an operation is
`POST <url>/<operation>` with a JSON object as body and answer, status 200; 501 says that the product does not offer
the operation, 409 that it refuses (the JSON answer then has `reason`), 422 that the request is not understood.
`docs/driver-api.yaml` is made from this module.

Facts that a product can only know from a message (`event_id`, `accessed`, `acknowledged`, `detail_code`) are what makes
its word evidence; leave them out only where the product really does not keep them, and the test is inconclusive.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cpis_simulator.vocabulary import PlanType


class Shape(BaseModel):
    """A JSON object of the driver API. Readers ignore what they do not know."""

    model_config = ConfigDict(extra="ignore")


class Nothing(Shape):
    """An empty object."""


class OfAuthority(Shape):
    """What is asked of one of several authorities that the product serves."""

    authority: Annotated[str | None, Field(description="Its ODS code; None: the first that the product serves")] = None


class AuthorityIdentity(Shape):
    """An authority that the product serves, as configured in it."""

    ods: str
    name: str
    telephone_office: str | None = None
    telephone_emergency: str | None = None


class Version(Shape):
    """What the product is and what its driver offers."""

    product: str
    version: str
    role: Literal["authority", "care", "service"]
    operations: list[str]
    authorities: list[AuthorityIdentity] = []
    now: datetime | None = None
    triage_point: Annotated[str | None, Field(description="Who gets alerts of closed or unallocated cases")] = None
    out_of_hours: Annotated[str | None, Field(description="Who gets alerts outside office hours")] = None
    alert_role: Annotated[str | None, Field(description="Who gets alerts about files")] = None


class ChildDetails(Shape):
    """A person to be recorded: a child, or the mother of an unborn child."""

    given: str
    family: str
    birth_date: date
    nhs_number: Annotated[str | None, Field(description="None: not traced yet")] = None
    local_id: Annotated[str | None, Field(description="The authority's own id, if it can be chosen")] = None
    authority: Annotated[
        str | None, Field(description="Code of the authority whose child it is; None: the first that is served")
    ] = None


class ChildReference(Shape):
    """A person in the product."""

    child_id: Annotated[str, Field(description="The product's own reference")]


class PlanDetails(Shape):
    """A plan to be recorded. For an unborn child `child_id` is the mother and `due` the due date."""

    child_id: str
    plan_type: PlanType
    start: date
    due: date | None = None
    legal_status: Annotated[
        str | None, Field(description="Children Act section of a looked-after child: 20, 31, 38 or another")
    ] = None
    notes: Annotated[str | None, Field(description="Narrative that must stay in the product")] = None


class PlanReference(Shape):
    """A plan in the product."""

    plan_id: str


class EndPlan(Shape):
    """The plan stopped on that day."""

    plan_id: str
    end: date


class DeletePlan(Shape):
    """The plan was entered in error, found so on that day."""

    plan_id: str
    on: date


class ChangeChild(Shape):
    """Corrected details; what is None stays."""

    child_id: str
    given: str | None = None
    family: str | None = None
    birth_date: date | None = None
    nhs_number: str | None = None


class ChangeAuthority(Shape):
    """Telephones as a person keys them; None stays, an empty text removes."""

    ods: str | None = None
    telephone_office: str | None = None
    telephone_emergency: str | None = None


class Allocate(Shape):
    """Who is responsible for the child from now on; both None: nobody."""

    child_id: str
    worker: str | None = None
    team: str | None = None


class CloseCase(Shape):
    """The case was closed on that day."""

    child_id: str
    on: date


class Export(Shape):
    """The result of an export."""

    exported: Annotated[bool, Field(description="A file was made")]
    file_id: str | None = None
    reason: Annotated[str | None, Field(description="Why no file was made")] = None


class HeldBack(Shape):
    """A child that could not be sent (UPL-007)."""

    child_id: str
    reason: str


class HeldBackList(Shape):
    """Children that are held back."""

    items: list[HeldBack] = []


class FileStatus(Shape):
    """An upload file as the product shows it."""

    file_id: str
    state: Literal["open", "stored", "partly stored", "failed"]
    code: Annotated[str | None, Field(description="CPF01 to CPF06")] = None
    stored: int | None = None
    failed: int | None = None
    acknowledged: Annotated[
        datetime | None, Field(description="creationTime of the acknowledgement that was acted on")
    ] = None


class FileList(Shape):
    """Files that were exported."""

    items: list[FileStatus] = []


class WorkItem(Shape):
    """A failed record on the work-list of a data-quality worker (ACK-010)."""

    child_id: str | None = None
    nhs_number: str | None = None
    file_id: str | None = None
    code: str
    meaning: str = ""
    detail_code: str | None = None
    detail_text: str | None = None
    raised: datetime | None = None
    next_action: str = ""
    open: bool = True


class WorkList(Shape):
    """The work-list, open entries and resolved ones that the product still shows."""

    items: list[WorkItem] = []


class Alert(Shape):
    """An alert or task. `kind` says what it is about."""

    kind: Literal[
        "access", "file-failed", "record-failed", "validation", "interface", "inactive-number", "new-number-needed",
        "overdue", "other",
    ]  # fmt: skip
    recipient: Annotated[str | None, Field(description="Worker or role")] = None
    team: str | None = None
    child_id: str | None = None
    file_id: str | None = None
    event_id: str | None = None
    raised: datetime | None = None
    text: str = ""


class AlertList(Shape):
    """Alerts, oldest first."""

    items: list[Alert] = []


class CaseEvent(Shape):
    """An access as it stands on a child's file (NTF-010, NTF-011, UI-009)."""

    child_id: str
    event_id: str | None = None
    nhs_number: str | None = None
    accessed: datetime | None = None
    worker: str | None = None
    role: str | None = None
    organisation: str | None = None
    text: str = ""


class CaseEvents(Shape):
    """Events of one child, oldest first."""

    items: list[CaseEvent] = []


class ExceptionItem(Shape):
    """Something that could not be filed, kept for a person (NTF-014, ACK-015)."""

    kind: Literal["acknowledgement", "access-notification", "inactive-number", "unreadable-file", "other"]
    text: str = ""
    child_id: str | None = None
    nhs_number: str | None = None
    file_id: str | None = None
    event_id: str | None = None
    worker: str | None = None
    organisation: str | None = None
    accessed: datetime | None = None
    open: bool = True


class ExceptionList(Shape):
    """The exception list."""

    items: list[ExceptionItem] = []


class ChildStatus(Shape):
    """What a data worker sees of a child (UI-010)."""

    child_id: str
    nhs_number: str | None = None
    last_file_id: str | None = None
    last_result: Annotated[
        Literal["never sent", "sent", "stored", "failed"], Field(description="Result of the last upload")
    ] = "never sent"
    acknowledged: datetime | None = None


class SetClock(Shape):
    """The instant the product's clock shall show from now on; None: real time."""

    instant: datetime | None = None


class CareAuthor(Shape):
    """Who asks: a person, or with `asid` a system and the person responsible for it."""

    prefix: str | None = None
    given: list[str] = []
    family: str
    role_code: str
    role_name: str
    user_id: str | None = None
    role_profile_id: str | None = None
    asid: str | None = None
    organisation_ods: str
    organisation_name: str


class SignIn(Shape):
    """Who sits at a desk of the product from now on, until the next sign-in or a sign-out.

    With `author.asid` nobody does: the desk's system asks by itself, and the author is the person responsible for it.
    """

    author: CareAuthor
    activities: Annotated[
        list[str], Field(description="National codes of the user's role: B0107 view and notify, B0170 view silently")
    ] = []
    scheduled: Annotated[bool, Field(description="The desk is one of scheduled care, such as a clinic")] = False


class PatientDetails(Shape):
    """A patient to be put into the product's index. That alone is no attendance, and must not make a query."""

    given: str
    family: str
    birth_date: date
    nhs_number: str | None = None
    verified: Annotated[bool, Field(description="The number was traced on PDS")] = True
    may_be_pregnant: bool = False
    consent_refused: Annotated[bool, Field(description="Consent to share is recorded as refused")] = False


class PatientReference(Shape):
    """A patient in the product."""

    patient_id: Annotated[str, Field(description="The product's own reference")]


class Attendance(Shape):
    """An attendance as the product shows it."""

    attendance_id: str
    patient_id: str
    complete: Annotated[bool, Field(description="Whoever registers has done; the patient can be treated")] = False


class AttendanceReference(Shape):
    """An attendance in the product."""

    attendance_id: str


class OpenList(Shape):
    """A list of patients, such as a waiting list, is opened by whoever is signed in."""

    patient_ids: list[str]


class LookUp(Shape):
    """Ask about one patient.

    A product is given `patient_id`, and `nhs_number` only to say again whose it is: whoever is signed in asks. A client
    that has no patients and no desks is given number and author.
    """

    nhs_number: str
    patient_id: str | None = None
    author: Annotated[CareAuthor | None, Field(description="None: who is signed in")] = None
    silent: Annotated[bool | None, Field(description="None: as role and desk have it; a client leaves it out")] = None
    event_id: Annotated[str | None, Field(description="None: the product makes one")] = None
    accessed: Annotated[datetime | None, Field(description="Time of the query, None: now")] = None


class ShownPlan(Shape):
    """A plan as a clinician sees it (UI-001, UI-002)."""

    plan_type: PlanType
    start: date
    end: date | None = None
    about: Literal["child", "unborn child"] = "child"
    authority: str
    telephone_office: str | None = None
    telephone_emergency: str | None = None
    current: Annotated[bool, Field(description="Shown as one that runs; a past one must look different (UI-005)")] = (
        True
    )
    text: Annotated[str, Field(description="Its words on the screen")] = ""


class ShownAccess(Shape):
    """An earlier access as a clinician sees it (UI-003)."""

    accessed: datetime
    worker: str
    role: str
    organisation: str


class LookUpResult(Shape):
    """What the screen shows of a lookup, and what kind of message that is.

    `pending` while it waits; `unknown` when no usable answer came (QRY-013); `refused` when the service would not
    answer. Not asked at all: `unverified` and `invalid` numbers, `denied` users; `not-asked` when nobody has tried yet.
    """

    status: Literal[
        "found", "no-record", "refused", "unknown", "denied", "pending", "unverified", "invalid", "not-asked"
    ]
    text: Annotated[str, Field(description="All words of the message, as the user reads them")]
    event_id: str | None = None
    asked: datetime | None = None
    alert: Annotated[bool, Field(description="A visible alert stands on the patient (UI-004)")] = False
    complete: Annotated[
        bool, Field(description="False: the answer announces more than it holds, and the user is told so (RSP-002)")
    ] = True
    plans: list[ShownPlan] = []
    accesses: list[ShownAccess] = []


class ListLine(Shape):
    """A patient on a list."""

    patient_id: str
    alert: bool = False
    text: str = ""


class PatientList(Shape):
    """A list of patients as it is shown."""

    items: list[ListLine] = []


class AuditEntry(Shape):
    """A lookup in the product's audit trail (IG-005)."""

    at: datetime
    user: str
    role: str
    organisation: str
    nhs_number: str
    silent: bool | None = None
    event_id: str | None = None
    outcome: Annotated[str, Field(description="The status of `look-up`")]


class AuditExtract(Shape):
    """The audit trail, oldest first."""

    items: list[AuditEntry] = []


class LookUpReference(Shape):
    """A lookup that was begun."""

    lookup_id: Annotated[str, Field(description="The product's own reference")]


class PreviousName(Shape):
    """A name that a person had before, or is also known by."""

    given: str
    family: str


class PdsPerson(Shape):
    """A person on the demographic service.

    `inactive` without `superseded_by`: retired, and no other number took its place. `adopted`: whatever took its place
    may be told to nobody. `previous_names` are also those that the person goes by.
    """

    nhs_number: str
    given: str
    family: str
    birth_date: date
    previous_names: list[PreviousName] = []
    sensitive: bool = False
    inactive: bool = False
    superseded_by: str | None = None
    adopted: bool = False
    died: date | None = None


ChangeKind = Literal["merge", "supersede", "retire", "adopt", "correct-birth-date", "rename", "flag", "unflag", "die"]

_NEEDED: Final[dict[ChangeKind, tuple[str, ...]]] = {
    "merge": ("replaced_by",),
    "supersede": ("replaced_by",),
    "adopt": ("replaced_by", "given", "family"),
    "correct-birth-date": ("birth_date",),
    "rename": ("family",),
    "die": ("died",),
}


class PdsChange(Shape):
    """Something that happens to a person of the demographic service, at an instant or at once.

    `merge`: two numbers were one person, the other one stays. `supersede`: the person gets a new number. `retire`: the
    number is no longer used. `adopt`: the child becomes somebody else, of another number and name, and nobody may learn
    that. `rename` keeps the old name as an earlier one. `flag` and `unflag`: a sensitive record.
    """

    kind: ChangeKind
    nhs_number: str
    at: datetime | None = None
    replaced_by: str | None = None
    given: str | None = None
    family: str | None = None
    birth_date: date | None = None
    died: date | None = None

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> PdsChange:
        if missing := [name for name in _NEEDED.get(self.kind, ()) if getattr(self, name) is None]:
            raise ValueError(f"{self.kind} needs {' and '.join(missing)}")
        if self.replaced_by == self.nhs_number:
            raise ValueError("a number cannot take its own place")
        if self.at is not None and self.at.tzinfo is None:
            raise ValueError("at needs an offset, such as 2026-01-31T09:30:00Z")
        return self


class ChangePeople(Shape):
    """Changes of people: those without `at`, or that are due, happen at once, the others when the clock gets there."""

    changes: list[PdsChange]
    notify: Annotated[bool, Field(description="Authorities are told of numbers that are retired by it")] = True


class Changed(Shape):
    """How many changes happened, and how many wait."""

    happened: int
    waiting: int


class Population(Shape):
    """People of the demographic service and what happens to them, as a file holds them."""

    people: list[PdsPerson] = []
    changes: list[PdsChange] = []


class PutPeople(Shape):
    """People to add to the demographic service, or to replace there."""

    people: list[PdsPerson]


class RetiredNumber(Shape):
    """A number that the demographic service stops using; without `replaced_by` nothing is told of a new one."""

    nhs_number: str
    replaced_by: str | None = None
    adopted: bool = False


class RetireNumbers(Shape):
    """Numbers retired together; each authority is told of all of its own in one notification."""

    numbers: list[RetiredNumber]
    notify: bool = True


class Reset(Shape):
    """Empty the world; `base` is the instant its clock shows from then on, None real time."""

    base: datetime | None = None


class ServiceClock(Shape):
    """Move the world's clock to an instant, or by seconds; both None: real time."""

    instant: datetime | None = None
    advance_s: float | None = None


class SetPds(Shape):
    """Switch the demographic service on or off."""

    available: bool


class HoldNotifications(Shape):
    """While held, access notifications wait; flushing sends those that wait as one file an authority."""

    held: bool


class Flushed(Shape):
    """How many notification files went out."""

    files: int


class Silence(Shape):
    """While silent the service picks up an authority's files and records them, but neither stores nor answers."""

    authority: str
    silent: bool


class Deliver(Shape):
    """A file that the harness made, to be put into an authority's receiving folder as if the service had made it."""

    authority: str
    kind: Literal["acknowledgement", "access-notification", "inactive-notification"]
    body: Annotated[str, Field(description="Base64")]


class Delivered(Shape):
    """Under what name it stands in the receiving folder."""

    name: str


class ReportUndelivered(Shape):
    """MESH tells the sender of an upload that it was not delivered; what the service did with it stays as it is."""

    message_id: Annotated[str, Field(description="Of the upload's message")]
    code: Literal["12", "14", "15", "16", "17"]
    times: Annotated[int, Field(ge=1, le=10, description="How many reports come of it")] = 1


class FolderState(Shape):
    """An authority's drop folder: absolute paths, what waits in each, and whether it was ever used.

    `taken` counts the uploads that came; for `untouched_s` nothing of what was delivered was ever read or taken away.
    """

    upload: str
    response: str
    waiting: list[str] = []
    responses: list[str] = []
    taken: int | None = None
    untouched_s: float | None = None


class Health(Shape):
    """The service at this moment. `problems` names what keeps it from working, such as a full disk."""

    alive: bool
    version: str
    now: datetime
    pds_available: bool
    problems: list[str] = []
    held: bool = False
    silent: list[str] = []
    folders: dict[str, FolderState] = {}


class Exact(Shape):
    """A shape of the harness's own: unlike a product's, a key that it does not know is a slip."""

    model_config = ConfigDict(extra="forbid")


class ContractEntry(Exact):
    """What one interaction of a party has otherwise than the party's others; None: as they have it."""

    interaction: Annotated[str, Field(description="Which it is, such as QUQI_IN010000UK14")]
    endpoint: Annotated[str | None, Field(description="Where it is posted to")] = None
    cpa_id: Annotated[str | None, Field(description="Its contract")] = None
    sync_reply_mode: Annotated[
        Literal["MSHSignalsOnly", "None"] | None, Field(description="How an acknowledgement comes back")
    ] = None
    ack_requested: Annotated[Literal["always", "never"] | None, Field(description="Whether one is asked for")] = None
    duplicate_elimination: Annotated[
        Literal["always", "never"] | None, Field(description="Whether a repeated message is told from a new one")
    ] = None
    retries: Annotated[int | None, Field(ge=0, le=1000, description="How often one is posted again")] = None
    retry_interval: Annotated[str | None, Field(description="Such as PT1M")] = None
    persist_duration: Annotated[str | None, Field(description="Such as PT5M")] = None


class PartyEntry(Exact):
    """A message handler of the directory: whose it is, its systems, and where and how it takes replies."""

    key: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,40}$", description="Party key, such as RX0-0000001")]
    ods: Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,12}$", description="ODS code of its organisation")]
    name: Annotated[str, Field(description="Its name")] = ""
    asids: Annotated[list[Annotated[str, Field(pattern=r"^[0-9]{12}$")]], Field(description="System ids")] = []
    fqdn: Annotated[str | None, Field(description="Name in its certificate; left out, the host of its endpoint")] = None
    endpoint: Annotated[str, Field(description="Where replies are posted to")]
    cpa_id: Annotated[str | None, Field(description="Contract of its replies; left out, made from its key")] = None
    profile: Annotated[
        Literal["reliable", "express"] | None, Field(description="Of its replies; left out, transport.reply_profile")
    ] = None
    contract: Annotated[list[ContractEntry], Field(description="Interactions that it takes elsewhere")] = []


class PutParties(Exact):
    """Parties to add to the directory, or to replace there."""

    parties: list[PartyEntry]


class PartyState(Shape):
    """A party as the directory has it: each interaction that it takes, and where."""

    key: str
    ods: str
    name: str
    asids: list[str]
    endpoints: dict[str, str]


class PartyList(Shape):
    """The whole directory."""

    parties: list[PartyState]


class Change(Exact):
    """A text in a payload and what stands there instead."""

    old: str
    new: str


AnswerTurn = Literal[
    "normal", "fault", "message-error", "status", "unheard", "lost", "empty", "wrong-reference", "broken", "cut",
    "reset", "slow",
]  # fmt: skip
ReplyTurn = Literal["normal", "none", "twice", "swapped", "wrong-reference", "broken", "cut", "reset", "slow"]
PayloadTurn = Literal[
    "as-is", "utf-16", "cut", "empty", "document-type", "internal-entity", "external-entity", "multiplied-entities",
    "deep", "prefixed",
]  # fmt: skip


class Turn(Exact):
    """What the service does with one lookup otherwise than it should; what is left out, it does as it should.

    `answer` is what the request is answered with at once, `reply` what follows; a synchronous lookup has both in one
    answer. With the first five of `answer` after `normal`, all but `lost` and `empty`, the application is not asked.
    """

    weather: Annotated[str, Field(description="Begin with this kind of weather; what else is given changes it")] = ""
    answer: Annotated[
        AnswerTurn,
        Field(
            description="unheard and lost: the connection is closed without an answer, before the application is asked "
            "or after; empty: no acknowledgement in it; broken: cut short, yet of the length that it says"
        ),
    ] = "normal"
    codes: Annotated[list[int], Field(min_length=1, max_length=20, description="Error codes of a fault")] = [200]
    error: Annotated[str, Field(description="Error code of a message-error")] = "ValueNotRecognized"
    description: Annotated[str, Field(max_length=1000, description="Text of either; empty: the usual one")] = ""
    client: Annotated[bool, Field(description="The fault blames the client")] = False
    status: Annotated[int, Field(ge=400, le=599, description="HTTP status of answer `status`")] = 503
    answer_delay_s: Annotated[float, Field(ge=0, le=600)] = 0.0
    reply: Annotated[
        ReplyTurn, Field(description="swapped: it waits until the next reply to the same party is delivered")
    ] = "normal"
    reply_delay_s: Annotated[float, Field(ge=0, le=86_400)] = 0.0
    after_bytes: Annotated[int, Field(ge=0, description="Of cut, reset and slow: bytes that go out undisturbed")] = 200
    payload: Annotated[PayloadTurn, Field(description="What is done to the reply's HL7 message as a whole")] = "as-is"
    changes: Annotated[list[Change], Field(description="Texts replaced in it before, each of which must be there")] = []
    body: Annotated[str | None, Field(description="Base64 of a message that stands in its place")] = None


class Script(Exact):
    """The turns of the next lookups, in their order; they replace those that were left of the same party."""

    turns: list[Turn]
    party: Annotated[str | None, Field(description="Key of the party whose lookups they are, None: anybody's")] = None


class Weather(Exact):
    """Turns drawn at random for every lookup that no script is for; the same seed draws the same ones."""

    seed: int
    kinds: Annotated[list[str], Field(description="Kinds of weather, or a mixture; none: it clears up")] = []
    share: Annotated[float, Field(ge=0, le=1, description="Of the lookups that meet it")] = 0.5


class ReplyState(Shape):
    """A reply on its way, or one that was given up."""

    message_id: str
    ref_to_message_id: str
    party: str
    interaction: str
    standing: Literal["waiting", "failed"]
    tries: int
    reason: str = ""


class ReplyList(Shape):
    """Replies that are not delivered."""

    replies: list[ReplyState]


class Explain(Shape):
    """Ask why a lookup of a number is answered as it is."""

    nhs_number: str


class ExplainedEntry(Shape):
    """An entry under a number: what it says, from which file, and by which rule it is shown or hidden since when."""

    authority: str
    plan_type: PlanType
    about: Literal["child", "unborn child"]
    start: datetime
    end: datetime | None = None
    delete: datetime | None = None
    file_id: str
    file_name: str | None = None
    stored: datetime | None = None
    is_shown: bool
    rule: str
    because: str
    since: datetime | None = None
    last_day: date | None = None


class ExplainedAccess(Shape):
    """A query on a number. `is_listed`: later answers show it."""

    at: datetime
    event_id: str
    who: str
    organisation: str
    is_silent: bool
    found: bool
    is_listed: bool
    because: str


class ExplainedNotice(Shape):
    """What an authority was told of a number, or is to be told. `about`: an event id, or the number to use instead."""

    authority: str
    kind: Literal["access-notification", "inactive-notification"]
    at: datetime
    file_id: str
    about: str
    state: Literal["waits", "on its way", "delivered"]
    file_name: str | None = None


class Held(Shape):
    """Why a lookup of a number is answered as it is, for a person mending a run; never used by a check.

    `text` says all of it in words. `records` are the holdings as plain facts.
    """

    nhs_number: str
    now: datetime | None = None
    is_found: bool = False
    because: str = ""
    person: PdsPerson | None = None
    entries: list[ExplainedEntry] = []
    accesses: list[ExplainedAccess] = []
    told: list[ExplainedNotice] = []
    waiting: Annotated[list[PdsChange], Field(description="What is to happen to the person")] = []
    records: list[dict[str, object]] = []
    text: str = ""


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing a driver can be asked. `required` ones no claim can do without."""

    name: str
    request: type[Shape]
    reply: type[Shape]
    summary: str
    required: bool = False


AUTHORITY_OPERATIONS: Final = (
    Operation("version", Nothing, Version, "Say what the product is and which operations its driver offers.", True),
    Operation("reset", Nothing, Nothing, "Forget every child, file and message."),
    Operation("set-clock", SetClock, Nothing, "Move the product's clock."),
    Operation("restart", Nothing, Nothing, "Stop and start the product; nothing may be lost."),
    Operation("record-child", ChildDetails, ChildReference, "Record a person.", True),
    Operation("record-plan", PlanDetails, PlanReference, "Open a plan.", True),
    Operation("end-plan", EndPlan, Nothing, "End a plan.", True),
    Operation("delete-plan", DeletePlan, Nothing, "Withdraw a plan that was entered in error.", True),
    Operation("change-child", ChangeChild, Nothing, "Correct a name, a birth date or an NHS number.", True),
    Operation("change-authority", ChangeAuthority, Nothing, "Change the authority's telephones."),
    Operation("allocate", Allocate, Nothing, "Make a worker and team responsible for a child.", True),
    Operation("close-case", CloseCase, Nothing, "Close a child's case."),
    Operation("force", ChildReference, Nothing, "Force a child into the next file."),
    Operation("export", OfAuthority, Export, "Make the next upload file now.", True),
    Operation("collect", Nothing, Nothing, "Read the receiving folder now instead of at the next poll."),
    Operation("held-back", OfAuthority, HeldBackList, "Children that could not be sent."),
    Operation("files", OfAuthority, FileList, "Exported files and what became of them.", True),
    Operation("work-list", OfAuthority, WorkList, "Failed records.", True),
    Operation("alerts", OfAuthority, AlertList, "Alerts and tasks.", True),
    Operation("case-events", ChildReference, CaseEvents, "Accesses on a child's file.", True),
    Operation("exceptions", OfAuthority, ExceptionList, "What could not be filed.", True),
    Operation("child-status", ChildReference, ChildStatus, "What a data worker sees of a child."),
)

CARE_OPERATIONS: Final = (
    Operation("version", Nothing, Version, "Say what the product is and which operations its driver offers.", True),
    Operation("reset", Nothing, Nothing, "Forget every patient, lookup and message."),
    Operation("set-clock", SetClock, Nothing, "Move the product's clock."),
    Operation("restart", Nothing, Nothing, "Stop and start the product; nothing may be lost."),
    Operation("sign-in", SignIn, Nothing, "Let somebody sit down at a desk.", True),
    Operation("sign-out", Nothing, Nothing, "Let nobody be signed in."),
    Operation("record-patient", PatientDetails, PatientReference, "Put a patient into the index.", True),
    Operation("look-up", LookUp, LookUpResult, "Ask CP-IS about a patient, and say what is shown at the end.", True),
    Operation("begin-look-up", LookUp, LookUpReference, "Ask without waiting for the answer."),
    Operation("shown", LookUpReference, LookUpResult, "What is shown of such a lookup at this moment."),
    Operation("patient-screen", PatientReference, LookUpResult, "What is shown on a patient at this moment.", True),
    Operation("open-alert", PatientReference, LookUpResult, "Open the alert that stands on a patient."),
    Operation("open-list", OpenList, PatientList, "Open a list of patients."),
    Operation("register-attendance", PatientReference, Attendance, "Begin to register an attendance."),
    Operation("complete-attendance", AttendanceReference, Attendance, "Complete the registration of an attendance."),
    Operation("audit", Nothing, AuditExtract, "The audit trail of lookups.", True),
)

SERVICE_OPERATIONS: Final = (
    Operation("version", Nothing, Version, "Say what the service is.", True),
    Operation("health", Nothing, Health, "Say whether it works, and what keeps it from working.", True),
    Operation("reset", Reset, Nothing, "Empty the world and set its clock."),
    Operation("set-clock", ServiceClock, Nothing, "Move the world's clock."),
    Operation("set-pds", SetPds, Nothing, "Switch the demographic service on or off."),
    Operation("put-people", PutPeople, Nothing, "Put people on the demographic service."),
    Operation("change-people", ChangePeople, Changed, "Have something happen to people, now or later."),
    Operation("retire-numbers", RetireNumbers, Nothing, "Retire NHS numbers and tell the authorities."),
    Operation("hold-notifications", HoldNotifications, Nothing, "Let access notifications wait."),
    Operation("flush-notifications", Nothing, Flushed, "Send the notifications that wait."),
    Operation("silence", Silence, Nothing, "Leave an authority's files unanswered."),
    Operation("deliver", Deliver, Delivered, "Put a given file into an authority's receiving folder."),
    Operation("report-undelivered", ReportUndelivered, Nothing, "Have MESH report an upload as not delivered."),
    Operation("explain", Explain, Held, "Say why a lookup of a number is answered as it is."),
    Operation("parties", Nothing, PartyList, "The directory: who takes which interaction where."),
    Operation("put-parties", PutParties, Nothing, "Add parties to the directory, or replace them."),
    Operation("script", Script, Nothing, "Say what is done with the next lookups otherwise than it should."),
    Operation("weather", Weather, Nothing, "Let lookups meet trouble at random, or no more."),
    Operation("replies", Nothing, ReplyList, "Replies that are not delivered."),
)

OPERATIONS: Final = {"service": SERVICE_OPERATIONS, "authority": AUTHORITY_OPERATIONS, "care": CARE_OPERATIONS}
