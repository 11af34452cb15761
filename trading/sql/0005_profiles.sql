-- A version of a simulation profile is what orders were filled by: it never changes and never goes.
-- Whether it is offered to accounts says nothing about fills, and may change.
create function trading_profile_is_immutable() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' or to_jsonb(new) - 'is_offered' <> to_jsonb(old) - 'is_offered' then
    raise exception 'version % of simulation profile % cannot be changed: define the next one',
      old.version, old.name using errcode = 'restrict_violation';
  end if;
  return new;
end $$;

create trigger profile_is_immutable before update or delete on trading_simulationprofile
  for each row execute function trading_profile_is_immutable();
