"""Notices of before lose the gateway's names for people, as new ones never have them."""

from django.db import migrations

FORGET = """
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE payments_gatewaynotice DISABLE TRIGGER payments_gatewaynotice_rows;
UPDATE payments_gatewaynotice
SET raw = (raw - '{openid,user_name,user_received_account}'::text[]) #- '{payer,openid}' #- '{payer,sp_openid}' #- '{payer,sub_openid}'
WHERE raw ?| '{openid,user_name,user_received_account}'::text[] OR raw #> '{payer}' IS NOT NULL;
ALTER TABLE payments_gatewaynotice ENABLE TRIGGER payments_gatewaynotice_rows;
"""


class Migration(migrations.Migration):
    dependencies = [("payments", "0006_taking")]

    operations = [migrations.RunSQL(FORGET, migrations.RunSQL.noop)]
