"""Reading and writing an upload, against lxml alone on the same bytes."""

from __future__ import annotations

from datetime import date
from typing import Final

from lxml import etree

from bench.measuring import in_ms, interleaved, ratios, spread, table
from cpis_fixtures.uploads import made_up_upload
from cpis_simulator.codecs.upload import decode_upload, encode_upload
from cpis_simulator.directory import DEFAULT_AUTHORITIES

RECORDS: Final = 1_750


def measured() -> str:
    """Decode against a bare parse; encode against lxml writing the parsed tree."""
    upload = made_up_upload(RECORDS, seed=1, day=date(2026, 1, 5), authority=DEFAULT_AUTHORITIES[0], file_id="1")
    body = encode_upload(upload)
    tree = etree.fromstring(body)
    taken = interleaved(
        {
            "parse": lambda: etree.fromstring(body),
            "decode": lambda: decode_upload(body),
            "write": lambda: etree.tostring(tree, xml_declaration=True, encoding="UTF-8"),
            "encode": lambda: encode_upload(upload),
        }
    )
    rows = [
        ("decode_upload", "etree.fromstring", taken["decode"], taken["parse"]),
        ("encode_upload", "etree.tostring", taken["encode"], taken["write"]),
    ]
    return table(
        f"An upload of {RECORDS:,} records, {len(body) / 1e6:.1f} MB",
        ("what", "ms", "peer", "peer's ms", "ratio", "µs a record"),
        [
            (
                what,
                spread(in_ms(ours)),
                peer,
                spread(in_ms(theirs)),
                spread(ratios(ours, theirs)),
                spread([s / RECORDS * 1e6 for s in ours]),
            )
            for what, peer, ours, theirs in rows
        ],
    )
