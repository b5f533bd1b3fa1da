from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from tellapart.collection.candidates import Fetched, Request
from tellapart.collection.sources import SOURCES
from tellapart.collection.sources.health import Health, health_of
from tests import sample_images
from tests.collection.sources.answers import KEYS, recorded

PHOTO = sample_images.photo()


def health(
    source: str,
    *answers: bytes | Fetched,
    image: bytes | Fetched = PHOTO,
    environment: Mapping[str, str] = KEYS,
    has_contact: bool = True,
) -> tuple[Health, list[Request], list[str]]:
    """The health of a source that answers like this, and what was asked of it."""
    asked: list[Request] = []
    seen: list[str] = []

    def fetched(url: str, body: bytes | Fetched) -> Fetched:
        return body if isinstance(body, Fetched) else Fetched(url=url, verdict="ok", http_code=200, body=body)

    async def ask(request: Request) -> Fetched:
        asked.append(request)
        return fetched(request.url, answers[len(asked) - 1])

    async def look(url: str) -> Fetched:
        seen.append(url)
        return fetched(url, image)

    return asyncio.run(health_of(SOURCES[source], ask, look, environment, has_contact=has_contact)), asked, seen


def test_a_healthy_source_gives_offers_and_a_image() -> None:
    found, asked, seen = health("openverse", recorded("openverse/page1.json"))
    assert (found.state, found.said, found.offers, found.total) == ("healthy", "", 2, 23)
    assert found.image.startswith("JPEG, ")
    assert found.seconds is not None and found.image_seconds is not None
    assert (len(asked), seen) == (1, ["https://cdn.stocksnap.io/img-thumbs/960w/XNVBVXO3B7.jpg"])


def test_a_token_comes_first() -> None:
    found, asked, _ = health("duckduckgo", recorded("duckduckgo/token.html"), recorded("duckduckgo/page1.json"))
    assert (found.state, len(asked)) == ("healthy", 2)


def test_without_a_key_or_a_contact_nothing_is_asked() -> None:
    found, asked, seen = health("flickr", environment={})
    assert (found.state, found.said, found.seconds) == ("no key", "FLICKR_API_KEY not set", None)
    assert not asked and not seen
    found, asked, _ = health("wikimedia", has_contact=False)
    assert (found.state, asked) == ("no contact", [])


def test_a_refusal_is_told_with_the_servers_words() -> None:
    refused = Fetched(
        url="u", verdict="permanent", reason="401 unauthorized", http_code=401, body=recorded("openverse/error_page_size_401.json")
    )
    found, _, seen = health("openverse", refused)
    assert found.state == "no answer"
    assert found.said == "401 unauthorized: Openverse says: Ensure this value is less than or equal to 20."
    assert not seen
    assert health("openverse", Fetched(url="u", verdict="passing", reason="timed out"))[0].said == "timed out"
    with_results = Fetched(url="u", verdict="passing", reason="500", body=recorded("openverse/page1.json"))
    assert health("openverse", with_results)[0].said == "500"


def test_an_answer_of_another_shape_is_not_understood() -> None:
    found, _, _ = health("gbif", b"<html>Moved to the new portal</html>")
    assert found.state == "not understood"
    assert "Moved to the new portal" in found.said


@pytest.mark.parametrize("empty", ["openverse/empty.json", "flickr/empty.json"])
def test_nothing_found_is_told(empty: str) -> None:
    found, _, seen = health(empty.partition("/")[0], recorded(empty))
    assert (found.state, found.said, seen) == ("nothing found", "nothing for 'oak tree'", [])


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (Fetched(url="u", verdict="permanent", reason="404 not found"), "404 not found"),
        (b"<html><body>gone</body></html>", "not an image (looks like HTML)"),
        (b"", "empty file"),
    ],
)
def test_a_image_that_is_none_is_told(image: bytes | Fetched, said: str) -> None:
    found, _, _ = health("openverse", recorded("openverse/page1.json"), image=image)
    assert (found.state, found.said, found.offers) == ("no image", said, 2)


def test_it_is_not_asked_for_ever() -> None:
    skipping = recorded("duckduckgo/page1.json").replace(b'"image"', b'"other"')
    found, asked, _ = health("duckduckgo", recorded("duckduckgo/token.html"), *[skipping] * 20)
    assert (found.state, len(asked)) == ("nothing found", 3)
