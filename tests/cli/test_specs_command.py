"""The command that describes repositories: what it says about sources that it cannot read."""

import pytest

from tests.cli.test_commands import run
from tests.running import Stack


@pytest.mark.parametrize("source", ["git@github.com:weir/gates.git", "ssh://git@github.com/weir/gates.git"])
def test_an_address_that_only_git_reads_is_answered_with_the_https_address(shared_stack: Stack, source: str) -> None:
    agent = str(shared_stack.make_agent())
    done = run(shared_stack, "specs", source, "--agent", agent, code=1)
    assert "https://github.com/weir/gates" in done.stderr


def test_a_missing_archive_is_named(shared_stack: Stack) -> None:
    agent = str(shared_stack.make_agent())
    assert "missing.zip" in run(shared_stack, "specs", "missing.zip", "--agent", agent, code=2).stderr
