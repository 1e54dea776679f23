"""Onboarding: many agents at once, from a list."""
