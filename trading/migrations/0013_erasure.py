from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("trading", "0012_history_purge"), ("accounts", "0004_identity")]

    operations = []
