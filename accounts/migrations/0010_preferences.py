"""Nothing yet."""

from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    """Nothing yet."""

    dependencies = [("accounts", "0009_staff_rows")]
    operations: list[object] = []
