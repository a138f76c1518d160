//! What a role needs, as the statements that give it.

/// The rights that are missing, by what they are needed for.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Missing {
    pub(super) usage: bool,
    /// Tables that cannot be read.
    pub(super) tables: Vec<String>,
}

impl Missing {
    pub(super) fn is_empty(&self) -> bool {
        !self.usage && self.tables.is_empty()
    }

    /// In words.
    pub(super) fn words(&self, role: &str, schema: &str) -> String {
        if self.usage {
            format!("role {role} may not use schema {schema}")
        } else {
            format!("role {role} may not read {} in schema {schema}", self.tables.join(", "))
        }
    }
}

/// Everything that a role needs to read a store, to be run by an administrator on the primary.
pub(super) fn grants(role: &str, schema: &str) -> String {
    let (role, schema) = (quoted(role), quoted(schema));
    format!(
        "Let an administrator run, on the primary: GRANT USAGE ON SCHEMA {schema} TO {role}; \
         GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}; \
         GRANT SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {role}; \
         and, as the role that runs the framework's migrations, \
         ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT ON TABLES TO {role}; \
         deploy/sql/ has it as a script"
    )
}

/// For coming in at all.
pub(super) fn grant_connect(role: &str, database: &str) -> String {
    format!("Let an administrator run: GRANT CONNECT ON DATABASE {} TO {}", quoted(database), quoted(role))
}

/// For the throughput counters.
pub(super) fn grant_sequences(role: &str, schema: &str) -> String {
    format!("GRANT SELECT ON ALL SEQUENCES IN SCHEMA {} TO {}", quoted(schema), quoted(role))
}

/// For replication lag.
pub(super) fn grant_monitor(role: &str) -> String {
    format!("GRANT pg_monitor TO {}", quoted(role))
}

/// A name in SQL.
pub(super) fn quoted(name: &str) -> String {
    let plain = name.chars().next().is_some_and(|c| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_where_they_have_to_be() {
        assert_eq!(grant_monitor("me"), "GRANT pg_monitor TO me");
        assert_eq!(grant_monitor("o\"Brien"), "GRANT pg_monitor TO \"o\"\"Brien\"");
        assert_eq!(
            grant_sequences("1st", "orders"),
            "GRANT SELECT ON ALL SEQUENCES IN SCHEMA orders TO \"1st\""
        );
    }
}
