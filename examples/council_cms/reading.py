"""Received files as dictionaries. Whatever is not exactly what it should be makes the whole file unreadable."""

import re
from datetime import datetime
from xml.etree.ElementTree import TreeBuilder
from xml.parsers import expat

NUMBER_ROOT, LOCAL_ROOT = "2.16.840.1.113883.2.1.4.1", "2.16.840.1.113883.2.1.3.2.4.18.24"
NAMESPACES = ("urn:hl7-org:v3", "NPFIT:HL7:Localisation")
DEEPEST = 40

FILE_CODES = {
    "CPF01": "File Level Error",
    "CPF02": "Successful File Upload",
    "CPF03": "Partial File Upload",
    "CPF04": "Unsuccessful File Upload",
    "CPF05": "PDS Error - PDS Unavailable",
    "CPF06": "Spine ii rejected the request because this version of the CPIS Client is no longer supported",
}
RECORD_CODES = {
    "CPR01": "PDS Error - No Match Found for NHS Number",
    "CPR02": "PDS Error - NHS Number Matched, but Sensitive Record",
    "CPR03": "PDS Error - NHS Number not Verified",
    "CPR04": "PDS Error - NHS Number Format Incorrect",
    "CPR05": "PDS Error - NHS Number Verified, but Superseded",
    "CPR06": "Successful Record Upload",
    "CPR07": "Unsuccessful Record Upload",
}


class Unreadable(Exception):
    """The bytes are none of the three messages that a council is sent."""


def read(body):
    """What a file says; its `kind` is acknowledgement, access or inactive."""
    try:
        root = _tree(body)
        reader = {
            "FileResponse": _acknowledgement,
            "CP-ISAccessToServiceNotification": _accesses,
            "CP-ISInactiveNHSNumberNotification": _inactive,
        }.get(root.tag)
        if reader is None:
            raise Unreadable(f"a message {root.tag} is not for us")
        return reader(root)
    except (expat.ExpatError, UnicodeDecodeError, ValueError) as error:
        raise Unreadable(str(error)) from error


def _tree(body):
    """The document, in UTF-8, without document type, names reduced to their last part."""
    body.decode("utf-8")
    builder, depth = TreeBuilder(), 0

    def start(name, attributes):
        nonlocal depth
        depth += 1
        namespace, _, tag = name.rpartition(" ")
        if namespace not in NAMESPACES or depth > DEEPEST:
            raise Unreadable(f"the element {tag} has no place here")
        builder.start(tag, attributes)

    def end(name):
        nonlocal depth
        depth -= 1
        builder.end(name.rpartition(" ")[2])

    def declaration(version, encoding, standalone):
        if (encoding or "utf-8").lower() not in ("utf-8", "utf8"):
            raise Unreadable(f"it says that it is {encoding}, not UTF-8")

    def document_type(*_):
        raise Unreadable("it has a document type")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    parser.XmlDeclHandler, parser.StartDoctypeDeclHandler = declaration, document_type
    parser.Parse(body, True)
    return builder.close()


def _one(node, path):
    """The one element at a path."""
    found = node.findall(path)
    if len(found) != 1:
        raise Unreadable(f"{path} stands {len(found)} times in {node.tag}")
    return found[0]


def _value(node, path, attribute="value"):
    """An attribute of the one element at a path."""
    value = _one(node, path).get(attribute)
    if value is None:
        raise Unreadable(f"{path} has no {attribute}")
    return value


def _count(node, path):
    text = _value(node, path)
    if not re.fullmatch(r"[0-9]+|-1", text):
        raise Unreadable(f"{path} is {text!r}, no count")
    return int(text)


def _instant(text):
    """An instant with its offset, as ISO."""
    if not re.fullmatch(r"[0-9]{12}([0-9]{2}(\.[0-9]+)?)?[+-][0-9]{4}", text):
        raise Unreadable(f"{text!r} is no instant")
    digits, offset = text.partition(".")[0][:14], text[-5:]
    digits = re.match(r"[0-9]+", digits)[0].ljust(14, "0")
    return datetime.strptime(digits + offset, "%Y%m%d%H%M%S%z").isoformat()


def _code(node, texts):
    """A code with its own text; CPR07 has two spellings."""
    code, text = node.get("code"), node.get("displayName") or ""
    if text.replace("Unsucessful", "Unsuccessful") != texts.get(code):
        raise Unreadable(f"{code} {text!r} is no code that we know")
    return code


def _acknowledgement(root):
    details = [_one(d, "code") for d in root.findall("acknowledgementFile/acknowledgementFileDetail")]
    reply = {
        "kind": "acknowledgement",
        "made": _instant(_value(root, "creationTime")),
        "file": _value(root, "id", "extension"),
        "quantity": _count(root, "transmissionQuantity"),
        "codes": {_code(node, FILE_CODES) for node in details},
        "receiver": _value(root, "communicationFunctionRcv/organisation/id", "extension"),
        "failed": _count(root, "failedReturnedCP-ISRecords/value"),
        "stored": _count(root, "successfulReturnedCP-ISRecords/value"),
        "results": [_result(d) for d in root.findall("acknowledgementRecord/acknowledgementRecordDetail")],
        "echoes": [_echo(m) for m in root.findall("message/cP-ISLAAcknowledgementResponse/pertinentInformation1")],
    }
    if not reply["codes"] or min(reply["failed"], reply["stored"]) < 0:
        raise Unreadable("it has no file code, or a count below 0")
    if (reply["file"] == "-1") != (reply["quantity"] == -1):
        raise Unreadable("-1 stands for the id and the quantity together")
    return reply


def _result(detail):
    code = _one(detail, "code")
    more = [(t.get("code", ""), t.get("displayName", "")) for t in code.findall("translation")]
    return {"code": _code(code, RECORD_CODES), "details": more, "location": _one(detail, "location").text or ""}


def _echo(holder):
    """A record as it is repeated: whose it is, and the kind and start of its plans."""
    record = holder[0]
    numbers = {i.get("extension") for i in record.iter("id") if i.get("root") == NUMBER_ROOT}
    entries = set()
    for node in record.iter():
        if node.tag.endswith("StartDate"):
            entries.add((node.tag[:3].upper(), _value(node, "value")[:8]))
    return {"valid": record.tag == "validCP-ISRecord", "numbers": numbers, "entries": entries}


def _ids(nodes):
    """NHS number, and the local id with whose it is."""
    numbers = [n.get("extension") for n in nodes if n.get("root") == NUMBER_ROOT]
    locals_ = [(n.get("extension"), n.get("assigningAuthorityName")) for n in nodes if n.get("root") == LOCAL_ROOT]
    if len(numbers) != 1:
        raise Unreadable("a person has no NHS number, or two")
    return {"number": numbers[0], "local": locals_[0] if locals_ else None}


def _recipient(root):
    path = "COCT_TP145103GB01.IntendedRecipient/representedSourceOrganization/id"
    return _value(_one(root, "primaryInformationRecipient"), path, "extension")


def _accesses(root):
    total = _count(root, "pertinentInformation/pertinentTotalReturnedRecords/value")
    if total < 0:
        raise Unreadable("the total is below 0")
    path = "pertinentInformation1/pertinentCP-ISRecordAccess/pertinentInformation2/pertinentCP-ISNHSQuery"
    return {
        "kind": "access",
        "receiver": _recipient(root),
        "total": total,
        "accesses": [_access(query) for query in root.findall(path)],
    }


def _access(query):
    access = {
        "event": _value(query, "id", "root"),
        "accessed": _instant(_value(query, "effectiveTime")),
        **_ids(query.findall("queryByParameter/person.id/value")),
    }
    author = _one(query, "author")
    if (one := author.find("COCT_TP145102GB01.AssignedAuthor")) is not None:
        people, place = [(one, "assignedAuthorPerson/name")], _one(one, "representedOrganization")
        access["system"] = ""
    else:
        one = _one(author, "COCT_TP145104GB01.System")
        entities = one.findall("indirectAuthority/superiorAssignedEntity")
        people, place = [(entity, "assignedPerson/name") for entity in entities], _one(one, "maintainingOrganization")
        access["system"] = f", system {_value(one, 'id', 'extension')}"
    access["worker"] = ", ".join(_name(_one(node, path)) for node, path in people)
    # The text of the role may name whom to call; it is shown letter for letter.
    access["role"] = ", ".join(_value(node, "code", "displayName") for node, _ in people)
    access["organisation"] = f"{_one(place, 'name').text} ({_value(place, 'id', 'extension')}){access['system']}"
    return access


def _name(name):
    parts = [part.text or "" for tag in ("prefix", "given", "family", "suffix") for part in name.findall(tag)]
    return " ".join(parts)


def _inactive(root):
    people = [
        {
            **_ids(patient.findall("id")),
            "new": [i.get("extension") for i in patient.findall("replacedBy/newVersion/id")],
        }
        for patient in root.findall("subject/pDSInactivePatient")
    ]
    return {"kind": "inactive", "receiver": _recipient(root), "people": people}
