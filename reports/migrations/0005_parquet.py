from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("jobs", "0002_one_constraint"),
        ("reports", "0004_kinds"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="report",
            name="report_format_known",
        ),
        migrations.RemoveConstraint(
            model_name="savedreport",
            name="saved_report_format_known",
        ),
        migrations.AlterField(
            model_name="report",
            name="format",
            field=models.CharField(
                choices=[("xlsx", "Excel"), ("pdf", "PDF"), ("csv", "CSV"), ("parquet", "Parquet")],
                max_length=10,
                verbose_name="format",
            ),
        ),
        migrations.AlterField(
            model_name="savedreport",
            name="format",
            field=models.CharField(
                choices=[("xlsx", "Excel"), ("pdf", "PDF"), ("csv", "CSV"), ("parquet", "Parquet")],
                max_length=10,
                verbose_name="format",
            ),
        ),
        migrations.AddConstraint(
            model_name="report",
            constraint=models.CheckConstraint(
                condition=models.Q(("format__in", ["xlsx", "pdf", "csv", "parquet"])), name="report_format_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="savedreport",
            constraint=models.CheckConstraint(
                condition=models.Q(("format__in", ["xlsx", "pdf", "csv", "parquet"])), name="saved_report_format_known"
            ),
        ),
    ]
