"""Words of the states that no other life uses otherwise."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('coupons', '0002_guards'),
    ]

    operations = [
        migrations.AlterField(
            model_name='coupon',
            name='state',
            field=models.CharField(choices=[('draft', 'draft'), ('open', 'given out'), ('paused', 'paused'), ('closed', 'not given out any more')], default='draft', max_length=8, verbose_name='state'),
        ),
    ]
