"""Starts servers and programs, submits work, and counts processor time and statements."""
