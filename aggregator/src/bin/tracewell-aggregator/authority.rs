//! The fleet's certificate authority: made at the first start, or installed before it, it vouches for the aggregator and for each host.

use crate::registry::now;
use anyhow::{Context, Result, bail, ensure};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SanType,
};
use rustix::fs::{Mode, chmod};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};
use tracewell_aggregator::whole;
use tracewell_model::HostId;
use tracewell_wire::quic::Secret;
use tracewell_wire::quic::identity::{AGGREGATOR, Identity, fingerprint, name_of};
use tracewell_wire::quic::pki_types::pem::PemObject;
use tracewell_wire::quic::pki_types::{
    CertificateDer, CertificateSigningRequestDer, PrivateKeyDer, PrivatePkcs8KeyDer,
};
use x509_parser::extensions::ParsedExtension;
use x509_parser::parse_x509_certificate;
use x509_parser::prelude::X509Extension;

const KEY: &str = "authority.key";
const CERTIFICATE: &str = "authority.crt";
/// Of a certificate or a key that is to be installed.
const FILE_BYTES_MAX: u64 = 64 << 10;
/// What begins what is encoded in a text (RFC 7468).
const PEM: &[u8] = b"-----BEGIN ";
/// What can sign here.
const KEYS: &str = "a private key of ECDSA on P-256 or P-384, of Ed25519, or of RSA with 2048 to 8192 bits";
const DAY: Duration = Duration::from_secs(86_400);
/// Before this there is no need to speak of an authority's end.
const ENDS_SOON: Duration = Duration::from_secs(180 * 86_400);
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

    /// Makes the authority of a folder of a certificate and its key that are there already, each in PEM or DER.
    ///
    /// # Errors
    /// When the folder has one, or these two cannot vouch for hosts.
    pub fn install(folder: &Path, certificate_file: &Path, key_file: &Path) -> Result<()> {
        let there = folder.display();
        ensure!(!folder.exists(), "{there} is there already: hosts that were enrolled by it would be let in no more");
        let certificate = match read_small(certificate_file)? {
            pem if is_pem(&pem) => CertificateDer::from_pem_slice(&pem)
                .with_context(|| format!("{}: expected a certificate", certificate_file.display()))?,
            der => der.into(),
        };
        let key = match read_small(key_file)? {
            pem if is_pem(&pem) => PrivatePkcs8KeyDer::from_pem_slice(&pem).with_context(|| {
                let file = key_file.display();
                format!("{file}: expected a private key in PKCS #8, not encrypted (openssl pkcs8 -topk8 -nocrypt)")
            })?,
            der => der.into(),
        };
        let pair = KeyPair::try_from(&key).with_context(|| format!("{}: expected {KEYS}", key_file.display()))?;
        suits(&certificate, &pair).with_context(|| certificate_file.display().to_string())?;
        let made = whole::make(folder, |part| {
            write(&part.join(KEY), key.secret_pkcs8_der())?;
            write(&part.join(CERTIFICATE), &certificate)
        });
        made.with_context(|| format!("making {there}"))?;
        Self::load(folder)?.warn_of_its_end();
        Ok(())
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
        is_of_key(&certificate, &key).with_context(|| certificate_file.display().to_string())?;
        let issuer = Issuer::from_ca_cert_der(&certificate, key)
            .with_context(|| format!("reading the certificate in {}", certificate_file.display()))?;
        Ok(Self { issuer, secret, certificate })
    }

    /// When its certificate ends, in seconds since 1970.
    pub fn ends(&self) -> u64 {
        // It was read when it was loaded.
        let parsed = parse_x509_certificate(&self.certificate);
        parsed.map_or(0, |(_, parsed)| parsed.validity().not_after.timestamp().try_into().unwrap_or(0))
    }

    /// Logs that it ends soon, if it does: no host is let in after that.
    pub fn warn_of_its_end(&self) {
        let left = Duration::from_secs(self.ends().saturating_sub(now()));
        if left < ENDS_SOON {
            let days = left.as_secs() / DAY.as_secs();
            tracing::warn!(
                days,
                "the certificate authority ends soon: all hosts are to be enrolled anew by another before"
            );
        }
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

/// Whether this certificate lets its key vouch for hosts and their aggregator.
fn suits(certificate: &CertificateDer<'_>, key: &KeyPair) -> Result<()> {
    let (_, parsed) = parse_x509_certificate(certificate).context("expected a certificate")?;
    let is_authority = parsed.basic_constraints()?.is_some_and(|constraints| constraints.value.ca);
    ensure!(is_authority, "it is no authority's: expected the constraint CA:TRUE (RFC 5280, 4.2.1.9)");
    let may_sign = parsed.key_usage()?.is_none_or(|usage| usage.value.key_cert_sign());
    ensure!(may_sign, "its key may sign no certificates: expected the usage keyCertSign (RFC 5280, 4.2.1.3)");
    ensure!(parsed.name_constraints()?.is_none(), "it is for some names only, expected one without name constraints");
    let usage = parsed.extended_key_usage()?.map(|usage| usage.value);
    let suits_both = usage.is_none_or(|usage| usage.any || usage.server_auth && usage.client_auth);
    ensure!(
        suits_both,
        "it is for other ends, expected serverAuth and clientAuth, or no extended usage (RFC 5280, 4.2.1.12)"
    );
    let known = |extension: &X509Extension<'_>| {
        !matches!(extension.parsed_extension(), ParsedExtension::UnsupportedExtension { .. })
    };
    if let Some(unknown) = parsed.extensions().iter().find(|extension| extension.critical && !known(extension)) {
        bail!("its critical extension {} is not known here, and must not be passed over (RFC 5280, 4.2)", unknown.oid);
    }
    ensure!(
        parsed.validity().is_valid(),
        "it does not hold now: {} to {}",
        parsed.validity().not_before,
        parsed.validity().not_after
    );
    is_of_key(certificate, key)
}

fn is_of_key(certificate: &CertificateDer<'_>, key: &KeyPair) -> Result<()> {
    let (_, parsed) = parse_x509_certificate(certificate).context("expected a certificate")?;
    ensure!(parsed.public_key().raw == key.subject_public_key_info(), "it is of another key");
    Ok(())
}

/// A file that somebody names, up to [`FILE_BYTES_MAX`].
fn read_small(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).with_context(|| format!("reading {}", path.display()))?;
    ensure!(bytes.len() as u64 <= FILE_BYTES_MAX, "{}: expected at most {FILE_BYTES_MAX} bytes", path.display());
    Ok(bytes)
}

/// Text may stand before (RFC 7468, section 2).
fn is_pem(bytes: &[u8]) -> bool {
    bytes.windows(PEM.len()).any(|window| window == PEM)
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
        let (folder, part) = (place.path().join("a"), place.path().join(".a.tracewell-part"));
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

    /// An authority that another one vouches for, and its key.
    fn intermediate(change: impl FnOnce(&mut CertificateParams)) -> (Vec<u8>, KeyPair) {
        let root_key = KeyPair::generate().unwrap();
        let root = Issuer::new(authority_params().unwrap(), &root_key);
        let (key, mut params) = (KeyPair::generate().unwrap(), authority_params().unwrap());
        params.distinguished_name.push(DnType::CommonName, "of a company");
        change(&mut params);
        (params.signed_by(&key, &root).unwrap().der().to_vec(), key)
    }

    #[test]
    fn an_authority_of_ones_own_vouches_for_hosts() {
        let place = tempfile::tempdir().unwrap();
        let [folder, certificate, key_file] = ["a", "crt", "key"].map(|name| place.path().join(name));
        let (der, key) = intermediate(|_| ());
        fs::write(&certificate, &der).unwrap();
        fs::write(&key_file, key.serialize_der()).unwrap();
        Authority::install(&folder, &certificate, &key_file).unwrap();
        let authority = Authority::open(&folder).unwrap();
        assert_eq!(authority.fingerprint(), fingerprint(&der.clone().into()), "none was made");
        let host_key = KeyPair::generate().unwrap();
        let request = CertificateParams::default().serialize_request(&host_key).unwrap().der().to_vec();
        let host = authority.host(HostId(7), &request, DAY).unwrap();
        let ((_, host), (_, own)) = (parse_x509_certificate(&host).unwrap(), parse_x509_certificate(&der).unwrap());
        assert_eq!(host.issuer(), own.subject());
        let again = Authority::install(&folder, &certificate, &key_file).unwrap_err().to_string();
        assert!(again.contains("is there already"), "{again}");
    }

    #[test]
    fn what_cannot_vouch_for_hosts_is_no_authority() {
        let place = tempfile::tempdir().unwrap();
        let [folder, certificate, key_file] = ["a", "crt", "key"].map(|name| place.path().join(name));
        let refused = |certificate_bytes: &[u8], key_bytes: &[u8]| {
            fs::write(&certificate, certificate_bytes).unwrap();
            fs::write(&key_file, key_bytes).unwrap();
            let error = Authority::install(&folder, &certificate, &key_file).unwrap_err();
            assert!(!folder.exists(), "{error:#}");
            format!("{error:#}")
        };
        type Change = fn(&mut CertificateParams);
        let changes: [(Change, &str); 6] = [
            (|params| params.is_ca = IsCa::NoCa, "CA:TRUE"),
            (|params| params.key_usages = vec![KeyUsagePurpose::DigitalSignature], "keyCertSign"),
            (|params| params.not_after = params.not_before, "does not hold now"),
            (|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning], "for other ends"),
            (
                |params| {
                    let mut unknown =
                        rcgen::CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99_999, 1], vec![5, 0]);
                    unknown.set_criticality(true);
                    params.custom_extensions = vec![unknown];
                },
                "1.3.6.1.4.1.99999.1",
            ),
            (
                |params| {
                    let permitted_subtrees = vec![rcgen::GeneralSubtree::DnsName("example.net".into())];
                    let excluded_subtrees = Vec::new();
                    params.name_constraints = Some(rcgen::NameConstraints { permitted_subtrees, excluded_subtrees });
                },
                "without name constraints",
            ),
        ];
        for (change, why) in changes {
            let (der, key) = intermediate(change);
            let told = refused(&der, &key.serialize_der());
            assert!(told.contains(why), "{told}");
        }
        let (der, key) = intermediate(|_| ());
        let other = KeyPair::generate().unwrap().serialize_der();
        assert!(refused(&der, &other).contains("of another key"));
        assert!(refused(b"x", &key.serialize_der()).contains("expected a certificate"));
        assert!(refused(b"-----BEGIN CERTIFICATE-----", &key.serialize_der()).contains("expected a certificate"));
        assert!(refused(&der, b"x").contains("expected a private key"));
        assert!(refused(&der, b"-----BEGIN EC PRIVATE KEY-----").contains("openssl pkcs8"));
        assert!(refused(&der, b"Bag Attributes\n-----BEGIN EC PRIVATE KEY-----").contains("openssl pkcs8"));
        assert!(refused(&vec![b'x'; 1 << 17], &key.serialize_der()).contains("at most 65536 bytes"));
        Authority::open(&folder).unwrap();
        fs::write(folder.join(CERTIFICATE), &der).unwrap();
        let other = Authority::load(&folder).map(drop).unwrap_err();
        assert!(format!("{other:#}").contains("of another key"), "{other:#}");
    }
}
