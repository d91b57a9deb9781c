"""Names of files in the drop folders (CC-12, AF-02, PU-07)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from cpis_simulator.mailbox.names import free_name, in_order, is_upload_name, notification_name, response_name
from cpis_simulator.vocabulary import MessageKind

NOW = datetime(2026, 7, 6, 10, 15, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("upload", "response"),
    [
        ("Z99_42.xml", "Z99_42_RESP_20260706101502.xml"),
        ("a.b.XML", "a.b_RESP_20260706101502.xml"),
        ("no extension", "no extension_RESP_20260706101502.xml"),
    ],
)
def test_a_response_has_the_uploads_stem_and_the_time(upload, response):
    assert response_name(upload, NOW) == response


def test_times_in_names_are_utc():
    summer = NOW.astimezone(timezone(timedelta(hours=1)))
    assert response_name("u.xml", summer) == "u_RESP_20260706101502.xml"


def test_a_response_to_the_longest_name_is_no_longer_than_a_file_system_allows():
    assert len(response_name("é" * 125 + ".xml", NOW).encode()) <= 255


def test_notifications_have_kind_time_and_counter():
    assert notification_name(MessageKind.ACCESS_NOTIFICATION, NOW, 7) == "CPIS_ASN_20260706101502_000007.xml"
    assert notification_name(MessageKind.INACTIVE_NOTIFICATION, NOW, 8) == "CPIS_INN_20260706101502_000008.xml"


@pytest.mark.parametrize(
    ("name", "taken", "free"),
    [
        ("a.xml", set(), "a.xml"),
        ("a.xml", {"a.xml"}, "a.1.xml"),
        ("a.xml", {"a.xml", "a.1.xml"}, "a.2.xml"),
        ("a", {"a"}, "a.1"),
    ],
)
def test_a_taken_name_gets_a_suffix_before_its_extension(name, taken, free):
    assert free_name(name, lambda n: n in taken) == free


@pytest.mark.parametrize(
    ("name", "is_one"),
    [("a.xml", True), ("A.XML", True), (".a.xml", False), ("a.xml.part", False), ("a.txt", False)],
)
def test_uploads_end_in_xml_and_do_not_begin_with_a_dot(name, is_one):
    assert is_upload_name(name) is is_one


def test_files_are_taken_by_time_then_by_name():
    assert in_order([("c", 1), ("b", 2), ("a", 2)]) == ["c", "a", "b"]
