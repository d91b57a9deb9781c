"""Upload files as text: templates, filled and escaped. The templates are those of the message specification."""

from datetime import UTC, datetime
from xml.sax.saxutils import escape, quoteattr

NUMBER_ROOT, LOCAL_ROOT = "2.16.840.1.113883.2.1.4.1", "2.16.840.1.113883.2.1.3.2.4.18.24"
BLOCKS = {"LAC": "COCT_TP146100GB01", "CPP": "COCT_TP146101GB01", "UCP": "COCT_TP146102GB01"}
LETTER = {"LAC": "l", "CPP": "c", "UCP": "u"}

FILE = """<?xml version="1.0" encoding="UTF-8"?>
<File xmlns="urn:hl7-org:v3" xmlns:l="NPFIT:HL7:Localisation">
<creationTime value="{made}"/>
<id extension="{id}"/>
<transmissionQuantity value="{quantity}"/>
<communicationFunctionSnd>
<organisation>
<id root="2.16.840.1.113883.2.1.3.2.4.19.1" extension={ods}/>
<name>{name}</name>
{telephones}</organisation>
</communicationFunctionSnd>
{records}</File>
"""
BLOCK = """<{role}>
<l:contentId root="2.16.840.1.113883.2.1.3.2.4.18.16" extension="{template}#{block}"/>
<{template}.{block}>
{inside}</{template}.{block}>
</{role}>
"""


def upload(file_id, ods, name, telephones, records):
    """A whole file. `telephones` are (use, value) pairs, each record is (person, plans)."""
    return FILE.format(
        made=f"{datetime.now(UTC):%Y%m%d%H%M%S}+0000",
        id=file_id,
        quantity=len(records),
        ods=quoteattr(ods),
        name=escape(name),
        telephones="".join(f"<telecom value={quoteattr(v)} use={quoteattr(u)}/>\n" for u, v in telephones),
        records="".join(_record(person, plans, f"{ods}:{name}") for person, plans in records),
    ).encode()


def _record(person, plans, assigner):
    """One person's plans, then the person: as child, as mother of an unborn child, or as both."""
    blocks = [_plan(plan) for plan in plans]
    ids = f'<id root="{NUMBER_ROOT}" extension={quoteattr(person["number"])}/>\n'
    ids += f'<id root="{LOCAL_ROOT}" extension={quoteattr(person["local_id"])}'
    ids += f" assigningAuthorityName={quoteattr(assigner)}/>\n"
    about = f'<birthTime value="{person["born"].replace("-", "")}"/>\n'
    about += f"<name><given>{escape(person['given'].strip())}</given>"
    about += f"<family>{escape(person['family'].strip())}</family></name>\n"
    if any(plan["kind"] == "UCP" for plan in plans):
        inside = f"<parentMotherPerson>\n{about}<playedMother>\n{ids}</playedMother>\n</parentMotherPerson>\n"
        blocks.append(BLOCK.format(role="subject", template="COCT_TP145100GB01", block="UnbornChild", inside=inside))
    if any(plan["kind"] != "UCP" for plan in plans):
        inside = f"{ids}<childPerson>\n{about}</childPerson>\n"
        blocks.append(BLOCK.format(role="subject", template="COCT_TP145101GB01", block="Child", inside=inside))
    return f"<record>\n<CP-ISRecord>\n{''.join(blocks)}</CP-ISRecord>\n</record>\n"


def _plan(plan):
    kind, letter = plan["kind"], LETTER[plan["kind"]]
    # What must stand as the end of an unborn child's plan is the due date, until the plan really ends.
    end = plan["ended"] or (plan["due"] if kind == "UCP" else None)
    dates = (
        ("component", "Start", plan["start"]),
        ("component1", "End", end),
        ("component2", "Delete", plan["withdrawn"]),
    )
    inside = "".join(
        f'<{element}><{letter}{kind[1:]}{what}Date><value value="{day.replace("-", "")}0000"/>'
        f"</{letter}{kind[1:]}{what}Date></{element}>\n"
        for element, what, day in dates
        if day
    )
    role = "pertinentInformation"
    return BLOCK.format(role=role, template=BLOCKS[kind], block=f"{kind}Information", inside=inside)
