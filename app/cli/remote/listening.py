"""Listening to events while you develop a receiver: they come from the feed, so no public address is needed."""

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import httpx

from app.adapters.webhooks.signatures import sign
from app.cli.output import make_printable, say
from app.cli.remote.client import Client
from app.cli.remote.events import follow_events
from app.domain.webhooks import make_secret, matches

_SECONDS = 10.0


def listen(client: Client, forward: str | None, patterns: Sequence[str]) -> None:
    """Print the events that match one of the patterns, and forward each if a URL is given.

    What is forwarded is signed as a delivery is, with a secret of this run.
    """
    secret = make_secret()
    if forward:
        say(f"Forwarding to {forward}. The secret of this run: {secret}")
    else:
        say("Listening. Ctrl-C ends it.")
    with httpx.Client(timeout=_SECONDS, trust_env=False, follow_redirects=False) as receiver:
        for event in follow_events(client, {}):
            if any(matches(pattern, event["type"]) for pattern in patterns):
                answer = f"  → {_forward(receiver, forward, event, secret)}" if forward else ""
                _print(event, answer)


def _forward(receiver: httpx.Client, url: str, event: Any, secret: str) -> str:
    """Send an event; returns the status of the answer, or why there is none."""
    body = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    headers = {"content-type": "application/json", **sign(event["id"], body, [secret], datetime.now(UTC))}
    try:
        return str(receiver.post(url, content=body.encode(), headers=headers).status_code)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return str(error) or type(error).__name__


def _print(event: Any, answer: str) -> None:
    data = json.dumps(event["data"], ensure_ascii=False)
    line = f"{event['position']}  {event['timestamp']}  {event['type']}  {data}{answer}"
    sys.stdout.write(make_printable(line) + "\n")
    sys.stdout.flush()
