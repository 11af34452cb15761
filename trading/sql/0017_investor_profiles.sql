-- The simulation profiles that investor profiles begin with: `displayed`, with more or less between an order and the
-- market. Beside those of 0004, and kept as they are; a name that an operator has given before stays theirs.
insert into trading_simulationprofile (name, version, model, participation, slippage_bps, latency_ms,
                                       commission, reject_rate, partial_rate, description, is_offered, created_at)
select p.name, 1, 'displayed', 1000, p.slippage_bps, p.latency_ms, p.commission, 0, 0, p.description, true, now()
  from (values
    ('conservative', 5, 250, 0.005,
     'As displayed, and stricter: a quarter of a second late, 5 basis points worse than the touch, half a cent a share.'),
    ('mid', 2, 100, 0, 'As displayed, a tenth of a second late and 2 basis points worse than the touch.'),
    ('aggressive', 0, 20, 0, 'As displayed, a fiftieth of a second late and at the touch itself.')
  ) as p(name, slippage_bps, latency_ms, commission, description)
 where not exists (select from trading_simulationprofile s where s.name = p.name);
