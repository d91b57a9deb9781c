"""Our reading against the official schemas: whatever they refuse, we refuse."""

import copy
from collections.abc import Iterator

import pytest
from lxml import etree

from cpis_simulator.codecs.xml import local_name
from cpis_simulator.rules.judge import judge
from tests.official import official_schema
from tests.simulator.codec_examples import EXAMPLES, Example


def damaged(root: etree._Element) -> Iterator[tuple[str, etree._Element]]:
    """Copies of a document, each with one element gone, doubled, foreign or with text, or one attribute changed."""
    for place, original in enumerate(list(root.iter())[1:], start=1):
        name = local_name(original)
        for what in (
            "without",
            "twice",
            "foreign child in",
            "text in",
            "space in",
            "no-break space in",
            *(f"{how} {a} of" for a in map(str, original.attrib) for how in ("no", "empty", "spaced", "split")),
        ):
            changed = copy.deepcopy(root)
            element = list(changed.iter())[place]
            parent = element.getparent()
            assert parent is not None
            if what == "without":
                parent.remove(element)
            elif what == "twice":
                parent.insert(parent.index(element), copy.deepcopy(element))
            elif what == "foreign child in":
                etree.SubElement(element, "{urn:hl7-org:v3}foreign")
            elif what == "text in" and len(element):
                element.text = "text"
            elif what == "space in" and not len(element):
                element.text = f"{element.text or ''} "
            elif what == "no-break space in":
                element.text = f"{element.text or ''}\N{NO-BREAK SPACE}"
            elif what.startswith("no "):
                del element.attrib[what.split()[1]]
            elif what.startswith("empty "):
                element.set(what.split()[1], "")
            elif what.startswith("spaced "):
                element.set(what.split()[1], f"\N{NO-BREAK SPACE}{original.get(what.split()[1])}")
            elif what.startswith("split "):
                element.set(what.split()[1], f"{original.get(what.split()[1])} x")
            yield f"{what} {name}", changed


@pytest.mark.parametrize("example", [e for e in EXAMPLES if not e.patch_d], ids=lambda example: example.name)
def test_what_the_official_schema_refuses_is_refused(example: Example) -> None:
    schema = official_schema(example.kind)
    refused, missed = 0, []
    for what, changed in damaged(etree.fromstring(example.body)):
        if not schema.validate(changed):
            refused += 1
            if judge(etree.tostring(changed), example.kind).valid:
                missed.append(what)
    assert missed == []
    assert refused > 40, "the schema refused hardly anything: was it loaded?"
