-- +goose Up

-- When what all nodes do together was done last.
CREATE TABLE duties (
    name TEXT   NOT NULL PRIMARY KEY,
    done BIGINT NOT NULL
);

CREATE INDEX refresh_tokens_expires ON refresh_tokens (expires);
CREATE INDEX blocks_removed ON blocks (removed) WHERE removed IS NOT NULL;
CREATE INDEX blocks_id ON blocks (id);

-- +goose Down
DROP INDEX blocks_id;
DROP INDEX blocks_removed;
DROP INDEX refresh_tokens_expires;
DROP TABLE duties;
