"""Our schemas against the official ones: valid documents are changed in every place, and both must say the same.

`CPIS_SCHEMA_PAIRS` sets how many documents of each root get two changes at once, `CPIS_SCHEMA_SEED` another seed.
"""

from __future__ import annotations

import os
import random
import shutil
import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
from lxml import etree

from cpis_simulator.codecs import schema as our_schemas
from cpis_simulator.codecs.schema import Schema, header_schema, record_schema, schema_of
from cpis_simulator.vocabulary import MessageKind
from tests.official import VARIABLE, load_official, official_folder
from tests.simulator.schema_changes import HL7_TYPES, Change, Changes
from tests.simulator.schema_documents import DOCUMENTS, XSI, Documents
from tests.simulator.schema_reading import V3, XS, Declaration, Place, Schemas, place

pytestmark = pytest.mark.skipif(
    not os.environ.get(VARIABLE), reason=f"{VARIABLE} does not name the folder of the official CP-IS schemas"
)

SEED: Final = int(os.environ.get("CPIS_SCHEMA_SEED", "20260105"))
PAIRS: Final = int(os.environ.get("CPIS_SCHEMA_PAIRS", "100"))
OPEN: Final = {r"list(xs:token pattern=[^\s]*)"}
"""Forms of simple types that allow every string, so that none can be refused."""


@dataclass
class Outcome:
    """What a comparison found."""

    counts: Counter[str] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)
    single: int = 0
    differences: list[str] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)
    patch_d: list[str] = field(default_factory=list)
    untried: list[str] = field(default_factory=list)
    reached: dict[Place, str] = field(default_factory=dict)
    prohibited: set[Place] = field(default_factory=set)
    declared: set[Place] = field(default_factory=set)

    @property
    def total(self) -> int:
        """How many documents were judged."""
        return self.counts.total()


def official_schemas(documents: Documents) -> Schemas:
    return Schemas(official_folder() / "Schemas" / f"{documents.schema}.xsd")


def changes(documents: Documents, schemas: Schemas, seen: set[str], pairs: int = PAIRS) -> Changes:
    return Changes(documents, schemas, random.Random(f"{SEED} {documents.root}"), seen, pairs)


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    """All documents judged by both."""
    found, seen = Outcome(), set[str]()
    for documents in DOCUMENTS:
        schemas = official_schemas(documents)
        compare(documents, schemas, changes(documents, schemas, seen), found)
    return found


def compare(documents: Documents, schemas: Schemas, made: Changes, found: Outcome) -> None:
    """Judge the changed documents of one root, and note what was tried."""
    official, ours = load_official(documents.schema), schema_of(documents.kind, patch_d=False)
    verdicts: dict[tuple[Declaration, str], set[bool]] = defaultdict(set)
    for change in made:
        verdict = official.validate(change.document)
        found.counts[change.kind] += 1
        found.accepted[change.kind] += verdict
        if change.single:
            found.single += 1
            verdicts[change.declaration, change.attribute].add(verdict)
        who = "official" if verdict else "ours"
        if ours.accepts(change.document) != verdict:
            found.differences.append(f"only {who} accepts {change.what}")
        if documents.kind is MessageKind.UPLOAD and pieces_are_valid(change.document) != verdict:
            found.pieces.append(f"only {'whole' if verdict else 'pieces'} accepts {change.what}")
        if documents.kind is MessageKind.QUERY and schema_of(documents.kind).accepts(change.document) != verdict:
            found.patch_d.append(f"only {who} accepts {change.what}")
    note_declarations(documents, schemas, verdicts, found)


def pieces_are_valid(file: etree._Element) -> bool:
    """The header, and each record by itself; at least one of these."""
    records = file.findall(f"{{{V3}}}record")
    return header_schema().accepts(file) and bool(records) and all(map(record_schema().accepts, records))


def note_declarations(
    documents: Documents, schemas: Schemas, verdicts: dict[tuple[Declaration, str], set[bool]], found: Outcome
) -> None:
    found.declared |= {place(node) for node in schemas.declarations()}
    held = {
        declaration for body in documents.bodies for declaration in schemas.followed(etree.fromstring(body)).values()
    }
    for declaration in schemas.reachable(documents.root):
        where = f"{documents.root}: {place(declaration)}"
        found.reached[place(declaration)] = found.reached[place(schemas.resolved(declaration))] = "element"
        if declaration not in held:
            found.untried.append(f"{where} is in no valid document")
        if False not in verdicts[declaration, ""]:
            found.untried.append(f"{where} was never refused")
        type_ = schemas.type_of(declaration) if declaration.tag == f"{XS}element" else None
        if type_ is None:
            continue
        found.prohibited |= {place(node) for node in schemas.prohibited(type_)}
        for name, attribute in schemas.attributes(type_).items():
            found.reached[place(attribute)] = "attribute"
            expected = {True} if schemas.values(attribute).form in OPEN else {True, False}
            if missing := expected - verdicts[declaration, name]:
                found.untried.append(f"{where}: {name} was never {' or '.join(map(str, missing))}")


def test_our_schemas_accept_what_the_official_ones_accept_and_nothing_else(outcome: Outcome) -> None:
    assert outcome.differences == []


def test_header_and_records_of_an_upload_say_what_the_whole_says(outcome: Outcome) -> None:
    assert outcome.pieces == []


def test_patch_d_changes_nothing_for_a_query_without_its_element(outcome: Outcome) -> None:
    assert outcome.patch_d == []


def test_every_declaration_that_a_document_can_follow_is_tried_both_ways(outcome: Outcome) -> None:
    assert outcome.untried == []


def test_no_value_that_the_model_fixes_is_let_through(outcome: Outcome) -> None:
    assert outcome.accepted["fixed value sent"] == 0
    assert outcome.counts["fixed value sent"] > 1000


def test_many_documents_are_judged_and_they_are_close_to_valid_ones(outcome: Outcome) -> None:
    assert outcome.total >= 5000
    assert outcome.accepted.total() >= 0.3 * outcome.total
    assert outcome.single >= 0.4 * outcome.total


def test_table_of_changes(outcome: Outcome, capsys: pytest.CaptureFixture[str]) -> None:
    """What was judged, and what of the official set could not be reached."""
    rows = [("change", "documents", "accepted", "refused")]
    for kind, count in [*sorted(outcome.counts.items()), ("all", outcome.total)]:
        accepted = outcome.accepted.total() if kind == "all" else outcome.accepted[kind]
        rows.append((kind, str(count), str(accepted), str(count - accepted)))
    reached = Counter(outcome.reached.values())
    prohibited = outcome.prohibited - outcome.reached.keys()
    elsewhere = Counter(p.file for p in outcome.declared - outcome.reached.keys() - prohibited)
    files = ", ".join(f"{file.removesuffix('.xsd')} {count}" for file, count in sorted(elsewhere.items()))
    lines = [
        f"declarations in the official files: {len(outcome.declared)}",
        f"  followed by some document: {reached['element']} elements, {reached['attribute']} attributes",
        f"  prohibited where they stand, so sent and refused: {len(prohibited)}",
        f"  out of reach, inside what is prohibited or in types that no element has: {elsewhere.total()}",
        textwrap.fill(files, 110, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False),
    ]
    with capsys.disabled():
        print("\n" + "\n".join([table(rows), *lines]))
    assert reached["element"] + reached["attribute"] + len(prohibited) + elsewhere.total() == len(outcome.declared)


def table(rows: list[tuple[str, ...]]) -> str:
    """Rows as text: the first column to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join([first.ljust(widths[0]), *map(str.rjust, numbers, widths[1:])]) for first, *numbers in rows
    )


# The one known difference


def typed(documents: Documents) -> Iterator[tuple[str, etree._Element]]:
    """Documents in which an element says by `xsi:type` the name of its own type, where HL7 did not give that name."""
    schemas = official_schemas(documents)
    for site in changes(documents, schemas, set()).sites:
        name = schemas.type_name(site.declaration) if site.declaration.tag == f"{XS}element" else None
        for namespace, local in schemas.derived(name) if name is not None else ():
            if local not in HL7_TYPES:
                root, element = site.in_copy()
                # A prefix that lxml knows at this element.
                prefix = "h" if namespace == V3 else "l"
                element.set(f"{{{XSI}}}type", f"{prefix}:{local}")
                yield local, root


def test_a_type_name_that_is_not_hl7s_is_refused_in_xsi_type() -> None:
    # The official files name a type for every class; xsi:type may repeat such a name. Ours have no names for classes.
    official_only = Counter[str]()
    for documents in DOCUMENTS:
        official, ours = load_official(documents.schema), schema_of(documents.kind, patch_d=False)
        for name, document in typed(documents):
            assert not ours.accepts(document), name
            official_only[name] += official.validate(document)
    assert official_only["REPC_MT000002GB01.Record"] == 1
    assert "II" not in official_only


# That the comparison notices


def seeded(folder: Path, file: str, old: str, new: str) -> Path:
    """A copy of our schemas with one thing changed."""
    shutil.copytree(Path(our_schemas.__file__).with_name("schemas"), folder)
    text = (folder / file).read_text(encoding="utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("file", "old", "new", "root"),
    [
        ("blocks.xsd", '"telecom" maxOccurs="2"', '"telecom" maxOccurs="3"', "File"),
        ("blocks.xsd", '"component1" minOccurs="0" nillable="true"', '"component1" minOccurs="0"', "File"),
        ("blocks.xsd", '<xs:complexType mixed="true"/>', "<xs:complexType/>", "File"),
        ("blocks.xsd", '<xs:pattern value="[0-9]{12}"/>', '<xs:pattern value="[0-9]{11,12}"/>', "CP-ISQueryStub"),
        ("datatypes.xsd", "QS|TRC|MSK", "QS|MSK", "CP-ISInactiveNHSNumberNotification"),
        ("datatypes.xsd", 'value="(19|20)', 'value="(19|20|21)', "File"),
        ("datatypes.xsd", 'type="namePart" fixed="GIV"', 'type="namePart"', "File"),
        ("inactive_notification.xsd", '<xs:group ref="recipient"/>', "", "CP-ISInactiveNHSNumberNotification"),
    ],
)
def test_a_schema_that_differs_in_one_facet_is_noticed(
    file: str, old: str, new: str, root: str, tmp_path: Path
) -> None:
    documents = next(d for d in DOCUMENTS if d.root == root)
    path = seeded(tmp_path / "schemas", file, old, new) / f"{our_schemas.FILE_OF_KIND[documents.kind]}.xsd"
    ours, official = Schema(path), load_official(documents.schema)
    made: Iterator[Change] = iter(changes(documents, official_schemas(documents), set(), pairs=0))
    assert any(ours.accepts(change.document) != official.validate(change.document) for change in made)
