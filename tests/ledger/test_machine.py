import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.ledger.bench import Bench
from tests.ledger.continuing import ContinuingMachine

EXAMPLES = settings(
    max_examples=50,
    stateful_step_count=60,
    deadline=None,
    database=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.timeout(420)  # a failure is worth up to five minutes of shrinking
def test_whatever_happens_in_whatever_order_no_task_is_lost_doubled_or_stuck(bench: Bench) -> None:
    run_state_machine_as_test(lambda: ContinuingMachine(bench), settings=EXAMPLES)  # type: ignore[arg-type]
