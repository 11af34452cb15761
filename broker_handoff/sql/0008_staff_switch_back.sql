alter policy support_says_who on accounts_auditentry
  with check (actor_id = raxx_uid()::text
              and (chain = any ((select raxx_granted_accounts())::uuid[]) or (select raxx_oversees())));
drop function broker_handoff_living_connections();
drop function broker_handoff_being_sent(uuid, uuid);
drop trigger opening_takes_two on broker_handoff_switchclosing;
drop function broker_handoff_opening_takes_two();
revoke all on broker_handoff_switchclosing from raxx_support;
drop policy staff_opens on broker_handoff_switchclosing; drop policy staff_closes on broker_handoff_switchclosing;
drop policy staff_sees on broker_handoff_switchclosing;
drop function broker_handoff_may_switch(uuid);
revoke all on broker_handoff_liveintent from raxx_support;
drop policy support_granted on broker_handoff_liveintent;
revoke all on broker_handoff_brokerconnection from raxx_support;
drop policy support_granted on broker_handoff_brokerconnection;
