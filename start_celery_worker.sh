#!/usr/bin/env bash
# Starts one Celery worker a queue (high, medium, low, default), or those named as arguments.
#
# Slots:   WORKER_CONCURRENCY_HIGH=4 _MEDIUM=8 _LOW=16 _DEFAULT=2
# Servers: DATABASE_URL, REDIS_URL (or CELERY_BROKER_URL); unset: those of a running `make up` in DATA_DIR
#
# Checks first that the broker answers. TERM is a warm shutdown: running tasks finish.
# Exits with 1 as soon as a worker dies, so that whoever runs this can start it again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

python=.venv/bin/python
[ -x "$python" ] || python=python3

# exec: signals reach the workers' parent itself, with no shell in between.
exec "$python" main.py worker "$@"
