from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("broker_handoff", "0001_initial")]

    operations = []
