"""What is public is said in a sorted `__all__`, and is there."""

import importlib
import inspect
import pkgutil
from types import ModuleType

import pytest

import planado_async
from planado_async import planday
from planado_async.core.model import Model

MODULES = [
    "planado_async",
    *sorted(
        module.name
        for module in pkgutil.walk_packages(planado_async.__path__, "planado_async.")
        if not module.name.endswith("__main__")
    ),
]


def place(name: str) -> tuple[int, str]:
    """Return where a name stands: constants, then classes, then the rest, each by the alphabet."""
    return (0 if name.isupper() else 1 if name[:1].isupper() else 2), name


@pytest.mark.parametrize("name", MODULES)
def test_all_is_sorted_and_there(name: str) -> None:
    """Each name is listed once, in order, and can be imported."""
    module = importlib.import_module(name)
    if not hasattr(module, "__all__"):
        return
    assert module.__all__ == sorted(set(module.__all__), key=place)
    for public in module.__all__:
        assert hasattr(module, public), public


@pytest.mark.parametrize(
    "name",
    [
        "planado_async",
        "planado_async.planado",
        "planado_async.planado.resources",
        "planado_async.planday",
        "planado_async.planday.models",
        "planado_async.planday.resources",
        "planado_async.planday.writes",
        "planado_async.sync",
    ],
)
def test_every_public_package_has_all(name: str) -> None:
    """What users import from says what it offers."""
    assert importlib.import_module(name).__all__


@pytest.mark.parametrize("name", MODULES)
def test_what_is_imported_for_others_is_listed(name: str) -> None:
    """A package's front imports nothing that it does not offer."""
    module = importlib.import_module(name)
    if not hasattr(module, "__path__") or not hasattr(module, "__all__"):
        return
    ours = {
        public
        for public, value in vars(module).items()
        if not public.startswith("_") and not isinstance(value, ModuleType)
    }
    assert ours <= set(module.__all__)


@pytest.mark.parametrize(
    "value",
    [getattr(front, name) for front in (planado_async, planday) for name in front.__all__],
)
def test_every_public_name_is_described(value: object) -> None:
    """Classes and functions have a docstring whose first line is a sentence."""
    if inspect.isclass(value) or inspect.isfunction(value):
        assert (inspect.getdoc(value) or "").split("\n")[0].rstrip().endswith((".", ":", ",", "`"))


def test_every_error_is_public() -> None:
    """Whatever can be raised can be caught by a name of the package."""
    errors = importlib.import_module("planado_async.core.errors")
    classes = {
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, errors.PlanadoError)
    }
    assert classes <= set(planado_async.__all__)


@pytest.mark.parametrize("name", ["planado_async.planado", "planado_async.planday"])
def test_every_model_is_public(name: str) -> None:
    """Whatever a call returns has a name to annotate with."""
    package = importlib.import_module(name)
    classes = {
        public
        for module in MODULES
        if module.startswith(f"{name}.models")
        for public, value in vars(importlib.import_module(module)).items()
        if inspect.isclass(value) and issubclass(value, Model) and value is not Model
    }
    assert len(classes) > 30
    assert classes <= set(package.__all__)
