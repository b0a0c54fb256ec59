"""The tables of quality."""

from runtime.settings import Settings
from tests.tables import disagreements

TABLES = {"audits", "audit_checklist_items", "findings", "corrective_actions", "reminders_sent"}
TOUCHED = {"notifications", "notification_preferences", "organizations"}


async def test_models_and_migrations_agree(settings: Settings) -> None:
    assert await disagreements(settings, TABLES | TOUCHED) == []
