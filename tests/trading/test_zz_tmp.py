import time, pytest
from django.db import connection
from tests.factories.rows import *
from trading.ledger_audit import audit_ledger
@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(500)
def test_x():
    m=make_market(); asset=make_asset()
    accs=[make_account(market=m) for _ in range(200)]
    N=1000
    with connection.cursor() as c:
        c.execute("set session_replication_role=replica") if False else None
        for t in ("trading_fill","trading_journal","trading_posting","trading_orderevent"): c.execute(f"alter table {t} disable trigger user")
        c.execute("""insert into trading_order (id,user_id,account_id,market_id,asset_id,symbol,client_order_id,status,side,type,time_in_force,order_class,extended_hours,quantity,position_intent,fill_model,reserve_price,cash_held,quantity_held,filled_quantity,filled_money,command_no,stamp_seq,request_id,reason,created_at,submitted_at,updated_at)
         select gen_random_uuid(),a.user_id,a.account_id,a.market_id,%s,'X',g::text,'filled','buy','limit','day','',false,1,'','displayed',100,0,0,1,100,1,1,'','',now(),now(),now() from trading_tradingaccount a, generate_series(1,%s) g""",[asset.pk,N])
        c.execute("""insert into trading_fill select gen_random_uuid(),'X','buy',1,100,now(),1,1,1,'L2','displayed',1,'{}',asset_id,user_id,account_id,id from trading_order""") if False else c.execute("""insert into trading_fill (id,symbol,side,quantity,price,at,run,seq,offer_seq,rule,fill_model,model_version,evidence,asset_id,user_id,account_id,order_id) select id,'X','buy',1,100,now(),1,1,1,'L2','displayed',1,'{}',asset_id,user_id,account_id,id from trading_order""")
        c.execute("insert into trading_journal (id,user_id,account_id,kind,at,note,request_id) select id,user_id,account_id,'fill',at,'','' from trading_fill")
        c.execute("insert into trading_posting (journal_id,ledger,user_id,account_id,amount) select id,'cash',user_id,account_id,-100 from trading_fill union all select id,'securities',user_id,account_id,100 from trading_fill")
        c.execute("""insert into trading_orderevent (account_id,seq,user_id,order_id,kind,status,at,recorded_at,filled_quantity,filled_money,fill_id,quantity,price,position_quantity,request_id)
          select account_id,row_number() over w,user_id,order_id,'fill','filled',at,at,1,100,id,1,100,row_number() over w,'' from trading_fill window w as (partition by account_id order by id)""")
        c.execute("insert into trading_position (user_id,account_id,asset_id,symbol,quantity,cost,quantity_held,updated_at) select user_id,account_id,asset_id,'X',count(*),count(*)*100,0,now() from trading_fill group by 1,2,3")
        c.execute("update trading_tradingaccount set cash=-100*%s, event_seq=%s",[N,N])
        for t in ("trading_fill","trading_journal","trading_posting","trading_orderevent"): c.execute(f"alter table {t} enable trigger user")
        c.execute("analyze")
    last=[time.perf_counter(),""]
    def p(rule,s,n):
        t=time.perf_counter(); print(f"{t-last[0]:.2f}s {last[1]}"); last[:]=[t,rule]
    t=time.perf_counter(); a=audit_ledger(progress=p); print("TOTAL",time.perf_counter()-t, a.accounts, len(a.differences), [str(d) for d in a.differences[:3]])
    t=time.perf_counter(); a=audit_ledger(accs[0].pk); print("ONE",time.perf_counter()-t, a.accounts, len(a.differences))
    assert 0
