"""Pseudonyms: of the same type and length, equal for equal values, different for different ones."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import date
from ipaddress import IPv4Address, ip_address
from uuid import UUID

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from replay.core.redaction.checks import luhn
from replay.core.redaction.pseudonyms import _PREFIX, Pseudonyms, is_pseudonym

KEY = Pseudonyms(b"a key of the tests, 32 bytes long")
OTHER = Pseudonyms(b"another key of the tests, as long")


@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_digits_are_permuted(length: int) -> None:
    """No two texts of so many digits become one."""
    every = [str(number).zfill(length) for number in range(10**length)]
    made = {KEY.digits(each) for each in every}
    assert made == set(every)
    assert [KEY.digits(each) for each in every] != every


@given(st.lists(st.text("0123456789", min_size=5, max_size=40), unique=True, min_size=2, max_size=20))
def test_long_digits_keep_their_length_and_stay_different(values: list[str]) -> None:
    """The network is a bijection of each length."""
    made = [KEY.digits(value) for value in values]
    assert [len(each) for each in made] == [len(each) for each in values]
    assert len(set(made)) == len(values)


@given(st.integers(-(10**18), 10**18))
@example(-9)  # of this key: nought has no sign
def test_numbers_stay_numbers_of_that_length(number: int) -> None:
    """Sign and number of digits stay."""
    made = KEY.number(number)
    assert len(str(made)) == len(str(number))


@given(st.text(min_size=1, max_size=80))
@settings(max_examples=300)
def test_any_text(value: str) -> None:
    """Same length in characters and bytes, and the same again; a secret that looks like a pseudonym has one too."""
    made = KEY.of(value)
    assert len(made) == len(value)
    assert len(made.encode("utf-8", "surrogatepass")) == len(value.encode("utf-8", "surrogatepass"))
    assert KEY.of(value) == made
    if is_pseudonym(made):
        assert KEY.of(made) != made


@given(st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", min_size=8, max_size=60))
def test_long_secrets_are_told_from_their_pseudonyms(value: str) -> None:
    """Case commutes; the pseudonym carries its check; another key makes another one."""
    made = KEY._text(value)
    letters = [char for char in made if char.isalnum()]
    assert is_pseudonym(made) == (len(letters) >= 8)
    if not _PREFIX.match(value) and not _PREFIX.match(value.lower()):
        assert KEY._text(value.lower()) == made.lower()
    assert made != value
    assert OTHER._text(value) != made or len(letters) < 8


def test_a_uuid_is_a_uuid() -> None:
    """Version and variant stay, and the form."""
    value = "550e8400-e29b-41d4-a716-446655440000"
    made = KEY.of(value)
    assert made != value
    assert (UUID(made).version, UUID(made).variant) == (4, UUID(value).variant)
    assert KEY.of(value.replace("-", "")) != value.replace("-", "")
    assert is_pseudonym(made)


def test_days_are_days_of_their_year() -> None:
    """A permutation of the first 365."""
    first = date(2023, 1, 1).toordinal()
    every = [date.fromordinal(first + number).isoformat() for number in range(365)]
    made = [KEY.of(each) for each in every]
    assert sorted(made) == every
    assert KEY.of("1985-07-23T10:00:00Z").endswith("T10:00:00Z")
    assert re.fullmatch(r"\d\d\.\d\d\.1985", KEY.of("23.07.1985"))


@pytest.mark.parametrize(
    "value", ["192.168.1.77", "8.8.8.8", "2001:db8:85a3::8a2e:370:7334", "203.0.113.5"]
)  # fmt: skip
def test_addresses_are_addresses(value: str) -> None:
    """Of the same length; those of one network stay in one."""
    made = KEY.of(value)
    assert ip_address(made)
    assert made != value
    assert len(made) == len(value)
    assert KEY.of("10.1.2.3").rpartition(".")[0] == KEY.of("10.1.2.9").rpartition(".")[0]
    assert KEY.of("127.0.0.1") == "127.0.0.1"


def test_cards_mail_and_accounts_keep_their_checks() -> None:
    """A card passes Luhn and keeps its issuer, an IBAN its check digits, mail its domain."""
    card = KEY.of("4111-1111-1111-1111")
    assert re.fullmatch(r"4111-11\d\d-\d{4}-\d{4}", card)
    assert luhn(card.replace("-", ""))
    iban = KEY.of("DE89 3704 0044 0532 0130 00").replace(" ", "")
    assert int("".join(str(int(char, 36)) for char in iban[4:] + iban[:4])) % 97 == 1
    assert re.fullmatch(r"[a-z]{4}\.[a-z]{3}@example\.com", KEY.of("jane.doe@example.com"))
    assert KEY.of("jane.doe@example.com") != "jane.doe@example.com"


def test_a_vendors_prefix_stays() -> None:
    """Code may branch on it."""
    assert KEY.of("sk_live_51H8xABCdef0123456789").startswith("sk_live_")
    assert KEY.of("sk_live_51H8xABCdef0123456789") != OTHER.of("sk_live_51H8xABCdef0123456789")


@given(st.ip_addresses(v=4, network="10.0.0.0/8") | st.ip_addresses(v=4, network="192.168.0.0/16")
       | st.ip_addresses(v=4, network="172.16.0.0/12") | st.ip_addresses(v=4, network="8.0.0.0/7"))  # fmt: skip
def test_a_private_address_stays_one(address: IPv4Address) -> None:
    """Code decides by that; and a public one does not become one."""
    made = ip_address(KEY.of(str(address)))
    assert made.is_private == address.is_private
    assert made.is_multicast == address.is_multicast
    assert len(str(made)) == len(str(address))


def test_a_token_keeps_its_spaces_and_its_roles() -> None:
    """It decodes as before, however its JSON was written; claims by which code decides stay."""
    claims = {"sub": "ann.smith@mail.example", "role": "admin", "groups": ["a", "b"]}
    body = urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    made = KEY.of(f"eyJhbGciOiJIUzI1NiJ9.{body}.c2lnbmF0dXJlLXRoYXQtaXMtc2VjcmV0").split(".")[1]
    found = json.loads(urlsafe_b64decode(made + "=" * (-len(made) % 4)))
    assert {**found, "sub": ""} == {**claims, "sub": ""}
    assert found["sub"] != claims["sub"]
