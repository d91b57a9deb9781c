"""The web server: the board for people, and the driver."""

import json
import os
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from . import VERSION, couriers, desk, driver, ledger

PAGE = (
    "<!doctype html><html lang='en'><title>Harbour ED Tracker</title><h1>Harbour ED Tracker {}</h1><ul>{}</ul></html>"
)


class Counter(BaseHTTPRequestHandler):
    """Pages and driver."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        """The board, or whether we are up."""
        if self.path == "/health":
            self.say(200, b'{"status": "up"}', "application/json")
        elif self.path == "/":
            references = [
                f"H-{found['id']}" for found in ledger.rows("select id from patient order by id desc limit 50")
            ]
            lines = "".join(f"<li>{escape(line['text'])}</li>" for line in desk.board(references))
            self.say(200, PAGE.format(VERSION, lines).encode(), "text/html; charset=utf-8")
        else:
            self.say(404, b"no such page", "text/plain")

    def do_POST(self):
        """One operation of the driver API."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, reply = driver.answer(self.path.removeprefix("/driver/"), body)
        self.say(status, json.dumps(reply, ensure_ascii=False).encode(), "application/json")

    def say(self, status, body, kind):
        """Answer."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def serve(host, port):
    """Serve until the process ends."""
    ledger.begin()
    if couriers.PROFILE == "reliable":
        couriers.listen(host, int(os.environ.get("TRACKER_REPLY_PORT", "4438")))
    ThreadingHTTPServer((host, port), Counter).serve_forever()
