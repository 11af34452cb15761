from django.db import migrations

# What 0002_market_clock defines, and two things more: a tape at full speed waits for each of its market's
# shards, the one that has not begun too; and one that nobody runs any more stands where its decisions ended.
MATCHING_NOW = """
create or replace function matching_now(p_market bigint) returns timestamptz stable language sql as $$
  select case
    when m.feed <> 'replay' then clock_timestamp()
    when m.paused then m.anchor_at
    when m.speed is null or not m.is_active then least(m.ends_at, greatest(m.anchor_at, (
      select case when count(*) >= m.shard_count
        then min(timestamptz 'epoch' + (s.at / 1000) * interval '1 microsecond') end
        from matching_shard s where s.market_id = m.id and s.run = m.run)))
    else least(m.ends_at, m.anchor_at + (clock_timestamp() - m.anchor_wall) * m.speed)
  end from matching_market m where m.id = p_market
$$;
"""
BEFORE = """
create or replace function matching_now(p_market bigint) returns timestamptz stable language sql as $$
  select case
    when m.feed <> 'replay' then clock_timestamp()
    when m.paused then m.anchor_at
    when m.speed is null then least(m.ends_at, greatest(m.anchor_at, (
      select min(timestamptz 'epoch' + (s.at / 1000) * interval '1 microsecond')
        from matching_shard s where s.market_id = m.id and s.run = m.run)))
    else least(m.ends_at, m.anchor_at + (clock_timestamp() - m.anchor_wall) * m.speed)
  end from matching_market m where m.id = p_market
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("matching", "0005_several_markets")]

    operations = [migrations.RunSQL(MATCHING_NOW, BEFORE)]
