//! What others would install for the same purpose: better-auth with its plugin phoneNumber, and a service of
//! Django, Django REST framework and Celery. `scripts/bench-peers` installs them.

use std::path::{Path, PathBuf};

use harness::{Process, ProcessCommand, wait_for_http};

use super::side::{Others, Running, Side};
use crate::Failure;
use crate::installation::{PATIENCE, free_address, start_postgres, start_servers};
use crate::people::{Crowd, Dialect, Service};

/// better-auth, two processes of Node behind one port, and PostgreSQL. It sends its messages itself.
pub(super) async fn better_auth(folder: &Path, crowd: &Crowd) -> Result<Side, Failure> {
    let folder = installed(folder, "better-auth")?;
    let postgres = start_postgres().await;
    let database_url = postgres.create_database().await;
    let address = free_address()?;
    let program = |arguments: &[&str]| {
        Process::program(folder.join("node_modules/node/bin/node"))
            .arg(folder.join("server.mjs"))
            .args(arguments)
            .env("NODE_ENV", "production")
            .env("DATABASE_URL", &database_url)
            .env("PORT", address.port().to_string())
            .env("GATEWAY_URL", crowd.gateway_url())
    };
    prepare(&program(&["migrate"])).await?;
    let api = program(&[]).start();
    wait_for_http(&format!("http://{address}/api/auth/ok"), PATIENCE).await;
    Ok(Side {
        name: "better-auth".to_owned(),
        service: Service {
            addresses: vec![address],
            dialect: Dialect::BetterAuth,
        },
        running: Running::Others(Box::new(Others {
            api,
            worker: None,
            redis: None,
            postgres: Some(postgres),
        })),
    })
}

/// Django under gunicorn, Celery, Redis and PostgreSQL.
pub(super) async fn django(folder: &Path, crowd: &Crowd) -> Result<Side, Failure> {
    let folder = installed(folder, "django")?;
    let (redis, postgres) = start_servers().await;
    let database_url = postgres.create_database().await;
    let address = free_address()?;
    let program = |name: &str, arguments: &[&str]| {
        Process::program(folder.join("venv/bin").join(name))
            .args(arguments)
            .env("PYTHONPATH", &folder)
            .env("DJANGO_SETTINGS_MODULE", "service.settings")
            .env("DATABASE_URL", &database_url)
            .env("REDIS_URL", redis.url())
            .env("GATEWAY_URL", crowd.gateway_url())
    };
    prepare(&program("python", &["-m", "django", "migrate"])).await?;
    let bind = address.to_string();
    let config = folder.join("gunicorn.conf.py");
    let config = config.to_str().ok_or("a path that is no text")?;
    let api = [
        "--config",
        config,
        "--no-control-socket",
        "--bind",
        &bind,
        "service.wsgi",
    ];
    let api = program("gunicorn", &api).start();
    let worker = [
        "-A",
        "service",
        "worker",
        "--without-gossip",
        "--without-mingle",
    ];
    let mut worker = program("celery", &worker).start();
    // What it says before it connects; the first messages wait for it.
    worker.wait_for_log("[queues]", PATIENCE).await;
    wait_for_http(&format!("http://{address}/healthz"), PATIENCE).await;
    Ok(Side {
        name: "Django with Celery".to_owned(),
        service: Service {
            addresses: vec![address],
            dialect: Dialect::Django,
        },
        running: Running::Others(Box::new(Others {
            api,
            worker: Some(worker),
            redis: Some(redis),
            postgres: Some(postgres),
        })),
    })
}

fn installed(folder: &Path, name: &str) -> Result<PathBuf, Failure> {
    let missing = |_| {
        let folder = folder.display();
        format!("{folder}/{name} is missing: run scripts/bench-peers install")
    };
    Ok(folder.join(name).canonicalize().map_err(missing)?)
}

async fn prepare(command: &ProcessCommand) -> Result<(), Failure> {
    let mut process = command.start();
    let status = process.wait(PATIENCE).await;
    if status.success() {
        return Ok(());
    }
    Err(format!("preparing a peer ended with {status}: {}", process.log()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_is_not_installed_is_told_with_the_remedy() {
        let folder = tempfile::tempdir().expect("a folder");
        let told = installed(folder.path(), "django").expect_err("nothing there");
        assert!(
            told.to_string()
                .ends_with("django is missing: run scripts/bench-peers install")
        );
        std::fs::create_dir(folder.path().join("django")).expect("a folder");
        assert!(installed(folder.path(), "django").is_ok());
    }
}
