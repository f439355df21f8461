//! A certificate authority for one run, so that clients that insist on https can be tested.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use thiserror::Error;

/// Names that the server's certificate is good for.
pub const NAMES: [&str; 3] = ["127.0.0.1", "localhost", "api.kavenegar.com"];

/// Why no certificate could be made.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A key or certificate could not be generated.
    #[error("a certificate could not be made")]
    Certificate(#[from] rcgen::Error),
    /// rustls refused the key or the certificate.
    #[error("the TLS settings were refused")]
    Settings(#[from] rustls::Error),
    /// The authority's certificate could not be written.
    #[error("{path} could not be written")]
    Write {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
}

/// Server settings with a fresh certificate, and the file that clients have to trust.
#[derive(Debug)]
pub struct LocalTls {
    /// For rustls; HTTP/2 and HTTP/1.1.
    pub config: Arc<ServerConfig>,
    /// The authority's certificate in PEM, for `REQUESTS_CA_BUNDLE`, `NODE_EXTRA_CA_CERTS` and
    /// their like.
    pub ca_file: PathBuf,
}

impl LocalTls {
    /// Makes an authority, writes its certificate to `ca.pem` in `directory` (made if needed) and
    /// signs a certificate for [`NAMES`]. Both private keys live only in this process.
    pub fn create(directory: &Path) -> Result<Self, TlsError> {
        let ca_key = KeyPair::generate()?;
        let mut ca = CertificateParams::new(Vec::new())?;
        ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        ca.distinguished_name
            .push(DnType::CommonName, "Kavenegar simulator authority");
        let ca_certificate = ca.self_signed(&ca_key)?;
        let issuer = Issuer::new(ca, ca_key);

        let key = KeyPair::generate()?;
        let mut server = CertificateParams::new(NAMES.map(str::to_owned).to_vec())?;
        server
            .distinguished_name
            .push(DnType::CommonName, "Kavenegar simulator");
        server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        server.use_authority_key_identifier_extension = true;
        let certificate = server.signed_by(&key, &issuer)?;

        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];

        let ca_file = directory.join("ca.pem");
        let written =
            fs::create_dir_all(directory).and_then(|()| fs::write(&ca_file, ca_certificate.pem()));
        written.map_err(|source| TlsError::Write {
            path: ca_file.clone(),
            source,
        })?;
        Ok(Self {
            config: Arc::new(config),
            ca_file,
        })
    }
}
