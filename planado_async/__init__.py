"""Asyncio client, durable webhook receiver and local emulator for the Planado API."""

import importlib
import typing

if typing.TYPE_CHECKING:
    from planado_async.public import *  # noqa: F403  # its __all__ says what these are
    from planado_async.public import __all__ as __all__
else:
    # Late, so that pytest, which loads our plugin in every project, need not load aiohttp for it.
    def __getattr__(name: str) -> object:
        """Bring all public names when the first of them is asked for."""
        public = importlib.import_module("planado_async.public")
        globals().update({each: getattr(public, each) for each in public.__all__})
        globals()["__all__"] = public.__all__
        if name not in globals():
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return globals()[name]

    def __dir__() -> list[str]:
        """Tell the public names too."""
        return sorted({*globals(), *__getattr__("__all__")})
