//! The running sandbox: starts the listener and the background tasks, and is the handle a test or the command line holds.
//! Everything a client can see is decided elsewhere.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::accounts::Accounts;
use crate::counters::Counters;
use crate::delivery::Courier;
use crate::limits::SHUTDOWN_GRACE;
use crate::listener::{Line, Severable};
use crate::options::{AutoSign, Emulated, Generation, Options, WebhookTarget};
use crate::wire::Problem;
use crate::world::{AutoSigner, Clock, Due, Names, Shared, World};
use crate::{contract_signatures, control, docjuris, gate, juro, paperlex, signing_page};

/// A running sandbox. Dropping it stops it at once; [`Sandbox::shutdown`] lets requests in flight end first.
pub struct Sandbox {
    addr: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<io::Result<()>>,
    signer: Option<JoinHandle<()>>,
}

/// Whose signature [`Sandbox::sign`] places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who<'a> {
    /// Everyone who was asked and has not signed.
    Outstanding,
    /// Every open signature of one side, by the side's uid or name, whether it was asked for or not. With a provider that
    /// knows no sides: of one person, by e-mail address or name.
    Side(&'a str),
    /// One signature, by its uid; with a provider that gives it none before it is placed, by the signer's.
    Signature(&'a str),
}

/// Why a signature could not be placed: the status and message that the API would have answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sandbox refused with {status}: {message}")]
pub struct Refused {
    /// The HTTP status.
    pub status: u16,
    /// What is wrong.
    pub message: String,
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self { status: problem.status.as_u16(), message: problem.message }
    }
}

impl Sandbox {
    /// Binds, then serves in the background. Fails when the address is taken, when a webhook URL or a fault rule in the
    /// options makes no sense, or when the process has no rustls crypto provider installed.
    pub async fn start(options: Options) -> io::Result<Self> {
        let problems = options.faults.problems();
        if !problems.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("faults: {}", problems.join("; "))));
        }
        let listener = TcpListener::bind(options.listen).await?;
        let addr = listener.local_addr()?;
        let mut courier = Courier::new()?;
        for target in &options.webhooks {
            courier.register(target, None).map_err(|problem| {
                io::Error::new(io::ErrorKind::InvalidInput, format!("webhooks: {}", problem.message))
            })?;
        }
        let (queue, due) = mpsc::unbounded_channel();
        let auto_signer = match options.auto_sign {
            AutoSign::Never => None,
            AutoSign::AfterSend { delay } => Some(AutoSigner { delay, queue }),
        };
        let signs = auto_signer.is_some();
        let shared = Arc::new(Shared::new(World {
            origin: format!("http://{}", reachable(addr)),
            api_key: options.api_key,
            accounts: Accounts::default(),
            counters: Counters::default(),
            faults: options.faults,
            clock: Clock::default(),
            names: Names::new(),
            courier,
            auto_signer,
            juro: juro::Account::default(),
            paperlex: paperlex::Account::default(),
            docjuris: docjuris::Account::default(),
            contract_signatures: contract_signatures::Account::default(),
        }));
        let signer = signs.then(|| tokio::spawn(sign_when_due(Arc::clone(&shared), due)));
        let (stop, stopped) = oneshot::channel::<()>();
        let service = router(Arc::clone(&shared)).into_make_service_with_connect_info::<Line>();
        let server = tokio::spawn(async move {
            let until = async move {
                // A dropped handle counts as the order to stop.
                drop(stopped.await);
            };
            axum::serve(Severable(listener), service).with_graceful_shutdown(until).await
        });
        Ok(Self { addr, shared, stop: Some(stop), server, signer })
    }

    /// Where it listens, with the port that was really taken.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where a client of this provider sends its requests, without a trailing slash.
    #[must_use]
    pub fn base_url(&self, provider: Emulated) -> String {
        format!("{}{}", self.shared.lock().origin, provider.mount())
    }

    /// What happened so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.shared.lock().counters()
    }

    /// Lets the pauses between two tries of a delivery pass this many times faster than documented; 1 is as documented.
    pub fn set_retry_speed(&self, times: u32) {
        self.shared.lock().courier.set_speed(times);
    }

    /// Delivers the webhooks of Contract Signatures to this address too from now on, as an administrator sets it up in the
    /// app. Fails when the address makes no sense, or is one too many.
    pub fn add_contract_signatures_webhook(&self, url: &str) -> Result<(), Refused> {
        Ok(contract_signatures::add_webhook(&mut self.shared.lock(), url)?)
    }

    /// Delivers a provider's webhooks to this address from now on, as an administrator sets it up in the account. Fails when
    /// the address makes no sense, or when the provider takes addresses over its API only.
    pub fn administer_webhooks(&self, provider: Emulated, url: &str) -> Result<(), Refused> {
        let juro = |generation| self.add_webhook(&WebhookTarget { url: url.to_owned(), secret: None, generation });
        match provider {
            Emulated::JuroV2 => juro(Generation::V2),
            Emulated::JuroV3 => juro(Generation::V3),
            Emulated::ContractSignatures => self.add_contract_signatures_webhook(url),
            Emulated::Paperlex | Emulated::DocJuris => {
                Err(Problem::bad("the addresses of webhooks are taken over the API only").into())
            }
        }
    }

    /// Takes a value of a client's settings for its account's own, beside the sandbox's: `public_token` of Paperlex, `team_id`
    /// and the names of an upload's parts (`upload_file_part` and so on) of Juro v3, `counterparty_part` of DocJuris. Any other
    /// setting is nothing that the sandbox asks for.
    pub fn take_setting(&self, provider: Emulated, setting: &str, value: &str) {
        self.shared.lock().accounts.take(provider, setting, value);
    }

    /// Delivers Juro's webhooks to this target from now on, as an administrator sets it up in the account. Fails when its URL makes
    /// no sense.
    pub fn add_webhook(&self, target: &WebhookTarget) -> Result<(), Refused> {
        Ok(self.shared.lock().courier.register(target, None)?)
    }

    /// Places signatures on a contract of any provider as the people themselves would, and says how many. Fails with the
    /// status the API would answer: 404 for an unknown contract, side or signature, and for Juro 403 while an approval is
    /// pending, 412 when there is nothing to sign.
    pub fn sign(&self, contract_id: &str, who: Who<'_>) -> Result<usize, Refused> {
        let mut world = self.shared.lock();
        if world.paperlex.knows(contract_id) {
            return Ok(paperlex::sign_for(&mut world, contract_id, who)?);
        }
        if world.contract_signatures.knows(contract_id) {
            return Ok(contract_signatures::sign_for(&mut world, contract_id, who)?);
        }
        Ok(juro::sign_for(&mut world, contract_id, who)?)
    }

    /// Stops listening, lets requests in flight end for a moment, then stops everything. Webhooks still queued are dropped.
    pub async fn shutdown(mut self) {
        if let Some(stop) = self.stop.take() {
            // When nobody listens any more, the server has ended already, which is what is wanted.
            stop.send(()).unwrap_or_default();
        }
        if tokio::time::timeout(SHUTDOWN_GRACE, &mut self.server).await.is_err() {
            tracing::debug!("requests were still in flight when the sandbox stopped");
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.server.abort();
        if let Some(signer) = &self.signer {
            signer.abort();
        }
        self.shared.lock().courier.stop();
    }
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .nest("/_sandbox", control::router())
        .merge(signing_page::router())
        .fallback(gate::enter)
        .with_state(shared)
}

/// The address that links point at: a wildcard address means every interface, and loopback is one that always works.
fn reachable(addr: SocketAddr) -> SocketAddr {
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, addr.port())
}

async fn sign_when_due(shared: Arc<Shared>, mut queue: mpsc::UnboundedReceiver<Due>) {
    while let Some(Due { at, sign, contract_id }) = queue.recv().await {
        tokio::time::sleep_until(at).await;
        if let Err(problem) = sign(&mut shared.lock(), &contract_id) {
            // Somebody signed, declined or deleted it first.
            tracing::debug!(contract_id, reason = problem.message, "nothing was left to sign");
        }
    }
}
