-- Double entry as a law: at commit every journal has postings and they sum to zero; a posting can
-- only be added together with what balances it; and nothing of the past is ever changed.
create function trading_journal_balances() returns trigger language plpgsql as $$
declare
  v_lines int;
  v_sum numeric;
begin
  select count(*), sum(p.amount) into v_lines, v_sum from trading_posting p where p.journal_id = new.id;
  if v_lines < 2 or v_sum <> 0 then
    raise exception 'journal % has % postings, which sum to %', new.id, v_lines, coalesce(v_sum, 0)
      using errcode = 'check_violation', constraint = 'journal_sums_to_zero';
  end if;
  return null;
end $$;

create constraint trigger journal_sums_to_zero after insert on trading_journal
  deferrable initially deferred for each row execute function trading_journal_balances();

create function trading_postings_balance() returns trigger language plpgsql as $$
begin
  if exists (select from trading_posting p where p.journal_id in (select journal_id from added)
              group by p.journal_id having sum(p.amount) <> 0) then
    raise exception 'the postings of a journal do not sum to zero'
      using errcode = 'check_violation', constraint = 'postings_sum_to_zero';
  end if;
  return null;
end $$;

create trigger postings_sum_to_zero after insert on trading_posting
  referencing new table as added for each statement execute function trading_postings_balance();

create function trading_append_only() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation';
end $$;

create trigger fill_is_append_only before update or delete on trading_fill
  for each row execute function trading_append_only();
create trigger journal_is_append_only before update or delete on trading_journal
  for each row execute function trading_append_only();
create trigger posting_is_append_only before update or delete on trading_posting
  for each row execute function trading_append_only();
create trigger event_is_append_only before update or delete on trading_orderevent
  for each row execute function trading_append_only();
