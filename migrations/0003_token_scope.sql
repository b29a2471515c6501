-- Tokens that administer: until now every administrator's did.

ALTER TABLE tokens ADD COLUMN scope TEXT CHECK (scope IN ('admin'));
