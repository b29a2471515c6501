-- The D1 schema, for readers and tests: a database is made by `migrations`, of which this is the sum.

CREATE TABLE IF NOT EXISTS users (
  id            INTEGER PRIMARY KEY AUTOINCREMENT, -- never reused: a grant must not find a new owner
  username      TEXT    NOT NULL UNIQUE,           -- case-sensitive, as in MLflow
  password_hash TEXT    NOT NULL,                  -- Werkzeug's format: method$salt$hex
  is_admin      INTEGER NOT NULL DEFAULT 0 CHECK (is_admin IN (0, 1))
);

CREATE TABLE IF NOT EXISTS roles (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  name        TEXT    NOT NULL,
  workspace   TEXT    NOT NULL,  -- only roles of 'default' decide about resources
  description TEXT,
  user_id     INTEGER REFERENCES users (id) ON DELETE CASCADE, -- of a user's own role; MLflow names it __user_<id>__
  UNIQUE (workspace, name),
  UNIQUE (user_id, workspace)
);

CREATE TABLE IF NOT EXISTS role_permissions (
  id               INTEGER PRIMARY KEY AUTOINCREMENT,
  role_id          INTEGER NOT NULL REFERENCES roles (id) ON DELETE CASCADE,
  resource_type    TEXT    NOT NULL CHECK (resource_type IN ('assessment', 'experiment', 'gateway_endpoint',
    'gateway_model_definition', 'gateway_secret', 'logged_model', 'mcp_server', 'mcp_server_version', 'prompt',
    'prompt_version', 'registered_model', 'registered_model_version', 'review_queue', 'run', 'scorer', 'scorer_version',
    'trace', 'workspace')),
  resource_pattern TEXT    NOT NULL, -- an id or a name, or * for all
  permission       TEXT    NOT NULL CHECK (permission IN ('DENY', 'NO_PERMISSIONS', 'READ', 'USE', 'EDIT', 'MANAGE')),
  UNIQUE (role_id, resource_type, resource_pattern)
);

-- Renaming or deleting a model touches everybody's grants on it.
CREATE INDEX IF NOT EXISTS role_permissions_by_resource ON role_permissions (resource_type, resource_pattern);

CREATE TABLE IF NOT EXISTS user_role_assignments (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  role_id INTEGER NOT NULL REFERENCES roles (id) ON DELETE CASCADE,
  UNIQUE (user_id, role_id)
);

CREATE INDEX IF NOT EXISTS user_role_assignments_by_role ON user_role_assignments (role_id);

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

-- The grants of databases that are older than roles; nobody reads them.
CREATE TABLE IF NOT EXISTS grants_before_roles (
  user_id       INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  resource_type TEXT    NOT NULL CHECK (resource_type IN ('experiment', 'registered_model')),
  resource_id   TEXT    NOT NULL, -- experiment id, or name of the registered model
  permission    TEXT    NOT NULL CHECK (permission IN ('NO_PERMISSIONS', 'READ', 'USE', 'EDIT', 'MANAGE')),
  PRIMARY KEY (user_id, resource_type, resource_id)
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS grants_by_resource ON grants_before_roles (resource_type, resource_id);
