"""Messages that the tracker sends, grown as trees: the query, and the two kinds of envelopes around it."""

import uuid
from xml.etree import ElementTree

HL7, LOCAL = "urn:hl7-org:v3", "NPFIT:HL7:Localisation"
SOAP, WSA = "http://schemas.xmlsoap.org/soap/envelope/", "http://schemas.xmlsoap.org/ws/2004/08/addressing"
EB = "http://www.oasis-open.org/committees/ebxml-msg/schema/msg-header-2_0.xsd"
XLINK, PAYLOAD = "http://www.w3.org/1999/xlink", "urn:hl7-org:transport/ebXML/DSTUv1.0"
PREFIXES = {
    "xml": "http://www.w3.org/XML/1998/namespace",
    "q": HL7,
    "loc": LOCAL,
    "soap": SOAP,
    "wsa": WSA,
    "eb": EB,
    "xlink": XLINK,
    "pl": PAYLOAD,
}
for _prefix, _space in PREFIXES.items():
    ElementTree.register_namespace(_prefix, _space)

SERVICE, QUERY = "urn:nhs:names:services:cpisquery", "QUPC_IN000006GB01"
SPINE_ASID, SPINE_PARTY, SPINE_CONTRACT = "999999000001", "YES-0000806", "S2001A0000001"
ASID_ROOT, USER_ROOT, PROFILE_ROOT = (f"1.2.826.0.1285.0.2.0.{n}" for n in (107, 65, 67))
ROLE_ROOT, ROLE_LIST = "1.2.826.0.1285.0.2.1.104", "2.16.840.1.113883.2.1.3.2.4.17.196"
ODS_ROOT, BLOCK_ROOT = "2.16.840.1.113883.2.1.3.2.4.19.1", "2.16.840.1.113883.2.1.3.2.4.18.16"
PARTY_TYPE = "urn:nhs:names:partyType:ocs+serviceInstance"
MSH, NEXT = "urn:oasis:names:tc:ebxml-msg:actor:toPartyMSH", "http://schemas.xmlsoap.org/soap/actor/next"


def new_id():
    """An identifier of a message or an event."""
    return str(uuid.uuid4()).upper()


def grow(name, *inside, **attributes):
    """An element `prefix:name`, of HL7 when there is no prefix; `inside` are elements and text. None is left out."""
    prefix, _, local = name.rpartition(":")
    named = {}
    for key, value in attributes.items():
        space, _, plain = key.rpartition("__")
        named[f"{{{PREFIXES[space]}}}{plain}" if space else plain] = value
    element = ElementTree.Element(f"{{{PREFIXES[prefix or 'q']}}}{local}", named)
    for thing in inside:
        if isinstance(thing, str):
            element.text = thing
        elif thing is not None:
            element.append(thing)
    return element


def as_bytes(element):
    """A document."""
    return ElementTree.tostring(element, encoding="UTF-8", xml_declaration=True)


def ident(root, extension):
    """An id."""
    return grow("id", root=root, extension=extension)


def query(look, author, message):
    """The query about `look["number"]`; the flag stands in it only where it says that the read is silent."""
    asid, stamp = author["asid"], look["asked"].strftime("%Y%m%d%H%M%S")
    flag = grow("accessEventType", grow("value", value="false")) if look["silent"] else None
    return grow(
        QUERY,
        grow("id", root=message),
        grow("creationTime", value=stamp),
        grow("versionCode", code="v3INF_DMSv5.7:FIN"),
        grow("interactionId", root="2.16.840.1.113883.2.1.3.2.4.12", extension=QUERY),
        grow("processingCode", code="P"),
        grow("processingModeCode", code="T"),
        grow("acceptAckCode", code="NE"),
        *devices(asid, typed=True),
        grow(
            "ControlActEvent",
            *control_authors(author, asid),
            grow(
                "subject",
                grow(
                    "CP-ISQueryStub",
                    grow(
                        "cP-ISNHSQuery",
                        grow("effectiveTime", value=f"{stamp}+0000"),
                        grow("id", root=look["event"]),
                        grow("author", *(system(author) if author["is_system"] else person(author))),
                        grow(
                            "queryByParameter",
                            flag,
                            grow("person.NHSnumber", grow("value", extension=look["number"])),
                        ),
                    ),
                ),
                typeCode="SUBJ",
            ),
            classCode="CACT",
            moodCode="EVN",
        ),
    )


def devices(asid, *, typed):
    """Who receives and who sends."""
    made = []
    for side, number in (("Rcv", SPINE_ASID), ("Snd", asid)):
        device = grow("device", ident(ASID_ROOT, number), classCode="DEV", determinerCode="INSTANCE")
        made.append(grow(f"communicationFunction{side}", device, **({"typeCode": side.upper()} if typed else {})))
    return made


def control_authors(author, asid):
    """The signed-in user, where there is one, then the system."""
    if not author["is_system"] and author.get("role_profile_id"):
        user = grow("agentPersonSDS", ident(USER_ROOT, author["user_id"]), classCode="PSN", determinerCode="INSTANCE")
        role = grow(
            "part", grow("partSDSRole", ident(ROLE_ROOT, author["role_code"]), classCode="ROL"), typeCode="PART"
        )
        profile = ident(PROFILE_ROOT, author["role_profile_id"])
        yield grow("author", grow("AgentPersonSDS", profile, user, role, classCode="AGNT"), typeCode="AUT")
    device = grow("agentSystemSDS", ident(ASID_ROOT, asid), classCode="DEV", determinerCode="INSTANCE")
    yield grow("author1", grow("AgentSystemSDS", device, classCode="AGNT"), typeCode="AUT")


def block(name, *inside):
    """A block of a template, behind the line that names it."""
    return grow("loc:contentId", root=BLOCK_ROOT, extension=name.replace(".", "#")), grow(name, *inside)


def person(author):
    """A worker as the author."""
    profile = author.get("role_profile_id")
    return block(
        "COCT_TP145102GB01.AssignedAuthor",
        role_of(author),
        ident(USER_ROOT, author["user_id"]),
        ident(PROFILE_ROOT, profile) if profile else None,
        grow("assignedAuthorPerson", name_of(author)),
        grow("representedOrganization", *organisation(author)),
    )


def system(author):
    """The tracker itself as the author, and who answers for it."""
    entity = grow("superiorAssignedEntity", role_of(author), grow("assignedPerson", name_of(author)))
    return block(
        "COCT_TP145104GB01.System",
        ident(ASID_ROOT, author["asid"]),
        grow("indirectAuthority", entity),
        grow("maintainingOrganization", *organisation(author)),
    )


def role_of(author):
    """The job role."""
    return grow("code", code=author["role_code"], codeSystem=ROLE_LIST, displayName=author["role_name"])


def name_of(author):
    """A worker's name."""
    parts = [grow("prefix", author["prefix"])] if author.get("prefix") else []
    parts += [grow("given", given) for given in author["given"]]
    return grow("name", *parts, grow("family", author["family"]), use="L")


def organisation(author):
    """Id and name of the organisation."""
    return ident(ODS_ROOT, author["organisation_ods"]), grow("name", author["organisation_name"])


def soap_envelope(payload, envelope, asid):
    """The synchronous envelope."""
    return grow(
        "soap:Envelope",
        grow(
            "soap:Header",
            grow("wsa:MessageID", f"uuid:{envelope}"),
            grow("wsa:Action", f"{SERVICE}/{QUERY}"),
            grow("wsa:To", SERVICE),
            grow("wsa:From", grow("wsa:Address")),
            *devices(asid, typed=False),
            grow("wsa:ReplyTo", grow("wsa:Address")),
        ),
        grow("soap:Body", payload),
    )


def message_header(party, service, action, envelope, conversation, stamp, *more, contract=SPINE_CONTRACT, refers=None):
    """The header that every ebXML message of ours has."""
    return grow(
        "eb:MessageHeader",
        grow("eb:From", party_id(party)),
        grow("eb:To", party_id(SPINE_PARTY)),
        grow("eb:CPAId", contract),
        grow("eb:ConversationId", conversation),
        grow("eb:Service", service),
        grow("eb:Action", action),
        grow(
            "eb:MessageData",
            grow("eb:MessageId", envelope),
            grow("eb:Timestamp", stamp),
            grow("eb:RefToMessageId", refers) if refers else None,
        ),
        *more,
        eb__version="2.0",
        soap__mustUnderstand="1",
    )


def party_id(key):
    """A message handler, by its key in the directory."""
    return grow("eb:PartyId", key, eb__type=PARTY_TYPE)


def ebxml_query(payload, envelope, party, stamp):
    """Content type and body of a reliable request."""
    version = {"eb__version": "2.0", "soap__mustUnderstand": "1"}
    header = message_header(party, SERVICE, QUERY, envelope, new_id(), stamp, grow("eb:DuplicateElimination"))
    reference = grow(
        "eb:Reference",
        grow("eb:Description", "Harbour ED Tracker asks", xml__lang="en"),
        grow("pl:Payload", style="HL7", encoding="XML", version="3.0"),
        xlink__href=f"cid:{envelope}@harbour.example",
    )
    whole = grow(
        "soap:Envelope",
        grow(
            "soap:Header",
            header,
            grow("eb:AckRequested", soap__actor=MSH, eb__signed="false", **version),
            grow("eb:SyncReply", soap__actor=NEXT, **version),
        ),
        grow("soap:Body", grow("eb:Manifest", reference, **version)),
    )
    parts = (("ebxml@harbour.example", "text/xml", whole), (f"{envelope}@harbour.example", "application/xml", payload))
    seam, lines = f"harbour-{envelope}", []
    for content_id, kind, tree in parts:
        head = f"--{seam}\r\nContent-Id: <{content_id}>\r\nContent-Type: {kind}; charset=UTF-8\r\n"
        lines += [f"{head}Content-Transfer-Encoding: 8bit\r\n\r\n".encode(), as_bytes(tree), b"\r\n"]
    lines.append(f"--{seam}--\r\n".encode())
    kind = f'multipart/related; boundary="{seam}"; type="text/xml"; start="<ebxml@harbour.example>"'
    return kind, b"".join(lines)


def acknowledgement(party, header, stamp):
    """An acknowledgement of a reply that asked for one."""
    header_of_it = message_header(
        party,
        "urn:oasis:names:tc:ebxml-msg:service",
        "Acknowledgment",
        new_id(),
        header["conversation"],
        header["timestamp"],
        contract=header["contract"],
        refers=header["id"],
    )
    receipt = grow(
        "eb:Acknowledgment",
        grow("eb:Timestamp", stamp),
        grow("eb:RefToMessageId", header["id"]),
        grow("eb:From", party_id(party)),
        eb__version="2.0",
        soap__mustUnderstand="1",
        soap__actor=MSH,
    )
    return as_bytes(grow("soap:Envelope", grow("soap:Header", header_of_it, receipt), grow("soap:Body")))
