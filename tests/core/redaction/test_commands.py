"""Secrets that are told by the line in which they stand; lines that only resemble such ones stay."""

from __future__ import annotations

import json
from base64 import b64encode

import pytest

from replay.core.redaction.structure import harm
from tests.core.redaction.test_redactor import CANARY, REDACTOR, everything, recording, shapes

C = CANARY
ANTHROPIC = "sk-ant-api03-" + "Ab9_xY" * 16
GITHUB = "ghp_" + "aB3dE6" * 6
LINES = {
    "curl -u": f"curl -s -u admin:{C} https://x.example/",
    "curl, joined": f"curl -uadmin:{C} https://x.example/",
    "curl --user": f"curl -H 'A: b' --user 'admin:{C}' https://x.example/",
    "curl, proxy": f"curl --proxy-user=admin:{C} https://x.example/",
    "mysql": f"mysql -h db -u root -p{C} shop",
    "mysqldump": f"mysqldump -uroot -p'{C}' shop > x.sql",
    "option": f"mysql --password {C} shop",
    "option of one dash": f"keytool -storepass {C} -list",
    "sshpass": f"sshpass -p '{C}' ssh ann@db",
    "docker": f"docker login -u ann -p {C} registry.example",
    "redis": f"redis-cli -h cache -a {C} ping",
    "ldap": f"ldapsearch -D cn=x -w {C} -b y",
    "az": f"az login --service-principal -u x -p {C} --tenant y",
    "mongo": f"mongosh -u ann -p {C}",
    "sqlcmd": f"sqlcmd -S db -U sa -P {C}",
    "smbclient": f"smbclient -U 'dom/ann%{C}' //x/y",
    "sqlplus": f"sqlplus scott/{C}@db",
    "oracle": f"jdbc:oracle:thin:scott/{C}@//h:1521/x",
    "htpasswd": f"htpasswd -b users ann {C}",
    "openssl": f"openssl rsa -passin pass:{C}",
    "aws": f"aws configure set aws_secret_access_key {C}",
    "docker file": f"ENV API_TOKEN {C}",
    "fish": f"set -x API_TOKEN {C}",
    "header": f"curl -H 'Authorization: token {C}' https://x.example/",
    "mosquitto": f"mosquitto_pub -h x -u ann -P {C} -t x",
    "psexec": f"psexec \\\\host -u ann -p {C} cmd",
    "freerdp": f"xfreerdp /u:ann /p:{C} /v:host",
    "rabbitmq": f"rabbitmqctl add_user ann {C}",
    "chpasswd": f'echo "root:{C}" | sudo chpasswd',
    "here string": f"gh auth login --with-token <<< {C}",
    "haproxy": f"stats auth admin:{C}",
    "ldif": "userPassword:: " + b64encode(C.encode()).decode(),
    "python with a type": f"api_token: str | None = '{C}'",
    "kotlin": f'val dbPassword: String? = "{C}"',
    "a call of java": f'config.setPassword("{C}")',
    "a hash of a password": f"User(id=1, password_hash='{C}', active=True)",
    "hmac": f"hmac_key = {C}",
    "sqlalchemy": f"[SQL: INSERT INTO u (a, token) VALUES (%s, %s)]\n[parameters: ('x', '{C}')]",
    "sqlalchemy, an update": f'[SQL: UPDATE u SET token=?, n=? WHERE id = ?]\n[parameters: ("{C}", 1, 2)]',
    "sqlalchemy, of many": "[SQL: INSERT INTO u (password, n) VALUES (?, ?)]\n[parameters: [('first1234', 1), "
    f"('{C}', 2)]]",
    "smtp": "AUTH PLAIN " + b64encode(b"\0ann\0" + C.encode()).decode(),
    "ftp": f"USER ann\r\nPASS {C}\r\n",
    "netrc": f"machine api.example.com\n  login ann\n  password {C}\n",
    "sql user": f"CREATE USER ann WITH PASSWORD '{C}'",
    "sql identified": f"CREATE USER ann IDENTIFIED BY '{C}'",
    "yaml block": f"db:\n  password: |\n    {C}\n  host: x",
    "yaml aligned": f"db:\n  password:      {C}\n  host:          x",
    "kubernetes": f"env:\n- name: DB_PASSWORD\n  value: {C}\n",
    "toml": f'[db]\npassword = """{C}"""\n',
    "odbc": "Driver={X};UID=a;PWD={" + C + "};",
    "ado.net": f"Server=db;Uid=sa;Pwd=a(b{C};x=1",
    "azure": f"AccountName=a;AccountKey={C}==;EndpointSuffix=x",
    "signed link": f"get https://x.blob.example/c?sv=2020&sig={C}%3D&se=1 failed",
    "quotes, spaces": f'password = "correct horse {C}"',
    "quotes, braces": f'password = "a{{b {C}"',
    "json, spaces": f'said {{"password": "correct \\"horse {C}"}} there',
    "json in json, spaces": "said " + json.dumps(json.dumps({"password": f"correct horse {C}"})),
    "bytes": repr({b"password": C.encode()}),
    "pair": repr([("password", C)]),
    "xml": f'<add key="ApiKey" value="{C}"/>',
    "slash in a url": f"postgres://app:ab/{C}@db/shop is down",
    "question mark in a url": f"amqp://app:a?{C}@mq/shop is down",
    "ampersand": f"login password=ab{C[:4]}&{C} failed",
    "ampersand, digits": f"password: x&{C}",
    "less than": f"password=abcd<{C}>",
    "less than, digits": f"password: {C[:7]}<9{C}",
    "toml array": f'[auth]\ntokens = ["{C}", "{C}x"]\n',
    "toml array of many lines": f"api_keys = [\n  '{C}',\n  '{C}b',\n]\n",
    "yaml array": f'passwords: ["aaaaaaa1", "{C}"]',
    "digest": f'Authorization: Digest username="u", response="{C.encode().hex()}0a", uri="/"',
    "hawk": f'Authorization: Hawk id="x", ts="1", mac="{C.replace("-", "/")}{C.replace("-", "/")}="',
    "curl, cookie": f"curl -b 'sid={C}' https://x.example",
    "java session": f"GET /cart;jsessionid={C} HTTP/1.1",
    "redis, prompt": f"redis> AUTH default {C}",
    "redis, settings": f"requirepass {C}",
    "postgres, passfile": f"localhost:5432:db:ann:{C}",
    "powershell": f'ConvertTo-SecureString "{C}" -AsPlainText',
    "wifi": f'network={{ ssid="x" psk="{C}" }}',
    "php session": f's:8:"password";s:15:"{C}";',
    "markdown": f"**Password:** {C}\n**Token**: {C}",
    "html table": f"<tr><td>Your password:</td> <td><b>{C}</b></td></tr>",
    "plist": f"<key>ApiToken</key>\n<string>{C}</string>",
    "shadow": f"root:$6$saltsalt${C.replace('-', '.') * 4}:18000:0:99999:7:::",
    "bcrypt": f"of $2b$12${(C.replace('-', '.') * 4)[:53]} it",
    "argon2": f"$argon2id$v=19$m=65536,t=3,p=4$abcdefgh${C.replace('-', '/')}",
    "django": f"pbkdf2_sha256$600000$salt${C.replace('-', '/') * 3}=",
    "werkzeug": f"scrypt:32768:8:1$salt${C.encode().hex()}00",
    "oauth, callback": f"https://a.example/cb?code={C}&state=xyz",
    "oauth, exchange": f"grant_type=authorization_code&code={C}&code_verifier={C}",
    "german": f"Passwort: {C}",
    "password of signs": f"login of ann with password {C}0b4R failed",
    "psql, one row": f"name     | ann\npassword | {C}\nage      | 12",
    "markdown, one row": f"| name | ann |\n| password | {C} |\n",
    "arrow": f"{{'password' -> {C}}}",
    "hex": f"0x{json.dumps({'password': C}).encode().hex()}",
    "anchor of YAML": f"db:\n  password: &pw {C}\n  other: 1\n",
    "tag of YAML": f"password: !!str '{C}'",
    "anchor and tag": f"password: &pw !env {C}",
    "block with a tag": f"password: !vault |\n  {C}\nport: 5432\n",
    "block with an anchor": f"password: &pw >-\n  {C}\nport: 5432\n",
    "net user": f"C:\\> net user ann {C} /add",
    "net user, options first": f'net user /domain "ann smith" "{C}"',
    "upper hex": f"blob {json.dumps({'password': C}).encode().hex().upper()} end",
}  # fmt: skip


@pytest.mark.parametrize("name", LINES)
def test_a_canary_is_nowhere(name: str) -> None:
    """Nothing of it is left, and redacting again changes nothing."""
    before = recording({"text": LINES[name]})
    after = REDACTOR.redact(before)
    text = everything(after)
    assert [shape for shape in [*shapes(C), C[-8:]] if shape in text] == []
    assert len(after.input.decode()["text"]) == len(LINES[name])
    assert [gap for gap in harm(before, after).gaps if gap.reason == "redaction"] == []
    assert REDACTOR.redact(after) == after


@pytest.mark.parametrize(
    "text",
    [
        "Bad credentials (key={})",
        "https://maps.example/x?key={}",
        "GET /x?a=1&key={} HTTP/1.1",
        "key={}&a=1",
        "https://a.example/login?magic={}",
        "/login?magic={}#top",
    ],
)
def test_names_that_say_little(text: str) -> None:
    """A key or a magic link that was drawn: of capitals, small letters and digits in two places."""
    drawn = "kM7qWcH4jab9Gf2z"
    nowhere = [{"text": text.format(drawn)}, {"texts": [text.format(f"{drawn}{at}") for at in range(100, 140)]}]
    for value in nowhere:
        after = REDACTOR.redact(recording(value))
        assert drawn not in everything(after)
        assert REDACTOR.redact(after) == after


@pytest.mark.parametrize("key", [ANTHROPIC, GITHUB, "sk_live_0123456789abcdefXYZ", "AKIAQ7ZT44XYABCDEFGH"])
@pytest.mark.parametrize("front", ["prefix-", "x_", "a-b-c_", ""])
def test_keys_behind_a_dash(front: str, key: str) -> None:
    """A vendor's key begins at any word, also of a longer name."""
    made = REDACTOR.redact(recording({"text": f"see {front}{key} there"})).input.decode()["text"]
    assert made.startswith(f"see {front}")
    assert made.endswith(" there")
    assert key[8:] not in made


@pytest.mark.parametrize(
    "text",
    [
        "Use --token instead of --password, or --api-key where neither is given.",
        "The --password option is required.",
        "docker run -p 8080:80 -u 1000:1000 nginx; mysql -P 3306 -p3306:3306 is wrong",
        "curl -u is short for --user",
        "mkdir -p /srv/app && cp -pr a b # mysql",
        "login page: password reset; default login: see the password policy",
        "PASS tests/test_shop.py",
        "password=${DB_PASSWORD} token=$TOKEN secret={{ vault }}",
        "token = tokens[0]; auth=auth[1:]; session = requests.Session(x); key: typing.Optional[bytes]",
        "password = getpass.getpass('x')",
        "fields = ['name', 'password', 'address']; ('password', 'token')",
        "see http://web:3000/@ann and git+ssh://host.example:org/repo@v1 and http://[::1]:80/x@y",
        "name,plan,city\nann,team,Rome\n",
        "Dear token, password and all,\nthanks, a lot, for it, all\n",
        "name: shop\nvalue: 12345678",
        "identified by the user",
        'tokens = ["hello", "worlds", "abcdefghij"]; keys = ["ab12345678"]; response="ok"',
        "AUTH failed for ann; AUTH PLAIN is off; see https://a.example/cb?code=404&x=1 and code=12345678",
        "<td>Password</td> <td></td><td>Token</td><td>none</td> **Note:** see **Password** rules",
        "scrypt: slow; $2 or $5 off; $6$; pbkdf2 is meant",
        "GET /x?page=1&size=2 <b>password</b> <br> a&amp;b",
        'config.setPassword(password); setToken("token"); token_type: str = "bearer"; name: str = "Ann Smith"',
        "gh auth login --with-token <<< $TOKEN; rabbitmqctl list_users; stats auth; mosquitto_sub -t plants/P",
        "[SQL: INSERT INTO u (a, n) VALUES (%s, %s)]\n[parameters: ('of a city', 12345)]",
        "token: !Ref DbToken; password: !secret db_password; password: *pw; password: &pw",
        "net user growth 2024 of 1000 users; the net user count is 12345; net user ann /delete",
        "sorted(names, key=len); (key=user42); cache key=users/UserProfile7a8b; ?key=12345678&magic=1",
        "a primary key=OrderItemNumberLong, key=2024-05-01T12:00:00Z, (key=0b1c2d3e4f5a6b7c8d9e)",
        "risk-management desk-abcdefghijklmnopqrstuvwxyz task_force",
        "d41d8cd98f00b204e9800998ecf8427e 0xdeadbeefdeadbeefdeadbeefdeadbeef",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    """Prose, manuals, code and templates."""
    before = recording({"text": text})
    assert REDACTOR.redact(before) is before
