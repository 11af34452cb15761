from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("trading", "0010_support_reads"), ("accounts", "0004_identity")]

    operations = []
