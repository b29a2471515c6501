"""The database of MLflow 3.3's basic-auth app, which earlier releases since 2.5 read as well and later ones migrate."""

SCRIPT = """
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO alembic_version VALUES ('8606fa83a998');
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
USER = "INSERT INTO users (id, username, password_hash, is_admin) VALUES (?, ?, ?, ?)"
EXPERIMENT_PERMISSION = "INSERT INTO experiment_permissions (experiment_id, user_id, permission) VALUES (?, ?, ?)"
REGISTERED_MODEL_PERMISSION = "INSERT INTO registered_model_permissions (name, user_id, permission) VALUES (?, ?, ?)"
