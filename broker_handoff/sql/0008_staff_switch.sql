-- What the staff see and do of the way to live, as the support role.
--
-- Of the people whose accounts they were granted: the connection without its token, and what was to be done by it.
create policy support_granted on broker_handoff_brokerconnection for select to raxx_support
  using (user_id = any ((select raxx_granted_people())::uuid[]));
grant select on broker_handoff_brokerconnection to raxx_support;
create policy support_granted on broker_handoff_liveintent for select to raxx_support
  using (user_id = any ((select raxx_granted_people())::uuid[]));
grant select (id, user_id, connection_id, kind, target_id, terms, notional, status, reason, words, request_id,
              created_at, deadline_at, finished_at, broker_order_id, broker_status, filled_quantity,
              filled_average_price) on broker_handoff_liveintent to raxx_support;

-- Whom the bound member of staff may stop and let go: everybody at once, and those for whom they may act; who
-- oversees the staff, anyone.
create function broker_handoff_may_switch(p_user uuid) returns boolean
stable security definer set search_path = pg_catalog, public, pg_temp language sql as $$
  select exists (select from accounts_user u where u.id = raxx_uid() and u.is_active and u.is_staff)
     and (p_user is null or raxx_oversees()
          or exists (select from trading_tradingaccount a
                      where a.user_id = p_user and a.account_id = any (raxx_acting_accounts())))
$$;
revoke all on function broker_handoff_may_switch(uuid) from public;
grant execute on function broker_handoff_may_switch(uuid) to raxx_support;

-- What stops everybody all of the staff see. One closes in their own name; one asks for the opening, another one
-- opens it within a day, and nobody opens what was closed for themselves.
create policy staff_sees on broker_handoff_switchclosing for select to raxx_support
  using (user_id is null or user_id = any ((select raxx_granted_people())::uuid[]) or (select raxx_oversees()));
create policy staff_closes on broker_handoff_switchclosing for insert to raxx_support
  with check (not is_own and closed_by = raxx_uid() and asked_by is null and opened_at is null
              and broker_handoff_may_switch(user_id));
create policy staff_opens on broker_handoff_switchclosing for update to raxx_support
  using (not is_own and opened_at is null and broker_handoff_may_switch(user_id))
  with check (user_id is distinct from raxx_uid()
              and case when opened_at is null then asked_by = raxx_uid()
                       else opened_by = raxx_uid() and asked_by <> raxx_uid()
                            and asked_at > now() - interval '24 hours' end);
grant select, insert, update (asked_by, asked_at, asked_reason, opened_by, opened_at)
  on broker_handoff_switchclosing to raxx_support;

-- Nobody of them opens it in one statement with an asking that nobody made.
create function broker_handoff_opening_takes_two() returns trigger language plpgsql as $$
begin
  if current_user = 'raxx_support' and new.opened_at is not null
     and (new.asked_by, new.asked_at, new.asked_reason) is distinct from (old.asked_by, old.asked_at, old.asked_reason)
  then
    raise exception 'one asks, another one opens' using errcode = 'check_violation',
      constraint = 'switch_opening_takes_two_of_the_staff';
  end if;
  return new;
end $$;
create trigger opening_takes_two before update on broker_handoff_switchclosing
  for each row execute function broker_handoff_opening_takes_two();

-- How many orders are being sent that a closing concerns; null for whom that is none of theirs to know.
create function broker_handoff_being_sent(p_user uuid, p_connection uuid) returns bigint
stable security definer set search_path = pg_catalog, public, pg_temp language sql as $$
  select case when raxx_oversees() or p_user = any (raxx_granted_people()) then (
    select count(*) from broker_handoff_liveintent i
     where i.status = 'sending' and i.kind <> 'cancel' and (p_user is null or i.user_id = p_user)
       and (p_connection is null or i.connection_id = p_connection)) end
$$;
revoke all on function broker_handoff_being_sent(uuid, uuid) from public;
grant execute on function broker_handoff_being_sent(uuid, uuid) to raxx_support;

-- How many connections a cut would end: for who oversees.
create function broker_handoff_living_connections() returns bigint
stable security definer set search_path = pg_catalog, public, pg_temp language sql as $$
  select case when raxx_oversees() then (
    select count(*) from broker_handoff_brokerconnection c where c.status in ('active', 'needs_reauth')) end
$$;
revoke all on function broker_handoff_living_connections() from public;
grant execute on function broker_handoff_living_connections() to raxx_support;

-- The switch is told in the chain of whom it stops, or in the system's: staff write there of the switch alone.
alter policy support_says_who on accounts_auditentry
  with check (actor_id = raxx_uid()::text
              and (chain = any ((select raxx_granted_accounts())::uuid[]) or (select raxx_oversees())
                   or action like 'live_switch.%' and broker_handoff_may_switch(subject)
                      and chain = coalesce(subject, '00000000-0000-0000-0000-000000000000')));
