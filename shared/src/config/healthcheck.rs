//! What a health check reads: where the process that it asks listens, and no secret.

use super::Environment;
use super::http::{metrics_address, read_listen};
use super::reader::{ConfigError, Read, Reader};
use super::variables::{Binary, LISTEN, METRICS_LISTEN};
use crate::serving::Target;
use crate::telemetry::MetricsAddress;

/// Whom a health check asks, and what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthcheckConfig {
    /// What is asked.
    pub target: Target,
}

impl HealthcheckConfig {
    /// Of the API: whether it is ready, by `LISTEN`.
    pub fn load_api(environment: &Environment) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(environment, Binary::Api);
        let target = read_api(&mut reader);
        Ok(reader.finish(target.map(|target| Self { target }))?.0)
    }

    /// Of a worker: whether it lives, by `METRICS_LISTEN`. What its stores do to it shows in its
    /// metrics: it waits for them, and starting it anew would help nobody.
    pub fn load_worker(environment: &Environment) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(environment, Binary::Worker);
        let target = read_worker(&mut reader);
        Ok(reader.finish(target.map(|target| Self { target }))?.0)
    }
}

fn read_api(reader: &mut Reader<'_>) -> Read<Target> {
    let listen = read_listen(reader)?;
    if listen.port() == 0 {
        return Err(refuse_any_port(reader, LISTEN.name));
    }
    Ok(Target::new(listen, "/readyz"))
}

fn read_worker(reader: &mut Reader<'_>) -> Read<Target> {
    let (MetricsAddress::Exactly(address) | MetricsAddress::FirstFreeFrom(address)) =
        metrics_address(reader, None)?;
    if address.port() == 0 {
        return Err(refuse_any_port(reader, METRICS_LISTEN.name));
    }
    Ok(Target::new(address, "/livez"))
}

fn refuse_any_port(reader: &mut Reader<'_>, variable: &str) -> super::reader::Reported {
    reader.refuse(
        variable,
        "has port 0, so nobody else can know where to ask; name a port",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Environment {
        Environment::from_pairs(pairs.iter().copied())
    }

    #[test]
    fn the_listener_is_asked_by_the_setting_that_bound_it_and_no_secret_is_needed() {
        let api = |pairs: &[_]| {
            let config = HealthcheckConfig::load_api(&environment(pairs));
            config.map(|config| config.target.to_string())
        };
        let worker = |pairs: &[_]| {
            let config = HealthcheckConfig::load_worker(&environment(pairs));
            config.map(|config| config.target.to_string())
        };
        assert_eq!(api(&[]), Ok("http://127.0.0.1:8000/readyz".to_owned()));
        assert_eq!(
            api(&[("LISTEN", "0.0.0.0:80")]),
            Ok("http://127.0.0.1:80/readyz".to_owned())
        );
        assert_eq!(worker(&[]), Ok("http://127.0.0.1:9465/livez".to_owned()));
        assert_eq!(
            worker(&[("METRICS_LISTEN", "10.0.0.1:1"), ("LISTEN", "junk")]),
            Ok("http://10.0.0.1:1/livez".to_owned())
        );
    }

    #[test]
    fn a_port_that_nobody_knows_is_refused_by_the_name_of_its_setting() {
        let error = HealthcheckConfig::load_api(&environment(&[("LISTEN", "127.0.0.1:0")]));
        let error = error.expect_err("port 0").to_string();
        assert!(error.contains("LISTEN: has port 0"), "{error}");
        let error =
            HealthcheckConfig::load_worker(&environment(&[("METRICS_LISTEN", "127.0.0.1:0")]));
        let error = error.expect_err("port 0").to_string();
        assert!(error.contains("METRICS_LISTEN: has port 0"), "{error}");
    }
}
