-- What users hold alone, as rows of one table: tests make and read grants by it. DENY has its classic name.
CREATE TEMP VIEW grants AS
  SELECT r.user_id, p.resource_type, p.resource_pattern AS resource_id,
    CASE p.permission WHEN 'DENY' THEN 'NO_PERMISSIONS' ELSE p.permission END AS permission
  FROM role_permissions AS p JOIN roles AS r ON r.id = p.role_id WHERE r.user_id IS NOT NULL;

CREATE TEMP TRIGGER make_grant INSTEAD OF INSERT ON grants BEGIN
  INSERT INTO main.roles (name, workspace, user_id)
    SELECT '__user_' || NEW.user_id || '__', 'default', NEW.user_id
    WHERE NOT EXISTS (SELECT 1 FROM main.roles WHERE user_id = NEW.user_id);
  INSERT INTO main.user_role_assignments (user_id, role_id)
    SELECT user_id, id FROM main.roles AS r WHERE user_id = NEW.user_id
      AND NOT EXISTS (SELECT 1 FROM main.user_role_assignments AS a WHERE a.user_id = r.user_id AND a.role_id = r.id);
  DELETE FROM main.role_permissions WHERE resource_type = NEW.resource_type AND resource_pattern = NEW.resource_id
    AND role_id = (SELECT id FROM main.roles WHERE user_id = NEW.user_id);
  INSERT INTO main.role_permissions (role_id, resource_type, resource_pattern, permission)
    SELECT id, NEW.resource_type, NEW.resource_id,
      CASE NEW.permission WHEN 'NO_PERMISSIONS' THEN 'DENY' ELSE NEW.permission END
    FROM main.roles WHERE user_id = NEW.user_id;
END;

CREATE TEMP TRIGGER take_grant INSTEAD OF DELETE ON grants BEGIN
  DELETE FROM main.role_permissions WHERE resource_type = OLD.resource_type AND resource_pattern = OLD.resource_id
    AND role_id = (SELECT id FROM main.roles WHERE user_id = OLD.user_id);
END;
