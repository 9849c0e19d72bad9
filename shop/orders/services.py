"""Everything that changes orders."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Final

from django.db import connection, transaction
from django.db.models.functions import Now

from shop.catalog.models import Product
from shop.orders import sales_csv
from shop.orders.models import Channel, Customer, Order, OrderImport, RejectedRow, State
from shop.orders.sales_csv import Layout, Rejected, SoldLine

#: Rows that come in with one transaction: some megabytes, and less than a second of work to do again.
_BATCH: Final = 20_000


class ImportConflict(Exception):
    """This file is being imported by somebody else, or was begun in another layout. The message says which."""


def order_code(channel: Channel, number: str) -> str:
    """The shop's own code of a channel's order, unique because a channel's code holds no dash."""
    return f"{channel.code.upper()}-{number}"


def import_orders(
    *,
    path: Path,
    channel: Channel,
    layout: Layout,
    progress: Callable[[int, int], None] | None = None,
    batch: int = _BATCH,
) -> OrderImport:
    """Bring the sales in ``path`` (CSV, plain or gzip) into the shop as ``channel``'s, in bounded memory.

    Every row either becomes an order line or a RejectedRow with its reason. Each batch of rows commits together with
    the position it reaches, so an import that was killed goes on where it stood when it is called again, and one that
    is finished changes nothing. ``progress`` is called between batches with the lines done and their total; it may
    raise to stop there.

    Raises:
        sales_csv.UnreadableFile: the file as a whole cannot be read.
        ImportConflict: it is being imported elsewhere at the same time, or was begun in another layout.
    """
    survey = sales_csv.survey(path, layout.encoding)
    source, _ = OrderImport.objects.get_or_create(
        channel=channel,
        sha256=survey.sha256,
        defaults={
            "file_name": path.name,
            "layout": asdict(layout),
            "currency": layout.currency,
            "decimals": layout.decimals,
        },
    )
    if source.finished_at:
        return source
    if source.layout != asdict(layout):
        raise ImportConflict(f"{path.name} was begun with other columns or settings. Use the same again.")

    rows = sales_csv.read(path, layout, after=source.line)
    while part := list(islice(rows, batch)):
        source = _take_in(source, part, layout)
        if progress:
            progress(source.line, survey.lines)
    OrderImport.objects.filter(pk=source.pk, finished_at=None).update(finished_at=Now())
    with connection.cursor() as cursor:
        # A year of new rows changes the plans; autovacuum would notice a minute later.
        cursor.execute("ANALYZE orders_customer, orders_order, orders_orderline")
    source.refresh_from_db()
    return source


@transaction.atomic
def _take_in(begun: OrderImport, part: Sequence[SoldLine | Rejected], layout: Layout) -> OrderImport:
    source = OrderImport.objects.select_for_update(of=["self"]).select_related("channel").get(pk=begun.pk)
    if source.line != begun.line:
        raise ImportConflict(f"{source.file_name} is being imported by somebody else at this moment.")

    sold = [row for row in part if isinstance(row, SoldLine)]
    rejected = [row for row in part if isinstance(row, Rejected)]
    customers = _customers(source.channel, sold)
    orders = _orders(source, sold, customers, layout)

    accepted = []
    for row in sold:
        order = orders[row.number]
        if order.source_id != source.pk:
            reason = f"Order {row.number} is in the shop already, from elsewhere."
        elif order.customer_id != customers.get(row.customer):
            reason = f"Order {row.number} belongs to another customer in an earlier row."
        else:
            accepted.append(row)
            continue
        rejected.append(Rejected(row.line, reason, row.raw))

    _add_lines(accepted, orders, layout)
    RejectedRow.objects.bulk_create(RejectedRow(source=source, **row._asdict()) for row in rejected)
    source.line = part[-1].line
    source.imported += len(accepted)
    source.rejected += len(rejected)
    source.quantity += sum(row.quantity for row in accepted)
    source.revenue += sum(row.revenue for row in accepted)
    source.save(update_fields=["line", "imported", "rejected", "quantity", "revenue"])
    return source


def _customers(channel: Channel, sold: Iterable[SoldLine]) -> dict[str, int]:
    """Ids of the customers in ``sold`` by number; those that are new are added."""
    first = {row.customer: row for row in reversed(list(sold)) if row.customer}
    Customer.objects.bulk_create(
        (
            Customer(channel=channel, number=number, name=row.customer_name, region=row.region)
            for number, row in first.items()
        ),
        ignore_conflicts=True,
    )
    return dict(Customer.objects.filter(channel=channel, number__in=first).values_list("number", "id"))


def _orders(
    source: OrderImport, sold: Iterable[SoldLine], customers: dict[str, int], layout: Layout
) -> dict[str, Order]:
    """The orders in ``sold`` by number; those that are new are added, as their first row has them and still empty."""
    first = {row.number: row for row in reversed(list(sold))}

    def came_back(number: str) -> bool:
        return bool(layout.return_prefix) and number.startswith(layout.return_prefix)

    Order.objects.bulk_create(
        (
            Order(
                code=order_code(source.channel, number),
                channel=source.channel,
                number=number,
                source=source,
                customer_id=customers.get(row.customer),
                state=State.RETURNED if came_back(number) else State.COMPLETED,
                currency=layout.currency,
                decimals=layout.decimals,
                region=row.region,
                placed_at=row.placed_at,
            )
            for number, row in first.items()
        ),
        ignore_conflicts=True,
    )
    known = Order.objects.filter(channel=source.channel, number__in=first)
    return {order.number: order for order in known.only("number", "source_id", "customer_id")}


def _add_lines(sold: Sequence[SoldLine], orders: dict[str, Order], layout: Layout) -> None:
    products = dict(Product.objects.filter(sku__in={row.sku for row in sold}).values_list("sku", "id"))
    goods: dict[int, int] = {}
    with connection.cursor() as cursor:
        with cursor.copy(
            "COPY orders_orderline (order_id, position, product_id, sku, name, quantity, unit_price, discount,"
            " unit_cost, vat_rate, currency, decimals, placed_at) FROM STDIN"
        ) as copy:
            for row in sold:
                order = orders[row.number].pk
                goods[order] = goods.get(order, 0) + row.revenue
                copy.write_row(
                    (
                        order,
                        row.line,
                        products.get(row.sku),
                        row.sku,
                        row.name,
                        row.quantity,
                        row.unit_price,
                        row.discount,
                        row.unit_cost,
                        row.vat_rate,
                        layout.currency,
                        layout.decimals,
                        row.placed_at,
                    )
                )
        cursor.execute(
            "UPDATE orders_order SET goods_total = goods_total + added.amount"
            " FROM unnest(%s::bigint[], %s::bigint[]) AS added (id, amount) WHERE orders_order.id = added.id",
            [list(goods), list(goods.values())],
        )
