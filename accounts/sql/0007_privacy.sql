-- What row security and privileges leave open about exports and erasures, and how a person is forgotten.

-- Who serves people may write down the wish: never for an earlier day than thirty days from now, and may
-- withdraw it until the deletion has begun. Only a command, as the tables' owner, may shorten it.
create policy app_asks on accounts_erasure as restrictive for insert to raxx_app
  with check (due_at >= now() + interval '30 days' and canceled_at is null and begun_at is null and by = 'person');
create policy app_withdraws on accounts_erasure as restrictive for update to raxx_app
  using (begun_at is null and canceled_at is null) with check (canceled_at is not null);
create policy app_asks on accounts_export as restrictive for insert to raxx_app
  with check (status = 'waiting' and file = '' and token_hash is null);
create policy app_fetches on accounts_export as restrictive for update to raxx_app
  using (status = 'ready') with check (status = 'downloaded');

-- The people who wait for their end are few, and are looked for every few seconds.
create index user_leaving on accounts_user (id) where deactivated_at is not null;

-- What every request must know of its person, now also whether they have asked to be erased.
drop function accounts_session_of_key(bytea);
create function accounts_session_of_key(p_key_hash bytea)
returns table (id uuid, user_id uuid, email text, tier text, is_staff boolean, epoch int, passkey_id bigint,
               fresh_until timestamptz, is_enrol_only boolean, restricted_until timestamptz,
               expires_at timestamptz, is_leaving boolean, is_seen_old boolean)
stable security definer set search_path = pg_catalog, public, pg_temp language sql as $$
  select s.id, s.user_id, u.email::text, u.tier::text, u.is_staff, s.epoch, s.passkey_id, s.fresh_until,
         s.is_enrol_only, u.restricted_until, s.expires_at, u.deactivated_at is not null,
         s.last_seen_at < now() - interval '1 minute'
    from accounts_session k
    cross join lateral accounts_living_sessions(array[k.id]) s
    join accounts_user u on u.id = s.user_id
   where k.key_hash = p_key_hash
$$;
revoke all on function accounts_session_of_key(bytea) from public;
grant execute on function accounts_session_of_key(bytea) to raxx_app;

-- Begin to forget a person whose day has come: from here on nobody can withdraw it, and nobody logs in as
-- them. False where there is nothing to forget: withdrawn, not due yet, or done. Repeating it changes nothing.
create function accounts_begin_erasure(p_user uuid) returns boolean
volatile security definer set search_path = pg_catalog, public, pg_temp language plpgsql as $$
begin
  perform from accounts_user u where u.id = p_user for update;  -- as whoever withdraws it
  update accounts_erasure e set begun_at = coalesce(e.begun_at, clock_timestamp())
   where e.user_id = p_user and e.canceled_at is null and (e.begun_at is not null or e.due_at <= clock_timestamp());
  if not found then
    return false;
  end if;
  update accounts_user u set is_active = false where u.id = p_user and u.is_active;
  return true;
end $$;
revoke all on function accounts_begin_erasure(uuid) from public;
grant execute on function accounts_begin_erasure(uuid) to raxx_worker;

-- For what deletes a person's rows: one of them at a time, and only of whom it has begun.
create function accounts_require_erasure(p_user uuid) returns void
volatile set search_path = pg_catalog, public, pg_temp language plpgsql as $$
begin
  perform from accounts_user u where u.id = p_user for update;
  if not exists (select from accounts_erasure e where e.user_id = p_user and e.begun_at is not null) then
    raise insufficient_privilege using message = 'nobody is to be erased who has not asked for it, or whose day has not come';
  end if;
end $$;
revoke all on function accounts_require_erasure(uuid) from public;

-- The last step: all that is left of a person here, and the person. Whatever else still refers to them
-- keeps all of it from happening. What others did with them keeps no name.
create function accounts_erase_person(p_user uuid) returns void
volatile security definer set search_path = pg_catalog, public, pg_temp language plpgsql as $$
begin
  perform accounts_require_erasure(p_user);
  delete from accounts_assertion t where t.user_id = p_user;
  delete from accounts_session t where t.user_id = p_user;
  delete from accounts_recoverycodes t where t.user_id = p_user;
  delete from django_otp_webauthn_webauthnattestation t using django_otp_webauthn_webauthncredential p
   where p.id = t.credential_id and p.user_id = p_user;
  delete from django_otp_webauthn_webauthncredential t where t.user_id = p_user;
  delete from django_otp_webauthn_webauthnuserhandle t where t.user_id = p_user;
  delete from accounts_tierchange t where t.user_id = p_user;
  delete from accounts_auditdetail t where t.subject = p_user;
  delete from accounts_export t where t.user_id = p_user;
  delete from django_admin_log t where t.user_id = p_user;
  delete from guardian_userobjectpermission t where t.user_id = p_user;
  delete from accounts_user_groups t where t.user_id = p_user;
  delete from accounts_user_user_permissions t where t.user_id = p_user;
  -- Made by a later migration, as plpgsql does not mind.
  delete from accounts_passkeyreset t where t.user_id = p_user;
  update accounts_passkeyreset t set asked_by_id = null where t.asked_by_id = p_user;
  update accounts_passkeyreset t set approved_by_id = null where t.approved_by_id = p_user;
  delete from accounts_erasure t where t.user_id = p_user;
  delete from accounts_user u where u.id = p_user;
  set constraints all immediate;  -- who still refers to them says so here
end $$;
revoke all on function accounts_erase_person(uuid) from public;
grant execute on function accounts_erase_person(uuid) to raxx_worker;

-- What the worker copies into an archive, and could not read so far.
grant select on accounts_user_groups, accounts_user_user_permissions to raxx_worker;
