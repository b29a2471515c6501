-- The D1 schema. Idempotent: applying it again changes nothing.

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
