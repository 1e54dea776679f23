"""The report of a run, as a table."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.chaos.audit import Fault, Finding
from tests.chaos.plan import Kind, Options

_FINDINGS_SHOWN = 25  # of each kind of fault


@dataclass(frozen=True, slots=True)
class Report:
    """The figures of a run. Times are in seconds; ``crashes`` counts attempts whose process died."""

    options: Options
    tasks: int
    accepted: int
    cancelled: int
    doubtful: int
    kills: Counter[Kind]
    missed: Sequence[Kind]
    frozen: int
    crashes: int
    orphans: int
    longest_pause: float
    seconds: float
    findings: Sequence[Finding]

    @property
    def is_clean(self) -> bool:
        """Whether every promise was kept."""
        return not self.findings

    def list_rows(self) -> list[tuple[str, str]]:
        """The table: a name and a figure each."""
        faults = Counter(finding.fault for finding in self.findings)
        struck = [(f"  {kind}", str(self.kills[kind])) for kind in Kind if self.kills[kind]]
        return [
            ("tasks", str(self.tasks)),
            ("uploads accepted", str(self.accepted)),
            ("uploads whose answer was lost", str(self.doubtful)),
            ("ended cancelled", str(self.cancelled)),
            ("kills", f"{self.kills.total()} of {self.options.kills}"),
            *struck,
            ("kills without a victim", str(len(self.missed))),
            ("tasks in hand of a frozen host", str(self.frozen)),
            ("recovered (crashes counted)", str(self.crashes)),
            *((str(fault), str(faults[fault])) for fault in Fault),
            ("files without a document", str(self.orphans)),
            ("longest pause, s", f"{self.longest_pause:.1f}"),
            ("seconds", f"{self.seconds:.0f}"),
        ]

    def __str__(self) -> str:
        rows = self.list_rows()
        width = max(len(name) for name, _ in rows) + 2
        return "\n".join([*(f"{name:<{width}}{figure:>12}" for name, figure in rows), *self._list_findings()])

    def _list_findings(self) -> Iterator[str]:
        for fault in Fault:
            found = [finding for finding in self.findings if finding.fault is fault]
            yield from (f"{fault}: {finding.subject}: {finding.detail}" for finding in found[:_FINDINGS_SHOWN])
            if len(found) > _FINDINGS_SHOWN:
                yield f"{fault}: {len(found) - _FINDINGS_SHOWN} more"
