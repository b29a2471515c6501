-- Roles, as MLflow 3.13 and later have them: what a user holds alone is a role of the user's own.
-- Grants move there. NO_PERMISSIONS, which shut a user out, is DENY from now on. A grant on a model whose name is
-- literally `*` stays behind, since in a role it would be one on every model; such a model is for administrators.
-- The old table keeps its rows under another name: an older Worker must not decide by grants that are out of date, and
-- refuses instead.

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

INSERT INTO roles (name, workspace, user_id)
  SELECT '__user_' || user_id || '__', 'default', user_id FROM (SELECT DISTINCT user_id FROM grants) ORDER BY user_id;

INSERT INTO user_role_assignments (user_id, role_id) SELECT user_id, id FROM roles ORDER BY user_id;

INSERT INTO role_permissions (role_id, resource_type, resource_pattern, permission)
  SELECT r.id, g.resource_type, g.resource_id, CASE g.permission WHEN 'NO_PERMISSIONS' THEN 'DENY' ELSE g.permission END
  FROM grants AS g JOIN roles AS r ON r.user_id = g.user_id
  WHERE g.resource_id <> '*' ORDER BY g.user_id, g.resource_type, g.resource_id;

ALTER TABLE grants RENAME TO grants_before_roles;
