-- +goose Up

-- The findings of a node, in the order of its chain, for those who follow the log.
CREATE INDEX security_log_findings ON security_log (node, chain_seq) WHERE finding_id IS NOT NULL;

CREATE TABLE outbox (
    id         TEXT   NOT NULL PRIMARY KEY,
    channel    TEXT   NOT NULL,
    state      TEXT   NOT NULL, -- pending, sent or dead
    due        BIGINT NOT NULL, -- pending: not before, nor before the lease of a claim ends; else: since when it is so
    created    BIGINT NOT NULL,
    since      BIGINT NOT NULL,
    attempts   BIGINT NOT NULL,
    claim      BIGINT NOT NULL, -- counts the claims
    holder     TEXT   NOT NULL, -- who claimed it and has not said more; may be empty
    last_error TEXT   NOT NULL,
    message    TEXT   NOT NULL  -- in JSON; empty once it is sent
);
CREATE INDEX outbox_due ON outbox (state, channel, due);

-- Who follows the log to alert people. There is one row at most.
CREATE TABLE alert_leader (
    name    TEXT   NOT NULL PRIMARY KEY,
    holder  TEXT   NOT NULL,
    term    BIGINT NOT NULL,
    expires BIGINT NOT NULL
);

-- Up to where in the chain of each node that was done.
CREATE TABLE alert_cursors (
    node TEXT   NOT NULL PRIMARY KEY,
    seq  BIGINT NOT NULL
);

CREATE TABLE alert_groups (
    id       TEXT   NOT NULL PRIMARY KEY,
    opened   BIGINT NOT NULL,
    told     BIGINT NOT NULL,
    resolved BIGINT,
    detail   TEXT   NOT NULL
);
CREATE INDEX alert_groups_open ON alert_groups (opened) WHERE resolved IS NULL;
CREATE INDEX alert_groups_told ON alert_groups (told);
CREATE INDEX alert_groups_resolved ON alert_groups (resolved) WHERE resolved IS NOT NULL;

-- +goose Down
DROP TABLE alert_groups;
DROP TABLE alert_cursors;
DROP TABLE alert_leader;
DROP TABLE outbox;
DROP INDEX security_log_findings;
