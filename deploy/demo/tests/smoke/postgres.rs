//! The same shop on a real PostgreSQL server, under both providers of the framework.

use std::process::Command;

use cluster::Server;

use crate::process::{Demo, complaint, demo};

/// Of the standing instances those that sleep for days: they only ever have their first turn.
const SUBSCRIPTIONS: &str = "24";

fn shop(url: &str) -> Command {
    // No episode: they come by the clock, and orders would wait for its end.
    let mut command = demo(&["--without-exporter", "--rate", "4", "--episode-every", "10000h"]);
    command.env("DUROXIDE_DEMO_STORE", url);
    command
}

/// Waits until so many shops have completed an order, and looks at what must hold at any time.
fn wait_for_shops(server: &Server, database: &str, shops: &str) {
    let with_orders = "select count(distinct split_part(instance_id, '-', 2)) from orders.instances \
                       join orders.executions using (instance_id) \
                       where instance_id like 'order-%' and instance_id not like '%::sub::%' and status = 'Completed'";
    server.wait_for(database, with_orders, shops);

    let phantoms = "select count(*) from orders.executions e \
                    where not exists (select from orders.instances i where i.instance_id = e.instance_id)";
    assert_eq!(server.psql(database, phantoms), "0", "executions without instance");
    let starts = "select count(*) from orders.history \
                  where instance_id like 'subscription-%' and event_data like '%\"OrchestrationStarted\"%'";
    assert_eq!(server.psql(database, starts), SUBSCRIPTIONS, "a subscription starts once");
    let broken = "select string_agg(instance_id, ' ') from orders.instances join orders.executions using (instance_id) \
                  where instance_id ~ '^(subscription|inventory|inbox)-' and status in ('Completed', 'Failed')";
    assert_eq!(server.psql(database, broken), "", "standing instances that ended");
}

fn shops_share_a_schema(provider: &str) {
    let server = Server::shared();
    let database = server.create_database();
    let url = format!("{}?schema=orders&provider={provider}", server.url(&database));

    let shops = [Demo::start(shop(&url)), Demo::start(shop(&url))];
    wait_for_shops(server, &database, "2");
    for shop in shops {
        assert_eq!(shop.stop(), Some(0));
    }

    // The next day.
    let again = Demo::start(shop(&url));
    wait_for_shops(server, &database, "3");
    assert_eq!(again.stop(), Some(0));
}

#[test]
fn shops_share_a_schema_of_duroxide_pg() {
    shops_share_a_schema("duroxide-pg");
}

#[test]
fn shops_share_a_schema_of_duroxide_pg_opt() {
    shops_share_a_schema("duroxide-pg-opt");
}

#[test]
fn the_embedded_exporter_shows_the_work_on_postgres() {
    for provider in ["duroxide-pg", "duroxide-pg-opt"] {
        let server = Server::shared();
        let url = format!("{}?schema=orders&provider={provider}", server.url(&server.create_database()));
        let mut command = demo(&["--web.listen-address", "127.0.0.1:0", "--rate", "4"]);
        command.env("DUROXIDE_DEMO_STORE", url);
        let mut shop = Demo::start(command);
        crate::wait_for_work(&shop.address());
        assert_eq!(shop.stop(), Some(0));
    }
}

#[test]
fn a_schema_of_the_other_provider_is_refused() {
    let server = Server::shared();
    let database = server.create_database();
    let url = format!("{}?schema=orders&provider=", server.url(&database));
    let mut first = shop(&format!("{url}duroxide-pg"));
    assert!(first.args(["--duration", "1s"]).status().unwrap().success());
    let (code, error) = complaint(shop(&format!("{url}duroxide-pg-opt")));
    assert_eq!(code, Some(1), "{error}");
    assert!(error.contains("the other provider"), "{error}");
}

#[test]
fn a_refused_connection_is_told_without_the_password() {
    let server = Server::shared();
    for provider in ["duroxide-pg", "duroxide-pg-opt"] {
        for url in [
            server.url_as("postgres", "hunter2", "postgres"),
            server.url_as("hunter", "hunter2", "postgres"),
            server.url("no_such_database"),
        ] {
            let (code, error) = complaint(shop(&format!("{url}?provider={provider}")));
            assert_eq!(code, Some(1), "{error}");
            assert!(
                error.contains("cannot open the store postgres://") && error.contains(provider),
                "{error}"
            );
            assert!(!error.contains("hunter2") && !error.contains(server.password()), "{error}");
            assert_eq!(error.matches("error returned from database").count(), 1, "told once: {error}");
        }
    }
}
