"""The address of a repository's archive, from the address of the repository on a forge."""

import re
from dataclasses import dataclass, replace

from app.domain.addresses import AllowedHosts
from app.domain.errors import UnknownRepositoryError, UrlNotAllowedError
from app.domain.web import check_host
from app.domain.web_url import WebUrl

_ARCHIVE = re.compile(
    r"\.(?:zip|tar|tgz|tar\.gz|tar\.bz2|tar\.xz|tbz2?|txz)$|/(?:archive|zipball|tarball|-/archive|get)/", re.IGNORECASE
)
_HINT = "Give the URL of a ZIP or tar archive, or of a repository on GitHub, GitLab, Bitbucket, Codeberg or SourceHut."
_NAME = r"[\w.~-]+"
_GITHUB = re.compile(rf"/({_NAME})/({_NAME}?)(?:\.git)?(?:/tree/(.+?))?/?")
_GITLAB = re.compile(rf"((?:/{_NAME})+)/({_NAME}?)(?:\.git)?(?:/-/tree/(.+?))?/?")
_GITEA = re.compile(rf"/({_NAME})/({_NAME}?)(?:\.git)?(?:/src/(?:branch|tag|commit)/(.+?))?/?")
_ARCHIVE_SUFFIX = re.compile(r"\.(?:zip|tar|tgz|tar\.gz|tar\.bz2|tar\.xz|tbz2?|txz)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RepositoryArchive:
    """Where the archive of a repository is read from, and the repository's name."""

    url: str
    name: str


def find_archive(url: str, allowed: AllowedHosts) -> RepositoryArchive:
    """The archive that an address refers to: itself, or that of a repository on a known forge.

    Args:
        url: An HTTPS URL. HTTP is accepted only for hosts that the operator allows.
        allowed: Hosts that may be read although they are not public.

    Raises:
        InvalidUrlError, UrlNotAllowedError
        UnknownRepositoryError: when it is neither an archive nor a repository on a known forge.
    """
    parsed = WebUrl.parse(url)
    check_host(parsed, allowed)
    if parsed.scheme != "https" and not _is_listed(parsed, allowed):
        raise UrlNotAllowedError("Use https.")
    if _ARCHIVE.search(parsed.path):
        return RepositoryArchive(str(parsed), _name_archive(parsed.path))
    found = _find_on_forge(parsed)
    if found is None:
        raise UnknownRepositoryError(_HINT, field="body.url")
    path, name = found
    return RepositoryArchive(str(replace(parsed, path=path, query="")), name)


def _is_listed(url: WebUrl, allowed: AllowedHosts) -> bool:
    """Whether the operator allows the host by its name, or the address that it is."""
    is_address = url.address is not None and allowed.allows_address(url.address, url.port)
    return is_address or allowed.allows_name(url.host, url.port)


def _find_on_forge(url: WebUrl) -> tuple[str, str] | None:
    """The path of the archive, and the repository's name."""
    if url.host in {"github.com", "www.github.com"} and (found := _GITHUB.fullmatch(url.path)):
        owner, name, ref = found.groups()
        return f"/{owner}/{name}/archive/{ref or 'HEAD'}.zip", name
    if (url.host == "gitlab.com" or url.host.startswith("gitlab.")) and (found := _GITLAB.fullmatch(url.path)):
        group, name, ref = found.groups()
        ref = ref or "HEAD"
        return f"{group}/{name}/-/archive/{ref}/{name}-{ref.replace('/', '-')}.zip", name
    if url.host == "bitbucket.org" and (found := re.fullmatch(rf"/({_NAME})/({_NAME}?)(?:\.git)?/?", url.path)):
        return f"/{found[1]}/{found[2]}/get/HEAD.zip", found[2]
    if url.host == "codeberg.org" and (found := _GITEA.fullmatch(url.path)):
        owner, name, ref = found.groups()
        return f"/{owner}/{name}/archive/{ref or 'HEAD'}.zip", name
    if url.host == "git.sr.ht" and (found := re.fullmatch(rf"/(~{_NAME})/({_NAME}?)/?", url.path)):
        return f"/{found[1]}/{found[2]}/archive/HEAD.tar.gz", found[2]
    return None


def _name_archive(path: str) -> str:
    """The repository's name: the part before ``archive`` in the paths of forges, else the name of the file."""
    parts = [part for part in path.split("/") if part]
    marks = [number for number, part in enumerate(parts) if part in {"archive", "zipball", "tarball", "get", "-"}]
    if marks and marks[0] > 0:
        return parts[marks[0] - 1].removesuffix(".git")
    return strip_archive_suffix(parts[-1])


def strip_archive_suffix(filename: str) -> str:
    """The name of an archive without its ending, which names the repository."""
    return _ARCHIVE_SUFFIX.sub("", filename) or filename
