"""Changing valid documents, one facet at a time, wherever a schema declares something.

Theory of operation: a *site* is the first element, in the documents of a root, that follows a certain declaration. An
*edit* changes one thing at a site: an attribute's value, a child's place. Edits are listed from what the official
schema declares there, so that every declaration and every code of a list is tried; where values are many, a seeded
generator picks some. A *change* is a copy of the document with one edit in it, or with two.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from lxml import etree

from tests.simulator.schema_documents import OTHER, XSI, Documents
from tests.simulator.schema_reading import UNBOUNDED, V3, XS, Declaration, Schemas, Values, bounds

LOCALISATION: Final = "NPFIT:HL7:Localisation"

HL7_TYPES: Final = (
    *("CD", "CE", "CV", "CS", "CO", "CR", "II", "PN", "AD", "TEL", "PQ", "PQR"),
    *("TS", "SXCM_TS", "IVXB_TS", "IVL_TS", "PIVL_TS", "ED", "ST", "SC", "ADXP", "ENXP", "thumbnail"),
    *("en.delimiter", "en.prefix", "en.given", "en.family", "en.suffix"),
)
"""The names of HL7's own data types, which are all that `xsi:type` may say in our schemas."""

VALUES: Final = (
    # text and codes
    *("", " ", "a", " a", "a ", "a b", "\ta", "a\nb", "é", "a\u00a0b", "\u2028", "😀", "<&>'\"", "A", "x" * 5000),
    # numbers
    *("0", "1", "01", "+1", "-1", "-0", "1 ", "1.0", "1.5", "5.", ".5", "+.5", "1e3", "1E+3", "INF", "-INF", "NaN"),
    *("9" * 40, "-" + "9" * 40, "1,000", "0x1", "--1", "1 2"),
    # flags
    *("true", "false", " true ", "TRUE", "True", "yes"),
    # identifiers
    *("1.2", "1..2", ".1", "1.", "2.16.840.1.113883.2.1.4.1", " 2.16.840.1.113883.2.1.4.1", "1.2.826.0.1285.0.2.0.107"),
    *("2.16.840.1.113883.2.1.3.2.4.18.24", "2.16.840.1.113883.2.1.3.2.4.19.1", "2.16.840.1.113883.2.1.3.2.4.19.2"),
    *("2.16.840.1.113883.2.1.3.2.4.18.16", "2.16.840.1.113883.2.1.3.2.4.12", "2.16.840.1.113883.2.1.4.1 "),
    *("6F1B0E52-33C1-4E0A-9A10-000000000001", "6f1b0e52-33c1-4e0a-9a10-000000000001", "6F1B0E52-33C1-4E0A-9A10"),
    *("6F1B0E5233C14E0A9A10000000000001", "{6F1B0E52-33C1-4E0A-9A10-000000000001}", "ABC-1", "-abc", "1abc", "a_b"),
    *("999999000001", "99999900000", "9999990000011", "QUPC_IN000006GB01", "QUPC_IN000006GB1", "qupc_IN000006GB01"),
    # times
    *("2026", "202601", "2026010", "20260105", "202601050", "2026010509", "202601050900", "20260105090000"),
    *("20260105090000.5", "202601050900.5", "20260105090000.", "20260105090000+0000", "20260105090000-01", "2026+0000"),
    *(
        "20260105090000.25+0100",
        "20260105090000+00000",
        "20260105090000+",
        "20260105090000Z",
        "2026-01-05",
        "209912312359",
    ),
    *("190001010000", "189912312359", "210001010000", "202613010000", "202600010000", "202602310000", "202601320000"),
    *("202601052359", "202601052400", "202601050960", "202601050959", "2026010509000", "20260105090", " 202601050900"),
    # addresses
    *("tel:", "tel:+", "tel:0", "tel:+441632960001", "tel:01632 960001", "tel:++44", "tel:44+", "TEL:0", "tel:abc"),
    *("mailto:a@example.test", "http://example.test/a b", "a:", "A:b", "-:x", ":x", "x:%zz", "x:[", "a+b-1:c", "tel"),
    # lists
    *("WP EC", "WP  EC", " WP", "WP WP", "WP,EC", "wp", "WP XX", "L PREFERRED", "SP BR", "1.2 3.4", "1.2 x"),
    # binary
    *("QUJD", "QUI=", "Q", "QU JD", "====", "QUJD\n"),
)
"""What is tried as the value of any attribute: each is right for some type and wrong for others."""

_GOOD: Final = {
    "xs:integer": "12",
    "xs:base64Binary": "QUJD",
    "xs:boolean pattern=true|false": "true",
    "xs:string minLength=1": "a",
    r"xs:token pattern=[^\s]*": "a",
    "union(xs:decimal, xs:double)": "1.5",
}
_GOOD_STARTS: Final = {
    "xs:anyURI": "tel:0",
    "list(xs:string": "1.2 3.4",
    r"list(xs:token pattern=[^\s]*)": "a b",
    "union(xs:string": "1.2",
    "union(xs:token": "a",
    r"xs:string pattern=([0-9][0-9]*)": "1.2",
    "xs:string pattern=[0-9]{1,8}|": "20260105090000+0000",
}

FOREIGN: Final = {
    "nullFlavor": "UNK",
    "updateMode": "added",
    "classCode": "ACT",
    "moodCode": "EVN",
    "typeCode": "PERT",
    "determinerCode": "INSTANCE",
    "use": "WP",
    "type": "Person",
    "typeID": "1.2",
    "realmCode": "GB",
    "language": "en",
    "mediaType": "text/plain",
    "representation": "TXT",
    "qualifier": "SP",
    "partType": "GIV",
    "displayable": "true",
    "root": "1.2",
    "extension": "1",
    "assigningAuthorityName": "Z98:SAMPLEBURY",
    "code": "A",
    "codeSystem": "1.2",
    "codeSystemName": "name",
    "displayName": "A",
    "value": "202601050900",
    "unit": "1",
    "inclusive": "true",
    "contextConductionInd": "true",
}
"""Attributes of HL7 that are tried where they are not declared, with a value that they may have elsewhere."""

_NEVER: Final = {
    "templateId": {"root": "2.16.840.1.113883.2.1.3.2.4.18.2", "extension": "COCT_TP145101GB01#Child"},
    "code": {"code": "01", "codeSystem": "2.16.840.1.113883.2.1.3.2.4.17.470"},
    "semanticsText": {},
    "keyWordText": {},
    "realmCode": {"code": "GB"},
    "typeId": {"root": "2.16.840.1.113883.2.1.3.2.4.18.17", "extension": "REPC_MT000002GB01"},
}
"""Elements that other HL7 messages have at the head of any class."""


@dataclass(frozen=True)
class Edit:
    """One thing to change at a site.

    Args:
        kind: Its class, a row of the table.
        what: The same in full.
        apply: Does it, to an element of a copy.
        attribute: The attribute that it concerns, if it does.
    """

    kind: str
    what: str
    apply: Callable[[etree._Element], None]
    attribute: str = ""


@dataclass(frozen=True)
class Site:
    """The element of a document at which a declaration is tried."""

    tree: etree._Element
    position: int
    declaration: Declaration

    def in_copy(self) -> tuple[etree._Element, etree._Element]:
        """A copy of the document, and the element in it."""
        root = copy.deepcopy(self.tree)
        return root, _at(root, self.position)


@dataclass(frozen=True)
class Change:
    """A changed document.

    Args:
        kind: Class of the edit; "two at once" if there are two.
        what: What was changed, where.
        document: The changed document.
        declaration: What was tried.
        attribute: The attribute concerned, if one is.
        single: One edit away from a valid document.
    """

    kind: str
    what: str
    document: etree._Element
    declaration: Declaration
    attribute: str = ""
    single: bool = True


@dataclass
class Changes:
    """All changes to the documents of one root.

    Args:
        documents: The documents.
        schemas: The official schema of the root.
        chance: Picks where values are many.
        seen: Forms of simple types for which all values were tried; shared between roots.
        pairs: How many documents get two edits at once.
    """

    documents: Documents
    schemas: Schemas
    chance: random.Random
    seen: set[str]
    pairs: int = 0
    sites: list[Site] = field(init=False)
    _donors: dict[str, etree._Element] = field(init=False)

    def __post_init__(self) -> None:
        """Find the sites, each in the smallest document that has it."""
        self.sites, self._donors = [], {}
        found: set[Declaration] = set()
        for body in self.documents.bodies:
            tree = etree.fromstring(body)
            followed = self.schemas.followed(tree)
            for position, element in enumerate(tree.iter("*")):
                if (declaration := followed.get(element)) is not None and declaration not in found:
                    found.add(declaration)
                    self.sites.append(Site(tree, position, declaration))
                    self._donors.setdefault(str(element.tag), element)

    def __iter__(self) -> Iterator[Change]:
        """Every edit by itself, then pairs."""
        edits: dict[etree._Element, list[tuple[Site, Edit]]] = {}
        for site in self.sites:
            path = f"{self.documents.root}: {_path(site)}"
            for edit in self._edits(site):
                root, element = site.in_copy()
                edit.apply(element)
                what = f"{path}: {edit.what}"
                edits.setdefault(site.tree, []).append((site, edit))
                yield Change(edit.kind, what, root, site.declaration, edit.attribute)
        trees = list(edits)
        for _ in range(self.pairs):
            tree = self.chance.choice(trees)
            (first, one), (second, other) = self.chance.sample(edits[tree], 2)
            root = copy.deepcopy(tree)
            elements = _at(root, first.position), _at(root, second.position)
            # The first may take the place of the second away.
            other.apply(elements[1])
            one.apply(elements[0])
            what = f"{self.documents.root}: {_path(second)}: {other.what}; {_path(first)}: {one.what}"
            yield Change("two at once", what, root, first.declaration, single=False)

    def _edits(self, site: Site) -> Iterator[Edit]:
        element = _at(site.tree, site.position)
        if element.getparent() is not None:
            yield from _order(element)
            yield from _cardinality(element, site.declaration)
            yield from self._replaced(element)
            yield from self._any(_namespace(element), 2)
        yield from _text()
        yield from _comments()
        yield from self._any(_unknown(), 3)
        if site.declaration.tag != f"{XS}element":
            return
        type_ = self.schemas.type_of(site.declaration)
        assert type_ is not None
        allowed = self.schemas.attributes(type_)
        yield from self._fixed(type_)
        yield from self._attributes(element, allowed)
        yield from self._foreign(allowed)
        yield from self._children(element, type_)
        yield from self._instance(site.declaration)

    def _any(self, edits: Iterator[Edit], most: int) -> list[Edit]:
        several = list(edits)
        return self.chance.sample(several, min(most, len(several)))

    # Attributes

    def _attributes(self, element: etree._Element, allowed: dict[str, Declaration]) -> Iterator[Edit]:
        for name in element.attrib:
            yield Edit("attribute missing", f"without {name}", _removing(str(name)), str(name))
        for name, declaration in allowed.items():
            values = self.schemas.values(declaration)
            present = element.get(name)
            good = [present] if present else [declaration.get("fixed") or good_value(values)]
            whole = values.form not in self.seen
            self.seen.add(values.form)
            tried = [*good, *self._some(values, good[0], whole=whole)]
            for value in dict.fromkeys(tried):
                shown = value if len(value) < 50 else f"{value[:50]}…"
                yield Edit(_kind_of_value(values), f"{name}={shown!r}", _setting(name, value), name)

    def _some(self, values: Values, good: str, *, whole: bool) -> Iterator[str]:
        variants = [f" {good}", f"{good} ", f"{good}x", good.lower(), f"{good} {good}"]
        if whole:
            yield from VALUES
            yield from variants
            for code in values.codes:
                yield from (code, f" {code}\t", code.lower(), code[:-1], f"{code}-", *_neighbours(code))
        elif values.codes and not values.form.startswith("list"):
            yield from ("", self.chance.choice(values.codes), self.chance.choice([*VALUES, *variants]))
        else:
            # One of the first two is wrong for any type that is not open.
            yield from ("", "a b", "1", self.chance.choice(VALUES), self.chance.choice(variants))

    def _foreign(self, allowed: dict[str, Declaration]) -> Iterator[Edit]:
        names = [name for name in FOREIGN if name not in allowed]
        for name in self.chance.sample(names, 1):
            yield Edit("attribute of another class", f"with {name}", _setting(name, FOREIGN[name]))

    def _fixed(self, type_: Declaration) -> Iterator[Edit]:
        attributes = {name: FOREIGN[name] for name in ("classCode", "moodCode", "typeCode", "determinerCode")}
        for node in self.schemas.prohibited(type_):
            name = node.attrib["name"]
            if node.tag == f"{XS}attribute":
                attributes[name] = node.get("fixed") or good_value(self.schemas.values(node))
            else:
                sent, bare = _element_of(node), etree.Element(f"{{{V3}}}{name}")
                where = self.chance.choice((0, 99))
                yield Edit("fixed value sent", f"with {name} at {where}", _inserting(sent, where))
                yield Edit("fixed value sent", f"with an empty {name}", _inserting(bare, self.chance.choice((0, 99))))
        for name in self.chance.sample(list(_NEVER), 1):
            sent = etree.Element(f"{{{V3}}}{name}", _NEVER[name])
            yield Edit("fixed value sent", f"with another's {name}", _inserting(sent, 0))
        allowed = self.schemas.attributes(type_)
        for name, value in attributes.items():
            if name not in allowed:
                yield Edit("fixed value sent", f"with {name}={value!r}", _setting(name, value))

    # Children

    def _children(self, element: etree._Element, type_: Declaration) -> Iterator[Edit]:
        size = len(element)
        for declaration in self.schemas.children(type_):
            if declaration.tag != f"{XS}element":
                child = etree.Element(f"{{{OTHER}}}any")
            else:
                child = self._donors[self.schemas.tag(declaration)]
            place = self.chance.randint(0, size)
            what = f"one {etree.QName(child).localname} more at {place}"
            yield Edit("child of the class", what, _inserting(child, place))
        if len(each := self._one_of_each(type_)) > 1:
            filled = [_inserting(child, 99) for child in each]
            yield Edit("child of the class", "one child of each name", _all_of(_emptying, *filled))
            yield Edit("cardinality", "one child of each name, twice", _all_of(_emptying, *filled, *filled))
        for _ in range(2):
            child = self.chance.choice(list(self._donors.values()))
            place = self.chance.randint(0, size)
            what = f"{etree.QName(child).localname} from elsewhere at {place}"
            yield Edit("child of another class", what, _inserting(child, place))
        if size:
            yield Edit("emptied", "no children", _emptying)
            yield Edit("cardinality", "all children twice", _doubling)
        if size > 2:
            order = list(range(size))
            self.chance.shuffle(order)
            yield Edit("order", f"children as {order}", _ordering(order))

    def _one_of_each(self, type_: Declaration) -> list[etree._Element]:
        children = [child for child in self.schemas.children(type_) if child.tag == f"{XS}element"]
        return [self._donors[tag] for tag in dict.fromkeys(map(self.schemas.tag, children))]

    def _replaced(self, element: etree._Element) -> Iterator[Edit]:
        donor = self.chance.choice(list(self._donors.values()))
        yield Edit("replaced", f"replaced by {etree.QName(donor).localname}", _replacing(donor))
        if len(self._donors) > 1:
            near = self._donors[str(element.tag)]
            yield Edit("replaced", "children of another of the name", _refilling(near))

    # What an instance may say about its schema

    def _instance(self, declaration: Declaration) -> Iterator[Edit]:
        nil = f"{{{XSI}}}nil"
        yield Edit("xsi:nil", "nil, with what it has", _setting(nil, "true"))
        yield Edit("xsi:nil", "nil, without children", _all_of(_emptying, _setting(nil, "true")))
        if declaration.get("nillable") or self.chance.random() < 0.15:
            for value in ("false", "1", "0", " true ", "maybe", ""):
                yield Edit("xsi:nil", f"nil={value!r}", _setting(nil, value))
                yield Edit("xsi:nil", f"nil={value!r}, without children", _all_of(_emptying, _setting(nil, value)))
        hint = f"{V3} ../Schemas/nowhere.xsd"
        yield Edit("xsi:schemaLocation", "with hint", _setting(f"{{{XSI}}}schemaLocation", hint))
        hinted = self.chance.choice([("schemaLocation", V3), ("noNamespaceSchemaLocation", "x"), ("unknown", "x")])
        yield Edit("xsi:schemaLocation", f"with {hinted}", _setting(f"{{{XSI}}}{hinted[0]}", hinted[1]))
        yield from self._types(declaration)

    def _types(self, declaration: Declaration) -> Iterator[Edit]:
        name = self.schemas.type_name(declaration)
        derived = [local for _, local in self.schemas.derived(name)] if name is not None else []
        usable = [local for local in derived if local in HL7_TYPES]
        tried = [f"h:{local}" for local in usable]
        tried += self.chance.sample(HL7_TYPES, 1)
        tried += self.chance.sample(
            ["Nonsense", "y:II", "x:II", "xs:string", "xs:anyType", "", "ANY", "l:contentId"], 1
        )
        for value in dict.fromkeys(tried):
            yield Edit("xsi:type", f"type={value!r}", _setting(f"{{{XSI}}}type", value))
        for local in usable[1:]:
            typed = _setting(f"{{{XSI}}}type", local)
            type_ = self.schemas.types[V3, local]
            # What is particular to a type that no element has by itself is tried in full where it is met first.
            first = f"type {local}" not in self.seen
            self.seen.add(f"type {local}")
            for attribute, node in self.schemas.attributes(type_).items():
                good = node.get("fixed") or good_value(self.schemas.values(node))
                for value in (good, "", "a b", "1", "abc") if first else self.chance.sample((good, good, "a b"), 1):
                    edit = _all_of(typed, _setting(attribute, value))
                    yield Edit("xsi:type", f"type={local!r} with {attribute}={value!r}", edit)
            inside = [e for e in self.schemas.children(type_) if e.tag == f"{XS}element"]
            for child in inside:
                tag = self.schemas.tag(child)
                donor = self._donors.get(tag, etree.Element(tag))
                for times in (1, 2):
                    edit = _all_of(typed, *[_inserting(donor, 99)] * times)
                    yield Edit("xsi:type", f"type={local!r} with {etree.QName(tag).localname} last, {times}×", edit)
            if inside:
                filled = [_inserting(etree.Element(self.schemas.tag(child)), 99) for child in inside]
                whole = _all_of(typed, _emptying, *filled)
                yield Edit("xsi:type", f"type={local!r} with all its children", whole)
                for place in (0, -1):
                    yield Edit("xsi:type", f"type={local!r}, child {place} nil", _all_of(whole, _nilling(place)))
            yield Edit("xsi:type", f"type={local!r} with text", _all_of(typed, _appending_text))


def good_value(values: Values) -> str:
    """A value that a simple type allows."""
    if values.codes:
        return values.codes[0]
    if values.form in _GOOD:
        return _GOOD[values.form]
    for start, value in _GOOD_STARTS.items():
        if values.form.startswith(start):
            return value
    raise AssertionError(f"no good value is known for {values.form}")


def _neighbours(code: str) -> Iterator[str]:
    """The code with one digit moved up or down."""
    for place, sign in enumerate(code):
        if sign.isascii() and sign.isdigit():
            for digit in (int(sign) - 1, int(sign) + 1):
                if 0 <= digit <= 9:
                    yield f"{code[:place]}{digit}{code[place + 1 :]}"


def _kind_of_value(values: Values) -> str:
    form = values.form
    if form.startswith("list"):
        return "value: list"
    if values.codes:
        return "value: code list"
    if "[0-9A-F]{8}" in form or r"(\.[0-9]" in form:
        return "value: identifier"
    if "[0-9]{1,8}" in form:
        return "value: time"
    kinds = {"xs:token": "code", "union(xs:token": "code", "xs:string": "text", "xs:anyURI": "address"}
    kinds |= {"xs:boolean": "flag", "xs:base64Binary": "binary", "xs:integer": "number", "union(xs:decimal": "number"}
    return "value: " + next(kind for start, kind in kinds.items() if form.startswith(start))


def _order(element: etree._Element) -> Iterator[Edit]:
    if element.getnext() is not None:
        yield Edit("order", "after the next", _moving(1))
    if element.getprevious() is not None:
        yield Edit("order", "first", _moving(-99))
        yield Edit("order", "last", _moving(99))


def _cardinality(element: etree._Element, declaration: Declaration) -> Iterator[Edit]:
    yield Edit("cardinality", "removed", _dropping)
    yield Edit("cardinality", "twice", _repeating(1))
    yield Edit("cardinality", "all of the name removed", _dropping_all)
    most = bounds(declaration)[1]
    if most == UNBOUNDED:
        yield Edit("cardinality", "five times", _repeating(4))
    else:
        yield Edit("cardinality", f"{most} more", _repeating(most))
    if 3 < most < UNBOUNDED:
        yield Edit("cardinality", f"{most} times", _repeating(most - 1))


def _namespace(element: etree._Element) -> Iterator[Edit]:
    local = etree.QName(element).localname
    for name, namespace in (("another", OTHER), ("no", ""), ("the other of CP-IS", LOCALISATION), ("HL7's", V3)):
        tag = f"{{{namespace}}}{local}" if namespace else local
        if tag != element.tag:
            yield Edit("namespace", f"in {name} namespace", _renaming(tag))
    for name in list(element.attrib)[:1]:
        yield Edit("namespace", f"{name} in a namespace", _qualifying(str(name)))
    yield Edit("namespace", "another name", _renaming(f"{element.tag}x"))
    yield Edit("namespace", "another case", _renaming(str(element.tag).replace(local, local.swapcase())))


def _text() -> Iterator[Edit]:
    for what, text in (("text", "text"), ("white space", " \n\t"), ("a no-break space", "\u00a0")):
        yield Edit("text" if what == "text" else "white space", f"{what} in it", _writing(text))
    yield Edit("text", "text after its first child", _appending_text)


def _comments() -> Iterator[Edit]:
    yield Edit("comment", "a comment in it", _inserting(etree.Comment("note"), 0))
    yield Edit("comment", "a processing instruction in it", _inserting(etree.ProcessingInstruction("note", "x"), 99))


def _unknown() -> Iterator[Edit]:
    for namespace in (V3, OTHER):
        child = etree.Element(f"{{{namespace}}}unknown")
        yield Edit("unknown element", f"unknown of {namespace} first", _inserting(child, 0))
        yield Edit("unknown element", f"unknown of {namespace} last", _inserting(child, 99))
    yield Edit("unknown attribute", "with unknown", _setting("unknown", "1"))
    yield Edit("unknown attribute", "with x:unknown", _setting(f"{{{OTHER}}}unknown", "1"))
    yield Edit("unknown attribute", "with xml:lang", _setting("{http://www.w3.org/XML/1998/namespace}lang", "en"))


def _element_of(node: Declaration) -> etree._Element:
    """An element that the schema prohibits, with the values that the model fixes."""
    sent = etree.Element(f"{{{V3}}}{node.attrib['name']}")
    for attribute in node.iterdescendants(f"{XS}attribute"):
        code = attribute.find(f".//{XS}enumeration")
        value = attribute.get("fixed") or (code.attrib["value"] if code is not None else None)
        if value is not None:
            sent.set(attribute.attrib["name"], value)
    return sent


def _at(root: etree._Element, position: int) -> etree._Element:
    return next(islice(root.iter("*"), position, None))


def _path(site: Site) -> str:
    return str(site.tree.getroottree().getelementpath(_at(site.tree, site.position))).replace(f"{{{V3}}}", "")


# The edits themselves. A second edit may find its element without parent or child; it then does nothing.


def _setting(name: str, value: str) -> Callable[[etree._Element], None]:
    return lambda element: element.set(name, value)


def _removing(name: str) -> Callable[[etree._Element], None]:
    def apply(element: etree._Element) -> None:
        element.attrib.pop(name, None)

    return apply


def _qualifying(name: str) -> Callable[[etree._Element], None]:
    def apply(element: etree._Element) -> None:
        element.set(f"{{{V3}}}{name}", element.attrib.pop(name, ""))

    return apply


def _renaming(tag: str) -> Callable[[etree._Element], None]:
    def apply(element: etree._Element) -> None:
        element.tag = tag

    return apply


def _writing(text: str) -> Callable[[etree._Element], None]:
    def apply(element: etree._Element) -> None:
        element.text = text + (element.text or "")

    return apply


def _appending_text(element: etree._Element) -> None:
    if len(element):
        element[0].tail = "text"
    else:
        element.text = "text"


def _inserting(child: etree._Element, place: int) -> Callable[[etree._Element], None]:
    def apply(element: etree._Element) -> None:
        inserted = copy.deepcopy(child)
        inserted.tail = None
        element.insert(place, inserted)

    return apply


def _emptying(element: etree._Element) -> None:
    del element[:]
    element.text = None


def _nilling(place: int) -> Callable[[etree._Element], None]:
    return lambda element: element[place].set(f"{{{XSI}}}nil", "true")


def _ordering(order: Sequence[int]) -> Callable[[etree._Element], None]:
    def apply(element: etree._Element) -> None:
        if len(element) == len(order):
            element[:] = [element[place] for place in order]

    return apply


def _moving(by: int) -> Callable[[etree._Element], None]:
    def apply(element: etree._Element) -> None:
        parent = element.getparent()
        if parent is not None:
            place = max(0, parent.index(element) + by)
            parent.remove(element)
            parent.insert(place, element)

    return apply


def _dropping(element: etree._Element) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)


def _dropping_all(element: etree._Element) -> None:
    parent = element.getparent()
    if parent is not None:
        for other in parent.findall(str(element.tag)):
            parent.remove(other)


def _doubling(element: etree._Element) -> None:
    element.extend([copy.deepcopy(child) for child in element])


def _repeating(times: int) -> Callable[[etree._Element], None]:
    def apply(element: etree._Element) -> None:
        for _ in range(times):
            element.addnext(copy.deepcopy(element))

    return apply


def _replacing(donor: etree._Element) -> Callable[[etree._Element], None]:
    def apply(element: etree._Element) -> None:
        parent = element.getparent()
        if parent is not None:
            parent.replace(element, copy.deepcopy(donor))

    return apply


def _refilling(donor: etree._Element) -> Callable[[etree._Element], None]:
    def apply(element: etree._Element) -> None:
        element[:] = [copy.deepcopy(child) for child in donor]

    return apply


def _all_of(*several: Callable[[etree._Element], None]) -> Callable[[etree._Element], None]:
    def apply(element: etree._Element) -> None:
        for one in several:
            one(element)

    return apply
