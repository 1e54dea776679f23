"""The queries of webhooks, their secrets and their deliveries."""
