import pytest, time
from tests.factories.rows import *
from django.db import connection
from tests.trading.walls import sql, bind
from tests.factories.sessions import session
from datetime import timedelta
from django.utils import timezone
pytestmark = pytest.mark.django_db(transaction=True)
def test_plan():
    staff=make_user(is_staff=True)
    accounts=[make_account() for _ in range(3)]
    asset=make_asset()
    o=make_order(accounts[0],asset)
    sql("""insert into trading_tradingaccount select (jsonb_populate_record(a, jsonb_build_object('account_id',gen_random_uuid(),'number','N'||g))).* from trading_tradingaccount a, generate_series(1,2000) g where a.account_id=%s""", accounts[1].pk)
    sql("set session_replication_role=replica") if False else None
    sql("""insert into trading_order select (jsonb_populate_record(o, jsonb_build_object('id',gen_random_uuid(),'client_order_id','c'||row_number() over (),'account_id',a.account_id,'user_id',a.user_id, 'command_no', row_number() over ()))).* from trading_order o, (select * from trading_tradingaccount where account_id<>%s) a, generate_series(1,50) g where o.id=%s""", accounts[0].pk, o.pk)
    sql("""insert into trading_order select (jsonb_populate_record(o, jsonb_build_object('id',gen_random_uuid(),'client_order_id','d'||g, 'command_no', g))).* from trading_order o, generate_series(1,20000) g where o.id=%s""", o.pk)
    from trading.models import AccountGrant, GrantPermission
    from trading.services.grants import give_grant
    for a in accounts:
        give_grant(staff=staff, account_id=a.pk, owner_id=a.user_id, permission=GrantPermission.VIEW, reason="r", lasts=timedelta(hours=1), now=timezone.now())
    sql("analyze")
    print(sql("select count(*) from trading_order"))
    qs={"list": "select id from trading_order order by submitted_at desc limit 50","count":"select count(*) from trading_order",
        "one account": f"select * from trading_order where account_id='{accounts[0].pk}' order by submitted_at desc limit 50",
        "count one": f"select count(*) from trading_order where account_id='{accounts[0].pk}'",
        "by id": f"select * from trading_order where id='{o.pk}'", "accounts": "select * from trading_tradingaccount order by created_at desc limit 50"}
    forms={"init":"account_id = any ((select raxx_granted_accounts())::uuid[])","plain":"account_id = any (raxx_granted_accounts())"}
    with session("raxx_support", autocommit=False) as s:
        for f,q in forms.items():
            for t in ("trading_order","trading_tradingaccount"):
                sql(f"alter policy support_granted on {t} using ({q})")
            s.execute("select set_config('raxx.user_id',%s,true)",[str(staff.pk)])
            for name,query in qs.items():
                best=9
                for _ in range(5):
                    t=time.perf_counter(); s.execute(query).fetchall(); best=min(best,time.perf_counter()-t)
                print("==",f,name,round(best*1000,2),"ms")
                print("\n".join(r["QUERY PLAN"] for r in s.execute("explain "+query).fetchall()))
            s.commit()
    o=time
    for name,query in qs.items():
        w=query.replace(" where "," where true and ") 
        ids="','".join(str(a.pk) for a in accounts)
        cond=f"account_id in ('{ids}')"
        w= query.replace(" where ", f" where {cond} and ") if " where " in query else query.replace(" order by",f" where {cond} order by") if " order by" in query else query+" where "+cond
        best=9
        for _ in range(5):
            t=time.perf_counter(); sql(w); best=min(best,time.perf_counter()-t)
        print("== base",name,round(best*1000,2))
