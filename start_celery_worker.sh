#!/usr/bin/env bash
# Starts one Celery worker for each queue (high, medium, low, default), or for the queues named as arguments.
#
# Slots:   WORKER_CONCURRENCY_HIGH=4 _MEDIUM=8 _LOW=16 _DEFAULT=2
# Servers: DATABASE_URL, REDIS_URL (or CELERY_BROKER_URL). If unset: the servers that `make up` runs on DATA_DIR.
#
# Checks first that the broker answers. On SIGTERM it shuts down warmly: running tasks finish.
# Exits with 1 as soon as a worker dies, so that a process manager can start it again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

python=.venv/bin/python
[ -x "$python" ] || python=python3

# exec replaces the shell, so that signals reach the parent of the workers.
exec "$python" main.py worker "$@"
