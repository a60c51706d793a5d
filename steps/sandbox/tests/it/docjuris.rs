//! DocJuris: uploads of both forms, turns, documents, contract types, imports, subscriptions and the feed.

use engross_sandbox::Who;
use reqwest::multipart::{Form, Part};
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

use crate::bench::{Bench, Receiver, id};

const API: &str = "/docjuris/v1";
const EXECUTION_COPY: &str = "1ccc94a7-e71b-4e03-9bb9-995a6a63f568";

fn request(bench: &Bench, method: &str, path: &str) -> RequestBuilder {
    bench.request(method, &format!("{API}{path}")).basic_auth("sandbox-account", Some("sandbox-key"))
}

/// The response in the envelope, whose code must be the status.
async fn opened(response: Response, status: u16) -> Value {
    let found = response.status().as_u16();
    let body: Value = response.json().await.expect("a JSON body");
    assert_eq!((found, &body["meta"]["code"]), (status, &json!(status)), "{body}");
    if status == 200 {
        assert_eq!(body["meta"], json!({"code": 200, "errorType": null, "errorDetail": null}));
        return body["response"].clone();
    }
    assert_eq!(
        (&body["response"], &body["meta"]["errors"][0]["message"]),
        (&Value::Null, &body["meta"]["errorDetail"])
    );
    body["meta"]["errorDetail"].clone()
}

async fn get(bench: &Bench, path: &str, status: u16) -> Value {
    opened(request(bench, "GET", path).send().await.expect("an answer"), status).await
}

fn file(name: &'static str, content: &'static [u8]) -> Part {
    Part::bytes(content).file_name(name)
}

async fn post(bench: &Bench, path: &str, form: Form, status: u16) -> Value {
    opened(request(bench, "POST", path).multipart(form).send().await.expect("an answer"), status).await
}

/// An NDA whose attached value is a run's id; returns the contract.
async fn contract(bench: &Bench) -> Value {
    let input = json!({
        "contractType": "nda", "counterParty": "Company A",
        "extendedData": {"namedValues": [{"name": "run", "value": "r-1"}]},
    });
    let form = Form::new().text("input", input.to_string()).part("file", file("contract.docx", b"PK first"));
    post(bench, "/contracts", form, 200).await
}

async fn add_turn(bench: &Bench, contract: &Value, current: &str, status: u16) -> Value {
    let form = Form::new()
        .text("currentTurnId", current.to_owned())
        .text("source", "Legal")
        .part("file", file("ours.docx", b"PK second"));
    post(bench, &format!("/contracts/{}/turns", id(contract)), form, status).await
}

async fn control(bench: &Bench, contract: &Value, action: &str, body: Value, status: u16) -> Value {
    let path = format!("/_sandbox/docjuris/contracts/{}/{action}", id(contract));
    bench.call("POST", &path, body, status).await
}

async fn subscribe(bench: &Bench, kind: &str, url: &str) -> Value {
    // As the documents' `curl -d` sends it: JSON under the media type of a form.
    let body = json!({"webhookUrl": url, "type": kind}).to_string();
    let request = request(bench, "POST", "/subscriptions").header("content-type", "application/x-www-form-urlencoded");
    opened(request.body(body).send().await.expect("an answer"), 200).await
}

fn latest(contract: &Value) -> &str {
    contract["latestTurnId"].as_str().expect("a turn")
}

#[tokio::test]
async fn the_contract_has_the_documented_shape() {
    let bench = Bench::start().await;
    let created = contract(&bench).await;
    let extended = json!({"namedValues": [{"name": "run", "value": "r-1", "type": "text"}]});
    let (url, turn_id) = (bench.url(&format!("{API}/contracts/{}", id(&created))), latest(&created).to_owned());
    assert_eq!(
        created,
        json!({
            "id": created["id"], "name": "contract", "description": "", "lastModified": created["lastModified"],
            "counterParty": {"id": 1, "name": "Company A"},
            "type": {"id": 1, "name": "NDA", "description": "Non-disclosure agreement"},
            "turns": [{
                "id": turn_id, "isComplete": false, "lastModified": created["turns"][0]["lastModified"],
                "source": "Company A", "changeCount": 0,
            }],
            "latestTurnId": turn_id, "extendedData": extended,
            "urls": {
                "app": bench.url("/docjuris/app/contracts/1"), "api": url, "document": format!("{url}/document"),
            },
        })
    );
    assert_eq!(get(&bench, &format!("/contracts/{}", id(&created)), 200).await, created);
}

#[tokio::test]
async fn a_negotiation_goes_turn_by_turn_to_the_execution_copy() {
    let mut receiver = Receiver::start(&[]).await;
    let bench = Bench::start().await;
    for kind in ["turnCreated", "turnCompleted", "turnTagged", "turnMention"] {
        subscribe(&bench, kind, &receiver.url).await;
    }
    let created = contract(&bench).await;
    let extended = json!({"namedValues": [{"name": "run", "value": "r-1", "type": "text"}]});
    let turn_id = latest(&created).to_owned();
    let event = receiver.next().await.body;
    assert_eq!((&event["type"], &event["turnId"]), (&json!("turnCreated"), &json!(turn_id)));

    let turn = add_turn(&bench, &created, &turn_id.to_uppercase(), 200).await;
    assert_eq!((&turn["source"], &turn["isLatest"], &turn["extendedData"]), (&json!("Legal"), &json!(true), &extended));
    assert_eq!(receiver.next().await.body["turnId"], turn["id"]);
    let stale = "currentTurnId: is not the latest turn of the contract; read it again";
    assert_eq!(add_turn(&bench, &created, &turn_id, 400).await, stale);
    bench.call("POST", "/_sandbox/docjuris/settings", json!({"stale_is_409": true}), 200).await;
    assert_eq!(add_turn(&bench, &created, &turn_id, 409).await, stale);

    control(&bench, &created, "upload", json!({"text": "their redlines"}), 200).await;
    assert_eq!(receiver.next().await.body["type"], "turnCreated");
    control(&bench, &created, "complete", json!({"changes": 3}), 200).await;
    assert_eq!(receiver.next().await.body["type"], "turnCompleted");
    control(&bench, &created, "complete", Value::Null, 409).await;
    control(&bench, &created, "mention", json!({"text": "@joe take a look at this"}), 200).await;
    let mention = receiver.next().await.body;
    assert_eq!(
        (&mention["type"], &mention["mention"]["text"]),
        (&json!("turnMention"), &json!("@joe take a look at this"))
    );
    assert_eq!(
        mention["mention"]["mentionedUser"],
        json!({"firstName": "joe", "lastName": "flenderson", "userName": "joe.flenderson@sandbox.example"})
    );
    control(&bench, &created, "tag", json!({"tags": [EXECUTION_COPY, "Reviewed"]}), 200).await;
    let tagged = receiver.next().await.body;
    let found = get(&bench, &format!("/contracts/{}", id(&created)), 200).await;
    let path = format!("/contracts/{}/turns/{}", id(&created), latest(&found));
    let turn = get(&bench, &path, 200).await;
    assert_eq!(
        (&turn["isComplete"], &turn["source"], found["turns"].as_array().map(Vec::len)),
        (&json!(true), &json!("Company A"), Some(3))
    );
    assert_eq!(
        turn["tags"][0],
        json!({"id": EXECUTION_COPY, "name": "Execution Copy", "description": "Execution Copy"})
    );
    assert_eq!(turn["tags"][1]["name"], "Reviewed");
    assert_eq!(
        tagged,
        json!({
            "messageId": tagged["messageId"], "type": "turnTagged", "contractId": created["id"], "turnId": turn["id"],
            "sentOn": tagged["sentOn"], "extendedData": extended, "tags": turn["tags"], "url": bench.url(&format!("{API}{path}")),
        })
    );
    let counters = bench.counters().docjuris;
    assert_eq!((counters.contracts_created, counters.turns_added, counters.updates, counters.rejected), (1, 1, 2, 2));
    assert_eq!(bench.sandbox.sign(id(&created), Who::Outstanding).expect_err("nobody signs here").status, 404);
}

#[tokio::test]
async fn an_upload_says_all_that_is_wrong() {
    let bench = Bench::start().await;
    let form = |pairs: &[(&'static str, &'static str)]| {
        pairs.iter().fold(Form::new(), |form, (name, value)| form.text(*name, *value))
    };
    for (form, message) in [
        (
            form(&[("contractType", "lease"), ("colour", "red"), ("extendedData", "{")]),
            "extendedData: bad request body: EOF while parsing an object at line 1 column 1; \
             colour: is no argument here, which are contractType, contractTypeId, counterParty, counterPartyName, \
             counterPartyId, name, description, extendedData; file: is required; \
             contractType: there is no contract type lease; counterParty: or counterPartyId is required",
        ),
        (
            form(&[
                ("contractTypeId", "9"),
                ("counterPartyId", "3"),
                ("extendedData", "{\"namedValues\":[{\"name\":\"\",\"value\":\"v\"}]}"),
            ])
            .part("file", file("x.exe", b"MZ")),
            "file: must be a .docx, .doc or .pdf; contractType: there is no contract type 9; \
             counterPartyId: there is no counterparty 3; extendedData: a name has from 1 to 500 characters",
        ),
        (
            form(&[("contractTypeId", "1"), ("counterPartyName", "B")])
                .part("file", file("x.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")),
            "file: is protected by a password, which goes into the header documentPassword",
        ),
        (
            form(&[("input", "{}"), ("name", "x")]),
            "input: holds all arguments, so it must be the only part besides the file; \
          file: is required; contractType: or contractTypeId is required; counterParty: or counterPartyId is required",
        ),
    ] {
        assert_eq!(post(&bench, "/contracts", form, 400).await, message);
    }
    let json = request(&bench, "POST", "/contracts").json(&json!({})).send().await.expect("an answer");
    assert_eq!(opened(json, 400).await, "bad request body: send it as multipart/form-data");
    let protected = form(&[("contractTypeId", "1"), ("counterPartyName", "B")])
        .part("file", file("x.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"));
    let request = request(&bench, "POST", "/contracts").header("documentPassword", "aGVsbG8=").multipart(protected);
    let created = opened(request.send().await.expect("an answer"), 200).await;
    assert_eq!((&created["counterParty"], &created["name"]), (&json!({"id": 1, "name": "B"}), &json!("x")));
    let by_id = form(&[("contractType", "Order Form"), ("counterPartyId", "1"), ("name", "Named")])
        .part("file", file("x.pdf", b"%PDF-"));
    assert_eq!(post(&bench, "/contracts", by_id, 200).await["counterParty"]["name"], "B");

    let turns = format!("/contracts/{}/turns", id(&created));
    let wrong = form(&[("tags", "[\"lost\"]")]).part("file", file("x.docx", b"PK"));
    assert_eq!(post(&bench, &turns, wrong, 400).await, "currentTurnId: is required; tags: there is no tag lost");
    let input =
        json!({"currentTurnId": latest(&created), "source": "", "tags": [{"id": EXECUTION_COPY}], "description": "d"});
    let form = Form::new().text("input", input.to_string()).part("file", file("x.doc", b"x"));
    let turn = post(&bench, &turns, form, 200).await;
    assert_eq!(
        (&turn["source"], &turn["tags"][0]["id"], &turn["description"]),
        (&json!("B"), &json!(EXECUTION_COPY), &json!("d"))
    );
}

#[tokio::test]
async fn the_account_is_checked_and_missing_things_are_404() {
    let bench = Bench::start().await;
    let wrong = "the account id or the API key is wrong";
    for (name, key) in [("sandbox-account", "wrong"), ("other", "sandbox-key")] {
        let request = bench.request("GET", &format!("{API}/contractTypes")).basic_auth(name, Some(key));
        assert_eq!(opened(request.send().await.expect("an answer"), 401).await, wrong);
    }
    assert_eq!(opened(bench.raw("GET", &format!("{API}/contractTypes")).await, 401).await, wrong);
    assert_eq!(get(&bench, "/contracts/0", 404).await, "Contract not found: 0");
    let created = contract(&bench).await;
    assert_eq!(get(&bench, &format!("/contracts/{}/turns/0", id(&created)), 404).await, "Turn not found: 0");
    assert_eq!(get(&bench, "/subscriptions/0/messages", 404).await, "Subscription not found: 0");
    assert_eq!(get(&bench, "/nothing", 404).await, "Not Found");
    assert_eq!(get(&bench, "/imports", 405).await, "Method Not Allowed");
    let upper = get(&bench, &format!("/contracts/{}", id(&created).to_uppercase()), 200).await;
    assert_eq!(upper, created, "an id is the same in capitals");
    bench.call("POST", "/_sandbox/faults", json!([{"on": "get", "do": {"status": {"code": 503}}}]), 200).await;
    assert_eq!(get(&bench, &format!("/contracts/{}", id(&created)), 503).await, "scripted fault: status 503");
}

#[tokio::test]
async fn documents_by_state() {
    let bench = Bench::start().await;
    let created = contract(&bench).await;
    let first = format!("/contracts/{}/turns/{}/document", id(&created), latest(&created));
    let download = async |path: &str| {
        let response = request(&bench, "GET", path).send().await.expect("an answer");
        assert_eq!(response.status(), 200, "{path}");
        let header = |name: &str| response.headers()[name].to_str().expect("a text").to_owned();
        let (kind, name) = (header("content-type"), header("content-disposition"));
        (kind, name, response.bytes().await.expect("a whole file"))
    };
    let (kind, name, bytes) = download(&first).await;
    assert_eq!((name.as_str(), bytes.as_ref()), ("attachment; filename=\"contract.docx\"", b"PK first".as_slice()));
    assert!(kind.ends_with("wordprocessingml.document"));
    for state in ["completedWithMarkup", "completedClean"] {
        assert_eq!(
            get(&bench, &format!("{first}?docState={state}"), 400).await,
            "docState: the turn must be completed"
        );
    }
    control(&bench, &created, "complete", Value::Null, 200).await;
    let (_, _, markup) = download(&format!("{first}?docState=completedWithMarkup")).await;
    let (_, _, clean) = download(&format!("{first}?docState=completedclean")).await;
    assert!(markup.starts_with(b"PK\x03\x04") && clean.starts_with(b"PK\x03\x04") && markup != clean);
    let (kind, name, report) = download(&format!("{first}?docState=contractScreeningReport")).await;
    assert!(kind.ends_with("spreadsheetml.sheet") && name.ends_with(".xlsx\"") && report.starts_with(b"PK\x03\x04"));
    assert!(
        get(&bench, &format!("{first}?docState=burnt"), 400)
            .await
            .as_str()
            .expect("a text")
            .starts_with("docState: burnt is none of")
    );

    let form =
        Form::new().text("currentTurnId", latest(&created).to_owned()).part("file", file("second.pdf", b"%PDF-second"));
    post(&bench, &format!("/contracts/{}/turns", id(&created)), form, 200).await;
    let whole = format!("/contracts/{}/document", id(&created));
    assert_eq!(download(&whole).await.2.as_ref(), b"PK first", "the original is the first turn's");
    let (kind, _, bytes) = download(&format!("{whole}?docState=imported")).await;
    assert_eq!((kind.as_str(), bytes.as_ref()), ("application/pdf", b"%PDF-second".as_slice()));
    assert_eq!(bench.counters().docjuris.downloads, 6);
}

#[tokio::test]
async fn a_large_file_is_taken_and_one_too_large_is_413() {
    let bench = Bench::start().await;
    let upload = async |bytes: usize, status: u16| {
        let form = Form::new().part("file", Part::bytes(vec![b'x'; bytes]).file_name("large.docx"));
        post(&bench, "/imports", form, status).await
    };
    upload(9 * 1024 * 1024, 200).await;
    let message = "the body did not arrive whole or is longer than 10485760 bytes";
    assert_eq!(upload(11 * 1024 * 1024, 413).await, message);
}

#[tokio::test]
async fn contract_types_are_paged_sorted_and_filtered() {
    let bench = Bench::start().await;
    let names = |list: &Value| -> Vec<String> {
        let types = list["contractTypes"].as_array().expect("a list");
        types.iter().map(|kind| kind["name"].as_str().expect("a name").to_owned()).collect()
    };
    let all = get(&bench, "/contractTypes", 200).await;
    assert_eq!(names(&all), ["DPA", "MSA", "NDA", "Order Form", "SOW"]);
    assert_eq!(
        (&all["skip"], &all["take"], &all["sortBy"], &all["totalCount"]),
        (&json!(0), &json!(200), &json!("name"), &json!(5))
    );
    assert_eq!(names(&get(&bench, "/contractTypes?sortBy=id&skip=1&take=2", 200).await), ["MSA", "SOW"]);
    assert_eq!(names(&get(&bench, "/contractTypes?sortBy=description&take=1", 200).await), ["DPA"]);
    let filtered = get(&bench, "/contractTypes?filter=D", 200).await;
    assert_eq!(
        (names(&filtered), &filtered["totalCount"]),
        (vec!["DPA".to_owned(), "NDA".into(), "Order Form".into()], &json!(3))
    );
    assert_eq!(get(&bench, "/contractTypes?sortBy=age", 400).await, "sortBy: must be name, id or description");
    assert_eq!(get(&bench, "/contractTypes?take=201", 400).await, "take: must be from 1 to 200");
}

#[tokio::test]
async fn an_import_waits_for_a_person_and_keeps_its_values() {
    let mut receiver = Receiver::start(&[]).await;
    let bench = Bench::start().await;
    subscribe(&bench, "turnCreated", &receiver.url).await;
    let extended =
        "{\"namedValues\": [{\"name\": \"link\", \"value\": \"https://my.app.example\", \"type\": \"url\"}]}";
    let form = Form::new().text("extendedData", extended).part("file", file("import.docx", b"PK"));
    let import = post(&bench, "/imports", form, 200).await;
    assert_eq!(import["extendedData"]["namedValues"][0]["type"], "url");
    assert!(import["urls"]["app"].as_str().expect("an address").ends_with(id(&import)));
    assert_eq!(post(&bench, "/imports", Form::new().text("extendedData", ""), 400).await, "file: is required");
    let path = format!("/_sandbox/docjuris/imports/{}/use", id(&import));
    let wrong = json!({"contractType": "lease", "counterParty": "B"});
    bench.call("POST", &path, wrong, 400).await;
    let made = bench.call("POST", &path, json!({"contractType": "NDA", "counterParty": "B"}), 200).await;
    let event = receiver.next().await.body;
    assert_eq!((&event["contractId"], &event["extendedData"]), (&made["contract"]["id"], &import["extendedData"]));
    let counters = bench.counters().docjuris;
    assert_eq!((counters.imports, counters.contracts_created), (1, 0), "a person made the contract");
}

#[tokio::test]
async fn the_feed_has_what_a_receiver_missed() {
    let mut receiver = Receiver::start(&[500, 500, 500]).await;
    let bench = Bench::start().await;
    let subscription = subscribe(&bench, "turnCreated", &receiver.url).await;
    let other = subscribe(&bench, "turnCompleted", "http://127.0.0.1:1/").await;
    assert_eq!(get(&bench, "/subscriptions", 200).await, json!([subscription, other]));
    let created = contract(&bench).await;
    let first = receiver.next().await.body;
    for _ in 0..2 {
        assert_eq!(receiver.next().await.body, first, "a retry is the same message");
    }
    bench.call("POST", "/_sandbox/faults", json!([{"on": "webhook", "do": "lose"}]), 200).await;
    let second = add_turn(&bench, &created, latest(&created), 200).await;
    bench.call("POST", "/_sandbox/docjuris/settings", json!({"as_sampled": true}), 200).await;
    let third = add_turn(&bench, &created, id(&second), 200).await;
    let delivered = receiver.next().await.body;
    assert_eq!((&delivered["type"], &delivered["turnId"]), (&json!("TurnCreated"), &json!(id(&third).to_uppercase())));

    let feed = format!("/subscriptions/{}/messages", id(&subscription));
    let messages = get(&bench, &feed, 200).await;
    let turns = |messages: &Value| -> Vec<Value> {
        messages.as_array().expect("a list").iter().map(|message| message["turnId"].clone()).collect()
    };
    let expected = [json!(latest(&created)), second["id"].clone(), third["id"].clone()];
    assert_eq!(turns(&messages), expected);
    assert_eq!(messages[0]["messageId"], first["messageId"]);
    assert_eq!(
        messages[1],
        json!({
            "messageId": messages[1]["messageId"], "type": "turnCreated", "turnId": second["id"], "contractId": created["id"],
            "url": bench.url(&format!("/docjuris/app/contracts/1/turns/{}", id(&second))), "sentOn": messages[1]["sentOn"],
        })
    );
    assert_eq!(turns(&get(&bench, &format!("{feed}?skip=1&take=1"), 200).await), expected[1..2]);
    bench.call("POST", "/_sandbox/docjuris/settings", json!({"newest_first": true}), 200).await;
    assert_eq!(turns(&get(&bench, &format!("{feed}?take=1"), 200).await), expected[2..]);
    assert_eq!(get(&bench, &format!("/subscriptions/{}/messages", id(&other)), 200).await, json!([]));
    assert_eq!(bench.counters().docjuris.webhooks_failed, 1);

    let delete = request(&bench, "DELETE", &format!("/subscriptions/{}", id(&subscription)));
    assert_eq!(opened(delete.send().await.expect("an answer"), 200).await, Value::Null);
    get(&bench, &feed, 404).await;
    let wrong =
        request(&bench, "POST", "/subscriptions").json(&json!({"webhookUrl": "https://x.example", "type": "turn"}));
    let message = "webhookUrl: url: the sandbox delivers to http:// only, not to https://x.example; \
                   type: turn is none of turnCompleted, turnTagged, turnCreated, turnMention";
    assert_eq!(opened(wrong.send().await.expect("an answer"), 400).await, message);
}

#[tokio::test]
async fn a_dropped_answer_of_a_turn_shows_on_the_next_try() {
    let bench = Bench::start().await;
    let created = contract(&bench).await;
    bench.call("POST", "/_sandbox/faults", json!([{"on": "add_turn", "do": "drop_answer"}]), 200).await;
    let form = Form::new().text("currentTurnId", latest(&created).to_owned()).part("file", file("x.docx", b"PK"));
    let path = format!("/contracts/{}/turns", id(&created));
    request(&bench, "POST", &path).multipart(form).send().await.expect_err("the answer is dropped");
    add_turn(&bench, &created, latest(&created), 400).await;
    let found = get(&bench, &format!("/contracts/{}", id(&created)), 200).await;
    assert_eq!(found["turns"].as_array().map(Vec::len), Some(2), "the turn was added once");
}
