"""Bodies of answers of the REST interface, in both versions of it.

Source: CP-IS file drop, sections 3.1, 3.7 to 3.9.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from cpis_simulator.mailbox.headers import stamp_of
from cpis_simulator.mailbox.messages import Mailbox, Message, Status
from cpis_simulator.mailbox.office import COLLECT_WITHIN
from cpis_simulator.mailbox.refusals import Reason, Refused

Body = dict[str, Any]
Mailboxes = Mapping[str, Mailbox]

CENTRAL: Final = Mailbox("", "Central system mailbox", "", "")
"""Whom reports are from."""


def refusal(refused: Refused, version: int) -> Body:
    """Why a request is refused."""
    no = refused.reason.value
    if refused.reason is Reason.BAD_REQUEST and refused.fields:
        return {"detail": list(refused.fields)}
    if version == 1:
        said = {"messageID": refused.message_id or None, "errorEvent": no.event, "errorCode": no.code}
        body = {**said, "errorDescription": refused.text, "fields": list(refused.fields) or None}
        return _present(body)
    detail = _present({"event": no.event, "code": no.code, "msg": refused.text})
    detail |= {"fields": list(refused.fields)} if refused.fields else {}
    return _present({"message_id": refused.message_id or None}) | {"detail": [detail]}


def tracking(message: Message, mailboxes: Mailboxes, version: int) -> Body:
    """What has become of a message, for its sender."""
    return _present(_tracking_1(message, mailboxes) if version == 1 else _tracking_2(message, mailboxes))


def _tracking_2(message: Message, mailboxes: Mailboxes) -> Body:
    sending, failure = message.sending, message.failure
    recipient = mailboxes.get(message.recipient, CENTRAL)
    return {
        "message_id": message.message_id,
        "local_id": sending.local_id,
        "workflow_id": sending.workflow_id,
        "filename": message.name_of_file(),
        "expiry_time": _iso(message, COLLECT_WITHIN),
        "upload_timestamp": _iso(message),
        "recipient": message.recipient,
        "recipient_name": recipient.name,
        "recipient_ods_code": recipient.ods_code,
        "recipient_org_code": recipient.ods_code,
        "recipient_org_name": recipient.organisation,
        "status_success": failure is None,
        "status": message.status.value,
        "status_event": failure.event if failure else None,
        "status_timestamp": message.changed.isoformat(),
        "status_description": failure.description if failure else None,
        "status_code": failure.code if failure else None,
    }


def _tracking_1(message: Message, mailboxes: Mailboxes) -> Body:
    sending, failure = message.sending, message.failure
    recipient, sender = mailboxes.get(message.recipient, CENTRAL), mailboxes.get(message.sender, CENTRAL)
    return {
        "addressType": "ALL",
        "checksum": sending.checksum,
        "chunkCount": sending.chunks,
        "compressFlag": "Y" if sending.compressed else "",
        "contentEncoding": sending.encoding,
        "downloadTimestamp": stamp_of(message.changed) if message.status is Status.ACKNOWLEDGED else "",
        "dtsId": message.message_id,
        "encryptedFlag": "Y" if sending.encrypted else "",
        "expiryTime": stamp_of(message.uploaded + COLLECT_WITHIN),
        "failureDate": stamp_of(message.changed) if failure else None,
        "failureDiagnostic": failure.description if failure else None,
        "fileName": message.name_of_file(),
        "fileSize": message.size,
        "isCompressed": "Y" if sending.compressed else "",
        "linkedMsgId": message.linked or None,
        "localId": sending.local_id,
        "meshRecipientOdsCode": recipient.ods_code,
        "messageId": message.message_id,
        "messageType": message.kind.title(),
        "partnerId": sending.partner_id,
        "recipient": message.recipient,
        "recipientName": recipient.name,
        "recipientOrgCode": recipient.ods_code,
        "recipientOrgName": recipient.organisation,
        "sender": message.sender,
        "senderName": sender.name,
        "senderOdsCode": sender.ods_code,
        "senderOrgCode": sender.ods_code,
        "senderOrgName": sender.organisation,
        "status": message.status.value.title(),
        "statusCode": failure.code if failure else "00",
        "statusDescription": failure.description if failure else None,
        "statusEvent": failure.event if failure else "TRANSFER",
        "statusSuccess": "ERROR" if failure else "SUCCESS",
        "statusTimestamp": stamp_of(message.changed),
        "subject": sending.subject,
        "uploadTimestamp": stamp_of(message.uploaded),
        "version": "1.0",
        "workflowId": sending.workflow_id,
    }


def endpoint_lookup(found: Sequence[Mailbox], version: int, query_id: str) -> Body:
    """The mailboxes of an organisation that take a workflow."""
    if version == 2:
        return workflow_search(found)
    listed = [{"address": m.mailbox_id, "description": m.name, "endpoint_type": "MESH"} for m in found]
    return {"query_id": query_id, "results": listed}


def workflow_search(found: Sequence[Mailbox]) -> Body:
    """The mailboxes that take a workflow; the same in both versions."""
    return {"results": [{"mailbox_id": m.mailbox_id, "mailbox_name": m.name} for m in found]}


def rich(message: Message, mailboxes: Mailboxes) -> Body:
    """A line of a list with metadata."""
    sender, sending = mailboxes.get(message.sender, CENTRAL), message.sending
    return _tracking_2(message, mailboxes) | {
        "message_type": message.kind.lower(),
        "sender": message.sender,
        "sender_name": sender.name,
        "sender_ods_code": sender.ods_code,
        "subject": sending.subject,
        "file_size": message.size,
        "chunk_count": sending.chunks,
        "is_compressed": sending.compressed,
        "is_encrypted": sending.encrypted,
        "content_encoding": sending.encoding,
        "linked_msg_id": message.linked or None,
    }


def details(message: Message, mailboxes: Mailboxes) -> Body:
    """Everything about a message, for who tests with the simulator."""
    sending, failure = message.sending, message.failure
    sender, is_report = mailboxes.get(message.sender, CENTRAL), message.kind == "REPORT"
    told = failure if is_report else None
    return _present(
        _tracking_2(message, mailboxes)
        | {
            "checksum": sending.checksum,
            "chunk_count": sending.chunks,
            "content_encoding": sending.encoding,
            "download_timestamp": message.changed.isoformat() if message.status is Status.ACKNOWLEDGED else None,
            "failure_date": message.changed.isoformat() if failure and not is_report else None,
            "failure_diagnostic": failure.description if failure and not is_report else None,
            "file_size": message.size,
            "is_compressed": sending.compressed,
            "is_encrypted": sending.encrypted,
            "linked_msg_id": message.linked or None,
            "message_type": message.kind.title(),
            "sender": message.sender,
            "sender_name": sender.name,
            "sender_ods_code": sender.ods_code,
            "sender_org_code": sender.ods_code,
            "sender_org_name": sender.organisation,
            "status": message.status.value.title(),
            "status_code": told.code if told else None,
            "status_description": told.description if told else None,
            "status_event": told.event if told else None,
            "status_success": "ERROR" if failure else "SUCCESS",
            "subject": sending.subject,
        }
    )


def mailbox_details(mailbox: Mailbox) -> Body:
    """A mailbox, for who tests with the simulator."""
    return {
        "mailbox_id": mailbox.mailbox_id,
        "mailbox_name": mailbox.name,
        "ods_code": mailbox.ods_code,
        "org_code": mailbox.ods_code,
        "org_name": mailbox.organisation,
        "active": mailbox.active,
    }


def _iso(message: Message, later: timedelta = timedelta()) -> str:
    return (message.uploaded + later).isoformat()


def _present(values: Body) -> Body:
    return {name: value for name, value in values.items() if value is not None}
