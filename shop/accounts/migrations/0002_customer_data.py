import django.contrib.postgres.fields
from django.db import migrations, models

import shop.accounts.models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
    ]

    operations = [
        migrations.AlterField(
            model_name="user",
            name="roles",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(
                    choices=[
                        ("shopper", "Shopper"),
                        ("owner", "Shop owner"),
                        ("moderator", "Moderator"),
                        ("finance", "Finance clerk"),
                        ("operator", "Operator"),
                        ("customer_data", "May have lists of customers"),
                    ],
                    max_length=20,
                ),
                default=shop.accounts.models.shopper_only,
                size=None,
                verbose_name="roles",
            ),
        ),
    ]
