"""The uploads of a run, drawn from one seed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random

from tests.fuzz import bytes_mutations, markup_mutations, pdf_mutations, zip_mutations
from tests.fuzz.case import Case
from tests.fuzz.hostile import list_tricks
from tests.fuzz.seeds import make_seeds

_MAIN = ("pdf", "docx", "zip", "html")
_MAIN_SHARE = 0.65
_HOSTILE_SHARE = 0.5  # of a run that is too short for all handmade files
_PLAIN_MUTATIONS = 0.4
_ZIPPED = {"docx", "xlsx", "xlsb", "pptx", "epub", "odt", "ods", "odp", "zip"}


@dataclass(frozen=True)
class Options:
    """The options of a run.

    ``form`` restricts the files to one format, by file extension. ``time_limit`` is the limit of one parse,
    ``patience`` the longest time without a finished task, both in seconds; ``most_bytes`` is the size of the largest
    file.
    """

    files: int = 2000
    seed: int = 1
    time_limit: float = 10.0
    patience: float = 90.0
    most_bytes: int = 1_500_000
    folder: Path | None = None
    form: str | None = None


def list_cases(options: Options, corpus: Path | None) -> list[Case]:
    """The files of a run: the handmade ones, then mutations of good ones."""
    tricks = [trick for trick in list_tricks() if options.form in {None, trick.form}]
    most = round(options.files * _HOSTILE_SHARE)
    if len(tricks) > most:
        _draw(options, "hostile").shuffle(tricks)
    made = (case for trick in tricks if len((case := trick.make()).data) <= options.most_bytes)
    hostile = list(islice(made, most))
    seeds = make_seeds(corpus)
    mutants = (
        _mutate(_draw(options, f"file {number}"), seeds, options) for number in range(len(hostile), options.files)
    )
    return [*hostile, *mutants]


def _draw(options: Options, purpose: str) -> Random:
    return Random(f"{options.seed} {purpose}")  # noqa: S311 - repeatable, not secret


def _mutate(random: Random, seeds: Mapping[str, Sequence[bytes]], options: Options) -> Case:
    others = sorted(seeds.keys() - set(_MAIN))
    form = options.form or random.choice(_MAIN if random.random() < _MAIN_SHARE else others)
    data, ways = random.choice(seeds[form]), list[str]()
    if random.random() > _PLAIN_MUTATIONS:
        data, way = _mutate_by_form(random, form, data)
        ways.append(way)
    for mutation in _choose_plain(random, at_least=0 if ways else 1):
        data = mutation(random, data)
        ways.append(mutation.__name__)
    return Case(form, " ".join(ways), data[: options.most_bytes])


def _mutate_by_form(random: Random, form: str, data: bytes) -> tuple[bytes, str]:
    """A mutation for the file's format."""
    if form == "pdf":
        return pdf_mutations.mutate(random, data)
    if form in _ZIPPED:
        return zip_mutations.mutate(random, data)
    return markup_mutations.mutate(random, data)


def _choose_plain(random: Random, *, at_least: int) -> Iterator[bytes_mutations.Mutation]:
    for _ in range(random.choice((at_least, at_least, at_least + 1, at_least + 2))):
        yield random.choice(bytes_mutations.MUTATIONS)
