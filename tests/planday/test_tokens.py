"""Where tokens are kept: one contract for all stores, and what is special to each."""

import logging
import os
import stat
from pathlib import Path
from typing import Any

import orjson
import pytest

from planado_async.core.errors import ConfigurationError
from planado_async.core.secret import Secret
from planado_async.planday.tokens import (
    DEFAULT_PORTAL,
    EnvironmentTokenStore,
    FileTokenStore,
    Grant,
    MemoryTokenStore,
    TokenStore,
)

APP = "5f2d8c1e-0000-4000-8000-00000000000a"
OTHER_APP = "5f2d8c1e-0000-4000-8000-00000000000b"


def grant(portal: str = "acme", token: str = "token-1", app_id: str = APP) -> Grant:
    return Grant(portal=portal, app_id=app_id, refresh_token=Secret(token), scopes=("shift:read",))


@pytest.fixture(params=["memory", "file", "environment"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> TokenStore:
    """Each of the stores, empty."""
    stores: dict[str, TokenStore] = {
        "memory": MemoryTokenStore(),
        "file": FileTokenStore(tmp_path / "tokens"),
        "environment": EnvironmentTokenStore({}),
    }
    return stores[request.param]


# --- The contract ---------------------------------------------------------------------------------


async def test_what_was_never_kept_is_none(store: TokenStore) -> None:
    """An unknown portal has no grant, and there are no portals."""
    assert await store.load("acme", APP) is None
    assert await store.portals(APP) == []


async def test_what_was_saved_is_loaded(store: TokenStore) -> None:
    """A grant comes back whole, and replaces the one before it."""
    await store.save(grant())
    assert await store.load("acme", APP) == grant()
    await store.save(grant(token="token-2"))
    assert await store.load("acme", APP) == grant(token="token-2")


async def test_portals_and_apps_are_kept_apart(store: TokenStore) -> None:
    """The same portal may grant two apps, and two portals the same app."""
    grants = [grant("acme", "a"), grant("globex", "b"), grant("acme", "c", OTHER_APP)]
    for each in grants:
        await store.save(each)
    loaded = [await store.load(each.portal, each.app_id) for each in grants]
    assert loaded == grants
    assert await store.portals(APP) == ["acme", "globex"]


async def test_a_grant_never_shows_its_token(store: TokenStore) -> None:
    """Neither a grant nor a store tells a token when it is printed."""
    await store.save(grant(token="canary"))
    assert "canary" not in repr(await store.load("acme", APP)) + repr(store)


# --- Files ----------------------------------------------------------------------------------------


async def test_only_the_owner_can_read_the_files(tmp_path: Path) -> None:
    """A file of tokens has mode 0600, its directory 0700, also after it was replaced."""
    directory = tmp_path / "tokens"
    store = FileTokenStore(directory)
    for token in ("one", "two"):
        await store.save(grant(token=token))
    (file,) = directory.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


async def test_what_a_person_writes_is_read(tmp_path: Path) -> None:
    """A file with the token alone will do, and blanks around it are no part of it."""
    (tmp_path / f"acme@{APP}.json").write_text('{"refresh_token": " token-9\\n"}')
    found = await FileTokenStore(tmp_path).load("acme", APP)
    assert found
    assert (found.refresh_token.reveal(), found.scopes) == ("token-9", ())


@pytest.mark.parametrize(
    "content",
    [
        "",
        "canary",
        '{"refresh_token": "canary"',
        '["canary"]',
        '{"token": "canary"}',
        '{"refresh_token": ""}',
        '{"refresh_token": 7}',
        '{"refresh_token": "canary", "scopes": 7}',
        '"canary"',
        "null",
    ],
)
async def test_a_spoilt_file_says_what_belongs_in_it(tmp_path: Path, content: str) -> None:
    """The error names the file and its form, and shows nothing of what it holds."""
    path = tmp_path / f"acme@{APP}.json"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match="refresh_token") as caught:
        await FileTokenStore(tmp_path).load("acme", APP)
    assert str(path) in str(caught.value)
    assert "canary" not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "name", ["", "..", ".", "a/b", "../x", "a\\b", "a\0", ".hidden", "ä", "a b"]
)
async def test_no_name_leads_out_of_the_directory(tmp_path: Path, name: str) -> None:
    """A portal's name that could be a path is refused, for reading and writing."""
    store = FileTokenStore(tmp_path)
    with pytest.raises(ConfigurationError, match="cannot name a portal"):
        await store.load(name, APP)
    with pytest.raises(ConfigurationError, match="cannot name a portal"):
        await store.save(grant(name))
    assert os.listdir(tmp_path) == []


async def test_a_failed_write_leaves_the_token_of_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the new token cannot be kept, the error says so, and no half a file is left."""
    store = FileTokenStore(tmp_path)
    await store.save(grant())

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigurationError, match="No space left on device"):
        await store.save(grant(token="token-2"))
    assert os.listdir(tmp_path) == [f"acme@{APP}.json"]
    assert orjson.loads((tmp_path / f"acme@{APP}.json").read_bytes())["refresh_token"] == "token-1"


async def test_files_of_others_are_no_portals(tmp_path: Path) -> None:
    """Only files with the app's id in their name count."""
    store = FileTokenStore(tmp_path)
    await store.save(grant())
    await store.save(grant("globex", app_id=OTHER_APP))
    (tmp_path / "notes.txt").write_text("x")
    assert await store.portals(APP) == ["acme"]


# --- The environment ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("portal", "variable"),
    [
        (DEFAULT_PORTAL, "PLANDAY_REFRESH_TOKEN"),
        ("acme", "PLANDAY_REFRESH_TOKEN_ACME"),
        ("north-1.dk", "PLANDAY_REFRESH_TOKEN_NORTH_1_DK"),
    ],
)
async def test_each_portal_has_its_variable(portal: str, variable: str) -> None:
    """The portal's name in capitals ends the variable's."""
    store = EnvironmentTokenStore({variable: "token-1\n"})
    found: Any = await store.load(portal, APP)
    assert (found.portal, found.refresh_token.reveal()) == (portal, "token-1")


async def test_variables_name_the_portals() -> None:
    """Those that are set and not empty are listed."""
    named = {
        "PLANDAY_REFRESH_TOKEN": "a",
        "PLANDAY_REFRESH_TOKEN_ACME": "b",
        "PLANDAY_REFRESH_TOKEN_NONE": " ",
        "PLANDAY_APP_ID": "c",
    }
    assert await EnvironmentTokenStore(named).portals(APP) == ["acme", DEFAULT_PORTAL]


async def test_a_variable_that_changes_wins_over_what_was_saved() -> None:
    """A token saved here holds until somebody sets the variable to another one."""
    environment = {"PLANDAY_REFRESH_TOKEN_ACME": "first"}
    store = EnvironmentTokenStore(environment)
    await store.save(grant(token="rotated"))
    kept: Any = await store.load("acme", APP)
    environment["PLANDAY_REFRESH_TOKEN_ACME"] = "second"
    now: Any = await store.load("acme", APP)
    assert (kept.refresh_token.reveal(), now.refresh_token.reveal()) == ("rotated", "second")


async def test_a_variable_of_another_name_is_no_portals() -> None:
    """Neither a plural, nor one that would name the portal that has the variable without a name."""
    store = EnvironmentTokenStore(
        {"PLANDAY_REFRESH_TOKENS": "a", "PLANDAY_REFRESH_TOKEN_DEFAULT": "b"}
    )
    assert await store.portals(APP) == []
    assert await store.load(DEFAULT_PORTAL, APP) is None


async def test_a_token_that_lives_in_memory_alone_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """With the variable to set before the next start, and without the token."""
    store = EnvironmentTokenStore({"PLANDAY_REFRESH_TOKEN_ACME": "first"})
    with caplog.at_level(logging.WARNING, "planado_async"):
        await store.save(grant(token="canary-token"))
    (told,) = caplog.messages
    assert "portal acme lives in memory alone; set PLANDAY_REFRESH_TOKEN_ACME" in told
    assert "canary" not in caplog.text
