//! The fleet's certificate authority: made at the first start, it vouches for the aggregator and for each host.

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use rustix::fs::{Mode, chmod};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};
use tracewell_aggregator::whole;
use tracewell_model::HostId;
use tracewell_wire::quic::Secret;
use tracewell_wire::quic::identity::{AGGREGATOR, Identity, fingerprint, name_of};
use tracewell_wire::quic::pki_types::{
    CertificateDer, CertificateSigningRequestDer, PrivateKeyDer, PrivatePkcs8KeyDer,
};

const KEY: &str = "authority.key";
const CERTIFICATE: &str = "authority.crt";
const DAY: Duration = Duration::from_secs(86_400);
/// The authority's own.
const HOLDS: Duration = Duration::from_secs(20 * 365 * 86_400);

pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    secret: Secret,
    certificate: CertificateDer<'static>,
}

impl Authority {
    /// The authority of a folder; made there if there is none.
    ///
    /// # Errors
    /// When the folder cannot be used, or what is there is no authority.
    pub fn open(folder: &Path) -> Result<Self> {
        if !folder.join(CERTIFICATE).exists() {
            let key = KeyPair::generate()?;
            let certificate = authority_params()?.self_signed(&key)?;
            let made = whole::make(folder, |part| {
                write(&part.join(KEY), &key.serialize_der())?;
                write(&part.join(CERTIFICATE), certificate.der())
            });
            made.with_context(|| format!("making {}", folder.display()))?;
            tracing::info!(folder = %folder.display(), "made a certificate authority");
        }
        chmod(folder, Mode::RWXU).with_context(|| format!("keeping {} from others", folder.display()))?;
        Self::load(folder)
    }

    /// The authority of a folder.
    ///
    /// # Errors
    /// When there is none.
    pub fn load(folder: &Path) -> Result<Self> {
        let (key_file, certificate_file) = (folder.join(KEY), folder.join(CERTIFICATE));
        let read = |path: &Path| fs::read(path).with_context(|| format!("reading {}", path.display()));
        let key = read(&key_file)?;
        let secret = blake3::derive_key("tracewell.internal 2026 secret of an aggregator", &key);
        let key = KeyPair::try_from(&PrivatePkcs8KeyDer::from(key))
            .with_context(|| format!("reading the key in {}", key_file.display()))?;
        let certificate = CertificateDer::from(read(&certificate_file)?);
        let issuer = Issuer::from_ca_cert_der(&certificate, key)
            .with_context(|| format!("reading the certificate in {}", certificate_file.display()))?;
        Ok(Self { issuer, secret, certificate })
    }

    /// By what tokens name it.
    pub fn fingerprint(&self) -> [u8; 32] {
        fingerprint(&self.certificate)
    }

    /// What only the aggregator knows, the same in each of its runs.
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// The aggregator's own identity, with a key of this run.
    ///
    /// # Errors
    /// When there are no random numbers.
    pub fn aggregator(&self) -> Result<Identity> {
        let key = KeyPair::generate()?;
        let mut params = leaf(AGGREGATOR, HOLDS, vec![SanType::DnsName(AGGREGATOR.try_into()?)]);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.identity(&params, &key)
    }

    fn identity(&self, params: &CertificateParams, key: &KeyPair) -> Result<Identity> {
        let certificate = params.signed_by(key, &self.issuer)?;
        Ok(Identity {
            // Newcomers know the authority by its fingerprint alone: it has to be shown.
            certificates: vec![certificate.der().clone(), self.certificate.clone()],
            key: PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
            authority: self.certificate.clone(),
        })
    }

    /// What the API shows over TLS under names and addresses, with a key of this run.
    ///
    /// # Errors
    /// When one of them can be in no certificate, or there are no random numbers.
    pub fn api(&self, names: &[String]) -> Result<Identity> {
        let key = KeyPair::generate()?;
        let mut params = leaf("Tracewell API", HOLDS, CertificateParams::new(names)?.subject_alt_names);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.identity(&params, &key)
    }

    /// A certificate for the key that signed a request. Nothing else of the request is taken over.
    ///
    /// # Errors
    /// When the bytes are no request, or it is not signed by the key in it.
    pub fn host(&self, host: HostId, request: &[u8], holds: Duration) -> Result<CertificateDer<'static>, rcgen::Error> {
        let request = CertificateSigningRequestParams::from_der(&CertificateSigningRequestDer::from(request))?;
        let name = name_of(host);
        let mut params = leaf(&name, holds, vec![SanType::DnsName(name.as_str().try_into()?)]);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        Ok(params.signed_by(&request.public_key, &self.issuer)?.der().clone())
    }
}

fn authority_params() -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, "Tracewell fleet");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    hold(&mut params, HOLDS);
    Ok(params)
}

fn leaf(name: &str, holds: Duration, names: Vec<SanType>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.subject_alt_names = names;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    hold(&mut params, holds);
    params
}

/// From yesterday, since clocks differ.
#[expect(clippy::disallowed_methods, reason = "certificates hold by the wall clock (RFC 5280)")]
fn hold(params: &mut CertificateParams, holds: Duration) {
    let now = SystemTime::now();
    (params.not_before, params.not_after) = ((now - DAY).into(), (now + holds).into());
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use tracewell_wire::quic::identity::host_of;

    /// What a first start leaves that is cut off, wherever that is.
    #[test]
    fn a_start_that_was_cut_off_is_taken_up() {
        let place = tempfile::tempdir().unwrap();
        let (folder, part) = (place.path().join("a"), place.path().join("a.part"));
        for files in [&[][..], &[KEY], &[KEY, CERTIFICATE]] {
            fs::create_dir(&part).unwrap();
            files.iter().for_each(|file| fs::write(part.join(file), "").unwrap());
            Authority::open(&folder).unwrap();
            assert!(!part.exists());
            fs::remove_dir_all(&folder).unwrap();
        }
    }

    #[test]
    fn an_authority_stays_the_same_and_vouches_for_keys_that_sign() {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::open(&folder.path().join("a")).unwrap();
        let again = Authority::open(&folder.path().join("a")).unwrap();
        assert_eq!(authority.fingerprint(), again.fingerprint());
        let mode = fs::metadata(folder.path().join("a").join(KEY)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);

        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["aggregator.tracewell.internal".into()]).unwrap();
        let request = params.serialize_request(&key).unwrap().der().to_vec();
        let certificate = again.host(HostId(7), &request, DAY).unwrap();
        assert_eq!(host_of(&certificate), Some(HostId(7)), "and not what the request asked for");
        let mut forged = request.clone();
        *forged.last_mut().unwrap() ^= 1;
        assert!(again.host(HostId(7), &forged, DAY).is_err(), "it is not signed by that key");
        assert!(again.host(HostId(7), b"garbage", DAY).is_err());
        assert_eq!(host_of(&again.aggregator().unwrap().certificates[0]), None);
    }
}
