from django.db import migrations

from accounts.isolation import shared_table

# The one source of market time, inside the database: whoever writes a row asks it in the same
# transaction, so that no process acts on a clock that somebody has just moved.
MATCHING_NOW = """
create function matching_now(p_market bigint) returns timestamptz stable language sql as $$
  select case
    when m.feed <> 'replay' then clock_timestamp()
    when m.paused then m.anchor_at
    when m.speed is null then least(m.ends_at, greatest(m.anchor_at, (
      select min(timestamptz 'epoch' + (s.at / 1000) * interval '1 microsecond')
        from matching_shard s where s.market_id = m.id and s.run = m.run)))
    else least(m.ends_at, m.anchor_at + (clock_timestamp() - m.anchor_wall) * m.speed)
  end from matching_market m where m.id = p_market
$$;
comment on function matching_now(bigint) is 'Market time: of the tape for a replay, the wall clock''s else.';
"""


class Migration(migrations.Migration):
    dependencies = [("matching", "0001_initial"), ("accounts", "0002_row_security")]

    operations = [
        migrations.RunSQL(MATCHING_NOW, "drop function matching_now(bigint)"),
        shared_table("matching_market", app="update (run, paused, speed, anchor_wall, anchor_at, version)"),
        shared_table("matching_calendarday"),
        shared_table("matching_shard", worker="insert, update"),
        migrations.RunSQL(
            "grant usage on sequence matching_shard_id_seq to raxx_worker",
            "revoke usage on sequence matching_shard_id_seq from raxx_worker",
        ),
    ]
