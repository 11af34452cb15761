import accounts.models.user
import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
import trading.models.fields
from decimal import Decimal
from django.conf import settings
from django.db import migrations, models

from accounts.isolation import person_table

# Foreign keys look past row security: parent and child are the same person's.
OWN_PARENTS = """
alter table broker_handoff_sealedtoken add constraint sealed_token_of_own_connection
  foreign key (connection_id, user_id) references broker_handoff_brokerconnection (id, user_id);
alter table broker_handoff_liveintent add constraint live_intent_by_own_connection
  foreign key (connection_id, user_id) references broker_handoff_brokerconnection (id, user_id);
alter table broker_handoff_liveintent add constraint live_intent_of_own_target
  foreign key (target_id, user_id) references broker_handoff_liveintent (id, user_id);
alter table broker_handoff_intentevent add constraint intent_event_of_own_intent
  foreign key (intent_id, user_id) references broker_handoff_liveintent (id, user_id);
"""
OWN_PARENTS_AS_BEFORE = """
alter table broker_handoff_intentevent drop constraint intent_event_of_own_intent;
alter table broker_handoff_liveintent drop constraint live_intent_of_own_target;
alter table broker_handoff_liveintent drop constraint live_intent_by_own_connection;
alter table broker_handoff_sealedtoken drop constraint sealed_token_of_own_connection;
"""

# Who serves people may put a token here and shred it. What is sealed, they cannot read.
WRITE_ONLY = """
revoke select on broker_handoff_sealedtoken from raxx_app;
grant select (connection_id, user_id, key_id, sealed_at), insert, delete on broker_handoff_sealedtoken to raxx_app;
"""
WRITE_ONLY_AS_BEFORE = "revoke all on broker_handoff_sealedtoken from raxx_app;"


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '0004_identity'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='BrokerConnection',
            fields=[
                ('id', models.UUIDField(default=accounts.models.user.new_id, editable=False, primary_key=True, serialize=False)),
                ('broker', models.CharField(default='alpaca', max_length=16)),
                ('broker_account', models.CharField(max_length=64)),
                ('status', models.CharField(choices=[('active', 'Active'), ('needs_reauth', 'Needs Reauth'), ('disconnected', 'Disconnected')], default='active', max_length=16)),
                ('scopes', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=32), default=list, size=None)),
                ('connected_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('consent_expires_at', models.DateTimeField()),
                ('disconnected_at', models.DateTimeField(null=True)),
                ('disconnect_reason', models.CharField(blank=True, max_length=200)),
                ('revoked_at_broker', models.CharField(choices=[('not_asked', 'Not Asked'), ('waiting', 'Waiting'), ('done', 'Done'), ('refused', 'Refused')], default='not_asked', max_length=16)),
                ('notional_max', trading.models.fields.MoneyField(default=Decimal('1000'))),
                ('day_notional_max', trading.models.fields.MoneyField(default=Decimal('5000'))),
                ('open_orders_max', models.PositiveIntegerField(default=10)),
                ('price_distance_max_bps', models.PositiveIntegerField(default=500)),
                ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='broker_connections', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='LiveIntent',
            fields=[
                ('id', models.UUIDField(default=accounts.models.user.new_id, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('submit', 'Submit'), ('cancel', 'Cancel'), ('replace', 'Replace')], max_length=8)),
                ('terms', models.JSONField()),
                ('digest', models.BinaryField(max_length=32)),
                ('notional', trading.models.fields.MoneyField()),
                ('status', models.CharField(choices=[('accepted', 'Accepted'), ('sending', 'Sending'), ('working', 'Working'), ('filled', 'Filled'), ('canceled', 'Canceled'), ('rejected', 'Rejected'), ('expired', 'Expired'), ('replaced', 'Replaced'), ('done', 'Done'), ('refused', 'Refused'), ('blocked', 'Blocked'), ('lapsed', 'Lapsed')], default='accepted', max_length=16)),
                ('reason', models.CharField(blank=True, max_length=32)),
                ('words', models.CharField(blank=True, max_length=500)),
                ('session_id', models.UUIDField()),
                ('request_id', models.CharField(blank=True, max_length=64)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('deadline_at', models.DateTimeField()),
                ('attempts', models.PositiveIntegerField(default=0)),
                ('next_attempt_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('lease', models.UUIDField(null=True)),
                ('leased_until', models.DateTimeField(null=True)),
                ('sent_at', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('broker_order_id', models.CharField(blank=True, max_length=64)),
                ('broker_status', models.CharField(blank=True, max_length=32)),
                ('filled_quantity', trading.models.fields.QuantityField(default=0)),
                ('filled_average_price', trading.models.fields.PriceField(null=True)),
                ('seen_at', models.DateTimeField(null=True)),
                ('connection', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='intents', to='broker_handoff.brokerconnection')),
                ('target', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='followers', to='broker_handoff.liveintent')),
                ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='live_intents', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='IntentEvent',
            fields=[
                ('id', models.UUIDField(default=accounts.models.user.new_id, editable=False, primary_key=True, serialize=False)),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('status', models.CharField(choices=[('accepted', 'Accepted'), ('sending', 'Sending'), ('working', 'Working'), ('filled', 'Filled'), ('canceled', 'Canceled'), ('rejected', 'Rejected'), ('expired', 'Expired'), ('replaced', 'Replaced'), ('done', 'Done'), ('refused', 'Refused'), ('blocked', 'Blocked'), ('lapsed', 'Lapsed')], max_length=16)),
                ('detail', models.JSONField(default=dict)),
                ('request_id', models.CharField(blank=True, max_length=64)),
                ('user', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('intent', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='events', to='broker_handoff.liveintent')),
            ],
        ),
        migrations.CreateModel(
            name='SealedToken',
            fields=[
                ('connection', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='sealed_token', serialize=False, to='broker_handoff.brokerconnection')),
                ('ciphertext', models.BinaryField()),
                ('wrapped_key', models.BinaryField()),
                ('key_id', models.CharField(max_length=256)),
                ('sealed_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('user', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.AddConstraint(
            model_name='brokerconnection',
            constraint=models.UniqueConstraint(fields=('id', 'user'), name='broker_connection_of_person'),
        ),
        migrations.AddConstraint(
            model_name='brokerconnection',
            constraint=models.UniqueConstraint(condition=models.Q(('status__in', ('active', 'needs_reauth'))), fields=('user',), name='broker_connection_one_living'),
        ),
        migrations.AddConstraint(
            model_name='brokerconnection',
            constraint=models.CheckConstraint(condition=models.Q(('status', 'disconnected'), ('disconnected_at', None), _connector='XOR'), name='broker_connection_is_over_or_not'),
        ),
        migrations.AddConstraint(
            model_name='brokerconnection',
            constraint=models.CheckConstraint(condition=models.Q(('day_notional_max__gt', 0), ('notional_max__gt', 0)), name='broker_connection_limits_are_positive'),
        ),
        migrations.AddIndex(
            model_name='liveintent',
            index=models.Index(fields=['user', '-created_at'], name='live_intent_by_person'),
        ),
        migrations.AddIndex(
            model_name='liveintent',
            index=models.Index(condition=models.Q(('status__in', ('accepted', 'sending'))), fields=['next_attempt_at'], name='live_intent_to_send'),
        ),
        migrations.AddIndex(
            model_name='liveintent',
            index=models.Index(condition=models.Q(('status', 'working')), fields=['connection'], name='live_intent_working'),
        ),
        migrations.AddConstraint(
            model_name='liveintent',
            constraint=models.UniqueConstraint(fields=('id', 'user'), name='live_intent_of_person'),
        ),
        migrations.AddConstraint(
            model_name='liveintent',
            constraint=models.CheckConstraint(condition=models.Q(('kind', 'submit'), ('target__isnull', False), _connector='XOR'), name='live_intent_has_its_target'),
        ),
        migrations.AddConstraint(
            model_name='liveintent',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['blocked', 'canceled', 'done', 'expired', 'filled', 'lapsed', 'refused', 'rejected', 'replaced']), ('finished_at', None), _connector='XOR'), name='live_intent_is_finished_or_not'),
        ),
        migrations.AddConstraint(
            model_name='liveintent',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('lease', None), ('leased_until', None)), models.Q(('lease__isnull', False), ('leased_until__isnull', False)), _connector='OR'), name='live_intent_lease_has_an_end'),
        ),
        migrations.AddIndex(
            model_name='intentevent',
            index=models.Index(fields=['user', 'at'], name='intent_event_by_person'),
        ),
        migrations.RunSQL(OWN_PARENTS, OWN_PARENTS_AS_BEFORE),
        person_table(
            'broker_handoff_brokerconnection',
            app='insert, update (status, disconnected_at, disconnect_reason, revoked_at_broker, notional_max,'
            ' day_notional_max, open_orders_max, price_distance_max_bps)',
            worker='update',
        ),
        person_table('broker_handoff_sealedtoken', worker='update, delete'),
        migrations.RunSQL(WRITE_ONLY, WRITE_ONLY_AS_BEFORE),
        # Only a worker moves an intent on.
        person_table('broker_handoff_liveintent', app='insert', app_check="status = 'accepted'", worker='update'),
        person_table(
            'broker_handoff_intentevent', app='insert', app_check="status = 'accepted'", worker='insert'
        ),
    ]
