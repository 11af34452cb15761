-- Old detail leaves an account's history, and what it came to stays: trading/decisions/0015-kept-history.md.
--
-- The event log is cut at a sequence. Orders that were over by then, with all that happened to them, are deleted;
-- of each generation one opening journal has what their postings came to, and each position has an opening lot
-- as it stood at the cut. An order that is still needed keeps all its events, its fills and their journals.

-- Nothing of the past is ever changed. It is deleted where a function of the tables' owner says which
-- account it makes forget, for its own transaction: nobody else has the privilege, and no update ever.
create or replace function trading_append_only() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' and current_setting('raxx.forgets', true) = old.account_id::text
     and current_user = (select pg_get_userbyid(c.relowner) from pg_class c where c.oid = tg_relid) then
    return old;
  end if;
  raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation';
end $$;

-- Up to which sequence an account's events may become history: those recorded before p_before, none of which
-- filled an order at p_market_from or later in the market's present run (figures of the market's day, and what
-- is left of its present offers, are reckoned from such fills). p_most is how many more at once; null is all.
create function trading_history_cut(p_account uuid, p_before timestamptz, p_market_from timestamptz, p_most int)
returns bigint stable language plpgsql as $$
declare
  a record;
  v_first_kept bigint;
begin
  select t.history_seq, least(t.event_seq, t.history_seq + p_most) as last, m.run into a
    from trading_tradingaccount t join matching_market m on m.id = t.market_id where t.account_id = p_account;
  select e.seq into v_first_kept
    from trading_orderevent e left join trading_fill f on f.id = e.fill_id
   where e.account_id = p_account and e.seq > a.history_seq and e.seq <= a.last
     and (e.recorded_at >= p_before or (f.run = a.run and f.at >= p_market_from))
   order by e.seq limit 1;
  return coalesce(v_first_kept - 1, a.last);
end $$;

-- The orders of an account that nothing needs when its log is cut: over, with all their events, and neither
-- replaced by, nor a replacement of, nor in a class with an order that is needed.
create function trading_orders_of_the_past(p_account uuid, p_cut bigint) returns setof uuid
stable language sql as $$
  with recursive ended as materialized (
    select o.id, o.replaces, o.replaced_by, o.group_id
      from (select e.order_id from trading_orderevent e where e.account_id = p_account and e.seq <= p_cut
            except select l.order_id from trading_orderevent l where l.account_id = p_account and l.seq > p_cut) e
      join trading_order o on o.id = e.order_id and o.account_id = p_account
     where o.status in ('filled', 'canceled', 'expired', 'rejected', 'replaced')),
  link as materialized (
    select e.id as this, l.other
      from ended e, lateral (values (e.replaces), (e.replaced_by), (e.group_id)) l(other)
     where l.other is not null and l.other <> e.id),
  either_way as materialized (select this, other from link union select other, this from link),
  needed as (
    select w.this
      from either_way w join trading_order o on o.id = w.other
     where not exists (select from ended e where e.id = w.other)
    union
    select e.id
      from ended e join trading_order o on o.account_id = p_account and o.group_id = e.group_id
     where e.group_id is not null and not exists (select from ended s where s.id = o.id)
    union
    select w.other from needed n join either_way w on w.this = n.this)
  select e.id from ended e where not exists (select from needed n where n.this = e.id)
$$;

-- Move the cut of one account by at most p_most events, and forget what nothing needs behind it. Everything or
-- nothing of it happens, and asking again when it is done changes nothing. One call a transaction.
-- For an owner of tier p_tier alone: a person who was just given a longer history keeps it.
create function trading_purge_history(
  p_account uuid, p_tier text, p_before timestamptz, p_market_from timestamptz, p_most int)
returns table (events bigint, orders bigint, fills bigint, snapshots bigint, is_done boolean)
volatile security definer set search_path = pg_catalog, public, pg_temp language plpgsql as $$
#variable_conflict use_column
declare
  a trading_tradingaccount;
  v_cut bigint;
  v_generation int;
  v_orders uuid[];
  v_fills uuid[];
  v_opening record;
  v_journals uuid[];
  v_lines jsonb;
  v_id uuid;
  v_run int;
  v_at timestamptz;
begin
  if p_before > clock_timestamp() - interval '30 days' then
    raise exception 'history is kept for 30 days at least' using errcode = 'check_violation';
  end if;
  events := 0; orders := 0; fills := 0; snapshots := 0; is_done := true;

  -- The person before the account, as whoever sets a tier locks them.
  perform from accounts_user u join trading_tradingaccount t on t.user_id = u.id
    where t.account_id = p_account and u.tier = p_tier for share of u;
  if not found then
    return next; return;
  end if;
  select * into a from trading_tradingaccount t where t.account_id = p_account for no key update;

  perform set_config('raxx.forgets', p_account::text, true);
  delete from trading_equitysnapshot s where s.account_id = p_account and s.recorded_at < p_before;
  get diagnostics snapshots = row_count;

  v_cut := trading_history_cut(p_account, p_before, p_market_from, p_most);
  is_done := v_cut < a.history_seq + p_most;
  if v_cut > a.history_seq then
    -- The positions where the log is cut: as they were at the cut before, and what was traded since, also by
    -- orders that stay. Each generation began with nothing.
    select coalesce(max(r.generation), 1) into v_generation
      from trading_accountreset r where r.account_id = p_account and r.event_seq <= v_cut;
    delete from trading_openinglot l where l.account_id = p_account and l.generation < v_generation;
    insert into trading_openinglot as l (account_id, asset_id, user_id, symbol, generation, quantity, cost, realized, fees)
    select p_account, f.asset_id, a.user_id, f.symbol, v_generation,
           sum(case f.side when 'buy' then f.quantity else -f.quantity end),
           coalesce(sum(p.securities), 0), coalesce(sum(p.realized), 0), coalesce(sum(p.fees), 0)
      from trading_orderevent e
      join trading_fill f on f.id = e.fill_id
      join trading_order o on o.id = f.order_id and o.generation = v_generation
      left join lateral (
        select sum(b.amount) filter (where b.ledger = 'securities') as securities,
               sum(b.amount) filter (where b.ledger = 'realized') as realized,
               sum(b.amount) filter (where b.ledger = 'fees') as fees
          from trading_posting b where b.journal_id = f.id) p on true
     where e.account_id = p_account and e.seq > a.history_seq and e.seq <= v_cut
     group by f.asset_id, f.symbol
    on conflict (account_id, asset_id) do update
       set quantity = l.quantity + excluded.quantity, cost = l.cost + excluded.cost,
           realized = l.realized + excluded.realized, fees = l.fees + excluded.fees;

    select array_agg(o) into v_orders from trading_orders_of_the_past(p_account, v_cut) o;
    select array_agg(e.fill_id) into v_fills
      from trading_orderevent e
     where e.account_id = p_account and e.seq <= v_cut and e.order_id = any(v_orders) and e.fill_id is not null;

    for v_opening in  -- of each generation: what was in its opening journal, and the fills that go now
      select o.generation, array_agg(f.id) as ids, max(f.at) as at
        from trading_fill f join trading_order o on o.id = f.order_id
       where f.id = any(v_fills) group by o.generation
    loop
      select v_opening.ids || coalesce(array_agg(j.id), '{}'), greatest(max(j.at), v_opening.at) into v_journals, v_at
        from trading_journal j
       where j.account_id = p_account and j.kind = 'opening' and j.generation = v_opening.generation;
      select jsonb_object_agg(line.ledger, line.amount) into v_lines
        from (select p.ledger, sum(p.amount) as amount from trading_posting p
               where p.journal_id = any(v_journals) group by p.ledger having sum(p.amount) <> 0) line;
      delete from trading_posting p where p.journal_id = any(v_journals);
      delete from trading_journal j where j.id = any(v_journals);
      if v_lines is not null then
        v_id := uuidv7();
        insert into trading_journal (id, user_id, account_id, kind, generation, at, note, request_id)
        values (v_id, a.user_id, p_account, 'opening', v_opening.generation, v_at,
                'trades that are no longer kept one by one', '');
        insert into trading_posting (journal_id, ledger, user_id, account_id, amount)
        select v_id, line.key, a.user_id, p_account, line.value::numeric from jsonb_each_text(v_lines) line;
      end if;
    end loop;

    -- The newest fill that goes, of the newest run: nothing older can be told of the account's worth.
    select f.run, max(f.at) into v_run, v_at
      from trading_fill f where f.id = any(v_fills) group by f.run order by f.run desc limit 1;
    update trading_tradingaccount t
       set history_seq = v_cut,
           history_run = greatest(t.history_run, v_run),
           history_at = case when t.history_run > v_run then t.history_at
                             when t.history_run = v_run then greatest(t.history_at, v_at)
                             else coalesce(v_at, t.history_at) end
     where t.account_id = p_account;
    -- An endpoint that was disabled for so long begins again with what is left.
    update trading_webhookendpoint w set cursor = v_cut where w.account_id = p_account and w.cursor < v_cut;

    delete from trading_fill f where f.id = any(v_fills);
    get diagnostics fills = row_count;
    delete from trading_orderevent e where e.account_id = p_account and e.seq <= v_cut and e.order_id = any(v_orders);
    get diagnostics events = row_count;
    delete from trading_order o where o.account_id = p_account and o.id = any(v_orders);
    get diagnostics orders = row_count;
  end if;
  perform set_config('raxx.forgets', '', true);
  return next;
end $$;
revoke all on function trading_purge_history(uuid, text, timestamptz, timestamptz, int) from public;
grant execute on function trading_purge_history(uuid, text, timestamptz, timestamptz, int) to raxx_worker;
