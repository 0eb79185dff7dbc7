//! Which addresses that callers give may be asked for something: files to hear, receivers of webhooks.
//!
//! Two rules, both without any I/O. [`judge`] looks at an address as it is written, and [`is_public`] at what a name
//! turned out to mean; who can resolve names applies both, the second to every answer and to what he connects to.
//!
//! Sources: the registries of special-purpose addresses (RFC 6890; IANA, IPv4 and IPv6) and of special-use names
//! (RFC 6761).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::job::Fetch;

/// Longest host name (RFC 1035, 2.3.4).
const MAX_HOST_BYTES: usize = 253;
/// And the longest label of one.
const MAX_LABEL_BYTES: usize = 63;

/// Names that mean something inside of a network, whatever stands before them (RFC 6761, 6762, 8375; ICANN, 2024).
const PRIVATE_SUFFIXES: [&str; 9] = [
    "localhost",
    "local",
    "internal",
    "intranet",
    "private",
    "corp",
    "lan",
    "home",
    "home.arpa",
];

/// What is not of the public internet in IPv4: network, and bits that count.
const NOT_PUBLIC_V4: [(Ipv4Addr, u32); 16] = [
    (Ipv4Addr::UNSPECIFIED, 8),            // this network
    (Ipv4Addr::new(10, 0, 0, 0), 8),       // private
    (Ipv4Addr::new(100, 64, 0, 0), 10),    // between a carrier and its customers
    (Ipv4Addr::new(127, 0, 0, 0), 8),      // loopback
    (Ipv4Addr::new(169, 254, 0, 0), 16),   // link-local; metadata of clouds
    (Ipv4Addr::new(172, 16, 0, 0), 12),    // private
    (Ipv4Addr::new(192, 0, 0, 0), 24),     // of protocols
    (Ipv4Addr::new(192, 0, 2, 0), 24),     // documentation
    (Ipv4Addr::new(192, 88, 99, 0), 24),   // relays of 6to4
    (Ipv4Addr::new(192, 168, 0, 0), 16),   // private
    (Ipv4Addr::new(198, 18, 0, 0), 15),    // benchmarks
    (Ipv4Addr::new(198, 51, 100, 0), 24),  // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24),   // documentation
    (Ipv4Addr::new(168, 63, 129, 16), 32), // Azure's own, reachable from its machines alone
    (Ipv4Addr::new(224, 0, 0, 0), 4),      // multicast
    (Ipv4Addr::new(240, 0, 0, 0), 4),      // reserved; broadcast
];

/// What of 2000::/3 is not. All else of IPv6 is not either: loopback, mapped and translated IPv4, unique local,
/// link-local and site-local addresses, multicast.
const NOT_PUBLIC_V6: [(Ipv6Addr, u32); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // of protocols: Teredo, benchmarks, identifiers
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16), // 6to4: holds an address of IPv4
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation
];
const GLOBAL_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Whether an address is one of the public internet, and no other network's than that.
pub fn is_public(address: IpAddr) -> bool {
    let within_v4 = |address: Ipv4Addr, (network, bits): (Ipv4Addr, u32)| {
        (address.to_bits() ^ network.to_bits()).leading_zeros() >= bits
    };
    let within_v6 = |address: Ipv6Addr, (network, bits): (Ipv6Addr, u32)| {
        (address.to_bits() ^ network.to_bits()).leading_zeros() >= bits
    };
    match address {
        IpAddr::V4(address) => !NOT_PUBLIC_V4.iter().any(|net| within_v4(address, *net)),
        IpAddr::V6(address) => {
            within_v6(address, GLOBAL_V6)
                && !NOT_PUBLIC_V6.iter().any(|net| within_v6(address, *net))
        }
    }
}

/// An address as a parser of URLs took it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// In lower case, without its colon.
    pub scheme: &'a str,
    /// As the URL has it: an address of IPv6 in brackets.
    pub host: &'a str,
    /// The one it has, or its scheme's.
    pub port: u16,
    /// Whether it has a user or a password.
    pub has_credentials: bool,
}

/// What an address may lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Addresses for which [`is_public`] holds.
    Public,
    /// This machine's own.
    Loopback,
}

impl Reach {
    /// Whether it may lead to this address.
    pub fn covers(self, address: IpAddr) -> bool {
        match self {
            Self::Public => is_public(address),
            Self::Loopback => address.is_loopback(),
        }
    }
}

/// Why an address is not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No address is.
    #[error("no address is fetched here")]
    Off,
    /// It is not HTTPS.
    #[error("it must begin with https://")]
    Scheme,
    /// It has a user or a password.
    #[error("it must not hold a user or a password")]
    Credentials,
    /// Its host is no name and no address in its usual form.
    #[error("its host can't be read")]
    Host,
    /// There is no such port.
    #[error("its port is none")]
    Port,
    /// It leads, or may lead, into a network that is not public.
    #[error("it does not lead to the public internet")]
    NotPublic,
    /// It sends from HTTPS to HTTP, or from elsewhere to this machine.
    #[error("it redirects to where it must not")]
    Redirect,
}

/// Whether an address may be asked, and what it may then lead to.
///
/// # Errors
/// It may not.
pub fn judge(target: Target<'_>, fetch: Fetch) -> Result<Reach, Refusal> {
    if fetch == Fetch::Off {
        return Err(Refusal::Off);
    }
    let is_https = target.scheme == "https";
    if !is_https && target.scheme != "http" {
        return Err(Refusal::Scheme);
    }
    if target.has_credentials {
        return Err(Refusal::Credentials);
    }
    if target.port == 0 {
        return Err(Refusal::Port);
    }
    if matches!(target.host, "127.0.0.1" | "[::1]" | "localhost") {
        return match fetch {
            Fetch::Development => Ok(Reach::Loopback),
            _ if is_https => Err(Refusal::NotPublic),
            _ => Err(Refusal::Scheme),
        };
    }
    if !is_https {
        return Err(Refusal::Scheme);
    }
    let is_good = match host(target.host)? {
        Host::Address(address) => is_public(address),
        Host::Name(name) => is_public_name(name),
    };
    if is_good {
        Ok(Reach::Public)
    } else {
        Err(Refusal::NotPublic)
    }
}

/// The same of an address to which another one redirects. This machine is reached only by its own redirects, to the
/// same port.
///
/// # Errors
/// It may not be asked, or not from there.
pub fn judge_redirect(from: Target<'_>, to: Target<'_>, fetch: Fetch) -> Result<Reach, Refusal> {
    let reach = judge(to, fetch)?;
    let is_same_origin = (from.scheme, from.host, from.port) == (to.scheme, to.host, to.port);
    let is_downgrade = from.scheme == "https" && to.scheme != "https";
    if is_downgrade || (reach == Reach::Loopback && !is_same_origin) {
        return Err(Refusal::Redirect);
    }
    Ok(reach)
}

enum Host<'a> {
    Address(IpAddr),
    /// Without a dot at its end.
    Name(&'a str),
}

fn host(text: &str) -> Result<Host<'_>, Refusal> {
    if let Some(rest) = text.strip_prefix('[') {
        let address = rest.strip_suffix(']').ok_or(Refusal::Host)?;
        // One with a zone (RFC 6874) is none to the parser.
        let address = address.parse::<Ipv6Addr>().map_err(|_| Refusal::Host)?;
        return Ok(Host::Address(address.into()));
    }
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        return Ok(Host::Address(address.into()));
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    let is_label = |label: &str| {
        (1..=MAX_LABEL_BYTES).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    if name.len() > MAX_HOST_BYTES || !name.split('.').all(is_label) {
        return Err(Refusal::Host);
    }
    // Resolvers take 2130706433, 0x7f.1 and 0177.0.0.1 for addresses (inet_aton(3)); no name ends in a number.
    let last = name.rsplit('.').next().unwrap_or_default();
    let is_number = last.bytes().all(|b| b.is_ascii_digit())
        || last
            .strip_prefix("0x")
            .or_else(|| last.strip_prefix("0X"))
            .is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
    if is_number {
        return Err(Refusal::Host);
    }
    Ok(Host::Name(name))
}

/// Whether a name may be one of the public internet: of a name without a dot a network says what it means.
fn is_public_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let is_private = |suffix: &&str| {
        name.strip_suffix(*suffix)
            .is_some_and(|before| before.is_empty() || before.ends_with('.'))
    };
    name.contains('.') && !PRIVATE_SUFFIXES.iter().any(is_private)
}

#[cfg(test)]
mod tests;
