"""The driver API over HTTP: one function serves it for all three roles.

`POST /<operation>` with a JSON object, as `driving` describes it. The handler is any object with a method for
each operation that it offers, named in snake case, taking the operation's request shape and returning its
reply shape; what it has no method for is answered 501. A good request at the wrong moment is refused by
raising `OperationRefused`.
"""

from __future__ import annotations

import difflib
import hmac
import json
import logging
from typing import Any, Final

from flask import Flask, Response, request
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from cpis_simulator.driving import OPERATIONS, Operation, Shape
from cpis_simulator.errors import CpisError, ProtocolError

LOG: Final = logging.getLogger(__name__)

MAX_BODY: Final = 64 * 1024 * 1024
"""Bytes of a request: a delivered file is Base64 in it."""

# Pydantic's kinds of error whose own wording speaks of Python rather than of JSON.
_RETOLD: Final = {
    "missing": "is missing",
    "string_type": "must be text in quotes",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "list_type": "must be a list",
    "model_type": "must be an object",
    "date_from_datetime_parsing": "must be a day, such as 2026-01-31",
    "date_parsing": "must be a day, such as 2026-01-31",
    "datetime_from_date_parsing": "must be an instant, such as 2026-01-31T09:30:00Z",
    "datetime_parsing": "must be an instant, such as 2026-01-31T09:30:00Z",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
}


class OperationRefused(CpisError):
    """The request is understood and not carried out; `what` is the reason the caller is given (HTTP 409)."""


def method_name(operation: str) -> str:
    """The handler's method of an operation: `look-up` is `look_up`."""
    return operation.replace("-", "_")


def offered(role: str, handler: object) -> list[str]:
    """Operations of the role that the handler has a method for; what `version` tells."""
    return [op.name for op in OPERATIONS[role] if callable(getattr(handler, method_name(op.name), None))]


def operations_app(role: str, handler: object, *, token: str | None = None) -> Flask:
    """A Flask app that offers a role's operations.

    Args:
        role: `authority`, `care` or `service`.
        handler: Has `<operation in snake case>(request) -> reply` for each operation that it offers.
        token: When given, every operation needs `Authorization: Bearer <token>`.
    """
    app = Flask(f"cpis-{role}")
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    known = {op.name: op for op in OPERATIONS[role]}

    @app.get("/")
    def about() -> Response:
        lines = [f"CP-IS harness, driver API of role {role}. POST a JSON object to /<operation>:"]
        lines += [f"  {name:20} {op.summary}" for name, op in known.items()]
        return Response("\n".join(lines) + "\n", mimetype="text/plain")

    @app.post("/<name>")
    def operate(name: str) -> Response:
        if token is not None and not _is_authorised(token):
            return _answer(401, {"reason": "Send the header Authorization: Bearer <control token>."})
        if (operation := known.get(name)) is None:
            return _unknown(name, role, list(known))
        method = getattr(handler, method_name(name), None)
        if not callable(method):
            return _answer(501, {"reason": f"This {role} does not offer {name}."})
        return _carry_out(operation, method)

    app.register_error_handler(RequestEntityTooLarge, _too_large)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _broken)
    return app


def _is_authorised(token: str) -> bool:
    """The bearer token is ours; compared in constant time."""
    given = request.headers.get("Authorization", "")
    return hmac.compare_digest(given.encode(), f"Bearer {token}".encode())


def _carry_out(operation: Operation, method: Any) -> Response:
    """Read the request, call the handler, write the reply."""
    try:
        asked = operation.request.model_validate(_json_object())
    except ValidationError as error:
        problems = retold(error)
        return _answer(422, {"reason": f"{operation.name}: {'; '.join(problems)}", "problems": problems})
    except ValueError as error:
        return _answer(422, {"reason": f"{operation.name}: {error}", "problems": [str(error)]})
    try:
        reply: Shape = method(asked)
    except (OperationRefused, ProtocolError) as refused:
        LOG.info("event=operation_refused operation=%s reason=%r", operation.name, str(refused))
        return _answer(409, {"reason": str(refused)})
    LOG.info("event=operation operation=%s", operation.name)
    return Response(reply.model_dump_json() + "\n", 200, mimetype="application/json")


def _json_object() -> dict[str, Any]:
    """The body as a JSON object; an empty body is an empty object.

    Raises:
        ValueError: When it is something else.
    """
    body = request.get_data()
    if not body.strip():
        return {}
    try:
        value = json.loads(body)
    except ValueError as error:
        raise ValueError(f"the body is not JSON ({error})") from error
    if not isinstance(value, dict):
        raise ValueError(f"the body must be a JSON object, found {type(value).__name__}")
    return value


def retold(error: ValidationError) -> list[str]:
    """What is wrong with a request, one line for each place, in words that need no Python."""
    lines = []
    for problem in error.errors(include_url=False, include_context=True):
        place = ".".join(str(part) for part in problem["loc"]) or "the request"
        if problem["type"] in ("literal_error", "enum"):
            lines.append(f"{place} must be {problem['ctx']['expected']}")
        else:
            lines.append(f"{place} {_RETOLD.get(problem['type']) or problem['msg'].lower()}")
    return lines


def _unknown(name: str, role: str, known: list[str]) -> Response:
    """404 with the operation that was probably meant."""
    nearest = difflib.get_close_matches(name.replace("_", "-").lower(), known, n=1)
    hint = f"Did you mean {nearest[0]}?" if nearest else f"Known: {', '.join(known)}."
    return _answer(404, {"reason": f"The {role} has no operation {name!r}. {hint}"})


def _too_large(error: RequestEntityTooLarge) -> Response:
    return _answer(413, {"reason": f"The request is larger than {MAX_BODY} bytes."})


def _http_error(error: HTTPException) -> Response:
    """Such as a GET on an operation (405)."""
    return _answer(error.code or 500, {"reason": f"{error.description} Operations are POST /<operation>."})


def _broken(error: Exception) -> Response:
    """A fault of ours: the caller learns its kind, the log has the rest, the server lives on."""
    LOG.error("event=operation_failed path=%s", request.path, exc_info=error)
    reason = str(error) if isinstance(error, CpisError) else type(error).__name__
    return _answer(500, {"reason": f"The operation failed: {reason}"})


def _answer(status: int, body: dict[str, object]) -> Response:
    return Response(json.dumps(body, ensure_ascii=False) + "\n", status, mimetype="application/json")
