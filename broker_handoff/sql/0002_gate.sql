-- Foreign keys look past row security: the account is the same person's.
alter table broker_handoff_gatenomination add constraint gate_nomination_of_own_account
  foreign key (account_id, user_id) references trading_tradingaccount (account_id, user_id);
alter table broker_handoff_gatemonth add constraint gate_month_of_own_account
  foreign key (account_id, user_id) references trading_tradingaccount (account_id, user_id);

-- An exception from the record is made by two who oversee the staff, each in their own name; any of them ends it.
create policy overseer_sees on broker_handoff_gateoverride for select to raxx_support
  using ((select raxx_oversees()));
create policy overseer_asks on broker_handoff_gateoverride for insert to raxx_support
  with check ((select raxx_oversees()) and asked_by = raxx_uid() and approved_at is null and ended_at is null);
create policy overseer_approves on broker_handoff_gateoverride for update to raxx_support
  using ((select raxx_oversees()) and approved_at is null and ended_at is null)
  with check (approved_by = raxx_uid());
create policy overseer_ends on broker_handoff_gateoverride for update to raxx_support
  using ((select raxx_oversees()) and ended_at is null)
  with check (ended_by = raxx_uid());
grant select, insert, update (approved_by, approved_at, expires_at, ended_by, ended_at, end_reason)
  on broker_handoff_gateoverride to raxx_support;
