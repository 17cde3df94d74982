"""Each client sees the same live, recorded, and replayed with the server down."""

from __future__ import annotations

from contextlib import nullcontext
from http.cookiejar import CookieJar
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import anthropic
import httpx
import httpx2
import openai
import pytest

from tests.boundaries.http.server import Server
from tests.boundaries.http.worlds import Playback, Taping, new_tape, run_in, seen

CASES = (
    "echo?x=1&x=2&y=é", "gzip", "deflate", "binary", "empty", "broken", "redirect", "chunked", "sse", "nowhere",
    "truncated", "truncated_chunked", "reset", "reset_in_body", "slow", "slow_body",
    "bad_chunk", "bad_status", "lowercase",
)  # fmt: skip
READ_SECONDS = 0.25


def httpx_get(module: Any) -> Any:
    def get(url: str) -> Any:
        with module.Client(trust_env=False, timeout=module.Timeout(5, read=READ_SECONDS), follow_redirects=True) as c:
            response = c.get(url)
            return (response.status_code, response.reason_phrase, response.http_version, response.headers.multi_items(),
                    response.content, len(response.history), dict(c.cookies))  # fmt: skip

    return get


def httpx_async_get(module: Any) -> Any:
    async def get(url: str) -> Any:
        limits = module.Timeout(5, read=READ_SECONDS)
        async with module.AsyncClient(trust_env=False, timeout=limits, follow_redirects=True) as client:
            response = await client.get(url)
            return (response.status_code, response.reason_phrase, response.http_version, response.headers.multi_items(),
                    response.content, len(response.history), dict(client.cookies))  # fmt: skip

    return get


def httpx_stream(module: Any) -> Any:
    def get(url: str) -> Any:
        with module.Client(trust_env=False, timeout=READ_SECONDS) as client, client.stream("GET", url) as response:
            return [response.status_code, *response.iter_raw()]

    return get


async def aiohttp_get(url: str) -> Any:
    limits = aiohttp.ClientTimeout(total=5, sock_read=READ_SECONDS)
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(timeout=limits, cookie_jar=jar) as session, session.get(url) as response:
        body = await response.read()
        cookies = {c.key: c.value for c in session.cookie_jar}
        return (response.status, response.reason, response.version, list(response.headers.items()),
                    response.raw_headers, body, len(response.history), cookies, response.content.at_eof())  # fmt: skip


async def aiohttp_total_timeout(url: str) -> Any:
    limits = aiohttp.ClientTimeout(total=READ_SECONDS)
    async with aiohttp.ClientSession(timeout=limits) as session, session.get(url) as response:
        return await response.text("latin-1")


GET = {
    "httpx": httpx_get(httpx),
    "httpx async": httpx_async_get(httpx),
    "httpx stream": httpx_stream(httpx),
    "httpx2": httpx_get(httpx2),
    "httpx2 async": httpx_async_get(httpx2),
    "httpx2 stream": httpx_stream(httpx2),
    "aiohttp": aiohttp_get,
    "aiohttp total": aiohttp_total_timeout,
}


def three_times(server: Server, work: Any, *args: Any) -> tuple[Any, Any, Any, Taping, Playback]:
    """Live, recorded, replayed without the server."""
    live = seen(None, work, *args)
    tape = new_tape()
    recorded = seen(tape, work, *args)
    interactions = tape.interactions()
    server.stop()
    playback = Playback(interactions)
    return live, recorded, seen(playback, work, *args), tape, playback


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("client", GET)
def test_a_get_is_the_same_three_times(server: Server, client: str, case: str) -> None:
    """Status, headers, body, redirects and cookies, or the exception's type and message, are those of the live run."""
    live, recorded, replayed, tape, playback = three_times(server, GET[client], f"{server.url}/{case}")
    assert replayed == recorded
    if "stream" not in client:
        assert recorded == live
    assert tape.tickets
    assert playback.waiting == []


class Looking(CookieJar):
    """A jar of the application's, which is shown every answer."""

    def __init__(self) -> None:
        super().__init__()
        self.looked = 0

    def extract_cookies(self, response: Any, request: Any) -> None:
        self.looked += 1
        super().extract_cookies(response, request)


@pytest.mark.parametrize("case", ["echo", "redirect"])
def test_a_jar_of_the_applications_sees_every_answer(server: Server, case: str) -> None:
    """At replay too, whether or not the answer sets cookies."""

    def looks(url: str) -> Any:
        jar = Looking()
        with httpx.Client(trust_env=False, cookies=jar) as client:
            client.get(url)
        return jar.looked, sorted(cookie.name for cookie in jar)

    live, recorded, replayed, _, _ = three_times(server, looks, f"{server.url}/{case}")
    assert live[1] == (1, ["a", "b"] if case == "redirect" else [])
    assert recorded == replayed == live


@pytest.mark.parametrize("module", [httpx, httpx2])
def test_certificates_are_loaded_once_at_replay(server: Server, module: Any) -> None:
    """Nothing is encrypted there, and to load them takes longer than all else that a client does. Who names other ones,
    or none, has those."""

    def contexts(url: str) -> Any:
        found = []
        for verify in (True, True, False):
            with module.Client(verify=verify, trust_env=False) as client:
                client.get(url)
                found.append(client._transport._pool._ssl_context)
        return found[0] is found[1], [bool(each.get_ca_certs()) for each in found], [each.verify_mode for each in found]

    live, recorded, replayed, _, _ = three_times(server, contexts, f"{server.url}/echo")
    assert (live[1][0], recorded[1][0], replayed[1][0]) == (False, False, True)
    assert live[1][1:] == recorded[1][1:] == replayed[1][1:]


def test_a_jar_with_a_method_of_the_applications_sees_every_answer(server: Server) -> None:
    """At replay too, where only the jar itself, not its class, has another way to look at them."""

    def looks(url: str) -> int:
        jar, looked = CookieJar(), list[Any]()
        jar.extract_cookies = lambda response, request: looked.append(request)  # type: ignore[method-assign]
        with httpx.Client(trust_env=False, cookies=jar) as client:
            client.get(url)
        return len(looked)

    live, recorded, replayed, _, _ = three_times(server, looks, f"{server.url}/echo")
    assert live == ("returned", 1)
    assert recorded == replayed == live


@pytest.mark.parametrize(("module", "ends"), [(httpx, "raised"), (httpx2, "returned")])
def test_cookies_of_a_response_made_by_hand_are_read_as_live(server: Server, module: Any, ends: str) -> None:
    """It has no request: httpx raises, whether or not the response sets cookies; httpx2 only if it does."""

    def extracts(url: str) -> None:
        module.get(url, trust_env=False)
        module.Cookies().extract_cookies(module.Response(200))

    live, recorded, replayed, _, _ = three_times(server, extracts, f"{server.url}/echo")
    assert live[0] == ends
    assert recorded == replayed == live


@pytest.mark.parametrize("client", GET)
def test_a_refused_connection_is_refused_again(server: Server, client: str) -> None:
    """A server that is down when it is recorded is down at replay, in the same words."""
    server.stop()
    live, recorded, replayed, tape, _ = three_times(server, GET[client], server.url)
    assert live[0] == "raised"
    assert recorded == replayed == live
    assert tape.interactions()[0].state == "raised"


async def aiohttp_compressed(url: str, raw: bool) -> bytes:
    async with aiohttp.ClientSession(auto_decompress=not raw) as session, session.get(url) as response:
        return await response.read()


@pytest.mark.parametrize("raw", [True, False])
def test_aiohttp_bodies_say_whether_they_were_decompressed(server: Server, raw: bool) -> None:
    """aiohttp decompresses below our seam: the recording says so, or a reader would decompress twice."""
    live, recorded, replayed, tape, _ = three_times(server, aiohttp_compressed, f"{server.url}/gzip", raw)
    assert recorded == replayed == live
    answer = tape.interactions()[0].answer.decode()
    assert answer["decoded"] is not raw
    assert answer["pieces"][0][1].startswith(b"\x1f\x8b") is raw


def streams(module: Any) -> Any:
    async def read(url: str) -> Any:
        async with module.AsyncClient(trust_env=False) as client, client.stream("GET", url) as response:
            return [part async for part in response.aiter_raw()]

    return read


async def aiohttp_pieces(url: str, how: str) -> Any:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        content = response.content
        if how == "lines":
            return [line async for line in content]
        if how == "chunked":
            return [part async for part in content.iter_chunked(7)]
        if how == "chunks":
            return b"".join([part async for part, _ in content.iter_chunks()])  # not where HTTP chunks ended
        if how == "at_eof":
            parts = []
            while not content.at_eof():
                parts.append(await content.readany())
            return parts
        if how == "exactly":
            return [await content.readexactly(5), await content.readuntil(b"v"), await content.read(3)]
        return [part async for part in content.iter_any()]


@pytest.mark.parametrize("module", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_pieces_of_an_async_stream_come_in_the_recorded_cuts(server: Server, module: Any) -> None:
    """A stream is replayed piece by piece, cut where the recorded run saw the cuts."""
    _, recorded, replayed, _, _ = three_times(server, streams(module), f"{server.url}/sse")
    assert recorded[0] == "returned"
    assert replayed == recorded


@pytest.mark.parametrize("how", ["lines", "chunked", "chunks", "any", "at_eof", "exactly"])
def test_every_way_to_read_an_aiohttp_stream_is_replayed(server: Server, how: str) -> None:
    """However the application reads aiohttp's content, it gets the recorded pieces again."""
    live, recorded, replayed, _, _ = three_times(server, aiohttp_pieces, f"{server.url}/sse", how)
    assert recorded[0] == "returned"
    assert replayed == recorded
    if how in ("lines", "exactly"):
        assert recorded == live


def openai_client(cls: Any, url: str) -> Any:
    return cls(api_key="k", base_url=f"{url}/v1", max_retries=0)


def openai_chat(url: str) -> Any:
    with openai_client(openai.OpenAI, url) as client:
        return client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}]).to_dict()


def openai_stream(url: str) -> Any:
    with openai_client(openai.OpenAI, url) as client:
        stream = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}], stream=True)
        return [chunk.to_dict() for chunk in stream]


async def openai_chat_async(url: str) -> Any:
    async with openai_client(openai.AsyncOpenAI, url) as client:
        made = await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
        return made.to_dict()


async def openai_stream_async(url: str) -> Any:
    async with openai_client(openai.AsyncOpenAI, url) as client:
        messages: Any = [{"role": "user", "content": "hi"}]
        stream = await client.chat.completions.create(model="m", messages=messages, stream=True)
        return [chunk.to_dict() async for chunk in stream]


def anthropic_client(cls: Any, url: str) -> Any:
    return cls(api_key="k", base_url=url, max_retries=0)


ASK: Any = {"model": "m", "max_tokens": 10, "messages": [{"role": "user", "content": "hi"}]}


def anthropic_message(url: str) -> Any:
    with anthropic_client(anthropic.Anthropic, url) as client:
        return client.messages.create(**ASK).to_dict()


def anthropic_stream(url: str) -> Any:
    with anthropic_client(anthropic.Anthropic, url) as client, client.messages.stream(**ASK) as stream:
        return [*stream.text_stream, stream.get_final_message().to_dict()]


async def anthropic_message_async(url: str) -> Any:
    async with anthropic_client(anthropic.AsyncAnthropic, url) as client:
        return (await client.messages.create(**ASK)).to_dict()


async def anthropic_stream_async(url: str) -> Any:
    async with anthropic_client(anthropic.AsyncAnthropic, url) as client, client.messages.stream(**ASK) as stream:
        texts = [text async for text in stream.text_stream]
        return [*texts, (await stream.get_final_message()).to_dict()]


SDKS = [openai_chat, openai_stream, openai_chat_async, openai_stream_async,
        anthropic_message, anthropic_stream, anthropic_message_async, anthropic_stream_async]  # fmt: skip


@pytest.mark.parametrize("work", SDKS)
def test_model_sdks_replay_the_same_chunks(server: Server, work: Any) -> None:
    """The openai SDK and the anthropic SDK, sync or async, streaming or not, see the recorded answer again."""
    live, recorded, replayed, _, playback = three_times(server, work, server.url)
    assert live[0] == "returned", live
    assert recorded == live
    assert replayed == live
    assert playback.waiting == []


def uploads_httpx(url: str) -> Any:
    with httpx.Client(trust_env=False) as client:
        parts = (part for part in (b"a", b"b"))
        return client.post(f"{url}/echo", content=parts).json(), client.post(
            f"{url}/echo", files={"f": ("n.txt", b"file")}, headers={"Content-Type": "multipart/form-data; boundary=B"}
        ).json()


async def uploads_httpx_async(url: str) -> Any:
    async def parts() -> Any:
        yield b"a"
        yield b"b"

    async with httpx2.AsyncClient(trust_env=False) as client:
        return (await client.post(f"{url}/echo", content=parts())).json()


async def uploads_aiohttp(url: str) -> Any:
    async def parts() -> Any:
        yield b"a"
        yield b"b"

    form = aiohttp.FormData({"k": "v", "n": "1"})
    async with aiohttp.ClientSession() as session:
        answers = []
        for data in (parts(), form, b"raw", "text"):
            async with session.post(f"{url}/echo", data=data) as response:
                answers.append(await response.json())
        async with session.post(f"{url}/echo", json={"a": 1}) as response:
            return [*answers, await response.json()]


@pytest.mark.parametrize("work", [uploads_httpx, uploads_httpx_async, uploads_aiohttp])
def test_streamed_uploads_are_recorded_whole(server: Server, work: Any) -> None:
    """What was sent piece by piece is in the recording as the server got it, and matches at replay."""
    live, recorded, replayed, tape, playback = three_times(server, work, server.url)
    assert live[0] == "returned", live
    assert recorded == replayed == live
    sent = [body for _, _, body in server.requests[len(server.requests) // 2 :]]
    assert [i.request.decode()["body"] for i in tape.interactions()] == sent
    assert playback.waiting == []


def first_piece_httpx(server: Server) -> Any:
    with httpx.Client(trust_env=False) as client, client.stream("GET", f"{server.url}/gated") as response:
        pieces = response.iter_raw()
        first = next(pieces)
        server.open_gate()
        return [first, *pieces]


async def first_piece_httpx2(server: Server) -> Any:
    async with httpx2.AsyncClient(trust_env=False) as client, client.stream("GET", f"{server.url}/gated") as response:
        pieces = []
        async for piece in response.aiter_raw():
            pieces.append(piece)
            server.open_gate()
        return pieces


async def first_piece_aiohttp(server: Server) -> Any:
    async with aiohttp.ClientSession() as session, session.get(f"{server.url}/gated") as response:
        pieces = []
        async for piece in response.content.iter_any():
            pieces.append(piece)
            server.open_gate()
        return pieces


@pytest.mark.parametrize("work", [first_piece_httpx, first_piece_httpx2, first_piece_aiohttp])
def test_recording_does_not_hold_back_the_first_piece(server: Server, work: Any) -> None:
    """The server sends the second piece only after the application has the first: recording must not wait for it."""
    assert run_in(new_tape(), work, server) == [b"data: first\n\n", b"data: second\n\n"]


async def aiohttp_form(url: str, path: Path) -> Any:
    with path.open("rb") as file:
        form = aiohttp.FormData(default_to_multipart=True)
        form.add_field("doc", file, filename="doc.bin")
        form.add_field("note", "some text")
        async with aiohttp.ClientSession() as session, session.post(url, data=form) as response:
            return response.status


def test_an_aiohttp_form_with_a_file_is_recorded_once_and_replays(server: Server, tmp_path: Path) -> None:
    """What is kept of a multipart upload is what the server got, and the same form is answered again."""
    path = tmp_path / "doc.bin"
    path.write_bytes(b"contents " * 9)
    live, recorded, replayed, tape, playback = three_times(server, aiohttp_form, f"{server.url}/echo", path)
    assert live == recorded == replayed == ("returned", 200)
    assert tape.interactions()[0].request.decode()["body"] == server.requests[1][2]
    assert playback.waiting == []


async def aiohttp_response_error(url: str) -> Any:
    async with aiohttp.ClientSession() as session:
        try:
            async with session.get(url):
                return "no error"
        except aiohttp.ClientResponseError as error:
            return str(error), repr(error), error.status, error.message, error.headers, error.history


def test_an_aiohttp_error_of_a_garbage_answer_speaks_as_live(server: Server) -> None:
    """`str`, `repr` and fields of a `ClientResponseError` from the wire are those of the live run."""
    live, recorded, replayed, _, _ = three_times(server, aiohttp_response_error, f"{server.url}/bad_status")
    assert live[1] != "no error"
    assert live == recorded == replayed


def chain_of(error: BaseException | None) -> list[Any]:
    chain: list[Any] = []
    while error is not None:
        link = error.__cause__ or error.__context__
        chain.append(
            (
                type(error).__qualname__,
                str(error),
                error.__cause__ is not None,
                error.__context__ is link,
                error.__suppress_context__,
            )
        )
        error = link
    return chain


def chain_in(get: Any) -> Any:
    async def work(url: str) -> Any:
        try:
            await get(url)
        except Exception as error:
            return chain_of(error)

    return work


def chain_of_sync(get: Any) -> Any:
    def work(url: str) -> Any:
        try:
            get(url)
        except Exception as error:
            return chain_of(error)

    return work


CHAINS = {
    "httpx": chain_of_sync(GET["httpx"]), "httpx2": chain_of_sync(GET["httpx2"]),
    "httpx async": chain_in(GET["httpx async"]), "httpx2 async": chain_in(GET["httpx2 async"]),
    "aiohttp": chain_in(aiohttp_get),
}  # fmt: skip


@pytest.mark.parametrize("case", ["slow", "reset", "slow_body", "bad_status"])
@pytest.mark.parametrize("client", CHAINS)
def test_every_link_of_an_error_chain_comes_back(server: Server, client: str, case: str) -> None:
    """Causes and contexts, down to the first, are those of the recorded run."""
    _, recorded, replayed, _, _ = three_times(server, CHAINS[client], f"{server.url}/{case}")
    assert recorded[1]
    assert replayed == recorded


@pytest.mark.parametrize("module", [httpx, httpx2], ids=lambda module: module.__name__)
@pytest.mark.parametrize(
    "extensions",
    [{"http_version": b"HTTP/2"}, {"http_version": b"HTTP/1.1", "reason_phrase": b""},
     {"http_version": b"HTTP/1.1", "reason_phrase": b"Slow Down"}],
    ids=("HTTP/2 has none", "empty", "its own"),
)  # fmt: skip
def test_the_words_of_a_refusal_are_those_of_production(module: Any, extensions: dict[str, bytes]) -> None:
    """Over HTTP/2 no reason phrase comes, and httpx says that of the status; an empty one of HTTP/1 stays empty."""

    class Pool(nullcontext[None]):
        def handle_request(self, request: Any) -> Any:
            return SimpleNamespace(status=429, headers=[], stream=[b"{}"], extensions=extensions)

    def get() -> None:
        transport = module.HTTPTransport()
        transport._pool = Pool()
        with module.Client(transport=transport, trust_env=False) as client:
            client.get("http://h/plans").raise_for_status()

    tape = new_tape()
    recorded = seen(tape, get)
    phrase = extensions.get("reason_phrase", b"Too Many Requests").decode()
    assert f"'429 {phrase}'" in recorded[-1]
    assert seen(Playback(tape.interactions()), get) == recorded
