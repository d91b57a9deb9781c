"""The web application: pages for people, and two threads that make files and read replies."""

import json
import os
import threading
import time

from flask import Flask, Response, render_template_string, request

from . import VERSION, driver, receiving, sending, store

EXPORT_EVERY_S = float(os.environ.get("COUNCIL_EXPORT_EVERY", "5"))
LOOK_EVERY_S = 0.1
LONGEST_S = 23 * 3600

PAGE = """<!doctype html><title>{{ name }}</title><h1>{{ name }}</h1><p>Larkfield Casebook {{ version }}</p>
{% for title, rows in tables %}<h2>{{ title }}</h2><table border="1">
{% for row in rows %}{% if loop.first %}<tr>{% for key in row.keys() %}<th>{{ key }}</th>{% endfor %}</tr>{% endif %}
<tr>{% for cell in row %}<td>{{ "" if cell is none else cell }}</td>{% endfor %}</tr>{% endfor %}</table>{% endfor %}"""

app = Flask("council_cms")


@app.get("/")
def desk():
    """Everything that a data officer needs, on one page."""
    wanted = {
        "Children": "select * from person",
        "Plans": "select id, person, kind, start, due, ended, withdrawn, section, file, result from plan",
        "Files": "select * from file order by id desc limit 50",
        "Work-list": "select * from task where open",
        "Exceptions": "select * from oddity where open",
        "Alerts": "select * from alert order by id desc limit 50",
        "Accesses": "select * from visit order by id desc limit 50",
    }
    with store.event() as db:
        tables = [(title, db.execute(query).fetchall()) for title, query in wanted.items()]
    return render_template_string(PAGE, name=store.NAME, version=VERSION, tables=tables)


@app.get("/health")
def health():
    """For whoever waits until we are up."""
    return {"status": "up"}


@app.post("/driver/<operation>")
def drive(operation):
    """One operation of the driver API, asked over HTTP."""
    status, reply = driver.answer(operation, request.get_data())
    return Response(json.dumps(reply, ensure_ascii=False), status, mimetype="application/json")


def _again_and_again(act, every_s):
    """A fault in one round must not end the next; it is in the log."""
    while True:
        time.sleep(every_s)
        try:
            act()
        except Exception:
            app.logger.exception("a round failed")


def run(host, port):
    """Serve until the process ends."""
    store.set_up()
    rounds = [
        (receiving.look, LOOK_EVERY_S),
        (receiving.warn_of_overdue, 60),
        (sending.export, EXPORT_EVERY_S or LONGEST_S),
    ]
    for act, every_s in rounds:
        threading.Thread(target=_again_and_again, args=(act, every_s), daemon=True).start()
    app.run(host, port, threaded=True)
