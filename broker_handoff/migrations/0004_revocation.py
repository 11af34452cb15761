from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("broker_handoff", "0003_guards")]

    operations = []
