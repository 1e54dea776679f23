"""The queries of organizations, API keys and agents, and of the answers stored for repeated requests."""
