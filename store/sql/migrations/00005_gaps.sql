-- +goose Up

-- Where records in the middle of a node's chain were removed for their age, signed:
-- their places, the hash before them and that of the last of them.
CREATE TABLE log_gaps (
    node      TEXT   NOT NULL,
    first     BIGINT NOT NULL,
    last      BIGINT NOT NULL,
    prev      BYTEA  NOT NULL,
    hash      BYTEA  NOT NULL,
    signature BYTEA,
    PRIMARY KEY (node, first)
);

-- +goose Down
DROP TABLE log_gaps;
