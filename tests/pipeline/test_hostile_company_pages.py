"""A hostile page harms only its own reading, which stays short."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.domain.profiles import COMPANY_PAGE
from app.pipeline.sandbox.sandbox import ParserSandbox
from tests.deadlines import deadline
from tests.pipeline.company_pages import ADDRESS, page, script

ORGANIZATION = '{"@type": "Organization", "name": "Weir Works", "url": "https://www.weirworks.com/"}'
HOSTILE = {
    "a megabyte of JSON-LD": script('{"@type": "Thing", "name": "' + "a" * 1_100_000 + '"}'),
    "a megabyte of small objects": script("[" + '{"@type":"Thing"},' * 52_000 + "{}]"),
    "a megabyte of open quotes": script('{"name": "' + '\\"' * 500_000),
    "a megabyte of commas": script("[" + "," * 1_000_000),
    "10,000 levels of lists": script("[" * 10_000 + "]" * 10_000),
    "10,000 levels of objects": script('{"a":' * 10_000 + "1" + "}" * 10_000),
    "a number of a million digits": script("1" * 1_000_000),
    "a thousand blocks": script("{}") * 1_000,
    "objects that refer to each other": script('[{"@id":"a","x":{"@id":"b"}},{"@id":"b","x":{"@id":"a"}}]'),
    "10,000 elements in each other": "<div>" * 10_000,
    "a line of a megabyte": f"<p>{'Tel: ' * 200_000}</p>",
    "a megabyte of at signs": f"<p>{'a@' * 500_000}</p>",
    "a megabyte of digits": f"<p>+{'1 ' * 500_000}</p>",
    "a megabyte of spaces": f"<p>Founded{' ' * 1_000_000}x © {'A ' * 100_000}</p>",
    "50,000 items of microdata": "<i itemscope itemprop=a>" * 1_000 + "<b itemscope itemprop=name></b>" * 50_000,
    "50,000 links": "<a href='https://x.com/weir'>x</a>" * 50_000,
    "scripts in names": script(
        '{"@type": "Organization", "name": "<script>alert(1)<\\/script>Weir", "url": "javascript:alert(1)", '
        '"logo": "javascript:alert(1)", "sameAs": ["javascript:alert(1)", "data:text/html,x"]}'
    ),
}


@pytest.fixture
async def sandbox() -> AsyncIterator[ParserSandbox]:
    running = ParserSandbox(size=1, time_limit=deadline(20), memory_mb=512, max_pages=10)
    yield running
    await running.close()


async def test_hostile_pages_are_read_in_seconds_and_do_not_hide_the_company(
    tmp_path: Path, sandbox: ParserSandbox
) -> None:
    slow = {}
    for name, hostile in HOSTILE.items():
        path = tmp_path / "page"
        path.write_text(page(script(ORGANIZATION), hostile))
        began = time.monotonic()
        parsed = await sandbox.parse(path, COMPANY_PAGE, address=ADDRESS)
        slow[name] = time.monotonic() - began
        facts = parsed.metadata["facts"]
        assert [fact["value"] for fact in facts if fact["field"] == "name"][:1] == ["Weir Works"], name
        assert "javascript" not in str(facts)
        assert "<" not in str(facts)
        assert len(facts) <= 200
        assert len(str(facts)) < 200_000
    assert {name: took for name, took in slow.items() if took > deadline(5)} == {}
