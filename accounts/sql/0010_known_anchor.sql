-- What the database knows of the last anchor. Nobody who serves people sees it: raxx_app and raxx_support have no
-- privilege here, and no policy. So whoever may delete anchors, and no more than that, is found out by it.
alter table accounts_knownanchor enable row level security;
alter table accounts_knownanchor force row level security;
create policy owner_all on accounts_knownanchor to raxx_owner using (true) with check (true);
create policy worker_all on accounts_knownanchor to raxx_worker using (true) with check (true);
grant select, insert, update on accounts_knownanchor to raxx_worker;
