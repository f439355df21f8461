//! What a health check reads: where the process that it asks listens, and no secret.

use std::net::SocketAddr;

use super::Environment;
use super::http::{MetricsAddress, metrics_address, read_listen};
use super::reader::{ConfigError, Read, Reader};
use super::variables::{Binary, LISTEN, METRICS_LISTEN};

/// Whom a health check asks, and what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthcheckConfig {
    /// The address that it binds.
    pub listener: SocketAddr,
    /// What is asked there.
    pub path: &'static str,
}

impl HealthcheckConfig {
    /// Of the API: whether it is ready, by `LISTEN`.
    pub fn load_api(environment: &Environment) -> Result<Self, ConfigError> {
        Ok(Reader::load(environment, Binary::Api, read_api)?.0)
    }

    /// Of a worker: whether it lives, by `METRICS_LISTEN`. What its stores do to it shows in its
    /// metrics: it waits for them, and a restart would help nobody.
    pub fn load_worker(environment: &Environment) -> Result<Self, ConfigError> {
        Ok(Reader::load(environment, Binary::Worker, read_worker)?.0)
    }
}

fn read_api(reader: &mut Reader<'_>) -> Read<HealthcheckConfig> {
    let listen = read_listen(reader)?;
    if listen.port() == 0 {
        return Err(refuse_any_port(reader, LISTEN.name));
    }
    Ok(HealthcheckConfig {
        listener: listen,
        path: "/readyz",
    })
}

fn read_worker(reader: &mut Reader<'_>) -> Read<HealthcheckConfig> {
    let (MetricsAddress::Exactly(address) | MetricsAddress::FirstFreeFrom(address)) =
        metrics_address(reader, None)?;
    if address.port() == 0 {
        return Err(refuse_any_port(reader, METRICS_LISTEN.name));
    }
    Ok(HealthcheckConfig {
        listener: address,
        path: "/livez",
    })
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
            config.map(|config| (config.listener.to_string(), config.path))
        };
        let worker = |pairs: &[_]| {
            let config = HealthcheckConfig::load_worker(&environment(pairs));
            config.map(|config| (config.listener.to_string(), config.path))
        };
        assert_eq!(api(&[]), Ok(("127.0.0.1:8000".to_owned(), "/readyz")));
        assert_eq!(
            api(&[("LISTEN", "0.0.0.0:80")]),
            Ok(("0.0.0.0:80".to_owned(), "/readyz"))
        );
        assert_eq!(worker(&[]), Ok(("127.0.0.1:9465".to_owned(), "/livez")));
        assert_eq!(
            worker(&[("METRICS_LISTEN", "10.0.0.1:1"), ("LISTEN", "junk")]),
            Ok(("10.0.0.1:1".to_owned(), "/livez"))
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
