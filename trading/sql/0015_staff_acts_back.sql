alter table trading_staffact drop constraint staff_act_of_its_account;
drop function trading_sessions_of_account(uuid, int);
revoke update (suspended_at) on trading_asset from raxx_worker;
revoke insert on accounts_export, accounts_erasure from raxx_worker;
revoke update (revoked_at) on accounts_apikey from raxx_worker;
revoke all on trading_staffact from raxx_support, raxx_worker;
drop policy support_asks on trading_staffact; drop policy support_granted on trading_staffact;
drop policy worker_all on trading_staffact; drop policy owner_all on trading_staffact;
drop function raxx_acting_accounts;
