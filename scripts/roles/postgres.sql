-- Makes the roles of PostgreSQL that the programs of Ramz log in with, sets their passwords, and makes
-- ramz_owner the owner of the database and its tables. For psql, as a superuser, in the database of
-- Ramz. Running it again does no harm; `migrate` then gives the roles what they may do.
--
-- SECRETS names the folder with the files migrate_database_url, api_database_url,
-- worker_database_url and console_database_url; the passwords are taken out of these addresses. Without
-- the last, of an installation whose console uses the role of the api, ramz_console can not log in.
\set ON_ERROR_STOP on
-- The passwords are not for the log of the server.
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
SET log_min_duration_statement = -1;
-- Nothing is waited for that long: a table whose owner cannot be changed now is tried again.
SET lock_timeout = '5s';
\set owner `sed -n 's|^[^:]*://[^:]*:\([^@]*\)@.*|\1|p' "$SECRETS/migrate_database_url"`
\set api `sed -n 's|^[^:]*://[^:]*:\([^@]*\)@.*|\1|p' "$SECRETS/api_database_url"`
\set worker `sed -n 's|^[^:]*://[^:]*:\([^@]*\)@.*|\1|p' "$SECRETS/worker_database_url"`
\set console `sed -n 's|^[^:]*://[^:]*:\([^@]*\)@.*|\1|p' "$SECRETS/console_database_url" 2>/dev/null`
SELECT length(:'owner') < 16 OR length(:'api') < 16 OR length(:'worker') < 16 AS missing \gset
\if :missing
\echo 'a password of at least 16 characters is missing in one of the three addresses in SECRETS'
\quit 3
\endif

-- One after the other: roles belong to the whole server.
SELECT pg_advisory_lock(7229130042) \g /dev/null
SELECT format('CREATE ROLE %I NOSUPERUSER NOCREATEDB NOCREATEROLE NOLOGIN', name)
    FROM unnest(ARRAY['ramz_owner', 'ramz_api', 'ramz_worker', 'ramz_console']) AS name
    WHERE NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = name) \gexec
ALTER ROLE ramz_owner LOGIN PASSWORD :'owner';
ALTER ROLE ramz_api LOGIN PASSWORD :'api';
ALTER ROLE ramz_worker LOGIN PASSWORD :'worker';
SELECT length(:'console') >= 16 AS there \gset
\if :there
ALTER ROLE ramz_console LOGIN PASSWORD :'console';
\endif

-- A program that owned it before, and runs, goes on with the rights of the owner until it is restarted under its
-- own role: `REVOKE ramz_owner FROM …` afterwards.
SELECT DISTINCT format('GRANT ramz_owner TO %I', role.rolname) FROM pg_roles AS role
    WHERE NOT role.rolsuper AND role.rolname NOT LIKE 'ramz\_%' AND role.oid IN (
        SELECT datdba FROM pg_database WHERE datname = current_database()
        UNION SELECT relowner FROM pg_class
            WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')) \gexec
ALTER DATABASE :"DBNAME" OWNER TO ramz_owner;
-- A user without a role here can neither connect nor make tables.
REVOKE ALL ON DATABASE :"DBNAME" FROM PUBLIC;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT CONNECT ON DATABASE :"DBNAME" TO ramz_api, ramz_worker, ramz_console;
GRANT USAGE, CREATE ON SCHEMA public TO ramz_owner;
SELECT format('ALTER TABLE %s OWNER TO ramz_owner', oid::regclass) FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
    AND relowner <> 'ramz_owner'::regrole \gexec
