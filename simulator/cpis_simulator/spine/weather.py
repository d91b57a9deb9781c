"""Bad weather: what the service does with a lookup otherwise than it should, told by a script or drawn at random.

A `Turn` says it for one lookup. Kinds of weather are turns with a name; mixtures are several kinds. The same seed draws
the same turns, the n-th lookup always the same one. Whatever a turn spoils is marked in the evidence, so that nobody
takes our weather for somebody's fault.

Source: CP-IS over Spine, transport sections 7 and 8 (step 8).
"""

from __future__ import annotations

import base64
import binascii
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from cpis_simulator.codecs.soap import encode_soap_fault
from cpis_simulator.driving import Turn, Weather
from cpis_simulator.errors import ConfigError, HarnessError
from cpis_simulator.evidence import BY_CHANCE, PAYLOAD_ALTERED
from cpis_simulator.spine.answers import HttpAnswer, soap_faults

NOBODY: Final = "00000000-0000-4000-8000-000000000000"
"""A message id that no message has."""

KINDS: Final[Mapping[str, Turn]] = {
    kind: turn.model_copy(update={"weather": kind})
    for kind, turn in {
        "fault-101": Turn(answer="fault", codes=[101], client=True),
        "fault-200": Turn(answer="fault", codes=[200]),
        "fault-201": Turn(answer="fault", codes=[201]),
        "fault-206": Turn(answer="fault", codes=[206]),
        "fault-208": Turn(answer="fault", codes=[208]),
        "fault-300": Turn(answer="fault", codes=[300]),
        "several-faults": Turn(answer="fault", codes=[200, 206]),
        "message-error": Turn(answer="message-error", error="200"),
        "delivery-failure": Turn(answer="message-error", error="DeliveryFailure", description="Undeliverable"),
        "status-413": Turn(answer="status", status=413),
        "status-500": Turn(answer="status", status=500),
        "status-503": Turn(answer="status", status=503),
        "lost-request": Turn(answer="unheard"),
        "lost-acknowledgement": Turn(answer="lost"),
        "empty-acknowledgement": Turn(answer="empty"),
        "late-acknowledgement": Turn(answer_delay_s=0.3),
        "wrong-acknowledgement": Turn(answer="wrong-reference"),
        "broken-acknowledgement": Turn(answer="broken"),
        "cut-acknowledgement": Turn(answer="cut"),
        "reset-acknowledgement": Turn(answer="reset"),
        "slow-acknowledgement": Turn(answer="slow"),
        "no-reply": Turn(reply="none"),
        "late-reply": Turn(reply_delay_s=0.5),
        "duplicate-reply": Turn(reply="twice"),
        "swapped-replies": Turn(reply="swapped"),
        "wrong-reference": Turn(reply="wrong-reference"),
        "broken-reply": Turn(reply="broken"),
        "cut-reply": Turn(reply="cut"),
        "reset-reply": Turn(reply="reset"),
        "slow-reply": Turn(reply="slow"),
    }.items()
}
"""Every kind of weather by name."""

MIXTURES: Final[Mapping[str, tuple[str, ...]]] = {
    "drizzle": ("late-acknowledgement", "late-reply", "duplicate-reply", "slow-acknowledgement", "slow-reply"),
    "rain": (
        *("fault-200", "fault-206", "fault-208", "status-503", "lost-request", "lost-acknowledgement"),
        *("empty-acknowledgement", "late-reply", "duplicate-reply", "swapped-replies"),
    ),
    "storm": tuple(KINDS),
}
"""Kinds that are drawn from together: what delays, what a reliable client gets over, everything."""

_BEFORE_THE_APPLICATION: Final = frozenset(("fault", "message-error", "status", "unheard"))
_ON_THE_WIRE: Final = frozenset(("cut", "reset", "slow"))


def resolved(turn: Turn) -> Turn:
    """A turn with what its kind of weather says wherever it says nothing itself.

    Raises:
        ConfigError: There is no such kind.
    """
    kind = KINDS.get(turn.weather)
    if kind is None:
        if turn.weather:
            raise unknown_kind(turn.weather)
        return turn.model_copy(update={"weather": "scripted"})
    said = {n: value for n, info in Turn.model_fields.items() if (value := getattr(turn, n)) != info.default}
    return kind.model_copy(update=said)


def unknown_kind(name: str) -> ConfigError:
    """The error for a word that names no weather."""
    return ConfigError("No such kind of weather", expected=", ".join((*KINDS, *MIXTURES)), found=name[:60])


def kinds_of(names: list[str]) -> tuple[str, ...]:
    """Kinds by name, mixtures taken apart.

    Raises:
        ConfigError: There is no such kind.
    """
    found: dict[str, None] = {}
    for name in names:
        if name not in KINDS and name not in MIXTURES:
            raise unknown_kind(name)
        found.update(dict.fromkeys(MIXTURES.get(name, (name,))))
    return tuple(found)


def drawn(weather: Weather, number: int) -> Turn | None:
    """The turn of the n-th lookup in this weather; None where it meets none."""
    kinds = kinds_of(weather.kinds)
    rng = random.Random(f"{weather.seed}:{number}")
    if not kinds or rng.random() >= weather.share:
        return None
    turn = KINDS[rng.choice(kinds)]
    return turn.model_copy(update={"weather": turn.weather + BY_CHANCE})


def mark_of(turn: Turn) -> str:
    """What the evidence says of a turn: its kind of weather, and whether the reply's message is the service's own."""
    altered = turn.payload != "as-is" or bool(turn.changes) or turn.body is not None
    return f"{turn.weather}, {PAYLOAD_ALTERED}" if altered else turn.weather


def is_before_the_application(turn: Turn) -> bool:
    """The lookup ends here: the application is not asked."""
    return turn.answer in _BEFORE_THE_APPLICATION


def refusal(turn: Turn) -> HttpAnswer | None:
    """What a turn answers instead of a lookup; None for an ebXML error, which repeats the message's ids."""
    if turn.answer == "fault":
        return soap_faults(turn.codes, turn.description, client=turn.client)
    if turn.answer == "status":
        return HttpAnswer(turn.status, b"", "status")
    if turn.answer == "unheard":
        return HttpAnswer(500, encode_soap_fault(200, "unheard"), "unheard", harm="lost")
    return None


def spoiled_answer(answer: HttpAnswer, turn: Turn, *, synchronous: bool) -> HttpAnswer:
    """An answer as the turn lets it go out; a synchronous one bears what is meant for the reply as well."""
    harm: str = turn.answer if turn.answer == "lost" or turn.answer in _ON_THE_WIRE else ""
    broken = turn.answer == "broken"
    delay_s = turn.answer_delay_s
    body = b"" if turn.answer == "empty" else answer.body
    if synchronous:
        delay_s += turn.reply_delay_s
        broken |= turn.reply == "broken"
        if turn.reply == "none":
            harm = "lost"
        elif turn.reply in _ON_THE_WIRE:
            harm = harm or turn.reply
    return replace(
        answer,
        body=cut_short(body) if broken else body,
        harm=harm,
        after_bytes=turn.after_bytes,
        delay_s=delay_s,
        weather=mark_of(turn),
    )


def wire_harm(turn: Turn) -> str:
    """How the turn spoils a reply on the wire, empty where it does not."""
    return turn.reply if turn.reply in _ON_THE_WIRE else ""


def cut_short(body: bytes) -> bytes:
    """The first two thirds of a message: what is left is nothing whole."""
    return body[: len(body) * 2 // 3]


def spoiled_payload(payload: bytes, turn: Turn) -> bytes:
    """The HL7 message of a reply as the turn has it.

    Raises:
        HarnessError: The turn changes a text that is not there.
    """
    if turn.body is not None:
        try:
            payload = base64.b64decode(turn.body, validate=True)
        except binascii.Error as error:
            raise HarnessError("The body of a scripted turn is not Base64", found=error) from error
    text = payload
    for change in turn.changes:
        if change.old.encode() not in text:
            raise HarnessError("A scripted turn changes a text that the reply does not hold", expected=change.old[:100])
        text = text.replace(change.old.encode(), change.new.encode())
    return _FORMS[turn.payload](text)


_ROOT: Final = re.compile(rb"<([A-Z][A-Za-z0-9_-]*)")
_DECLARATION: Final = re.compile(rb"\A<\?xml[^>]*\?>\s*")


def _with_type(subset: str) -> bytes:
    return f"<!DOCTYPE reply{subset}>".encode()


def _typed(payload: bytes, subset: str, entity: bytes = b"") -> bytes:
    body = _DECLARATION.sub(b"", payload)
    if entity:
        # Where a reader would meet it: in the first name that the reply holds.
        body = body.replace(b"</name>", entity + b"</name>", 1)
    return _with_type(subset) + body


def _prefixed(payload: bytes) -> bytes:
    """The same message, every element of it with a prefix, with comments between."""
    body = re.sub(rb"<(/?)([A-Za-z][\w.-]*)(?=[\s/>])", rb"<\1hl7:\2", _DECLARATION.sub(b"", payload))
    body = body.replace(b'xmlns="urn:hl7-org:v3"', b'xmlns:hl7="urn:hl7-org:v3"', 1)
    return body.replace(b">\n<", b">\r\n\t<!-- the harness's weather -->\r\n<")


_LAUGHS: Final = "<!ENTITY a0 'lol'>" + "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 10))
_DEPTH: Final = 100_000

_FORMS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "as-is": lambda payload: payload,
    "utf-16": lambda payload: payload.decode().replace("UTF-8", "UTF-16", 1).encode("utf-16"),
    "cut": cut_short,
    "empty": lambda payload: b"",
    "document-type": lambda payload: _typed(payload, ""),
    "internal-entity": lambda payload: _typed(payload, ' [<!ENTITY weather "rain">]', b"&weather;"),
    "external-entity": lambda payload: _typed(
        payload, ' [<!ENTITY weather SYSTEM "file:///etc/hostname">]', b"&weather;"
    ),
    "multiplied-entities": lambda payload: _typed(payload, f" [{_LAUGHS}]", b"&a9;"),
    "deep": lambda payload: _ROOT.sub(lambda m: b"<d>" * _DEPTH + m[0], payload, count=1),
    "prefixed": _prefixed,
}
