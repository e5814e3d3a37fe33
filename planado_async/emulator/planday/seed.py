"""What a portal holds at the start: the staff of a small chain of service workshops.

Numbers, names and dates are the same in every portal of every seed.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Protocol

from attrs import evolve

from planado_async.emulator.planday import seed_scheduling
from planado_async.emulator.planday.data import PortalData
from planado_async.emulator.planday.people import (
    CustomField,
    Department,
    Employee,
    EmployeeGroup,
    EmployeeType,
    Skill,
    Supervisor,
    TerminationType,
)

SET_UP_AT = datetime(2024, 1, 15, 7, tzinfo=UTC)

# name, number
DEPARTMENTS = (("North", "N-100"), ("Centre", "C-200"), ("South", ""))
GROUPS = ("Technicians", "Apprentices", "Drivers", "Office")
TYPES = (("Full time", "37 hours a week"), ("Part time", "up to 30 hours a week"), ("Hourly", ""))
# name, description, limited in time
SKILLS = (
    ("Gas", "Work on gas pipes", False),
    ("Electrical", "Work on electrical installations", False),
    ("Driving licence C", None, False),
    ("First aid", "Valid for two years", True),
)
TERMINATIONS = ("Resigned", "Dismissed", "End of contract", "Retired")
CUSTOM = (
    CustomField(key="custom_11111", name="Locker", kind="Text"),
    CustomField(key="custom_11112", name="Shoe size", kind="Numeric"),
    CustomField(key="custom_11113", name="Has company car", kind="Boolean"),
    CustomField(key="custom_11114", name="Safety course", kind="Date"),
    CustomField(key="custom_11115", name="T-shirt", kind="Dropdown", options=("S", "M", "L", "XL")),
    CustomField(key="custom_11116", name="Photo", kind="Image"),
)
# Departments, groups, types and the like go round, so that each has some of everything.
NAMES = (
    "Anna Berg", "Boris Orlov", "Chloe Martin", "Daniel Weiss", "Elif Kaya", "Farid Haddad",
    "Greta Lund", "Henrik Vinter", "Ida Skov", "Jonas Bak", "Karen Toft", "Lars Bech",
    "Maja Friis", "Nils Dam", "Olga Reznik", "Peter Kjær", "Rosa Vega", "Søren Juhl",
    "Tove Lind", "Ulrik Holt", "Vera Novak", "William Ash", "Yusuf Demir", "Zofia Wójcik",
    "Aksel Ravn", "Birgit Møller", "Carl Øster", "Ditte Krag", "Emil Storm", "Freja Bang",
    "Gustav Lykke", "Hanne Buch", "Ivan Petrov", "Julie Hede", "Kasper Munk", "Lone Bruun",
    "Mikkel Gade", "Nanna Vest", "Otto Klint", "Pia Wind",
)  # fmt: skip
# How many at the start of the list supervise a department, how many at its end have left.
SUPERVISORS, LEFT = 3, 2
# Places of those without an e-mail address, without a phone, with a foreign phone, in two
# departments.
NO_EMAIL, NO_PHONE, SWEDISH, IN_TWO = (5, 17), (9,), (11, 23), (4, 12, 30)
STREETS = ("Havnegade", "Skolevej", "Bredgade", "Møllevej")
PLAIN = str.maketrans({"æ": "ae", "ø": "o", "ó": "o"})
CITIES = (("9000", "Aalborg"), ("8000", "Aarhus C"), ("6000", "Kolding"))


class _Numbered(Protocol):
    @property
    def id(self) -> int: ...


def plant(data: PortalData) -> None:
    """Fills a portal."""
    _plant_directories(data)
    for place, name in enumerate(NAMES):
        _employ(data, place, name)
    for employee in [*data.employees][:SUPERVISORS]:
        record = Supervisor(id=data.supervisors.new_id(), employee_id=employee.id)
        data.supervisors.put(record)
    _supervise(data)
    for employee in [*data.employees][-LEFT:]:
        _dismiss(data, employee)
    seed_scheduling.plant(data)


def _plant_directories(data: PortalData) -> None:
    for name, number in DEPARTMENTS:
        table = data.departments
        table.put(Department(id=table.new_id(), name=name, number=number))
    for name in GROUPS:
        data.employee_groups.put(EmployeeGroup(id=data.employee_groups.new_id(), name=name))
    for name, description in TYPES:
        types = data.employee_types
        types.put(EmployeeType(id=types.new_id(), name=name, description=description))
    for name, told, limited in SKILLS:
        id_ = data.skills.new_id()
        data.skills.put(Skill(id=id_, name=name, description=told, is_time_limited=limited))
    for name in TERMINATIONS:
        reasons = data.termination_types
        reasons.put(TerminationType(id=reasons.new_id(), name=name))
    data.custom_fields = {custom.key: custom for custom in CUSTOM}


def _employ(data: PortalData, place: int, name: str) -> None:
    """Takes on the person at a place of the list; who he is follows from the place."""
    first, last = name.split()
    at = SET_UP_AT + timedelta(days=place, minutes=7 * place)
    departments = _numbers(data.departments, place, 2 if place in IN_TWO else 1)
    zip_code, city = CITIES[place % len(CITIES)]
    data.employees.put(
        Employee(
            id=data.employees.new_id(),
            first_name=first,
            last_name=last,
            user_name=_address(name),
            email="" if place in NO_EMAIL else _address(name),
            hired_from=date(2020, 1 + place % 12, 1),
            created_at=at,
            modified_at=at + timedelta(hours=1, milliseconds=250 * (place % 2)),
            employee_type_id=_numbers(data.employee_types, place, 1)[0],
            salary_identifier=f"S{1001 + place}",
            departments=departments,
            primary_department_id=departments[0],
            employee_groups=_numbers(data.employee_groups, place // 10, 1 + place % 2),
            security_groups=(1,) if place < SUPERVISORS else (2,),
            cell_phone="" if place in NO_PHONE else f"2055{1000 + place}",
            cell_phone_country_code="SE" if place in SWEDISH else "DK",
            street1=f"{STREETS[place % len(STREETS)]} {1 + place}",
            zip=zip_code,
            city=city,
            gender=("Female", "Male", None)[place % 3],
            job_title=GROUPS[place // 10].removesuffix("s"),
            skill_ids=_numbers(data.skills, place, place % 3),
            work_hours=37 if place % 3 == 0 else None,
            bank_account={"registrationNumber": "1234", "accountNumber": f"{5550001 + place}"},
            birth_date=date(1970 + place % 30, 1 + place % 12, 1 + place % 28),
            ssn=f"010170-{1000 + place}",
            custom={"custom_11111": f"L-{place + 1}", "custom_11112": 38 + place % 9},
        )
    )


def _address(name: str) -> str:
    plain = name.lower().translate(PLAIN).replace(" ", ".")
    return f"{plain}@example.com"


def _numbers(records: Iterable[_Numbered], place: int, count: int) -> tuple[int, ...]:
    """So many neighbours of one kind, whose turn it is at a place."""
    ids = [record.id for record in records]
    return tuple(sorted({ids[(place + step) % len(ids)] for step in range(count)}))


def _supervise(data: PortalData) -> None:
    """Puts everybody under the supervisor of his department."""
    supervisors = [*data.supervisors]
    for place, employee in enumerate(data.employees):
        if place >= SUPERVISORS:
            over = supervisors[place % SUPERVISORS].id
            data.employees.put(evolve(employee, supervisor_id=over))


def _dismiss(data: PortalData, employee: Employee) -> None:
    """Lets somebody go, a few days after everyone was taken on."""
    at = SET_UP_AT + timedelta(days=60, microseconds=123456)
    gone = evolve(
        employee,
        deactivation_date=at.date(),
        deactivated_from=at,
        deactivation_reason="Moved away",
        termination_type_id=next(iter(data.termination_types)).id,
        modified_at=at,
    )
    data.employees.put(gone)
