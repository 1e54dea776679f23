"""Commands that use the HTTP API, on this machine or another."""
