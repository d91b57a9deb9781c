"""What an inactive-number notification does to a child's number.

Source: CP-IS rules INA-003 to INA-007, NTF-014, NTF-019, IG-010.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from cpis_simulator.authority.accesses import Accesses, NotIdentified
from cpis_simulator.authority.state import Person
from cpis_simulator.driving import Alert, ExceptionItem
from cpis_simulator.model import InactiveNumber, InactiveNumberNotification
from cpis_simulator.nhs_number import is_valid


class InactiveNumbers(Accesses):
    """The handling of retired numbers. The methods that a fault may replace are those without an underscore."""

    def take_inactive_numbers(self, notification: InactiveNumberNotification, *, now: datetime) -> None:
        """Stop sending each number; go on under its replacement where one is told."""
        if not self.is_own(notification.recipient):
            # Nothing of its content: another authority's children are not for our people to see (IG-010).
            text = f"An inactive-number notification for {notification.recipient.ods_code} was refused."
            self.raise_exception(ExceptionItem(kind="inactive-number", text=text))
            return
        for number in notification.numbers:
            try:
                person = self.identified(number.nhs_number, number.local_id)
            except NotIdentified as problem:
                self.keep_unknown_number(number, problem)
                continue
            # A number that was replaced meanwhile is not sent anyway.
            if person.nhs_number == number.nhs_number:
                self.retire(person, number, now=now)

    def keep_unknown_number(self, number: InactiveNumber, problem: NotIdentified) -> None:
        """Keep a number that has no file, or two (NTF-014, NTF-019)."""
        self.raise_exception(ExceptionItem(kind="inactive-number", text=str(problem), nhs_number=number.nhs_number))

    def retire(self, person: Person, number: InactiveNumber, *, now: datetime) -> None:
        """Adopt the replacement, or stop sending until somebody enters one."""
        replacement, why_not = self._usable_replacement(person, number)
        if replacement is not None:
            self.adopt_number(person, replacement)
            text = "The NHS number was replaced. The child's plans go under the new one with the next file."
        else:
            self.stop_number(person)
            text = f"The NHS number is no longer in use and nothing is sent under it. {why_not}"
        self.watch_number(person.child_id, now=now)
        self.tell_role(Alert(kind="inactive-number", raised=now, child_id=person.child_id, text=text))

    def stop_number(self, person: Person) -> None:
        """Send nothing more under the number (INA-003)."""
        self.state.people[person.child_id] = replace(person, number_inactive=True)

    def _usable_replacement(self, person: Person, number: InactiveNumber) -> tuple[str | None, str]:
        """The number to go on under, or None and why.

        Only what the message itself gives counts: looking for the child elsewhere, by name or birth date, would reveal
        an adopted child (INA-007).
        """
        if not number.replacements:
            return None, "No new number was given. Enter it when it is known."
        if len(set(number.replacements)) > 1:
            return None, "Several new numbers were given. Find out which is right and enter it."
        replacement = number.replacements[0]
        if not is_valid(replacement):
            return None, "The new number that was given has a wrong check digit."
        holder = self.holder(replacement)
        if holder is not None and holder.child_id != person.child_id:
            return None, "The new number that was given is on another child's file."
        return replacement, ""
