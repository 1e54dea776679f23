"""The signatures of webhooks, for programs that send one themselves, such as the command line."""

from app.adapters.webhooks.sender import sign as sign_webhook

__all__ = ["sign_webhook"]
