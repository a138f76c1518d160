//! PgBouncer before a server.

use cluster::{Pooling, Server};

#[test]
fn it_lends_connections_to_many() {
    let server = Server::shared();
    let database = server.create_database();
    server.psql(&database, "create table t (x bigserial); create role guest login password 'a guest'");
    for pooling in [Pooling::Session, Pooling::Transaction, Pooling::Statement] {
        let pooler = server.pooler(pooling, 6, &[("guest", "a guest")]);
        let traffic = pooler.traffic(&database, "insert into t default values", 4, 100);
        let as_guest = cluster::psql(&pooler.url_as("guest", "a guest", &database), "select current_user");
        assert_eq!(as_guest.as_deref(), Ok("guest"), "{}", pooler.log());
        let in_transaction = cluster::psql(&pooler.url(&database), "begin; select 1; commit");
        assert_eq!(in_transaction.is_err(), pooling == Pooling::Statement, "{in_transaction:?}");
        let rows = traffic.end().to_string();
        assert_eq!(server.psql(&database, "select count(*) from t"), rows);
        server.psql(&database, "truncate t");
    }
    server.psql(&database, "drop role guest");
}
