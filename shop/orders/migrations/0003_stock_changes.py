import django.db.models.deletion
from django.db import migrations, models

_VIEW = """
    CREATE VIEW orders_stockchange AS
    SELECT 'm' || id AS id, product_id, at, kind, quantity
      FROM catalog_stockmovement
     UNION ALL
    SELECT 'l' || id, product_id, placed_at, CASE WHEN quantity > 0 THEN 'sold' ELSE 'taken_back' END, -quantity
      FROM orders_orderline
     WHERE product_id IS NOT NULL
"""


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0002_cost_vat_stock"),
        ("orders", "0002_cost_vat_fee"),
    ]

    operations = [
        migrations.RunSQL(_VIEW, "DROP VIEW orders_stockchange"),
        migrations.CreateModel(
            name="StockChange",
            fields=[
                ("id", models.TextField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField(verbose_name="time")),
                ("kind", models.CharField(max_length=10, verbose_name="kind")),
                ("quantity", models.IntegerField(verbose_name="pieces")),
                (
                    "product",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="catalog.product",
                    ),
                ),
            ],
            options={
                "verbose_name": "stock change",
                "verbose_name_plural": "stock changes",
                "managed": False,
            },
        ),
    ]
