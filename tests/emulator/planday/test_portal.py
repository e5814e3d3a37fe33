from tests.emulator.planday.rest_api import Rest


async def test_info(rest: Rest) -> None:
    """The portal of the token, whatever scopes it has."""
    portal = rest.data.portal
    small = await rest.scoped()
    assert await small.get("/portal/v1.0/info") == {
        "data": {
            "id": portal.id,
            "name": "Nordlys Service",
            "companyName": "Nordlys Service ApS",
            "country": "Denmark",
            "timeZone": "Europe/Copenhagen",
            "maxDepartments": None,
            "aliases": [portal.address],
            "portals": None,
        }
    }


async def test_each_token_has_its_portal(rest: Rest) -> None:
    """An app in two portals reads each by its own token; staff numbers repeat between them."""
    planday = rest.caller.planday
    other = planday.add_portal("Sydvest", country="Sweden", time_zone="Europe/Stockholm")
    admin = planday.add_admin(other.id, "Eva Ek")
    planday.connect_app(other.id, rest.grant.app_id)
    second = await Rest.opened(
        rest.caller, planday.authorise(other.id, rest.grant.app_id, admin.id)
    )
    assert (await second.one("/portal/v1.0/info"))["timeZone"] == "Europe/Stockholm"
    assert (await rest.one("/portal/v1.0/info"))["id"] != other.id
    await second.done("PUT", "/hr/v1.0/departments/1001", {"name": "Syd"})
    assert (await second.one("/hr/v1.0/departments/1001"))["name"] == "Syd"
    assert (await rest.one("/hr/v1.0/departments/1001"))["name"] == "North"
