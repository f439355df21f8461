-- What the console looks for by.

CREATE INDEX IF NOT EXISTS users_by_last_digits ON users (substr(phone, length(phone) - 3));
CREATE INDEX IF NOT EXISTS users_by_email ON users (lower(email));
CREATE INDEX IF NOT EXISTS users_by_first_name ON users (lower(first_name));
CREATE INDEX IF NOT EXISTS users_by_last_name ON users (lower(last_name));
CREATE INDEX IF NOT EXISTS audit_log_by_action ON audit_log (action, at);
