"""The stage of a scenario: its people, and the acts that steps are made of.

An act does something through an actor and waits, with a deadline, for what should follow from it. It never judges: what
did or did not follow is left to checks, on the evidence.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from time import sleep as pause
from typing import TypeVar

from cpis_fixtures.actors import AuthorityActor, CareActor, ServiceActor
from cpis_fixtures.care_settings import CareSetting, care_setting
from cpis_fixtures.cast import Cast, CastPlan, Person
from cpis_fixtures.lane import Lane
from cpis_reports.catalogue import tests
from cpis_reports.checks.care import FORM_RULES
from cpis_reports.checks.exchanges import lookups
from cpis_reports.checks.reading import acknowledgements, code_for, others_in, uploads
from cpis_simulator import driving
from cpis_simulator.directory import RegisteredAuthority
from cpis_simulator.driving import Nothing, Shape
from cpis_simulator.errors import ConfigError, HarnessError, NotOffered, PeerError
from cpis_simulator.evidence import FILE_DROP, Evidence
from cpis_simulator.nhs_number import is_valid
from cpis_simulator.spine.weather import KINDS
from cpis_simulator.vocabulary import PlanType

S = TypeVar("S", bound=Shape)

SERVICE_S = 60.0
"""Seconds that our own service may take for an answer; a limit, not an expectation."""

WEATHER_TAG = "weather-"
"""What a tag begins with that has a whole scenario in some weather: `@weather-drizzle`, `@weather-late-reply`."""

AccessFacts = dict[str, str]
Wanted = Callable[[Evidence], bool]


class Stage:
    """Everything that one scenario has brought in.

    Args:
        lane: Where it plays.
        cast: Its people.
        scenario_id: Its id.
        test: Its catalogue test, if any.
    """

    def __init__(self, lane: Lane, cast: Cast, scenario_id: str, test: str | None = None) -> None:
        """Nothing has happened yet."""
        self.lane = lane
        self.test = test
        self.cast = cast
        self.scenario_id = scenario_id
        self.since = 0
        self.moments: dict[str, int] = {}
        self.opened: list[int] = []
        self.accesses: dict[str, AccessFacts] = {}
        self.old_numbers: dict[str, str] = {}
        self.new_numbers: dict[str, str] = {}
        self.workers: dict[str, list[str]] = {}
        self.elsewhere: list[tuple[RegisteredAuthority, CastPlan]] = []
        self.earlier: list[AccessFacts] = []
        self.begun: dict[str, driving.LookUpReference] = {}
        self.patients: dict[str, driving.PatientReference] = {}
        self.patient_details: dict[str, dict[str, object]] = {}
        self.activities: list[str] | None = None
        self.marker_event: str | None = None
        self.telephone: str | None = None
        self.telephone_keyed = False
        self.detail: list[str] | None = None
        self.first_code = ""
        self.held = False
        # Where the clock was set its time is known to the product: a drawn offset keeps instants from being guessed.
        drawn = timedelta(seconds=cast.rng("instants").randrange(600))
        self._base = lane.base + drawn if lane.base else datetime.now(UTC).replace(microsecond=0)
        self._instants = 0

    @property
    def authority(self) -> AuthorityActor:
        """The authority's system."""
        return self.lane.authority

    @property
    def care(self) -> CareActor:
        """The unscheduled-care client."""
        return self.lane.care

    @property
    def service(self) -> ServiceActor:
        """The mock Spine."""
        return self.lane.service

    @property
    def ods(self) -> str:
        """Code of the authority under test."""
        return self.lane.ods

    @property
    def own(self) -> RegisteredAuthority:
        """The authority under test, as the configuration describes it."""
        return self.lane.plan.config.authorities()[0]

    @property
    def triage_point(self) -> str | None:
        """Who gets alerts of closed or unallocated cases, by the driver's word or the configuration's."""
        described = self.lane.plan.config.authority
        return self.lane.version.triage_point or (described[0].triage_point if described else None)

    @property
    def second(self) -> RegisteredAuthority:
        """The second authority that the product serves.

        Raises:
            NotOffered: It serves one, or its driver does not say that it serves another.
        """
        served = [a for a in self.lane.plan.config.own_authorities()[1:] if a.ods_code in self.lane.own]
        if not served:
            raise NotOffered("the product's `version` does not name a second authority that it serves")
        return served[0]

    @property
    def stranger(self) -> RegisteredAuthority:
        """An authority that the product does not serve; the harness plays it.

        Raises:
            HarnessError: The product serves every one that there is.
        """
        config = self.lane.plan.config
        own = {a.ods_code for a in config.own_authorities()}
        for authority in config.authorities():
            if authority.ods_code not in own:
                return authority
        raise HarnessError("The product serves every authority that there is", expected="one for the harness to play")

    @property
    def today(self) -> date:
        """The day that the clocks show."""
        return self.cast.today

    def numbers(self) -> list[str]:
        """Every NHS number that the scenario has brought in; whoever else is in a file is nobody that it speaks of."""
        return sorted({*self.cast.numbers, *(p.nhs_number for p in self.cast.people.values() if p.nhs_number)})

    # People and plans

    def record(self, person: Person, *, on_pds: bool = True) -> Person:
        """Have the authority record someone whom PDS knows."""
        if on_pds and person.nhs_number is not None:
            self.put_on_pds(person)
        try:
            person.child_id = self._record(person)
        except PeerError:
            if self.lane.resettable or not on_pds or person.nhs_number is None:
                raise
            # A product that was not emptied may hold the number, or the local id, on another child's file.
            person.nhs_number = self.cast.number()
            person.local_id = self.cast.local_id(f"{person.who} again")
            self.put_on_pds(person)
            person.child_id = self._record(person)
        return person

    def _record(self, person: Person) -> str:
        return self.authority.ask("record-child", person.details(), driving.ChildReference).child_id

    def put_on_pds(self, person: Person, **changed: object) -> None:
        """Have PDS know someone, with details of its own where given."""
        known = person.on_pds().model_copy(update=changed)
        self.service.do("put-people", driving.PutPeople(people=[known]))

    def unknown_number(self, person: Person) -> str:
        """A number that PDS does not know: an upload of it is answered CPR01."""
        number = self.cast.number()
        if self.lane.learns:
            # Here PDS would learn it from the upload; one that was retired without a successor is answered the same.
            retired = person.on_pds().model_copy(update={"nhs_number": number, "inactive": True})
            self.service.do("put-people", driving.PutPeople(people=[retired]))
        return number

    def tidy(self) -> None:
        """Leave a product that cannot be emptied as it was found, as far as later scenarios would notice.

        PDS agrees with what the authority holds from here on, so that a full file's records of this scenario are stored
        in those that follow.
        """
        if self.lane.resettable:
            return
        known = [p.on_pds() for p in self.cast.people.values() if p.child_id and is_valid(p.nhs_number or "")]
        if known:
            self.service.do("put-people", driving.PutPeople(people=known))
        if self.telephone_keyed:
            digits = self.own.telephone_emergency.removeprefix("tel:")
            request = driving.ChangeAuthority(ods=self.ods, telephone_emergency=digits)
            self.authority.ask("change-authority", request, Nothing)

    def open_plan(
        self,
        person: Person,
        plan_type: PlanType,
        *,
        start: date | None = None,
        due: date | None = None,
        section: str | None = None,
        notes: str | None = None,
    ) -> CastPlan:
        """Have a social worker open a plan."""
        if start is None:
            start = self.today - timedelta(days=self.cast.rng(f"start {person.who} {plan_type}").randrange(20, 90))
        plan = CastPlan(plan_type, start, end=due)
        request = driving.PlanDetails(
            child_id=person.child_id,
            plan_type=plan_type,
            start=start,
            due=due,
            legal_status=section,
            notes=notes,
        )
        plan.plan_id = self.authority.ask("record-plan", request, driving.PlanReference).plan_id
        person.plans.append(plan)
        return plan

    def open_unborn_plan(self, mother: Person) -> CastPlan:
        """Open an unborn child's plan under the mother, due in some months."""
        due = self.today + timedelta(days=self.cast.rng(f"due {mother.who}").randrange(40, 150))
        return self.open_plan(mother, PlanType.UNBORN, due=due)

    def change(self, person: Person, **changed: object) -> None:
        """Have a person's details corrected in the authority's system."""
        request = driving.ChangeChild.model_validate({"child_id": person.child_id, **changed})
        self.authority.ask("change-child", request, Nothing)

    # Files

    def export(self, second: RegisteredAuthority | None = None) -> driving.Export | None:
        """Have the authority, or the second one, export; waits until a file came, if it says that it made one.

        A refusal or failure is left to the checks: it is in the evidence.
        """
        since = self.lane.since_now()
        ods = second.ods_code if second else self.ods
        answer = self.authority.call("export", driving.OfAuthority(authority=ods) if second else Nothing())
        if answer.status != "answered":
            return None
        try:
            result = driving.Export.model_validate(answer.body)
        except ValueError:
            return None
        if result.exported:
            self.wait_for(_uploaded(ods), since=since, within=self.lane.plan.config.wait.export_s)
        self.insist_that_files_are_read()
        return result

    def insist_that_files_are_read(self) -> None:
        """Nothing can be said of what follows a file that the service does not read because of a setting.

        Raises:
            ConfigError: A file of the scenario is larger than the configuration has the service read.
        """
        limit = self.lane.plan.config.settings.files.max_bytes
        for record in self.seen().on(FILE_DROP, direction="upload"):
            if record.size > limit:
                raise ConfigError(
                    "The service reads no file as large as the product's",
                    where="settings.files.max_bytes",
                    expected=f"at least {record.size}",
                    found=limit,
                    mend="Leave settings.files.max_bytes out, or set it to 78643200 or more.",
                    doctor="upload-limit",
                )

    def exchange(self, second: RegisteredAuthority | None = None) -> None:
        """Have the authority, or the second one, export, the service answer, and the answer collected."""
        since = self.lane.since_now()
        ods = second.ods_code if second else self.ods
        self.export(second)
        if _uploaded(ods)(self.seen(since)):
            self.wait_for(_acknowledged(ods), since=since, within=SERVICE_S)
            self.authority.collect()

    def history(self, code: str) -> None:
        """An exchange that lies before the scenario's When, and must end with that file code.

        Where the product sends other children too, it is the code that the file would have without them.

        Raises:
            PeerError: No file came, or the service could not answer it so.
        """
        since = self.lane.since_now()
        self.exchange()
        evidence = self.seen(since)
        replies = acknowledgements(evidence, self.ods)
        if not replies:
            problems = self.service.problems()
            if problems:
                raise HarnessError("The service did not answer the authority's file", found=problems[0])
            raise PeerError("No file of the authority came", party="authority", expected="one within export_s")
        reply = replies[-1][1]
        files = {f.upload.file_id: f.upload for f in uploads(evidence, self.ods) if f.upload}
        upload = files.get(reply.file_id)
        found = code_for(upload, reply, self.numbers()) if upload else reply.file_codes[0].code
        if found != code:
            raise PeerError(
                "The file was not answered as the scenario needs",
                party="authority",
                expected=code,
                found=found if found == reply.file_codes[0].code else f"{found} for the scenario's own children",
            )
        self.read(
            "files",
            Nothing(),
            driving.FileList,
            until=lambda files: not any(i.file_id == reply.file_id and i.state == "open" for i in files.items),
        )

    def collect(self) -> None:
        """Have the authority deal with what was delivered; a product that cannot be told to is given its time."""
        self.authority.collect()
        if not self.authority.offers("collect"):
            self.rest()

    def file_ids(self) -> set[str]:
        """Sequence ids of the files that the authority has dropped in this scenario."""
        return {f.upload.file_id for f in uploads(self.seen(), self.ods) if f.upload}

    def needs_file_of_its_own(self) -> None:
        """Stop here where the product's file holds other children than the scenario's.

        Raises:
            NotOffered: It does.
        """
        files = [f.upload for f in uploads(self.seen(self.since), self.ods) if f.upload]
        if files and (others := others_in(files[-1], self.numbers())):
            raise NotOffered(
                f"the product's file holds {others} records of other children, so a file of which none is stored "
                "cannot come about; run this test against an empty system, or one that sends changes only"
            )

    def leave_open(self) -> None:
        """Have a file exported that the service picks up and leaves unanswered.

        Raises:
            PeerError: No file came.
        """
        self.service.do("silence", driving.Silence(authority=self.ods, silent=True))
        since = self.lane.left_unanswered()
        self.opened.append(since)
        self.export()
        if not _uploaded(self.ods)(self.seen(since)):
            if problems := self.service.problems():
                raise HarnessError("The service does not pick files up", found=problems[0])
            raise PeerError("No file of the authority came", party="authority", expected="one within export_s")

    # Accesses

    def instant(self) -> datetime:
        """The next instant of the scenario, so that no two accesses have the same time.

        Minutes apart on a clock that was set; on the product's own, seconds, so that it stays out of the future.
        """
        self._instants += 1
        return self._base + self._instants * (timedelta(minutes=1) if self.lane.base else timedelta(seconds=1))

    def time_passes(self, by: timedelta) -> None:
        """Move the service's clock on, and with it the scenario's instants."""
        self.service.do("set-clock", driving.ServiceClock(advance_s=by.total_seconds()))
        self._base += by

    def time_comes(self, instant: datetime) -> None:
        """Move the service's clock on to an instant, and with it the scenario's instants."""
        self.time_passes(instant - self._base)

    def event_id(self, label: str) -> str:
        """An event id from the scenario's own generator."""
        return str(uuid.UUID(int=self.cast.rng(f"event {label}").getrandbits(128), version=4)).upper()

    def author(self, setting: CareSetting, label: str) -> driving.CareAuthor:
        """A worker of the setting, made up for this access, so that nobody could have known the name before."""
        return setting.author(self.cast.rng(f"author {label}"))

    def look_up(self, person: Person, setting: str, label: str = "access") -> AccessFacts:
        """Have a care setting look someone up, and wait until whoever must be told of it has been."""
        chosen = care_setting(setting)
        since = self.lane.since_now()
        request = self._request(person, chosen, label)
        result = self.care.look_up(request)
        facts = self.accesses[label] = self._facts(request, since)
        if result.status == "found" and not self._was_silent(request, chosen, since) and not self.held:
            self.wait_for(_responded(self.ods, "access-notification"), since=since, within=SERVICE_S)
            self.authority.collect()
        return facts

    def _request(self, person: Person, setting: CareSetting, label: str) -> driving.LookUp:
        """What the care system is asked: one under test has desks and patients, ours is simply told who asks."""
        author = self.author(setting, label)
        number = str(person.nhs_number)
        if self.care.under_test:
            self.sit_down(setting, author)
            return driving.LookUp(nhs_number=number, patient_id=self.patient(person).patient_id)
        return driving.LookUp(
            nhs_number=number,
            author=author,
            silent=setting.silent,
            event_id=self.event_id(label),
            accessed=self.instant(),
        )

    def look_up_elsewhere(self, person: Person, setting: str, label: str) -> AccessFacts:
        """Have somebody of another care setting look a person up, two days ago and on; not the system under test."""
        chosen = care_setting(setting)
        self._instants += 1
        request = driving.LookUp(
            nhs_number=str(person.nhs_number),
            author=self.author(chosen, label),
            silent=chosen.silent,
            event_id=self.event_id(label),
            accessed=self._base - timedelta(days=2) + self._instants * timedelta(minutes=1),
        )
        found = self.lane.elsewhere.look_up(request)
        if found.status != "found":
            raise HarnessError("An earlier access did not come about", expected="found", found=found.text)
        facts = access_facts(request)
        if chosen.asid:
            facts["system"] = chosen.asid
        return facts

    def sit_down(self, setting: CareSetting, author: driving.CareAuthor) -> None:
        """Let a worker of a setting sign in, or a system that asks by itself be at the desk."""
        usual = ["B0170" if setting.scheduled else "B0107"]
        activities = usual if self.activities is None else self.activities
        request = driving.SignIn(
            author=author, activities=[] if author.asid else activities, scheduled=setting.scheduled
        )
        self.seated = author
        self.care.ask("sign-in", request, Nothing)

    def patient(self, person: Person) -> driving.PatientReference:
        """The person in the index of the care system; put there when a scenario first needs it."""
        if person.who not in self.patients:
            details = {
                "given": person.given,
                "family": person.family,
                "birth_date": person.birth_date,
                "nhs_number": person.nhs_number,
                "may_be_pregnant": person.is_mother,
                **self.patient_details.get(person.who, {}),
            }
            request = driving.PatientDetails.model_validate(details)
            self.patients[person.who] = self.care.ask("record-patient", request, driving.PatientReference)
        return self.patients[person.who]

    def _facts(self, request: driving.LookUp, since: int) -> AccessFacts:
        """What must be told of an access: of a product's own, event and time are those of the query that it sent."""
        if request.author is not None:
            return access_facts(request)
        facts = author_facts(self.seated)
        made = [found for found in lookups(self.seen(since)) if found.query.query.nhs_number == request.nhs_number]
        if made:
            query = made[-1].query.query
            facts |= {"event_id": query.event_id, "accessed": query.effective_time.isoformat()}
        return facts

    def _was_silent(self, request: driving.LookUp, setting: CareSetting, since: int) -> bool:
        """Nobody will be told of the lookup; a product under test has decided that by itself."""
        if request.author is not None:
            return setting.scheduled
        made = [found for found in lookups(self.seen(since)) if found.query.query.nhs_number == request.nhs_number]
        return not made or made[-1].query.query.is_silent()

    def script(self, *turns: driving.Turn) -> None:
        """Have the service do something else than it should with the next lookups."""
        self.service.do("script", driving.Script(turns=list(turns)))

    def meet_weather(self, tags: Iterable[str]) -> None:
        """Let the scenario's lookups meet the weather of its tags: one kind always, a mixture now and then.

        The run's seed and the scenario decide what is drawn, so that it comes back when the run is repeated.
        """
        kinds = [tag.removeprefix(WEATHER_TAG) for tag in tags if tag.startswith(WEATHER_TAG)]
        if kinds:
            share = 1.0 if all(kind in KINDS for kind in kinds) else 0.5
            seed = self.cast.rng("weather").getrandbits(31)
            self.service.do("weather", driving.Weather(seed=seed, kinds=kinds, share=share))

    def begin_look_up(self, person: Person, setting: str) -> None:
        """Have a care setting look someone up without waiting for the answer."""
        label = f"lookup of {person.who}"
        since = self.lane.since_now()
        request = self._request(person, care_setting(setting), label)
        self.begun[person.who] = self.care.ask("begin-look-up", request, driving.LookUpReference)
        self.accesses[label] = self._facts(request, since)

    def watch_look_ups(self, *, until_over: bool = False) -> None:
        """See what is shown of the lookups that were begun, when nothing is pending any more.

        Args:
            until_over: Those that are pending are to end without an answer, so that they take their time.
        """
        within = self.lane.care_timeout_s + (SERVICE_S if until_over else 0.0) + 1.0
        for reference in self.begun.values():
            self.care.read(
                "shown", reference, driving.LookUpResult, until=lambda shown: shown.status != "pending", within=within
            )

    def wait_for_late_reply(self, person: Person) -> None:
        """Wait until the reply to a lookup was delivered, late as it is; for no reply where no query has come."""

        def asked(evidence: Evidence) -> bool:
            return any(found.query.query.nhs_number == person.nhs_number for found in lookups(evidence))

        if not self.wait_for(asked, since=self.since, within=self.lane.care_timeout_s):
            return

        def delivered(evidence: Evidence) -> bool:
            return any(
                found.reached and found.query.query.nhs_number == person.nhs_number for found in lookups(evidence)
            )

        self.wait_for(delivered, since=self.since, within=SERVICE_S + self.lane.care_timeout_s)

    def rules_of(self, role: str) -> list[str]:
        """The rules of a query's form that the scenario's catalogue test judges for a role."""
        return [r for r in tests()[str(self.test)].judges.get(role, ()) if r in FORM_RULES]

    # Waiting and reading

    def seen(self, since: int = 0) -> Evidence:
        """The scenario's evidence after a moment."""
        return self.lane.tail.evidence(scenario=self.scenario_id, since=max(since, self.lane.begun))

    def wait_for(self, wanted: Wanted, *, since: int, within: float) -> bool:
        """Wait for evidence; False when the deadline passes first, or the service that writes it is no more."""
        return self.lane.tail.wait_for(
            wanted, scenario=self.scenario_id, since=since, within=within, hopeless=self.lane.is_service_gone
        )

    def read(self, operation: str, request: Shape, reply: type[S], *, until: Callable[[S], bool]) -> S:
        """Read a list of the product, again and again until it fits or the product's time is up."""
        within = 0.0 if self.authority.offers("collect") else self.lane.plan.config.wait.process_reply_s
        return self.authority.read(operation, request, reply, until=until, within=within)

    def wait_for_response(self, kind: str, *, since: int, authority: str | None = None) -> bool:
        """Wait until a file of that kind stands in an authority's receiving folder."""
        return self.wait_for(_responded(authority or self.ods, kind), since=since, within=SERVICE_S)

    def rest(self) -> None:
        """Give a product that does not keep order the time that its configuration says."""
        pause(self.lane.plan.config.wait.quiet_s)

    def rng(self, stream: str) -> random.Random:
        """A generator of the scenario."""
        return self.cast.rng(stream)


def access_facts(request: driving.LookUp) -> AccessFacts:
    """What an authority must be able to say of an access, as checks expect it."""
    assert request.author is not None and request.event_id is not None and request.accessed is not None
    return {
        **author_facts(request.author),
        "event_id": request.event_id,
        "accessed": request.accessed.isoformat(),
    }


def author_facts(author: driving.CareAuthor) -> AccessFacts:
    """Who looked, in what role and where; not yet when."""
    return {
        "event_id": "",
        "accessed": "",
        "worker": " ".join([*author.given, author.family]),
        "role": author.role_name,
        "organisation": author.organisation_name,
    }


def read_alerts(stage: Stage, wanted: Callable[[driving.Alert], bool]) -> None:
    """Read the product's alerts, until one of them is wanted or its time is up."""
    stage.read("alerts", Nothing(), driving.AlertList, until=lambda alerts: any(map(wanted, alerts.items)))


def read_work_list(stage: Stage, person: Person) -> None:
    """Read the product's work-list, until the person is on it or its time is up."""
    stage.read(
        "work-list",
        Nothing(),
        driving.WorkList,
        until=lambda found: any(i.child_id == person.child_id and i.open for i in found.items),
    )


def _uploaded(authority: str) -> Wanted:
    return lambda evidence: bool(evidence.on(FILE_DROP, authority=authority, direction="upload"))


def _acknowledged(authority: str) -> Wanted:
    """Every file that came was answered; a late reply to an earlier scenario's file does not count."""

    def wanted(evidence: Evidence) -> bool:
        sent = {f.upload.file_id for f in uploads(evidence, authority) if f.upload}
        answered = {reply.file_id for _, reply in acknowledgements(evidence, authority)}
        return bool(answered) and sent <= answered

    return wanted


def _responded(authority: str, kind: str) -> Wanted:
    return lambda evidence: bool(evidence.on(FILE_DROP, authority=authority, direction="response", kind=kind))
