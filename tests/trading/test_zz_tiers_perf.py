import time
import pytest
from django.db import connection
from tests.factories.rows import make_account, make_asset, NOON
from tests.trading.past import purge, FAR, figures
from trading.ledger_audit import audit_ledger
pytestmark = pytest.mark.django_db(transaction=True)
def test_perf():
    account, asset = make_account(cash=100000), make_asset("PERF")
    n = 40000
    with connection.cursor() as c:
        c.execute("set statement_timeout=0")
        c.execute("""
        create temp table t as select g, uuidv7() as oid, uuidv7() as fid, g <= %s as old from generate_series(1, %s) g""", [n//2, n])
        c.execute("""insert into trading_order (id,user_id,account_id,market_id,asset_id,symbol,client_order_id,generation,status,side,type,time_in_force,order_class,extended_hours,quantity,limit_price,position_intent,profile_id,reserve_price,cash_held,quantity_held,filled_quantity,filled_money,command_no,group_id,role,request_id,reason,created_at,submitted_at,updated_at)
        select oid,%s,%s,%s,%s,'PERF',oid::text,1,'filled','buy','limit','day','bracket',false,1,1,'buy_to_open',1,0,0,0,1,1,g,oid,'entry','','',%s,%s,%s from t""", [account.user_id, account.pk, account.market_id, asset.pk, NOON, NOON, NOON])
        c.execute("""insert into trading_fill (id,user_id,account_id,order_id,asset_id,symbol,side,quantity,price,at,run,seq,offer_seq,rule,model_version,evidence)
        select fid,%s,%s,oid,%s,'PERF','buy',1,1,%s,1,g,g,'L2',1,'{}' from t""", [account.user_id, account.pk, asset.pk, NOON])
        c.execute("""insert into trading_posting (journal_id,ledger,user_id,account_id,amount) select fid,l.l,%s,%s,l.a from t, (values ('cash',-1),('securities',1)) l(l,a)""", [account.user_id, account.pk])
        c.execute("insert into trading_journal (id,user_id,account_id,kind,at,note,request_id) select fid,%s,%s,'fill',%s,'','' from t", [account.user_id, account.pk, NOON])
        c.execute("""insert into trading_orderevent (account_id,seq,user_id,order_id,kind,status,at,recorded_at,filled_quantity,filled_money,fill_id,quantity,price,position_quantity,request_id)
        select %s, 3*(g-1)+k, %s, oid, case k when 1 then 'pending_new' when 2 then 'new' else 'fill' end, case k when 1 then 'pending_new' when 2 then 'new' else 'filled' end, %s, now() - case when old then interval '100 days' else interval '1 day' end,
          (k=3)::int,(k=3)::int, case k when 3 then fid end, case k when 3 then 1 end, case k when 3 then 1 end, case k when 3 then g end, '' from t, generate_series(1,3) k""", [account.pk, account.user_id, NOON])
        c.execute("insert into trading_position (user_id,account_id,asset_id,symbol,quantity,cost,quantity_held,updated_at) values (%s,%s,%s,'PERF',%s,%s,0,now())", [account.user_id, account.pk, asset.pk, n, n])
        c.execute("update trading_tradingaccount set cash = cash - %s, event_seq=%s where account_id=%s", [n, 3*n, account.pk])
    assert audit_ledger().differences == ()
    before = figures(account)
    t = time.monotonic()
    done = purge(account)
    dt = time.monotonic() - t
    print("BATCHES", len(done), "total s", round(dt,2), "per batch ms", round(1000*dt/len(done)), sum(d["orders"] for d in done))
    assert figures(account) == before
    assert audit_ledger().differences == ()
