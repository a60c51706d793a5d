//! DocJuris: the samples of the vendor's guide, without their mistakes of syntax.

use super::{Vector, docx, soon};
use crate::support::Say;
use serde_json::{Value, json};

const CONTRACT: &str = "4fd24682-dba7-4b8b-84de-6c0d47fde78c";
const TURN: &str = "c4d2d8fc-23b6-4df7-94a7-26f95c41f256";
const NEXT: &str = "43e36b4d-5711-49ff-a6d1-c252452fcf0f";
const EXECUTION_COPY: &str = "1ccc94a7-e71b-4e03-9bb9-995a6a63f568";
const SUBSCRIPTION: &str = "C5672EE4-2FC3-49A3-9D07-08F8E27B7696";

fn meta(response: &Value) -> Value {
    json!({"meta": {"code": 200, "errorType": null, "errorDetail": null}, "response": response})
}

fn values() -> Value {
    json!({"namedValues": [{"name": "v1", "value": "data1", "type": "text"}]})
}

/// The contract of the guide; with the second turn it is some days later.
fn contract(turns: &[&str]) -> Value {
    let turns: Vec<Value> = turns
        .iter()
        .map(|id| json!({"changeCount": 0, "id": id, "isComplete": true, "lastModified": "2020-01-31T15:14:01.2517127Z", "source": "Company A"}))
        .collect();
    meta(&json!({
        "counterParty": {"id": 1, "name": "Company A"},
        "description": "",
        "id": CONTRACT,
        "lastModified": "2020-01-31T15:13:56.361811Z",
        "name": "my contract",
        "turns": turns,
        "type": {"description": "", "id": 1, "name": "NDA"},
        "extendedData": {"namedValues": [{"name": "v1", "value": "data1"}]},
        "urls": {
            "app": "https://app.docjuris.com/contracts/12",
            "api": format!("https://api.docjuris.com/v1/contracts/{CONTRACT}"),
            "document": format!("https://api.docjuris.com/v1/contracts/{CONTRACT}/document"),
        },
    }))
}

fn turn() -> Value {
    meta(&json!({
        "id": NEXT,
        "lastModified": "2020-02-05T19:28:14.9835627Z",
        "source": "Company A",
        "importedFileName": "document.pdf",
        "urls": {
            "app": format!("https://app.docjuris.com/contracts/12/turns/{NEXT}"),
            "api": format!("https://api.docjuris.com/v1/contracts/{CONTRACT}/turns/{NEXT}"),
            "document": format!("https://api.docjuris.com/v1/contracts/{CONTRACT}/turns/{NEXT}/document"),
        },
        "extendedData": values(),
        "tags": [{"id": EXECUTION_COPY, "name": "Execution Copy", "description": "Execution Copy"}],
    }))
}

fn subscription() -> Value {
    json!({"id": SUBSCRIPTION, "type": "turnTagged", "created": "2020-02-05T19:28:14.9835627Z"})
}

fn mention(sent_on: &str) -> Value {
    let url = "https://app.docjuris.com/contracts/1/turns/AC2EFD0E-4B3B-4880-BA2B-90A617FA2938";
    json!({
        "messageId": SUBSCRIPTION,
        "type": "turnMention",
        "url": url,
        "contractId": CONTRACT.to_uppercase(),
        "turnId": "AC2EFD0E-4B3B-4880-BA2B-90A617FA2938",
        "sentOn": sent_on,
        "mention": {
            "text": "@joe take a look at this",
            "mentioningUser": {"firstName": "Paul", "lastName": "Bunyan", "userName": "paul@lumberjacks.ok"},
            "mentionedUser": {"firstName": "Joe", "lastName": "Flenderson", "userName": "joe@joesdiner.com"},
            "commentId": "1768727E-B3CD-4DA0-B029-AA3876BD35AB",
            "url": format!("{url}?commentId=1768727E-B3CD-4DA0-B029-AA3876BD35AB"),
        },
    })
}

fn uploads() -> Vec<Vector> {
    let create = json!({
        "contract_type": "nda",
        "counterparty": "company_a",
        "extended_data": [{"name": "v1", "value": "data1"}],
        "document_password": "hello",
        "file": docx(),
    });
    let by_id = json!({"contract_type_id": 8, "counterparty_id": "c-1", "description": "Ünder Söhnen", "file": docx()});
    let add = json!({
        "contract_id": CONTRACT,
        "current_turn_id": TURN,
        "source": "companyA",
        "description": "some description",
        "extended_data": [{"name": "v1", "value": "data1"}],
        "tags": [EXECUTION_COPY],
        "file": docx(),
    });
    let unnamed = json!({"contract_id": CONTRACT, "file": docx()});
    let imported = meta(
        &json!({"extendedData": values(), "urls": {"app": format!("https://app.docjuris.com/importd/{CONTRACT}")}}),
    );
    let first = || Say::ok(contract(&[TURN]));
    vec![
        Vector::new("create_contract", create, vec![first()]),
        Vector::new("create_contract", by_id, vec![first()]),
        Vector::new("add_turn", add, vec![Say::ok(turn())]),
        Vector::new("add_turn", unnamed, vec![first(), Say::ok(turn())]),
        Vector::new("create_import", json!({"file": docx()}), vec![Say::ok(imported)]),
    ]
}

fn waits() -> Vec<Vector> {
    let id = json!({"contract_id": CONTRACT});
    let completed = json!({"contract_id": CONTRACT, "until": ["completed"], "after_turn_id": TURN});
    let mentioned = json!({"contract_id": CONTRACT, "until": ["mention"], "subscription_id": SUBSCRIPTION});
    let second = || Say::ok(contract(&[TURN, NEXT]));
    let messages = Say::ok(meta(&json!([mention(&soon())])));
    vec![
        Vector::new("await_turn", id, vec![second(), Say::ok(turn())]),
        Vector::new("await_turn", completed, vec![second(), Say::ok(turn())]),
        Vector::new("await_turn", mentioned, vec![second(), Say::ok(turn()), messages]),
    ]
}

pub(super) fn vectors() -> Vec<Vector> {
    let id = || json!({"contract_id": CONTRACT});
    let of_turn = || json!({"contract_id": CONTRACT, "turn_id": NEXT});
    let report = json!({"contract_id": CONTRACT, "turn_id": NEXT, "doc_state": "contractScreeningReport"});
    let types = json!({
        "skip": 0, "take": 200, "sortBy": "name", "totalCount": 2,
        "contractTypes": [
            {"id": 1, "name": "ContractTypeA", "description": "Some Description"},
            {"id": 8, "name": "ContractTypeH", "description": "Some Other Description"},
        ],
    });
    let file = "content-type: application/vnd.openxmlformats-officedocument.wordprocessingml.document\r\n\
        content-disposition: attachment; filename=\"NDA.docx\"\r\n";
    let excel = "content-type: application/vnd.ms-excel\r\n";
    let subscribe = json!({"url": "https://e.example/hooks/docjuris/token", "type": "turnTagged"});
    let of_subscription = || json!({"subscription_id": SUBSCRIPTION});
    let messages = json!([mention("2020-02-05T19:28:14.9835627Z")]);
    let others = vec![
        Vector::new("get_contract", id(), vec![Say::ok(contract(&[TURN]))]),
        Vector::new("get_contract_document", id(), vec![Say::with(200, file, b"PK")]),
        Vector::new("get_turn", of_turn(), vec![Say::ok(turn())]),
        Vector::new("get_turn_document", report, vec![Say::with(200, excel, b"xlsx")]),
        Vector::new("list_contract_types", json!({"filter": "contract"}), vec![Say::ok(meta(&types))]),
        Vector::new("create_subscription", subscribe, vec![Say::ok(meta(&subscription()))]),
        Vector::new("list_subscriptions", json!({}), vec![Say::ok(meta(&json!([subscription()])))]),
        Vector::new("delete_subscription", of_subscription(), vec![Say::with(200, "", b"")]),
        Vector::new("list_messages", of_subscription(), vec![Say::ok(meta(&messages))]),
    ];
    others.into_iter().chain(uploads()).chain(waits()).collect()
}
