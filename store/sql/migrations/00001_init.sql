-- +goose Up

-- Times are microseconds since 1970 (UTC). Addresses are 16 bytes, IPv4 as
-- ::ffff:0:0/96, so that a network is one range. seq is the order of arrival;
-- SQLite needs exactly INTEGER PRIMARY KEY to number the rows by itself.
CREATE TABLE security_log (
    seq            INTEGER PRIMARY KEY,
    id             TEXT    NOT NULL UNIQUE,
    time           BIGINT  NOT NULL,
    kind           TEXT    NOT NULL,
    severity       BIGINT  NOT NULL,
    user_id        TEXT,
    account        TEXT,
    ip             BYTEA,
    correlation_id TEXT,
    -- What CountFindings needs of a finding; records of one share its ID.
    finding_id       TEXT,
    finding_kind     TEXT,
    finding_severity BIGINT,
    detail         TEXT    NOT NULL, -- the rest of the record, in JSON, with all of its finding
    -- The record's place in the chain of the node that wrote it, and the hash of
    -- it and all before it.
    node           TEXT    NOT NULL,
    chain_seq      BIGINT  NOT NULL,
    hash           BYTEA   NOT NULL
);
CREATE INDEX security_log_time ON security_log (time);
CREATE INDEX security_log_kind ON security_log (kind, time);
CREATE INDEX security_log_user ON security_log (user_id, time) WHERE user_id IS NOT NULL;
CREATE INDEX security_log_account ON security_log (account, time) WHERE account IS NOT NULL;
CREATE INDEX security_log_ip ON security_log (ip, time) WHERE ip IS NOT NULL;
CREATE INDEX security_log_correlation ON security_log (correlation_id, time) WHERE correlation_id IS NOT NULL;

-- Where the chain of each node begins and ends, signed.
CREATE TABLE log_heads (
    node      TEXT   NOT NULL,
    stands    TEXT   NOT NULL, -- at the beginning or the end
    seq       BIGINT NOT NULL,
    hash      BYTEA  NOT NULL,
    signature BYTEA,
    PRIMARY KEY (node, stands)
);

-- At most one block of a network has no removed time. It is in force until it
-- expires (9223372036854775807: until it is lifted). The others are history.
CREATE TABLE blocks (
    id         TEXT   NOT NULL,
    network    TEXT   NOT NULL,
    reason     TEXT   NOT NULL,
    rule_name  TEXT   NOT NULL,
    placed_by  TEXT   NOT NULL,
    finding_id TEXT   NOT NULL,
    accounts   TEXT   NOT NULL,
    created    BIGINT NOT NULL,
    expires    BIGINT NOT NULL,
    removed    BIGINT -- when it was lifted, or gave way to a later block
);
CREATE UNIQUE INDEX blocks_standing ON blocks (network) WHERE removed IS NULL;
CREATE INDEX blocks_expires ON blocks (expires);

CREATE TABLE sightings (
    user_id   TEXT   NOT NULL,
    device_id TEXT   NOT NULL,
    country   TEXT   NOT NULL,
    time      BIGINT NOT NULL,
    detail    TEXT   NOT NULL,
    PRIMARY KEY (user_id, device_id, country)
);

CREATE TABLE users (
    id               TEXT   NOT NULL PRIMARY KEY,
    account          TEXT   NOT NULL UNIQUE,
    email            TEXT   NOT NULL,
    name             TEXT   NOT NULL,
    password_hash    TEXT   NOT NULL,
    created          BIGINT NOT NULL,
    password_changed BIGINT NOT NULL
);

CREATE TABLE sessions (
    id         TEXT   NOT NULL PRIMARY KEY,
    user_id    TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    device_id  TEXT   NOT NULL,
    client     TEXT   NOT NULL,
    created    BIGINT NOT NULL,
    last_used  BIGINT NOT NULL,
    expires    BIGINT NOT NULL,
    ended      BIGINT,
    end_reason TEXT   NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expires ON sessions (expires);
CREATE INDEX sessions_ended ON sessions (ended) WHERE ended IS NOT NULL;

-- A spent token keeps what a racing retry needs to be given the same successor.
CREATE TABLE refresh_tokens (
    hash       BYTEA  NOT NULL PRIMARY KEY,
    session_id TEXT   NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    expires    BIGINT NOT NULL,
    spent      BIGINT,
    successor  BYTEA,
    salt       BYTEA
);
CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id);

-- +goose Down
DROP TABLE refresh_tokens;
DROP TABLE sessions;
DROP TABLE users;
DROP TABLE sightings;
DROP TABLE blocks;
DROP TABLE log_heads;
DROP TABLE security_log;
