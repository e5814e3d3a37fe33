"""/users: list, create, update, and who is inside a circle."""

from datetime import timedelta
from math import asin, cos, radians, sin, sqrt
from typing import Any, cast

from planado_async.emulator import clock, views
from planado_async.emulator.calls import Answer, Call, Route
from planado_async.emulator.checks import (
    Rule,
    boolean,
    listed,
    mapping,
    number,
    one_of,
    record,
    reference,
    text,
    whole,
)
from planado_async.emulator.directories import listing
from planado_async.emulator.errors import EmulatorError, not_found
from planado_async.emulator.forms import Form, many, one, unused
from planado_async.emulator.records import Json, Position, User
from planado_async.emulator.state import State

EARTH_RADIUS_M = 6_371_000
HALF_EQUATOR_M = 20_037_508
WEEK_MIN = 10_080
BY_NAME = reference("uuid", "name")


def permissions(value: object) -> Json:
    """A tree of permissions, whose leaves are true or false."""
    return {
        name: permissions(cast(Json, inner)) if isinstance(inner, dict) else boolean(inner)
        for name, inner in mapping(value).items()
    }


FINDS = {
    "email": unused("users", "email"),
    "territory": one("territories"),
    "skills": many("skills"),
}
FORM = Form(
    {
        "first_name": Rule(text(250, blank=False), required=True),
        "last_name": Rule(text(250, blank=False), required=True),
        "email": Rule(text(250, blank=False), required=True),
        "password": Rule(text(128, blank=False), required=True),
        "mobile_phone": Rule(text(50), nullable=True),
        "territory": Rule(BY_NAME, nullable=True),
        "skills": Rule(listed(BY_NAME)),
        "permissions": Rule(permissions),
    },
    FINDS,
)
UPDATE = Form(
    {name: rule for name, rule in FORM.rules.items() if name not in ("email", "password")},
    {"territory": FINDS["territory"], "skills": FINDS["skills"]},
)
_CENTER = record(
    {
        "latitude": Rule(number(-90, 90), required=True),
        "longitude": Rule(number(-180, 180), required=True),
    }
)
SEARCH = Form(
    {
        "geometry": Rule(
            record(
                {
                    "type": Rule(one_of("circle"), required=True),
                    "center": Rule(_CENTER, required=True),
                    "radius_m": Rule(number(0, HALF_EQUATOR_M), required=True),
                }
            ),
            required=True,
        ),
        "limit": Rule(whole(1, 100)),
        "offset": Rule(whole()),
        "recency_cut_off_min": Rule(whole(0, WEEK_MIN * 520)),
        "territory": Rule(BY_NAME, nullable=True),
        "skills": Rule(listed(BY_NAME)),
    },
    {"territory": one("territories"), "skills": many("skills")},
)


def find(state: State, path_id: str) -> User:
    """The user of a path."""
    user = state.users.get(path_id)
    if user is None:
        raise not_found()
    return user


def create(call: Call) -> Answer:
    """Makes a user, where the account is allowed to."""
    state = call.state
    if not state.settings.open_user_creation:
        raise EmulatorError(403, "Creating users is not enabled for this account")
    values = FORM.read(state, call.body, creating=True)
    del values["password"]
    granted = values.pop("permissions", {})
    user = User(
        uuid=state.ids.new(),
        id=next(state.numbers),
        device_uuid=state.ids.new(),
        permissions=granted,
        **_attributes(values),
    )
    return Answer(201, {"user_uuid": state.users.add(user).uuid})


def update(call: Call) -> Answer:
    """Changes the fields that are named; permissions are merged into the tree."""
    state = call.state
    user = find(state, call.id)
    values = UPDATE.read(state, call.body, creating=False)
    values["permissions"] = merged(user.permissions, values.get("permissions", {}))
    return Answer(200, {"user_uuid": state.put_user(user, **_attributes(values)).uuid})


def merged(tree: Json, changes: Json) -> Json:
    """A tree with the leaves of another put over its own."""
    result = dict(tree)
    for name, value in changes.items():
        under = result.get(name)
        if isinstance(under, dict) and isinstance(value, dict):
            result[name] = merged(cast(Json, under), cast(Json, value))
        else:
            result[name] = value
    return result


def _attributes(values: dict[str, Any]) -> dict[str, Any]:
    names = {"territory": "territory_uuid", "skills": "skill_uuids"}
    return {names.get(name, name): value for name, value in values.items()}


def search(call: Call) -> Answer:
    """The users whose last position is in a circle and not too old, the latest seen first."""
    state = call.state
    asked = SEARCH.read(state, call.body, creating=True)
    seen = [
        (state.positions[user.uuid], user) for user in state.users if _wanted(state, user, asked)
    ]
    seen.sort(key=lambda pair: pair[0].at, reverse=True)
    offset = asked.get("offset", 0)
    page = seen[offset : offset + asked.get("limit", 100)]
    return Answer(200, {"users": [_seen(user, position) for position, user in page]})


def _wanted(state: State, user: User, asked: dict[str, Any]) -> bool:
    position = state.positions.get(user.uuid)
    if position is None:
        return False
    circle = asked["geometry"]
    oldest = state.clock.now() - timedelta(minutes=asked.get("recency_cut_off_min", WEEK_MIN))
    territory = asked.get("territory")
    return (
        position.at >= oldest
        and distance_m(position, **circle["center"]) <= circle["radius_m"]
        and territory in (None, user.territory_uuid)
        and set(asked.get("skills", ())) <= set(user.skill_uuids)
    )


def distance_m(position: Position, latitude: float, longitude: float) -> float:
    """Metres along the earth's surface."""
    here, there = radians(position.latitude), radians(latitude)
    turn = radians(longitude - position.longitude)
    chord = sin((there - here) / 2) ** 2 + cos(here) * cos(there) * sin(turn / 2) ** 2
    return 2 * EARTH_RADIUS_M * asin(min(1.0, sqrt(chord)))


def _seen(user: User, position: Position) -> Json:
    return {
        "user_uuid": user.uuid,
        **views.picked(user, ("first_name", "last_name", "email")),
        "actual_at": clock.event_time(position.at),
        "latitude": position.latitude,
        "longitude": position.longitude,
    }


ROUTES = [
    Route("GET", "/users", listing("users", lambda state, user: views.user(user))),
    Route("POST", "/users", create),
    Route("POST", "/users/geo/search", search),
    Route("PATCH", "/users/{id}", update),
]
