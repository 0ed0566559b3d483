-- +goose Up

-- What a user may do on the dashboard, since when nobody can log in, and before
-- which a session's password must not have been given.
ALTER TABLE users ADD COLUMN role TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN locked BIGINT;
ALTER TABLE users ADD COLUMN step_up BIGINT;
CREATE INDEX users_operators ON users (account) WHERE role <> '';

-- When the password was given last, and whether a cookie holds the session.
ALTER TABLE sessions ADD COLUMN authenticated BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN browser BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE sessions SET authenticated = created;

-- +goose Down
ALTER TABLE sessions DROP COLUMN browser;
ALTER TABLE sessions DROP COLUMN authenticated;
DROP INDEX users_operators;
ALTER TABLE users DROP COLUMN step_up;
ALTER TABLE users DROP COLUMN locked;
ALTER TABLE users DROP COLUMN role;
