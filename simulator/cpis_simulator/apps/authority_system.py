"""The driver API of the bundled authority: each operation is one event of its system."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version as installed_version
from typing import Any, Final

from cpis_simulator import driving
from cpis_simulator.apps.authority_host import AuthorityHost
from cpis_simulator.apps.operations import offered
from cpis_simulator.driving import Nothing, OfAuthority
from cpis_simulator.errors import ProtocolError

PRODUCT: Final = "Bundled local-authority system"


class AuthorityDriver:
    """Operations of `driving.AUTHORITY_OPERATIONS`, for `operations_app`.

    Args:
        hosts: The system of each authority that is served; the first is meant where a request names none.
        withheld: Operations that are not offered, as in a product that lacks them.
        faults: Names of seeded faults, told in the version.
    """

    def __init__(
        self, *hosts: AuthorityHost, withheld: frozenset[str] = frozenset(), faults: tuple[str, ...] = ()
    ) -> None:
        """Nothing happens yet."""
        self._hosts: Sequence[AuthorityHost] = hosts
        self._withheld = withheld
        self._faults = faults

    def __getattribute__(self, name: str) -> Any:
        """A withheld operation has no method."""
        if not name.startswith("_") and name.replace("_", "-") in self._withheld:
            raise AttributeError(name)
        return super().__getattribute__(name)

    def version(self, _: Nothing) -> driving.Version:
        """What the product is; the telephones are those it is configured with now."""
        first = self._hosts[0].configuration
        number = installed_version("cpis-harness")
        return driving.Version(
            product=PRODUCT,
            version=f"{number} with faults {', '.join(self._faults)}" if self._faults else number,
            role="authority",
            operations=offered("authority", self),
            authorities=[_identity(host) for host in self._hosts],
            now=self._hosts[0].now(),
            triage_point=first.triage_point,
            out_of_hours=first.out_of_hours,
            alert_role=first.alert_role,
        )

    # Whose it is.

    def _host(self, authority: str | None) -> AuthorityHost:
        """The system of an authority; of the first where none is named.

        Raises:
            ProtocolError: Another one is meant.
        """
        for host in self._hosts:
            if authority in (None, host.configuration.ods):
                return host
        served = ", ".join(host.configuration.ods for host in self._hosts)
        raise ProtocolError("This system serves another authority", expected=served, found=authority)

    def _holding(self, reference: str) -> AuthorityHost:
        """The system that gave a reference; what nobody gave, the first refuses."""
        marked = (h for h in self._hosts[1:] if reference.startswith(h.configuration.references))
        return next(marked, self._hosts[0])

    # Set-up.

    def reset(self, _: Nothing) -> Nothing:
        """Forget every child, file and message."""
        for host in self._hosts:
            host.reset()
        return Nothing()

    def set_clock(self, asked: driving.SetClock) -> Nothing:
        """Move the clock."""
        for host in self._hosts:
            host.set_clock(asked.instant)
        return Nothing()

    def restart(self, _: Nothing) -> Nothing:
        """Begin again from the store."""
        for host in self._hosts:
            host.restart()
        return Nothing()

    # Casework.

    def record_child(self, asked: driving.ChildDetails) -> driving.ChildReference:
        """Open a file on a person."""
        host = self._host(asked.authority)
        return driving.ChildReference(child_id=host.event(lambda system, now: system.record_child(asked)))

    def record_plan(self, asked: driving.PlanDetails) -> driving.PlanReference:
        """Open a plan."""
        host = self._holding(asked.child_id)
        return driving.PlanReference(plan_id=host.event(lambda system, now: system.record_plan(asked, now=now)))

    def end_plan(self, asked: driving.EndPlan) -> Nothing:
        """End a plan."""
        self._holding(asked.plan_id).event(lambda system, now: system.end_plan(asked.plan_id, asked.end, now=now))
        return Nothing()

    def delete_plan(self, asked: driving.DeletePlan) -> Nothing:
        """Withdraw a plan that was entered in error."""
        self._holding(asked.plan_id).event(lambda system, now: system.delete_plan(asked.plan_id, asked.on, now=now))
        return Nothing()

    def change_child(self, asked: driving.ChangeChild) -> Nothing:
        """Correct details."""
        self._holding(asked.child_id).event(lambda system, now: system.change_child(asked, now=now))
        return Nothing()

    def change_authority(self, asked: driving.ChangeAuthority) -> Nothing:
        """Change telephones."""
        self._host(asked.ods).event(lambda system, now: system.change_authority(asked))
        return Nothing()

    def allocate(self, asked: driving.Allocate) -> Nothing:
        """Make a worker and team responsible."""
        host = self._holding(asked.child_id)
        host.event(lambda system, now: system.allocate(asked.child_id, asked.worker, asked.team))
        return Nothing()

    def close_case(self, asked: driving.CloseCase) -> Nothing:
        """Close a case."""
        self._holding(asked.child_id).event(lambda system, now: system.close_case(asked.child_id, asked.on))
        return Nothing()

    # Files.

    def force(self, asked: driving.ChildReference) -> Nothing:
        """Force a child into the next file."""
        self._holding(asked.child_id).event(lambda system, now: system.force(asked.child_id))
        return Nothing()

    def export(self, asked: OfAuthority) -> driving.Export:
        """Make the next file."""
        return self._host(asked.authority).export()

    def collect(self, _: Nothing) -> Nothing:
        """Read the receiving folders."""
        for host in self._hosts:
            host.collect()
        return Nothing()

    # What people see.

    def held_back(self, asked: OfAuthority) -> driving.HeldBackList:
        """Children that could not be sent."""
        host = self._host(asked.authority)
        return driving.HeldBackList(items=host.event(lambda system, now: system.held_back(now=now)))

    def files(self, asked: OfAuthority) -> driving.FileList:
        """Exported files."""
        host = self._host(asked.authority)
        return driving.FileList(items=host.event(lambda system, now: [file.shown() for file in system.state.files]))

    def work_list(self, asked: OfAuthority) -> driving.WorkList:
        """Failed records."""
        host = self._host(asked.authority)
        return driving.WorkList(items=host.event(lambda system, now: [task.item for task in system.state.tasks]))

    def alerts(self, asked: OfAuthority) -> driving.AlertList:
        """Alerts and tasks."""
        host = self._host(asked.authority)
        return driving.AlertList(items=host.event(lambda system, now: list(system.state.alerts)))

    def case_events(self, asked: driving.ChildReference) -> driving.CaseEvents:
        """Accesses on a child's file."""
        host = self._holding(asked.child_id)
        return driving.CaseEvents(items=host.event(lambda system, now: system.events_of(asked.child_id)))

    def exceptions(self, asked: OfAuthority) -> driving.ExceptionList:
        """What could not be filed."""
        host = self._host(asked.authority)
        return driving.ExceptionList(items=host.event(lambda system, now: list(system.state.exceptions)))

    def child_status(self, asked: driving.ChildReference) -> driving.ChildStatus:
        """What a data worker sees of a child."""
        return self._holding(asked.child_id).event(lambda system, now: system.child_status(asked.child_id))


def _identity(host: AuthorityHost) -> driving.AuthorityIdentity:
    """Who an authority is, with the telephones that are keyed now."""
    office = host.event(lambda system, now: system.office)
    return driving.AuthorityIdentity(
        ods=host.configuration.ods,
        name=host.configuration.name,
        telephone_office=office.telephone_office,
        telephone_emergency=office.telephone_emergency,
    )
