"""The report of a run, as a table."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.fuzz.audit import Finding

_SHOWN = 25  # findings of each kind


@dataclass(frozen=True, slots=True)
class Report:
    """The figures of a run. ``outcomes`` counts files by outcome and format; times are in seconds."""

    files: int
    entries: int
    deaths: int
    outcomes: Mapping[tuple[str, str], int]
    slowest_answer: float
    slowest_file: tuple[float, str]
    largest_growth: int
    seconds: float
    findings: Sequence[Finding]

    @property
    def is_clean(self) -> bool:
        """Whether no hostile file affected another."""
        return not self.findings

    def __str__(self) -> str:
        return "\n".join([*self._list_outcomes(), "", *self._list_figures(), *self._list_findings()])

    def _list_outcomes(self) -> list[str]:
        forms = sorted({form for _, form in self.outcomes})
        codes = Counter[str]()
        for (code, _), count in self.outcomes.items():
            codes[code] += count
        width = max(map(len, codes), default=0) + 2
        head = f"{'outcome':<{width}}" + "".join(f"{form:>8}" for form in [*forms, "all"])
        rows = [
            f"{code:<{width}}"
            + "".join(f"{self.outcomes.get((code, form), 0) or '':>8}" for form in forms)
            + f"{total:>8}"
            for code, total in codes.most_common()
        ]
        return [head, *rows]

    def _list_figures(self) -> list[str]:
        kinds = Counter(finding.kind for finding in self.findings)
        rows = [
            ("files", str(self.files)),
            ("archive entries", str(self.entries)),
            ("worker deaths", str(self.deaths)),
            *((kind, str(count)) for kind, count in kinds.items() if kind != "worker death"),
            ("slowest answer of the API, s", f"{self.slowest_answer:.2f}"),
            ("slowest file, s", f"{self.slowest_file[0]:.1f}  {self.slowest_file[1]}"),
            ("largest growth of a process, MB", str(self.largest_growth)),
            ("seconds", f"{self.seconds:.0f}"),
        ]
        return [f"{name:<34}{figure}" for name, figure in rows]

    def _list_findings(self) -> list[str]:
        shown = list[str]()
        for kind in dict.fromkeys(finding.kind for finding in self.findings):
            found = [finding.detail for finding in self.findings if finding.kind == kind]
            shown += [f"{kind}: {detail}" for detail in found[:_SHOWN]]
            if len(found) > _SHOWN:
                shown.append(f"{kind}: {len(found) - _SHOWN} more")
        return shown
