"""The address of a repository's archive, from the address of a page of the repository on a Git host."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from app.domain.addresses import AllowedHosts
from app.domain.errors import UnknownRepositoryError, UrlNotAllowedError
from app.domain.web import check_host
from app.domain.web_url import WebUrl

_SUFFIX = r"\.(?:zip|7z|tar|tgz|tar\.gz|tar\.bz2|tar\.xz|tbz2?|txz)$"
_ARCHIVE = re.compile(rf"{_SUFFIX}|/(?:archive|zipball|tarball|get)(?:/|$)", re.IGNORECASE)
_ARCHIVE_SUFFIX = re.compile(_SUFFIX, re.IGNORECASE)
_HINT = (
    "Give the URL of a ZIP or tar archive, or of a repository, branch or tag on GitHub, GitLab, Bitbucket, Codeberg, "
    "Gitea or SourceHut."
)
# As Git takes them: ``git@host:owner/name.git``, ``ssh://git@host/owner/name.git``, ``git://host/owner/name``.
_SSH = re.compile(
    r"(?:(?:ssh|git|git\+ssh|git\+https?|svn)://(?:[^\s/@]*@)?([\w.-]+)(?::\d+)?/+"
    r"|(?:[^\s/:@]+@)?([\w-]+(?:\.[\w-]+)+):(?!//|\d+(?:/|$))/*)(\S+)",
    re.IGNORECASE,
)
_LONGEST_SHOWN = 200
_LONGEST_REF = 5
"""The number of parts of a branch's name whose page may be that of a folder: each shorter name costs a request."""

_NAME = r"(?!-(?:/|$))[\w.~-]+"
_REPOSITORY = rf"(?P<owner>/{_NAME})/(?P<name>{_NAME}?)(?:\.git)?"
_REF = r"(?P<ref>.+?)"


@dataclass(frozen=True, slots=True)
class RepositoryArchive:
    """Where the archive of a repository is read from, and the repository's name.

    ``shorter_urls`` are those of the branches with shorter names, for a path whose end may be a folder in the branch.
    """

    url: str
    name: str
    shorter_urls: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class _Host:
    """The pages of a Git host, and where it has the archive of a branch, a tag or a commit (``ref``).

    ``page`` matches ``owner`` (with a slash before it), ``name`` and, if the page is of one, ``ref``.
    """

    serves: Callable[[str], bool]
    page: re.Pattern[str]
    archive: str


def _is_gitea(host: str) -> bool:
    return host in {"codeberg.org", "gitea.com"} or host.startswith(("gitea.", "forgejo."))


_HOSTS: Sequence[_Host] = (
    _Host(
        lambda host: host in {"github.com", "www.github.com"},
        re.compile(rf"{_REPOSITORY}(?:/(?:tree|commit|releases/tag)/{_REF})?/*"),
        "{owner}/{name}/archive/{ref}.zip",
    ),
    _Host(
        lambda host: host == "gitlab.com" or host.startswith("gitlab."),
        # Groups within groups; the first match is the one whose rest is a page of a branch, a tag or a commit.
        re.compile(
            rf"(?P<owner>(?:/{_NAME})+?)/(?P<name>{_NAME}?)(?:\.git)?(?:/(?:-/)?(?:tree|tags|commits?)/{_REF})?/*"
        ),
        "{owner}/{name}/-/archive/{ref}/{name}-{flat_ref}.zip",
    ),
    _Host(
        lambda host: host == "bitbucket.org",
        re.compile(rf"{_REPOSITORY}(?:/(?:src|branch|commits/tag|commits)/{_REF})?(?:/src)?/*"),
        "{owner}/{name}/get/{ref}.zip",
    ),
    _Host(
        _is_gitea,
        re.compile(rf"{_REPOSITORY}(?:/(?:(?:src|commits)/(?:branch|tag|commit)|commit|releases/tag)/{_REF})?/*"),
        "{owner}/{name}/archive/{ref}.zip",
    ),
    _Host(
        lambda host: host == "git.sr.ht",
        re.compile(rf"(?P<owner>/~{_NAME})/(?P<name>{_NAME}?)(?:/(?:tree|refs|commit)/{_REF})?/*"),
        "{owner}/{name}/archive/{ref}.tar.gz",
    ),
)


def find_archive(url: str, allowed: AllowedHosts) -> RepositoryArchive:
    """The archive that an address refers to: itself, or that of a repository on a Git host.

    Args:
        url: An HTTPS URL. HTTP is accepted only for hosts that the operator allows.
        allowed: Hosts that may be read although they are not public.

    Raises:
        InvalidUrlError, UrlNotAllowedError
        UnknownRepositoryError: when it is neither an archive nor a repository on one of these hosts.
    """
    _refuse_ssh(url)
    parsed = WebUrl.parse(url)
    check_host(parsed, allowed)
    if parsed.scheme != "https" and not _is_listed(parsed, allowed):
        raise UrlNotAllowedError("Use https.")
    if found := _find_on_host(parsed):
        paths, name = found
        first, *shorter = [str(replace(parsed, path=path, query="")) for path in paths]
        return RepositoryArchive(first, name, shorter)
    if _ARCHIVE.search(parsed.path) or parsed.host == "codeload.github.com":
        return RepositoryArchive(str(parsed), _name_archive(parsed))
    raise UnknownRepositoryError(_HINT, field="body.url")


def _refuse_ssh(url: str) -> None:
    """Refuse an address that only Git reads, and name the one to use.

    Raises:
        UrlNotAllowedError
    """
    if found := _SSH.fullmatch(url.strip()):
        address = f"https://{found[1] or found[2]}/{found[3]}".removesuffix("/").removesuffix(".git")
        example = f": {address}" if len(address) <= _LONGEST_SHOWN else ""
        raise UrlNotAllowedError(f"Use the HTTPS address of the repository{example}")


def _is_listed(url: WebUrl, allowed: AllowedHosts) -> bool:
    """Whether the operator allows the host by its name, or the address that it is."""
    is_address = url.address is not None and allowed.allows_address(url.address, url.port)
    return is_address or allowed.allows_name(url.host, url.port)


def _find_on_host(url: WebUrl) -> tuple[list[str], str] | None:
    """The paths that the archive may have, the one of the longest branch first, and the repository's name."""
    for host in _HOSTS:
        if host.serves(url.host) and (found := host.page.fullmatch(url.path)):
            owner, name, parts = found["owner"], found["name"], (found["ref"] or "HEAD").split("/")
            sizes = [len(parts), *range(min(len(parts) - 1, _LONGEST_REF), 0, -1)]
            refs = ["/".join(parts[:size]) for size in sizes]
            write = partial(host.archive.format, owner=owner, name=name)
            return [write(ref=ref, flat_ref=ref.replace("/", "-")) for ref in refs], name
    return None


def _name_archive(url: WebUrl) -> str:
    """The repository's name: the part before ``archive`` in the paths of Git hosts, else the name of the file."""
    parts = [part for part in url.path.split("/") if part]
    marks = [number for number, part in enumerate(parts) if part in {"archive", "zipball", "tarball", "get", "-"}]
    if marks and marks[0] > 0:
        return parts[marks[0] - 1].removesuffix(".git")
    if url.host == "codeload.github.com" and len(parts) > 1:
        return parts[1]
    return strip_archive_suffix(parts[-1]) if parts else url.host


def strip_archive_suffix(filename: str) -> str:
    """The name of an archive without its ending, which names the repository."""
    return _ARCHIVE_SUFFIX.sub("", filename) or filename
