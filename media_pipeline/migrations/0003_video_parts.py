import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import media_pipeline.models


class Migration(migrations.Migration):
    dependencies = [
        ("media_pipeline", "0002_sha256_by_the_job"),
    ]

    operations = [
        migrations.CreateModel(
            name="VideoPart",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=media_pipeline.models.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("number", models.IntegerField()),
                ("cut_by", models.UUIDField()),
                (
                    "rungs",
                    django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=20), size=None),
                ),
                ("start", models.IntegerField(default=0)),
                (
                    "cuts",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.IntegerField(), default=list, size=None
                    ),
                ),
                ("pictures", models.IntegerField(null=True)),
                ("made_at", models.DateTimeField(null=True)),
                (
                    "keys",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=250), default=list, size=None
                    ),
                ),
                ("made", models.JSONField(default=list)),
                (
                    "missing",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=30), default=list, size=None
                    ),
                ),
                ("cpu_seconds", models.FloatField(default=0.0)),
                ("log", models.TextField(default="")),
                (
                    "asset",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="parts",
                        to="media_pipeline.asset",
                    ),
                ),
            ],
            options={
                "verbose_name": "part of a video",
                "verbose_name_plural": "parts of videos",
                "constraints": [models.UniqueConstraint(fields=("asset", "number"), name="video_part_number_once")],
            },
        ),
    ]
