-- Guesses that are told apart by password, and users who are known at an address.

-- Passwords that are being tried, or were wrong: each counts as a guess once.
CREATE TABLE IF NOT EXISTS attempts (
  password TEXT    PRIMARY KEY,         -- keyed hash of name and password
  stored   TEXT    NOT NULL,            -- method and salt of the hash that it was tried on; empty: nobody has the name
  claim    TEXT    NOT NULL,            -- random, of the request that was counted
  wrong    INTEGER NOT NULL CHECK (wrong IN (0, 1)), -- 0 while it is being tried
  tries    INTEGER NOT NULL,
  last_at  INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS attempts_by_time ON attempts (last_at);

-- Names that have signed in from an address: locks of others do not hold for them there.
CREATE TABLE IF NOT EXISTS signed_in_from (
  subject TEXT    PRIMARY KEY,          -- pair:<keyed hash of name and address>
  last_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS signed_in_from_by_time ON signed_in_from (last_at);
