//! Where the console listens, how staff reach it, and with which role it asks the database.

use std::net::SocketAddr;

use secrecy::{ExposeSecret as _, SecretString};

use super::http::{MetricsAddress, PublicUrl, parse_address};
use super::reader::{Read, Reader};
use super::seen::{SettingGroup, seen_settings};
use super::stores::is_postgres;
use super::variables::{ADMIN_DATABASE_URL, ADMIN_LISTEN, ADMIN_URL};
use crate::stores::StoresConfig;

/// That of `ADMIN_LISTEN`.
const DEFAULT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8001);

/// The settings of the console.
#[derive(Clone, Debug)]
pub struct ConsoleConfig {
    /// `ADMIN_LISTEN`
    pub listen: MetricsAddress,
    /// `ADMIN_URL`
    pub url: Option<PublicUrl>,
    /// `ADMIN_DATABASE_URL`
    pub database_url: Option<SecretString>,
    /// Every setting as it is, without secrets, for the page that shows them.
    pub settings: Vec<SettingGroup>,
}

impl ConsoleConfig {
    /// Reads the settings; `None` where there is to be no console.
    pub(super) fn read(reader: &mut Reader<'_>, listen: Option<SocketAddr>) -> Read<Option<Self>> {
        let address = read_listen(reader, listen);
        let url = read_url(reader);
        let (address, url) = (address?, url?);
        let Some(address) = address else {
            let why = "ADMIN_LISTEN is off, so that there is no console";
            reader.warn_without_effect(&ADMIN_URL, why)?;
            return Ok(None);
        };
        if let MetricsAddress::Exactly(exactly) = address
            && !exactly.ip().is_loopback()
            && url.is_none()
        {
            return Err(reader.refuse(
                ADMIN_LISTEN.name,
                format!(
                    "is {exactly}, which other machines reach, so ADMIN_URL must say under which https address the proxy before it serves staff"
                ),
            ));
        }
        Ok(Some(Self {
            listen: address,
            url,
            database_url: None,
            settings: seen_settings(reader.environment(), reader.binary()),
        }))
    }

    /// Reads `ADMIN_DATABASE_URL`, which is for the shape with servers only.
    pub(super) fn read_database(
        reader: &mut Reader<'_>,
        stores: Option<&StoresConfig>,
        there: bool,
    ) -> Read<Option<SecretString>> {
        let Some(url) = reader.secret(&ADMIN_DATABASE_URL)? else {
            return Ok(None);
        };
        if !there {
            let why = "ADMIN_LISTEN is off, so that there is no console";
            reader.warn_without_effect(&ADMIN_DATABASE_URL, why)?;
            return Ok(None);
        }
        let problem = if matches!(stores, Some(StoresConfig::Sqlite { .. })) {
            Some(
                "is set together with a SQLite DATABASE_URL, which knows no roles; unset it"
                    .to_owned(),
            )
        } else if is_postgres(&url) {
            migrate::server_url_problem(url.expose_secret())
        } else {
            Some("is not a `postgres://` URL".to_owned())
        };
        match problem {
            None => Ok(Some(url)),
            Some(problem) => Err(reader.refuse(ADMIN_DATABASE_URL.name, problem)),
        }
    }
}

/// Reads `ADMIN_URL`, which `api admin-link` prints too.
pub(super) fn read_url(reader: &mut Reader<'_>) -> Read<Option<PublicUrl>> {
    reader.parsed_if_set(&ADMIN_URL, PublicUrl::parse)
}

/// Reads `ADMIN_LISTEN`.
pub(super) fn read_listen(
    reader: &mut Reader<'_>,
    listen: Option<SocketAddr>,
) -> Read<Option<MetricsAddress>> {
    let given = reader.parsed_if_set(&ADMIN_LISTEN, |text| match text {
        "off" => Ok(None),
        text => parse_address(text).map(Some),
    })?;
    match given {
        None => Ok(Some(MetricsAddress::FirstFreeFrom(DEFAULT))),
        Some(None) => Ok(None),
        Some(Some(address)) if address.port() != 0 && listen == Some(address) => Err(reader
            .refuse(
                ADMIN_LISTEN.name,
                format!(
                    "is {address}, like LISTEN; the console needs a private address of its own"
                ),
            )),
        Some(Some(address)) => Ok(Some(MetricsAddress::Exactly(address))),
    }
}

/// Where somebody finds the console, as far as the settings tell: for `api admin-link`.
pub(super) fn origin(reader: &mut Reader<'_>) -> Read<String> {
    let (url, listen) = (read_url(reader), read_listen(reader, None));
    if let Some(url) = url? {
        return Ok(url.origin().to_owned());
    }
    let (MetricsAddress::Exactly(address) | MetricsAddress::FirstFreeFrom(address)) =
        listen?.unwrap_or(MetricsAddress::FirstFreeFrom(DEFAULT));
    let port = match address.port() {
        0 => DEFAULT.port(),
        port => port,
    };
    Ok(format!("http://127.0.0.1:{port}"))
}
