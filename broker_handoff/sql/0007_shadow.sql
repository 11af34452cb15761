-- Foreign keys look past row security: the account is the same person's.
alter table broker_handoff_shadowlink add constraint shadow_link_of_own_account
  foreign key (account_id, user_id) references trading_tradingaccount (account_id, user_id);
alter table broker_handoff_shadoworder add constraint shadow_order_of_own_account
  foreign key (account_id, user_id) references trading_tradingaccount (account_id, user_id);
