"""A secret that does not show itself."""

import copy
import logging
import pickle

import pytest

from planado_async.core.secret import Secret

TEXT = "canary-77aa"


@pytest.mark.parametrize("shown", [repr, str, "{0}".format, "{0:>40}".format, "%s".__mod__, ascii])
def test_no_way_of_printing_shows_it(shown: object) -> None:
    """Whatever turns it into text hides it."""
    assert callable(shown)
    assert TEXT not in shown(Secret(TEXT))


def test_inside_something_else_it_is_hidden() -> None:
    """What holds it shows it as little."""
    assert TEXT not in repr({"key": [Secret(TEXT)]})


def test_a_log_record_hides_it(caplog: pytest.LogCaptureFixture) -> None:
    """Logged as an argument, it is hidden."""
    logging.getLogger("anything").warning("the key is %s or %r", Secret(TEXT), Secret(TEXT))
    assert "***" in caplog.text
    assert TEXT not in caplog.text


@pytest.mark.parametrize("duplicate", [pickle.dumps, copy.copy, copy.deepcopy])
def test_it_is_neither_pickled_nor_copied(duplicate: object) -> None:
    """What would carry it elsewhere fails and says what to do."""
    assert callable(duplicate)
    with pytest.raises(TypeError, match="pass the key anew") as caught:
        duplicate(Secret(TEXT))
    assert TEXT not in str(caught.value)


def test_reveal_gives_it_back() -> None:
    """One method, easy to search for, shows the text."""
    assert Secret(TEXT).reveal() == TEXT


@pytest.mark.parametrize(
    ("value", "candidate", "same"),
    [
        ("s3cret", b"s3cret", True),
        ("s3cret", b"s3creT", False),
        ("s3cret", b"", False),
        ("", b"", True),
        ("ключ", "ключ".encode(), True),
        ("ключ", b"\xff\xfe", False),
        ("s3cret", b"s3cret" * 2000, False),
        ("\udcff", b"\xed\xb3\xbf", True),
    ],
)
def test_it_matches_bytes_as_received(value: str, candidate: bytes, same: bool) -> None:
    """Any bytes can be compared, none raises."""
    assert Secret(value).matches(candidate) is same


def test_equality_is_by_value() -> None:
    """Two secrets with one text are equal; a secret is not its text."""
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"


def test_it_has_no_hash() -> None:
    """A hash in a log would be a fingerprint."""
    with pytest.raises(TypeError, match="hash"):
        hash(Secret(TEXT))


def test_an_empty_one_is_false() -> None:
    """Whether there is one can be asked."""
    assert Secret("x")
    assert not Secret("")


def test_it_has_no_dict_to_look_into() -> None:
    """`vars` finds nothing."""
    assert not hasattr(Secret(TEXT), "__dict__")
