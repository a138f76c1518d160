use super::*;

fn parse(url: &str) -> Address {
    Address::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"))
}

#[test]
fn our_options_are_taken_out() {
    let all =
        parse("postgresql://u:p@h:5433/d?sslmode=require&schema=orders&provider=duroxide-pg-opt&port=1");
    assert_eq!(all.driver_url(), "postgres://u:p@h:5433/d?sslmode=require&port=1");
    assert_eq!(all.exporter_url(), "postgres://u:p@h:5433/d?sslmode=require&port=1&schema=orders");
    assert_eq!((all.schema.as_str(), all.driver), ("orders", Driver::PgOpt));

    let none = parse("postgres://h/d");
    assert_eq!(none.driver_url(), "postgres://h/d");
    assert_eq!(none.exporter_url(), "postgres://h/d?schema=public");
    assert_eq!((none.schema.as_str(), none.driver), ("public", Driver::Pg));
}

#[test]
fn people_see_no_password() {
    for (url, shown) in [
        ("postgres://u:hunter2@h:5433/d?schema=a", "postgres://u@h:5433/d, schema a, provider duroxide-pg"),
        ("postgres://u:hun@ter2@h/d", "postgres://u@h/d, schema public, provider duroxide-pg"),
        ("postgres://u:a:hunter2@h/d", "postgres://u@h/d, schema public, provider duroxide-pg"),
        ("postgres://h/d?user=u&password=hunter2", "postgres://h/d, schema public, provider duroxide-pg"),
        ("postgres://:hunter2@/d", "postgres://@/d, schema public, provider duroxide-pg"),
    ] {
        assert_eq!(parse(url).to_string(), shown);
    }
}

#[test]
fn mistakes_are_named_and_secrets_are_not() {
    for (url, expected) in [
        ("", EXAMPLE),
        ("u:hunter2@h/d", EXAMPLE),
        ("mysql://u:hunter2@h/d", EXAMPLE),
        ("sqlite:/hunter2.db", "--data-dir"),
        ("postgres://u:a/hunter2@h/d", "%2F"),
        ("postgres://u:a?hunter2@h/d", "%3F"),
        ("postgres://u:a#hunter2@h/d", "%23"),
        ("postgres://u:a hunter2@h/d", "%20"),
        ("postgres://u:p@h/d?hunter2=1", "unknown option"),
        ("postgres://u:hunter2@h/d?schema=a&schema=b", "more than one schema"),
        ("postgres://u:hunter2@h/d?provider=duroxide", "duroxide-pg and duroxide-pg-opt"),
        ("postgres://u:hunter2@h/d?schema=", "is not usable"),
        ("postgres://u:hunter2@h/d?schema=Orders", "give schema=orders"),
        ("postgres://u:hunter2@h/d?schema=1st", "no digit first"),
        ("postgres://u:hunter2@h/d?schema=my-orders", "lower-case letters, digits and _"),
        ("postgres://u:hunter2@h/d?schema=pg_orders", "keeps names"),
        ("postgres://u:hunter2@h/d?schema=a23456789b123456789c123456789d123456789e123456789fg", "too long"),
    ] {
        let error = Address::parse(url).err().unwrap_or_else(|| panic!("{url} was taken"));
        assert!(error.contains(expected), "{url}: {error}");
        assert!(!error.contains("hunter2"), "{url}: {error}");
    }
}

#[cfg(not(feature = "postgres"))]
#[tokio::test]
async fn a_build_without_it_says_how_to_get_it() {
    let error = format!("{:#}", parse("postgres://u:hunter2@h/d").open().await.err().unwrap());
    assert!(error.contains("--features postgres") && !error.contains("hunter2"), "{error}");
}
