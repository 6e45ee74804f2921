"""
What was stored before goes through the same life. In steps, so that nobody waits for all of them: a
message without this is merely said to be delivered.
"""

from django.db import migrations
from django.db.models import Max

STEP = 10_000
STATUS = """
UPDATE messaging_message SET status = CASE
  WHEN deleted_at IS NOT NULL THEN 'deleted'
  WHEN edited_at IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM messaging_receipt r
    WHERE r.message_id = messaging_message.id AND r.read_at > edited_at) THEN 'edited'
  ELSE 'read' END
WHERE id >= %s AND id < %s
  AND (deleted_at IS NOT NULL OR edited_at IS NOT NULL OR first_read_at IS NOT NULL)
"""


def fill(apps, schema_editor):
    last = apps.get_model("messaging", "Message").objects.aggregate(last=Max("id"))["last"] or 0
    for start in range(0, last + 1, STEP):
        schema_editor.execute(STATUS, [start, start + STEP])


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("messaging", "0003_names")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
