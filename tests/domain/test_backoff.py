from statistics import fmean

from hypothesis import given
from hypothesis import strategies as st

from app.domain.backoff import choose_delay

SECONDS = st.floats(0.01, 1000)


@given(retries=st.integers(0, 200), base=SECONDS, cap=SECONDS)
def test_a_delay_lies_between_nothing_and_the_doubled_base_under_the_cap(retries: int, base: float, cap: float) -> None:
    assert 0 <= choose_delay(retries, base=base, cap=cap) <= min(cap, base * 2**retries)


@given(retries=st.integers(0, 200), base=SECONDS, cap=SECONDS, retry_after=st.floats(0, 10_000))
def test_a_provider_is_never_asked_before_the_time_it_named(
    retries: int, base: float, cap: float, retry_after: float
) -> None:
    delay = choose_delay(retries, base=base, cap=cap, retry_after=retry_after)
    assert retry_after <= delay <= retry_after + min(cap, base * 2**retries)


def test_delays_are_spread_over_the_whole_range() -> None:
    delays = [choose_delay(3, base=1, cap=100) for _ in range(2000)]
    assert min(delays) < 1
    assert max(delays) > 7
    assert 3.5 < fmean(delays) < 4.5
