"""Taking values out of an element that is known to fit its schema.

Nothing here checks structure (`structure` has done that); what an element holds is simply found and returned.
"""

from __future__ import annotations

from functools import lru_cache

from lxml import etree

from cpis_simulator.codecs.xml import WHITE_SPACE
from cpis_simulator.vocabulary import HL7


@lru_cache(maxsize=512)
def _clark(path: str) -> str:
    return "/".join(step if step in (".", "*") else f"{{{HL7}}}{step}" for step in path.split("/"))


def find(element: etree._Element, path: str) -> etree._Element | None:
    """The first element at a path of local names below an element, None when there is none."""
    return element.find(_clark(path))


def pick(element: etree._Element, path: str) -> etree._Element:
    """As `find`, where the schema says that there is one."""
    found = element.find(_clark(path))
    assert found is not None, f"{path} is missing, although the schema demands it"
    return found


def pick_all(element: etree._Element, path: str) -> list[etree._Element]:
    """All elements at a path, in the order of the document."""
    return element.findall(_clark(path))


def attribute_at(element: etree._Element, path: str, name: str) -> str:
    """An attribute of the element at a path."""
    return pick(element, path).get(name, "")


def words(element: etree._Element) -> str:
    """The text of an element that holds text only; white space around it does not count."""
    return (element.text or "").strip(WHITE_SPACE)
