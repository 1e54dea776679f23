"""``up`` waits for a busy machine or a missing server, and says which; a part that dies ends the wait."""

from types import SimpleNamespace
from typing import Any

import pytest

from app.cli.local import stack
from app.domain.errors import StartupError
from app.settings import load_settings


class NeverReady:
    """Parts of which ``dead`` have died."""

    def __init__(self, dead: list[Any]) -> None:
        self._dead = dead

    def find_dead(self) -> list[Any]:
        """The parts that died."""
        return self._dead


def wait(monkeypatch: pytest.MonkeyPatch, dead: list[Any]) -> str:
    """Wait for a stack that does not become ready; returns the error's message."""
    monkeypatch.setattr(stack, "_READY_SECONDS", 1.0)
    monkeypatch.setattr(stack, "_NOTICE_SECONDS", 0.3)
    monkeypatch.setattr(stack, "_POLL_SECONDS", (0.05, 0.05))
    servers: Any = SimpleNamespace(settings=load_settings(port=1))
    parts: Any = NeverReady(dead)
    with pytest.raises(StartupError) as ended:
        stack.Stack(servers, parts, None).wait_until_ready()
    return ended.value.message


def test_a_slow_start_is_announced_and_waited_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "was not ready" in wait(monkeypatch, [])
    assert capsys.readouterr().err.count("the machine is busy. Still waiting.") >= 2


def test_a_server_that_does_not_answer_is_named_while_up_waits(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stack, "_read_readiness", lambda _: {"down": ["broker"], "workers": 0})
    assert "was not ready" in wait(monkeypatch, [])
    stderr = capsys.readouterr().err
    assert "unavailable: broker." in stderr
    assert "busy" not in stderr


def test_a_part_that_dies_ends_the_wait_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dead = SimpleNamespace(part=SimpleNamespace(name="worker-high"))
    assert "worker-high exited with 1" in wait(monkeypatch, [(dead, 1)])
    assert capsys.readouterr().err == ""
