"""What each kind of report holds, in SQL that shares nothing with the product's: rows with all columns, then the number
of decimals of their amounts, in the kind's own order. All sums are of ``numeric``, and rounding is by whole numbers."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.db import connection

from reports.rows import Holds
from reports.specs import Spec

_LINES: Final = """
    WITH priced AS (
        SELECT *, quantity::numeric * unit_price - discount AS earned FROM orders_orderline
         WHERE placed_at >= %(start)s AND placed_at < %(end)s
    ), line AS (
        SELECT l.id, l.placed_at, l.placed_at AT TIME ZONE 'Asia/Ho_Chi_Minh' AS clock,
               date_trunc('month', l.placed_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date AS month,
               l.sku, l.name, l.quantity::numeric, l.unit_price, l.discount, l.unit_cost::numeric, l.vat_rate,
               l.currency, l.decimals, l.earned AS revenue,
               CASE WHEN l.vat_rate IS NULL THEN 0
                    ELSE sign(l.earned) * div(2 * abs(l.earned) * l.vat_rate + 100 + l.vat_rate, 2 * (100 + l.vat_rate))
               END AS vat,
               o.id AS order_id, o.code, o.number, o.state, o.region, ch.id AS channel_id, ch.name AS channel,
               cu.id AS customer_id, cu.number AS customer_number, cc.name AS customer_channel, cu.name AS customer,
               cu.phone, cu.email, cu.address, cu.region AS customer_region,
               c.id AS category_id, c.parent_id AS top_id, c.name AS category, coalesce(t.name, c.name) AS top
          FROM priced l
          JOIN orders_order o ON o.id = l.order_id
          JOIN orders_channel ch ON ch.id = o.channel_id
          LEFT JOIN orders_customer cu ON cu.id = o.customer_id
          LEFT JOIN orders_channel cc ON cc.id = cu.channel_id
          LEFT JOIN catalog_product p ON p.id = l.product_id
          LEFT JOIN catalog_category c ON c.id = p.category_id
          LEFT JOIN catalog_category t ON t.id = c.parent_id
    )
"""
_CONDITIONS: Final = {
    "channel": "channel_id = ANY (%(channel)s::bigint[])",
    "category": "(category_id = ANY (%(category)s::bigint[]) OR top_id = ANY (%(category)s::bigint[]))",
    "state": "state = ANY (%(state)s::text[])",
    "method": "method = ANY (%(method)s::text[])",
}
#: By the name of the kind; ``{kept}`` is the condition of the filters.
_SQL: Final = {
    "revenue": _LINES
    + """
        SELECT clock, code, number, channel, state, region, customer, phone, sku, name, category, quantity, unit_price,
               discount, revenue, currency, decimals
          FROM line WHERE {kept} ORDER BY placed_at, id
    """,
    "revenue-by": _LINES
    + """
        SELECT month, channel, top, region, currency, count(DISTINCT order_id), sum(quantity), sum(discount),
               coalesce(sum(revenue) FILTER (WHERE quantity >= 0), 0),
               coalesce(sum(revenue) FILTER (WHERE quantity < 0), 0), sum(revenue), decimals
          FROM line WHERE {kept} GROUP BY 1, 2, 3, 4, 5, decimals ORDER BY 1, 2, 3, 4, 5, decimals
    """,
    "margins": _LINES
    + """
        , product AS (
            SELECT sku, max(name) AS name, max(category) AS category, currency, count(DISTINCT order_id) AS orders,
                   sum(quantity) AS quantity, sum(revenue) AS revenue, sum(revenue - vat) AS net,
                   sum(quantity * unit_cost) AS cost, sum(revenue - vat - quantity * unit_cost) AS margin,
                   sum(revenue - vat) FILTER (WHERE unit_cost IS NOT NULL) AS known_net,
                   coalesce(sum(quantity) FILTER (WHERE unit_cost IS NULL), 0) AS unknown, decimals
              FROM line WHERE {kept} GROUP BY sku, currency, decimals
        )
        SELECT sku, name, category, currency, orders, quantity, revenue, net, cost, margin,
               CASE WHEN known_net <> 0 THEN
                   sign(margin) * sign(known_net)
                   * div(20000 * abs(margin) + abs(known_net), 2 * abs(known_net))
               END, unknown, decimals
          FROM product ORDER BY sku, currency, decimals
    """,
    "payments": """
        WITH payment AS (
            SELECT p.id, p.settled_at, o.code, ch.id AS channel_id, ch.name AS channel, p.method, p.state,
                   p.provider_ref, greatest(p.amount, 0) AS received, least(p.amount, 0) AS refunded, p.fee,
                   p.amount::numeric - p.fee AS net, o.currency, o.decimals
              FROM orders_payment p JOIN orders_order o ON o.id = p.order_id JOIN orders_channel ch ON ch.id = o.channel_id
             WHERE p.settled_at >= %(start)s AND p.settled_at < %(end)s AND p.state IN ('received', 'refunded')
        )
        SELECT settled_at AT TIME ZONE 'Asia/Ho_Chi_Minh', code, channel, method, state, provider_ref, received,
               refunded, fee, net, currency, decimals
          FROM payment WHERE {kept} ORDER BY settled_at, id
    """,
    "vat": _LINES
    + """
        SELECT month, vat_rate, channel, currency, count(*), sum(revenue), sum(revenue - vat), sum(vat), decimals
          FROM line WHERE {kept} GROUP BY 1, 2, 3, 4, decimals ORDER BY 1, 2, 3, 4, decimals
    """,
    "stock": """
        WITH change AS (
            SELECT product_id, at, kind, quantity::numeric AS pieces FROM catalog_stockmovement
             UNION ALL
            SELECT product_id, placed_at, CASE WHEN quantity > 0 THEN 'sold' ELSE 'taken back' END, -quantity::numeric
              FROM orders_orderline
        )
        SELECT p.sku, p.name, c.name, p.currency, coalesce(sum(pieces) FILTER (WHERE at < %(start)s), 0),
               coalesce(sum(pieces) FILTER (WHERE at >= %(start)s AND kind = 'received'), 0),
               coalesce(sum(pieces) FILTER (WHERE at >= %(start)s AND kind = 'sold'), 0),
               coalesce(sum(pieces) FILTER (WHERE at >= %(start)s AND kind = 'taken back'), 0),
               coalesce(sum(pieces) FILTER (WHERE at >= %(start)s AND kind = 'counted'), 0),
               coalesce(sum(pieces) FILTER (WHERE at >= %(start)s AND kind = 'damaged'), 0),
               sum(pieces), p.cost, sum(pieces) * p.cost,
               CASE p.currency WHEN 'VND' THEN 0 WHEN 'KWD' THEN 3 ELSE 2 END
          FROM change JOIN catalog_product p ON p.id = product_id LEFT JOIN catalog_category c ON c.id = p.category_id
         WHERE at < %(end)s AND {kept} GROUP BY p.id, c.name ORDER BY p.sku
    """,
    "customers": _LINES
    + """
        SELECT customer_number, customer_channel, customer, phone, email, address, customer_region, currency,
               min(clock), max(clock), count(DISTINCT order_id), sum(quantity), sum(revenue), decimals
          FROM line WHERE customer_id IS NOT NULL AND {kept}
         GROUP BY customer_id, 1, 2, 3, 4, 5, 6, 7, 8, decimals
         ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, customer_id, decimals
    """,
}


def rows_by_sql(
    kind: str, start: datetime, end: datetime, filters: Mapping[str, Sequence[str]] | None = None
) -> list[tuple[Any, ...]]:
    """The rows of the days from ``start`` to before ``end``."""
    filters = filters or {}
    sql = _SQL[kind].replace("{kept}", " AND ".join(["true", *(_CONDITIONS[name] for name in filters)]))
    with connection.cursor() as cursor:
        cursor.execute(sql, {"start": start, "end": end, **{name: list(values) for name, values in filters.items()}})
        return cursor.fetchall()


def added_up(spec: Spec, rows: Sequence[Sequence[Any]]) -> dict[str, dict[str, Decimal]]:
    """The sums of the columns that add up, by currency and name, amounts in whole currency. ``rows`` have all
    columns."""
    places = {column.name: place for place, column in enumerate(spec.columns)}
    found: dict[str, dict[str, Decimal]] = {}
    for row in rows:
        sums = found.setdefault(row[places["currency"]], {})
        for column in spec.columns:
            if column.adds_up:
                value = Decimal(row[places[column.name]] or 0).scaleb(-row[-1] if column.holds == Holds.MONEY else 0)
                sums[column.name] = sums.get(column.name, Decimal(0)) + value
    return found
