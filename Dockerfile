# One image for every part: the command says which. See docker-compose.yml.
FROM python:3.13-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /srv/sluice

# The packages come first, so that a change of code does not fetch them again.
COPY requirements.lock ./
RUN pip install --no-cache-dir --disable-pip-version-check --no-deps --require-hashes -r requirements.lock

COPY LICENSE main.py start_celery_worker.sh ./
COPY migrations migrations
COPY app app

RUN useradd --system --no-create-home sluice && install -d -o sluice -g sluice /data
USER sluice

ENV HOST=0.0.0.0 PORT=8000 DATA_DIR=/data LOG_FORMAT=json
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/livez', timeout=4)"]
CMD ["python", "main.py", "api"]
