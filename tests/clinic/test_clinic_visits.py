from __future__ import annotations

from datetime import timedelta

from app.clinic.ids import new_id
from app.wire.visits import IceConfig, VisitList
from tests.clinic.people import Device


def visit_ids(device: Device) -> list[str]:
    answer = device.request("GET", "/v1/visits")
    return [visit.visit_id for visit in VisitList.model_validate_json(answer.content).visits]


def test_a_visit_is_kept_as_it_was_and_only_its_own_see_it(provider: Device, patient: Device) -> None:
    visit = provider.visit_with(patient)
    for _ in range(2):
        assert provider.request("POST", "/v1/visits", visit).status_code == 204
    other = visit.model_copy(update={"minutes": visit.minutes + 1})
    assert provider.request("POST", "/v1/visits", other).status_code == 409
    got = VisitList.model_validate_json(patient.request("GET", "/v1/visits").content)
    assert visit in got.visits
    assert visit.visit_id in visit_ids(provider)
    assert visit.visit_id not in visit_ids(provider.newcomer())


def test_visits_come_in_order_and_old_ones_not_at_all(provider: Device) -> None:
    patient = provider.newcomer()
    hours = {"late": 5.0, "soon": 1.0, "ended 11 h ago": -11.5, "ended 13 h ago": -13.5}
    made = {}
    for name, ahead in hours.items():
        visit = provider.visit_with(patient, starts_in=timedelta(hours=ahead))
        assert provider.request("POST", "/v1/visits", visit).status_code == 204
        made[name] = visit.visit_id
    assert visit_ids(patient) == [made["ended 11 h ago"], made["soon"], made["late"]]


def test_participants_have_to_be_enrolled_and_named_once(provider: Device, patient: Device) -> None:
    for participants in (
        (provider.device_id, new_id()),
        (patient.device_id, patient.device_id),
        (provider.device_id,),
        (provider.device_id, "NOT AN ID"),
    ):
        visit = provider.visit_with(patient).model_copy(update={"participants": participants})
        answer = provider.request("POST", "/v1/visits", visit)
        assert (answer.status_code, answer.json()["code"]) == (400, "bad-request")


def test_only_providers_change_the_schedule(provider: Device, patient: Device) -> None:
    visit = provider.visit_with(patient)
    assert patient.request("POST", "/v1/visits", visit).status_code == 403
    assert provider.request("POST", "/v1/visits", visit).status_code == 204
    path = f"/v1/visits/{visit.visit_id}"
    assert patient.request("DELETE", path).status_code == 403
    assert provider.request("DELETE", path).status_code == 204
    assert provider.request("DELETE", path).status_code == 404
    assert visit.visit_id not in visit_ids(patient)


def test_no_ice_servers_unless_set(patient: Device) -> None:
    config = IceConfig.model_validate_json(patient.request("GET", "/v1/ice").content)
    assert config == IceConfig(servers=(), policy="all")
