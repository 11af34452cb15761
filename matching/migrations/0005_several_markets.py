from django.db import migrations, models


class Migration(migrations.Migration):
    """Several markets may be active at once, and each knows into how many shards it is divided.

    Of the release before, whatever asks for the active market still finds one: a second one is opened
    by hand, after the deployment.
    """

    dependencies = [("matching", "0004_recorded_minutes")]

    operations = [
        migrations.AddField("market", "is_default", models.BooleanField(db_default=False, default=False)),
        migrations.AddField(
            "market", "shard_count", models.PositiveSmallIntegerField(db_default=1, default=1)
        ),
        migrations.RunSQL(
            "update matching_market m set is_default = is_active,"
            # The shards that ran together of late: rows of more shards than run any more may have been left.
            " shard_count = least(64, greatest(1, coalesce((select max(s.number) + 1 from matching_shard s"
            " where s.market_id = m.id and s.updated_at > (select max(t.updated_at) - interval '1 hour'"
            " from matching_shard t where t.market_id = m.id)), 1)))",
            migrations.RunSQL.noop,
        ),
        migrations.RemoveConstraint("market", "market_one_is_active"),
        migrations.AddConstraint(
            "market",
            models.UniqueConstraint(
                condition=models.Q(("is_default", True)), fields=("is_default",), name="market_one_is_default"
            ),
        ),
        migrations.AddConstraint(
            "market",
            models.CheckConstraint(
                condition=models.Q(("shard_count__gte", 1), ("shard_count__lte", 64)),
                name="market_shards_are_few",
            ),
        ),
    ]
