"""The Redis of the benchmark, which listens on a Unix socket, in the notations of other libraries."""

import os
from urllib.parse import urlsplit

from app.adapters.redis.url import redis_client_url

REDIS_URL = redis_client_url(os.environ.get("REDIS_URL") or "redis://localhost")
REDIS_PATH = urlsplit(REDIS_URL).path
