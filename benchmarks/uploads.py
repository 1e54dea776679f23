"""Latency and rate of uploads of 100 KB: from the first byte sent to the 202, on one API process of each system.

No worker runs, so that only the upload is measured: the tasks wait. The rounds of the systems alternate.
"""

from contextlib import ExitStack

from benchmarks.harness.client import Load
from benchmarks.harness.stack import run_servers
from benchmarks.peers.systems import BARE, HONEST, ROUNDS, count_rounds, run_bare, run_honest, run_ours
from benchmarks.report.figures import Bound, Figure, compare, percentile

_WARM_UP, _ALONE, _TOGETHER, _CLIENTS = 50, 60, 320, 16


def measure(rounds: int = ROUNDS) -> list[Figure]:
    """Measure each system with one client, then with sixteen."""
    with ExitStack() as stack:
        settings = stack.enter_context(run_servers())
        systems = [
            stack.enter_context(run_ours(settings, worker=False)),
            stack.enter_context(run_honest(settings, worker=False)),
            stack.enter_context(run_bare(settings)),
        ]
        paths = {system.name: system.choose_path() for system in systems}
        alone, together = ({system.name: list[Load]() for system in systems} for _ in range(2))
        for system in systems:
            Load().apply(system.port, paths[system.name], clients=2, requests=_WARM_UP)
        for _ in count_rounds(rounds):
            for system in systems:
                for loads, clients, requests in ((alone, 1, _ALONE), (together, _CLIENTS, _TOGETHER)):
                    load = Load()
                    load.apply(system.port, paths[system.name], clients=clients, requests=requests)
                    loads[system.name].append(load)
    p50 = {name: [load.percentile(0.5) for load in loads] for name, loads in alone.items()}
    p99 = {name: [percentile([ms for load in loads for ms in load.latencies], 0.99)] for name, loads in alone.items()}
    rate = {name: [load.rate for load in loads] for name, loads in together.items()}
    return [
        *compare("upload of 100 KB, one client: p50", "ms", p50, {HONEST: Bound(0.8), BARE: Bound(1.5)}),
        *compare("upload of 100 KB, one client: p99", "ms", p99, {}),
        *compare(
            f"upload of 100 KB, {_CLIENTS} clients",
            "/s",
            rate,
            {HONEST: Bound(at_least=1.3), BARE: Bound(at_least=0.8)},
        ),
    ]
