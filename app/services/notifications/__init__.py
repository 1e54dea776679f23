"""Events for people and programs outside: the feeds of organizations, webhooks and callbacks."""
