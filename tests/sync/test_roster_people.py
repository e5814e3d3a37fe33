"""Who is who: which of Planado's users each of Planday's employees is."""

from typing import Any

import pytest

from planado_async.sync import Person, RosterRules, match
from planado_async.sync.roster_people import unused
from tests.sync.roster_making import employee, user

ANN, BOB = user("u-1", "Anna@Example.test "), user("u-2", "bob@example.test")


def matched(
    *employees: Any, people: dict[str, str] | None = None, **rules: Any
) -> tuple[dict[int, str], dict[int, str]]:
    """Return the users by employee, and the kinds of problems."""
    users = [ANN, BOB, user("u-3", None), user("u-4", "two@x"), user("u-5", "TWO@x")]
    found, problems = match(employees, users, RosterRules(people=people or {}, **rules))
    return (
        {each.employee_id: each.user_uuid for each in found},
        {id_: each.kind for id_, each in problems.items()},
    )


def test_people_are_known_by_address() -> None:
    """Letter case and blanks do not matter; the name comes along, and is not in the repr."""
    assert matched(employee(1, " aNNa@example.TEST")) == ({1: "u-1"}, {})
    named = employee(1, "bob@example.test", firstName="Bob", lastName="Ray")
    (person,), _ = match([named], [ANN, BOB], RosterRules())
    assert person == Person(employee_id=1, user_uuid="u-2", name="Bob Ray")
    assert "Ray" not in repr(person)


@pytest.mark.parametrize(
    "keys", [{"1": "u-3"}, {1: "u-3"}, {"S7": "U-3"}, {"S7": " u-3", "1": "u-3"}]
)
@pytest.mark.parametrize("email", [None, "", "unknown@example.test"])
def test_people_are_known_by_the_list(keys: dict[Any, str], email: str | None) -> None:
    """Whom no address tells, the list does, by id or salary identifier."""
    assert matched(employee(1, email, salaryIdentifier="S7"), people=keys) == ({1: "u-3"}, {})


@pytest.mark.parametrize(
    ("email", "people", "kind"),
    [
        (None, {}, "no_match"),
        ("nobody@example.test", {}, "no_match"),
        (None, {"1": "u-9"}, "no_match"),
        ("bob@example.test", {"1": "u-9"}, "no_match"),  # a row that is wrong is not passed over
        ("bob@example.test", {"1": "u-1"}, "ambiguous"),
        (None, {"1": "u-1", "S7": "u-2"}, "ambiguous"),
        ("two@x", {}, "ambiguous"),
    ],
)
def test_nobody_is_guessed(email: str | None, people: dict[str, str], kind: str) -> None:
    """Whoever could be nobody or two is a problem that says what to do."""
    assert matched(employee(1, email, salaryIdentifier="S7"), people=people) == ({}, {1: kind})


def test_an_address_of_two_users_is_decided_by_the_list() -> None:
    """The list may choose among those who have the address."""
    assert matched(employee(1, "two@x"), people={"1": "u-5"}) == ({1: "u-5"}, {})


def test_an_address_of_two_employees_tells_neither() -> None:
    """Both are ambiguous; the list tells one, and the other stays a problem."""
    both = employee(1, "bob@example.test"), employee(2, "BOB@example.test")
    assert matched(*both) == ({}, {1: "ambiguous", 2: "ambiguous"})
    assert matched(*both, people={"2": "u-2"}) == ({2: "u-2"}, {1: "ambiguous"})


def test_a_user_is_one_employee() -> None:
    """Two employees who would be the same user are both ambiguous."""
    both = employee(1, "bob@example.test"), employee(2, None)
    assert matched(*both, people={"2": "u-2"}) == ({}, {1: "ambiguous", 2: "ambiguous"})


def test_rules_may_be_about_some_departments() -> None:
    """Employees of others are neither matched nor a problem, but their addresses still count."""
    mine = employee(1, "bob@example.test", departments=[1, 2])
    other = employee(2, None, departments=[3])
    assert matched(mine, other, departments=[2]) == ({1: "u-2"}, {})
    same = employee(3, "bob@example.test", departments=[3])
    assert matched(mine, same, departments=[2]) == ({}, {1: "ambiguous"})


@pytest.mark.parametrize("departments", [[], [1]])
@pytest.mark.parametrize("email", [None, "bob@example.test"])
def test_a_line_that_two_may_be_meant_by_tells_neither(
    departments: list[int], email: str | None
) -> None:
    """An id that is another's salary identifier is no guess, whoever the rules are about."""
    mine = employee(10018, None, departments=[1])
    other = employee(7, email, departments=[2], salaryIdentifier=" 10018 ")
    found, problems = matched(mine, other, people={"10018": "u-3"}, departments=departments)
    assert (found, problems[10018]) == ({}, "ambiguous")
    assert (7 in problems) is (not departments)
    assert matched(mine, other, people={"7": "u-2"})[0] == {7: "u-2"}


def test_a_user_of_somebody_else_is_ambiguous() -> None:
    """Also where the other one is nobody the rules are about."""
    mine = employee(1, None, departments=[1])
    other = employee(2, "bob@example.test", departments=[2])
    assert matched(mine, other, people={"1": "u-2"}, departments=[1]) == ({}, {1: "ambiguous"})


def test_salary_identifiers_may_have_blanks() -> None:
    """Planday keeps what was typed; blanks around it do not matter."""
    assert matched(employee(1, None, salaryIdentifier=" S7 "), people={"S7": "u-3"}) == (
        {1: "u-3"},
        {},
    )


def test_lines_that_name_nobody_are_noted() -> None:
    """A slip in the people's list is told with the line's own word."""
    rules = RosterRules(people={"1": "u-1", "S7": "u-2", "S8": "u-3"}, departments=[1])
    told = [*unused([employee(1, None), employee(2, None, salaryIdentifier="S7 ")], rules)]
    assert [(each.kind, each.note) for each in told] == [("no_match", True)]
    assert "names 'S8', which is the id or salary identifier of no employee" in told[0].text
