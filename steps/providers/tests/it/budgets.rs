//! What a connection's month has left: what counts, what is held back, and what never is.

use crate::support::{STARTED, Say, Server, base, connection, context, contract, provider, step};
use engross_step_api::{Connection, EventId, Provider, Setting, StepContext, StepError, Wake};
use serde_json::{Value, json};
use std::sync::Arc;

const LOOK: &str = "await_fully_signed";

struct Stage {
    provider: Arc<dyn Provider>,
    server: Server,
    context: StepContext,
}

impl Stage {
    async fn new(per_month: &str, answers: usize) -> Self {
        let server = Server::start(vec![Say::ok(contract("c1", "draft")); answers]).await;
        let mut connection = connection("juro", &base("juro", &server));
        connection.settings.insert("requests_per_month".to_string(), Setting::Plain(per_month.to_string()));
        Self { provider: provider("juro"), server, context: context(connection) }
    }

    fn connection(&self) -> &Connection {
        self.context.connection.as_ref().expect("a connection")
    }

    async fn look(&self, after_ms: u64, wake: Wake) -> Result<(), StepError> {
        let context = StepContext { now: STARTED.plus_ms(after_ms), ..self.context.clone() };
        let look = step(self.provider.as_ref(), LOOK).check(&context, &json!({"contract_id": "c1"}), wake).await;
        look.map(|_| ())
    }

    fn used(&self) -> (u64, Option<u64>, u64) {
        let budget = self.provider.budget(self.connection(), STARTED).expect("a budget");
        (budget.used, budget.limit, budget.polling)
    }
}

#[tokio::test]
async fn when_nothing_is_left_looks_wait_for_the_month_and_work_goes_on() {
    let stage = Stage::new("2", 9).await;
    stage.provider.restore_budget(stage.connection(), "2023-11", 1);
    stage.provider.restore_budget(stage.connection(), "2023-10", 1_000);
    stage.look(0, Wake::Poll).await.expect("one is left");
    assert_eq!(stage.used(), (2, Some(2), 1));
    let held = stage.look(900_000, Wake::Poll).await.expect_err("none is left");
    // From 22:28:20 on the 14th, sixteen days and some remain.
    assert_eq!((held.class.as_str(), held.code.as_str()), ("rate_limited", "budget"));
    assert_eq!(held.retry_after_ms, Some(1_387_899_877));
    assert!(held.message.contains("has used 2 of its 2 requests of 2023-11"), "{held}");
    assert!(held.message.contains("2023-12-01T00:00:00"), "{held}");
    assert_eq!(stage.server.requests().len(), 1);
    // An event asks for its look, and what a run does is never held back: both count.
    stage.look(900_000, Wake::Event(EventId::new("e1"))).await.expect("a webhook's look");
    let input = json!({"contract_id": "c1"});
    step(stage.provider.as_ref(), "get_contract").execute(&stage.context, &input).await.expect("a run's read");
    assert_eq!((stage.used().0, stage.server.requests().len()), (4, 3));
    // The month turns.
    stage.look(17 * 86_400_000, Wake::Poll).await.expect("a new month");
    let budget = stage.provider.budget(stage.connection(), STARTED.plus_ms(17 * 86_400_000)).expect("a budget");
    assert_eq!((budget.month.as_str(), budget.used), ("2023-12", 1));
    assert_eq!(budget.resets_at.to_string(), "2024-01-01T00:00:00.000Z");
}

#[tokio::test]
async fn looks_are_stretched_over_what_is_left() {
    let stage = Stage::new("100", 9).await;
    stage.look(0, Wake::Poll).await.expect("the first");
    let held = stage.look(900_000, Wake::Poll).await.expect_err("too soon");
    // 1,388,799,877 ms of the month over 99 requests, less the quarter of an hour that has passed: about 3.9 hours.
    let pause = held.retry_after_ms.expect("a time");
    assert!((12_000_000..14_100_000).contains(&pause), "{pause}");
    stage.look(4 * 3_600_000, Wake::Poll).await.expect("its turn");
    assert_eq!(stage.server.requests().len(), 2);
}

#[tokio::test]
async fn every_page_counts_and_a_stand_in_has_no_limit_of_its_own() {
    let page = |count: usize, total: usize| {
        let item = |number: usize| json!({"id": format!("{total}-{count}-{number}")});
        Say::ok(json!({"total": total, "contracts": (0..count).map(item).collect::<Vec<Value>>()}))
    };
    let server = Server::start(vec![page(200, 250), page(50, 250)]).await;
    let connection = connection("juro", &base("juro", &server));
    let juro = provider("juro");
    let listed = step(juro.as_ref(), "list_contracts");
    listed.execute(&context(connection.clone()), &json!({"limit": 1_000})).await.expect("a list");
    let budget = juro.budget(&connection, STARTED).expect("a budget");
    assert_eq!((budget.used, budget.limit), (2, None));
    let at_home = Connection { base_url: None, ..connection };
    assert_eq!(juro.budget(&at_home, STARTED).expect("a budget").limit, Some(30_000));
}

#[test]
fn the_count_of_a_connection_is_a_number() {
    let mut connection = connection("juro", "http://127.0.0.1:9");
    for (given, problems) in [("100", 0), ("0", 1), ("many", 1), ("-5", 1)] {
        connection.settings.insert("requests_per_month".to_string(), Setting::Plain(given.to_string()));
        assert_eq!(provider("juro").check_connection(&connection).len(), problems, "{given}");
    }
}
