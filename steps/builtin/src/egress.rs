//! The guard over every request that a workflow can shape: where it may go, and the only clients that go there.
//!
//! A workflow's URL is data, often made of somebody's input, while the engine runs inside a network that trusts it. So
//! addresses of private networks are refused unless the operator allows them. Two checks are needed, since neither sees
//! everything: IP addresses that stand in the URL never reach a resolver, and names say nothing until they are resolved.
//! The connection then goes to the very addresses that were checked, so that a second answer of the name server cannot
//! replace the first. Redirects are never followed and no proxy is used: both would go where nothing was checked.
//!
//! What is sent and what an answer means is decided in `outgoing` and `failure`.

use crate::limits::{ADDRESSES_MAX, ALLOW_MAX, ATTEMPT_TIMEOUT, CONNECT_TIMEOUT, URL_BYTES_MAX};
use engross_step_api::{ErrorClass, Fault, StepError};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use serde::Deserialize;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use url::{Host, Url};

/// Where steps may send requests, from `http:` of the configuration. The default allows every public address and no
/// private one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpPolicy {
    /// What is allowed beyond public addresses: `host`, `host:port`, an address, `address:port`, or a network such as
    /// `10.1.0.0/16`. A host that is named here may have any address. A network counts for whatever resolves into it; an
    /// address with a port counts only where the URL itself has the address.
    #[serde(default)]
    pub allow: Vec<String>,
}

/// Entries of the allow-list that cannot be read, all of them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`http.allow` cannot be read: {}", .problems.join("; "))]
pub struct PolicyError {
    /// One sentence for each.
    pub problems: Vec<String>,
}

/// Why a request may not leave.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Denied {
    /// It is no URL that could be asked.
    #[error("this is no usable URL: {0}")]
    Form(String),
    /// A private address, in the URL or behind its name.
    #[error("{}", private_sentence(.host, *.address))]
    Private {
        /// The host as the URL has it.
        host: String,
        /// The address that is refused.
        address: IpAddr,
    },
}

fn private_sentence(host: &str, address: IpAddr) -> String {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host == address.to_string() {
        format!("{address} is an address of a private or reserved network, where steps may not send requests")
    } else {
        format!(
            "{host} is at {address}, an address of a private or reserved network, where steps may not send requests"
        )
    }
}

impl Denied {
    /// As a step's refusal: nothing has left, and the author or the operator has to act.
    pub(crate) fn into_error(self) -> StepError {
        match &self {
            Self::Form(_) => StepError::new(ErrorClass::Invalid, "url", self.to_string()),
            Self::Private { host, .. } => {
                let hint = format!("if that is meant, add `{host}` to `http: {{ allow: […] }}` in engross.yaml");
                StepError::new(ErrorClass::Invalid, "egress_denied", self.to_string()).hint(hint)
            }
        }
    }
}

/// A URL that may be asked, and by which client.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    url: Url,
    /// Whether the operator named the host, so that its addresses are not questioned.
    named: bool,
}

impl Target {
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }
}

/// The guard. Shared by all steps that send requests.
pub(crate) struct Egress {
    allow: Arc<AllowList>,
    connect_timeout: Duration,
    attempt_timeout: Duration,
    clients: OnceLock<Clients>,
}

struct Clients {
    /// Goes wherever the name leads; only for hosts that the operator named.
    named: reqwest::Client,
    /// Asks the allow-list about every address.
    guarded: reqwest::Client,
}

impl Egress {
    /// A guard that follows this policy.
    pub(crate) fn new(policy: &HttpPolicy) -> Result<Self, PolicyError> {
        Self::with_timeouts(policy, CONNECT_TIMEOUT, ATTEMPT_TIMEOUT)
    }

    pub(crate) fn with_timeouts(
        policy: &HttpPolicy,
        connect: Duration,
        attempt: Duration,
    ) -> Result<Self, PolicyError> {
        Ok(Self {
            allow: Arc::new(AllowList::new(&policy.allow)?),
            connect_timeout: connect,
            attempt_timeout: attempt,
            clients: OnceLock::new(),
        })
    }

    /// How long one attempt may take, for errors that say so.
    pub(crate) fn attempt_timeout(&self) -> Duration {
        self.attempt_timeout
    }

    /// Whether a URL may be asked, as far as its text tells. Names are looked at again when they are resolved.
    pub(crate) fn admit(&self, text: &str) -> Result<Target, Denied> {
        let url = parse(text)?;
        let port = url.port_or_known_default().unwrap_or_default();
        let (address, named) = match url.host() {
            Some(Host::Ipv4(address)) => (Some(IpAddr::V4(address)), false),
            Some(Host::Ipv6(address)) => (Some(IpAddr::V6(address)), false),
            Some(Host::Domain(name)) => (None, self.allow.names(name, port)),
            None => return Err(Denied::Form("it has no host".to_string())),
        };
        match address {
            Some(address) if !self.allow.permits(address, Some(port)) => {
                Err(Denied::Private { host: url.host_str().unwrap_or_default().to_string(), address })
            }
            _ => Ok(Target { url, named }),
        }
    }

    /// The client that goes there.
    pub(crate) fn client(&self, target: &Target) -> Result<&reqwest::Client, StepError> {
        let clients = match self.clients.get() {
            Some(clients) => clients,
            None => {
                let built = self.build()?;
                self.clients.get_or_init(|| built)
            }
        };
        Ok(if target.named { &clients.named } else { &clients.guarded })
    }

    fn build(&self) -> Result<Clients, StepError> {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            let message = "no TLS implementation is installed in this process, so no request can be sent";
            return Err(StepError::new(ErrorClass::Internal, "http_client", message));
        }
        let named = self.builder().build().map_err(|error| client_error(&error))?;
        let resolver = Arc::new(Guarded(Arc::clone(&self.allow)));
        let guarded = self.builder().dns_resolver(resolver).build().map_err(|error| client_error(&error))?;
        Ok(Clients { named, guarded })
    }

    fn builder(&self) -> reqwest::ClientBuilder {
        reqwest::Client::builder()
            .user_agent(concat!("engross/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(self.connect_timeout)
            .timeout(self.attempt_timeout)
            .redirect(reqwest::redirect::Policy::none())
            // Retries are the engine's, which knows what may be repeated.
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
    }
}

fn client_error(error: &reqwest::Error) -> StepError {
    let message = format!("no HTTP client could be made: {}", crate::failure::root_cause(error));
    StepError::new(ErrorClass::Internal, "http_client", message)
        .fault(Fault::User)
        .hint("install the system's root certificates (the package ca-certificates)")
}

/// Reads a URL more strictly than browsers do: what they repair silently is how guards are fooled.
fn parse(text: &str) -> Result<Url, Denied> {
    let form = |reason: &str| Err(Denied::Form(reason.to_string()));
    if text.len() > URL_BYTES_MAX {
        return form(&format!("it is longer than {URL_BYTES_MAX} bytes"));
    }
    if text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
        return form("white space, control characters and backslashes must be percent-encoded");
    }
    let url = Url::parse(text).map_err(|error| Denied::Form(error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return form("only http and https are spoken");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return form("credentials in a URL end up in logs; send them as a header");
    }
    if url.port() == Some(0) {
        return form("port 0 cannot be asked");
    }
    Ok(url)
}

/// Resolves names for the guarded client, and refuses a name with any private address: a name that has both is a trap.
struct Guarded(Arc<AllowList>);

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let allow = Arc::clone(&self.0);
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            // The addresses that are not looked at are not used either.
            let found: Vec<SocketAddr> = found.take(ADDRESSES_MAX).collect();
            allow.check(name.as_str(), &found)?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// What the operator allows beyond public addresses.
struct AllowList {
    entries: Vec<Entry>,
}

struct Entry {
    place: Place,
    port: Option<u16>,
}

enum Place {
    /// A host name in lower case, without a trailing dot.
    Name(String),
    Net(Net),
}

impl AllowList {
    fn new(entries: &[String]) -> Result<Self, PolicyError> {
        let mut problems = Vec::new();
        if entries.len() > ALLOW_MAX {
            problems.push(format!("it has {} entries, and may have {ALLOW_MAX}", entries.len()));
        }
        let mut read = Vec::new();
        for text in entries.iter().take(ALLOW_MAX) {
            match Entry::parse(text) {
                Ok(entry) => read.push(entry),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() { Ok(Self { entries: read }) } else { Err(PolicyError { problems }) }
    }

    /// Whether the operator named this host.
    fn names(&self, host: &str, port: u16) -> bool {
        let host = host.trim_end_matches('.');
        self.entries.iter().any(|entry| match &entry.place {
            Place::Name(name) => name == host && entry.port.is_none_or(|allowed| allowed == port),
            Place::Net(_) => false,
        })
    }

    /// Whether requests may go to this address. The port is known only where the URL has the address itself.
    fn permits(&self, address: IpAddr, port: Option<u16>) -> bool {
        if is_public(address) {
            return true;
        }
        let address = bits(address);
        self.entries.iter().any(|entry| match &entry.place {
            Place::Net(net) => net.contains(address) && entry.port.is_none_or(|allowed| port == Some(allowed)),
            Place::Name(_) => false,
        })
    }

    fn check(&self, host: &str, addresses: &[SocketAddr]) -> Result<(), Denied> {
        match addresses.iter().find(|address| !self.permits(address.ip(), None)) {
            Some(denied) => Err(Denied::Private { host: host.to_string(), address: denied.ip() }),
            None => Ok(()),
        }
    }
}

impl Entry {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            let shown: String = text.chars().take(80).collect();
            format!("`{shown}` is no host, host:port, address or network such as 10.1.0.0/16")
        };
        if let Some((address, prefix)) = text.split_once('/') {
            let net = Net::parse(address, prefix).ok_or_else(wrong)?;
            return Ok(Self { place: Place::Net(net), port: None });
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self { place: Place::Net(Net::only(address)), port: None });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => {
                (host, Some(port.parse::<u16>().map_err(|_| wrong())?))
            }
            _ => (text, None),
        };
        if host.contains('*') {
            return Err(format!("`{host}` has a wildcard; name each host, or allow its network"));
        }
        let place = match Host::parse(host).map_err(|_| wrong())? {
            Host::Domain(name) => Place::Name(name.trim_end_matches('.').to_string()),
            Host::Ipv4(address) => Place::Net(Net::only(address.into())),
            Host::Ipv6(address) => Place::Net(Net::only(address.into())),
        };
        Ok(Self { place, port })
    }
}

/// A network. IPv4 networks stand where IPv6 maps them (`::ffff:0:0/96`), so that both kinds compare alike.
#[derive(Clone, Copy)]
struct Net {
    bits: u128,
    prefix: u32,
}

impl Net {
    const fn v4(a: u8, b: u8, c: u8, prefix: u32) -> Self {
        Self { bits: Ipv4Addr::new(a, b, c, 0).to_ipv6_mapped().to_bits(), prefix: prefix + 96 }
    }

    const fn v6(a: u16, b: u16, prefix: u32) -> Self {
        Self { bits: Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0).to_bits(), prefix }
    }

    fn only(address: IpAddr) -> Self {
        Self { bits: bits(address), prefix: 128 }
    }

    fn parse(address: &str, prefix: &str) -> Option<Self> {
        let address: IpAddr = address.parse().ok()?;
        let prefix: u32 = prefix.parse().ok()?;
        let prefix = match address {
            IpAddr::V4(_) if prefix <= 32 => prefix + 96,
            IpAddr::V6(_) if prefix <= 128 => prefix,
            IpAddr::V4(_) | IpAddr::V6(_) => return None,
        };
        Some(Self { bits: bits(address), prefix })
    }

    fn contains(&self, address: u128) -> bool {
        // A prefix of 0 would shift by the whole width, which has no answer; everything is in that network.
        (self.bits ^ address).checked_shr(128 - self.prefix).unwrap_or(0) == 0
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// IPv4 networks that are not the public internet, from the IANA registry of special-purpose addresses.
const SPECIAL_V4: [Net; 15] = [
    Net::v4(0, 0, 0, 8),
    Net::v4(10, 0, 0, 8),
    Net::v4(100, 64, 0, 10),
    Net::v4(127, 0, 0, 8),
    Net::v4(169, 254, 0, 16),
    Net::v4(172, 16, 0, 12),
    Net::v4(192, 0, 0, 24),
    Net::v4(192, 0, 2, 24),
    Net::v4(192, 88, 99, 24),
    Net::v4(192, 168, 0, 16),
    Net::v4(198, 18, 0, 15),
    Net::v4(198, 51, 100, 24),
    Net::v4(203, 0, 113, 24),
    Net::v4(224, 0, 0, 4),
    Net::v4(240, 0, 0, 4),
];

/// The only IPv6 addresses that are routed publicly, and the parts of them that are not.
const GLOBAL_V6: Net = Net::v6(0x2000, 0, 3);
const SPECIAL_V6: [Net; 3] = [
    // Protocol assignments, among them Teredo, which hides an IPv4 address.
    Net::v6(0x2001, 0, 23),
    // Documentation.
    Net::v6(0x2001, 0x0db8, 32),
    Net::v6(0x3fff, 0, 20),
];

/// IPv6 networks that carry an IPv4 address, and how far it stands from the right, in bits.
const CARRIERS: [(Net, u32); 4] = [
    (Net { bits: Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0).to_bits(), prefix: 96 }, 0),
    (Net { bits: 0, prefix: 96 }, 0),
    (Net { bits: Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0).to_bits(), prefix: 96 }, 0),
    (Net::v6(0x2002, 0, 16), 80),
];

fn is_public(address: IpAddr) -> bool {
    let address = bits(address);
    let carried = CARRIERS.iter().find(|(net, _)| net.contains(address)).map(|(_, shift)| address >> shift);
    match carried {
        Some(carried) => {
            let mapped = Ipv4Addr::from_bits((carried & u128::from(u32::MAX)) as u32).to_ipv6_mapped().to_bits();
            !SPECIAL_V4.iter().any(|net| net.contains(mapped))
        }
        None => GLOBAL_V6.contains(address) && !SPECIAL_V6.iter().any(|net| net.contains(address)),
    }
}

#[cfg(test)]
mod tests;
