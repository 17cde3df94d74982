"""Keys that a name and a value tell together: `OPENAI_KEY=...`, `stripeKey: "..."`, where the value was drawn.

Most names that end in `key` are of data (`primary_key`, `cache_key`, `s3_key`), and what a program made stays as it is:
a replay makes it again. So the name must say nothing of data, and the value must be one that nobody writes.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise

from replay.core.redaction.keys import words

_OF_DATA = frozenset({
    "alert", "alias", "animation", "any", "arrow", "artifact", "asset", "attr", "attribute", "backup", "base",
    "blob", "block", "bucket", "build", "business", "by", "cache", "candidate", "cell", "change", "channel", "chat",
    "checkpoint", "child", "chunk", "class", "cohort", "collection", "column", "commit", "component", "composite",
    "config", "configuration", "content", "context", "conversation", "correlation", "count", "csv", "cursor",
    "dedup", "dedupe", "deduplication", "dict", "digest", "dimension", "directory", "doc",
    "document", "domain", "each", "enter", "entity", "enum", "env", "error", "etag", "evaluated", "event", "every",
    "example", "exclusive", "experiment", "external", "feature", "field", "file", "filter", "fingerprint", "flag",
    "folder", "foreign", "git", "global", "group", "gsi", "hash", "header", "host", "hot", "i18n", "id",
    "idempotence", "idempotency", "idempotent", "image", "incident", "index", "input", "internal", "invoice",
    "issue", "item", "iteration", "job", "join", "keyboard", "label", "last", "layout", "limit", "local", "locale",
    "lock", "log", "lookup", "lsi", "map", "media", "member", "memo", "memory", "menu", "merge", "message", "meta",
    "metadata", "metric", "namespace", "natural", "next", "node", "object", "offset", "on", "option", "order",
    "org", "organization", "output", "page", "param", "parameter", "parent", "part", "partition", "path", "pk",
    "placeholder", "policy", "pool", "press", "pressed", "product", "profile", "project", "property", "public",
    "publishable", "query", "queue", "race", "range", "rate", "react", "record", "ref", "registry", "related",
    "request", "resource", "response", "result", "resume", "room", "route", "routing", "row", "rule", "s3",
    "schema", "scope", "sec", "section", "sequence", "series", "setting", "settings", "shard", "sheet",
    "short", "shortcut", "site", "sk", "sku", "slot", "snapshot", "sort", "span", "start", "state", "statistic",
    "status", "step", "sub", "subject", "surrogate", "tab", "table", "tag", "task", "team", "tenant", "text",
    "theme", "thread", "throttle", "thumbprint", "ticket", "tier", "time", "timestamp", "topic", "trace",
    "tracking", "transaction", "translation", "tree", "trigger", "type", "unique", "upload", "url", "version",
    "video", "view", "websocket", "widget", "window", "workflow", "xml",
})  # fmt: skip
"""Words of names whose keys find something, and open nothing."""
_OF_ACCESS = frozenset({
    "admin", "app", "application", "auth", "authentication", "decryption", "deploy", "ingest", "ingestion",
    "integration", "license", "live", "prod", "production", "root", "sas", "server", "service", "unseal",
    "validation", "webhook", "write", "ably", "adyen", "algolia", "alphavantage", "amplitude", "anthropic",
    "assemblyai", "auth0", "aws", "azure", "brevo", "bugsnag", "cerebras", "clerk", "cloudflare", "cohere",
    "datadog", "dd", "deepgram", "deepl", "deepseek", "elastic", "elevenlabs", "exa", "finnhub", "firebase",
    "firecrawl", "fireworks", "gemini", "github", "gitlab", "google", "grafana", "groq", "heroku", "hf",
    "honeycomb", "hubspot", "huggingface", "intercom", "jina", "klaviyo", "langfuse", "langsmith", "mailchimp",
    "mailgun", "maps", "mapbox", "mistral", "mixpanel", "mongo", "neon", "netlify", "newrelic", "newsapi", "notion",
    "nvidia", "okta", "openai", "openrouter", "openweather", "owm", "pagerduty", "paypal", "perplexity", "pinecone",
    "plaid", "posthog", "postmark", "pusher", "qdrant", "replicate", "resend", "rollbar", "segment", "sendgrid",
    "sentry", "serpapi", "shopify", "slack", "snyk", "splunk", "square", "stripe", "supabase", "tavily", "telegram",
    "tmdb", "together", "twilio", "vercel", "vonage", "voyage", "wandb", "weather", "weaviate", "zendesk",
})  # fmt: skip
"""Words of names whose keys open something, however they are drawn; vendors among them."""
_OF_TWO = frozenset({"primary", "secondary"})
"""Words of names that Azure has for its keys, in Base64 with its end; others have them for data."""
_NAME = re.compile(r"[\w.-]{1,60}")
_ATTRIBUTE = re.compile(r"[a-z_]{2,60}+(?:\.[A-Za-z_]\w{0,60}+){1,9}+")
"""Of code: `settings.STRIPE_KEY_2`."""
_CODE = re.compile(r"[\w+/-]{38,400}+={1,2}")
"""What a function of Azure is asked with."""
_MIXED = re.compile(
    r"(?:(?=[a-z0-9_.~-]{0,200}+[A-Z])(?=[A-Z0-9_.~-]{0,200}+[a-z])(?=[A-Za-z_.~-]{0,200}+\d++[A-Za-z_.~-]{1,200}+\d)"
    r"[A-Za-z0-9_~-]{1,400}+(?:\.[A-Za-z0-9_~-]{1,400}+){0,4}+(?<=[A-Za-z0-9_~.-]{16})|"
    r"(?=[a-z0-9+/]{0,200}+[A-Z])(?=[A-Z0-9+/]{0,200}+[a-z])(?=[A-Za-z0-9/]{0,200}+[+=])[A-Za-z0-9+/]{22,400}+={0,2}+)"
)
"""Capitals, small letters and digits, those in two places; Base64 that shows itself by a `+` or its end."""
_ONE_CASE = re.compile(
    r"(?=(?:[A-Za-z-]{0,60}+\d++){3})(?=[\d-]{0,60}+[A-Za-z])"
    r"(?:(?:[a-z0-9]{20,200}+|[A-Z0-9]{20,200}+)(?![A-Za-z0-9-])|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"
)
"""Hexadecimal digits, UUIDs, letters of one case with digits in three places."""
_PADDED = re.compile(r"[A-Za-z0-9+/]{38,400}+={1,2}")
_WORDS, _SIGNS = re.compile(r"[A-Z]?[a-z]{4,}"), re.compile(r"[_.~-]")
_LEAST, _MOST = 16, 400
"""Characters of such a value."""


def key_kind(name: str, value: str) -> str | None:
    """The kind of secret that a value is under a name of which `keys.kind_of` knows nothing."""
    if not _LEAST <= len(value) <= _MOST:
        return None
    if name == "code":
        return "token" if _CODE.fullmatch(value) else None
    if not opens(name):
        return None
    value = value.removeprefix("base64:")
    if not _OF_TWO.isdisjoint(words(name)):
        drawn = _PADDED.fullmatch(value)
    else:
        drawn = _MIXED.fullmatch(value) if name.isupper() or is_drawn(value) else None
        drawn = drawn or (_ONE_CASE.fullmatch(value) if opens_anything(name) else None)
    return "api-key" if drawn and not _ATTRIBUTE.fullmatch(value) else None


def is_key(value: object) -> bool:
    """Whether a value was drawn, in any way."""
    return type(value) is str and key_kind("SERVICE_KEY", value) is not None


def is_drawn(value: str) -> bool:
    """Whether less than half of it is words, and signs are rare: `NewCheckout2024Phase2` was written."""
    return sum(map(len, _WORDS.findall(value))) * 2 < len(value) and len(_SIGNS.findall(value)) * 8 < len(value)


def name_before(text: str) -> str:
    """The name of which all but `key` stands at the end of this text."""
    found = _NAME.match(text[::-1])
    name = found[0][::-1] if found is not None else ""
    name = name[name.rfind(".", 0, -1) + 1 :]  # `process.env.STRIPE_`
    return f"{name}_KEY" if name.isupper() else f"{name}Key"


def opens(name: str) -> bool:
    """Whether it is the name of a key, and says nothing of data."""
    return "k" in name[-6:].lower() and _opens(name)


@lru_cache(maxsize=4096)
def _opens(name: str) -> bool:
    parts = [part for part in words(name) if not part.isdecimal()]
    return len(parts) > 1 and parts[-1].rstrip("0123456789") == "key" and _OF_DATA.isdisjoint(parts)


@lru_cache(maxsize=4096)
def opens_anything(name: str) -> bool:
    """Whether it is written as variables of the environment are, or says what its key opens."""
    parts = words(name)
    return name.isupper() or not _OF_ACCESS.isdisjoint((*parts, *map("".join, pairwise(parts))))  # `OpenAIKey`
