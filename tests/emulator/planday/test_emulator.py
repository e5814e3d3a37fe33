import asyncio
from datetime import UTC, datetime

import pytest
from attrs import fields

from planado_async.emulator import Emulator, EmulatorError
from planado_async.emulator.planday.scopes import REST
from planado_async.emulator.planday.settings import RULES, PlandaySettings
from tests.emulator.planday.caller import Caller


async def test_the_start(caller: Caller) -> None:
    """One portal, two administrators and an app with every scope, authorised by the first."""
    emulator, planday = caller.emulator, caller.planday
    assert [portal.id for portal in planday.access.portals.values()] == [emulator.planday_portal_id]
    admins = planday.access.admins_of(emulator.planday_portal_id)
    assert [(admin.id, admin.active, admin.department_ids) for admin in admins] == [
        (1, True, None),
        (2, True, None),
    ]
    [app] = planday.access.apps_in(emulator.planday_portal_id)
    assert (app.app_id, app.name, app.scopes) == (
        emulator.planday_app_id,
        "planado_async",
        frozenset(REST),
    )
    grant = planday.access.live_grant(app.app_id, emulator.planday_portal_id)
    assert grant is not None
    assert (grant.refresh_token, grant.admin_id) == (emulator.planday_refresh_token, 1)


async def test_from_token_to_call(caller: Caller) -> None:
    """The three words of the start are enough to call an API."""
    reply = await caller.refresh(
        caller.emulator.planday_app_id, caller.emulator.planday_refresh_token
    )
    reply = await caller.info(caller.emulator.planday_app_id, reply.json["access_token"])
    assert reply.json["data"]["id"] == caller.emulator.planday_portal_id


async def test_the_settings_page(caller: Caller) -> None:
    """`settings_url` is a page of the portal."""
    reply = await caller.send("GET", caller.emulator.settings_url)
    assert reply.status == 200
    assert b"Nordlys Service" in reply.raw


async def test_the_seed_makes_the_start() -> None:
    """The same seed gives the same App ID and token, another seed gives others."""

    async def words(seed: int) -> tuple[int, str, str]:
        async with Emulator(seed=seed) as emulator:
            return (
                emulator.planday_portal_id,
                emulator.planday_app_id,
                emulator.planday_refresh_token,
            )

    assert await words(3) == await words(3)
    assert not {*(await words(3))[1:]} & {*(await words(4))[1:]}


async def test_a_reset_begins_anew(caller: Caller) -> None:
    """A reset of the emulator brings back the start; what was handed out before is dead."""
    planday, first = caller.planday, caller.planday.first_grant
    planday.settings(empty_refusals=False)
    planday.fault("status", path="/hr/*")
    second = planday.authorise(first.portal_id, first.app_id, 2)
    planday.add_portal("Other")
    old = await caller.access_token(second)
    assert caller.emulator.reset() == {}
    assert caller.planday is planday
    assert [*planday.access.portals] == [first.portal_id]
    assert caller.emulator.planday_refresh_token == first.refresh_token
    assert planday.settings()["settings"]["empty_refusals"] is True
    assert planday.ordered_faults() == {"faults": []}
    assert planday.counters()["tokens"] == {}
    assert (await caller.info(first.app_id, old)).status == 401
    assert (await caller.refresh(first.app_id, second.refresh_token)).status == 400
    new = await caller.access_token(planday.first_grant)
    assert new != old
    assert (await caller.info(first.app_id, new)).status == 200


async def test_tokens_are_never_given_twice(caller: Caller) -> None:
    """After a reset, what is handed out differs from what was handed out before it."""
    planday, first = caller.planday, caller.planday.first_grant

    def handed_out() -> set[str]:
        planday.reset()
        grant = planday.authorise(first.portal_id, first.app_id, 2)
        return {grant.refresh_token, planday.access.issue(grant).token}

    assert not handed_out() & handed_out()


async def test_the_halves_count_apart(caller: Caller) -> None:
    """Planday's calls leave no trace in Planado's counters and budget."""
    before = caller.emulator.counters()
    grant = caller.planday.first_grant
    await caller.info(grant.app_id, await caller.access_token(grant))
    await caller.send("GET", caller.emulator.settings_url)
    assert caller.emulator.counters() == before
    counted = caller.planday.counters()
    assert (counted["calls"], counted["tokens"]) == (1, {"issued": 1})
    assert counted["routes"] == {"GET /portal/v1.0/info": 1}


async def test_portals_have_data_of_their_own(caller: Caller) -> None:
    """Each portal has staff of its own; one that is none is refused."""
    planday = caller.planday
    other = planday.add_portal("Other", country="Norway", time_zone="Europe/Oslo")
    assert planday.data(other.id) is not planday.data(caller.emulator.planday_portal_id)
    assert planday.data(other.id).portal == other
    with pytest.raises(EmulatorError) as refused:
        planday.data(1)
    assert refused.value.status == 404


async def test_a_portal_is_as_it_was_when_opened() -> None:
    """What a portal holds is the same, however late it is asked for."""
    start = datetime(2026, 2, 2, 8, tzinfo=UTC)
    async with Emulator(start=start) as early, Emulator(start=start) as late:
        known = early.planday.data(early.planday_portal_id)
        await asyncio.sleep(30 * 24 * 3600)
        made = late.planday.data(late.planday_portal_id)
        assert [*made.employees] == [*known.employees]
        assert [*made.roster.shifts] == [*known.roster.shifts]


async def test_every_verb_does_what_it_says(caller: Caller) -> None:
    """The verbs for tests end in what the portals' settings say."""
    planday = caller.planday
    portal, other = planday.add_portal("One"), planday.add_portal("Two")
    admin = planday.add_admin(portal.id, "Ann", email="ann@example.test", department_ids=[1])
    assert planday.limit_admin(portal.id, admin.id, None).department_ids is None
    app = planday.create_app(portal.id, "x", ["shift:read"])
    assert planday.rename_app(portal.id, app.app_id, "y").name == "y"
    planday.connect_app(other.id, app.app_id)
    assert [each.name for each in planday.access.apps_in(other.id)] == ["y"]
    grant = planday.authorise(portal.id, app.app_id, admin.id)
    assert planday.revoke(portal.id, app.app_id).id == grant.id
    assert not planday.deactivate_admin(portal.id, admin.id).active
    assert planday.reactivate_admin(portal.id, admin.id).active
    assert planday.delete_app(portal.id, app.app_id).deleted


async def test_faults_are_taken_back(caller: Caller) -> None:
    """An order is taken back by its number, or all of them are."""
    planday = caller.planday
    number = planday.fault("delay", count=None, seconds=5)["fault"]["number"]
    planday.fault("status")
    assert [each["kind"] for each in planday.ordered_faults()["faults"]] == ["delay", "status"]
    assert planday.cancel_faults(number) == {}
    assert [each["kind"] for each in planday.ordered_faults()["faults"]] == ["status"]
    planday.cancel_faults()
    assert planday.ordered_faults() == {"faults": []}


async def test_a_fault_delays_the_identity_host(caller: Caller) -> None:
    """A delay holds up the answer by as many real seconds."""
    caller.planday.fault("delay", path="/connect/token", seconds=7)
    began = asyncio.get_running_loop().time()
    await caller.access_token(caller.planday.first_grant)
    assert 7 <= asyncio.get_running_loop().time() - began < 8


# --- Settings -------------------------------------------------------------------------------------


def test_every_setting_can_be_turned() -> None:
    """Each setting has a rule that its default obeys, and is told what it does."""
    defaults = PlandaySettings()
    assert {field.name for field in fields(PlandaySettings)} == {*RULES}
    for name, rule in RULES.items():
        assert rule.read(getattr(defaults, name)) == getattr(defaults, name)
        assert f"`{name}`" in (PlandaySettings.__doc__ or "") or name.endswith(
            ("_per_second", "_per_minute")
        )


async def test_settings_stay_as_they_are_otherwise(caller: Caller) -> None:
    """A change changes what it names, once it makes sense as a whole."""
    before = caller.planday.settings()["settings"]
    with pytest.raises(EmulatorError) as refused:
        caller.planday.settings(code_for=10, empty_refusals="no", colour="red")
    assert refused.value.errors is not None
    assert refused.value.errors.keys() == {"empty_refusals", "colour"}
    assert caller.planday.settings()["settings"] == before
    assert caller.planday.settings(code_for=10)["settings"] == {**before, "code_for": 10.0}
