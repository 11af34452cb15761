-- An exception from the gate's record is never asked for, nor approved, by whom it is for.
alter policy overseer_asks on broker_handoff_gateoverride
  with check ((select raxx_oversees()) and asked_by = raxx_uid() and user_id <> raxx_uid()
              and approved_at is null and ended_at is null);
alter policy overseer_approves on broker_handoff_gateoverride
  with check (approved_by = raxx_uid() and user_id <> raxx_uid());
