-- What must be known of a person before anybody is bound. Each function runs with its owner's rights and
-- answers for one thing that the caller must already hold: a session's key, a passkey's id, an address.

-- The sessions among these that live. The one place that decides what living means; for the functions
-- beside it alone, as it tells whole rows.
create function accounts_living_sessions(p_ids uuid[])
returns setof accounts_session
stable security definer set search_path = pg_catalog, public, pg_temp language sql as $$
  select s.*
    from accounts_session s
    join accounts_user u on u.id = s.user_id and u.is_active and u.auth_epoch = s.epoch
    left join django_otp_webauthn_webauthncredential p on p.id = s.passkey_id and p.user_id = s.user_id and p.confirmed
   where s.id = any(p_ids) and s.ended_at is null and s.expires_at > now()
     and s.last_seen_at > now() - make_interval(secs => s.idle_s)
     and (s.is_enrol_only or p.id is not null)
$$;
revoke all on function accounts_living_sessions(uuid[]) from public;

-- Which of these sessions live, and nothing else of them.
create function accounts_which_sessions_live(p_ids uuid[]) returns setof uuid
stable security definer set search_path = pg_catalog, public, pg_temp language sql as $$
  select s.id from accounts_living_sessions(p_ids) s
$$;
revoke all on function accounts_which_sessions_live(uuid[]) from public;
grant execute on function accounts_which_sessions_live(uuid[]) to raxx_app, raxx_worker;

-- The living session with this key, and what every request must know of its person.
create function accounts_session_of_key(p_key_hash bytea)
returns table (id uuid, user_id uuid, email text, tier text, is_staff boolean, epoch int, passkey_id bigint,
               fresh_until timestamptz, is_enrol_only boolean, restricted_until timestamptz,
               expires_at timestamptz, is_seen_old boolean)
stable security definer set search_path = pg_catalog, public, pg_temp language sql as $$
  select s.id, s.user_id, u.email::text, u.tier::text, u.is_staff, s.epoch, s.passkey_id, s.fresh_until,
         s.is_enrol_only, u.restricted_until, s.expires_at, s.last_seen_at < now() - interval '1 minute'
    from accounts_session k
    cross join lateral accounts_living_sessions(array[k.id]) s
    join accounts_user u on u.id = s.user_id
   where k.key_hash = p_key_hash
$$;
revoke all on function accounts_session_of_key(bytea) from public;
grant execute on function accounts_session_of_key(bytea) to raxx_app;

-- Whose a passkey is: an assertion names its credential, and no person.
create function accounts_person_of_passkey(p_credential_id_sha256 text) returns uuid
stable security definer set search_path = pg_catalog, public, pg_temp language sql as $$
  select p.user_id from django_otp_webauthn_webauthncredential p where p.credential_id_sha256 = p_credential_id_sha256
$$;
revoke all on function accounts_person_of_passkey(text) from public;
grant execute on function accounts_person_of_passkey(text) to raxx_app;

-- Who has this address, for what is mailed to it; the answer to the caller never says whether anybody.
create function accounts_person_of_email(p_email text) returns uuid
stable security definer set search_path = pg_catalog, public, pg_temp language sql as $$
  select u.id from accounts_user u where lower(u.email) = lower(p_email)
$$;
revoke all on function accounts_person_of_email(text) from public;
grant execute on function accounts_person_of_email(text) to raxx_app;
