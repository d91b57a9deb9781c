"""The mock Spine as a whole, in this process: a file goes in, a lookup finds it, the authority is told."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cpis_simulator.apps.care_host import CareHost
from cpis_simulator.apps.service_host import Places, ServiceHost
from cpis_simulator.codecs.access_notification import decode_access_notification
from cpis_simulator.codecs.upload import encode_upload
from cpis_simulator.directory import DEFAULT_AUTHORITIES
from cpis_simulator.driving import Health, LookUp, Nothing, SetPds
from cpis_simulator.errors import ConfigError, StartError
from cpis_simulator.model import PlanRecord, Upload
from cpis_simulator.settings import PdsSettings, Settings
from cpis_simulator.transport.http_client import CallStatus, DriverClient
from tests.simulator.lookup_examples import COUNCIL, CREW, NOW, NURSE, PROTECTED, child

NUMBER = "9993210439"
SETTINGS = Settings(pds=PdsSettings(unknown="learn"))


@pytest.fixture
def host(tmp_path: Path) -> Iterator[ServiceHost]:
    places = Places(tmp_path / "drop", f"sqlite:///{tmp_path / 'service.sqlite'}", tmp_path / "evidence")
    host = ServiceHost(SETTINGS, DEFAULT_AUTHORITIES, places)
    yield host
    host.stop()


@pytest.fixture
def upload(tmp_path: Path) -> Path:
    path = tmp_path / "upload.xml"
    path.write_bytes(encode_upload(Upload(NOW, "7", 1, COUNCIL, (PlanRecord((PROTECTED,), (child(NUMBER),)),))))
    return path


def wait_for(condition: Callable[[], bool], *, what: str) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline, f"{what} within 5 s"
        threading.Event().wait(0.005)


def test_a_loaded_upload_is_found_and_its_authority_told_who_looked(host: ServiceHost, upload: Path) -> None:
    acknowledgement = host.load_upload(upload)
    assert [code.code for code in acknowledgement.file_codes] == ["CPF02"]
    ready = host.serve()
    assert ready["event"] == "ready"
    assert set(ready) == {"event", "url", "control_url", "control_token", "directory_url", "drop"}
    result = CareHost(str(ready["url"]), 5).look_up(LookUp(nhs_number=NUMBER, author=NURSE))
    assert (result.status, [plan.start.isoformat() for plan in result.plans]) == ("found", ["2025-11-01"])
    response = host.node.drop.folders["Z99"].response
    wait_for(lambda: any(response.glob("CPIS_ASN_*.xml")), what="an access notification")
    (name,) = response.glob("CPIS_ASN_*.xml")
    (group,) = decode_access_notification(name.read_bytes()).groups
    assert (group.upload_file_id, group.accesses[0].event_id) == ("7", result.event_id)


def test_a_silent_read_and_an_unknown_child_are_answered(host: ServiceHost) -> None:
    care = CareHost(str(host.serve()["url"]), 5)
    assert care.look_up(LookUp(nhs_number=NUMBER, author=CREW, silent=True)).status == "no-record"
    assert care.look_up(LookUp(nhs_number="0000000000", author=NURSE)).status == "refused"


def test_the_control_api_moves_the_world_and_needs_the_token(host: ServiceHost) -> None:
    ready = host.serve()
    control = DriverClient(str(ready["control_url"]), str(ready["control_token"]))
    assert control.call("set-pds", SetPds(available=False), within=5).status is CallStatus.ANSWERED
    health = Health.model_validate(control.call("health", Nothing(), within=5).body)
    assert (health.alive, health.pds_available, health.problems) == (True, False, [])
    assert sorted(health.folders) == ["Z97", "Z98", "Z99"]
    assert DriverClient(str(ready["control_url"])).call("health", Nothing(), within=5).code == 401


def test_an_upload_of_an_authority_that_is_not_served_is_refused(tmp_path: Path, upload: Path) -> None:
    places = Places(tmp_path / "other", f"sqlite:///{tmp_path / 'other.sqlite'}")
    host = ServiceHost(SETTINGS, DEFAULT_AUTHORITIES[1:], places)
    try:
        with pytest.raises(ConfigError, match="expected Z98, Z97, found Z99"):
            host.load_upload(upload)
    finally:
        host.stop()


def test_an_upload_that_is_none_is_refused_before_anything_is_stored(host: ServiceHost, tmp_path: Path) -> None:
    path = tmp_path / "upload.xml"
    path.write_text("<File/>")
    with pytest.raises(ConfigError, match="An upload to load is none"):
        host.load_upload(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        host.load_upload(tmp_path / "absent.xml")


def test_a_file_id_that_was_used_is_told_with_its_code(host: ServiceHost, upload: Path) -> None:
    host.load_upload(upload)
    with pytest.raises(StartError, match="CPF01 File Level Error"):
        host.load_upload(upload)


def test_a_port_in_use_leaves_nothing_open(host: ServiceHost, tmp_path: Path) -> None:
    taken = int(str(host.serve()["url"]).rpartition(":")[2])
    places = Places(tmp_path / "second", f"sqlite:///{tmp_path / 'second.sqlite'}", port=taken)
    with pytest.raises(StartError, match=f"Cannot listen on 127.0.0.1:{taken}"):
        ServiceHost(SETTINGS, DEFAULT_AUTHORITIES, places)
    assert not (tmp_path / "second" / "Z99").exists()


def test_an_unreachable_service_leaves_the_status_unknown(host: ServiceHost) -> None:
    url = str(host.serve()["url"])
    host.stop()
    result, error = CareHost(url, 2).ask(LookUp(nhs_number=NUMBER, author=NURSE))
    assert result.status == "unknown"
    assert error is not None
