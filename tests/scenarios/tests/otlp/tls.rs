use std::{fs, path::PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use scenarios::{
    collector::{Collector, Protocol, Tls},
    scrape::wait_for,
    stores::Kind,
};
use tempfile::TempDir;

use super::serve;

type Authority = CertifiedIssuer<'static, KeyPair>;

/// Two authorities, and certificates by the first.
struct Certificates {
    directory: TempDir,
    right: Authority,
    wrong: Authority,
}

impl Certificates {
    fn new() -> Self {
        let this = Self {
            directory: tempfile::tempdir().unwrap(),
            right: authority("right"),
            wrong: authority("wrong"),
        };
        this.write("ca.pem", &this.right.pem());
        this.write("wrong-ca.pem", &this.wrong.pem());
        this.issue("server", &this.right, ExtendedKeyUsagePurpose::ServerAuth);
        this.issue("client", &this.right, ExtendedKeyUsagePurpose::ClientAuth);
        this.issue("stranger", &this.wrong, ExtendedKeyUsagePurpose::ClientAuth);
        this
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.file(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.file(name), text).unwrap();
    }

    fn issue(&self, name: &str, by: &Authority, usage: ExtendedKeyUsagePurpose) {
        let mut params = params(name, &["localhost"]);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().unwrap();
        self.write(&format!("{name}.pem"), &params.signed_by(&key, by).unwrap().pem());
        self.write(&format!("{name}-key.pem"), &key.serialize_pem());
    }

    /// What a collector has that wants to see a client's certificate.
    fn mutual(&self) -> Tls {
        Tls {
            certificate: self.file("server.pem"),
            key: self.file("server-key.pem"),
            client_authority: Some(self.file("ca.pem")),
        }
    }
}

fn params(name: &str, hosts: &[&str]) -> CertificateParams {
    let hosts: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
    let mut params = CertificateParams::new(hosts).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn authority(name: &str) -> Authority {
    let mut params = params(name, &[]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_side_shows_who_it_is() {
    let certificates = Certificates::new();
    let fresh = Kind::Sqlite.create().await;
    drop(fresh.store.provider().await);
    for protocol in [Protocol::Grpc, Protocol::Http] {
        let Some(collector) = Collector::start_with(protocol, 0, Some(&certificates.mutual())).await else {
            return;
        };
        let run = |authority: &str, client: Option<&str>| {
            let mut flags = collector.flags("50ms");
            flags.extend(["--otlp.timeout".to_owned(), "300ms".to_owned()]);
            flags.extend(["--otlp.certificate".to_owned(), certificates.text(authority)]);
            if let Some(client) = client {
                flags.extend([
                    "--otlp.client-certificate".to_owned(),
                    certificates.text(&format!("{client}.pem")),
                ]);
                flags.extend([
                    "--otlp.client-key".to_owned(),
                    certificates.text(&format!("{client}-key.pem")),
                ]);
            }
            serve(&fresh.store, &flags, &[])
        };
        // The wrong ones first: what arrives then would be seen.
        for (authority, client, told) in [
            ("wrong-ca.pem", Some("client"), Some("Check --otlp.certificate")),
            ("ca.pem", None, None),
            ("ca.pem", Some("stranger"), None),
        ] {
            let sidecar = run(authority, client);
            let words = told.unwrap_or("OTLP export failed");
            wait_for(words, async || sidecar.log().contains(words).then_some(())).await;
            drop(sidecar);
            assert_eq!(collector.requests().len(), 0, "{protocol:?}: {authority} {client:?}");
        }
        let sidecar = run("ca.pem", Some("client"));
        collector.next().await;
        assert!(sidecar.terminate().success());
    }
}
