"""Webhooks as the Standard Webhooks specification describes them: the port ``WebhookSender``."""
