//! The fleet's certificate authority: made at the first start, it vouches for the aggregator and for each host.

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use rustix::fs::{Mode, chmod};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};
use tracewell_model::HostId;
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
    certificate: CertificateDer<'static>,
}

impl Authority {
    /// The authority of a folder; made there if there is none.
    ///
    /// # Errors
    /// When the folder cannot be used, or what is there is no authority.
    pub fn open(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        chmod(folder, Mode::RWXU).with_context(|| format!("keeping {} from others", folder.display()))?;
        let (key_file, certificate_file) = (folder.join(KEY), folder.join(CERTIFICATE));
        // The certificate comes last: where it is, all is.
        if !certificate_file.exists() {
            let key = KeyPair::generate()?;
            let certificate = authority_params()?.self_signed(&key)?;
            write(&key_file, &key.serialize_der())?;
            write(&certificate_file, certificate.der())?;
            File::open(folder)?.sync_all()?;
            tracing::info!(folder = %folder.display(), "made a certificate authority");
        }
        let read = |path: &Path| fs::read(path).with_context(|| format!("reading {}", path.display()));
        let key = KeyPair::try_from(&PrivatePkcs8KeyDer::from(read(&key_file)?))
            .with_context(|| format!("reading the key in {}", key_file.display()))?;
        let certificate = CertificateDer::from(read(&certificate_file)?);
        let issuer = Issuer::from_ca_cert_der(&certificate, key)
            .with_context(|| format!("reading the certificate in {}", certificate_file.display()))?;
        Ok(Self { issuer, certificate })
    }

    /// By what tokens name it.
    pub fn fingerprint(&self) -> [u8; 32] {
        fingerprint(&self.certificate)
    }

    /// The aggregator's own identity, with a key of this run.
    ///
    /// # Errors
    /// When there are no random numbers.
    pub fn aggregator(&self) -> Result<Identity> {
        let key = KeyPair::generate()?;
        let mut params = leaf(AGGREGATOR, HOLDS)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Identity {
            // Newcomers know the authority by its fingerprint alone: it has to be shown.
            certificates: vec![certificate.der().clone(), self.certificate.clone()],
            key: PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
            authority: self.certificate.clone(),
        })
    }

    /// A certificate for the key that signed a request. Nothing else of the request is taken over.
    ///
    /// # Errors
    /// When the bytes are no request, or it is not signed by the key in it.
    pub fn host(&self, host: HostId, request: &[u8], holds: Duration) -> Result<CertificateDer<'static>, rcgen::Error> {
        let request = CertificateSigningRequestParams::from_der(&CertificateSigningRequestDer::from(request))?;
        let mut params = leaf(&name_of(host), holds)?;
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

fn leaf(name: &str, holds: Duration) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.subject_alt_names = vec![SanType::DnsName(name.try_into()?)];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    hold(&mut params, holds);
    Ok(params)
}

/// From yesterday, since clocks differ.
#[expect(clippy::disallowed_methods, reason = "certificates hold by the wall clock (RFC 5280)")]
fn hold(params: &mut CertificateParams, holds: Duration) {
    let now = SystemTime::now();
    (params.not_before, params.not_after) = ((now - DAY).into(), (now + holds).into());
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    written.with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use tracewell_wire::quic::identity::host_of;

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
