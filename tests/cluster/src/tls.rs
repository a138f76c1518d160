//! Certificates made on the fly.

use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

use crate::{Server, config, programs};

/// Where the certificates are: in the data directory, so that a standby gets a copy.
const DIRECTORY: &str = "tls";

/// What `postgresql.conf` says about them; paths are relative to the data directory.
pub(crate) const SETTINGS: [(&str, &str); 4] = [
    ("ssl", "on"),
    ("ssl_cert_file", "tls/server.crt"),
    ("ssl_key_file", "tls/server.key"),
    ("ssl_ca_file", "tls/ca.crt"),
];

/// Files of a client's certificate.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The certificate, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM (PKCS #8).
    pub key: PathBuf,
}

/// What may be wrong with a server's certificate.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// No authority has signed it.
    SignedByItself,
    /// It is an authority's own, as `openssl req -x509` makes it.
    AuthorityAsServer,
    /// Its time is over.
    OutOfDate,
    /// Its time comes.
    FromTheFuture,
}

type Authority = CertifiedIssuer<'static, KeyPair>;

/// Who signs.
pub(crate) struct Authorities {
    right: Authority,
    /// Nobody trusts this one.
    wrong: Authority,
}

impl std::fmt::Debug for Authorities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authorities")
    }
}

impl Authorities {
    pub(crate) fn new() -> Self {
        Self { right: authority("The tests' authority"), wrong: authority("Somebody else's authority") }
    }
}

fn authority(name: &str) -> Authority {
    let mut params = named(name, &[]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a certificate")
}

/// A certificate and its key, both PEM.
fn issue(by: &Authority, mut params: CertificateParams, usage: ExtendedKeyUsagePurpose) -> (String, String) {
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![usage];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, by).expect("a certificate");
    (certificate.pem(), key.serialize_pem())
}

fn named(name: &str, hosts: &[&str]) -> CertificateParams {
    let hosts: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
    let mut params = CertificateParams::new(hosts).expect("names of hosts");
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// Writes what a new server needs.
pub(crate) fn equip(server: &Server, authorities: &Authorities) {
    let directory = server.data().join(DIRECTORY);
    fs::create_dir(&directory).expect("a directory for certificates");
    programs::give(&directory);
    let (certificate, key) = issue(
        &authorities.right,
        named("the server", &["localhost", "127.0.0.1"]),
        ExtendedKeyUsagePurpose::ServerAuth,
    );
    config::write(&server.tls_file("server.crt"), &certificate);
    config::write(&server.tls_file("server.key"), &key);
    config::write(&server.tls_file("ca.crt"), &authorities.right.pem());
    config::write(&server.tls_file("wrong-ca.crt"), &authorities.wrong.pem());
}

impl Server {
    /// The authority that signed this server's certificate, which is for `localhost` and `127.0.0.1`.
    pub fn ca(&self) -> PathBuf {
        self.tls_file("ca.crt")
    }

    /// An authority that has signed nothing of this server.
    pub fn wrong_ca(&self) -> PathBuf {
        self.tls_file("wrong-ca.crt")
    }

    /// A certificate that the server accepts from a user.
    pub fn certificate(&self, user: &str) -> Certificate {
        self.certificate_by(&self.authorities().right, user)
    }

    /// A certificate for a user that is signed by the wrong authority.
    pub fn wrong_certificate(&self, user: &str) -> Certificate {
        self.certificate_by(&self.authorities().wrong, user)
    }

    /// From now on the server shows this certificate.
    pub fn show_a_bad_certificate(&self, fault: Fault) {
        let mut params = named("the server", &["localhost", "127.0.0.1"]);
        let day = |year| rcgen::date_time_ymd(year, 1, 1);
        match fault {
            Fault::SignedByItself => {}
            Fault::AuthorityAsServer => params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained),
            Fault::OutOfDate => (params.not_before, params.not_after) = (day(2020), day(2021)),
            Fault::FromTheFuture => (params.not_before, params.not_after) = (day(4000), day(4001)),
        }
        let (certificate, key) = match fault {
            Fault::SignedByItself | Fault::AuthorityAsServer => {
                let key = KeyPair::generate().expect("a key");
                (params.self_signed(&key).expect("a certificate").pem(), key.serialize_pem())
            }
            Fault::OutOfDate | Fault::FromTheFuture => {
                issue(&self.authorities().right, params, ExtendedKeyUsagePurpose::ServerAuth)
            }
        };
        config::write(&self.tls_file("bad.crt"), &certificate);
        config::write(&self.tls_file("bad.key"), &key);
        self.set("ssl_cert_file", "tls/bad.crt");
        self.set("ssl_key_file", "tls/bad.key");
    }

    /// From now on a user must show a certificate of his own beside the password.
    pub fn demand_certificate(&self, user: &str) {
        self.set_access(&[
            &format!("hostssl all {user} 127.0.0.1/32 scram-sha-256 clientcert=verify-full"),
            &format!("host all {user} 127.0.0.1/32 reject"),
        ]);
    }

    fn certificate_by(&self, authority: &Authority, user: &str) -> Certificate {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let (certificate, key) = issue(authority, named(user, &[]), ExtendedKeyUsagePurpose::ClientAuth);
        let file = |ending| self.tls_file(&format!("client-{number}.{ending}"));
        let files = Certificate { certificate: file("crt"), key: file("key") };
        config::write(&files.certificate, &certificate);
        config::write(&files.key, &key);
        files
    }

    fn authorities(&self) -> &Authorities {
        self.nature.authorities.as_deref().expect("a server made with tls()")
    }

    fn tls_file(&self, name: &str) -> PathBuf {
        self.data().join(DIRECTORY).join(name)
    }
}
