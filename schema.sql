-- The D1 schema, for readers and tests: a database is made by `migrations`, of which this is the sum.

CREATE TABLE IF NOT EXISTS users (
  id            INTEGER PRIMARY KEY AUTOINCREMENT, -- never reused: a grant must not find a new owner
  username      TEXT    NOT NULL UNIQUE,           -- case-sensitive, as in MLflow
  password_hash TEXT    NOT NULL,                  -- Werkzeug's format: method$salt$hex
  is_admin      INTEGER NOT NULL DEFAULT 0 CHECK (is_admin IN (0, 1))
);

CREATE TABLE IF NOT EXISTS grants (
  user_id       INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  resource_type TEXT    NOT NULL CHECK (resource_type IN ('experiment', 'registered_model')),
  resource_id   TEXT    NOT NULL, -- experiment id, or name of the registered model
  permission    TEXT    NOT NULL CHECK (permission IN ('NO_PERMISSIONS', 'READ', 'USE', 'EDIT', 'MANAGE')),
  PRIMARY KEY (user_id, resource_type, resource_id)
) WITHOUT ROWID;

-- Renaming or deleting a model touches everybody's grants on it.
CREATE INDEX IF NOT EXISTS grants_by_resource ON grants (resource_type, resource_id);

-- API tokens. Of a token only its SHA-256 is kept: 192 random bits need no salt and no slow hash.
CREATE TABLE IF NOT EXISTS tokens (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  user_id      INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  name         TEXT    NOT NULL,
  hash         TEXT    NOT NULL UNIQUE, -- hexadecimal
  read_only    INTEGER NOT NULL DEFAULT 0 CHECK (read_only IN (0, 1)),
  created_at   INTEGER NOT NULL,        -- seconds since 1970, as all times here
  expires_at   INTEGER,                 -- never, if null
  last_used_at INTEGER,                 -- written at most once an hour
  scope        TEXT    CHECK (scope IN ('admin')), -- admin: it may change who may do what
  UNIQUE (user_id, name)
);

-- Failed sign-ins, by what was tried: a name at an address, a name (whether or not anybody has it), or an address.
CREATE TABLE IF NOT EXISTS guesses (
  subject      TEXT    PRIMARY KEY,     -- pair:<hash>, user:<hash of the name> or address:<network>
  failures     INTEGER NOT NULL,
  last_at      INTEGER NOT NULL,
  locked_until INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS guesses_by_time ON guesses (last_at);

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
