-- The three models as they come, under their own names: 1 is what an account has that names none.
insert into trading_simulationprofile (id, name, version, model, participation, slippage_bps, latency_ms,
                                       commission, reject_rate, partial_rate, description, is_offered, created_at)
values
  (1, 'displayed', 1, 'displayed', 1000, 0, 0, 0, 0, 0,
   'Fills only what the market shows: displayed size once, a queue ahead of resting orders.', true, now()),
  (2, 'instant', 1, 'instant', 1000, 0, 0, 0, 0, 0,
   'Marketable orders fill whole at the touch; size and queue are ignored.', true, now()),
  (3, 'bars', 1, 'bars', 1000, 0, 0, 0, 0, 0,
   'For tapes of bars: open, the farther extreme, the nearer one, close; a tenth of the volume.', true, now())
on conflict do nothing;
select setval('trading_simulationprofile_id_seq', greatest(3, (select max(id) from trading_simulationprofile)));
