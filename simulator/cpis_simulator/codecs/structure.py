"""Structure of a message: held against our schema, and what libxml2 says of it retold in the service's words.

Theory of operation. libxml2 reports one fault of order or number for each element whose content is wrong, and every
fault of an attribute. Its words are taken apart (which element, which attribute, what was expected) and put together
again: from the place in the document comes the requirement that is broken (`places`), from the children around it
whether something is missing, too many, out of order, fixed or unknown.

Source: CP-IS rules MSG-003 to MSG-005; CP-IS DMS 1.0-RC5, how the schemas were made.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from lxml import etree

from cpis_simulator.codecs.bounds import MESSAGE_BOUNDS, Bounds
from cpis_simulator.codecs.places import (
    FIXED_ATTRIBUTES,
    STRUCTURE,
    called,
    is_fixed_element,
    is_foreign,
    is_known,
    requirement_at,
    value_form,
)
from cpis_simulator.codecs.schema import Schema, schema_of
from cpis_simulator.codecs.xml import WHITE_SPACE, line_of, local_name, parse_document, path_of, shortened
from cpis_simulator.errors import DecodeError, Fault
from cpis_simulator.vocabulary import HL7, LOCALISATION, ROOT_OF_KIND, MessageKind

NAMESPACE_RULE: Final = "CPIS-MSG-003"
FIXED_RULE: Final = "CPIS-MSG-004"
_BLOCK_RULE: Final = "CPIS-MSG-006"
_BLOCK: Final = "COCT_TP"
_MOST_MENDS: Final = 20
_UNKNOWN: Final = "Element that the schema does not know"
_LEAVE_OUT: Final = "Leave it out; the model implies it."

_SAID: Final = re.compile(r"Element '(?P<element>[^']*)'(?:, attribute '(?P<attribute>[^']*)')?: (?P<what>.*)", re.S)
_EXPECTED: Final = re.compile(r"Expected is (?:one of )?\( (?P<names>.*) \)")
_MISSING_ATTRIBUTE: Final = re.compile(r"The attribute '([^']*)' is required but missing")
_FIXED_VALUE: Final = re.compile(r"fixed value constraint '([^']*)'")
_FACET: Final = re.compile(r"(the pattern '[^']*'|the set \{[^}]*\})\.?\s*$")
_LONGEST_SAID: Final = 200
_STEP: Final = re.compile(r"([^/\[\]]+)(?:\[(\d+)\])?")
_OURS: Final = (f"{{{HL7}}}", f"{{{LOCALISATION}}}")


def read_document(
    document: bytes | etree._Element, kind: MessageKind, bounds: Bounds = MESSAGE_BOUNDS
) -> etree._Element:
    """The root of a document that fits the schema of its kind.

    Raises:
        DecodeError: When it is no XML document that we read, or breaks the schema.
    """
    root = parse_document(document, bounds=bounds) if isinstance(document, bytes) else document
    require_structure(root, schema_of(kind))
    return root


def require_structure(element: etree._Element, schema: Schema) -> None:
    """Refuse an element that breaks its schema.

    Raises:
        DecodeError: With every fault; the first of them is the one to mend first.
    """
    if not schema.accepts(element):
        raise DecodeError.of(structure_faults(element, schema))


def structure_faults(element: etree._Element, schema: Schema) -> list[Fault]:
    """What is wrong with the structure of an element, in the order of the document."""
    return list(_distinct(problem.fault for problem in _problems(element, schema)))


def look_behind(element: etree._Element, schema: Schema) -> tuple[list[Fault], etree._Element, frozenset[str]]:
    """Every fault of structure, also those that others hide, found by mending a copy step by step.

    libxml2 says nothing more of an element's children once one of them was not expected there. So the copy is mended
    where the mend is plain (a fixed value taken out, something missing put in, order restored) and looked at again.

    Returns:
        The faults, those that can be seen at once first; the mended copy; and the paths in it of elements that are
        still faulty or were put in, and that nothing should be read from.
    """
    shown = copy.deepcopy(element)
    faults: dict[tuple[str, str, str], Fault] = {}
    made: list[etree._Element] = []
    for _ in range(_MOST_MENDS):
        left = _problems(shown, schema)
        problems = [p for p in left if not any(_is_in(p.element, m) for m in made)]
        for fault in (p.fault for p in problems):
            faults.setdefault((fault.xpath, fault.requirement, fault.what), fault)
        mended = [p for p in problems if p.mend is not None]
        if not mended:
            break
        for problem in mended:
            assert problem.mend is not None, "the others were left out"
            if (new := problem.mend()) is not None:
                made.append(new)
    else:
        left = _problems(shown, schema)
    unsound = [p.element for p in left] + made
    return list(faults.values()), shown, frozenset(path_of(e) for e in unsound)


def _is_in(element: etree._Element, outer: etree._Element) -> bool:
    return element is outer or any(e is outer for e in element.iterancestors())


@dataclass(frozen=True, slots=True)
class _Problem:
    """A fault, where it is, and what would mend it in a copy: gives the element that it put in, if it did."""

    fault: Fault
    element: etree._Element
    mend: Callable[[], etree._Element | None] | None = None


def _problems(element: etree._Element, schema: Schema) -> list[_Problem]:
    return [_retold(element, said.path, said.message) for said in schema.errors(element)]


def _distinct(faults: Iterable[Fault]) -> Iterable[Fault]:
    return {(fault.xpath, fault.requirement, fault.what): fault for fault in faults}.values()


def _retold(root: etree._Element, path: str, message: str) -> _Problem:
    said = _SAID.match(message)
    element = _element_at(root, path)
    if said is None:
        return _Problem(_fault(element, STRUCTURE, "Structure", found=message), element)
    what, attribute = said["what"], said["attribute"]
    if "No matching global declaration" in what:
        return _Problem(_other_root(element), element)
    if attribute is not None:
        return _attribute_problem(element, attribute, what)
    if missing := _MISSING_ATTRIBUTE.match(what):
        return _Problem(_missing_attribute(element, _local(missing[1])), element)
    expected = _EXPECTED.search(what)
    names = [name for name in map(_named, expected["names"].split(", ")) if name] if expected else []
    if what.startswith("This element is not expected"):
        return _unexpected(element, names)
    if what.startswith("Missing child element"):
        return _missing(element, names)
    if what.startswith(("Character content", "Element content is not allowed")):
        return _content_problem(element)
    return _Problem(_fault(element, STRUCTURE, "Structure", found=_plain(what)), element)


# Attributes


def _attribute_problem(element: etree._Element, clark: str, what: str) -> _Problem:
    name = _local(clark)
    if "is not allowed" in what:

        def drop() -> None:
            if clark in element.attrib:
                del element.attrib[clark]

        if name in FIXED_ATTRIBUTES and not clark.startswith("{"):
            said = f"attribute {name} is a fixed value and must not be sent"
            return _Problem(_fault(element, FIXED_RULE, said, mend=_LEAVE_OUT), element, drop)
        rule = requirement_at((*_names(element), f"@{name}"))
        said = "Attribute that the schema does not know"
        fault = _fault(element, rule, said, found=name, mend="Leave the attribute out.")
        return _Problem(fault, element, drop)
    form = value_form((*_names(element), f"@{name}"))
    fixed = _FIXED_VALUE.search(what)
    fault = _fault(
        element,
        form.requirement,
        form.what,
        expected=form.expected or (fixed[1] if fixed else _plain(what)),
        found=element.get(clark) or "nothing",
        mend=form.mend(element.get(clark) or ""),
    )
    return _Problem(fault, element)


def _missing_attribute(element: etree._Element, name: str) -> Fault:
    rule = requirement_at((*_names(element), f"@{name}"))
    return _fault(element, rule, f"{local_name(element)} without {name}", expected=f"attribute {name}")


# Elements


def _other_root(element: etree._Element) -> Fault:
    name, namespace = local_name(element), _namespace(str(element.tag))
    if name in ROOT_OF_KIND.values() and namespace != HL7:
        found = namespace or "no namespace"
        return _fault(element, NAMESPACE_RULE, f"Namespace of {name}", expected=HL7, found=found)
    return _fault(element, NAMESPACE_RULE, "Root element", expected="that of the message", found=name)


def _unexpected(child: etree._Element, expected: Sequence[str]) -> _Problem:
    """A child that must not stand where it does; `expected` are the Clark names of what may."""
    parent = child.getparent()
    if parent is None:
        return _Problem(_other_root(child), child)
    name, tag = local_name(child), str(child.tag)

    def drop() -> None:
        parent.remove(child)

    if (wrong := _wrong_namespace(child, expected)) is not None:
        return wrong
    if is_fixed_element(name, local_name(parent)):
        said = f"element {name} is a fixed value and must not be sent"
        return _Problem(_fault(child, FIXED_RULE, said, mend=_LEAVE_OUT), child, drop)
    if name.startswith(_BLOCK) and any(_local(e).startswith(_BLOCK) for e in expected):
        wanted = " or ".join(map(_local, expected))
        return _Problem(
            _fault(child, _BLOCK_RULE, "Block that does not belong here", expected=wanted, found=name), child
        )
    before = sum(1 for _ in child.itersiblings(tag, preceding=True))
    if is_foreign(_names(child)) and tag not in expected and not before:
        rule = requirement_at(_names(child))
        said = "Element that must not stand here"
        return _Problem(_fault(child, rule, said, found=name, mend="Leave it out."), child, drop)
    neighbour = child.getprevious()
    if neighbour is not None and neighbour.tag == tag:
        total = before + 1 + sum(1 for _ in child.itersiblings(tag))
        rule = requirement_at(_names(child))
        said = f"Too many {called(name)}"
        fault = _fault(child, rule, said, expected=f"at most {before}", found=total, mend="Leave the last one out.")
        return _Problem(fault, child, drop)
    awaited = next((e for e in child.itersiblings() if str(e.tag) in expected), None)
    # What may come again, and was there already, is not missing.
    satisfied = any(str(e.tag) in expected for e in child.itersiblings(preceding=True))
    if expected and awaited is None and not satisfied:
        return _missing(parent, expected, before=child)
    if awaited is not None:

        def put_in_order() -> None:
            parent.insert(parent.index(child), awaited)

        said, mend = "Element out of order", f"Put {local_name(awaited)} in front of {name}."
        if not is_known(name):
            said, mend = _UNKNOWN, "Leave it out."
        fault = _fault(child, STRUCTURE, said, expected=called(local_name(awaited)), found=name, mend=mend)
        return _Problem(fault, child, put_in_order)
    if is_known(name):
        fault = _fault(child, STRUCTURE, "Element out of order", found=name, mend="Move it to its place.")
        return _Problem(fault, child, drop)
    return _Problem(_fault(child, STRUCTURE, _UNKNOWN, found=name, mend="Leave it out."), child, drop)


def _wrong_namespace(child: etree._Element, expected: Sequence[str]) -> _Problem | None:
    """The problem of an element whose name is right but whose namespace is not; None for any other."""
    name, tag = local_name(child), str(child.tag)
    wanted = next((e for e in expected if _local(e) == name), None)
    if wanted is None and tag.startswith(_OURS):
        return None
    fault = _fault(
        child,
        NAMESPACE_RULE,
        f"Namespace of {name}",
        expected=_namespace(wanted) if wanted else HL7,
        found=_namespace(tag) or "no namespace",
    )

    def rename() -> None:
        child.tag = wanted or f"{{{HL7}}}{name}"

    return _Problem(fault, child, rename)


def _missing(parent: etree._Element, expected: Sequence[str], before: etree._Element | None = None) -> _Problem:
    """Something that a parent must hold and does not; of several that may come next, the last is mandatory."""
    blocks = [_local(e) for e in expected if _local(e).startswith(_BLOCK)]
    wanted = expected[-1] if expected else ""
    name = _local(wanted) or "an element"
    rule = requirement_at((*_names(parent), name))
    if blocks:
        rule = _BLOCK_RULE if rule == STRUCTURE else rule
        return _Problem(_fault(parent, rule, "Block is missing", expected=" or ".join(blocks)), parent)

    def put_in() -> etree._Element:
        new = parent.makeelement(wanted)
        parent.insert(len(parent) if before is None else parent.index(before), new)
        return new

    where = f"at the end of {local_name(parent)}" if before is None else f"in front of {local_name(before)}"
    fault = _fault(parent, rule, f"{called(name)} is missing in {local_name(parent)}", mend=f"Put it {where}.")
    return _Problem(fault, parent, put_in if wanted else None)


def _content_problem(element: etree._Element) -> _Problem:
    if not len(element):
        text = (element.text or "").strip(WHITE_SPACE)
        return _Problem(
            _fault(element, STRUCTURE, f"Text in {local_name(element)}", expected="none", found=text), element
        )
    strays = (element.text, *(child.tail for child in element))
    stray = next((found for text in strays if text and (found := text.strip(WHITE_SPACE))), "")
    if not stray:
        said = f"Elements inside {local_name(element)}"
        return _Problem(_fault(element, STRUCTURE, said, expected="text", found=local_name(element[0])), element)

    def clean() -> None:
        element.text = None
        for child in element:
            child.tail = None

    said = "Text where only elements may stand"
    return _Problem(_fault(element, STRUCTURE, said, found=stray, mend="Leave it out."), element, clean)


# Names and places


def _fault(
    element: etree._Element, rule: str, what: str, *, expected: object = "", found: object = "", mend: str = ""
) -> Fault:
    return Fault(rule, what, line_of(element), path_of(element), str(expected), shortened(found), mend)


def _element_at(root: etree._Element, path: str) -> etree._Element:
    """The element at libxml2's own path, where `*` stands for any element that has a namespace without prefix."""
    current = root
    for name, number in _STEP.findall(path)[1:]:
        children = [c for c in current if isinstance(c.tag, str)]
        if name != "*":
            children = [c for c in children if local_name(c) == name.rpartition(":")[2]]
        place = int(number or 1) - 1
        if place >= len(children):
            break
        current = children[place]
    return current


def _names(element: etree._Element) -> tuple[str, ...]:
    """Local names from the root down to an element."""
    return (*reversed([local_name(e) for e in element.iterancestors()]), local_name(element))


def _named(name: str) -> str:
    """A name of libxml2's list; empty for a wildcard."""
    return "" if name.startswith("##") else name.rstrip(".")


def _local(clark: str) -> str:
    return clark.rpartition("}")[2]


def _namespace(clark: str) -> str:
    return clark[1:].partition("}")[0] if clark.startswith("{") else ""


def _plain(said: str) -> str:
    """libxml2's own words without namespaces and values, where we have none of our own."""
    if (found := _FACET.search(said)) is not None:
        return found[1]
    return shortened(re.sub(r"\{[^}]*\}", "", said).strip().removesuffix("."), _LONGEST_SAID)
