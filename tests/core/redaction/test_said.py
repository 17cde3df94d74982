"""What prose, protocols, tables and address cards say around a secret; and what only looks so."""

from __future__ import annotations

import pytest

from tests.core.redaction.test_redactor import REDACTOR, everything, recording

FOUND = {
    'k8s yaml': ('env:\n  - name: DB_PASSWORD\n    value: Zk7qPw9xT2vB\n  - name: X\n    value: plain\n', 'Zk7qPw9xT2vB'),
    'k8s one space': (' name: DB_PASSWORD\n value: Zk7qPw9xT2vB\n', 'Zk7qPw9xT2vB'),
    'k8s quoted': ('- name: "DB_PASSWORD"\n  value: "Zk7qPw9xT2vB"\n', 'Zk7qPw9xT2vB'),
    'k8s order': ('- value: Zk7qPw9xT2vB\n  name: DB_PASSWORD\n', 'Zk7qPw9xT2vB'),
    'k8s crlf': ('- name: API_TOKEN\r\n  value: Zk7qPw9xT2vB\r\n', 'Zk7qPw9xT2vB'),
    'terraform': ('variable "db_password" {\n  default = "Zk7qPw9xT2vB"\n}', 'Zk7qPw9xT2vB'),
    'psql': (' id | name | password     | n\n----+------+--------------+---\n  1 | ann  | Zk7qPw9xT2vB | 3\n(1 row)\n', 'Zk7qPw9xT2vB'),
    'psql end': (' id | password\n----+--------------\n  1 | Zk7qPw9xT2vB\n(1 row)\n', 'Zk7qPw9xT2vB'),
    'mysql box': ('+----+------+--------------+\n| id | name | password     |\n+----+------+--------------+\n|  1 | ann  | Zk7qPw9xT2vB |\n+----+------+--------------+\n', 'Zk7qPw9xT2vB'),
    'markdown': ('| name | api key |\n|---|---|\n| ann | Zk7qPw9xT2vB |\n', 'Zk7qPw9xT2vB'),
    'markdown prose before': ('Here are the accounts:\n\n| name | api_key | n |\n|:---|:---:|---:|\n| ann | `Zk7qPw9xT2vB` | 2 |\n\nbye', 'Zk7qPw9xT2vB'),
    'unicode box': ('┌────┬──────────────┐\n│ id │ password     │\n├────┼──────────────┤\n│ 1  │ Zk7qPw9xT2vB │\n└────┴──────────────┘\n', 'Zk7qPw9xT2vB'),
    'aligned': ('NAME   TOKEN          AGE\nann    Zk7qPw9xT2vB   3d\nbob    Qm4wErt8Yu1i   4d\n', 'Zk7qPw9xT2vB'),
    'vertical mysql': ('*************************** 1. row ***************************\n      id: 1\npassword: Zk7qPw9xT2vB\n', 'Zk7qPw9xT2vB'),
    'putty': ('PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: x\nPublic-Lines: 2\nAAAAC3NzaC1lZDI1NTE5AAAAIE\nabc=\nPrivate-Lines: 1\nAAAAIKq7Zt44xyAb9dKq8LAAAAIKq7Zt44xyAb9dKq8L\nPrivate-MAC: 0123456789abcdef0123456789abcdef01234567\n', 'AAAAIKq7Zt44xyAb9dKq8LAAAAIKq7Zt44xyAb9dKq8L'),
    'otp1': ('your code is 123456', '123456'),
    'otp2': ('Your verification code: 482913', '482913'),
    'otp3': ('482913 is your login code', '482913'),
    'otp4': ('Use code 482913 to sign in', '482913'),
    'otp5': ('G-482913 is your Google verification code', '482913'),
    'otp6': ('Enter 482913 to verify your account', '482913'),
    'otp7': ('Your one-time passcode is 482 913.', '482 913'),
    'otp8': ('Ihr Code lautet 482913', '482913'),
    'ssn': ('SSN 078-05-1120', '078-05-1120'),
    'ssn2': ('social security number is 078-05-1120.', '078-05-1120'),
    'ssn3': ('my ssn: 078051120', '078051120'),
    'ssn4': ('SSN#078-05-1120', '078-05-1120'),
    'ssn5': ('Social Security: 078 05 1120', '078 05 1120'),
    'resp': ('*2\r\n$4\r\nAUTH\r\n$12\r\nZk7qPw9xT2vB\r\n', 'Zk7qPw9xT2vB'),
    'resp2': ('*3\r\n$4\r\nAUTH\r\n$3\r\nann\r\n$12\r\nZk7qPw9xT2vB\r\n', 'Zk7qPw9xT2vB'),
    'resp3': ('*6\r\n$5\r\nHELLO\r\n$1\r\n3\r\n$4\r\nAUTH\r\n$7\r\ndefault\r\n$12\r\nZk7qPw9xT2vB\r\n$7\r\n', 'Zk7qPw9xT2vB'),
    'hello': ('HELLO 3 AUTH default Zk7qPw9xT2vB SETNAME x', 'Zk7qPw9xT2vB'),
    'auth inline': ('AUTH Zk7qPw9xT2vB', 'Zk7qPw9xT2vB'),
    'config set': ('CONFIG SET requirepass Zk7qPw9xT2vB', 'Zk7qPw9xT2vB'),
    'irc': ('PASS Zk7qPw9xT2vB\r\nNICK ann\r\nUSER ann 0 * :Ann\r\n', 'Zk7qPw9xT2vB'),
    'irc2': ('NickServ IDENTIFY ann Zk7qPw9xT2vB', 'Zk7qPw9xT2vB'),
    'irc3': (':PRIVMSG NickServ :IDENTIFY Zk7qPw9xT2vB', 'Zk7qPw9xT2vB'),
    'oper': ('OPER ann Zk7qPw9xT2vB\r\n', 'Zk7qPw9xT2vB'),
    'ftp': ('USER ann\r\nPASS Zk7qPw9xT2vB\r\n', 'Zk7qPw9xT2vB'),
    'vcard': ('BEGIN:VCARD\nFN:Ann\nTEL;TYPE=cell:+49 170 1234567\nEND:VCARD', '+49 170 1234567'),
    'vcard2': ('BEGIN:VCARD\nTEL:+14155550100\nEMAIL:ann@x.example\nEND:VCARD', '+14155550100'),
    'vcard3': ('BEGIN:VCARD\r\nTEL;VALUE=uri;PREF=1:tel:+1-415-555-0100\r\nEND:VCARD', '+1-415-555-0100'),
    'vcard bday': ('BEGIN:VCARD\nBDAY:1985-04-12\nEND:VCARD', '1985-04-12'),
    'jdbc1': ('jdbc:postgresql://db/x?user=a&password=Zk7qPw9xT2vB', 'Zk7qPw9xT2vB'),
    'jdbc2': ('jdbc:mysql://ann:Zk7qPw9xT2vB@db:3306/x', 'Zk7qPw9xT2vB'),
    'jdbc3': ('jdbc:sqlserver://h;user=sa;password=Zk7qPw9xT2vB;encrypt=true', 'Zk7qPw9xT2vB'),
    'jdbc4': ('jdbc:oracle:thin:scott/Zk7qPw9xT2vB@//h:1521/x', 'Zk7qPw9xT2vB'),
    'jdbc5': ('jdbc:db2://h:50000/x:user=a;password=Zk7qPw9xT2vB;', 'Zk7qPw9xT2vB'),
    'jdbc6': ('jdbc:mysql://(host=h,user=a,password=Zk7qPw9xT2vB)/db', 'Zk7qPw9xT2vB'),
    'smtp1': ('AUTH PLAIN AGFubgBaazdxUHc5eFQydkI=', 'AGFubgBaazdxUHc5eFQydkI'),
    'smtp2': ('AUTH LOGIN\r\n334 VXNlcm5hbWU6\r\nYW5u\r\n334 UGFzc3dvcmQ6\r\nWms3cVB3OXhUMnZC\r\n', 'Wms3cVB3OXhUMnZC'),
    'smtp3': ('C: AUTH LOGIN YW5u\nS: 334 UGFzc3dvcmQ6\nC: Wms3cVB3OXhUMnZC\n', 'Wms3cVB3OXhUMnZC'),
    'smtp cram': ('AUTH CRAM-MD5\r\n334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+\r\ndGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw\r\n', 'dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw'),
    'sip': ('Authorization: Digest username="ann", realm="x", nonce="84a4cc6f3082121f32b42a2187831a9e", uri="sip:x", response="7587245234b3434cc3412213e5f113a5"', '7587245234b3434cc3412213e5f113a5'),
    'sip2': ('Proxy-Authorization: Digest username="ann",realm="x",nonce="84a4",uri="sip:x",response="7587245234b3434cc3412213e5f113a5",algorithm=MD5', '7587245234b3434cc3412213e5f113a5'),
    'italian': ("parola d'ordine: Zk7qPw9xT2vB", 'Zk7qPw9xT2vB'),
    'turkish': ('şifre: Zk7qPw9xT2vB', 'Zk7qPw9xT2vB'),
    'swedish': ('Lösenord: Zk7qPw9xT2vB', 'Zk7qPw9xT2vB'),
    'czech': ('heslo: Zk7qPw9xT2vB', 'Zk7qPw9xT2vB'),
    'french, said': ('mon mot de passe est Zk7qPw9xT2vB.', 'Zk7qPw9xT2vB'),
    'spanish, said': ('mi contraseña es Zk7qPw9xT2vB', 'Zk7qPw9xT2vB'),
    'german, said': ('mein Passwort ist Zk7qPw9xT2vB, danke', 'Zk7qPw9xT2vB'),
    'portuguese, said': ('a senha é Zk7qPw9xT2vB', 'Zk7qPw9xT2vB'),
    'chinese, said': ('我的密码是Zk7qPw9xT2vB', 'Zk7qPw9xT2vB'),
    'key in prose': ('here is the key: Zk7qPw9xT2vBw8Lm please use it', 'Zk7qPw9xT2vBw8Lm'),
    'login with a slash': ('login: admin / Zk7qPw9xT2vB', 'Zk7qPw9xT2vB'),
    'credentials with a slash': ('credentials: admin/Zk7qPw9xT2vB on db5', 'Zk7qPw9xT2vB'),
    'wifi code': ('WIFI:S:home;T:WPA;P:Zk7qPw9xT2vB;;', 'Zk7qPw9xT2vB'),
    'kubeconfig': ('  user:\n    client-key-data: LS0tWms3cVB3OXhUMnZC\n', 'LS0tWms3cVB3OXhUMnZC'),
    'x-wsse': ('UsernameToken Username="ann", PasswordDigest="Wms3cVB3OXhUMnZCYWJj", Nonce="a"', 'Wms3cVB3OXhUMnZCYWJj'),
    'lftp': ('lftp -u ann,Zk7qPw9xT2vB ftp.example', 'Zk7qPw9xT2vB'),
    'sudo': ('echo "Zk7qPw9xT2vB" | sudo -S apt update', 'Zk7qPw9xT2vB'),
}  # fmt: skip
"""How it is written: the text, its secret."""
STAYS = [
    "la parola: d'onore; heslo: kniha; Das Passwort ist falsch; le mot de passe est obligatoire; 密码是必填项",
    'cache key: users/UserProfile7a8b, sort key: created_at2, key: value1, PRIMARY_KEY=OrderItem7',
    'login: api/v1/Users2/list, see login / signup2 and credentials: read/write',
    'WIFI:S:guest;T:nopass;; echo done | sudo -S; lftp -u ann ftp.example',
    'lib@latest.min.js',
    'cdn.example/npm/lib@latest.min.js',
    'user@sha256:4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945',
    'img: app@sha256:4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945',
    'git@github.com:acme/shop.git',
    'git clone git@github.com:acme/shop.git',
    'perf_counter_ns 30123456789012',
    't=30569309025904 ns',
    'ts 1700000000123456789',
    'epoch_ms=1700000000123',
    'snowflake 1234567890123456789',
    'order 30569309025904',
    'order 3056930902590400',
    'pytest@7.4.3.post1',
    'react@18.2.0',
    '@types/node@20.1.0',
    'a@b',
    'x@y.z',
    'node@lts.alpine',
    'logo@2x.png',
    'icon@3x.webp',
    'main@HEAD.diff',
    'the code is 404 here',
    'error code is 500123 lines',
    'code is 12 lines',
    'exit code 137',
    'status code 200',
    'zip code 94103',
    'zip code is 94103',
    'country code is 49',
    'your discount code is SUMMER',
    'postal code 10115',
    'product code 482913',
    '| name | n |\n|---|---|\n| ann | 12 |\n',
    ' id | name\n----+------\n  1 | ann\n',
    'NAME   READY   AGE\nann    1/1     3d\n',
    'PASS tests/test_a.py::test_b',
    'PASS src/app.test.js\nPASS src/b.test.js',
    '--- PASS: TestA (0.00s)',
    'SSN is required',
    'HELLO world auth is nice',
    'TEL Aviv',
    'telephone: none',
    'AUTH failed for ann',
    'name: DB_HOST\nvalue: db.internal',
    'name: password\nvalue: ',
    'AUTH LOGIN',
    'sha256@example',
    '4 USER accounts PASSED in 3s',
    'at 20240501120000 and 2024050112000012',
    'order 30569309025904',
    'took 30569309025904 ns',
    '{"start_ns": 30569309025904}',
    'at t0=30123456789019',
    '| Token | Meaning |\n|---|---|\n| expired | sign in again |\n| none | no token |\n',
    'NAME   TOKEN\nann    present\nbob    <none>\n',
    'Total  2024\n-----------\nall    12345\n',
    'a code is 123456 lines long',
    'your order code is 482913',
    'is your name 123456',
    'use 123456 items to sign',
    'Private-Lines: none',
    '$4\nECHO\n$5\nhello',
    'value: x\nname: y',
]  # fmt: skip


@pytest.mark.parametrize("name", FOUND)
def test_it_is_found(name: str) -> None:
    """Alone, and within a longer text; what stands around it stays, and redacting again changes nothing."""
    text, secret = FOUND[name]
    for front in ("", "the day began\n\n"):
        before = recording({"text": front + text})
        after = REDACTOR.redact(before)
        made = after.input.decode()["text"]
        assert secret not in everything(after)
        assert len(made) == len(front) + len(text)
        assert REDACTOR.redact(after) == after
        assert [each for each in REDACTOR.find(before) if secret in each.text or each.text in secret] != []


@pytest.mark.parametrize("text", STAYS)
def test_it_is_no_secret(text: str) -> None:
    """Files, versions, images, moments, counters, words of tables and of tests."""
    before = recording({"text": text})
    assert REDACTOR.redact(before) == before


def test_cells_are_the_same_elsewhere() -> None:
    """Of a table with many rows; the others stay."""
    words = [f"Zk7q{number:04}Pw9x" for number in range(90)]
    rows = "".join(f"| {number:3} | {word} | ann |\n" for number, word in enumerate(words))
    text = f"+-----+--------------+-----+\n|  id | password     | who |\n+-----+--------------+-----+\n{rows}+-----+\n"
    held = REDACTOR.redact(recording({"text": text, "words": words[:3]})).input.decode()
    made = [line.split("|")[2].strip() for line in held["text"].splitlines()[3:-1]]
    assert made[:3] == held["words"]
    assert [
        line.replace(new, old) for line, new, old in zip(held["text"].splitlines()[3:-1], made, words, strict=True)
    ] == (rows.splitlines())
    assert set(made).isdisjoint(words)


def test_a_number_that_counts_nanoseconds_is_no_card() -> None:
    """Of a clock; under the name of a card it is one."""
    before = recording(
        {"at": 30569309025904, "card_number": 30569309025904, "paid": 4012888888881881, "moment": 20240501120009}
    )
    held = REDACTOR.redact(before).input.decode()
    assert held["moment"] == 20240501120009
    assert 4012888888881881 != held["paid"] != held["card_number"] != 30569309025904
