"""Answers at the desk itself, for tests that need no page: does in a product over HTTP what the desk asks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from pydantic import ConfigDict

from cpis_fixtures.manual.desk import DESK, Answer, Desk, NotOpen, Outcome, Question
from cpis_simulator.driving import Shape
from cpis_simulator.transport.http_client import CallStatus, DriverClient

NAME = "Sam Clerk"
_OUTCOMES = {CallStatus.ANSWERED: "done", CallStatus.REFUSED: "refused", CallStatus.NOT_OFFERED: "not-offered"}


class Asked(Shape):
    """Whatever is asked."""

    model_config = ConfigDict(extra="allow")


class Clerk:
    """Sits at the desk of a run until told to go.

    Args:
        lane: Folder of the run's lane.
        product: Where the product is asked.
        instead: Gives another answer than the product's, or None for the product's; by the question.
    """

    def __init__(
        self,
        lane: Path,
        product: str,
        instead: Callable[[Question], tuple[Outcome, dict[str, Any], str] | None] | None = None,
    ) -> None:
        self._path = lane / DESK
        self._product = DriverClient(product)
        self._instead = instead or (lambda _: None)
        self._plans: dict[tuple[str, str, str], str] = {}
        self._gone = threading.Event()
        self._thread = threading.Thread(target=self._sit, daemon=True)
        self.questions: list[Question] = []
        self.trouble: list[str] = []

    def __enter__(self) -> Clerk:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._gone.set()
        self._thread.join(20)
        assert not self.trouble, self.trouble

    def operations(self) -> list[str]:
        """What was asked, in order."""
        return [question.operation for question in self.questions]

    def wait_for(self, operation: str, times: int, *, within: float = 30) -> None:
        """Until an operation was asked and answered so often."""
        deadline = time.monotonic() + within
        while self.operations().count(operation) < times:
            assert time.monotonic() < deadline, f"asked so far: {self.operations()}"
            time.sleep(0.02)

    def _sit(self) -> None:
        while not self._path.exists() and not self._gone.is_set():
            time.sleep(0.02)
        desk = Desk(self._path)
        while not self._gone.is_set():
            question = desk.open_question()
            if question is None:
                time.sleep(0.01)
                continue
            try:
                answer = self._instead(question) or self._from_product(question)
            except (KeyError, AssertionError) as error:
                self.trouble.append(f"{question.operation}: {error!r}")
                return
            outcome, reply, reason = answer
            if outcome == "cannot" and reason == "leave":
                return
            at = datetime.now(UTC).replace(microsecond=0)
            try:
                desk.answer(question.id, Answer(outcome, reply, reason, "", NAME, at, "page"))
            except NotOpen:
                continue
            self.questions.append(question)

    def _from_product(self, question: Question) -> tuple[Outcome, dict[str, Any], str]:
        asked = {key: value for key, value in question.request.items() if key != "since"}
        plan = tuple(str(asked.get(key)) for key in ("child_id", "plan_type", "start"))
        if question.operation in ("end-plan", "delete-plan"):
            asked["plan_id"] = self._plans[cast(tuple[str, str, str], plan)]
        reply = self._product.call(question.operation, Asked.model_validate(asked), within=30)
        assert reply.status in _OUTCOMES, reply
        if question.operation == "record-plan" and reply.status is CallStatus.ANSWERED:
            self._plans[cast(tuple[str, str, str], plan)] = reply.body["plan_id"]
        return cast(Outcome, _OUTCOMES[reply.status]), reply.body, reply.body.get("reason") or ""
