"""The portal a token belongs to."""

import pytest

from planado_async.core.errors import PermissionDeniedError, ScopeError
from planado_async.core.resource import ClientOptions
from planado_async.core.transport import Transport
from planado_async.emulator import Emulator
from planado_async.planday.models import ChildPortal, Portal
from planado_async.planday.resources import PortalInfo
from tests.planday.conftest import limited, opened
from tests.planday.requests import Row, check, named, operations

ROWS: list[Row[PortalInfo]] = [
    Row(
        name="info",
        call=lambda portal: portal.info(),
        sends="GET /portal/v1.0/info",
        answer={
            "data": {
                "id": 7,
                "companyName": "Nordlys ApS",
                "timeZone": "Europe/Copenhagen",
                "maxDepartments": None,
                "aliases": ["nordlys.planday.com"],
                "portals": [{"id": 8, "name": "South", "aliases": None}],
            }
        },
        gives=Portal(
            id=7,
            company_name="Nordlys ApS",
            time_zone="Europe/Copenhagen",
            aliases=("nordlys.planday.com",),
            portals=(ChildPortal(id=8, name="South"),),
        ),
    ),
]


@pytest.mark.parametrize("row", named(ROWS))
async def test_an_operation_sends_exactly_this_request(row: Row[PortalInfo]) -> None:
    """Method, path, query, headers and body are these, and the answer is read."""
    await check(row, PortalInfo)


def test_every_operation_has_a_row() -> None:
    """A method that is added needs a row in the table."""
    assert {row.name for row in ROWS} == operations(PortalInfo)


async def test_a_refusal_names_no_scope(transport: Transport, emulator: Emulator) -> None:
    """The call needs none, so a 403 has another reason."""
    emulator.planday.fault("status", status=403, body="")
    with pytest.raises(PermissionDeniedError) as caught:
        await PortalInfo(transport, ClientOptions()).info()
    assert not isinstance(caught.value, ScopeError)


async def test_any_token_may_ask_for_its_portal(emulator: Emulator) -> None:
    """An app with a scope for something else learns the portal, its names and its zone."""
    async with opened(emulator, limited(emulator, "payroll:read")) as transport:
        portal = await PortalInfo(transport, ClientOptions()).info()
    assert portal.id == emulator.planday_portal_id
    assert (portal.name, portal.company_name) == ("Nordlys Service", "Nordlys Service ApS")
    assert (portal.country, portal.time_zone) == ("Denmark", "Europe/Copenhagen")
    assert portal.max_departments is None
    assert portal.portals == ()
    assert portal.aliases == tuple(portal.raw["aliases"])
