from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("trading", "0011_sessions"), ("accounts", "0004_identity")]

    operations = []
