"""The HTTP API: checks the input, calls one service, shapes the answer."""
