"""What comes back: XML that is read with care, and what a reply says about the number that was asked for.

Whatever is not beyond doubt the answer to this very query is `unknown`, and never "no record".
"""

from datetime import datetime
from email import message_from_bytes
from itertools import pairwise
from xml.etree import ElementTree
from xml.parsers import expat

from .asking import EB, HL7, LOCAL, SOAP, WSA

DEEPEST, MOST_ACCESSES = 200, 25
KINDS = {
    "CPPInformation": ("child protection plan", "CPP"),
    "LACInformation": ("looked after child", "LAC"),
    "UCPInformation": ("unborn child protection plan", "UCP"),
}
TEMPLATES = {"CPPInformation": "COCT_TP146105GB01", "LACInformation": "COCT_TP146103GB01"}
TEMPLATES |= {"UCPInformation": "COCT_TP146104GB01"}
UNKNOWN = "CP-IS status UNKNOWN. Do not read this as 'no plan': ring the local authority, or ask again. Reason: "
NO_RECORD = (
    "CP-IS holds no record for this NHS number. That is no evidence that the patient is safe: go on with the usual "
    "safeguarding checks."
)


class Unreadable(Exception):
    """A message that says nothing that we could rely on."""


def tree(data):
    """The root of a document in UTF-8 without a document type, and not too deep."""
    depth = 0

    def down(*_):
        nonlocal depth
        depth += 1
        if depth > DEEPEST:
            raise Unreadable("it is nested too deep")

    def up(_):
        nonlocal depth
        depth -= 1

    def refuse(*_):
        raise Unreadable("it has a document type")

    def declared(_, encoding, __):
        if encoding and encoding.upper() not in ("UTF-8", "UTF8"):
            raise Unreadable(f"it is written in {encoding}")

    try:
        data.decode("utf-8")
        parser = expat.ParserCreate()
        parser.StartElementHandler, parser.EndElementHandler = down, up
        parser.StartDoctypeDeclHandler, parser.XmlDeclHandler = refuse, declared
        parser.Parse(data, True)
        return ElementTree.fromstring(data)
    except (UnicodeDecodeError, expat.ExpatError, ElementTree.ParseError) as error:
        raise Unreadable(f"it is no XML: {error}") from error


def local(element):
    """A name without its namespace."""
    return element.tag.rpartition("}")[2]


def at(element, path, attribute=None):
    """Text or attribute at a path of HL7 names; empty when there is nothing."""
    found = element.find("/".join(f"{{{HL7}}}{step}" for step in path.split("/")))
    if found is None:
        return ""
    return (found.get(attribute) if attribute else found.text) or ""


def every(element, path):
    """All elements at a path of HL7 names."""
    return element.findall("/".join(f"{{{HL7}}}{step}" for step in path.split("/")))


def soap_answer(data, envelope):
    """The HL7 message of a synchronous answer to the envelope."""
    root = tree(data)
    body = root.find(f"{{{SOAP}}}Body")
    inside = body[0] if body is not None and len(body) else None
    if inside is None or local(inside) == "Fault":
        raise Unreadable("the service reports a fault")
    refers = root.findtext(f"{{{SOAP}}}Header/{{{WSA}}}RelatesTo") or ""
    if refers.strip().removeprefix("uuid:").upper() != envelope:
        raise Unreadable("the answer belongs to another query")
    return inside[0] if local(inside) == "CP-ISNHSQueryResponse" and len(inside) else inside


def ebxml_header(data):
    """What we need of an ebXML envelope."""
    root = tree(data)
    header = root.find(f"{{{SOAP}}}Header/{{{EB}}}MessageHeader")
    if header is None:
        raise Unreadable("it has no ebXML header")

    def text(path):
        return (header.findtext("/".join(f"{{{EB}}}{step}" for step in path.split("/"))) or "").strip()

    return {
        "to": text("To/PartyId"),
        "action": text("Action"),
        "contract": text("CPAId"),
        "conversation": text("ConversationId"),
        "id": text("MessageData/MessageId"),
        "timestamp": text("MessageData/Timestamp"),
        "refers": text("MessageData/RefToMessageId").upper(),
        "wants_receipt": root.find(f"{{{SOAP}}}Header/{{{EB}}}AckRequested") is not None,
        "is_receipt": root.find(f"{{{SOAP}}}Header/{{{EB}}}Acknowledgment") is not None,
    }


def unpacked(content_type, body):
    """Header and payload of a message that came to the reply port; an envelope alone has no payload."""
    if "multipart" not in content_type.lower():
        return ebxml_header(body), None
    mime = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    parts = mime.get_payload() if mime.is_multipart() else []
    if len(parts) < 2 or mime.defects:
        raise Unreadable("its parts are broken")
    envelope, payload = (part.get_payload(decode=True).strip() for part in parts[:2])
    return ebxml_header(envelope), payload


def understood(reply, look, today):
    """(status, words, view) of a reply, which is an HL7 message, to a lookup."""
    try:
        if reply.tag == f"{{{HL7}}}REPC_IN000007GB01":
            return answer(reply, look, today)
        if reply.tag not in (f"{{{HL7}}}QUQI_IN010000UK14", f"{{{HL7}}}MCCI_IN010000UK13"):
            raise Unreadable("it is no reply to a query")
        if at(reply, "acknowledgement/messageRef/id", "root").upper() != look["message"]:
            raise Unreadable("the answer belongs to another query")
        return failure(reply)
    except (Unreadable, ValueError) as error:
        return "unknown", f"{UNKNOWN}{error}", {}


def failure(reply):
    """No record, or a refusal with its reasons."""
    codes = every(reply, "ControlActEvent/reason/justifyingDetectedIssueEvent/code")
    codes += every(reply, "acknowledgement/acknowledgementDetail/code")
    said = [(code.get("code") or "", (code.get("displayName") or "").strip()) for code in codes]
    if reply.tag.endswith("QUQI_IN010000UK14") and len(said) == 1:
        code, words = said[0]
        if "no records found" in words.lower() or (code == "CPIS-0001" and not words):
            return "no-record", NO_RECORD, {}
    reasons = "; ".join(words or code for code, words in said) or "none was given"
    return "refused", f"CP-IS refused to answer, so nothing is known. Its reason: {reasons}", {}


def answer(reply, look, today):
    """What is held, if all of it is about the number that was asked for."""
    held = reply.find(f".//{{{HL7}}}subject/{{{HL7}}}CP-ISNHSQueryResponse")
    if held is None:
        raise Unreadable("it holds no answer")
    for parent in held.iter():
        require_blocks(list(parent))
    accesses = every(held, "pertinentInformation13/pertinentCP-ISNHSQuery")
    records = every(held, "pertinentInformation14/pertinentCP-ISRecordControlAct/record")
    numbers = {at(access, "queryByParameter/person.NHSnumber/value", "extension") for access in accesses}
    for record in records:
        subjects = every(record, "CP-ISRecord/subject")
        numbers |= {number_of(subject) for subject in subjects} or {"nobody"}
    if numbers != {look["number"]}:
        raise Unreadable("the answer is about another NHS number")
    totals = [
        int(at(held, "pertinentInformation11/pertinentTotalReturnedAccessRecords/value", "value")),
        int(at(held, "pertinentInformation12/pertinentTotalReturnedChildRecords/value", "value")),
    ]
    if min(totals) < 0:
        raise Unreadable("it counts below nought")
    plans = [plan for record in records for plan in plans_of(record, today)]
    if not plans:
        raise Unreadable("it holds no plan")
    plans.sort(key=lambda plan: not plan["current"])
    whole = totals == [len(accesses), len(records)]
    lines = ["CHILD CARE ALERT: CP-IS holds information.", *(plan["text"] for plan in plans)]
    if not whole:
        lines.append("The answer is INCOMPLETE: it announces another number of entries than it holds.")
    seen = [access_of(access) for access in accesses[:MOST_ACCESSES]]
    return "found", "\n".join(lines), {"plans": plans, "accesses": seen, "complete": whole, "alert": True}


def require_blocks(siblings):
    """A line that names a block must stand before that block."""
    for named, block in pairwise([*siblings, None]):
        if named.tag != f"{{{LOCAL}}}contentId":
            continue
        if block is None or (named.get("extension") or "").replace("#", ".") != local(block):
            raise Unreadable("a block is not the one that is named")


def number_of(subject):
    """The NHS number of a child, or of the mother of an unborn one."""
    ids = [i for i in subject.iter(f"{{{HL7}}}id") if i.get("root") == "2.16.840.1.113883.2.1.4.1"]
    return ids[0].get("extension") if ids else "nobody"


def plans_of(record, today):
    """The plans of one authority's record."""
    authority = at(record, "communicationFunctionSnd/organisation/name")
    telephones = {t.get("use"): t.get("value") for t in every(record, "communicationFunctionSnd/organisation/telecom")}
    emergency = telephones.pop("EC", None)
    office = next(iter(telephones.values()), None)
    for information in every(record, "CP-ISRecord/pertinentInformation15"):
        block = information[-1]
        template, _, name = local(block).partition(".")
        if TEMPLATES.get(name) != template:
            raise Unreadable("it holds a plan of no known type")
        kind, short = KINDS[name]
        start = day(block, f"component/{short[0].lower()}{short[1:]}StartDate/value")
        end = day(block, f"component1/{short[0].lower()}{short[1:]}EndDate/value")
        if start is None:
            raise Unreadable("a plan has no start")
        # The end of an unborn child's plan is the day when it is due, after which the plan still stands.
        current = end is None or end > today or short == "UCP"
        plan = {"plan_type": kind, "start": str(start), "end": str(end) if end else None, "current": current}
        plan |= {"about": "unborn child" if short == "UCP" else "child", "authority": authority}
        plan |= {"telephone_office": office, "telephone_emergency": emergency}
        yield plan | {"text": words_of(plan)}


def day(block, path):
    """A date of a plan."""
    written = at(block, path, "value")
    return datetime.strptime(written[:8], "%Y%m%d").date() if written else None


def words_of(plan):
    """A plan as a line on the screen."""
    what = {
        "child protection plan": "Child protection plan",
        "looked after child": "Looked after child",
        "unborn child protection plan": "Child protection plan for her UNBORN CHILD",
    }[plan["plan_type"]]
    ended = "due" if plan["about"] == "unborn child" else "to" if plan["current"] else "ENDED"
    dates = f"from {plan['start']}" + (f", {ended} {plan['end']}" if plan["end"] else "")
    office, duty = (
        (plan[key] or "not given").removeprefix("tel:") for key in ("telephone_office", "telephone_emergency")
    )
    past = "" if plan["current"] else "PAST: "
    return f"{past}{what}, {dates}. {plan['authority']}: office hours {office}, emergency duty team {duty}."


def access_of(access):
    """Who looked before: when, who, in what role, for whom."""
    author = access.find(f"{{{HL7}}}author")
    block = author[-1]
    roles = [code.get("displayName") or "" for code in block.iter(f"{{{HL7}}}code")]
    names = [
        " ".join(part.text.strip() for part in name if part.text) for name in block.iter(f"{{{HL7}}}name") if len(name)
    ]
    worker = ", ".join(names)
    if local(block) == "COCT_TP145104GB01.System":
        worker = f"system {at(block, 'id', 'extension')}, responsible: {worker}"
    place = at(block, "representedOrganization/name") or at(block, "maintainingOrganization/name")
    when = at(access, "effectiveTime", "value")
    accessed = datetime.strptime(when, "%Y%m%d%H%M%S%z" if len(when) > 14 else "%Y%m%d%H%M%z")
    return {"accessed": accessed.isoformat(), "worker": worker, "role": ", ".join(roles), "organisation": place}
