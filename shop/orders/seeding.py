"""Fills an empty shop with the demo's story."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from django.db import connection, transaction
from django.db.models import Model
from django.utils.text import slugify

from shop.catalog import demo as goods
from shop.catalog.models import Category, StockMovement
from shop.catalog.models import Product as CatalogProduct
from shop.orders import demo, demo_stock
from shop.orders.models import Channel, Customer, Order, OrderImport, OrderLine, Payment, RejectedRow

#: Everything that a shop's past consists of, in an order in which it could be deleted.
_PAST: Final = (Payment, OrderLine, Order, RejectedRow, OrderImport, Customer, Channel, StockMovement)
_CATALOG: Final = (CatalogProduct, Category)


class ShopNotEmpty(Exception):
    """There are orders or products, which seeding would have to throw away."""


@dataclass(frozen=True, slots=True)
class Seeded:
    """How many rows there are now. ``lines`` counts what came back too."""

    products: int
    customers: int
    orders: int
    lines: int


@transaction.atomic
def seed_shop(*, lines: int, seed: int, first: date, until: datetime, replace: bool = False) -> Seeded:
    """Write the demo shop's catalog, customers and orders from ``first`` to ``until``, all or nothing.

    The same arguments give the same rows. ``lines`` are sold; what is cancelled or sent back adds a few per cent.
    Raises ShopNotEmpty, unless ``replace`` says that what is there may go.
    """
    if not replace and (Order.objects.exists() or CatalogProduct.objects.exists()):
        raise ShopNotEmpty("The shop has orders or products already.")
    _empty_shop()
    products = _fill_catalog(until)
    channels = {
        plan.code: Channel.objects.create(code=plan.code, kind=plan.kind, name=plan.name).pk for plan in demo.CHANNELS
    }
    shop = demo.DemoShop(seed=seed, lines=lines, first=first, until=until, channels=channels, products=products)
    with _bare_tables():
        for text in shop.customers():
            _copy(Customer._meta.db_table, demo.CUSTOMER_COLUMNS, text)  # noqa: SLF001
        for chunk in shop.chunks():
            _copy(Order._meta.db_table, demo.ORDER_COLUMNS, chunk.orders)  # noqa: SLF001
            _copy(OrderLine._meta.db_table, demo.LINE_COLUMNS, chunk.lines)  # noqa: SLF001
            _copy(Payment._meta.db_table, demo.PAYMENT_COLUMNS, chunk.payments)  # noqa: SLF001
        _copy(StockMovement._meta.db_table, demo_stock.MOVEMENT_COLUMNS, demo_stock.movements(shop))  # noqa: SLF001
    with connection.cursor() as cursor:
        for model in (Customer, Order):
            table = model._meta.db_table  # noqa: SLF001
            cursor.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}")  # noqa: S608
        cursor.execute(f"ANALYZE {_names(*_PAST, *_CATALOG)}")
    return Seeded(
        products=len(products),
        customers=Customer.objects.count(),
        orders=Order.objects.count(),
        lines=OrderLine.objects.count(),
    )


def _empty_shop() -> None:
    with connection.cursor() as cursor:
        # A table with checks still to come can be neither truncated nor altered.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        # Both hold everybody else off until the end; and COPY may write rows that need no vacuum (FREEZE).
        cursor.execute(f"LOCK TABLE {_names(*_CATALOG)} IN ACCESS EXCLUSIVE MODE")
        cursor.execute(f"TRUNCATE {_names(*_PAST)} RESTART IDENTITY")
    # Not truncated: apps above have rows about products, which go, or forget them, as their models say.
    CatalogProduct.objects.all().delete()
    Category.objects.filter(parent__isnull=False).delete()
    Category.objects.all().delete()
    with connection.cursor() as cursor:
        for model in _CATALOG:
            cursor.execute(f"ALTER TABLE {_names(model)} ALTER COLUMN id RESTART")


def _names(*models: type[Model]) -> str:
    return ", ".join(connection.ops.quote_name(model._meta.db_table) for model in models)  # noqa: SLF001


def _fill_catalog(since: datetime) -> list[demo.Product]:
    categories: dict[str, Category] = {}
    for shelf, parts in goods.SHELVES.items():
        top = Category.objects.create(name=shelf, slug=_slug(shelf))
        for part in parts:
            categories[part] = Category.objects.create(name=part, slug=f"{top.slug}-{_slug(part)}", parent=top)
    items = list(goods.items())
    rows = CatalogProduct.objects.bulk_create(
        CatalogProduct(
            sku=item.sku,
            name=item.name,
            category=categories[item.category],
            price=item.price,
            cost=item.cost,
            vat_rate=item.vat_rate,
            created_at=since,
        )
        for item in items
    )
    return [demo.Product(row.pk, *item) for row, item in zip(rows, items, strict=True)]


def _slug(name: str) -> str:
    return slugify(name.replace("đ", "d").replace("Đ", "D"))


def _copy(table: str, columns: str, text: str) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} ({columns}) FROM STDIN WITH (FREEZE)") as copy:
        copy.write(text)


@contextmanager
def _bare_tables() -> Iterator[None]:
    """Takes foreign keys and indexes off the big tables, then makes them again in one go each.

    Kept up row by row, they take longer than everything else together.
    """
    tables = [model._meta.db_table for model in (Customer, Order, OrderLine, Payment)]  # noqa: SLF001
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT format('ALTER TABLE %%s DROP CONSTRAINT %%I', conrelid::regclass, conname),
                   format('ALTER TABLE %%s ADD CONSTRAINT %%I ', conrelid::regclass, conname)
                   || pg_get_constraintdef(oid)
              FROM pg_constraint WHERE conrelid = ANY (%s::regclass[]) AND contype IN ('f', 'u')
            UNION ALL
            SELECT format('DROP INDEX %%s', indexrelid::regclass), pg_get_indexdef(indexrelid)
              FROM pg_index WHERE indrelid = ANY (%s::regclass[])
               AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
            """,
            [tables, tables],
        )
        statements = cursor.fetchall()
        for drop, _ in statements:
            cursor.execute(drop)
    yield
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL maintenance_work_mem = '256MB'")
        for _, add in statements:
            cursor.execute(add)
