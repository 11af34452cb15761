from django.db import migrations

from accounts.isolation import owned_table, shared_table

# Foreign-key checks ignore row security: with the owner in the key, nobody can hang a row on
# another person's account. Enforced where the web role may write; declared elsewhere, because
# enforcing costs as much as the rest of a fill, and `verify_ledger` looks for orphans. (A declared
# key alone would also leave a table without triggers, which PostgreSQL 18 then cannot truncate
# together with the table that it refers to.)
COMPOSITE_KEYS = """
alter table accounts_apikey add constraint api_key_of_own_account
  foreign key (account_id, user_id) references trading_tradingaccount (account_id, user_id);
alter table trading_order add constraint order_of_own_account
  foreign key (account_id, user_id) references trading_tradingaccount (account_id, user_id);
alter table trading_orderevent add constraint event_of_own_account
  foreign key (account_id, user_id) references trading_tradingaccount (account_id, user_id);
alter table trading_position add constraint position_of_own_account
  foreign key (account_id, user_id) references trading_tradingaccount (account_id, user_id);
alter table trading_fill add constraint fill_of_own_account
  foreign key (account_id, user_id) references trading_tradingaccount (account_id, user_id) not enforced;
alter table trading_journal add constraint journal_of_own_account
  foreign key (account_id, user_id) references trading_tradingaccount (account_id, user_id) not enforced;
alter table trading_posting add constraint posting_of_own_account
  foreign key (account_id, user_id) references trading_tradingaccount (account_id, user_id) not enforced;
"""
DROP_COMPOSITE_KEYS = """
alter table trading_posting drop constraint posting_of_own_account;
alter table trading_journal drop constraint journal_of_own_account;
alter table trading_fill drop constraint fill_of_own_account;
alter table trading_position drop constraint position_of_own_account;
alter table trading_orderevent drop constraint event_of_own_account;
alter table trading_order drop constraint order_of_own_account;
alter table accounts_apikey drop constraint api_key_of_own_account;
"""

# The rows that every order updates keep room on their page for the next version of themselves.
ROOM_TO_UPDATE = """
alter table trading_tradingaccount set (fillfactor = 50);
alter table trading_position set (fillfactor = 60);
alter table trading_order set (fillfactor = 80);
create sequence trading_command_no;
grant usage on sequence trading_command_no to raxx_app;
grant usage on sequence trading_position_id_seq to raxx_worker;
"""
DROP_ROOM = "drop sequence trading_command_no"

# Web may say what it wishes of an order and nothing else; what happened is the worker's to say.
WISHES = "status in ('pending_new', 'pending_cancel', 'pending_replace')"


class Migration(migrations.Migration):
    dependencies = [
        ("trading", "0001_initial"),
        ("accounts", "0002_row_security"),
        ("matching", "0002_market_clock"),
    ]

    operations = [
        migrations.RunSQL(COMPOSITE_KEYS, DROP_COMPOSITE_KEYS),
        migrations.RunSQL(ROOM_TO_UPDATE, DROP_ROOM),
        shared_table("trading_asset"),
        owned_table(
            "trading_tradingaccount",
            app="update (cash_held, event_seq)",
            worker="insert, update",
        ),
        owned_table(
            "trading_order",
            app="insert, update (status, command_no, cancel_requested_at, updated_at)",
            app_check=WISHES,
            worker="insert, update",
        ),
        owned_table("trading_orderevent", app="insert", app_check=WISHES, worker="insert"),
        owned_table("trading_position", app="update (quantity_held)", worker="insert, update"),
        owned_table("trading_fill", worker="insert"),
        owned_table("trading_journal", worker="insert"),
        owned_table("trading_posting", worker="insert"),
    ]
