"""Secrets as people, tools, files of settings and programs write them into texts; and what only looks so."""

from __future__ import annotations

import json
import quopri
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256

import pytest

from tests.core.redaction.test_redactor import REDACTOR, everything, recording

S = "kM7qW9xT2mLpR4vZ"
HEX = "9f86d081884c7d659a2feaa0c55ad015"
SPELLINGS = f"""setx DB_PASSWORD "{S}"
{{:password "{S}"}}
<property name="password">{S}</property>
<entry key="db.password">{S}</entry>
<string name="api_key">{S}</string>
<setting name="Password" serializeAs="String"><value>{S}</value></setting>
&lt;password&gt;{S}&lt;/password&gt;
data-x="{{&quot;password&quot;:&quot;{S}&quot;}}"
<b>Password:</b> {S}
<label>API key</label> <code>{S}</code>
http -a ann:{S} h/x
echo {S} | docker login -u ann --password-stdin
zip -P {S} a.zip
7z x -p{S} a.7z
snmpget -v2c -c {S} h
snmp-server community {S} RO
enable secret {S}
username ann password 0 {S}
tacacs-server key {S}
bindpw {S}
bindpw={S}
ann:{{SSHA}}{S}{S}
SELECT crypt('{S}', gen_salt('bf'))
SELECT pgp_sym_decrypt(x, '{S}')
SELECT AES_DECRYPT(x, '{S}')
Authorization: SSWS {S}
Authorization: GenieKey {S}
Authorization: Bot {S}
Authorization: AWS AKIAIOSFODNN7EXAMPLE:{S}{S}
Ocp-Apim-Subscription-Key: {S}
X-Hub-Signature-256: sha256={HEX}
Stripe-Signature: t=1714564800,v1={HEX}
login failed, password was {S}
wrong password "{S}"
invalid api key: {S}
Incorrect API key provided: {S}.
invalid token '{S}'
token {S} has expired
token "{S}" has expired
API key: {S}
API Key = {S}
Secret key: {S}
client secret {S}
PresharedKey = {S}
code_verifier={S}
SAMLResponse={S}
SECRET_KEY_BASE={S}
FERNET_KEY={S}
window.__TOKEN__ = "{S}"
$cfg['password'] = '{S}';
config["password"] = "{S}"
os.environ["API_KEY"] = "{S}"
Authenticator("ann", "{S}")
auth=('ann', '{S}')
HTTPBasicAuth('ann', '{S}')
session.login("ann", "{S}")
User [name=ann, password=[{S}]]
password=<{S}>
password=({S})
password\t{S}
PASSWORD {S}
password -> {S}
api_key --> {S}
net use x: \\\\files\\share {S} /user:ann
openssl enc -aes-256-cbc -k {S} -in x
SELECT id FROM sessions WHERE token IN ('{S}', '{S}b')
SELECT id FROM s WHERE session_token LIKE '{S}%'
DELETE FROM s WHERE "api_key" <> '{S}'
ann:{S}@tcp(db:3306)/shop
<input value="{S}" type="hidden" name="csrf_token">
kubectl create secret generic s --from-literal=config={S}
gh secret set NAME --body {S}
vault login {S}
[db_password] => {S}
["password"]=> string(16) "{S}"
tool --encryption-key {S}""".split("\n")
STAYS = [
    "unexpected token 'abc12345' at line 3",
    "a token bucket of 1000 tokens per second",
    "tokens: 1234567890123456",
    "token 1234567890123456 of 20",
    "API key: see the manual",
    "api keys are listed in section 12",
    "the password was changed on Monday",
    "password was required for user4711",
    "enable feature2024 in the settings",
    "the enable flag1",
    "echo done2024 | tee out.txt",
    "gzip -9 -P4 file2024.txt",
    "http GET example.org/items/2024",
    '<property name="timeout2">3000ms1</property>',
    "<b>Total:</b> 12345.67",
    "crypt.methods[0]",
    "login(request, user2024)",
    'login("home", next1)',
    "authorization: see RFC7235",
    "Authorization: Required",
    '["name", "ann2024"]',
    '["password", "email"]',
    "signature: def f(a1, b2)",
    'data-x="{&quot;name&quot;:&quot;ann2024&quot;}"',
    "1 &lt; 2 and 3 &gt; 2",
    "password=[]",
    "password=<password>",
    "session=[open]",
    "the rootpwd1 host",
    "def token(n: int) -> Token2: ...",
    "password -> hash_of(password)",
    "cat token | base64",
    " id | password | address2",
    "password|address1|address2",
    "count | secret2024_things | 12345678",
    "net use x: \\\\files\\share /persistent:yes",
    "openssl enc -aes-256-cbc -kfile /etc/keys/one2024",
    "the password Argon2id-v19 hashes, SHA256withRSA2 signs",
    "SELECT id FROM t WHERE token_type IN ('bearer', 'basic') AND name LIKE 'a2024%'",
    "SELECT secret_id FROM t WHERE id IN (SELECT id FROM t2024)",
    "see a:b@tcp and vault login --help",
    '<input value="item2024" type="text" name="product">',
    "[total] => 12345.67",
    '["name"]=> string(8) "ann12024"',
    "see https://h.example/@ann.lee/2024 and img@sha256:abc, a/@scope/pkg@1.2.3",
    "status code 404, exit code 13700, error code=40001, postal code 12345, code review 12345",
]


@pytest.mark.parametrize("text", SPELLINGS)
def test_a_secret_is_found_however_it_is_written(text: str) -> None:
    """In a line of a longer text; what stands around it stays, and redacting again changes nothing."""
    before = recording({"text": f"at 12:00 {text}\nthe next line"})
    after = REDACTOR.redact(before)
    left = everything(after)
    assert S not in left
    assert HEX not in left
    made = after.input.decode()["text"]
    assert len(made) == len(before.input.decode()["text"])
    assert made.startswith("at 12:00 ")
    assert made.endswith("\nthe next line")
    assert REDACTOR.redact(after) == after


@pytest.mark.parametrize("text", STAYS)
def test_what_is_no_secret_stays(text: str) -> None:
    """Words, code and numbers beside the same names."""
    before = recording({"text": f"at 12:00 {text}\nthe next line"})
    assert REDACTOR.redact(before) == before


@pytest.mark.parametrize(
    "front", ["mailto:", "<a href='mailto:", "EMAIL:", "to:", "acct:", "user=", "https://h.example/u/", "see/", "x:"]
)
def test_an_address_behind_a_sign(front: str) -> None:
    """Of links, cards, logs and paths: its domain stays."""
    made = REDACTOR.redact(recording({"text": f"{front}ada.lovelace@ex-mail.org"})).input.decode()["text"]
    assert made.startswith(front)
    assert made.endswith("@ex-mail.org")
    assert "ada" not in made
    assert len(made) == len(front) + len("ada.lovelace@ex-mail.org")


def test_several_cookies_in_one_header() -> None:
    """As clients put them together; a date has a comma, too."""
    value = f"a=b; Path=/; Expires=Wed, 21 Oct 2015 07:28:00 GMT, sid={S}; HttpOnly, n=x"
    made = REDACTOR.redact(recording({"headers": [["set-cookie", value]], "body": []})).input.decode()["headers"][0][1]
    assert S not in made
    assert made.partition("sid=")[0] == value.partition("sid=")[0]
    assert made.endswith("; HttpOnly, n=x")


def test_what_a_library_says_of_a_wrong_field() -> None:
    """Of pydantic the name stands in the line before."""
    pydantic = pytest.importorskip("pydantic")
    with pytest.raises(pydantic.ValidationError) as caught:
        pydantic.create_model("Login", password=(int, ...), name=(int, ...))(password=S, name="ann2024")
    made = REDACTOR.redact(recording({"text": str(caught.value)})).input.decode()["text"]
    assert S not in made
    assert "input_value='ann2024'" in made


def test_what_a_member_beside_it_says() -> None:
    """A Secret of Kubernetes, and the code of OAuth."""
    secret = {"kind": "Secret", "metadata": {"name": "db"}, "data": {"config": b64encode(S.encode()).decode()},
              "stringData": {"url": S}}  # fmt: skip
    grant = {"grant_type": "authorization_code", "code": S, "redirect_uri": "u"}
    other = {"kind": "ConfigMap", "metadata": {"name": "db"}, "data": {"config": "level=2024"}, "code": "AB12345678"}
    for value in (secret, grant):
        for held in (value, {"json": json.dumps(value)}):
            assert S not in everything(REDACTOR.redact(recording(held)))
            assert b64encode(S.encode()).decode() not in everything(REDACTOR.redact(recording(held)))
    assert REDACTOR.redact(recording(other)) == recording(other)


def test_a_name_and_its_value_in_a_list_of_two() -> None:
    """As programs log them; a list of names stays."""
    after = REDACTOR.redact(
        recording({"pair": ["password", S], "names": ["password", "email"], "way": ["auth", "oauth2"]})
    ).input.decode()
    assert after["pair"][0] == "password"
    assert after["pair"][1] != S
    assert (after["names"], after["way"]) == (["password", "email"], ["auth", "oauth2"])


def test_a_password_in_a_form_in_parts_that_was_logged() -> None:
    """Of `multipart/form-data`, as text."""
    text = f'POST /login\r\n\r\n--b\r\nContent-Disposition: form-data; name="password"\r\n\r\n{S}\r\n--b--'
    assert S not in everything(REDACTOR.redact(recording({"text": text})))


@pytest.mark.parametrize("name", ["subscription_key", "consumerKey", "bindpw", "mfa_code", "verificationCode", "tel",
                                  "card_no", "account_no", "FERNET_KEY", "Geburtsdatum", "ipv4"])  # fmt: skip
def test_names_that_say_it(name: str) -> None:
    """In any case and with any separators."""
    value = b64encode(S.encode()).decode()
    assert REDACTOR.redact(recording({name: value})).input.decode()[name] != value


ODD = "Tr0ub & \"d'or/3+x=é"
WAYS: dict[str, Callable[[str], str]] = {
    "repr": repr,
    "repr of bytes": lambda text: repr(text.encode()),
    "JSON in JSON": lambda text: json.dumps(json.dumps(text)),
    "JSON in JSON as it is": lambda text: json.dumps(json.dumps(text, ensure_ascii=False), ensure_ascii=False),
    "CSV": lambda text: text.replace('"', '""'),
    "quoted-printable": lambda text: quopri.encodestring(text.encode()).decode(),
    "escapes": lambda text: "".join(f"\\u{ord(char):04x}" for char in text),
    "entities": lambda text: "".join(f"&#x{ord(char):x};" for char in text),
    "a script of PowerShell": lambda text: b64encode(f"Connect {text} ".encode("utf-16-le")).decode(),
    "a digest in capitals": lambda text: sha256(text.encode()).hexdigest().upper(),
}


@pytest.mark.parametrize("secret", [S, ODD, "a=b=c42?"])
@pytest.mark.parametrize("way", WAYS)
def test_a_known_secret_is_masked_in_other_spellings(way: str, secret: str) -> None:
    """In a sentence, and as a text of its own."""
    text = WAYS[way](secret)
    made = REDACTOR.redact(recording({"password": secret, "say": f"it was {text} there", "alone": text})).input.decode()
    assert text not in made["say"]
    assert made["alone"] != text
    assert len(made["say"]) == len(f"it was {text} there")


@pytest.mark.parametrize("word", ["TelFHRpsCcUg", "sLAEHJslrFax", "qXzIpWvTrKbN", "aPinQxZwVbTr", "kJhG_fDsAqW"])
def test_a_word_that_was_drawn_is_no_name(word: str) -> None:
    """By chance a short word that names a secret stands between its capitals; names of code stay."""
    text = f"token={word} token=accessToken password=userPassword secret=sessionID"
    made = REDACTOR.redact(recording({"text": f"at 12:00 {text}"})).input.decode()["text"]
    assert word not in made
    assert made.partition(" token=accessToken")[1:] == f"at 12:00 {text}".partition(" token=accessToken")[1:]
