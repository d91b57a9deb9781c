"""Reading XML schemas as far as the comparison needs it: what they declare, and which declaration an element follows.

Only what the CP-IS schemas use is understood: no substitution groups, no global attributes, no `xs:all`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lxml import etree

XS: Final = "{http://www.w3.org/2001/XMLSchema}"
V3: Final = "urn:hl7-org:v3"
BUILT_IN: Final = "http://www.w3.org/2001/XMLSchema"
UNBOUNDED: Final = 1_000_000

Name = tuple[str | None, str]
Declaration = etree._Element
"""An `xs:element`, `xs:any` or `xs:attribute` of a schema file. Two that stand apart are two declarations, so that one
that refers to another is tried where it stands."""


@dataclass(frozen=True)
class Place:
    """Where a declaration stands: file and line, for messages."""

    file: str
    line: int
    name: str

    def __str__(self) -> str:
        """As a compiler would write it."""
        return f"{self.file}:{self.line} {self.name}"


class Schemas:
    """One schema with all that it includes and imports."""

    def __init__(self, entry: Path) -> None:
        """Read the files; nothing is checked."""
        self.elements: dict[Name, Declaration] = {}
        self.types: dict[Name, Declaration] = {}
        self._groups: dict[Name, Declaration] = {}
        self._attribute_groups: dict[Name, Declaration] = {}
        self._files: dict[Path, Declaration] = {}
        self._derived: dict[Name, list[Name]] = {}
        self._read(entry.resolve())

    def _read(self, path: Path) -> None:
        if path in self._files:
            return
        root = etree.parse(str(path), etree.XMLParser(remove_comments=True)).getroot()
        self._files[path] = root
        tables = {
            "complexType": self.types,
            "simpleType": self.types,
            "group": self._groups,
            "attributeGroup": self._attribute_groups,
            "element": self.elements,
        }
        for child in root:
            kind = _kind(child)
            if kind in ("include", "import"):
                self._read((path.parent / child.attrib["schemaLocation"]).resolve())
            elif kind in tables:
                tables[kind].setdefault((root.get("targetNamespace"), child.attrib["name"]), child)

    # Types

    def type_of(self, declaration: Declaration) -> Declaration | None:
        """The complex type of an element; None where it has none of these schemas."""
        declaration = self.resolved(declaration)
        if name := declaration.get("type"):
            return self.types.get(_qualified(declaration, name))
        return next((child for child in declaration if _kind(child) == "complexType"), None)

    def type_name(self, declaration: Declaration) -> Name | None:
        """The name of an element's type; None where the type stands inside the element."""
        declaration = self.resolved(declaration)
        name = declaration.get("type")
        return _qualified(declaration, name) if name else None

    def derived(self, base: Name) -> list[Name]:
        """All named complex types that may stand for one, itself first."""
        if base in self._derived:
            return self._derived[base]
        found = self._derived[base] = [base]
        for name, type_ in self.types.items():
            above: Name | None = name
            while above is not None and above != base:
                node = self.types.get(above)
                derivation = _derivation(node) if node is not None else None
                above = _qualified(derivation, derivation.attrib["base"]) if derivation is not None else None
            if above == base and name != base and _kind(type_) == "complexType":
                found.append(name)
        return found

    def is_mixed(self, type_: Declaration) -> bool:
        """Text may stand between the children."""
        content = next((child for child in type_ if _kind(child) == "complexContent"), None)
        if content is not None and content.get("mixed") is not None:
            return content.get("mixed") == "true"
        return type_.get("mixed") == "true"

    def attributes(self, type_: Declaration) -> dict[str, Declaration]:
        """The attributes that a type allows, with what it inherits."""
        derivation = _derivation(type_)
        if derivation is None:
            return self._declared_attributes(type_, {})
        above = self.types[_qualified(derivation, derivation.attrib["base"])]
        return self._declared_attributes(derivation, self.attributes(above))

    def _declared_attributes(self, holder: Declaration, found: dict[str, Declaration]) -> dict[str, Declaration]:
        for child in holder:
            if _kind(child) == "attributeGroup":
                self._declared_attributes(self._attribute_groups[_qualified(child, child.attrib["ref"])], found)
            elif _kind(child) == "attribute":
                found.pop(child.attrib["name"], None)
                if child.get("use") != "prohibited":
                    found[child.attrib["name"]] = child
        return found

    def prohibited(self, type_: Declaration) -> list[Declaration]:
        """Elements and attributes that a type names only to rule them out."""
        holder = type_ if (derivation := _derivation(type_)) is None else derivation
        attributes = [a for a in holder.iterchildren(f"{XS}attribute") if a.get("use") == "prohibited"]
        elements = [e for e in holder.iterdescendants(f"{XS}element") if e.get("maxOccurs") == "0"]
        return attributes + elements

    def particles(self, type_: Declaration) -> list[Declaration]:
        """The parts of a type's content model."""
        derivation = _derivation(type_)
        holder = type_ if derivation is None else derivation
        own = [child for child in holder if _kind(child) in ("sequence", "choice", "group")]
        if derivation is not None and _kind(derivation) == "extension":
            return self.particles(self.types[_qualified(derivation, derivation.attrib["base"])]) + own
        return own

    def children(self, type_: Declaration) -> list[Declaration]:
        """The declarations of all elements that may stand in a type, in the order of the schema."""
        return list(self._leaves(self.particles(type_)))

    def _leaves(self, particles: Sequence[Declaration]) -> Iterator[Declaration]:
        for particle in particles:
            if particle.get("maxOccurs") == "0":
                continue
            if _kind(particle) in ("element", "any"):
                yield particle
            else:
                yield from self._leaves(self._inside(particle))

    def _inside(self, particle: Declaration) -> list[Declaration]:
        if _kind(particle) == "group":
            return list(self._groups[_qualified(particle, particle.attrib["ref"])])
        return list(particle)

    def resolved(self, element: Declaration) -> Declaration:
        """The declaration that another refers to, or itself."""
        reference = element.get("ref")
        return self.elements[_qualified(element, reference)] if reference else element

    # Reach

    def reachable(self, root: str) -> list[Declaration]:
        """All element declarations that a document can follow, the root's first; `xs:any` and references among them."""
        found: dict[Declaration, None] = {}
        todo = [self.elements[V3, root]]
        while todo:
            declaration = todo.pop(0)
            if declaration not in found:
                found[declaration] = None
                if _kind(declaration) == "element" and (type_ := self.type_of(declaration)) is not None:
                    todo += self.children(type_)
        return list(found)

    # Which declaration an element follows

    def followed(self, document: etree._Element) -> dict[etree._Element, Declaration]:
        """The declaration that each element of a valid document follows."""
        declaration = self.elements[V3, etree.QName(document).localname]
        found = {document: declaration}
        self._follow(document, declaration, found)
        return found

    def _follow(
        self, element: etree._Element, declaration: Declaration, found: dict[etree._Element, Declaration]
    ) -> None:
        type_ = self.type_of(declaration)
        assert type_ is not None, f"{place(declaration)} has no complex type"
        children = list(element.iterchildren("*"))
        matches = self._sequence(self.particles(type_), children, 0)
        taken = next((taken for end, taken in matches if end == len(children)), None)
        assert taken is not None, f"the children of {element.tag} do not follow {place(declaration)}"
        for child, chosen in zip(children, taken, strict=True):
            found[child] = chosen
            if _kind(chosen) == "element":
                self._follow(child, chosen, found)

    Taken = tuple[int, tuple[Declaration, ...]]

    def _sequence(
        self, particles: Sequence[Declaration], children: Sequence[etree._Element], start: int
    ) -> Iterator[Taken]:
        if not particles:
            yield start, ()
            return
        for middle, first in self._repeated(particles[0], children, start):
            for end, rest in self._sequence(particles[1:], children, middle):
                yield end, first + rest

    def _repeated(
        self, particle: Declaration, children: Sequence[etree._Element], start: int, done: int = 0
    ) -> Iterator[Taken]:
        least, most = bounds(particle)
        if done < most:
            for middle, first in self._once(particle, children, start):
                if middle > start:
                    for end, rest in self._repeated(particle, children, middle, done + 1):
                        yield end, first + rest
                else:
                    yield middle, first
        if done >= least:
            yield start, ()

    def _once(self, particle: Declaration, children: Sequence[etree._Element], start: int) -> Iterator[Taken]:
        match _kind(particle):
            case "element":
                if start < len(children) and children[start].tag == self.tag(particle):
                    yield start + 1, (particle,)
            case "any":
                if start < len(children) and not str(children[start].tag).startswith(f"{{{V3}}}"):
                    yield start + 1, (particle,)
            case "choice":
                for option in self._inside(particle):
                    yield from self._repeated(option, children, start)
            case _:
                yield from self._sequence(self._inside(particle), children, start)

    def tag(self, declaration: Declaration) -> str:
        """The tag of an element that follows a declaration."""
        declaration = self.resolved(declaration)
        return f"{{{declaration.getroottree().getroot().attrib['targetNamespace']}}}{declaration.attrib['name']}"

    # Simple types

    def values(self, attribute: Declaration) -> Values:
        """What an attribute may hold."""
        name = attribute.get("type")
        inner = next(attribute.iterchildren(f"{XS}simpleType"), None)
        assert name is not None or inner is not None, f"{place(attribute)} has no type"
        return self._values(_qualified(attribute, name) if name is not None else inner)

    def _values(self, type_: Name | Declaration | None) -> Values:
        if isinstance(type_, tuple):
            if type_[0] == BUILT_IN:
                return Values(f"xs:{type_[1]}")
            type_ = self.types[type_]
        assert type_ is not None
        content = next(child for child in type_ if _kind(child) in ("restriction", "list", "union"))
        parts = [
            self._values(_qualified(content, name))
            for attribute in ("base", "itemType", "memberTypes")
            for name in content.get(attribute, "").split()
        ] + [self._values(child) for child in content.iterchildren(f"{XS}simpleType")]
        kind = _kind(content)
        if kind != "restriction":
            codes = tuple(code for part in parts for code in part.codes)
            # A union with one open member is open.
            if kind == "union" and any(not part.codes for part in parts):
                codes = ()
            return Values(f"{kind}({', '.join(part.form for part in parts)})", codes)
        facets = [(str(_kind(facet)), facet.attrib["value"]) for facet in content if facet.get("value") is not None]
        codes = tuple(value for facet, value in facets if facet == "enumeration")
        form = " ".join([parts[0].form, *(f"{facet}={value}" for facet, value in facets)])
        return Values(form if facets else parts[0].form, codes or parts[0].codes)

    def declarations(self) -> Iterator[Declaration]:
        """All that the files declare, whether a document can follow it or not."""
        for root in self._files.values():
            yield from root.iter(f"{XS}element", f"{XS}attribute", f"{XS}any")


@dataclass(frozen=True)
class Values:
    """A simple type: its form as one string, equal for types that are built alike, and its codes if it lists some."""

    form: str
    codes: tuple[str, ...] = ()


def bounds(particle: Declaration) -> tuple[int, int]:
    """How often a particle may occur."""
    most = particle.get("maxOccurs", "1")
    return int(particle.get("minOccurs", "1")), UNBOUNDED if most == "unbounded" else int(most)


def place(declaration: Declaration) -> Place:
    """Where a declaration stands."""
    path = declaration.getroottree().docinfo.URL or ""
    name = declaration.get("name") or declaration.get("ref") or str(_kind(declaration))
    return Place(path.rpartition("/")[2], int(str(declaration.sourceline or 0)), name)


def _kind(node: Declaration) -> str | None:
    tag = str(node.tag)
    return tag.removeprefix(XS) if tag.startswith(XS) else None


def _qualified(node: Declaration, name: str) -> Name:
    prefix, colon, local = name.rpartition(":")
    return (node.nsmap.get(prefix if colon else None), local)


def _derivation(type_: Declaration) -> Declaration | None:
    for content in type_.iterchildren(f"{XS}complexContent", f"{XS}simpleContent"):
        return next(content.iterchildren(f"{XS}restriction", f"{XS}extension"))
    return None
