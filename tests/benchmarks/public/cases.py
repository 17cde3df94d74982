"""The list: which library in which version, who reported the crash, and what it looks like."""

from __future__ import annotations

import msgspec

GITHUB = "https://github.com/"


class Case(msgspec.Struct, frozen=True):
    """A library, and the crash of it that somebody reported."""

    app: str
    """Module below `apps`."""
    requires: tuple[str, ...]
    """As pip takes them."""
    report: str
    """Below GITHUB."""
    error: str
    """Type of the exception."""
    function: str
    """Of the library, on the way of the exception."""
    message: str
    """What the exception says, in part."""
    allowed: tuple[str, ...] = ()
    """What the library declares for input that is wrong."""

    @property
    def name(self) -> str:
        return self.requires[0].replace("==", " ")


CASES = (
    Case(
        "settings_toml",
        ("toml==0.9.4",),
        "uiri/toml/issues/156",
        "IndexError",
        "loads",
        "list index out of range",
        ("TomlDecodeError",),
    ),
    Case(
        "deadline_aniso8601",
        ("aniso8601==8.0.0",),
        "flask-restful/flask-restful/issues/879",
        "ValueError",
        "parse_datetime",
        "not enough values to unpack",
        ("ISOFormatError",),
    ),
    Case(
        "events_isodate",
        ("isodate==0.6.1",),
        "gweis/isodate/issues/90",
        "ValueError",
        "parse_time",
        "must be in 0..",
        ("ISO8601Error",),
    ),
    Case(
        "page_markdownify",
        ("markdownify==0.12.1",),
        "matthewwithanm/python-markdownify/issues/126",
        "ValueError",
        "convert_th",
        "invalid literal for int()",
    ),
    Case(
        "notes_markdown",
        ("Markdown==3.8",),
        "Python-Markdown/markdown/issues/1534",
        "AssertionError",
        "parse_html_declaration",
        "expected name token",
    ),
    Case(
        "answer_json_repair",
        ("json_repair==0.25.0",),
        "mangiucugna/json_repair/issues/54",
        "RecursionError",
        "parse_json",
        "maximum recursion depth exceeded",
    ),
    Case(
        "answer_fix_busted_json",
        ("fix-busted-json==0.0.18",),
        "Qarj/fix-busted-json/issues/5",
        "IndexError",
        "eat_whitespace",
        "string index out of range",
        ("JSONDecodeError",),
    ),
    Case(
        "channel_m3u8",
        ("m3u8==1.0.0",),
        "globocom/m3u8/issues/275",
        "ValueError",
        "_parse_simple_parameter_raw_value",
        "not enough values to unpack",
        ("ParseError",),
    ),
    Case(
        "review_unidiff",
        ("unidiff==0.7.5",),
        "matiasb/python-unidiff/issues/148",
        "UnboundLocalError",
        "_parse",
        "source_file",
        ("UnidiffParseError",),
    ),
    Case(
        "jobs_croniter",
        ("croniter==1.0.2",),
        "taichino/croniter/issues/155",
        "ValueError",
        "expand",
        "invalid literal for int()",
        ("CroniterBadCronError", "CroniterNotAlphaError", "CroniterBadDateError", "CroniterUnsupportedSyntaxError"),
    ),
    Case(
        "mail_html2text", ("html2text==2020.1.16",), "Alir3z4/html2text/issues/334", "AssertionError", "handle_tag", ""
    ),
    Case(
        "deploy_yaml",
        ("PyYAML==6.0.1",),
        "yaml/pyyaml/issues/382",
        "ValueError",
        "construct_yaml_timestamp",
        "",
        ("ParserError", "ScannerError", "ComposerError", "ConstructorError", "ReaderError"),
    ),
    Case(
        "document_jsonpatch",
        ("jsonpatch==1.24",),
        "stefankoegl/python-json-patch/issues/88",
        "KeyError",
        "__init__",
        "path",
        ("InvalidJsonPatch", "JsonPatchConflict", "JsonPointerException"),
    ),
    Case(
        "card_dateutil",
        ("python-dateutil==2.8.1",),
        "dateutil/dateutil/issues/981",
        "TypeError",
        "parse",
        "unsupported operand type(s)",
        ("ParserError", "OverflowError"),
    ),
    Case(
        "reminder_parsedatetime",
        ("parsedatetime==1.4",),
        "bear/parsedatetime/issues/39",
        "OverflowError",
        "_buildTime",
        "",
    ),
    Case(
        "calendar_icalendar",
        ("icalendar==3.9.1",),
        "collective/icalendar/pull/179",
        "IndexError",
        "from_ical",
        "list index out of range",
        ("ValueError",),
    ),
    Case(
        "visits_httpagentparser",
        ("httpagentparser==1.2.2",),
        "shon/httpagentparser/issues/39",
        "IndexError",
        "getVersion",
        "list index out of range",
    ),
    Case(
        "negotiation_mimeparse",
        ("python-mimeparse==0.1.4",),
        "falconry/python-mimeparse/issues/2",
        "ValueError",
        "parse_mime_type",
        "values to unpack",
    ),
    Case(
        "news_fastfeedparser",
        ("fastfeedparser==0.1.0",),
        "kagisearch/fastfeedparser/issues/7",
        "ValueError",
        "parse",
        "No entries found",
        ("XMLSyntaxError",),
    ),
    Case(
        "chat_slackclient",
        ("slackclient==2.6.2",),
        "slackapi/python-slack-sdk/issues/718",
        "JSONDecodeError",
        "_sync_send",
        "",
        ("SlackApiError",),
    ),
    Case(
        "team_slack_sdk",
        ("slack_sdk==3.8.0",),
        "slackapi/python-slack-sdk/issues/1100",
        "AttributeError",
        "get",
        "'NoneType' object has no attribute 'get'",
        ("SlackApiError",),
    ),
    Case(
        "music_spotipy",
        ("spotipy==2.19.0",),
        "spotipy-dev/spotipy/issues/745",
        "AttributeError",
        "_handle_oauth_error",
        "'Response' object has no attribute 'txt'",
        ("SpotifyOauthError", "SpotifyException"),
    ),
    Case(
        "summary_openai",
        ("openai==2.38.0",),
        "openai/openai-python/pull/3316",
        "TypeError",
        "parse_response",
        "'NoneType' object is not iterable",
        ("APIConnectionError", "APITimeoutError", "APIStatusError", "ValidationError"),
    ),
)
