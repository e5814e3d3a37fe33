"""One class for each group of calls, as the API's documentation groups them."""

from planado_async.planado.resources.catalog import (
    ProductCategories,
    Products,
    ServiceCategories,
    Services,
    Units,
)
from planado_async.planado.resources.clients import Clients
from planado_async.planado.resources.directories import (
    Dictionaries,
    JobTypes,
    Resolutions,
    Skills,
    Teams,
    Templates,
    Territories,
)
from planado_async.planado.resources.jobs import Jobs
from planado_async.planado.resources.resource import ClientOptions, Resource
from planado_async.planado.resources.sites import Sites
from planado_async.planado.resources.users import Users
from planado_async.planado.resources.webhooks import WebhookSubscriptions

__all__ = [
    "ClientOptions",
    "Clients",
    "Dictionaries",
    "JobTypes",
    "Jobs",
    "ProductCategories",
    "Products",
    "Resolutions",
    "Resource",
    "ServiceCategories",
    "Services",
    "Sites",
    "Skills",
    "Teams",
    "Templates",
    "Territories",
    "Units",
    "Users",
    "WebhookSubscriptions",
]
