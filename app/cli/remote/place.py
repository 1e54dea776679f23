"""The installation that a command uses: its address, an API key, and how both were found."""

import os
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from app.cli.output import CommandError
from app.cli.running import make_url, read_running

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


@dataclass(frozen=True, slots=True)
class Place:
    """An installation. ``hint`` says what to do if it does not answer."""

    url: str
    key: str | None = field(repr=False)
    hint: str

    @property
    def is_local(self) -> bool:
        """Whether the address is this machine's own, which no proxy reaches."""
        return urlsplit(self.url).hostname in _LOOPBACK


def find_place(url: str | None, key: str | None) -> Place:
    """Find the installation: options, then the environment, then the running ``up``, then the settings.

    A key of this machine is sent only to the address that it belongs to.

    Raises:
        CommandError: the address is not an HTTP URL, or the key cannot be sent.
    """
    url, key = url or os.environ.get("SLUICE_URL"), key or os.environ.get("SLUICE_API_KEY")
    if url:
        url = _check_url(url)
    if key and not (key.isascii() and key.isprintable()):
        raise CommandError("--key or SLUICE_API_KEY: an API key consists of visible ASCII characters.", 2)
    if url and key:
        return Place(url, key, "Check --url or SLUICE_URL.")
    from app.settings import load_settings, reveal  # noqa: PLC0415 - pydantic, which help does not need

    settings = load_settings()
    configured = make_url(settings.host, settings.port)
    keys = {configured: reveal(settings.bootstrap_api_key)}
    running = read_running(settings.data_dir)
    if running:
        keys[running.url] = running.key
    if url:
        return Place(url, key or keys.get(url), "Check --url or SLUICE_URL.")
    url = running.url if running else configured
    hint = "Look at the output of `make up`."
    if not running:
        hint = f"No `make up` runs on the data folder {settings.data_dir}. Start it, or name another Sluice with --url."
    return Place(url, key or keys[url], hint)


def _check_url(url: str) -> str:
    """Check an address, and remove the slashes at its end and the path of the API.

    Raises:
        CommandError: it is not an HTTP URL.
    """
    try:
        parts = urlsplit(url)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # such as a port that is no number
        valid = False
    if not valid or " " in url:
        raise CommandError(f"--url or SLUICE_URL: {url!r} must be http:// or https:// followed by a host.", 2)
    return url.rstrip("/").removesuffix("/api/v1")
