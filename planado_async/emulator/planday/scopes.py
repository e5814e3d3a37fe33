"""The names of scopes, as the discovery document lists them."""

OPENID = ("openid", "offline_access", "email", "plandayid")
INTERNAL = ("platform_access_token", "access_token", "impersonate")
# Asked for in every authorize request, beside all scopes of the app.
ALWAYS = frozenset({"openid", "offline_access"})


def _all(resource: str, *actions: str) -> tuple[str, ...]:
    return tuple(f"{resource}:{action}" for action in actions)


_CRU = ("create", "read", "update")
_CRUD = (*_CRU, "delete")

REST = (
    *_all("portal", "create"),
    *_all("employee", "create", "read", "update", "deactivate", "history"),
    *_all("bankaccount", *_CRU),
    *_all("birthdate", *_CRU),
    *_all("ssn", *_CRU),
    *_all("department", *_CRUD),
    *_all("employeegroup", *_CRUD),
    *_all("employeetype", "read"),
    *_all("skill", *_CRUD),
    *_all("shift", *_CRUD),
    *_all("shifttype", *_CRUD),
    *_all("shiftposition", *_CRUD),
    *_all("timeandcost", "read"),
    *_all("punchclockshift", "create", "read"),
    *_all("punchclockkioskdevice", "create", "read", "delete"),
    *_all("punchclockkioskprofile", "create", "read"),
    *_all("absence", *_CRU),
    *_all("absencesettings", *_CRUD),
    *_all("payrates", "read", "update"),
    *_all("salaries", "read", "update"),
    *_all("payroll", "read"),
    *_all("contractrules", "read", "update"),
    *_all("revenue", "read", "set", "update", "delete"),
    *_all("securitygroups", "read"),
    *_all("securitygroupmembership", "read", "update", "delete"),
    *_all("datacenter", "create", "read"),
)
SUPPORTED = (*OPENID, *INTERNAL, *REST)
