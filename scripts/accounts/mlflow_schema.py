"""The databases of MLflow's basic-auth app, by the release that they are made for.

That of 3.3 is read by earlier releases since 2.5 as well, and migrated by later ones. The one of 3.12 is migrated by
3.13 to 3.16. 3.17 has the tables of 3.12, and does not read those from before roles.
"""

# The tables from before roles, by what their rows are about, with the columns that say on what.
ROWS = {
    "experiment_permissions": ("experiment", ("experiment_id",)),
    "registered_model_permissions": ("registered_model", ("name",)),
    "scorer_permissions": ("scorer", ("experiment_id", "scorer_name")),
    "gateway_secret_permissions": ("gateway_secret", ("secret_id",)),
    "gateway_endpoint_permissions": ("gateway_endpoint", ("endpoint_id",)),
    "gateway_model_definition_permissions": ("gateway_model_definition", ("model_definition_id",)),
}

_USERS_AND_EXPERIMENTS = """\
CREATE TABLE users (
	id INTEGER NOT NULL,
	username VARCHAR(255),
	password_hash VARCHAR(255),
	is_admin BOOLEAN,
	PRIMARY KEY (id),
	UNIQUE (username)
);
CREATE TABLE experiment_permissions (
	id INTEGER NOT NULL,
	experiment_id VARCHAR(255) NOT NULL,
	user_id INTEGER NOT NULL,
	permission VARCHAR(255),
	PRIMARY KEY (id),
	CONSTRAINT fk_user_id FOREIGN KEY(user_id) REFERENCES users (id),
	CONSTRAINT unique_experiment_user UNIQUE (experiment_id, user_id)
);
"""


def _gateway(of, short=None):
    """The table of grants on one kind of the AI gateway's resources."""
    short = short or of
    return f"""\
CREATE TABLE gateway_{of}_permissions (
	id INTEGER NOT NULL,
	{of}_id VARCHAR(255) NOT NULL,
	user_id INTEGER NOT NULL,
	permission VARCHAR(255),
	PRIMARY KEY (id),
	CONSTRAINT fk_gateway_{short}_perm_user_id FOREIGN KEY(user_id) REFERENCES users (id),
	CONSTRAINT unique_{short}_user UNIQUE ({of}_id, user_id)
);
"""


_OF_3_3 = f"""
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
{_USERS_AND_EXPERIMENTS}\
CREATE TABLE registered_model_permissions (
	id INTEGER NOT NULL,
	name VARCHAR(255) NOT NULL,
	user_id INTEGER NOT NULL,
	permission VARCHAR(255),
	PRIMARY KEY (id),
	CONSTRAINT fk_user_id FOREIGN KEY(user_id) REFERENCES users (id),
	CONSTRAINT unique_name_user UNIQUE (name, user_id)
);
"""
_OF_3_12 = f"""
CREATE TABLE alembic_version_auth (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT alembic_version_auth_pkc PRIMARY KEY (version_num)
);
{_USERS_AND_EXPERIMENTS}\
CREATE TABLE registered_model_permissions (
	id INTEGER NOT NULL,
	name VARCHAR(255) NOT NULL,
	user_id INTEGER NOT NULL,
	permission VARCHAR(255),
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL,
	PRIMARY KEY (id),
	CONSTRAINT fk_user_id FOREIGN KEY(user_id) REFERENCES users (id),
	CONSTRAINT unique_workspace_name_user UNIQUE (workspace, name, user_id)
);
CREATE TABLE scorer_permissions (
	id INTEGER NOT NULL,
	experiment_id VARCHAR(255) NOT NULL,
	scorer_name VARCHAR(256) NOT NULL,
	user_id INTEGER NOT NULL,
	permission VARCHAR(255),
	PRIMARY KEY (id),
	CONSTRAINT fk_scorer_perm_user_id FOREIGN KEY(user_id) REFERENCES users (id),
	CONSTRAINT unique_scorer_user UNIQUE (experiment_id, scorer_name, user_id)
);
{_gateway("secret")}{_gateway("endpoint")}{_gateway("model_definition", "model_def")}\
CREATE TABLE workspace_permissions (
	workspace VARCHAR(63) NOT NULL,
	user_id INTEGER NOT NULL,
	permission VARCHAR(32) NOT NULL,
	CONSTRAINT workspace_permissions_pk PRIMARY KEY (workspace, user_id),
	FOREIGN KEY(user_id) REFERENCES users (id)
);
CREATE TABLE roles (
	id INTEGER NOT NULL,
	name VARCHAR(255) NOT NULL,
	workspace VARCHAR(63) NOT NULL,
	description VARCHAR(1024),
	PRIMARY KEY (id),
	CONSTRAINT unique_workspace_role_name UNIQUE (workspace, name)
);
CREATE TABLE role_permissions (
	id INTEGER NOT NULL,
	role_id INTEGER NOT NULL,
	resource_type VARCHAR(64) NOT NULL,
	resource_pattern VARCHAR(255) NOT NULL,
	permission VARCHAR(255) NOT NULL,
	PRIMARY KEY (id),
	CONSTRAINT unique_role_resource_perm UNIQUE (role_id, resource_type, resource_pattern),
	FOREIGN KEY(role_id) REFERENCES roles (id)
);
CREATE TABLE user_role_assignments (
	id INTEGER NOT NULL,
	user_id INTEGER NOT NULL,
	role_id INTEGER NOT NULL,
	PRIMARY KEY (id),
	CONSTRAINT unique_user_role UNIQUE (user_id, role_id),
	FOREIGN KEY(user_id) REFERENCES users (id),
	FOREIGN KEY(role_id) REFERENCES roles (id)
);
CREATE INDEX idx_workspace_permissions_user_id ON workspace_permissions (user_id);
CREATE INDEX idx_workspace_permissions_workspace ON workspace_permissions (workspace);
CREATE INDEX idx_roles_workspace ON roles (workspace);
CREATE INDEX idx_role_permissions_role_id ON role_permissions (role_id);
CREATE INDEX idx_user_role_assignments_user_id ON user_role_assignments (user_id);
CREATE INDEX idx_user_role_assignments_role_id ON user_role_assignments (role_id);
"""


SCRIPTS = {
    "3.3": _OF_3_3 + "INSERT INTO alembic_version VALUES ('8606fa83a998');",
    "3.12": _OF_3_12 + "INSERT INTO alembic_version_auth VALUES ('c3d4e5f6a7b8');",
    "3.17": _OF_3_12 + "INSERT INTO alembic_version_auth VALUES ('f1a2b3c4d5e6');",
}
