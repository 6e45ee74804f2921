from django.conf import settings
from django.db import migrations

from moderation.staff import drop_groups, make_groups


class Migration(migrations.Migration):

    dependencies = [
        ("moderation", "0001_initial"),
        ("accounts", "0004_blocks_and_bans"),
        ("chats", "0003_mutes"),
        ("messaging", "0004_fill_status"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunPython(
            lambda apps, editor: make_groups(apps), lambda apps, editor: drop_groups(apps)
        ),
    ]
