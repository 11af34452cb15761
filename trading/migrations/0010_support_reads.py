from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("trading", "0009_generations"), ("accounts", "0004_identity")]

    operations = []
