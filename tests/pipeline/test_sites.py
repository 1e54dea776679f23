"""Hosts of one site."""

import pytest

from app.pipeline.profiles.addresses import is_same_site


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("example.com", "example.com", True),
        ("shop.example.com", "example.com", True),
        ("example.com", "mail.example.com", True),
        ("notexample.com", "example.com", False),
        ("example.com", "notexample.com", False),
        ("example.org", "example.com", False),
    ],
)
def test_hosts_are_of_one_site_if_one_is_within_the_domain_of_the_other(one: str, other: str, *, same: bool) -> None:
    assert is_same_site(one, other) is same
