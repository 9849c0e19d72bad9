import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0002_cost_vat_stock"),
        ("media_pipeline", "0003_video_parts"),
    ]

    operations = [
        migrations.AddField(
            model_name="upload",
            name="product",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="catalog.product",
                verbose_name="product",
            ),
        ),
        migrations.CreateModel(
            name="ProductMedia",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.PositiveSmallIntegerField(verbose_name="position")),
                (
                    "alt",
                    models.CharField(blank=True, db_default="", default="", max_length=250, verbose_name="in words"),
                ),
                (
                    "added_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name="added"),
                ),
                (
                    "asset",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="product_media",
                        to="media_pipeline.asset",
                        verbose_name="asset",
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="catalog.product",
                        verbose_name="product",
                    ),
                ),
            ],
            options={
                "verbose_name": "picture or video of a product",
                "verbose_name_plural": "pictures and videos of products",
                "constraints": [
                    models.UniqueConstraint(fields=("product", "asset"), name="product_media_asset_once"),
                    models.UniqueConstraint(
                        deferrable=models.Deferrable.DEFERRED,
                        fields=("product", "position"),
                        name="product_media_position_once",
                    ),
                ],
            },
        ),
    ]
