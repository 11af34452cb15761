-- The audit log: chains of entries, each with the hash of the one before. Changed by nobody, not even by
-- the owner of the tables, unless they take the triggers down first; which the anchors outside show.

-- The bytes of one field: its length, then itself; null is a length of -1. So no two lists of fields have
-- the same bytes.
create function accounts_audit_field(p bytea) returns bytea immutable parallel safe language sql as $$
  select case when p is null then int4send(-1) else int4send(octet_length(p)) || p end
$$;

-- The hash of an entry. accounts/audit/entries.py computes the same from the rows alone.
create function accounts_audit_hash(e accounts_auditentry) returns bytea immutable parallel safe language sql as $$
  select sha256('raxx-audit-1'::bytea
    || accounts_audit_field(e.prev)
    || accounts_audit_field(uuid_send(e.chain))
    || accounts_audit_field(int8send(e.seq))
    || accounts_audit_field(uuid_send(e.subject))
    || accounts_audit_field(int8send((extract(epoch from e.at) * 1000000)::bigint))
    || accounts_audit_field(convert_to(e.actor_kind, 'UTF8'))
    || accounts_audit_field(convert_to(e.actor_id, 'UTF8'))
    || accounts_audit_field(convert_to(e.request_id, 'UTF8'))
    || accounts_audit_field(convert_to(e.action, 'UTF8'))
    || accounts_audit_field(convert_to(e.body, 'UTF8'))
    || accounts_audit_field(e.details_digest))
$$;

-- Number, date and chain a new entry, whatever its writer said of these. The head's lock puts the writers
-- of one chain in a line until they commit: append late, and to several chains in the order of their ids.
create function accounts_audit_append() returns trigger
security definer set search_path = pg_catalog, public, pg_temp language plpgsql as $$
declare
  h accounts_audithead;
begin
  select * into h from accounts_audithead where chain = new.chain for no key update;
  if not found then
    if new.chain <> coalesce(new.subject, new.chain) and exists (select from accounts_user u where u.id = new.chain) then
      raise insufficient_privilege using message = 'the chain is another person''s';
    end if;
    insert into accounts_audithead (chain, subject, seq, hash)
    values (new.chain, case when new.chain <> '00000000-0000-0000-0000-000000000000' then new.subject end,
            0, decode(repeat('00', 32), 'hex'))
    on conflict (chain) do nothing;
    select * into strict h from accounts_audithead where chain = new.chain for no key update;
  end if;
  if new.chain <> '00000000-0000-0000-0000-000000000000' and h.subject is distinct from new.subject then
    raise insufficient_privilege using message = 'the chain is another person''s';
  end if;
  new.at := clock_timestamp();
  new.seq := h.seq + 1;
  new.prev := h.hash;
  new.hash := accounts_audit_hash(new);
  update accounts_audithead set seq = new.seq, hash = new.hash where chain = new.chain;
  return new;
end $$;
revoke all on function accounts_audit_append() from public;

create function accounts_audit_refuse() returns trigger set search_path = pg_catalog, public, pg_temp language plpgsql as $$
begin
  -- accounts_forget_chain says which chain it ends; nobody else has the privilege to delete at all.
  if tg_op = 'DELETE' and tg_level = 'ROW' then
    if current_setting('raxx.forgets_chain', true) = old.chain::text then
      return old;
    end if;
  end if;
  raise integrity_constraint_violation using message = 'the audit log is only ever appended to';
end $$;
revoke all on function accounts_audit_refuse() from public;

create trigger audit_append before insert on accounts_auditentry
  for each row execute function accounts_audit_append();
create trigger audit_no_update before update on accounts_auditentry
  for each statement execute function accounts_audit_refuse();
create trigger audit_no_delete before delete on accounts_auditentry
  for each row execute function accounts_audit_refuse();
create trigger audit_no_truncate before truncate on accounts_auditentry
  for each statement execute function accounts_audit_refuse();
create trigger audit_head_no_delete before delete on accounts_audithead
  for each row execute function accounts_audit_refuse();
create trigger audit_head_no_truncate before truncate on accounts_audithead
  for each statement execute function accounts_audit_refuse();
create trigger audit_detail_no_update before update on accounts_auditdetail
  for each statement execute function accounts_audit_refuse();
-- Always: also for who says session_replication_role = replica.
alter table accounts_auditentry enable always trigger audit_append;
alter table accounts_auditentry enable always trigger audit_no_update;
alter table accounts_auditentry enable always trigger audit_no_delete;
alter table accounts_auditentry enable always trigger audit_no_truncate;
alter table accounts_audithead enable always trigger audit_head_no_delete;
alter table accounts_audithead enable always trigger audit_head_no_truncate;
alter table accounts_auditdetail enable always trigger audit_detail_no_update;

-- Take the entries of a chain away whose last one is older than two years, as the privacy rules promise.
-- The head stays, so that the chain would go on after its gap, and the system's chain says what is gone.
-- Returns whether there was something to take away.
create function accounts_forget_chain(p_chain uuid) returns boolean
volatile security definer set search_path = pg_catalog, public, pg_temp language plpgsql as $$
declare
  h accounts_audithead;
begin
  if p_chain = '00000000-0000-0000-0000-000000000000' then
    raise invalid_parameter_value using message = 'the chain of the system is kept';
  end if;
  select * into h from accounts_audithead where chain = p_chain for no key update;
  if not found or not exists (select from accounts_auditentry e where e.chain = p_chain) then
    return false;
  end if;
  if exists (select from accounts_auditentry e where e.chain = p_chain and e.at > clock_timestamp() - interval '730 days') then
    raise integrity_constraint_violation using message = 'the chain has entries of the last two years';
  end if;
  perform set_config('raxx.forgets_chain', p_chain::text, true);
  delete from accounts_auditdetail d where d.chain = p_chain;
  delete from accounts_auditentry e where e.chain = p_chain;
  perform set_config('raxx.forgets_chain', '', true);
  insert into accounts_auditentry (chain, actor_kind, actor_id, request_id, action, body)
  values ('00000000-0000-0000-0000-000000000000', 'system', 'accounts_forget_chain', '', 'audit.chain_forgotten',
          format('{"before":{"chain":"%s","hash":"%s","seq":%s}}', p_chain, encode(h.hash, 'hex'), h.seq));
  return true;
end $$;
revoke all on function accounts_forget_chain(uuid) from public;
grant execute on function accounts_forget_chain(uuid) to raxx_worker;

-- Who may do what. Nobody updates, and nobody but the worker deletes: the personal details of the erased.
alter table accounts_auditentry enable row level security;
alter table accounts_auditentry force row level security;
create policy owner_all on accounts_auditentry to raxx_owner using (true) with check (true);
create policy worker_all on accounts_auditentry to raxx_worker using (true) with check (true);
create policy app_reads_own on accounts_auditentry for select to raxx_app using (subject = raxx_uid());
create policy app_appends_own on accounts_auditentry for insert to raxx_app with check (
  subject = raxx_uid() or (subject is null and chain = '00000000-0000-0000-0000-000000000000'));
-- The admin writes about those whom its staff look at, and reads about whoever is bound. What a grant
-- opens further is a policy of the migration that makes grants.
create policy support_reads_own on accounts_auditentry for select to raxx_support using (subject = raxx_uid());
create policy support_appends on accounts_auditentry for insert to raxx_support with check (actor_kind = 'staff');
grant select, insert (chain, subject, actor_kind, actor_id, request_id, action, body, details_digest)
  on accounts_auditentry to raxx_app, raxx_worker, raxx_support;

alter table accounts_audithead enable row level security;
alter table accounts_audithead force row level security;
create policy owner_all on accounts_audithead to raxx_owner using (true) with check (true);
create policy worker_all on accounts_audithead to raxx_worker using (true) with check (true);
grant select on accounts_audithead to raxx_worker;

alter table accounts_auditdetail enable row level security;
alter table accounts_auditdetail force row level security;
create policy owner_all on accounts_auditdetail to raxx_owner using (true) with check (true);
create policy worker_all on accounts_auditdetail to raxx_worker using (true) with check (true);
create policy app_reads_own on accounts_auditdetail for select to raxx_app using (subject = raxx_uid());
create policy app_appends_own on accounts_auditdetail for insert to raxx_app with check (
  subject = raxx_uid() or (subject is null and chain = '00000000-0000-0000-0000-000000000000'));
create policy support_reads_own on accounts_auditdetail for select to raxx_support using (subject = raxx_uid());
create policy support_appends on accounts_auditdetail for insert to raxx_support with check (true);
grant select, insert on accounts_auditdetail to raxx_app, raxx_support;
grant select, insert, delete on accounts_auditdetail to raxx_worker;
