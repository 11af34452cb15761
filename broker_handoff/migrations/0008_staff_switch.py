"""Nothing yet."""

from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    """Nothing yet."""

    dependencies = [("broker_handoff", "0007_shadow")]
    operations: list[object] = []
