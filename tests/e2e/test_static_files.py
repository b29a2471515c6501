"""The files of MLflow's UI: from the data centre's cache the second time."""

import re
import time

import pytest
import requests

from relay import relay_to

# Which client runs does not matter; each origin once.
pytestmark = [pytest.mark.any_client, pytest.mark.once]

KEPT_WITHIN_SECONDS = 30


@pytest.fixture
def observed(gate, own_gate):
    """A gate whose questions to its origin are seen."""
    with relay_to(gate.origin) as (address, asked):
        yield own_gate(ORIGIN_URL=address), asked


def asked_for(asked, path):
    return [headers for _, asked_path, headers in asked if asked_path == path]


def until_kept(gate, asked, path):
    """Asks until the origin is not: the copy is made after the answer. Gives that answer."""
    deadline = time.monotonic() + KEPT_WITHIN_SECONDS
    while time.monotonic() < deadline:
        before = len(asked_for(asked, path))
        answer = gate.request("GET", path)
        if len(asked_for(asked, path)) == before:
            return answer
    raise AssertionError(f"{path} is not kept")


def test_a_page_asked_for_twice_has_its_files_from_the_cache(gate, observed):
    gated, asked = observed
    page = gated.request("GET", "/", gated.admin).text
    files = ["/" + path for path in re.findall(r'(?:src|href)="\.?/?(static-files/[^"]+\.(?:js|css))"', page)]
    assert len(files) >= 2, page
    direct = {path: requests.get(gate.origin + path, timeout=60) for path in files}
    for path in files:
        first = gated.request("GET", path, gated.admin, headers={"Cookie": "a=b", "X-Mine": "c"})
        assert (first.status_code, first.content) == (200, direct[path].content)
        [headers] = asked_for(asked, path)
        assert not headers.keys() & {"authorization", "cookie", "x-forwarded-user", "x-mine"}, headers
        until_kept(gated, asked, path)

    before = len(asked)
    for path in files:
        kept = gated.request("GET", path)
        assert (kept.status_code, kept.content) == (200, direct[path].content)
        for name in ("Content-Type", "Cache-Control", "ETag", "Last-Modified"):
            assert kept.headers[name] == direct[path].headers[name], name
        assert "Set-Cookie" not in kept.headers
        head = gated.request("HEAD", path)
        assert (head.status_code, head.content, head.headers["ETag"]) == (200, b"", kept.headers["ETag"])
        for condition in ({"If-None-Match": kept.headers["ETag"]}, {"If-Modified-Since": kept.headers["Last-Modified"]}):
            unchanged = gated.request("GET", path, headers=condition)
            assert (unchanged.status_code, unchanged.content) == (304, b""), condition
        changed = gated.request("GET", path, headers={"If-None-Match": '"another"'})
        assert (changed.status_code, changed.content) == (200, direct[path].content)
    assert asked[before:] == []


def test_what_the_cache_does_not_answer_comes_from_the_origin(observed):
    gated, asked = observed
    page = gated.request("GET", "/", gated.admin).text
    path = "/" + re.search(r'src="\.?/?(static-files/[^"]+\.js)"', page)[1]
    whole = until_kept(gated, asked, path)
    part = gated.request("GET", path, headers={"Range": "bytes=2-9"})
    assert (part.status_code, part.content) == (206, whole.content[2:10])
    assert asked_for(asked, path)[-1]["range"] == "bytes=2-9"

    # names without a hash stay when MLflow is upgraded; there is nothing to keep of what is not there
    for path, status in [
        ("/static-files/index.html", 200),
        ("/static-files/manifest.json", 200),
        ("/static-files/static/js/nothing.deadbeef.js", 404),
    ]:
        for times in (1, 2, 3):
            assert gated.request("GET", path).status_code == status
            assert len(asked_for(asked, path)) == times, path
