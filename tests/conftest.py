"""What every test shares: virtual time, and aioresponses made to fit the installed aiohttp."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any
from unittest.mock import Mock

import aiohttp
import aioresponses.core
import hypothesis
import pytest

from tests.virtual_time import VirtualTimeLoop

# A shared machine stalls now and then, which says nothing of the code. Too slow is the same.
hypothesis.settings.register_profile(
    "shared_machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("shared_machine")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "real_time: run on an ordinary loop (threads, processes)")


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run async tests in virtual time unless they are marked `real_time`."""
    if item.get_closest_marker("real_time"):
        return {"real": asyncio.SelectorEventLoop}
    return {"virtual": VirtualTimeLoop}


class _ClientResponse(aiohttp.ClientResponse):
    """Takes the argument that aiohttp 3.14 added and aioresponses does not pass yet."""

    def __init__(self, *args: Any, stream_writer: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, stream_writer=stream_writer or Mock(output_size=0), **kwargs)


setattr(aioresponses.core, "ClientResponse", _ClientResponse)  # noqa: B010  # not its own name
