import uuid

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import media_pipeline.models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("jobs", "0002_one_constraint"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Asset",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=media_pipeline.models.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(max_length=255, verbose_name="name")),
                ("size", models.BigIntegerField(verbose_name="size")),
                ("sha256", models.CharField(max_length=64, verbose_name="SHA-256")),
                ("original_key", models.CharField(db_default="", default="", max_length=200)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name="uploaded"),
                ),
                (
                    "kind",
                    models.CharField(
                        blank=True,
                        choices=[("picture", "Picture"), ("video", "Video"), ("sound", "Sound")],
                        db_default="",
                        default="",
                        max_length=10,
                        verbose_name="kind",
                    ),
                ),
                ("facts", models.JSONField(db_default={}, default=dict, verbose_name="what is in it")),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "Not yet"),
                            ("ready", "Ready"),
                            ("degraded", "Ready, with something missing"),
                            ("refused", "Refused"),
                        ],
                        db_default="",
                        default="",
                        max_length=10,
                        verbose_name="outcome",
                    ),
                ),
                (
                    "reason",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("empty", "The file is empty. Choose another one."),
                            (
                                "not_media",
                                "This is no picture, video or sound that we know. Send a JPEG, PNG, HEIC, MP4 or MOV.",
                            ),
                            (
                                "drawing",
                                "Drawings (SVG) can carry programs, so we do not take them. Send a PNG or a JPEG.",
                            ),
                            ("playlist", "This file only points to other files. Send the video itself."),
                            (
                                "broken",
                                "The file is damaged or incomplete, and there is nothing in it to show. Send it again.",
                            ),
                            ("no_picture", "There is neither a picture nor sound in this file that we can read."),
                            ("too_many_pixels", "The picture is larger than 100 megapixels. Send a smaller one."),
                            ("too_many_frames", "The animation is too long or too large. Send it as a video."),
                            ("too_large_a_video", "The video is larger than 8K. Send a smaller one."),
                            ("too_long", "The video lasts longer than six hours. Send it in parts."),
                            (
                                "too_much_work",
                                "The file takes more memory or time than any honest one. We have stopped.",
                            ),
                        ],
                        db_default="",
                        default="",
                        max_length=30,
                        verbose_name="reason",
                    ),
                ),
                (
                    "missing",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                ("sound", "the sound"),
                                ("captions", "the captions"),
                                ("storyboard", "the previews on the time line"),
                                ("colours", "the right colours of HDR"),
                                ("end", "the end: the file breaks off"),
                                ("motion", "the motion: only the first picture could be read"),
                            ],
                            max_length=30,
                        ),
                        blank=True,
                        db_default=[],
                        default=list,
                        size=None,
                        verbose_name="missing",
                    ),
                ),
                ("placeholder", models.CharField(db_default="", default="", max_length=60)),
                ("ladder", models.IntegerField(db_default=0, default=0, verbose_name="ladder")),
                ("finished_at", models.DateTimeField(null=True, verbose_name="finished")),
                ("cpu_seconds", models.FloatField(db_default=0.0, default=0.0, verbose_name="CPU (s)")),
                ("log", models.TextField(blank=True, db_default="", default="", verbose_name="log")),
                (
                    "job",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="jobs.job",
                        verbose_name="job",
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="owner",
                    ),
                ),
            ],
            options={
                "verbose_name": "asset",
                "verbose_name_plural": "assets",
            },
        ),
        migrations.CreateModel(
            name="Rendition",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=60, verbose_name="name")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("stream", "Stream"),
                            ("file", "File"),
                            ("picture", "Picture"),
                            ("poster", "Poster"),
                            ("storyboard", "Previews on the time line"),
                            ("captions", "Captions"),
                        ],
                        max_length=12,
                        verbose_name="kind",
                    ),
                ),
                ("key", models.CharField(max_length=250)),
                (
                    "keys",
                    django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=250), size=None),
                ),
                ("content_type", models.CharField(max_length=60, verbose_name="content type")),
                ("width", models.IntegerField(null=True, verbose_name="width")),
                ("height", models.IntegerField(null=True, verbose_name="height")),
                ("size", models.BigIntegerField(verbose_name="size")),
                ("peak_bitrate", models.IntegerField(null=True, verbose_name="peak bitrate")),
                ("bitrate", models.IntegerField(null=True, verbose_name="bitrate")),
                (
                    "codecs",
                    models.CharField(blank=True, db_default="", default="", max_length=60, verbose_name="codecs"),
                ),
                (
                    "made_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name="made"),
                ),
                (
                    "asset",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="renditions",
                        to="media_pipeline.asset",
                    ),
                ),
            ],
            options={
                "verbose_name": "rendition",
                "verbose_name_plural": "renditions",
            },
        ),
        migrations.CreateModel(
            name="Upload",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=255, verbose_name="name")),
                ("length", models.BigIntegerField(verbose_name="length")),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name="begun"),
                ),
                ("expires_at", models.DateTimeField(verbose_name="kept until")),
                (
                    "asset",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="media_pipeline.asset",
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="owner",
                    ),
                ),
            ],
            options={
                "verbose_name": "upload",
                "verbose_name_plural": "uploads",
            },
        ),
        migrations.AddIndex(
            model_name="asset",
            index=models.Index(fields=["owner", "-created_at", "-id"], name="asset_of_owner"),
        ),
        migrations.AddConstraint(
            model_name="asset",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["", "picture", "video", "sound"])), name="asset_kind_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="asset",
            constraint=models.CheckConstraint(
                condition=models.Q(("outcome__in", ["", "ready", "degraded", "refused"])), name="asset_outcome_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="asset",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("outcome", "refused"), models.Q(("reason", ""), _negated=True)),
                    models.Q(models.Q(("outcome", "refused"), _negated=True), ("reason", "")),
                    _connector="OR",
                ),
                name="asset_refused_has_its_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="asset",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("finished_at__isnull", True), ("outcome", "")),
                    models.Q(models.Q(("outcome", ""), _negated=True), ("finished_at__isnull", False)),
                    _connector="OR",
                ),
                name="asset_outcome_has_its_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="asset",
            constraint=models.CheckConstraint(condition=models.Q(("size__gt", 0)), name="asset_is_not_empty"),
        ),
        migrations.AddConstraint(
            model_name="rendition",
            constraint=models.UniqueConstraint(fields=("asset", "name"), name="rendition_name_once"),
        ),
        migrations.AddConstraint(
            model_name="rendition",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["stream", "file", "picture", "poster", "storyboard", "captions"])),
                name="rendition_kind_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="rendition",
            constraint=models.CheckConstraint(condition=models.Q(("size__gt", 0)), name="rendition_is_not_empty"),
        ),
        migrations.AddIndex(
            model_name="upload",
            index=models.Index(
                condition=models.Q(("asset__isnull", True)), fields=["owner"], name="upload_open_of_owner"
            ),
        ),
        migrations.AddIndex(
            model_name="upload",
            index=models.Index(
                condition=models.Q(("asset__isnull", True)), fields=["expires_at"], name="upload_to_expire"
            ),
        ),
        migrations.AddConstraint(
            model_name="upload",
            constraint=models.CheckConstraint(condition=models.Q(("length__gt", 0)), name="upload_is_not_empty"),
        ),
    ]
