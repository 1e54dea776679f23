"""Commands for the file with prices."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.output import AsJson, CommandError, print_json, print_table

program = typer.Typer(no_args_is_help=True, add_completion=False)


@program.callback()
def _prices() -> None:
    """Check the file with prices."""


@program.command("check")
def check(
    file: Annotated[Path | None, typer.Argument(help="A file in TOML or JSON. Default: PRICES_FILE.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check a file with prices, and print what it says. A mistake is named by its place."""
    from app.bootstrap.prices import read_prices  # noqa: PLC0415 - imported when the command runs
    from app.domain.prices import describe_prices  # noqa: PLC0415
    from app.settings import load_settings  # noqa: PLC0415

    if (chosen := file or load_settings().prices_file) is None:
        raise CommandError("Name a file, or set PRICES_FILE.")
    prices = read_prices(chosen)
    if as_json:
        print_json(describe_prices(prices))
        return
    rows = [
        [
            version.valid_from,
            price.quantity,
            price.kind or "",
            price.model or "",
            price.per,
            tier.up_to or "",
            tier.price,
        ]
        for version in prices.versions
        for price in version.prices
        for tier in price.tiers
    ]
    print_table(["valid from", "quantity", "kind", "model", "per", "up to", f"price ({prices.currency})"], rows)
