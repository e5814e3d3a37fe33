import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import evolve

from planado_async.emulator import EmulatorError
from planado_async.emulator.clock import Clock
from planado_async.emulator.planday.access import Access
from planado_async.emulator.planday.records import Admin, App, Portal
from planado_async.emulator.planday.settings import PlandaySettings

START = datetime(2026, 2, 2, 8, tzinfo=UTC)
HERE = "http://127.0.0.1:1/callback"


class Board:
    """An Access with one portal, one administrator and one app, and its settings."""

    def __init__(self, seed: int = 0) -> None:
        self.settings = PlandaySettings()
        self.clock = Clock(START, 1.0)
        self.access = Access(self.clock, random.Random(seed), lambda: self.settings)
        self.portal: Portal = self.access.add_portal("Nordlys")
        self.admin: Admin = self.access.add_admin(self.portal.id, "Mette Holm")
        self.app: App = self.access.create_app(self.portal.id, "x", ["shift:read"], [HERE])

    def authorise(self) -> Any:
        return self.access.authorise(self.portal.id, self.app.app_id, self.admin.id)


@pytest.fixture
async def board() -> Board:
    return Board()


@pytest.fixture
def access(board: Board) -> Access:
    return board.access


# --- Portals and administrators -------------------------------------------------------------------


async def test_portals_differ_in_id_and_address(access: Access, board: Board) -> None:
    """A second portal of a name has its own id and an address that tells them apart."""
    second = access.add_portal("Nordlys", company_name="Nordlys ApS", country="Sweden")
    assert (board.portal.company_name, second.company_name) == ("Nordlys", "Nordlys ApS")
    assert board.portal.address == "nordlys.planday.com"
    assert second.address == f"nordlys-{second.id}.planday.com"
    assert second.aliases == (second.address,)
    assert access.add_portal("Æ").address == "portal.planday.com"


async def test_admins_are_numbered_in_each_portal(access: Access, board: Board) -> None:
    """Numbers begin at 1 in every portal; an e-mail address is made up where none is given."""
    other = access.add_portal("Other")
    first = access.add_admin(other.id, "Ann Berg", department_ids=[3])
    second = access.add_admin(other.id, "Bo", email="bo@example.test")
    assert [first.id, second.id, board.admin.id] == [1, 2, 1]
    assert (first.email, second.email) == ("ann-berg@other.planday.com", "bo@example.test")
    assert first.department_ids == frozenset({3})
    assert access.admins_of(other.id) == [first, second]


async def test_departments_of_an_admin_change(access: Access, board: Board) -> None:
    """An administrator's departments can be set, and opened again."""
    limited = access.limit_admin(board.portal.id, board.admin.id, [5, 6])
    assert limited.department_ids == frozenset({5, 6})
    assert access.limit_admin(board.portal.id, board.admin.id, None) == board.admin


# --- Apps -----------------------------------------------------------------------------------------


async def test_an_app_stands_in_the_list_of_its_portal(access: Access, board: Board) -> None:
    """An App ID is a GUID, found in any letter case; other portals connect the app first."""
    other = access.add_portal("Other")
    assert access.apps_in(board.portal.id) == [board.app]
    assert access.apps_in(other.id) == []
    assert access.connect_app(other.id, board.app.app_id.upper()) == board.app
    assert access.apps_in(other.id) == [board.app]
    assert [len(part) for part in board.app.app_id.split("-")] == [8, 4, 4, 4, 12]


async def test_rename(access: Access, board: Board) -> None:
    """The portal that made an app renames it, another cannot."""
    other = access.add_portal("Other")
    access.connect_app(other.id, board.app.app_id)
    assert access.rename_app(board.portal.id, board.app.app_id, "y").name == "y"
    with pytest.raises(EmulatorError) as refused:
        access.rename_app(other.id, board.app.app_id, "z")
    assert refused.value.status == 403
    assert access.known_app(board.app.app_id) == evolve(board.app, name="y")


async def test_the_owner_deletes_an_app_everywhere(access: Access, board: Board) -> None:
    """An app deleted by its portal is gone from all lists, and what came of it is dead."""
    other = access.add_portal("Other")
    admin = access.add_admin(other.id, "Ann")
    access.connect_app(other.id, board.app.app_id)
    grant = access.authorise(other.id, board.app.app_id, admin.id)
    token = access.issue(grant).token
    assert access.delete_app(board.portal.id, board.app.app_id).deleted
    assert access.apps_in(other.id) == access.apps_in(board.portal.id) == []
    assert access.known_app(board.app.app_id) is None
    assert access.bearer(token) is None
    assert access.grants[grant.id].ended == "deleted"


async def test_another_portal_only_drops_an_app(access: Access, board: Board) -> None:
    """An app deleted where it was connected lives on in the portal that made it."""
    other = access.add_portal("Other")
    admin = access.add_admin(other.id, "Ann")
    access.connect_app(other.id, board.app.app_id)
    gone = access.authorise(other.id, board.app.app_id, admin.id)
    kept = board.authorise()
    assert not access.delete_app(other.id, board.app.app_id).deleted
    assert access.apps_in(other.id) == []
    assert access.grant_of(board.app.app_id, gone.refresh_token) is None
    assert access.grant_of(board.app.app_id, kept.refresh_token) == kept


# --- Grants ---------------------------------------------------------------------------------------


async def test_authorise_gives_a_new_token_and_kills_the_old(access: Access, board: Board) -> None:
    """One grant lives for an app in a portal: the last. Its token has 22 base64url characters."""
    old, new = board.authorise(), board.authorise()
    assert old.refresh_token != new.refresh_token
    assert len(new.refresh_token) == 22
    assert access.live_grant(board.app.app_id, board.portal.id) == new
    assert access.grant_of(board.app.app_id, old.refresh_token) is None
    assert access.grants[old.id].ended == "replaced"
    assert (new.scopes, new.created_at) == (board.app.scopes, START)


async def test_old_grants_may_be_kept(access: Access, board: Board) -> None:
    """With `replace_grants` off, the token of before goes on; a revocation ends both."""
    board.settings = PlandaySettings(replace_grants=False)
    old, new = board.authorise(), board.authorise()
    assert access.grant_of(board.app.app_id, old.refresh_token) == old
    assert access.live_grant(board.app.app_id, board.portal.id) == new
    access.revoke(board.portal.id, board.app.app_id)
    assert {grant.ended for grant in access.grants.values()} == {"revoked"}


async def test_a_token_is_of_one_app(access: Access, board: Board) -> None:
    """A refresh token says nothing for another app, and each portal has its own."""
    grant = board.authorise()
    foreign = access.create_app(board.portal.id, "foreign", ["shift:read"])
    assert access.grant_of(foreign.app_id, grant.refresh_token) is None
    access.withdraw(foreign.app_id, grant.refresh_token)
    assert access.grant_of(board.app.app_id, grant.refresh_token) == grant


async def test_who_may_authorise(access: Access, board: Board) -> None:
    """It takes an active administrator of all departments."""
    access.limit_admin(board.portal.id, board.admin.id, [1])
    with pytest.raises(EmulatorError, match="all departments"):
        board.authorise()
    access.limit_admin(board.portal.id, board.admin.id, None)
    access.deactivate_admin(board.portal.id, board.admin.id)
    with pytest.raises(EmulatorError, match="deactivated"):
        board.authorise()
    assert access.grants == {}


async def test_deactivation_ends_only_that_admins_grants(access: Access, board: Board) -> None:
    """The grants of another administrator, and of the same number elsewhere, live on."""
    other = access.add_portal("Other")
    namesake = access.add_admin(other.id, "Ann")
    access.connect_app(other.id, board.app.app_id)
    kept = access.authorise(other.id, board.app.app_id, namesake.id)
    lost = board.authorise()
    access.deactivate_admin(board.portal.id, board.admin.id)
    assert access.grants[lost.id].ended == "deactivated"
    assert access.grants[kept.id] == kept


async def test_rotation(access: Access, board: Board) -> None:
    """A rotated grant goes on under another refresh token, and its access tokens with it."""
    grant = board.authorise()
    token = access.issue(grant).token
    new = access.rotate(grant)
    assert access.grant_of(board.app.app_id, grant.refresh_token) is None
    assert access.grant_of(board.app.app_id, new.refresh_token) == new == access.bearer(token)


# --- Tokens and codes -----------------------------------------------------------------------------


async def test_access_tokens_live_side_by_side_and_end(access: Access, board: Board) -> None:
    """Each lives from its issue for as long as set, to the very moment."""
    board.settings = PlandaySettings(access_token_for=100)
    grant = board.authorise()
    first = access.issue(grant).token
    await board.clock.sleep(60)
    second = access.issue(grant).token
    assert access.bearer(first) == access.bearer(second) == grant
    await board.clock.sleep(40)
    assert access.bearer(first) is None
    assert access.bearer(second) == grant
    assert access.bearer("") is None


async def test_access_tokens_look_like_jwt(access: Access, board: Board) -> None:
    """Three parts, the first a header; no two are alike."""
    grant = board.authorise()
    first, second = access.issue(grant).token, access.issue(grant).token
    assert first != second
    assert first.startswith("eyJ")
    assert first.count(".") == 2


def foreign(board: Board) -> str:
    return board.access.create_app(board.portal.id, "y", ["shift:read"], [HERE]).app_id


def deleted(board: Board) -> str:
    return board.access.delete_app(board.portal.id, board.app.app_id).app_id


def deactivated(board: Board) -> str:
    board.access.deactivate_admin(board.portal.id, board.admin.id)
    return board.app.app_id


CODE_REFUSED: list[tuple[Callable[[Board], str], str]] = [
    (lambda board: board.app.app_id, HERE + "/"),
    (foreign, HERE),
    (deleted, HERE),
    (deactivated, HERE),
]


@pytest.mark.parametrize(("brought_by", "address"), CODE_REFUSED)
async def test_a_code_that_does_not_fit(
    access: Access, board: Board, brought_by: Callable[[Board], str], address: str
) -> None:
    """A code brings nothing to another app or address, nor for an app or account that is gone."""
    code = access.code(board.app, board.admin, HERE)
    assert access.exchange(brought_by(board), code.code, address) is None
    assert access.grants == {}


async def test_a_code_is_good_once_and_for_five_minutes(access: Access, board: Board) -> None:
    """A code brings one grant, unless it comes too late."""
    code = access.code(board.app, board.admin, HERE)
    late = access.code(board.app, board.admin, HERE)
    await board.clock.sleep(299.5)
    assert access.exchange(board.app.app_id, code.code, HERE) is not None
    assert access.exchange(board.app.app_id, code.code, HERE) is None
    await board.clock.sleep(0.5)
    assert access.exchange(board.app.app_id, late.code, HERE) is None


async def test_consent_connects_an_app(access: Access, board: Board) -> None:
    """An app that somebody of another portal lets in stands in that portal's list."""
    other = access.add_portal("Other")
    admin = access.add_admin(other.id, "Ann", department_ids=[1])
    code = access.code(board.app, admin, HERE)
    grant = access.exchange(board.app.app_id, code.code, HERE)
    assert grant is not None
    assert (grant.portal_id, grant.admin_id) == (other.id, admin.id)
    assert access.apps_in(other.id) == [board.app]
    assert access.admin_of(grant) == admin


# The pair that stands in RFC 7636, appendix B.
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.mark.parametrize(
    ("method", "challenge", "verifier", "good"),
    [
        ("S256", CHALLENGE, VERIFIER, True),
        ("S256", CHALLENGE, CHALLENGE, False),
        ("S256", CHALLENGE, None, False),
        ("plain", VERIFIER, VERIFIER, True),
        ("plain", VERIFIER, CHALLENGE, False),
        ("plain", None, None, True),
        ("plain", None, VERIFIER, True),
    ],
)
async def test_proof_of_who_asked(
    access: Access,
    board: Board,
    method: str,
    challenge: str | None,
    verifier: str | None,
    good: bool,
) -> None:
    """Where a challenge was given, only its verifier gets the grant."""
    code = access.code(board.app, board.admin, HERE, challenge=challenge, method=method)
    grant = access.exchange(board.app.app_id, code.code, HERE, verifier)
    assert (grant is not None) == good


# --- Nonsense, and the seed -----------------------------------------------------------------------

Verb = Callable[[Board], object]
REFUSED: dict[str, tuple[int, Verb]] = {
    "portal without a name": (422, lambda at: at.access.add_portal(" ")),
    "country": (422, lambda at: at.access.add_portal("x", country="")),
    "time zone": (422, lambda at: at.access.add_portal("x", time_zone="Mars/Base")),
    "portal of an admin": (404, lambda at: at.access.add_admin(1, "x")),
    "admin without a name": (422, lambda at: at.access.add_admin(at.portal.id, "")),
    "departments": (422, lambda at: at.access.add_admin(at.portal.id, "x", department_ids=[0])),
    "no such admin": (404, lambda at: at.access.deactivate_admin(at.portal.id, 9)),
    "admin to open": (404, lambda at: at.access.reactivate_admin(at.portal.id, 9)),
    "admin to limit": (404, lambda at: at.access.limit_admin(at.portal.id, 9, None)),
    "limits": (422, lambda at: at.access.limit_admin(at.portal.id, at.admin.id, [-1])),
    "portal of an app": (404, lambda at: at.access.create_app(1, "x", [])),
    "app without a name": (422, lambda at: at.access.create_app(at.portal.id, "", [])),
    "scope": (422, lambda at: at.access.create_app(at.portal.id, "x", ["shift:eat"])),
    "openid": (422, lambda at: at.access.create_app(at.portal.id, "x", ["openid"])),
    "four addresses": (422, lambda at: at.access.create_app(at.portal.id, "x", [], [HERE] * 4)),
    "no address": (422, lambda at: at.access.create_app(at.portal.id, "x", [], ["here"])),
    "scheme": (422, lambda at: at.access.create_app(at.portal.id, "x", [], ["ftp://a/"])),
    "fragment": (422, lambda at: at.access.create_app(at.portal.id, "x", [], [HERE + "#a"])),
    "line end": (422, lambda at: at.access.create_app(at.portal.id, "x", [], [HERE + "\r\n"])),
    "port": (422, lambda at: at.access.create_app(at.portal.id, "x", [], ["http://a:b/"])),
    "portal to connect": (404, lambda at: at.access.connect_app(1, at.app.app_id)),
    "app to connect": (404, lambda at: at.access.connect_app(at.portal.id, "x")),
    "connected": (409, lambda at: at.access.connect_app(at.portal.id, at.app.app_id)),
    "new name": (422, lambda at: at.access.rename_app(at.portal.id, at.app.app_id, " ")),
    "app to delete": (404, lambda at: at.access.delete_app(at.portal.id, "x")),
    "who authorises": (404, lambda at: at.access.authorise(at.portal.id, at.app.app_id, 9)),
    "what is authorised": (404, lambda at: at.access.authorise(at.portal.id, "x", 1)),
    "not authorised": (409, lambda at: at.access.revoke(at.portal.id, at.app.app_id)),
    "list of apps": (404, lambda at: at.access.apps_in(1)),
    "list of admins": (404, lambda at: at.access.admins_of(1)),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_nonsense_is_refused(board: Board, case: str) -> None:
    """What makes no sense is refused with a status, and changes nothing."""
    status, verb = REFUSED[case]
    before = [dict(board.access.portals), dict(board.access.admins), dict(board.access.apps)]
    with pytest.raises(EmulatorError) as refused:
        verb(board)
    assert refused.value.status == status
    assert before == [board.access.portals, board.access.admins, board.access.apps]


async def test_the_seed_makes_everything_the_same_again() -> None:
    """The same seed gives the same App IDs and tokens, another seed gives others."""

    def drawn(seed: int) -> list[str]:
        board = Board(seed)
        grant = board.authorise()
        return [board.app.app_id, grant.refresh_token, board.access.issue(grant).token]

    assert drawn(1) == drawn(1)
    assert not {*drawn(1)} & {*drawn(2)}
