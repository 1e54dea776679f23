"""The prices that the settings name."""

import json
import tomllib
from decimal import Decimal
from pathlib import Path

from app.domain.errors import StartupError
from app.domain.prices import NO_PRICES, InvalidPricesError, PriceList, parse_prices
from app.settings import Settings


def choose_prices(settings: Settings) -> PriceList:
    """The prices of this installation; none without ``PRICES_FILE``.

    Raises:
        StartupError: the file cannot be read, or is not valid. One line names the mistake.
    """
    return read_prices(settings.prices_file) if settings.prices_file else NO_PRICES


def read_prices(file: Path) -> PriceList:
    """Read a file with prices: JSON if its name ends with ``.json``, otherwise TOML.

    Raises:
        StartupError: it cannot be read, or is not valid. One line names the mistake.
    """
    try:
        text = file.read_text(encoding="utf-8")
        # Not as floats, which cannot hold a price such as 0.01 exactly.
        if file.suffix == ".json":
            return parse_prices(json.loads(text, parse_float=Decimal))
        return parse_prices(tomllib.loads(text, parse_float=Decimal))
    except OSError as error:
        raise StartupError(f"PRICES_FILE: {file} cannot be read ({error.strerror}).") from None
    except InvalidPricesError as error:
        raise StartupError(f"PRICES_FILE: {file}: {error}") from None
    except (ValueError, RecursionError) as error:  # neither JSON nor TOML nor UTF-8
        raise StartupError(f"PRICES_FILE: {file}: {' '.join(str(error).split())}") from None
