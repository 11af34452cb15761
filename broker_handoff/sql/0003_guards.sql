-- A connection's switch is its owner's: foreign keys look past row security.
alter table broker_handoff_switchclosing add constraint switch_closing_of_own_connection
  foreign key (connection_id, user_id) references broker_handoff_brokerconnection (id, user_id);

-- What stops everybody is nobody's secret. A person closes and opens their own alone.
create policy app_sees_global on broker_handoff_switchclosing for select to raxx_app using (user_id is null);
