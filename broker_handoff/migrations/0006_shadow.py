from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("broker_handoff", "0005_reconciliation")]

    operations = []
