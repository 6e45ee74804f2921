"""What the admin's own forms change is in the audit log, too: which fields, not what is in them."""

import json
from typing import Any

from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest

from moderation.admin.acting import person_of
from moderation.audit import record


class Audited(admin.ModelAdmin):
    """To be mixed in. Actions are called "user.changed" after the model."""

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        with transaction.atomic():
            record(person_of(request), f"{self.opts.model_name}.added", obj)
            return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        said = json.loads(message) if isinstance(message, str) else message
        fields = [name for part in said for name in part.get("changed", {}).get("fields", ())]
        with transaction.atomic():
            if fields:
                record(person_of(request), f"{self.opts.model_name}.changed", obj, fields=fields)
            return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        with transaction.atomic():
            for obj in queryset:
                record(person_of(request), f"{self.opts.model_name}.deleted", obj)
            return super().log_deletions(request, queryset)
