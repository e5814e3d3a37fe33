"""Who is who: which of Planado's users each of Planday's employees is.

By e-mail address, or by the people's list, whose lines name an employee by id or salary identifier.
Addresses, lines and users count over everybody who is employed, also those whom the rules are not
about: what two of them share tells neither.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from planado_async.planado import models as planado
from planado_async.planday.models import EmployeeItem
from planado_async.sync.roster_plan import Person, Problem
from planado_async.sync.roster_rules import RosterRules


def match(
    employees: Iterable[EmployeeItem], users: Iterable[planado.User], rules: RosterRules
) -> tuple[list[Person], dict[int, Problem]]:
    """Return who is whom: by e-mail address, else by `rules.people`; never by a guess.

    Those who cannot be told have a problem, by employee, which matters once they have shifts.
    Those whom the rules are not about are in neither.
    """
    employed = list(employees)
    known = _Known(employed, users, rules)
    told = {each.id: known.told(each) for each in employed}
    times = Counter(each for each in told.values() if isinstance(each, str))
    people: list[Person] = []
    problems: dict[int, Problem] = {}
    for each in filter(rules.are_about, employed):
        found = told[each.id]
        if isinstance(found, Problem):
            problems[each.id] = found
        elif times[found] > 1:
            said = f"is the user {found}, and so is another employee; mend the people's list"
            problems[each.id] = _ambiguous(each.id, said)
        else:
            people.append(Person(employee_id=each.id, user_uuid=found, name=_name(each)))
    return people, problems


def unused(employees: Iterable[EmployeeItem], rules: RosterRules) -> Iterator[Problem]:
    """Return a note for each line of the people's list that names no employee."""
    keys = {key for each in employees for key in _keys(each)}
    for key in rules.people:
        if key not in keys:
            yield Problem(
                kind="no_match",
                text=f"the people's list names {key!r}, which is the id or salary identifier of no "
                "employee at work; mend the line, or take it out",
                note=True,
            )


class _Known:
    """Who has which address and which lines, and which users there are."""

    def __init__(
        self, employees: Sequence[EmployeeItem], users: Iterable[planado.User], rules: RosterRules
    ) -> None:
        self._people = rules.people
        self._emails = Counter(_folded(each.email) for each in employees)
        self._keys = Counter(key for each in employees for key in _keys(each))
        self._users: dict[str, set[str]] = defaultdict(set)
        self._uuids: set[str] = set()
        for user in users:
            self._uuids.add(user.uuid)
            self._users[_folded(user.email)].add(user.uuid)

    def told(self, employee: EmployeeItem) -> str | Problem:
        """Return the uuid of the user an employee is, or why nobody can tell."""
        email, keys = _folded(employee.email), _keys(employee) & self._people.keys()
        if shared := [key for key in keys if self._keys[key] > 1]:
            return _ambiguous(
                employee.id,
                f"may be meant by the line {min(shared)!r} of the people's list, which is an id or "
                "salary identifier of another employee as well; name either by the other one",
            )
        listed = {self._people[key] for key in keys}
        mailed = self._users.get(email, set()) if email and self._emails[email] == 1 else set()
        uuids = listed & mailed or listed | mailed
        if len(uuids) == 1 and uuids <= self._uuids:
            return next(iter(uuids))
        if unknown := listed - self._uuids:
            return _no_match(
                employee.id,
                f"is the user {min(unknown)} by the people's list, and Planado has none such; mend "
                "the list",
            )
        if listed and len(uuids) > 1:
            return _ambiguous(
                employee.id,
                "is one user by the people's list and another one by that or by e-mail address; "
                "mend either",
            )
        return self._not_told(employee.id, email, len(mailed))

    def _not_told(self, employee_id: int, email: str, users: int) -> Problem:
        """Say why an address tells nobody."""
        remedy = "mend the addresses, or say who it is in the people's list"
        if users > 1:
            return _ambiguous(employee_id, f"has the e-mail address of {users} users; {remedy}")
        if email and self._emails[email] > 1:
            said = f"shares the e-mail address with another employee; {remedy}"
            return _ambiguous(employee_id, said)
        said = "has an e-mail address that no user has" if email else "has no e-mail address"
        return _no_match(employee_id, f"{said}; {remedy}")


def _name(employee: EmployeeItem) -> str:
    return " ".join(filter(None, [employee.first_name, employee.last_name]))


def _keys(employee: EmployeeItem) -> set[str]:
    """Return what lines of the people's list may name an employee by."""
    return {str(employee.id), *filter(None, [(employee.salary_identifier or "").strip()])}


def _folded(email: str | None) -> str:
    return (email or "").strip().casefold()


def _ambiguous(employee_id: int, said: str) -> Problem:
    text = f"employee {employee_id} {said}"
    return Problem(kind="ambiguous", employee_id=employee_id, text=text)


def _no_match(employee_id: int, said: str) -> Problem:
    text = f"employee {employee_id} {said}"
    return Problem(kind="no_match", employee_id=employee_id, text=text)
