"""Texts with hundreds of secrets: each is masked, equal ones stay equal, in a time that a busy service can spare."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from functools import partial
from ipaddress import ip_address
from random import Random
from string import ascii_letters, digits

import msgspec

from replay.core.redaction.crowds import CROWD
from replay.core.redaction.finding import find
from replay.core.redaction.patterns import RULES
from replay.core.redaction.pseudonyms import Pseudonyms
from replay.core.redaction.redactor import Redactor
from replay.core.redaction.rules import Redaction, Rules
from tests.core.redaction.test_redactor import CROWDS, KEY, REDACTOR, answer, everything, http, recording
from tests.safety.services import ROOT

RANDOM = Random(6)
NUMBER = CROWD + 100
MAILS = [f"ann{n}.{''.join(RANDOM.choices(ascii_letters, k=4))}@mail{n % 3}.example" for n in range(NUMBER)]
WORDS = ["".join(RANDOM.choices(ascii_letters + digits, k=9)) + "q" for _ in range(NUMBER)]
LIST = ", ".join(MAILS)
TABLE = "n,password,total\n" + "".join(f"{n},{word},{n}.50\n" for n, word in enumerate(WORDS))


def test_a_list_of_addressees_keeps_its_shape() -> None:
    """Each is an address of the same length and domain, none is one of before, and all differ from each other."""
    after = REDACTOR.redact(recording({"to": LIST})).input.decode()["to"]
    made = after.split(", ")
    assert [len(each) for each in made] == [len(each) for each in MAILS]
    assert [each.partition("@")[2] for each in made] == [each.partition("@")[2] for each in MAILS]
    assert set(made).isdisjoint(MAILS)
    assert len(set(made)) == NUMBER


def test_equal_ones_stay_equal_in_all_of_the_recording() -> None:
    """In another text, in the URL of a request, in an answer, in other case: the one that the list has."""
    before = recording(
        {"first": f"is {MAILS[7]} there?", "to": LIST, "then": MAILS[8]},
        requests=[http(url=f"https://crm.example/x?mail={MAILS[9].lower()}")],
        answers=[answer(f'{{"found": "{MAILS[10]}", "words": "of {MAILS[7]}"}}'.encode())],
    )
    after = REDACTOR.redact(before)
    held = after.input.decode()
    made = held["to"].split(", ")
    assert held["first"] == f"is {made[7]} there?"
    assert held["then"] == made[8]
    assert after.interactions[0].request.decode()["url"] == f"https://crm.example/x?mail={made[9].lower()}"
    (piece,) = after.interactions[0].answer.decode()["pieces"]
    assert piece[1] == f'{{"found": "{made[10]}", "words": "of {made[7]}"}}'.encode()


def test_nothing_of_them_is_left_and_redacting_again_changes_nothing() -> None:
    """Lists, names beside addresses, columns, words after their names; found by a scan before, none after."""
    for text, secrets in (
        (LIST, MAILS),
        ("\n".join(f'"Ann {n}" <{mail}>, paid {n}' for n, mail in enumerate(MAILS)), MAILS),
        (TABLE, WORDS),
        (" ".join(f"token={word}" for word in WORDS), WORDS),
    ):
        before = recording({"text": text, "again": [text, f"see {secrets[3]} and {secrets[4]}"]})
        assert {each.text for each in REDACTOR.find(before)} >= set(secrets)
        after = REDACTOR.redact(before)
        left = everything(after)
        assert [each for each in secrets if each in left] == []
        assert REDACTOR.find(after) == []
        assert REDACTOR.redact(after) == after
        held = after.input.decode()
        assert held["again"][0] == held["text"]


def test_what_stands_beside_a_column_stays() -> None:
    """Only the cells under the name change; a cell that stands elsewhere is the same there."""
    after = REDACTOR.redact(
        recording({"rows": TABLE, "text": f"wrong: {WORDS[5]}", "parts": WORDS[6:8]})
    ).input.decode()
    rows = [line.split(",") for line in after["rows"].splitlines()]
    assert [row[::2] for row in rows] == [row.split(",")[::2] for row in TABLE.splitlines()]
    assert after["text"] == f"wrong: {rows[6][1]}"
    assert after["parts"] == [rows[7][1], rows[8][1]]


def test_other_secrets_beside_a_crowd() -> None:
    """Of other rules, known from elsewhere, in Base64: a list of addresses hides none."""
    key = "ghp_" + "Ab3" * 12
    text = f"{LIST}, key {key}, pw hunter2hunter2, see aHVudGVyMmh1bnRlcjI="
    after = REDACTOR.redact(recording({"text": text, "password": "hunter2hunter2"}))
    left = everything(after)
    assert [each for each in (key, "hunter2hunter2", "aHVudGVyMmh1bnRlcjI", *MAILS) if each in left] == []


def test_a_list_with_a_key_as_its_domain_is_looked_through() -> None:
    """Only what can hold nothing else is taken for a list of addresses."""
    key = "AKIAQ7ZT44XYABCDEFGH"
    text = f"{LIST} a@{key}.{'x' * 20}.example"
    assert key not in everything(REDACTOR.redact(recording({"text": text})))


def test_a_secret_that_is_the_domain_of_one() -> None:
    """Known from elsewhere, it is masked in addresses, too."""
    text = LIST.replace("mail0.example", "acme-hunter22.example")
    after = REDACTOR.redact(recording({"to": text, "password": "acme-hunter22"}))
    assert "acme-hunter22" not in everything(after)


def test_patterns_of_the_project_see_lists_of_addresses() -> None:
    """In their domains, for one."""
    redactor = Redactor(Rules(Redaction(patterns={"host": r"mail\d"})), KEY)
    assert "mail1" not in everything(redactor.redact(recording({"to": LIST})))


def test_keys_of_a_vendor_keep_its_prefix() -> None:
    """Code may branch on it."""
    keys = ["ghp_" + "".join(RANDOM.choices(ascii_letters + digits, k=36)) for _ in range(NUMBER)]
    made = REDACTOR.redact(recording({"text": " ".join(keys)})).input.decode()["text"].split(" ")
    assert {each[:4] for each in made} == {"ghp_"}
    assert set(made).isdisjoint(keys)


def test_drawn_by_the_key() -> None:
    """The same in the same text under one key, another under another; the key is not needed to tell them again."""
    one, two = (
        Redactor(Rules(Redaction()), Pseudonyms(key)).redact(recording({"to": LIST})) for key in (b"a" * 32, b"b" * 32)
    )
    assert one.input != two.input
    assert Redactor(Rules(Redaction()), Pseudonyms(b"a" * 32)).redact(recording({"to": LIST})) == one
    assert REDACTOR.redact(one) == one


def test_short_ones_are_never_left_as_they_are() -> None:
    """Of one letter in 26 the same would be drawn."""
    mails = [f"{a}{b}@x.co" for a in ascii_letters[:26] for b in ascii_letters[:26]]
    made = REDACTOR.redact(recording({"to": " ".join(mails)})).input.decode()["to"].split(" ")
    assert [old for old, new in zip(mails, made, strict=True) if old == new] == []


def test_what_may_stay_stays() -> None:
    """Allowed names, and texts that a replay draws."""
    redactor = Redactor(Rules(Redaction(allow=("to",))), KEY)
    assert redactor.redact(recording({"to": LIST})).input.decode()["to"] == LIST
    made = REDACTOR.redact(recording({"to": LIST}), left=frozenset(MAILS[:3])).input.decode()["to"]
    assert made.split(", ")[:4] != MAILS[:4]
    assert made.split(", ")[:3] == MAILS[:3]


def test_what_may_stay_in_a_crowd() -> None:
    """In columns, lists, forms and rows of SQL; the same texts stay elsewhere, too. One line of a text has them all."""
    redactor = Redactor(Rules(Redaction(allow=("password",))), KEY)
    rows = "INSERT INTO t (id, password) VALUES " + ", ".join(f"({n}, '{word}')" for n, word in enumerate(WORDS))
    value = {"table": TABLE, "password": WORDS, "rows": rows, "objects": [{"password": word} for word in WORDS],
             "form": "&".join(f"password={word}" for word in WORDS)}  # fmt: skip
    assert redactor.redact(recording(value)).input.decode() == value
    line = " ".join(f"token={word}" for word in WORDS)
    assert {each.text for each in REDACTOR.find_in(line)} == set(WORDS)


def test_in_a_tenth_of_the_time_of_one_by_one() -> None:
    """Thousands in 40 KB take a bound number of times what one text of prose takes."""
    text = "".join(f"u{n}@x.co " for n in range(3_750))
    prose = re.sub("@", " ", text)
    assert _spent(text) < 8 * _spent(prose)


def _spent(text: str) -> float:
    before = recording({"text": text})
    spent = []
    for turn in range(5):
        redactor = Redactor(Rules(Redaction()), Pseudonyms(bytes([turn]) * 32))
        started = time.thread_time()
        redactor.redact(before)
        spent.append(time.thread_time() - started)
    return min(spent)


def test_names_and_passwords_of_many_urls_are_all_masked() -> None:
    """Of a short name what stands for it may be another's name: neither stays, neither is masked twice."""
    pairs = [(f"u{n}", word) for n, word in enumerate(WORDS)]
    text = " ".join(f"https://{name}:{word}@h{n}.example/" for n, (name, word) in enumerate(pairs))
    made = REDACTOR.redact(recording({"text": text})).input.decode()["text"]
    after = re.findall(r"//(\w+):(\w+)@", made)
    assert len(after) == NUMBER
    assert [pair for pair, new in zip(pairs, after, strict=True) if pair[0] == new[0] or pair[1] == new[1]] == []


def test_of_addresses_in_a_statement_each_is_the_same_elsewhere() -> None:
    """What a column of INSERT gave way to is not masked again as one of the many addresses of the text."""
    rows = ", ".join(f"({n}, '{mail}', '{word}')" for n, (mail, word) in enumerate(zip(MAILS, WORDS, strict=True)))
    text = f"INSERT INTO users (id, email, password) VALUES {rows}"
    held = REDACTOR.redact(recording({"text": text, "mails": MAILS[:9], "words": WORDS[:9]})).input.decode()
    after = re.findall(r"\((\d+), '([^']*)', '([^']*)'\)", held["text"])
    assert [int(number) for number, _, _ in after] == list(range(NUMBER))
    assert [mail for _, mail, _ in after[:9]] == held["mails"]
    assert [word for _, _, word in after[:9]] == held["words"]
    assert {mail for _, mail, _ in after}.isdisjoint(MAILS)
    assert {word for _, _, word in after}.isdisjoint(WORDS)


def test_an_object_of_many_objects_is_a_table() -> None:
    """By name, in the input and in JSON; names, numbers, order and what else stands there stay."""
    tree = {f"user{n}": {"api_key": word, "n": n, "at": {"mail": mail, "city": "Rome"}}
            for n, (word, mail) in enumerate(zip(WORDS, MAILS, strict=True))}  # fmt: skip
    after = REDACTOR.redact(recording({"tree": tree, "json": json.dumps(tree), "say": WORDS[3]}))
    held = after.input.decode()
    assert json.loads(held["json"]) == held["tree"]
    assert list(held["tree"]) == list(tree)
    assert [(one["n"], one["at"]["city"]) for one in held["tree"].values()] == [(n, "Rome") for n in range(NUMBER)]
    assert held["say"] == held["tree"]["user3"]["api_key"]
    left = everything(after)
    assert [each for each in (*WORDS, *MAILS) if each in left] == []
    assert ["input", "$.tree.user0.api_key", "api-key"] in after.facts["redaction"]["places"]


def test_an_id_of_a_session_in_a_table_is_one() -> None:
    """Of sessions that are rows, whole or in a column; the ids of the rows stay."""
    ids = [f"s{n:03}-{word}-{word[::-1]}" for n, word in enumerate(WORDS[:40])]
    rows = [{"id": n, "session": {"id": each, "plan": "free"}} for n, each in enumerate(ids)]
    after = REDACTOR.redact(recording({"rows": rows, "session": {f"k{n}": {"id": each} for n, each in enumerate(ids)}}))
    held = after.input.decode()
    assert [(row["id"], row["session"]["plan"]) for row in held["rows"]] == [(n, "free") for n in range(40)]
    assert [each for each in ids if each in everything(after)] == []


def test_of_a_long_text_the_quick_ways_find_what_the_slow_one_does() -> None:
    """Addresses and names at their signs, rules by what their hints have in common: as in all of the text."""
    parts = ["ann@x.co", ".ann@x.co", "a:b@x.co", "=ann@x.co", f"{'a' * 64}@x.co", f"{'a' * 65}@x.co", "@x.co", "ann@x",
             "-p x@y.de", "one", "sshpass -p hunter2x", "otp: 123456", "login code 998877", "mysql -psecret1",
             "key is x9y8z7", "AUTH PLAIN AGFubgBodW50ZXIyeA==", "password=hunter2", f"{'01ef' * 8}-us12",
             '"apiToken": "x9y8z7w6"', "userPassword=q1w2e3", "API Key = 'a b c9d'", "a_SECRET_KEY_BASE\t:=z9z9z9z9",
             "PGPASSWORD=a1b2c3", "x=1", "12:00", "**Token**: k1k2k3k4", "shared_access_key=>q7q7q7q7"]  # fmt: skip
    for seed in range(60):
        random = Random(seed)
        text = "".join(random.choice(parts) + random.choice(" \n,;|") for _ in range(random.choice((200, 300, 900))))
        slow = [msgspec.structs.replace(rule, hints=(), before="", starts=None) for rule in RULES]
        assert list(find(text, RULES, lambda size: None)) == list(find(text, slow, lambda size: None))


def test_what_is_drawn_does_not_depend_on_the_hash_seed() -> None:
    """Of forms, cookies, columns and JSON: a service's processes have seeds of their own."""
    code = """
from tests.core.redaction.test_crowds import LIST, TABLE, WORDS
from tests.core.redaction.test_redactor import CROWDS, REDACTOR, recording
for text in [LIST, TABLE, "; ".join(f"session{n}={word}" for n, word in enumerate(WORDS)), *CROWDS.values()]:
    print(REDACTOR.redact(recording({"text": text})).digest)
print(REDACTOR.redact(recording({"password": WORDS})).digest)
"""
    run = partial(subprocess.run, [sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True, timeout=60)
    first, second = (run(env={**os.environ, "PYTHONHASHSEED": seed}).stdout for seed in "12")
    assert first == second
    assert len(first.split()) == 4 + len(CROWDS)


def test_a_list_of_secrets_is_read_as_one_text() -> None:
    """Addresses and numbers, each in a place of its own; what stands beside them is looked through as ever."""
    others = ["ask ann.lee@x.example or bob.ray@y.example", "word", f"token={WORDS[0]}", "", "12"]
    held = [*MAILS[:40], *others, *MAILS[40:], *others, "4012888888881881"]
    rows = [{"id": n, "contact": each} for n, each in enumerate(held)]
    for value in (held, rows, {f"k{n}": each for n, each in enumerate(held)}):
        before = recording({"of": value, "json": json.dumps({"rows": value})})
        after = REDACTOR.redact(before)
        text = after.input.text
        assert [each for each in (*MAILS, "ann.lee@", "bob.ray@", WORDS[0], '"4012888888881881"') if each in text] == []
        assert len(text) == len(before.input.text)
        assert text.count('"word"') == text.count('\\"word\\"') == 2
        assert REDACTOR.redact(after) == after
        assert REDACTOR.find(after) == []


def test_a_list_of_secrets_takes_little_time() -> None:
    """Thousands of addresses, each in a place of its own, take a few times as long as prose that says "secret"."""
    mails = [f"ann{n}.{word}@m{n % 3}.example" for n, word in enumerate(WORDS * 2)]
    spent: dict[int, list[float]] = {0: [], 1: []}
    values = [{"to": mails}, {"text": "no secret at all, " * (len(json.dumps(mails)) // 18)}]
    for turn in range(8):
        started = time.thread_time()
        REDACTOR.redact(recording(values[turn % 2]))
        spent[turn % 2].append(time.thread_time() - started)
    assert min(spent[0]) < 6 * min(spent[1])


def test_a_private_address_of_many_stays_one() -> None:
    """Code decides by it, by whether it is of many hosts, and by equal beginnings; no two become one."""
    draw = Random(5)
    held = [
        f"{draw.choice((10, 20, 172, 192, 203))}.{draw.choice((3, 16, 168, 200))}.{n % 250}.{n}" for n in range(250)
    ]
    made = REDACTOR.redact(recording({"ips": held})).input.decode()["ips"]
    assert set(made).isdisjoint(held)
    assert len(set(made)) == len(held)
    for one, two in zip(held, made, strict=True):
        assert ip_address(one).is_private == ip_address(two).is_private
        assert ip_address(two).is_global == ip_address(one).is_global
        assert list(map(len, one.split("."))) == list(map(len, two.split(".")))


def test_numbers_of_many_stay_numbers() -> None:
    """A list of them under a name that tells: each has as many digits, none is left but small ones that say nothing."""
    held = [100_000 + 9_973 * n for n in range(700)]
    before = recording({"pins": held, "said": f"of {held[650]}", "one": held[600]})
    after = REDACTOR.redact(before)
    made = after.input.decode()
    assert set(made["pins"]).isdisjoint(held)
    assert len(set(made["pins"])) == len(held)
    assert [len(str(one)) for one in made["pins"]] == [len(str(one)) for one in held]
    assert (made["said"], made["one"]) == (f"of {made['pins'][650]}", made["pins"][600])
    assert REDACTOR.redact(after) == after
