from datetime import UTC, datetime
from random import Random
from uuid import UUID

from planado_async.emulator import Emulator
from planado_async.emulator.ids import Ids, looks_like_uuid

DAY = datetime(2026, 2, 2, tzinfo=UTC)


def test_version_6_in_order() -> None:
    """Ids are lower-case UUIDs of version 6, each later than the one before."""
    ids = Ids(Random(0), lambda: DAY)
    made = [ids.new() for _ in range(1000)]
    assert made == sorted(set(made))
    assert {UUID(each).version for each in made} == {6}
    assert {UUID(each).variant for each in made} == {"specified in RFC 4122"}
    assert made[0].islower()


def test_same_seed_same_ids() -> None:
    """The seed and the clock decide them."""
    first, second, third = (Ids(Random(seed), lambda: DAY) for seed in (1, 1, 2))
    drawn = first.new()
    assert drawn == second.new()
    assert drawn != third.new()


async def test_same_seed_same_account() -> None:
    """Key and set-up follow from the seed, whenever the emulator starts."""
    accounts = []
    for seed in (3, 3, 4):
        async with Emulator(seed=seed) as emulator:
            assert emulator._account is not None
            users = [user.uuid for user in emulator._account.state.users]
            accounts.append((emulator.api_key, users))
    assert accounts[0] == accounts[1]
    assert accounts[0][0] != accounts[2][0]
    assert accounts[0][1] != accounts[2][1]


def test_looks_like_uuid() -> None:
    """Only the full form counts."""
    assert looks_like_uuid("1EF0A0B0-0000-6000-8000-000000000000")
    assert not looks_like_uuid("1ef0a0b0000060008000000000000000")
    assert not looks_like_uuid("crm-1")
