from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tellapart.collection.network.error_outcomes import Failure
from tellapart.collection.network.urls import host_of, redirected, target_of


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("http://host.test/a%2Cb%27.jpg?sig=a%2Bb%2Fc%3D&x=%27", "http://host.test/a%2Cb%27.jpg?sig=a%2Bb%2Fc%3D&x=%27"),
        (" HTTP://Host.TEST/A.jpg#part ", "http://host.test/A.jpg"),
        ("http://host.test", "http://host.test/"),
        ("http://host.test?q=1", "http://host.test/?q=1"),
        ("http://host.test/a b/ü.jpg?q=ü", "http://host.test/a%20b/%C3%BC.jpg?q=%C3%BC"),
        ("http://host.test/100%.jpg", "http://host.test/100%.jpg"),
        ("http://bücher.test/1.jpg", "http://xn--bcher-kva.test/1.jpg"),
        ("http://host.test/a/../b.jpg", "http://host.test/b.jpg"),
        ("http://host.test/a?next=/../b", "http://host.test/a?next=/../b"),
        ("https://host.test:443/a", "https://host.test/a"),
        ("http://host.test:8080/a|b", "http://host.test:8080/a%7Cb"),
        ("http://[2606:4700::1111]/a", "http://[2606:4700::1111]/a"),
    ],
)
def test_an_address_is_sent_as_it_was_written(written: str, sent: str) -> None:
    assert str(target_of(written)) == sent


@pytest.mark.parametrize(
    ("location", "sent"),
    [
        ("/b.jpg", "http://host.test/b.jpg"),
        ("b.jpg", "http://host.test/x/b.jpg"),
        ("../b.jpg", "http://host.test/b.jpg"),
        ("?page=2", "http://host.test/x/a?page=2"),
        ("//other.test/b", "http://other.test/b"),
        ("https://name:word@other.test/b", "https://other.test/b"),
        ("/ü.jpg", "http://host.test/%C3%BC.jpg"),
        ("/\udcfc.jpg", "http://host.test/%FC.jpg"),
    ],
)
def test_where_a_redirect_leads(location: str, sent: str) -> None:
    assert str(redirected(target_of("http://host.test/x/a?q=1"), location)) == sent


@given(st.text() | st.from_regex(r"https?://[^/]{0,12}/?.{0,20}"))
def test_any_text_is_an_address_of_the_web_or_a_reason(text: str) -> None:
    try:
        target = target_of(text)
    except Failure as failure:
        assert failure.verdict == "permanent"
        assert failure.reason
        assert host_of(text) == ""
    else:
        assert target.scheme in ("http", "https")
        assert target.raw_host == host_of(text) != ""
        assert str(target).isascii()


def test_the_host_of_an_address() -> None:
    assert host_of("https://user@Host.test:8443/a") == "host.test"
    assert host_of("http://[::1]:80/") == "::1"
    assert host_of("mailto:me@host.test") == ""
