"""Catalog: what is sold and what is done for a price (docs: Catalog)."""

from typing import ClassVar, Unpack

from planado_async.core.pages import Pages
from planado_async.planado.models import Category, Product, Service, Unit
from planado_async.planado.resources.resource import Resource
from planado_async.planado.writes import (
    CallOptions,
    CategoryCreate,
    Listing,
    ProductCreate,
    ServiceCreate,
    UnitCreate,
    UnitUpdate,
)


class Products(Resource):
    """The calls under `/catalog/products`."""

    def list(self, **options: Unpack[Listing]) -> Pages[Product]:
        """Walk over the products, archived ones included (docs: Products, List)."""
        return self._list(
            "/catalog/products",
            key="products",
            model=Product,
            given=options,
            whole=True,
        )

    async def create(self, **fields: Unpack[ProductCreate]) -> str:
        """Create a product and return its uuid (docs: Products, Create).

        Raises:
            OutcomeUnknownError: the answer was lost; the product may exist.
        """
        return await self._create(
            "/catalog/products", fields=fields, shape=ProductCreate, answers="product_uuid"
        )


class Services(Resource):
    """The calls under `/catalog/services`."""

    def list(self, **options: Unpack[Listing]) -> Pages[Service]:
        """Walk over the services, archived ones included (docs: Services, List)."""
        return self._list(
            "/catalog/services",
            key="services",
            model=Service,
            given=options,
            whole=True,
        )

    async def create(self, **fields: Unpack[ServiceCreate]) -> str:
        """Create a service and return its uuid (docs: Services, Create).

        Raises:
            OutcomeUnknownError: the answer was lost; the service may exist.
        """
        return await self._create(
            "/catalog/services", fields=fields, shape=ServiceCreate, answers="service_uuid"
        )


class _Categories(Resource):
    """A tree of categories, three levels deep at most."""

    _route: ClassVar[str]

    async def get(self, id: str, **options: Unpack[CallOptions]) -> Category:
        """Return a category, by its uuid or external_id (docs: Categories, Get).

        Raises:
            NotFoundError: there is no such category in this tree.
        """
        return await self._get(
            self._route + "/{id}", id, key="category", model=Category, given=options
        )

    def list(self, **options: Unpack[Listing]) -> Pages[Category]:
        """Walk over the categories of this tree (docs: Categories, List)."""
        return self._list(self._route, key="categories", model=Category, given=options, whole=True)

    async def create(self, **fields: Unpack[CategoryCreate]) -> str:
        """Create a category and return its uuid (docs: Categories, Create).

        With an `external_id` a lost answer is recovered from, as with jobs.

        Raises:
            ConflictError: the category named by its `uuid` has this external_id.
            OutcomeUnknownError: the answer was lost, and there is no external_id or it could not be
                looked up; the category may exist.
        """
        return await self._create(
            self._route,
            fields=fields,
            shape=CategoryCreate,
            answers="category_uuid",
            found_under=("category",),
        )


class ProductCategories(_Categories):
    """The calls under `/catalog/products/categories`."""

    _route = "/catalog/products/categories"


class ServiceCategories(_Categories):
    """The calls under `/catalog/services/categories`."""

    _route = "/catalog/services/categories"


class Units(Resource):
    """The calls under `/catalog/products/units`. A unit's `id` is its uuid or external_id."""

    async def get(self, id: str, **options: Unpack[CallOptions]) -> Unit:
        """Return a unit (docs: Units, Get).

        Raises:
            NotFoundError: there is no such unit.
        """
        return await self._get(
            "/catalog/products/units/{id}", id, key="unit", model=Unit, given=options
        )

    def list(self, **options: Unpack[Listing]) -> Pages[Unit]:
        """Walk over the units (docs: Units, List)."""
        return self._list(
            "/catalog/products/units",
            key="units",
            model=Unit,
            given=options,
            whole=True,
        )

    async def create(self, **fields: Unpack[UnitCreate]) -> str:
        """Create a unit and return its uuid (docs: Units, Create).

        With an `external_id` a lost answer is recovered from, as with jobs.

        Raises:
            ConflictError: the unit named by its `uuid` has this external_id.
            OutcomeUnknownError: the answer was lost, and there is no external_id or it could not be
                looked up; the unit may exist.
        """
        return await self._create(
            "/catalog/products/units",
            fields=fields,
            shape=UnitCreate,
            answers="unit_uuid",
            found_under=("unit",),
        )

    async def update(self, id: str, **fields: Unpack[UnitUpdate]) -> str:
        """Change the fields given and return the unit's uuid (docs: Units, Update)."""
        return await self._update(
            "/catalog/products/units/{id}",
            id,
            fields=fields,
            shape=UnitUpdate,
            answers="unit_uuid",
        )
