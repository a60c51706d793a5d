//! A place to run the binary in: a folder of its own, a sandbox, a configuration that points at it, and a port.

use engross_sandbox::{AutoSign, Faults, Generation, Options, Sandbox, WebhookTarget};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Once;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a test waits for something that should come within moments.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

const TOKEN: &str = "hook-token-of-the-tests";
const SECRET: &str = "hook-secret-of-the-tests";

pub(crate) struct Lab {
    pub(crate) dir: TempDir,
    pub(crate) sandbox: Sandbox,
    pub(crate) listen: SocketAddr,
    pub(crate) http: reqwest::Client,
}

/// A process of the binary that is killed when the test is done with it.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Running {
    /// `kill -9`, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Lab {
    /// A lab whose sandbox signs a moment after a contract was sent, and tells the engine by webhook.
    pub(crate) async fn new() -> Self {
        Self::with(AutoSign::AfterSend { delay: Duration::from_millis(60) }, Faults::default()).await
    }

    pub(crate) async fn with(auto_sign: AutoSign, faults: Faults) -> Self {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            rustls::crypto::ring::default_provider().install_default().ok();
        });
        let listen = free_port();
        let hook = |name: &str, generation| WebhookTarget {
            url: format!("http://{listen}/hooks/{name}/{TOKEN}"),
            secret: Some(SECRET.to_string()),
            generation,
        };
        let webhooks = vec![hook("juro", Generation::V3), hook("juro_v2", Generation::V2)];
        let sandbox = Sandbox::start(Options { auto_sign, faults, webhooks, ..Options::default() }).await.unwrap();
        let lab = Self {
            dir: tempfile::tempdir().unwrap(),
            sandbox,
            listen,
            http: reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().unwrap(),
        };
        lab.write("engross.yaml", &lab.config());
        lab
    }

    fn config(&self) -> String {
        let base = format!("http://{}", self.sandbox.addr());
        let listen = self.listen;
        let connection = |name: &str, path: &str| {
            format!(
                "  {name}:\n    provider: {name}\n    base_url: {base}/juro/{path}\n    api_key: {{ env: JURO_API_KEY }}\n    settle: 300ms\n    \
                 webhook: {{ token: {{ env: HOOK_TOKEN }}, secret: {{ env: HOOK_SECRET }} }}\n"
            )
        };
        format!(
            "connections:\n{}{}people:\n  legal: [lena@legal.example, omar@legal.example]\nserver: {{ listen: \"{listen}\" }}\n\
             http: {{ allow: [\"127.0.0.1\"] }}\n",
            connection("juro", "v3"),
            connection("juro_v2", "v2"),
        )
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The example workflow, looking at the provider every second instead of every quarter of an hour, so that a webhook lost
    /// with a killed process is made up for within the test.
    pub(crate) fn nda(&self) -> PathBuf {
        let text = std::fs::read_to_string(repository().join("workflows/mutual_nda.yaml")).unwrap();
        let (head, tail) = text.split_once("uses: juro/await_fully_signed").unwrap();
        let tail = tail.replacen(
            "contract_id: \"{{ steps.create.outputs.contract_id }}\"",
            "contract_id: \"{{ steps.create.outputs.contract_id }}\", poll: 1s",
            1,
        );
        assert!(tail.contains("poll: 1s"), "the example's await has another form now: {tail}");
        self.write("workflows/mutual_nda.yaml", &format!("{head}uses: juro/await_fully_signed{tail}"))
    }

    pub(crate) fn inputs(&self, name: &str) -> Value {
        let email = format!("{}@example.org", name.to_lowercase().replace(' ', "."));
        json!({ "template_id": "mutual-nda", "counterparty": { "name": name, "email": email } })
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_engross"));
        command
            .args(args)
            .current_dir(self.dir.path())
            .env_remove("ENGROSS_CONFIG")
            .env_remove("ENGROSS_SERVER")
            .env("JURO_API_KEY", "sandbox-key")
            .env("HOOK_TOKEN", TOKEN)
            .env("HOOK_SECRET", SECRET)
            .env("ENGROSS_USER", "ada@example.org")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn output(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs a command to its end, and gives what it printed as data.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let output = self.output(args);
        let shown = format!("{}\n{}", text(&output.stdout), text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{args:?} gave no JSON ({e}):\n{shown}"))
    }

    /// Starts a process and lets its output go, so that it never waits for a reader.
    pub(crate) fn spawn(&self, args: &[&str]) -> Running {
        Running(self.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    /// Starts `engross serve` and waits until it says where it listens.
    pub(crate) fn serve(&self) -> Running {
        let mut child = self.command(&["serve"]).stdout(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        loop {
            let mut line = String::new();
            let read = lines.read_line(&mut line).unwrap();
            said.push_str(&line);
            if line.starts_with("engine on ") {
                break;
            }
            assert!(read > 0, "engross serve ended before it served:\n{said}");
        }
        std::thread::spawn(move || lines.read_to_end(&mut Vec::new()));
        Running(child)
    }

    pub(crate) fn api(&self, path: &str) -> String {
        format!("http://{}/api/v1{path}", self.listen)
    }

    /// A GET of the API; nothing while no engine answers.
    pub(crate) async fn get(&self, path: &str) -> Option<Value> {
        let response = self.http.get(self.api(path)).send().await.ok()?;
        response.status().is_success().then_some(())?;
        response.json().await.ok()
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let response = self.http.post(self.api(path)).json(body).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap_or(Value::Null))
    }

    /// Says yes to whatever waits, once; whether there was anything.
    pub(crate) async fn approve_what_waits(&self) -> bool {
        let Some(found) = self.get("/approvals").await else { return false };
        let mut any = false;
        for approval in found["approvals"].as_array().unwrap() {
            let (run, step) = (approval["run"].as_str().unwrap(), approval["step"].as_str().unwrap());
            let body = json!({ "decision": "approve", "by": "lena@legal.example" });
            let path = self.api(&format!("/runs/{run}/steps/{step}/decision"));
            any |= self.http.post(path).json(&body).send().await.is_ok_and(|r| r.status().is_success());
        }
        any
    }

    /// The heads of all runs; nothing while no engine answers.
    pub(crate) async fn runs(&self) -> Vec<Value> {
        self.get("/runs").await.and_then(|v| v["runs"].as_array().cloned()).unwrap_or_default()
    }

    /// Approves what comes up until every run is over, and gives the runs.
    pub(crate) async fn until_over(&self, count: usize) -> Vec<Value> {
        let began = Instant::now();
        loop {
            self.approve_what_waits().await;
            let runs = self.runs().await;
            let over = |r: &&Value| !["running", "cancelling", "compensating"].contains(&r["status"].as_str().unwrap());
            if runs.iter().filter(over).count() >= count {
                return runs;
            }
            assert!(began.elapsed() < PATIENCE, "the runs do not end: {runs:#?}");
            pause().await;
        }
    }

    /// Waits until a run's head says so.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            if let Some(run) = self.runs().await.into_iter().find(|r| holds(r)) {
                return run;
            }
            assert!(began.elapsed() < PATIENCE, "no run ever {what}: {:#?}", self.runs().await);
            pause().await;
        }
    }

    pub(crate) async fn fault(&self, rules: Value) {
        let url = format!("http://{}/_sandbox/faults", self.sandbox.addr());
        let response = self.http.post(url).json(&rules).send().await.unwrap();
        assert!(response.status().is_success(), "{}", response.text().await.unwrap());
    }
}

/// Between two looks at another process, which tells nobody when it has done something.
pub(crate) async fn pause() {
    tokio::time::sleep(Duration::from_millis(15)).await;
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
