"""Reading an element in the schema's order, refusing whatever was not asked for.

The CP-IS schemas prohibit every value that the model fixes, even the right one: the reader knows the names of these
values and reports them as what they are, not as something unknown.

Source: CP-IS DMS 1.0-RC5, how the schemas were made; CP-IS rules MSG-003 to MSG-005.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from lxml import etree

from cpis_simulator.codecs.xml import MESSAGE_BOUNDS, WHITE_SPACE, fault, local_name
from cpis_simulator.errors import DecodeError
from cpis_simulator.vocabulary import HL7, LOCALISATION

XSI: Final = "{http://www.w3.org/2001/XMLSchema-instance}"
TOLERATED: Final = {
    "nullFlavor": frozenset(["ASKU", "MSK", "NA", "NASK", "NAV", "NI", "NINF", "OTH", "PINF", "QS", "TRC", "UNK"]),
    "updateMode": frozenset(["added", "altered", "removed", "unchanged"]),
}
"""Attributes that the official schema allows on every class, with their values."""

MOST_TEXT: Final = MESSAGE_BOUNDS.max_run
FIXED_ATTRIBUTES: Final = frozenset({"classCode", "moodCode", "typeCode", "determinerCode"})
FIXED_ELEMENTS: Final = frozenset({"templateId", "semanticsText", "keyWordText", "code"})


_XSI_ANYWHERE: Final = frozenset({f"{XSI}schemaLocation", f"{XSI}noNamespaceSchemaLocation", f"{XSI}type"})
_NOT_NIL: Final = frozenset({"false", "0"})


def attributes_of(element: etree._Element) -> dict[str, str]:
    """All attributes but those of XML Schema itself that may stand anywhere; nobody follows them.

    An `xsi:nil` that says no counts as one of these: no message needs an element that is nil.
    """
    return {
        str(name): str(value)
        for name, value in element.items()
        if name not in _XSI_ANYWHERE and not (name == f"{XSI}nil" and value in _NOT_NIL)
    }


def attributes(
    element: etree._Element,
    *required: str,
    optional: Collection[str] = (),
    fixed: Collection[str] = (),
    requirement: str = "CPIS-MSG-005",
) -> dict[str, str]:
    """Read an element that carries attributes only; by the schema not even white space may stand in it.

    Args:
        element: The element.
        required: Attributes that must be there and not be empty.
        optional: Attributes that may be there.
        fixed: Attributes whose value the model fixes, and that therefore must not be sent.
        requirement: What is broken when a required one is missing.

    Raises:
        DecodeError: When an attribute is missing or too many, or the element has content.
    """
    found = attributes_of(element)
    for name in found:
        if name in fixed or (name in FIXED_ATTRIBUTES and name not in optional):
            raise _fixed_value(element, f"attribute {name}")
        if name not in required and name not in optional:
            raise fault(element, "Attribute that the schema does not know", "CPIS-MSG-005", found=name)
        if name not in required and not found[name]:
            raise fault(element, f"{name} is empty", "CPIS-MSG-005", mend="Leave the attribute out.")
    for name in required:
        if not found.get(name):
            raise fault(element, f"{local_name(element)} without {name}", requirement, expected=f"attribute {name}")
    if len(element):
        raise fault(element[0], "Element that the schema does not know here", "CPIS-MSG-005")
    if element.text:
        raise _free_text(element, element.text)
    return found


def content(element: etree._Element, *, optional: Collection[str] = (), requirement: str = "CPIS-MSG-005") -> str:
    """Read an element that carries text only; white space around it does not count.

    Raises:
        DecodeError: When it has children, or attributes that it may not have.
    """
    for name, value in attributes_of(element).items():
        if name not in optional or (name in TOLERATED and value not in TOLERATED[name]):
            raise fault(element, "Attribute that the schema does not know", requirement, found=name)
    if len(element):
        raise fault(element[0], "Element that the schema does not know here", requirement)
    found = (element.text or "").strip(WHITE_SPACE)
    # Comments may cut a text of any length into pieces that each keep within bounds.
    if len(found) > MOST_TEXT:
        raise fault(element, "Text too long", requirement, expected=f"at most {MOST_TEXT} characters", found=len(found))
    return found


def _fixed_value(element: etree._Element, what: str) -> DecodeError:
    return fault(
        element,
        f"{what} is a fixed value and must not be sent",
        "CPIS-MSG-004",
        mend="Leave it out; the model implies it.",
    )


def _free_text(element: etree._Element, found: str) -> DecodeError:
    shown = found.strip(WHITE_SPACE)
    if not shown:
        return fault(element, "White space in an element that must be empty", "CPIS-MSG-005")
    return fault(element, "Text where only elements may stand", "CPIS-MSG-005", found=shown)


class Reader:
    """Takes the children of one element in the schema's order.

    Args:
        element: The element to read.
        optional: Attributes it may have beside those that the official schema allows everywhere. A codec that cares
            for their values reads them itself.
        text: Whether text between the children is tolerated, as the schema does in names.
    """

    __slots__ = ("_children", "_next", "_rules", "element")

    def __init__(self, element: etree._Element, *, optional: Collection[str] = (), text: bool = False) -> None:
        """Check attributes and text; hold the children."""
        self.element = element
        self._children: list[etree._Element] = list(element)
        self._next = 0
        self._rules: dict[str, str] = {}
        for name, value in attributes_of(element).items():
            if name in optional or value in TOLERATED.get(name, ()):
                continue
            if name in FIXED_ATTRIBUTES:
                raise _fixed_value(element, f"attribute {name}")
            raise fault(element, "Attribute that the schema does not know", "CPIS-MSG-005", found=name)
        if not text:
            for stray in (element.text, *(child.tail for child in self._children)):
                if stray and stray.strip(WHITE_SPACE):
                    raise _free_text(element, stray)

    def peek(self) -> str | None:
        """Name of the next child, None at the end."""
        return local_name(self._children[self._next]) if self._next < len(self._children) else None

    def maybe(self, name: str, *, requirement: str = "CPIS-MSG-005", namespace: str = HL7) -> etree._Element | None:
        """The next child if it has the name; a second one breaks `requirement`."""
        found = self.many(name, most=1, requirement=requirement, namespace=namespace)
        return found[0] if found else None

    def one(self, name: str, *, requirement: str = "CPIS-MSG-005", namespace: str = HL7) -> etree._Element:
        """The next child, which must have the name; none or two break `requirement`."""
        return self.many(name, least=1, most=1, requirement=requirement, namespace=namespace)[0]

    def many(
        self,
        name: str,
        *,
        least: int = 0,
        most: int | None = None,
        requirement: str = "CPIS-MSG-005",
        namespace: str = HL7,
    ) -> list[etree._Element]:
        """All children of the name that come next.

        Raises:
            DecodeError: With `requirement` when they are too few or too many.
        """
        tag = f"{{{namespace}}}{name}"
        first = self._next
        children = self._children
        while self._next < len(children) and children[self._next].tag == tag:
            self._next += 1
        self._rules[name] = requirement
        count = self._next - first
        if most is not None and count > most:
            raise fault(
                children[first + most], f"Too many {name}", requirement, expected=f"at most {most}", found=count
            )
        if count < least:
            raise self._missing(name, tag, requirement)
        return children[first : self._next]

    def choice(self, names: Collection[str], *, requirement: str = "CPIS-MSG-005") -> etree._Element:
        """The next child, which must have one of the names.

        Raises:
            DecodeError: With `CPIS-MSG-006` when it is a block that does not belong here.
        """
        if self._next < len(self._children):
            child = self._children[self._next]
            if child.tag in {f"{{{HL7}}}{name}" for name in names}:
                self._next += 1
                return child
            name = local_name(child)
            if name in names:
                raise _other_namespace(child, HL7)
            if name.startswith("COCT_TP"):
                raise fault(child, "Block that does not belong here", "CPIS-MSG-006", expected=" or ".join(names))
            raise self._unexpected(child)
        raise fault(self.element, "Block is missing", requirement, expected=" or ".join(names))

    def done(self, requirements: Mapping[str, str] | None = None) -> None:
        """Refuse what is left; `requirements` names the rule for a child that is known not to be allowed."""
        if self._next < len(self._children):
            child = self._children[self._next]
            if requirements and (rule := requirements.get(local_name(child))):
                raise fault(child, f"{local_name(child)} must not stand here", rule)
            raise self._unexpected(child)

    def _missing(self, name: str, tag: str, requirement: str) -> DecodeError:
        for child in self._children[self._next :]:
            current = self._children[self._next]
            if child.tag == tag:
                return self._unexpected(current, expected=name)
            if local_name(child) == name:
                return _other_namespace(child, tag[1:].partition("}")[0])
            if child is current and self._is_fixed(child):
                return self._unexpected(child)
        return fault(self.element, f"{name} is missing in {local_name(self.element)}", requirement, expected=name)

    def _is_fixed(self, child: etree._Element) -> bool:
        name = local_name(child)
        return name in FIXED_ELEMENTS and name not in self._rules

    def _unexpected(self, child: etree._Element, expected: str = "") -> DecodeError:
        name = local_name(child)
        if self._is_fixed(child):
            return _fixed_value(child, f"element {name}")
        if not str(child.tag).startswith((f"{{{HL7}}}", f"{{{LOCALISATION}}}")):
            return _other_namespace(child, HL7)
        if name in self._rules:
            return fault(child, f"{name} out of order, or too many of it", self._rules[name])
        return fault(
            child, "Element out of order, or unknown to the schema", "CPIS-MSG-005", expected=expected, found=name
        )


def _other_namespace(child: etree._Element, expected: str) -> DecodeError:
    found = str(child.tag)[1:].partition("}")[0] if str(child.tag).startswith("{") else "no namespace"
    return fault(child, f"Namespace of {local_name(child)}", "CPIS-MSG-003", expected=expected, found=found)


def root_reader(element: etree._Element, name: str, *, optional: Collection[str] = ()) -> Reader:
    """A reader of the root, which must be the element of that name.

    Raises:
        DecodeError: With `CPIS-MSG-003` when it is another.
    """
    if element.tag != f"{{{HL7}}}{name}":
        if local_name(element) == name:
            raise _other_namespace(element, HL7)
        raise fault(element, "Root element", "CPIS-MSG-003", expected=name, found=local_name(element))
    return Reader(element, optional=optional)
