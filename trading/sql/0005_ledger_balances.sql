-- The laws of 0003_ledger_balances, judged set by set where ten thousand fills come at once.
--
-- Whatever a statement posts sums to zero for each journal. As a journal begins with no postings, and
-- none is ever changed, all of a journal's postings sum to zero at any time; and as none of them is zero,
-- a journal that has any has two at least.
create or replace function trading_postings_balance() returns trigger language plpgsql as $$
begin
  if exists (select from added a group by a.journal_id having sum(a.amount) <> 0) then
    raise exception 'the postings of a journal do not sum to zero'
      using errcode = 'check_violation', constraint = 'postings_sum_to_zero';
  end if;
  return null;
end $$;

-- A fill's journal comes after its postings, so that it can be judged with the others of its statement.
create function trading_fill_journals_balance() returns trigger language plpgsql
  set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
declare
  v_id uuid;
begin
  select j.id into v_id from added j
   where j.kind = 'fill' and not exists (select from trading_posting p where p.journal_id = j.id) limit 1;
  if found then
    raise exception 'journal % has 0 postings, which sum to 0', v_id
      using errcode = 'check_violation', constraint = 'journal_sums_to_zero';
  end if;
  return null;
end $$;

create trigger fill_journals_sum_to_zero after insert on trading_journal
  referencing new table as added for each statement execute function trading_fill_journals_balance();

-- Any other journal may come first, and is judged at commit.
drop trigger journal_sums_to_zero on trading_journal;
create constraint trigger journal_sums_to_zero after insert on trading_journal
  deferrable initially deferred for each row when (new.kind <> 'fill') execute function trading_journal_balances();
