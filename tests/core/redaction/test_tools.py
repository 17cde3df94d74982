"""Keys that a name and a value tell together, and what tools of today write: nothing of it is left, and what only
resembles it stays."""

from __future__ import annotations

import hashlib
import json
import time
from base64 import b64encode
from typing import Any

import pytest

from replay.core.redaction.drawn import key_kind
from replay.core.redaction.finding import Rule, find, is_of_one_line
from replay.core.redaction.patterns import RULES
from replay.core.redaction.structure import harm
from replay.core.redaction.tools import TOOLS
from tests.core.redaction.test_commands import LINES
from tests.core.redaction.test_redactor import REDACTOR, everything, recording
from tests.core.redaction.test_said import FOUND

DRAWN = "kM7qWcH4jab9Gf2zRt5VxY8d"
HEX = "9f86d081884c7d659a2feaa0c55ad015"
PADDED = "Qc8VB8zEfRcrCO+wXQfC3awqjzUrlS/Bd7Zk2PmX9Qc="
UUID = "3f2b8c1e-9a4d-4b6f-8c2a-1d3e5f7a9b0c"
SMALL = "0b3jx9vxlabfw4s6eixaamdm"
LONG = ("kM7qWcH4jab9Gf2zRt5VxY8dLp3N" * 9)[:200]
ANY = (DRAWN, HEX, PADDED, UUID, SMALL, SMALL.upper())
NAMED = {
    "a file of settings": "DEBUG=1\nOPENAI_KEY={}\nPORT=8000\n",
    "shell": "$ export STRIPE_KEY={}\n$ python app.py",
    "YAML": "env:\n  MAPS_KEY: {}\n  PORT: 80\n",
    "YAML, quoted": 'env:\n  MAPS_KEY: "{}"\n  PORT: 80\n',
    "JSON": '{{"MAPS_KEY": "{}", "n": 1}}',
    "JSON in prose": 'sent {{"MAPS_KEY": "{}", "n": 1}}',
    "JSON in JSON in prose": 'sent "{{\\"MAPS_KEY\\": \\"{}\\"}}"',
    "python": "{{'STRIPE_KEY': '{}', 'n': 1}}",
    "an argument": "Client(openai_key='{}', timeout=3)",
    "prose": "the worker read DD_APP_KEY={} from its environment",
    "a query": "https://maps.example/x?maps_key={}&n=1",
    "a log": "INFO stripeKey={} n=1",
    "TOML": '[svc]\nopenai_key = "{}"\n',
    "an option": "node server.js --stripe-key={} --port 80",
    "an option and a value": "node server.js --stripe-key {} --port 80",
    "docker": "docker run -e OPENAI_KEY={} image",
    "docker file": "ENV STRIPE_KEY {}",
    "compose": "services:\n  a:\n    environment:\n      - STRIPE_KEY={}\n      - PORT=80\n",
    "kubernetes": "env:\n- name: STRIPE_KEY\n  value: {}\n",
    "fish": "set -gx STRIPE_KEY {}",
    "powershell": "$env:STRIPE_KEY = '{}'",
    "os.environ": 'os.environ["STRIPE_KEY"] = "{}"',
    "setdefault": 'os.environ.setdefault("STRIPE_KEY", "{}")',
    "javascript": 'process.env.STRIPE_KEY = "{}"',
    "ruby": '{{:stripe_key=>"{}", :a=>1}}',
    "php": "'stripe_key' => '{}',",
    "rust": 'Config {{ openai_key: Some("{}"), port: 80 }}',
    "pydantic": "openai_key=SecretStr('{}')",
    "go": "{{OpenAIKey:{} Port:80}}",
    "java": "Config(openaiKey={}, port=80)",
    "XML": "<stripeKey>{}</stripeKey>",
    "a build": "2026-01-01T00:00:00.0000000Z     DEPLOY_KEY: {}\n",
    "a header": "DD-APPLICATION-KEY: {}\n",
    "a sheet": "name,value\nOPENAI_KEY,{}\n",
    "a second one": "STRIPE_KEY_2={}\n",
}


def _held(value: Any, *secrets: str, again: tuple[str, ...] = ()) -> Any:
    """What a redacted recording holds in its place: nothing of these. `again`: secrets that stand elsewhere, too."""
    before = recording({"value": value, "again": [f"it is {secret} there" for secret in again]})
    after = REDACTOR.redact(before)
    left = everything(after)
    pieces = [piece.strip("=") for secret in (*secrets, *again) for piece in (secret, secret[:8], secret[-8:])]
    assert [piece for piece in pieces if piece in left] == []
    assert [gap for gap in harm(before, after).gaps if gap.reason == "redaction"] == []
    assert REDACTOR.redact(after) == after
    return after.input.decode()["value"]


@pytest.mark.parametrize("name", NAMED)
def test_a_key_that_its_name_and_value_tell(name: str) -> None:
    """Of no vendor's form: of letters of any case, hexadecimal, Base64, a UUID."""
    for secret in ANY:
        text = NAMED[name].format(secret)
        assert len(_held(text, again=(secret,))) == len(text)


@pytest.mark.parametrize("secret", ANY)
def test_a_key_in_data(secret: str) -> None:
    """In dicts, pairs, headers, words of a command, arguments, and the `value` of a `name`."""
    for value in (
        {"OPENAI_KEY": secret},
        {"settings": {"openaiKey": secret}},
        [("stripe-key", secret)],
        {1: "a", "MAPS_KEY": secret},
        ["node", "--stripe-key", secret],
        {"name": "STRIPE_KEY", "value": secret},
        {"rows": [{"n": n, "openai_key": f"{secret}"} for n in range(40)]},
        [f"STRIPE_KEY={secret}", "PORT=80"],
        {"headers": [["DD-Application-Key", secret]]},
    ):
        _held(value, again=(secret,))


def test_lines_of_many_keys() -> None:
    """Of logs of one shape each has its own."""
    secrets = [f"{DRAWN}{number}" for number in range(100, 140)]
    _held([json.dumps({"at": at, "stripe_key": secret}) for at, secret in enumerate(secrets)], *secrets[:3])
    _held([f"n={at}&stripe_key={secret}" for at, secret in enumerate(secrets)], *secrets[:3])


SHA = hashlib.sha256(b"x").hexdigest()


@pytest.mark.parametrize(
    "text",
    [
        "primary_key=12 foreign_key: users.id sort_key='2024#Q3' partition_key=\"user#12\"", f"cache_key={HEX}",
        f"idempotency_key={UUID}", f"Idempotency-Key: {UUID}", f"STRIPE_IDEMPOTENCY_KEY={DRAWN}", f"public_key={PADDED}",
        f"STRIPE_PUBLISHABLE_KEY={DRAWN}", "S3_KEY=uploads/2024/01/Photo12-Final3.png", f"object_key={SHA}",
        f"S3_KEY={SHA}.tar.gz", "ISSUE_KEY=SHOP-1234", "routing_key=orders.created.v2.EU1", f"CACHE_KEY={HEX}",
        f"cacheKey: {HEX}", f"message_key={UUID}", f"row_key={UUID} documentKey={DRAWN}", f"lookup_key='{DRAWN}'",
        "TLS_KEY=/etc/ssl/Private/Shop2024Server1.pem", "PRIVATE_KEY_PATH=/etc/ssl/x.pem", f"surrogate-key: {DRAWN}",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", f"{{'group_key': '{HEX}', 'record_key': '{UUID}'}}",
        "Key=Value Monkey=Banana2024Split3Fruit4", f"monkey={HEX} turkey: {UUID}", f"openaikey2={HEX}",
        "checkout_key=NewCheckout2024Phase2Go", "sale_key=Summer-Sale-2024-Q3-EU1", f"last_evaluated_key={PADDED}",
        "stripe_key=os.environ['STRIPE_KEY']", "OPENAI_KEY=${OPENAI_KEY} STRIPE_KEY=$STRIPE_KEY MAPS_KEY={{maps}}",
        "OPENAI_KEY=your-openai-key-goes-here-please", "OPENAI_KEY=xxxxxxxxxxxxxxxxxxxxxxxx", "STRIPE_KEY is required",
        "Client(stripe_key=settings.STRIPE_KEY_2024_V1)", f"the primary key {UUID} exists", f"visitor_key={HEX}",
        "kind: ConfigMap\ndata:\n  color: blue1234\n  host: db.internal1\n", 'about = """\nSome text 1234 here\n"""\n',
        "kind: Secret\nmetadata:\n  name: x\n  labels:\n    app: shop-frontend-12345\n", "use <<EOF, closed by\nEOF\n",
        "subtoken='##ing' max_tokens=4096, tokenizer=cl100k_base, tokenized=abc12345", "x = Some(\"value1234\")",
        "--auth=none; --auth-type oauth2; --auth digest", "https://x.example/api/users?code=404",
        '~ name = "db-1" -> "db-2"', "1//0 ratio, Q~, 00D!A, sdk-platform-tools, as-is, fw_rule, fc-cache, re_compile",
        '{"key1": "value1", "key2": "value2"}', '{"value": 5, "sensitive": true}', '{"primaryKey": "' + UUID + '"}',
        "a=b;c=d", "AccountName=shop;n=1",
    ],
)  # fmt: skip
def test_keys_of_data_stay(text: str) -> None:
    """What finds something, what a program made, what somebody wrote, templates and code."""
    before = recording({"text": text})
    assert REDACTOR.redact(before) is before


def test_names_and_values() -> None:
    """Small names take what has letters of all sorts; hexadecimal digits and UUIDs only where the name says more."""
    found = [[key_kind(name, value) for value in ANY] for name in ("OPENAI_KEY", "openai_key", "visitor_key")]
    assert found[0] == found[1] == ["api-key"] * 6
    assert found[2] == ["api-key", None, "api-key", None, None, None]
    assert key_kind("OPENAI_KEY", "a" * 15) is key_kind("OPENAI_KEY", DRAWN * 20) is None


WRITTEN = {
    "TOML": (f'[a]\nsecret = """\n{DRAWN}\n"""\nn = 1\n', DRAWN),
    "TOML, literally": (f"[a]\nsecret = '''\n{DRAWN}\n'''\nn = 1\n", DRAWN),
    "TOML, lines": (f'[a]\npassword = """\n{DRAWN}\n{SMALL}"""\nn = 1\n', DRAWN, SMALL),
    "TOML, joined": (f'[a]\napi_key = """\\\n    {DRAWN}\\\n    """\nn = 1\n', DRAWN),
    "HCL": (f"password = <<EOF\n{DRAWN}\nEOF\n", DRAWN),
    "HCL, indented": (f"  secret_key = <<-EOT\n    {DRAWN}\n  EOT\n", DRAWN),
    "docker": (json.dumps({"auths": {"x.example": {"auth": PADDED, "identitytoken": DRAWN, "registrytoken": SMALL}}}),
               PADDED, DRAWN, SMALL),
    "docker, logged": ("wrote " + json.dumps({"auths": {"x": {"identitytoken": DRAWN, "registrytoken": SMALL}}}),
                       DRAWN, SMALL),
    "ngrok": (f"authtoken: {DRAWN}", DRAWN),
    "a connection": (f"DefaultEndpointsProtocol=https;AccountName=shop;AccountKey={PADDED};EndpointSuffix=x", PADDED),
    "a device": (f"HostName=x.example;DeviceId=d1;SharedAccessKey={PADDED}", PADDED),
    "a header in a setting": (f"OTEL_HEADERS=Authorization=Basic%20{PADDED}", PADDED),
    "aws, told": (f"CREDENTIALS\tASIAQ7ZT44XYABCDEFGH\t2026-01-01T00:00:00Z\t{LONG[:40]}\t{LONG}", LONG[:40], LONG[40:]),
    "aws, a new key": (f"ACCESSKEY\tAKIAQ7ZT44XYABCDEFGH\t2026-01-01\t{LONG[:40]}\tActive", LONG[:40]),
    "secret": (f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: x\ndata:\n  api: {DRAWN}\n  tls.key: {HEX}\n", DRAWN, HEX),
    "secret, got": (f"apiVersion: v1\ndata:\n  api: {DRAWN}\nkind: Secret\nmetadata:\n  name: x\n", DRAWN),
    "secret, plain": (f"kind: Secret\nmetadata:\n  name: x\nstringData:\n  db: {DRAWN}\n  web: {SMALL}\n", DRAWN, SMALL),
    "pairs": ('show: [{"name": "password", "value": "' + DRAWN + '"}, {"name": "password2", "value": "' + HEX + '"}]', DRAWN, HEX),
    "a plan": (f'  ~ password = "{DRAWN}" -> "{HEX}"\n', DRAWN, HEX),
    "an output": (json.dumps({"conn": {"value": DRAWN, "type": "string", "sensitive": True}}), DRAWN),
    "two keys": (json.dumps({"key1": HEX, "key2": HEX[::-1]}), HEX, HEX[::-1]),
    "two keys of storage": (json.dumps({"primaryKey": PADDED, "secondaryKey": PADDED[::-1].strip("=") + "="}), PADDED),
    "a table": (f"Key         Value\n---         -----\npassword    {DRAWN}\nusername    ann\n", DRAWN),
    "unsealing": (f"Unseal Key 1: {PADDED}\nInitial Root Token: x\n", PADDED),
    "rust": (f'Config {{ password: Some("{DRAWN}") }}', DRAWN),
    "wordpress": ("define('AUTH_KEY', 'k|" + DRAWN + "^ !x');\ndefine( 'NONCE_SALT', '+" + HEX + "@x' );", DRAWN, HEX),
    "a mask": (f"::add-mask::{DRAWN}\n", DRAWN),
    "a crumb": (f"Jenkins-Crumb: {HEX}", HEX),
    "openvpn": (f"-----BEGIN OpenVPN Static key V1-----\n{HEX}\n{HEX[::-1]}\n-----END OpenVPN Static key V1-----\n", HEX, HEX[::-1]),
    "openvpn, a login": (f"<auth-user-pass>\nann\n{DRAWN}\n</auth-user-pass>\n", DRAWN),
    "ipsec": (f'%any %any : PSK "{DRAWN}"', DRAWN),
    "an option": (f"deploy --auth {DRAWN} --site y; up --auth-key={HEX}", DRAWN, HEX),
    "minio": (f"mc alias set m http://x ann {DRAWN}", DRAWN),
    "pulumi": (f"pulumi config set --secret dbPass {DRAWN}", DRAWN),
    "a function": (f"https://x.example/api/f?code={PADDED.translate({43: 45, 47: 95})}", PADDED[:13]),
    "a heartbeat": (f"https://up.example/api/v1/heartbeat/{DRAWN}", DRAWN),
    "machine keys": (f'<machineKey validationKey="{SHA.upper()}" decryptionKey="{HEX.upper()}" />', SHA.upper(), HEX.upper()),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITTEN)
def test_what_tools_write(name: str) -> None:
    """Settings, manifests, states, logs of builds, connection strings."""
    text, *secrets = WRITTEN[name]
    assert len(_held(text, *secrets)) == len(text)


@pytest.mark.parametrize(
    "key",
    [
        "sk-ant-ort01-" + "Ab9_xY" * 16, "AQ.Ab8R" + DRAWN * 2, "tgp_v1_" + (DRAWN * 2)[:43], "fw_" + DRAWN, "csk-" + SMALL * 2,
        "jina_" + HEX + DRAWN, "wandb_v1_" + DRAWN * 3, "sk_" + HEX + HEX[:16], "tvly-dev-" + (DRAWN * 2)[:32], "fc-" + HEX,
        "ABSK" + LONG[:120], "as-" + DRAWN[:22], "rpa_" + SMALL.upper() * 2, "crsr_" + SHA, "llx-" + DRAWN * 2, "vcp_" + LONG[:56],
        "napi_" + SHA, "rnd_" + (DRAWN * 2)[:32], "SWMTKN-1-" + (SMALL * 3)[:50] + "-" + (SMALL * 2)[:25], "AKCp" + LONG[:69],
        "sdk-" + UUID, "pat-na1-" + UUID, "access-sandbox-" + UUID, "re_" + DRAWN[:8] + "_" + DRAWN, "sk.eyJ1" + DRAWN * 2 + "." + DRAWN[:22],
        "xYz8Q~" + (DRAWN * 2)[:34], (DRAWN * 3)[:52] + "JQQJ99" + (SMALL.upper() * 2)[:26], "00D" + DRAWN[:12] + "!AQ" + LONG[:94],
        "1//0" + LONG[:60],
    ],
)  # fmt: skip
def test_keys_of_vendors(key: str) -> None:
    """Wherever they stand."""
    _held(f"the request with {key} was refused", key[10:])


def test_a_plus_that_is_no_space() -> None:
    """Of a setting that looks like a form: elsewhere the same stands with it."""
    bare = PADDED.rstrip("=").replace("/", "x")
    held = _held([f"API_TOKEN={bare}", bare, f"of {bare}"], bare)
    assert held[0] == f"API_TOKEN={held[1]}"
    assert held[2] == f"of {held[1]}"


@pytest.mark.parametrize("secret", ["(kM7qWcH4j)", "kM7q;Wc(H4jab", "kM7q'Wc\"H4jab=x=y=z=1=2=3=4=5=6"])
def test_signs_in_a_setting(secret: str) -> None:
    """All behind a telling name is a secret, as in the environment that `docker inspect` shows."""
    _held(["PORT=80", f"DB_PASSWORD={secret}"], secret)


def test_forms_in_forms() -> None:
    """However often one stands in another: it was a recursion without end, and the recording was dropped."""
    before = recording({"text": "a_key=" * 6_600, "again": "a=b=c=" * 3})
    assert REDACTOR.redact(before) is before
    deep = "a=b=" + "token=" + DRAWN
    assert DRAWN not in everything(REDACTOR.redact(recording({"text": deep})))


HOSTILE = (
    "A_KEY=", 'a_key: "', "a_key=Aa1", "aKey ", 'password = """\n a', "password=<<EOF\na\n", "password <<EOF\nabcdef\n",
    "kind: Secret\ndata:\n  aaaa: bbbbbbbbb\n", "\ndata:\n a: b\nkind: Secret\n", 'name": "password", "value": ',
    'password = "aaaa" -> "', "\npassword  a1", "AKIAABCDEFGHIJKLMNOP ", ': Secret("a', "define('A_KEY', '", "--auth-key=",
    "config set a --secret ", "/api/a?code=", "1//0aaaa", "A_KEY=" + "a.b" * 5 + " ", "STRIPE_KEY=" + "aB3" * 7 + "\n",
)  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
def test_no_rule_takes_long(piece: str) -> None:
    """40 KB of nothing but beginnings. The bound is generous: machines are busy."""
    text = (piece * (40_000 // len(piece) + 1))[:40_000]
    started = time.thread_time()
    for rule in TOOLS:
        list(find(text, (rule,), lambda size: None))
    assert time.thread_time() - started < 0.3
    spent = []
    for _ in range(3):
        started = time.thread_time()
        REDACTOR.redact(recording({"text": text}))
        spent.append(time.thread_time() - started)
    assert min(spent) < 0.1


def test_what_is_in_base64() -> None:
    """A file of Docker's within a Secret."""
    inner = json.dumps({"auths": {"x": {"identitytoken": DRAWN}}})
    made = _held(f"  .dockerconfigjson: {b64encode(inner.encode()).decode()}", DRAWN)
    assert made.startswith("  .dockerconfigjson: ")


ONE_LINE = [rule for rule in RULES if rule.hints and is_of_one_line(rule)]


@pytest.mark.parametrize("rule", ONE_LINE, ids=[f"{at}-{rule.kind}" for at, rule in enumerate(ONE_LINE)])
def test_what_is_found_in_lines(rule: Rule) -> None:
    """Of a long text only the lines with a hint are looked at: nothing that one line shows is passed over, wherever it
    stands, whatever the others have."""
    held = [*LINES.values(), *(text for text, *_ in WRITTEN.values()), *(text for text, _ in FOUND.values())]
    lines = [line for text in held for line in text.split("\n")]
    whole = "\n".join([*lines, "no hint at all"] * 2)
    assert len(whole) > 10_000
    found = {(each.start, each.end) for each in find(whole, [rule], lambda size: None)}
    start = 0
    for line in whole.split("\n"):
        alone = {(start + each.start, start + each.end) for each in find(line, [rule], lambda size: None)}
        assert alone <= found
        start += len(line) + 1


def test_a_hint_in_many_lines() -> None:
    """Then all of the text is looked at; also where letters have another size in another case."""
    rule = next(rule for rule in ONE_LINE if "curl" in rule.hints)
    for between in ("", "İ"):
        for number in (3, 3_000):
            text = f"{between}\n".join(f"curl -u ann:{DRAWN}{n} x" for n in range(number)) + "\n" + "x y " * 600
            assert len(list(find(text, [rule], lambda size: None))) == number
