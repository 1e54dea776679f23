import time
import uuid
from itertools import count

import pytest

from app.domain.ids import keep_above, uuid7


def test_ids_are_uuids_of_version_7() -> None:
    for _ in range(1000):
        made = uuid7()
        assert (made.version, made.variant) == (7, uuid.RFC_4122)


def test_an_id_begins_with_the_millisecond_it_was_made_in() -> None:
    before = time.time_ns() // 1_000_000
    made = uuid7()
    assert before <= made.int >> 80 <= time.time_ns() // 1_000_000


def test_ids_of_later_milliseconds_sort_later(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = count(time.time_ns(), 1_000_000)
    monkeypatch.setattr(time, "time_ns", lambda: next(clock))
    made = [uuid7() for _ in range(1000)]
    assert made == sorted(made)
    assert [str(one) for one in made] == sorted(str(one) for one in made)


def test_ids_of_one_millisecond_differ() -> None:
    assert len({uuid7() for _ in range(10_000)}) == 10_000


def set_clock(monkeypatch: pytest.MonkeyPatch, hours: float) -> None:
    """Set the clock of this process to ``hours`` from now."""
    then = time.time_ns() + int(hours * 3_600_000_000_000)
    monkeypatch.setattr(time, "time_ns", lambda: then)


def test_ids_of_one_process_sort_in_the_order_in_which_they_were_made() -> None:
    made = [uuid7() for _ in range(10_000)]
    assert made == sorted(made)


def test_an_id_made_after_the_clock_was_set_back_sorts_after_those_made_before(monkeypatch: pytest.MonkeyPatch) -> None:
    before = uuid7()
    set_clock(monkeypatch, -1)
    later = [uuid7() for _ in range(100)]
    assert [before, *later] == sorted([before, *later])


def test_an_id_sorts_after_those_that_another_machine_made_with_a_clock_ahead() -> None:
    theirs = uuid.UUID(int=(uuid7().int >> 80) + 5_000 << 80 | 0x7FFF << 64 | 0x2 << 62 | (1 << 62) - 1)
    assert theirs > uuid7()
    keep_above(theirs)
    assert theirs < uuid7()


@pytest.mark.parametrize("known", [uuid.UUID(int=2**128 - 1), uuid.uuid4(), uuid.UUID(int=2**128 - 1 & ~(0x8 << 76))])
def test_ids_of_other_kinds_do_not_move_the_clock(known: uuid.UUID) -> None:
    keep_above(known)
    assert uuid7().int >> 80 < (time.time_ns() // 1_000_000) + 3_600_000
