"""The driver API reads requests strictly and tells what is wrong without Python's words."""

import logging
from typing import Any

import pytest

from cpis_simulator.apps.logs import MaskingFormatter, mask_numbers
from cpis_simulator.apps.operations import OperationRefused, offered, operations_app
from cpis_simulator.driving import LookUp, LookUpResult, Nothing
from cpis_simulator.errors import ProtocolError

NURSE = {
    "family": "Testnurse",
    "role_code": "R8001",
    "role_name": "Nurse Access Role",
    "organisation_ods": "ZZ9",
    "organisation_name": "EXAMPLETON TEST HOSPITALS",
}


class Care:
    """Answers with the number that was asked for."""

    def look_up(self, request: LookUp) -> LookUpResult:
        if request.nhs_number == "9990001022":
            raise OperationRefused("The care client is closed")
        if request.nhs_number == "9990001030":
            raise ProtocolError("Nobody is signed in", party="care")
        return LookUpResult(status="no-record", text=request.nhs_number)


def call(operation: str, json: Any = None, **more: Any) -> tuple[int, dict[str, Any]]:
    answer = operations_app("care", Care()).test_client().post(f"/{operation}", json=json, **more)
    return answer.status_code, answer.get_json()


def test_an_operation_is_carried_out_by_the_method_of_its_name() -> None:
    status, body = call("look-up", {"nhs_number": "9990001014", "author": NURSE})
    assert (status, body["status"], body["text"]) == (200, "no-record", "9990001014")


@pytest.mark.parametrize(
    ("number", "reason"), [("9990001022", "The care client is closed"), ("9990001030", "Nobody is signed in")]
)
def test_a_refusal_is_409_with_its_reason(number: str, reason: str) -> None:
    assert call("look-up", {"nhs_number": number, "author": NURSE}) == (409, {"reason": reason})


def test_what_the_handler_has_no_method_for_is_501() -> None:
    assert call("version") == (501, {"reason": "This care does not offer version."})
    assert offered("care", Care()) == ["look-up"]


def test_an_unknown_operation_is_404_with_the_nearest_name() -> None:
    status, body = call("lookup")
    assert (status, body["reason"]) == (404, "The care has no operation 'lookup'. Did you mean look-up?")


def test_every_wrong_field_is_named_with_what_it_must_be() -> None:
    status, body = call("look-up", {"nhs_number": 9990001014, "accessed": "yesterday", "silent": "maybe"})
    assert status == 422
    assert body["problems"] == [
        "nhs_number must be text in quotes",
        "silent must be true or false",
        "accessed must be an instant, such as 2026-01-31T09:30:00Z",
    ]


def test_a_field_inside_another_is_named_by_its_path() -> None:
    _, body = call("look-up", {"nhs_number": "9990001014", "author": {**NURSE, "given": "Quebec"}})
    assert body["problems"] == ["author.given must be a list"]


@pytest.mark.parametrize(("data", "said"), [(b"{", "is not JSON"), (b"[1]", "must be a JSON object, found list")])
def test_a_body_that_is_no_object_is_422(data: bytes, said: str) -> None:
    status, body = call("look-up", data=data)
    assert status == 422
    assert said in body["reason"]


def test_fields_that_nobody_knows_are_ignored() -> None:
    assert call("look-up", {"nhs_number": "9990001014", "author": NURSE, "colour": "blue"})[0] == 200


def test_a_handler_without_arguments_to_read_takes_an_empty_body() -> None:
    class Versioned:
        def version(self, _: Nothing) -> Nothing:
            return Nothing()

    assert operations_app("care", Versioned()).test_client().post("/version").get_json() == {}


def test_logs_show_the_last_three_digits_of_a_number() -> None:
    assert mask_numbers("looked up 9990001014, event 12345678901") == "looked up •••••••014, event 12345678901"
    record = logging.LogRecord("x", logging.INFO, "", 0, "number=%s", ("9990001014",), None)
    assert MaskingFormatter("%(message)s").format(record) == "number=•••••••014"
