"""What is only looked at in the admin."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from moderation.admin.lists import PlainList


class LookedAt(PlainList):
    """Nothing is added, changed or deleted here, whatever permissions somebody has."""

    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
