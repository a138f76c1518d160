//! Addresses to listen on, as Prometheus users write them: `:9899`, `localhost:9899`, `[::1]:9899`.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};

/// Turns a host name into addresses; an empty name is "all interfaces". Given from outside so that reading
/// a configuration stays a pure function.
pub(crate) type Resolver = dyn Fn(&str) -> io::Result<Vec<IpAddr>>;

/// Asks the system.
pub(crate) fn system_resolver(host: &str) -> io::Result<Vec<IpAddr>> {
    if host.is_empty() {
        // `[::]` takes IPv4 too, but a machine may have IPv6 switched off.
        let ipv6 = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).is_ok();
        return Ok(vec![if ipv6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() }]);
    }
    Ok((host, 0).to_socket_addrs()?.map(|address| address.ip()).collect())
}

/// Reads an address.
pub(super) fn parse(text: &str, resolve: &Resolver) -> Result<SocketAddr, String> {
    let text = text.trim();
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    if text.contains('/') {
        return Err("must be HOST:PORT, without a scheme or path".to_owned());
    }
    if text.contains(|c: char| c == ',' || c == ';' || c.is_whitespace()) {
        return Err("must be one HOST:PORT; several are given each with a flag of its own, separated by white space in the \
                    environment, or as an array in the file"
            .to_owned());
    }
    let Some((host, port)) = text.rsplit_once(':') else {
        return Err("has no port".to_owned());
    };
    if host.contains(':') {
        return Err("is not HOST:PORT; an IPv6 address stands in brackets, as in [::1]:9899".to_owned());
    }
    let port: u16 = port.parse().map_err(|_| "has a port that is not a number from 0 to 65535".to_owned())?;
    let addresses = resolve(host).map_err(|error| format!("has a host that cannot be resolved: {error}"))?;
    // A name with several addresses means one of them; IPv4 first, as Go's `net.Listen` does.
    let ip = addresses.iter().find(|ip| ip.is_ipv4()).or(addresses.first());
    ip.map(|ip| SocketAddr::new(*ip, port)).ok_or_else(|| "has a host without an address".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(host: &str) -> io::Result<Vec<IpAddr>> {
        match host {
            "" => Ok(vec![Ipv6Addr::UNSPECIFIED.into()]),
            "localhost" => Ok(vec![Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()]),
            _ => Err(io::Error::other("no such name")),
        }
    }

    #[test]
    fn forms_of_addresses() {
        for (text, expected) in [
            ("127.0.0.1:9899", "127.0.0.1:9899"),
            (":9899", "[::]:9899"),
            ("localhost:80", "127.0.0.1:80"),
            ("[::1]:9899", "[::1]:9899"),
            ("0.0.0.0:0", "0.0.0.0:0"),
        ] {
            assert_eq!(parse(text, &resolve).unwrap(), expected.parse().unwrap(), "{text}");
        }
    }

    #[test]
    fn mistakes_say_what_is_missing() {
        for (text, expected) in [
            ("9899", "no port"),
            ("", "no port"),
            ("localhost", "no port"),
            ("::1:9899", "brackets"),
            ("localhost:http", "not a number from 0"),
            ("localhost:70000", "not a number from 0"),
            ("127.0.0.1:1,127.0.0.1:2", "several"),
            ("localhost:1 [::1]:2", "several"),
            ("http://localhost:9899", "without a scheme"),
            ("nowhere:9899", "cannot be resolved: no such name"),
        ] {
            let error = parse(text, &resolve).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn the_system_knows_localhost() {
        assert!(system_resolver("localhost").unwrap().iter().all(IpAddr::is_loopback));
        assert!(system_resolver("").unwrap().iter().all(IpAddr::is_unspecified));
    }
}
