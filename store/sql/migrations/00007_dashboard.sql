-- +goose Up

-- How often what happened, by spans of a quarter of an hour, an hour and a day, in
-- microseconds: who asks for months reads days. Each node has rows of its own, so that
-- none waits for another.
CREATE TABLE log_counts (
    span    BIGINT NOT NULL,
    name    TEXT   NOT NULL,
    slot    BIGINT NOT NULL, -- when the span begins
    country TEXT   NOT NULL, -- of failed logins; empty where it is not known
    node    TEXT   NOT NULL,
    n       BIGINT NOT NULL,
    PRIMARY KEY (span, name, slot, country, node)
) WITHOUT ROWID;
CREATE INDEX log_counts_slot ON log_counts (span, slot);

-- The records there are. Those that stand for several are one each here.
INSERT INTO log_counts (span, name, slot, country, node, n)
    SELECT 900000000, kind, time - ((time % 900000000) + 900000000) % 900000000, '', node, count(*)
    FROM security_log GROUP BY kind, 3, node;
INSERT INTO log_counts (span, name, slot, country, node, n)
    SELECT 3600000000, name, slot - ((slot % 3600000000) + 3600000000) % 3600000000, '', node, sum(n)
    FROM log_counts WHERE span = 900000000 GROUP BY name, 3, node;
INSERT INTO log_counts (span, name, slot, country, node, n)
    SELECT 86400000000, name, slot - ((slot % 86400000000) + 86400000000) % 86400000000, '', node, sum(n)
    FROM log_counts WHERE span = 3600000000 GROUP BY name, 3, node;

CREATE TABLE settings (
    scope   TEXT   NOT NULL,
    name    TEXT   NOT NULL,
    value   TEXT   NOT NULL,
    set_by  TEXT   NOT NULL,
    changed BIGINT NOT NULL,
    PRIMARY KEY (scope, name)
);

CREATE INDEX security_log_finding ON security_log (finding_id, time) WHERE finding_id IS NOT NULL;

-- What CountFindings reads.
CREATE INDEX security_log_user_findings ON security_log (user_id, time, finding_id, finding_kind, finding_severity) WHERE finding_id IS NOT NULL AND user_id IS NOT NULL;
CREATE INDEX security_log_account_findings ON security_log (account, time, finding_id, finding_kind, finding_severity, user_id) WHERE finding_id IS NOT NULL AND account IS NOT NULL;

-- What Targets reads. Written like this, no planner takes the index of kinds for it.
CREATE INDEX security_log_targets ON security_log (time, account, ip, kind) WHERE kind || '' IN ('login_failed', 'login_refused');

-- With what a page is filtered by, so that records that are not on it need not be
-- looked at.
DROP INDEX security_log_user;
DROP INDEX security_log_account;
DROP INDEX security_log_ip;
DROP INDEX security_log_time;
CREATE INDEX security_log_user ON security_log (user_id, time, seq, kind, ip) WHERE user_id IS NOT NULL;
CREATE INDEX security_log_account ON security_log (account, time, seq, kind, ip) WHERE account IS NOT NULL;
CREATE INDEX security_log_ip ON security_log (ip, time, seq) WHERE ip IS NOT NULL;
CREATE INDEX security_log_time ON security_log (time, seq, ip);

-- +goose Down
DROP INDEX security_log_time;
DROP INDEX security_log_ip;
DROP INDEX security_log_account;
DROP INDEX security_log_user;
CREATE INDEX security_log_user ON security_log (user_id, time) WHERE user_id IS NOT NULL;
CREATE INDEX security_log_account ON security_log (account, time) WHERE account IS NOT NULL;
CREATE INDEX security_log_ip ON security_log (ip, time) WHERE ip IS NOT NULL;
CREATE INDEX security_log_time ON security_log (time);
DROP INDEX security_log_targets;
DROP INDEX security_log_account_findings;
DROP INDEX security_log_user_findings;
DROP INDEX security_log_finding;
DROP TABLE settings;
DROP TABLE log_counts;
