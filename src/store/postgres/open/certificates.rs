//! The files of certificates and keys that a URL names. The driver's own complaints name neither file nor option, and
//! one that holds nothing is no complaint to it at all.

use sqlx::postgres::PgSslMode;

use crate::labels::FailureReason;
use crate::store::database::failure::StoreError;
use crate::store::url::PostgresUrl;

/// Looks at those that this mode uses.
pub(super) async fn look(url: &PostgresUrl, mode: PgSslMode) -> Result<(), StoreError> {
    let used: &[&str] = match mode {
        PgSslMode::Disable => &[],
        PgSslMode::Allow | PgSslMode::Prefer | PgSslMode::Require => &["sslcert", "sslkey"],
        PgSslMode::VerifyCa | PgSslMode::VerifyFull => &["sslrootcert", "sslcert", "sslkey"],
    };
    for option in used {
        // A value may also be the text of a file.
        if let Some(path) = url.the_option(option).filter(|value| !value.trim().starts_with("-----BEGIN")) {
            let wrong = match tokio::fs::read(&path).await {
                Ok(content) => what_is_wrong(option, &String::from_utf8_lossy(&content))
                    .map(|wrong| format!("{option}={path}: {wrong}")),
                // What is no file may be the key itself.
                Err(error) => Some(format!("the file that {option} names cannot be read: {error}")),
            };
            if let Some(wrong) = wrong {
                return Err(StoreError::new(FailureReason::Tls, wrong).advise(
                    "sslrootcert, sslcert and sslkey in the URL name PEM files, readable for the exporter's user.",
                ));
            }
        }
    }
    Ok(())
}

fn what_is_wrong(option: &str, pem: &str) -> Option<&'static str> {
    match option {
        "sslkey" if pem.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") => {
            Some("the private key is encrypted, and there is nobody to ask for its password")
        }
        "sslkey" => (!pem.contains(" PRIVATE KEY-----") && !pem.contains("-----BEGIN PRIVATE KEY-----"))
            .then_some("there is no private key in it"),
        _ => (!pem.contains("-----BEGIN CERTIFICATE-----")).then_some("there is no certificate in it"),
    }
}
