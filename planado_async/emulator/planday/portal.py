"""The Portal API: https://openapi.planday.com/api/portal."""

from planado_async.emulator.planday.calls import Answer, Call, Route, data


def info(call: Call) -> Answer:
    """The portal the token belongs to."""
    portal = call.data.portal
    return data(
        {
            "id": portal.id,
            "name": portal.name,
            "companyName": portal.company_name,
            "country": portal.country,
            "timeZone": portal.time_zone,
            "maxDepartments": None,
            "aliases": [*portal.aliases],
            "portals": None,
        }
    )


ROUTES = [Route("GET", "/portal/v1.0/info", None, info)]
