from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("media_pipeline", "0001_initial")]

    operations = [
        migrations.AlterField(
            model_name="asset",
            name="sha256",
            field=models.CharField(blank=True, db_default="", default="", max_length=64, verbose_name="SHA-256"),
        ),
    ]
