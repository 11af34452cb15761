-- Delete about p_most rows of what is kept here of a person whose erasure has begun (accounts 0007), the token
-- first; say how many those were, nought when nothing is left. After 0006: the shadow's rows as well.
create or replace function broker_handoff_erase_rows(p_user uuid, p_most int) returns bigint
volatile security definer set search_path = pg_catalog, public, pg_temp language plpgsql as $$
declare
  v_rows bigint;
begin
  perform accounts_require_erasure(p_user);
  delete from broker_handoff_sealedtoken t where t.user_id = p_user;
  delete from broker_handoff_connectattempt t where t.user_id = p_user;
  delete from broker_handoff_gatenomination t where t.user_id = p_user;
  delete from broker_handoff_gatemonth t where t.user_id = p_user;
  delete from broker_handoff_gateverdict t where t.user_id = p_user;
  delete from broker_handoff_gateoverride t where t.user_id = p_user;
  delete from broker_handoff_shadowlink t where t.user_id = p_user;
  delete from broker_handoff_shadoworder t
   where t.id = any (array(select s.id from broker_handoff_shadoworder s where s.user_id = p_user limit p_most));
  get diagnostics v_rows = row_count;
  if v_rows = 0 then
    delete from broker_handoff_intentevent t
     where t.id = any (array(select e.id from broker_handoff_intentevent e where e.user_id = p_user limit p_most));
    get diagnostics v_rows = row_count;
  end if;
  if v_rows = 0 then
    -- Those that no other one is about; the next time those that these were about.
    delete from broker_handoff_liveintent t
     where t.id = any (array(select i.id from broker_handoff_liveintent i
                              where i.user_id = p_user
                                and not exists (select from broker_handoff_liveintent f where f.target_id = i.id)
                              limit p_most));
    get diagnostics v_rows = row_count;
  end if;
  if v_rows = 0 then
    delete from broker_handoff_switchclosing t where t.user_id = p_user;
    delete from broker_handoff_brokerdifference t where t.user_id = p_user;
    delete from broker_handoff_positionbaseline t where t.user_id = p_user;
    delete from broker_handoff_brokerconnection t where t.user_id = p_user;
    get diagnostics v_rows = row_count;
  end if;
  return v_rows;
end $$;
