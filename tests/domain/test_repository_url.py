"""Addresses of repositories, branches and tags on Git hosts become the addresses of their archives."""

import pytest

from app.domain.addresses import NONE_ALLOWED, AllowedHosts
from app.domain.errors import SluiceError
from app.domain.repository_url import find_archive

_GITHUB = "https://github.com/keeper/weir"
_GITLAB = "https://gitlab.com/harbour/gates/weir"
_BITBUCKET = "https://bitbucket.org/keeper/weir"
_CODEBERG = "https://codeberg.org/keeper/weir"
_SOURCEHUT = "https://git.sr.ht/~keeper/weir"


def _of_gitlab(ref: str, flat: str = "") -> str:
    return f"{_GITLAB}/-/archive/{ref}/weir-{flat or ref}.zip"


@pytest.mark.parametrize(
    ("url", "archive"),
    [
        (_GITHUB, f"{_GITHUB}/archive/HEAD.zip"),
        (f"{_GITHUB}/", f"{_GITHUB}/archive/HEAD.zip"),
        (f"{_GITHUB}//", f"{_GITHUB}/archive/HEAD.zip"),
        (f"{_GITHUB}.git", f"{_GITHUB}/archive/HEAD.zip"),
        (f"{_GITHUB}.git/", f"{_GITHUB}/archive/HEAD.zip"),
        (f"{_GITHUB}?tab=readme-ov-file#install", f"{_GITHUB}/archive/HEAD.zip"),
        ("https://GitHub.com/keeper/weir", f"{_GITHUB}/archive/HEAD.zip"),
        (f"{_GITHUB}/tree/main", f"{_GITHUB}/archive/main.zip"),
        (f"{_GITHUB}/tree/main/", f"{_GITHUB}/archive/main.zip"),
        (f"{_GITHUB}/tree/feature/new-gate", f"{_GITHUB}/archive/feature/new-gate.zip"),
        (f"{_GITHUB}/tree/feature%2Fnew-gate", f"{_GITHUB}/archive/feature%2Fnew-gate.zip"),
        (f"{_GITHUB}/tree/v1.2.0", f"{_GITHUB}/archive/v1.2.0.zip"),
        (f"{_GITHUB}/releases/tag/v1.2.0", f"{_GITHUB}/archive/v1.2.0.zip"),
        (f"{_GITHUB}/commit/0a1b2c3", f"{_GITHUB}/archive/0a1b2c3.zip"),
        ("https://github.com/archive/get", "https://github.com/archive/get/archive/HEAD.zip"),
        ("https://github.com/keeper/.github", "https://github.com/keeper/.github/archive/HEAD.zip"),
        (_GITLAB, _of_gitlab("HEAD")),
        (f"{_GITLAB}/", _of_gitlab("HEAD")),
        (f"{_GITLAB}.git", _of_gitlab("HEAD")),
        (f"{_GITLAB}/-/tree/main/?ref_type=heads", _of_gitlab("main")),
        (f"{_GITLAB}/-/tree/feature/new-gate", _of_gitlab("feature/new-gate", "feature-new-gate")),
        (f"{_GITLAB}/tree/main", _of_gitlab("main")),
        (f"{_GITLAB}/-/tags/v1.2.0", _of_gitlab("v1.2.0")),
        (f"{_GITLAB}/-/commit/0a1b2c3", _of_gitlab("0a1b2c3")),
        (_BITBUCKET, f"{_BITBUCKET}/get/HEAD.zip"),
        (f"{_BITBUCKET}.git/", f"{_BITBUCKET}/get/HEAD.zip"),
        (f"{_BITBUCKET}/src/", f"{_BITBUCKET}/get/HEAD.zip"),
        (f"{_BITBUCKET}/src/main/", f"{_BITBUCKET}/get/main.zip"),
        (f"{_BITBUCKET}/branch/feature/new-gate", f"{_BITBUCKET}/get/feature/new-gate.zip"),
        (f"{_BITBUCKET}/commits/tag/v1.2.0", f"{_BITBUCKET}/get/v1.2.0.zip"),
        (_CODEBERG, f"{_CODEBERG}/archive/HEAD.zip"),
        (f"{_CODEBERG}.git", f"{_CODEBERG}/archive/HEAD.zip"),
        (f"{_CODEBERG}/src/branch/feature/new-gate/", f"{_CODEBERG}/archive/feature/new-gate.zip"),
        (f"{_CODEBERG}/src/tag/v1.2.0", f"{_CODEBERG}/archive/v1.2.0.zip"),
        (f"{_CODEBERG}/src/commit/0a1b2c3", f"{_CODEBERG}/archive/0a1b2c3.zip"),
        (f"{_CODEBERG}/releases/tag/v1.2.0", f"{_CODEBERG}/archive/v1.2.0.zip"),
        ("https://gitea.com/keeper/weir", "https://gitea.com/keeper/weir/archive/HEAD.zip"),
        ("https://forgejo.example.org/keeper/weir/", "https://forgejo.example.org/keeper/weir/archive/HEAD.zip"),
        (_SOURCEHUT, f"{_SOURCEHUT}/archive/HEAD.tar.gz"),
        (f"{_SOURCEHUT}/tree/main", f"{_SOURCEHUT}/archive/main.tar.gz"),
        (f"{_SOURCEHUT}/refs/v1.2.0", f"{_SOURCEHUT}/archive/v1.2.0.tar.gz"),
    ],
)  # fmt: skip
def test_each_page_of_a_repository_gives_the_archive_of_its_branch_or_tag(url: str, archive: str) -> None:
    found = find_archive(url, NONE_ALLOWED)
    assert (found.url, found.name) == (archive, "weir" if "weir" in url else url.rpartition("/")[2])


@pytest.mark.parametrize(
    ("url", "name"),
    [
        (f"{_GITHUB}/archive/refs/heads/main.zip", "weir"),
        (f"{_GITHUB}/archive/refs/tags/v1.2.0.tar.gz", "weir"),
        (f"{_GITHUB}/zipball/main", "weir"),
        ("https://api.github.com/repos/keeper/weir/tarball", "weir"),
        ("https://codeload.github.com/keeper/weir/zip/refs/heads/main", "weir"),
        (_of_gitlab("main"), "weir"),
        (f"{_BITBUCKET}/get/0a1b2c3.tar.gz", "weir"),
        (f"{_CODEBERG}/archive/main.tar.gz", "weir"),
        ("https://example.org/files/weir-1.2.0.tar.xz", "weir-1.2.0"),
        ("https://example.org/files/weir.7z", "weir"),
    ],
)
def test_the_address_of_an_archive_is_read_as_it_is(url: str, name: str) -> None:
    found = find_archive(url, NONE_ALLOWED)
    assert (found.url, found.name) == (url, name)


@pytest.mark.parametrize(
    "url",
    [
        "git@github.com:keeper/weir.git",
        "git@github.com:/keeper/weir.git",
        "github.com:keeper/weir.git",
        "ssh://git@github.com/keeper/weir.git",
        "ssh://git@github.com:22/keeper/weir",
        "git://github.com/keeper/weir.git",
        "git+ssh://git@github.com/keeper/weir.git",
        "git+https://github.com/keeper/weir.git",
        " git@github.com:keeper/weir.git ",
    ],
)
def test_an_address_that_only_git_reads_is_refused_with_the_one_to_use(url: str) -> None:
    with pytest.raises(SluiceError) as caught:
        find_archive(url, NONE_ALLOWED)
    assert caught.value.code == "url_not_allowed"
    assert caught.value.detail == f"Use the HTTPS address of the repository: {_GITHUB}"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://github.com", "unknown_repository"),
        ("https://github.com/keeper", "unknown_repository"),
        (f"{_GITHUB}/issues", "unknown_repository"),
        (f"{_GITHUB}/blob/main/README.md", "unknown_repository"),
        ("https://gitlab.com/harbour", "unknown_repository"),
        (f"{_GITLAB}/-/issues/5", "unknown_repository"),
        (f"{_CODEBERG}/pulls", "unknown_repository"),
        ("https://example.org/keeper/weir", "unknown_repository"),
        ("github.com/keeper/weir", "invalid_url"),
        ("keeper/weir", "invalid_url"),
        ("file:///srv/weir.zip", "url_not_allowed"),
        ("http://github.com/keeper/weir", "url_not_allowed"),
        ("https://keeper:secret@github.com/keeper/weir", "url_not_allowed"),
        ("https://gitlab.localhost/harbour/weir", "url_not_allowed"),
        ("https://192.168.1.5/keeper/weir.zip", "url_not_allowed"),
    ],
)  # fmt: skip
def test_other_addresses_are_refused_with_a_code(url: str, code: str) -> None:
    with pytest.raises(SluiceError) as caught:
        find_archive(url, NONE_ALLOWED)
    assert caught.value.code == code


def test_a_host_that_the_operator_allows_may_be_private_and_use_http() -> None:
    allowed = AllowedHosts.parse("gitlab.localhost:8080")
    found = find_archive("http://gitlab.localhost:8080/harbour/weir/-/tree/main", allowed)
    assert found.url == "http://gitlab.localhost:8080/harbour/weir/-/archive/main/weir-main.zip"
