//! What the commands of `api` read: each no more than it needs, so that an operator need not have
//! every secret of the service at hand.

use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::phone::AllowedCountries;
use secrecy::SecretString;

use super::Environment;
use super::console::origin;
use super::limits::LimitsConfig;
use super::logging::LogConfig;
use super::otp::{OtpConfig, read_allowed_countries};
use super::reader::{ConfigError, Read, Reader};
use super::stores::{read_database_url, read_stores};
use super::tokens::read_access_token_lifetime;
use super::unknown::refuse_unknown;
use super::variables::{Binary, JWT_PRIVATE_KEY};
use crate::records::Pooler;
use crate::stores::StoresConfig;

const OIDC_CLIENTS_FILE: &str = "OIDC_CLIENTS_FILE";

/// What a command on the records reads.
#[derive(Clone, Debug)]
pub struct RecordsCommandConfig {
    /// `DATABASE_URL`
    pub database_url: SecretString,
    /// `DATABASE_POOLER`
    pub pooler: Pooler,
    /// `ALLOWED_COUNTRIES`
    pub allowed_countries: AllowedCountries,
    /// Log lines.
    pub log: LogConfig,
}

impl RecordsCommandConfig {
    /// Reads the settings, or names everything that is wrong with them.
    pub fn load(environment: &Environment) -> Result<Self, ConfigError> {
        Ok(Reader::load(environment, Binary::Api, Self::read)?.0)
    }

    fn read(reader: &mut Reader<'_>) -> Read<Self> {
        refuse_unknown(reader);
        let database = read_database_url(reader);
        let allowed_countries = read_allowed_countries(reader);
        let log = LogConfig::read(reader);
        let (database_url, pooler) = database?;
        Ok(Self {
            database_url,
            pooler,
            allowed_countries: allowed_countries?,
            log: log?,
        })
    }
}

/// What `api admin-link` reads.
#[derive(Clone, Debug)]
pub struct AdminLinkConfig {
    /// What a command on the records reads.
    pub records: RecordsCommandConfig,
    /// Where the console is: `ADMIN_URL`, or this machine with the port of `ADMIN_LISTEN`.
    pub origin: String,
}

impl AdminLinkConfig {
    /// Reads the settings, or names everything that is wrong with them.
    pub fn load(environment: &Environment) -> Result<Self, ConfigError> {
        Ok(Reader::load(environment, Binary::Api, Self::read)?.0)
    }

    fn read(reader: &mut Reader<'_>) -> Read<Self> {
        let records = RecordsCommandConfig::read(reader);
        let origin = origin(reader);
        Ok(Self {
            records: records?,
            origin: origin?,
        })
    }
}

/// What `api why` reads: where to look, and the limits by which the services judge.
#[derive(Clone, Debug)]
pub struct WhyConfig {
    /// Where records and hot state live.
    pub stores: StoresConfig,
    /// What codes are like.
    pub otp: OtpConfig,
    /// What is refused.
    pub limits: LimitsConfig,
    /// Log lines.
    pub log: LogConfig,
}

impl WhyConfig {
    /// Reads the settings, or names everything that is wrong with them.
    pub fn load(environment: &Environment) -> Result<Self, ConfigError> {
        Ok(Reader::load(environment, Binary::Api, Self::read)?.0)
    }

    fn read(reader: &mut Reader<'_>) -> Read<Self> {
        refuse_unknown(reader);
        let stores = read_stores(reader, None);
        let otp = OtpConfig::read(reader);
        let limits = LimitsConfig::read(reader);
        let log = LogConfig::read(reader);
        Ok(Self {
            stores: stores?,
            otp: otp?,
            limits: limits?,
            log: log?,
        })
    }
}

/// What the rotation of signing keys reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKeyConfig {
    /// `JWT_PRIVATE_KEY_FILE`, unless another file is named.
    pub file: PathBuf,
    /// `ACCESS_TOKEN_LIFETIME`
    pub access_token_lifetime: Duration,
}

impl SigningKeyConfig {
    /// Reads the settings; `file` is named on the command line.
    pub fn load(environment: &Environment, file: Option<&Path>) -> Result<Self, ConfigError> {
        let read = |reader: &mut Reader<'_>| Self::read(reader, file);
        Ok(Reader::load(environment, Binary::Api, read)?.0)
    }

    fn read(reader: &mut Reader<'_>, file: Option<&Path>) -> Read<Self> {
        refuse_unknown(reader);
        let lifetime = read_access_token_lifetime(reader);
        let file = match file {
            Some(file) => Ok(file.to_owned()),
            None => read_key_file(reader),
        };
        Ok(Self {
            file: file?,
            access_token_lifetime: lifetime?,
        })
    }
}

fn read_key_file(reader: &mut Reader<'_>) -> Read<PathBuf> {
    let name = format!("{}_FILE", JWT_PRIVATE_KEY.name);
    if let Some(path) = reader.given_by_name(&name)? {
        return Ok(PathBuf::from(path));
    }
    let problem = match reader.given_by_name(JWT_PRIVATE_KEY.name)? {
        Some(_) => {
            "is not set: JWT_PRIVATE_KEY holds the keys themselves, which no command can change; write them to a file and name it here"
        }
        None => "is not set, and no --file names the file of the keys",
    };
    Err(reader.refuse(&name, problem))
}

/// What the commands on the file of clients read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientsFileConfig {
    /// `OIDC_CLIENTS_FILE`, unless another file is named.
    pub file: PathBuf,
}

impl ClientsFileConfig {
    /// Reads the setting; `file` is named on the command line.
    pub fn load(environment: &Environment, file: Option<&Path>) -> Result<Self, ConfigError> {
        let read = |reader: &mut Reader<'_>| Self::read(reader, file);
        Ok(Reader::load(environment, Binary::Api, read)?.0)
    }

    fn read(reader: &mut Reader<'_>, file: Option<&Path>) -> Read<Self> {
        refuse_unknown(reader);
        let file = match (file, reader.given_by_name(OIDC_CLIENTS_FILE)?) {
            (Some(file), _) => file.to_owned(),
            (None, Some(file)) => PathBuf::from(file),
            (None, None) => {
                let problem = "is not set, and no --file names the file of the clients";
                return Err(reader.refuse(OIDC_CLIENTS_FILE, problem));
            }
        };
        Ok(Self { file })
    }
}
