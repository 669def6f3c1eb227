//! `Authority`: the cluster's own certificate authority, and what it signs.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::Digest as _;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// The cluster's certificate authority.
pub struct Authority {
    /// Its certificate, as PEM.
    pub certificate: String,
    /// Its key, as PEM.
    pub key: String,
}

/// A certificate with its key, both as PEM.
pub struct Signed {
    /// The certificate.
    pub certificate: String,
    /// The key.
    pub key: String,
}

fn other(error: impl std::fmt::Display) -> io::Error {
    io::Error::other(error.to_string())
}

fn lasting(params: &mut CertificateParams, days: i64) -> io::Result<()> {
    let now = jiff::Timestamp::now();
    let time = |days: i64| -> io::Result<(i32, u8, u8)> {
        let then = now
            .checked_add(jiff::SignedDuration::from_hours(24 * days))
            .map_err(other)?;
        let date = then.to_zoned(jiff::tz::TimeZone::UTC).date();
        Ok((
            i32::from(date.year()),
            date.month().unsigned_abs(),
            date.day().unsigned_abs(),
        ))
    };
    let (year, month, day) = time(-1)?;
    params.not_before = rcgen::date_time_ymd(year, month, day);
    let (year, month, day) = time(days)?;
    params.not_after = rcgen::date_time_ymd(year, month, day);
    Ok(())
}

fn named(common: &str, organization: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    if !organization.is_empty() {
        name.push(DnType::OrganizationName, organization);
    }
    name.push(DnType::CommonName, common);
    name
}

fn own_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named("simulated-k3s-ca", "");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::CrlSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    params
}

impl Authority {
    /// A new authority.
    pub fn new() -> io::Result<Authority> {
        let key = KeyPair::generate().map_err(other)?;
        let mut params = own_params();
        lasting(&mut params, 3650)?;
        let certificate = params.self_signed(&key).map_err(other)?;
        Ok(Authority {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        })
    }

    /// The authority whose files are in a folder; `None` when there is none yet.
    pub fn load(folder: &Path) -> io::Result<Option<Authority>> {
        let read = |name| match std::fs::read_to_string(folder.join(name)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        };
        let pair = (read("server-ca.crt")?, read("server-ca.key")?);
        Ok(match pair {
            (Some(certificate), Some(key)) => Some(Authority { certificate, key }),
            _ => None,
        })
    }

    /// Writes the authority into a folder, readable by root only.
    pub fn save(&self, folder: &Path) -> io::Result<()> {
        std::fs::create_dir_all(folder)?;
        write(&folder.join("server-ca.key"), &self.key, 0o600)?;
        write(&folder.join("server-ca.crt"), &self.certificate, 0o644)
    }

    /// The SHA-256 of the certificate, as tokens carry it.
    pub fn digest(&self) -> String {
        digest(&self.certificate)
    }

    fn sign(&self, mut params: CertificateParams) -> io::Result<Signed> {
        lasting(&mut params, 365)?;
        params.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyEncipherment,
        ];
        let key = KeyPair::generate().map_err(other)?;
        let own = KeyPair::from_pem(&self.key).map_err(other)?;
        let issuer = Issuer::new(own_params(), own);
        let certificate = params.signed_by(&key, &issuer).map_err(other)?;
        Ok(Signed {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        })
    }

    /// A certificate for a server that is reached under these names and addresses.
    pub fn server(&self, names: Vec<String>) -> io::Result<Signed> {
        let mut params = CertificateParams::new(names).map_err(other)?;
        params.distinguished_name = named("k3s", "k3s");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(params)
    }

    /// A certificate for a user in a group.
    pub fn client(&self, user: &str, group: &str) -> io::Result<Signed> {
        let mut params = CertificateParams::default();
        params.distinguished_name = named(user, group);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(params)
    }
}

/// The SHA-256 of a certificate's PEM text, as K3s's tokens carry it.
pub fn digest(certificate: &str) -> String {
    hex::encode(sha2::Sha256::digest(certificate.as_bytes()))
}

/// The certificates of a PEM text.
pub fn certificates(pem: &str) -> io::Result<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(other)
}

/// The key of a PEM text.
pub fn private_key(pem: &str) -> io::Result<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(other)
}

/// Writes a file beside its place, and renames it.
pub fn write(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    use std::io::Write as _;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let beside = std::path::PathBuf::from(name);
    // a file left behind by a torn run may have another mode
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = std::fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&beside)?;
    file.write_all(text.as_bytes())?;
    std::fs::rename(beside, path)
}
