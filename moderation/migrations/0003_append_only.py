from typing import Any

from django.db import migrations

# TRUNCATE is left: it empties the log as a whole, and `verify_audit` sees that.
MAKE = """
CREATE FUNCTION moderation_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is only added to' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER moderation_append_only BEFORE UPDATE OR DELETE ON moderation_auditentry
    FOR EACH ROW EXECUTE FUNCTION moderation_append_only();
"""
DROP = """
DROP TRIGGER moderation_append_only ON moderation_auditentry;
DROP FUNCTION moderation_append_only();
"""


def run(sql: str) -> Any:
    """On PostgreSQL; SQLite is for trying things out."""

    def operation(apps: Any, editor: Any) -> None:
        if editor.connection.vendor == "postgresql":
            editor.execute(sql)

    return operation


class Migration(migrations.Migration):

    dependencies = [("moderation", "0002_groups")]

    operations = [migrations.RunPython(run(MAKE), run(DROP))]
