-- +goose Up

-- How often what happened, by spans of 15 minutes. Each node has rows of its own, so
-- that none waits for another.
CREATE TABLE log_counts (
    name    TEXT   NOT NULL,
    slot    BIGINT NOT NULL, -- when it begins
    country TEXT   NOT NULL, -- of failed logins; empty where it is not known
    node    TEXT   NOT NULL,
    n       BIGINT NOT NULL,
    PRIMARY KEY (name, slot, country, node)
) WITHOUT ROWID;
CREATE INDEX log_counts_slot ON log_counts (slot);

-- The records there are; that some of them stand for several is not looked for.
INSERT INTO log_counts (name, slot, country, node, n)
    SELECT kind, time - ((time % 900000000) + 900000000) % 900000000, '', node, count(*) FROM security_log GROUP BY 1, 2, 4;

CREATE TABLE settings (
    scope   TEXT   NOT NULL,
    name    TEXT   NOT NULL,
    value   TEXT   NOT NULL,
    set_by  TEXT   NOT NULL,
    changed BIGINT NOT NULL,
    PRIMARY KEY (scope, name)
);

CREATE INDEX security_log_finding ON security_log (finding_id, time) WHERE finding_id IS NOT NULL;

-- +goose Down
DROP INDEX security_log_finding;
DROP TABLE settings;
DROP TABLE log_counts;
