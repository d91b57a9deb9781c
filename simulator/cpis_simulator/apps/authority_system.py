"""The driver API of the bundled authority: each operation is one event of its system."""

from __future__ import annotations

from importlib.metadata import version as installed_version
from typing import Any, Final

from cpis_simulator import driving
from cpis_simulator.apps.authority_host import AuthorityHost
from cpis_simulator.apps.operations import offered
from cpis_simulator.driving import Nothing

PRODUCT: Final = "Bundled local-authority system"


class AuthorityDriver:
    """Operations of `driving.AUTHORITY_OPERATIONS`, for `operations_app`.

    Args:
        host: Of the system.
        withheld: Operations that are not offered, as in a product that lacks them.
        faults: Names of seeded faults, told in the version.
    """

    def __init__(
        self, host: AuthorityHost, *, withheld: frozenset[str] = frozenset(), faults: tuple[str, ...] = ()
    ) -> None:
        """Nothing happens yet."""
        self._host = host
        self._withheld = withheld
        self._faults = faults

    def __getattribute__(self, name: str) -> Any:
        """A withheld operation has no method."""
        if not name.startswith("_") and name.replace("_", "-") in self._withheld:
            raise AttributeError(name)
        return super().__getattribute__(name)

    def version(self, _: Nothing) -> driving.Version:
        """What the product is; the telephones are those it is configured with now."""
        configuration = self._host.configuration
        office = self._host.event(lambda system, now: system.office)
        number = installed_version("cpis-harness")
        return driving.Version(
            product=PRODUCT,
            version=f"{number} with faults {', '.join(self._faults)}" if self._faults else number,
            role="authority",
            operations=offered("authority", self),
            authorities=[
                driving.AuthorityIdentity(
                    ods=configuration.ods,
                    name=configuration.name,
                    telephone_office=office.telephone_office,
                    telephone_emergency=office.telephone_emergency,
                )
            ],
            now=self._host.now(),
            triage_point=configuration.triage_point,
            out_of_hours=configuration.out_of_hours,
            alert_role=configuration.alert_role,
        )

    # Set-up.

    def reset(self, _: Nothing) -> Nothing:
        """Forget every child, file and message."""
        self._host.reset()
        return Nothing()

    def set_clock(self, asked: driving.SetClock) -> Nothing:
        """Move the clock."""
        self._host.set_clock(asked.instant)
        return Nothing()

    def restart(self, _: Nothing) -> Nothing:
        """Begin again from the store."""
        self._host.restart()
        return Nothing()

    # Casework.

    def record_child(self, asked: driving.ChildDetails) -> driving.ChildReference:
        """Open a file on a person."""
        return driving.ChildReference(child_id=self._host.event(lambda system, now: system.record_child(asked)))

    def record_plan(self, asked: driving.PlanDetails) -> driving.PlanReference:
        """Open a plan."""
        return driving.PlanReference(plan_id=self._host.event(lambda system, now: system.record_plan(asked, now=now)))

    def end_plan(self, asked: driving.EndPlan) -> Nothing:
        """End a plan."""
        self._host.event(lambda system, now: system.end_plan(asked.plan_id, asked.end, now=now))
        return Nothing()

    def delete_plan(self, asked: driving.DeletePlan) -> Nothing:
        """Withdraw a plan that was entered in error."""
        self._host.event(lambda system, now: system.delete_plan(asked.plan_id, asked.on, now=now))
        return Nothing()

    def change_child(self, asked: driving.ChangeChild) -> Nothing:
        """Correct details."""
        self._host.event(lambda system, now: system.change_child(asked, now=now))
        return Nothing()

    def change_authority(self, asked: driving.ChangeAuthority) -> Nothing:
        """Change telephones."""
        self._host.event(lambda system, now: system.change_authority(asked))
        return Nothing()

    def allocate(self, asked: driving.Allocate) -> Nothing:
        """Make a worker and team responsible."""
        self._host.event(lambda system, now: system.allocate(asked.child_id, asked.worker, asked.team))
        return Nothing()

    def close_case(self, asked: driving.CloseCase) -> Nothing:
        """Close a case."""
        self._host.event(lambda system, now: system.close_case(asked.child_id, asked.on))
        return Nothing()

    # Files.

    def force(self, asked: driving.ChildReference) -> Nothing:
        """Force a child into the next file."""
        self._host.event(lambda system, now: system.force(asked.child_id))
        return Nothing()

    def export(self, _: Nothing) -> driving.Export:
        """Make the next file."""
        return self._host.export()

    def collect(self, _: Nothing) -> Nothing:
        """Read the receiving folder."""
        self._host.collect()
        return Nothing()

    # What people see.

    def held_back(self, _: Nothing) -> driving.HeldBackList:
        """Children that could not be sent."""
        return driving.HeldBackList(items=self._host.event(lambda system, now: system.held_back(now=now)))

    def files(self, _: Nothing) -> driving.FileList:
        """Exported files."""
        items = self._host.event(lambda system, now: [file.shown() for file in system.state.files])
        return driving.FileList(items=items)

    def work_list(self, _: Nothing) -> driving.WorkList:
        """Failed records."""
        return driving.WorkList(items=self._host.event(lambda system, now: [task.item for task in system.state.tasks]))

    def alerts(self, _: Nothing) -> driving.AlertList:
        """Alerts and tasks."""
        return driving.AlertList(items=self._host.event(lambda system, now: list(system.state.alerts)))

    def case_events(self, asked: driving.ChildReference) -> driving.CaseEvents:
        """Accesses on a child's file."""
        return driving.CaseEvents(items=self._host.event(lambda system, now: system.events_of(asked.child_id)))

    def exceptions(self, _: Nothing) -> driving.ExceptionList:
        """What could not be filed."""
        return driving.ExceptionList(items=self._host.event(lambda system, now: list(system.state.exceptions)))

    def child_status(self, asked: driving.ChildReference) -> driving.ChildStatus:
        """What a data worker sees of a child."""
        return self._host.event(lambda system, now: system.child_status(asked.child_id))
