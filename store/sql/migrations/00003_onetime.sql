-- +goose Up

-- Links that were mailed to account holders and work once. They are kept until
-- they have expired, since they are also the count of the mails.
CREATE TABLE one_time_links (
    hash    BYTEA  NOT NULL PRIMARY KEY,
    user_id TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    purpose TEXT   NOT NULL,
    topic   TEXT   NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    spent   BIGINT, -- when it was used or became void
    held    BIGINT NOT NULL -- how many were refused since
);
CREATE INDEX one_time_links_user ON one_time_links (user_id, purpose, created);
CREATE INDEX one_time_links_expires ON one_time_links (expires);

-- +goose Down
DROP TABLE one_time_links;
