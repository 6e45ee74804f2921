"""What moderators work in: cases, appeals, rules, and what was done with powers."""

from moderation.admin import appeals, audit, cases, openings, rules

__all__ = ["appeals", "audit", "cases", "openings", "rules"]
