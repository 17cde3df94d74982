-- A bundle: one SQLite file of one or more recordings, suffix .replay.db.
--
-- The file is marked by PRAGMA application_id = 0x52504C59 ('RPLY'); PRAGMA user_version is the format below.
-- A reader compares these statements, without their comments and white space, with what the file holds: no view,
-- trigger, other table or other column is accepted. So no statement here may hold a quote.
--
-- Formats:
--   1  first.
--
-- Columns marked [json] hold JSON text. Text of more than 4096 characters lies whole in `body`, and the column holds
-- {"$body": "<sha256>"}. That cannot be confused with a captured value: the writer moves any text that begins like
-- such a reference into `body`, however short it is.
-- Times are nanoseconds: started_at since the epoch (UTC), offset_ns since the start of the recording.

CREATE TABLE bundle (
    format   INTEGER NOT NULL,      -- the same number as PRAGMA user_version
    created  INTEGER NOT NULL,      -- when it was written, nanoseconds since the epoch
    producer TEXT NOT NULL          -- name and version of what wrote it
);

CREATE TABLE body (
    sha256 TEXT PRIMARY KEY,        -- of the text in UTF-8, hex
    size   INTEGER NOT NULL,        -- bytes of the text in UTF-8
    zstd   BLOB NOT NULL            -- the text in UTF-8, compressed (RFC 8878)
);

CREATE TABLE recording (
    id         TEXT PRIMARY KEY,
    digest     TEXT NOT NULL,       -- SHA-256 of the content of the recording, checked when it is read
    kind       TEXT NOT NULL,       -- function, asgi, wsgi or block
    entrypoint TEXT NOT NULL,       -- module:qualname of what ran
    started_at INTEGER NOT NULL,
    duration_ns INTEGER NOT NULL,
    status     TEXT NOT NULL,       -- ok or error
    trace_id   TEXT,
    span_id    TEXT,
    sentry_event_id TEXT,
    service_name TEXT,
    service_version TEXT,
    deployment_environment_name TEXT,
    http_request_method TEXT,
    http_route TEXT,
    http_response_status_code INTEGER,
    error_type TEXT,                -- module.qualname of the error it ended with
    input      TEXT NOT NULL,       -- [json]
    outcome    TEXT NOT NULL,       -- [json] {"state": returned, raised or unfinished, "payload": the result or error}
    context    TEXT NOT NULL,       -- [json]
    parent_digest TEXT,             -- of a mutation: the digest of the recording it was made from
    edits      TEXT,                -- [json] of a mutation: what was changed
    redacted   INTEGER NOT NULL,    -- 0 or 1
    gaps       TEXT NOT NULL,       -- [json] what could not be kept faithfully: [{"path", "reason", "type"}]
    value_gaps TEXT NOT NULL        -- [json] the same as the codec told it, by value: {"interaction[3].answer": [...]}
);

CREATE TABLE interaction (
    recording_id TEXT NOT NULL REFERENCES recording (id),
    seq        INTEGER NOT NULL,    -- number in the recording, given when it was asked
    lane       TEXT NOT NULL,       -- the task or thread that asked
    boundary   TEXT NOT NULL,       -- http, model, db, redis, call, clock, random or environ
    target     TEXT NOT NULL,
    request    TEXT NOT NULL,       -- [json]
    answer     TEXT NOT NULL,       -- [json]
    state      TEXT NOT NULL,       -- returned, raised or unfinished
    offset_ns  INTEGER NOT NULL,
    duration_ns INTEGER NOT NULL,
    PRIMARY KEY (recording_id, seq)
);

-- One call of a generative model, in the names of the OpenTelemetry GenAI conventions; seq is its interaction.
CREATE TABLE model_call (
    recording_id TEXT NOT NULL REFERENCES recording (id),
    seq        INTEGER NOT NULL,
    operation_name TEXT NOT NULL,
    provider_name TEXT NOT NULL,
    request_model TEXT,
    response_model TEXT,
    response_id TEXT,
    input_tokens INTEGER,
    output_tokens INTEGER,
    finish_reasons TEXT NOT NULL,   -- [json] array of text
    semconv_version TEXT NOT NULL
);
CREATE INDEX model_call_recording ON model_call (recording_id);

-- One output of a model with its confidence; seq is its interaction.
CREATE TABLE prediction (
    recording_id TEXT NOT NULL REFERENCES recording (id),
    seq        INTEGER NOT NULL,
    name       TEXT NOT NULL,
    label      TEXT,
    score,                          -- a number; declared without a type since REAL would turn -0.0 into 0.0
    threshold,
    decision   TEXT,                -- auto, review or fail_safe
    policy     TEXT,
    owner      TEXT,
    escalation TEXT
);
CREATE INDEX prediction_recording ON prediction (recording_id);

CREATE TABLE log (
    recording_id TEXT NOT NULL REFERENCES recording (id),
    offset_ns  INTEGER NOT NULL,
    level      TEXT NOT NULL,
    logger     TEXT NOT NULL,
    message    TEXT NOT NULL
);
CREATE INDEX log_recording ON log (recording_id);
