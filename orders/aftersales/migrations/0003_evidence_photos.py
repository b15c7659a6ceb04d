import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('aftersales', '0002_guards'),
        ('media', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='aftersale',
            name='basis',
            field=models.JSONField(blank=True, default=dict, verbose_name='how the amount came about'),
        ),
        migrations.CreateModel(
            name='EvidencePhoto',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveSmallIntegerField(verbose_name='position')),
                ('evidence', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='photos', to='aftersales.evidence')),
                ('picture', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='evidence_photo', to='media.picture', verbose_name='picture')),
            ],
            options={
                'verbose_name': 'photo of a case',
                'verbose_name_plural': 'photos of cases',
                'ordering': ['evidence', 'position'],
                'constraints': [models.UniqueConstraint(fields=('evidence', 'position'), name='evidence_photo_place_once'), models.CheckConstraint(condition=models.Q(('position__lt', 6)), name='evidence_six_photos')],
            },
        ),
    ]
