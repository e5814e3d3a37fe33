import asyncio
from typing import Any

import pytest

from tests.emulator.api import Api

GONE = "1eeb37c1-0000-6000-8000-000000000000"
NEW = {"first_name": "Hana", "last_name": "Novak", "email": "hana@example.test", "password": "pw"}


async def users(api: Api) -> list[Any]:
    found: list[Any] = (await api.get("/users"))["users"]
    return found


async def test_list(api: Api) -> None:
    """Field workers are those who may complete jobs; one user dispatches."""
    found = await users(api)
    assert list(found[0]) == ["uuid", "id", "first_name", "last_name", "email", "permissions"]
    in_field = [user["permissions"]["mobile"]["jobs"]["complete"] for user in found]
    assert in_field == [True] * 6 + [False]
    assert found[0]["permissions"]["mobile"].keys() == {"login", "jobs"}


async def test_create_is_closed(api: Api) -> None:
    """Making users is refused until the account is opened for it."""
    reply = await api.send("POST", "/users", NEW)
    assert (reply.status, reply.json.keys()) == (403, {"message"})
    assert len(await users(api)) == 7


async def test_create(api: Api) -> None:
    """An opened account makes users; the password never comes back."""
    api.emulator.settings(open_user_creation=True)
    body = {
        **NEW,
        "territory": {"name": "North"},
        "skills": [{"name": "Gas"}],
        "mobile_phone": None,
    }
    uuid = (await api.post("/users", body))["user_uuid"]
    made = (await users(api))[-1]
    assert (made["uuid"], made["email"], made["permissions"]) == (uuid, NEW["email"], {})
    errors = await api.errors("POST", "/users", NEW)
    assert errors == {"email": ["is used by another entity"]}
    errors = await api.errors("POST", "/users", {"password": "x" * 129})
    assert errors.keys() == {"first_name", "last_name", "email", "password"}


async def test_update_merges_permissions(api: Api) -> None:
    """A branch of permissions is laid over the tree."""
    user = (await users(api))[0]
    change = {"mobile": {"jobs": {"create": True}}, "web": {"reports": {"view": True}}}
    answer = await api.patch(f"/users/{user['uuid']}", {"permissions": change})
    assert answer == {"user_uuid": user["uuid"]}
    changed = (await users(api))[0]["permissions"]
    assert changed["mobile"] == {
        "login": True, "jobs": {"view": True, "complete": True, "create": True},
    }  # fmt: skip
    assert changed["web"] == {"login": False, "reports": {"view": True}}


async def test_update_of_names(api: Api) -> None:
    """Names may change, the e-mail address is passed over."""
    user = (await users(api))[0]
    await api.patch(f"/users/{user['uuid']}", {"first_name": "Ana", "email": "x@example.test"})
    changed = (await users(api))[0]
    assert (changed["first_name"], changed["email"]) == ("Ana", user["email"])


async def test_wrong_update(api: Api) -> None:
    """Permissions are a tree of true and false; an unknown user is 404."""
    path = f"/users/{(await users(api))[0]['uuid']}"
    wrongs: list[Any] = [[], {"mobile": "yes"}, {"mobile": {"jobs": [True]}}]
    for wrong in wrongs:
        errors = await api.errors("PATCH", path, {"permissions": wrong})
        assert errors.keys() == {"permissions"}
    assert (await api.send("PATCH", f"/users/{GONE}", {})).status == 404
    assert (await api.send("PATCH", "/users/anna.berg@example.test", {})).status == 404


async def seen_at(api: Api, email: str, latitude: float, longitude: float) -> None:
    """Lets a worker be seen somewhere, by doing a job there."""
    user = next(user for user in await users(api) if user["email"] == email)
    job = await api.job(
        scheduled_at="2026-02-03T08:00:00Z",
        assignee={"worker": {"uuid": user["uuid"]}},
        address={"geolocation": {"latitude": latitude, "longitude": longitude}},
    )
    api.emulator.act(job, "start")


def circle(latitude: float, longitude: float, radius_m: float) -> dict[str, Any]:
    center = {"latitude": latitude, "longitude": longitude}
    return {"geometry": {"type": "circle", "center": center, "radius_m": radius_m}}


async def search(api: Api, body: object) -> list[str]:
    reply = await api.send("POST", "/users/geo/search", body)
    assert reply.status == 200, reply.raw
    return [user["first_name"] for user in reply.json["users"]]


async def test_geo_search(api: Api) -> None:
    """Those inside the circle, the latest seen first."""
    for email, latitude in (
        ("anna.berg@example.test", 52.50),
        ("boris.orlov@example.test", 52.51),
        ("elif.kaya@example.test", 52.60),
    ):
        await seen_at(api, email, latitude, 13.40)
        await asyncio.sleep(60)
    assert await search(api, circle(52.50, 13.40, 2000)) == ["Boris", "Anna"]
    assert await search(api, circle(52.50, 13.40, 20_000)) == ["Elif", "Boris", "Anna"]
    # A thousandth of a degree of latitude is 111 m.
    assert await search(api, circle(52.501, 13.40, 110)) == []
    assert await search(api, circle(52.501, 13.40, 112)) == ["Anna"]
    wide = circle(52.50, 13.40, 20_000)
    assert await search(api, {**wide, "limit": 1, "offset": 1}) == ["Boris"]
    assert await search(api, {**wide, "recency_cut_off_min": 2}) == ["Elif", "Boris"]
    assert await search(api, {**wide, "territory": {"name": "North"}}) == ["Boris", "Anna"]
    assert await search(api, {**wide, "skills": [{"name": "Gas"}]}) == ["Elif", "Anna"]
    await asyncio.sleep(7 * 86400)
    assert await search(api, wide) == []


async def test_geo_search_shape(api: Api) -> None:
    """Each user comes with the place and time of the last position."""
    await seen_at(api, "anna.berg@example.test", 52.5, 13.4)
    reply = await api.send("POST", "/users/geo/search", circle(52.5, 13.4, 1))
    (found,) = reply.json["users"]
    assert list(found) == [
        "user_uuid", "first_name", "last_name", "email", "actual_at", "latitude", "longitude",
    ]  # fmt: skip
    assert found["actual_at"] == "2026-02-02T08:00:00.000+00:00"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "geometry"),
        ({"geometry": {"type": "square"}}, "geometry"),
        (circle(91, 0, 1), "geometry"),
        (circle(0, 0, -1), "geometry"),
        ({**circle(0, 0, 1), "limit": 0}, "limit"),
        ({**circle(0, 0, 1), "limit": 101}, "limit"),
        ({**circle(0, 0, 1), "offset": -1}, "offset"),
        ({**circle(0, 0, 1), "recency_cut_off_min": 10**15}, "recency_cut_off_min"),
        ({**circle(0, 0, 1), "territory": {"name": "West"}}, "territory"),
    ],
)
async def test_wrong_geo_search(api: Api, body: object, field: str) -> None:
    """A search against the rules is answered 422."""
    assert (await api.errors("POST", "/users/geo/search", body)).keys() == {field}
