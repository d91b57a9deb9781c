"""How queries travel: posted and, where nobody acknowledges, posted again; replies come to a port of our own."""

import os
import threading
import time
import urllib.error
import urllib.request
from datetime import datetime
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from . import asking, hearing, ledger

SPINE = os.environ.get("TRACKER_SPINE", "http://127.0.0.1:4433")
PROFILE = os.environ.get("TRACKER_PROFILE", "reliable")
PARTY = os.environ.get("TRACKER_PARTY", "RX9-0000002")
ASID = os.environ.get("TRACKER_ASID", "999999000101")
PATIENCE_S = float(os.environ.get("TRACKER_PATIENCE", "4"))
AGAIN_S = 0.7
LARGEST = 10_000_000


class _Straight(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Straight)


def stamp():
    """Now, as ebXML writes it."""
    return ledger.now().strftime("%Y-%m-%dT%H:%M:%SZ")


def ask(lookup, author):
    """Send a lookup on its way; whoever waits is told "unknown" when patience ends."""
    look = dict(ledger.row("select * from lookup where id = ?", lookup))
    look["asked"] = datetime.fromisoformat(look["asked"])
    payload = asking.query(look, author, look["message"])
    timer = threading.Timer(PATIENCE_S, give_up, (lookup,))
    timer.daemon = True
    timer.start()
    carry = at_once if PROFILE == "sync" else reliably
    threading.Thread(target=carry, args=(look, payload, author["asid"]), daemon=True).start()


def give_up(lookup):
    """Nobody answered in time."""
    words = "no answer came in time."
    ledger.rows(
        "update lookup set status = 'unknown', words = ? where id = ? and status = 'pending'",
        hearing.UNKNOWN + words,
        lookup,
    )


def at_once(look, payload, asid):
    """One exchange, with the answer in it."""
    body = asking.as_bytes(asking.soap_envelope(payload, look["envelope"], asid))
    status, data = post("/sync-service", "text/xml; charset=utf-8", body, within=PATIENCE_S * 2)
    if status == 200:
        settle(look, lambda: hearing.soap_answer(data, look["envelope"]))
    else:
        ledger.settle(look["id"], "unknown", f"{hearing.UNKNOWN}the service does not answer as it should ({status}).")


def reliably(look, payload, _asid):
    """The same message, under its own id, until it is acknowledged or nobody waits any more."""
    kind, body = asking.ebxml_query(payload, look["envelope"], PARTY, stamp())
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and is_pending(look["id"]):
        status, data = post("/reliablemessaging/reliablerequest", kind, body, within=AGAIN_S)
        try:
            header = hearing.ebxml_header(data)
        except hearing.Unreadable:
            header = {}
        acknowledged = status == 202 and header.get("is_receipt") and header["refers"] == look["envelope"]
        if acknowledged:
            return
        # Whoever was reached and says no will say no again.
        if status not in (0, 202, 502, 503, 504):
            ledger.settle(look["id"], "unknown", f"{hearing.UNKNOWN}the service does not take the query ({status}).")
            return
        time.sleep(AGAIN_S)


def is_pending(lookup):
    """Somebody still waits for it."""
    return ledger.row("select 1 from lookup where id = ? and status = 'pending'", lookup) is not None


def post(path, kind, body, *, within):
    """Status and body; 0 where nobody answered."""
    headers = {"Content-Type": kind, "SOAPAction": f"{asking.SERVICE}/{asking.QUERY}"}
    request = urllib.request.Request(SPINE.rstrip("/") + path, body, headers)
    try:
        with _opener.open(request, timeout=within) as reply:
            return reply.status, reply.read(LARGEST)
    except urllib.error.HTTPError as error:
        return error.code, error.read(LARGEST)
    except (OSError, ValueError, HTTPException):
        return 0, b""


def settle(look, read):
    """Put what a reply says on the lookup that it belongs to."""
    try:
        reply = read()
    except hearing.Unreadable as error:
        ledger.settle(look["id"], "unknown", f"{hearing.UNKNOWN}{error}")
        return
    asked = datetime.fromisoformat(str(look["asked"]))
    status, words, view = hearing.understood(reply, look, asked.date())
    ledger.settle(look["id"], status, words, **view)


class ReplyPort(BaseHTTPRequestHandler):
    """Takes what Spine sends us."""

    def do_POST(self):
        """A reply, or an error about one of our messages."""
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), LARGEST))
        try:
            header, payload = hearing.unpacked(self.headers.get("Content-Type") or "", body)
        except hearing.Unreadable as error:
            self.say(400, str(error).encode())
            return
        if header["to"] != PARTY:
            self.say(500, b"not for us")
            return
        look = ledger.row("select * from lookup where envelope = ?", header["refers"])
        if look is not None and header["action"] == "MessageError":
            ledger.settle(look["id"], "unknown", f"{hearing.UNKNOWN}the service reports an error.")
        elif look is not None and payload is not None:
            settle(dict(look), lambda: hearing.tree(payload))
        receipt = asking.acknowledgement(PARTY, header, stamp()) if header["wants_receipt"] else b""
        self.say(202, receipt)

    def say(self, status, body):
        """Answer."""
        self.send_response(status)
        self.send_header("Content-Type", "text/xml")
        if body and status == 202:
            self.send_header("SOAPAction", "urn:oasis:names:tc:ebxml-msg:service/Acknowledgment")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def listen(host, port):
    """Take replies from now on."""
    threading.Thread(target=ThreadingHTTPServer((host, port), ReplyPort).serve_forever, daemon=True).start()
