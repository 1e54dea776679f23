import pytest

from app.adapters.redis.url import celery_redis_url, redis_client_url


@pytest.mark.parametrize(
    ("query", "settled"),
    [
        ("", "?ssl_cert_reqs=required"),
        ("?ssl_cert_reqs=CERT_NONE", "?ssl_cert_reqs=none"),
        ("?ssl_ca_certs=/etc/ca.pem", "?ssl_ca_certs=/etc/ca.pem&ssl_cert_reqs=required"),
    ],
)
def test_over_tls_the_certificate_is_checked_unless_the_address_says_otherwise(query: str, settled: str) -> None:
    for translate in (celery_redis_url, redis_client_url):
        assert translate(f"rediss://:secret@host:6380/1{query}") == f"rediss://:secret@host:6380/1{settled}"
