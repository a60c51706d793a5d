//! Juro, API v3. The help page names paths, parameters and the properties of replies and has no whole reply: these are put together
//! of what it and the clients name, with the values of the v2 documents' samples.

use super::juro_v2::SIGNATURE;
use super::{PDF, Vector, pdf};
use crate::support::Say;
use serde_json::{Value, json};

const CONTRACT: &str = "5b32a2dfbd38141b280b1f8e";
const TEMPLATE: &str = "5b328144e5cd2a0958b488a8";
const TEAM: &str = "59787a66cb76170c303ab452";

fn fields() -> Value {
    json!([
        {"uid": "1530036548211", "title": "Counterparty Legal Name", "type": "text", "value": "Pichael Mennington"},
        {"uid": "1530037019988", "title": "Yes or no?", "type": "choice", "value": "Yes", "choices": [{"value": "Yes"}, {"value": "No"}]},
    ])
}

fn questions() -> Value {
    json!([{
        "uid": "1530036548214", "fieldUid": "1530036548211", "isRequired": true, "signingSideUids": ["side-us"],
        "title": "What is the legal name of the other party?", "text": "",
    }])
}

fn tables() -> Value {
    json!([{"uid": "1530036573718", "rows": [[{"value": "first header"}, {"value": "second header"}]]}])
}

fn contract(status: &str) -> Value {
    json!({"contract": {
        "id": CONTRACT,
        "name": "NDA - Acme",
        "createdDate": "2018-06-26T20:32:31.426Z",
        "updatedDate": "2018-06-26T20:32:32.494Z",
        "status": status,
        "state": {"approval": {"approvers": [{"username": "lena@juro.example", "status": "waiting for approval"}]}},
        "owner": {"name": "Olive Owner", "username": "olive@juro.example"},
        "team": {"id": TEAM, "name": "Legal"},
        "template": {"id": TEMPLATE, "name": "api documentation"},
        "fields": fields(),
        "questions": questions(),
        "signingSides": [
            {"uid": "side-us", "name": "Us", "signatures": [
                {"uid": "5b328177e5cd2a0958b488fb", "username": "olive@juro.example", "signingUrl": "https://app.juro.com/sign/our-token"},
            ]},
            {"uid": "side-them", "name": "Counterparty", "signatures": [
                {"uid": "5b328177e5cd2a0958b488fc", "email": "pichael@mennington.example", "name": "Pichael Mennington",
                 "signingUrl": "https://app.juro.com/sign/fa9300c262eeb3772adf50932e2b9474"},
            ]},
        ],
        "tables": tables(),
        "draftLink": {"url": "https://app.juro.com/draft/934d9046", "isEnabled": true, "enabledUntilDate": null},
        "internalUrl": format!("https://app.juro.com/contracts/{CONTRACT}"),
        "sharingUrl": "https://app.juro.com/share/934d9046b549a8b2ce7da630dcb2424a",
    }})
}

fn template() -> Value {
    json!({"template": {
        "id": TEMPLATE,
        "name": "api documentation",
        "status": "published",
        "createdDate": "2018-06-26T18:09:08.216Z",
        "updatedDate": "2018-06-26T18:17:35.916Z",
        "internalUrl": format!("https://app.juro.com/templates/{TEMPLATE}"),
        "sharingUrl": "https://app.juro.com/share/template-token",
        "draftLink": {"url": "https://app.juro.com/draft/template-token", "isEnabled": false, "enabledUntilDate": null},
        "fields": fields(),
        "questions": questions(),
        "signingSides": [
            {"uid": "side-us", "name": "Us", "signatures": [{"uid": "5b328177e5cd2a0958b488fb"}]},
            {"uid": "side-them", "name": "Counterparty", "signatures": [{"uid": "5b328177e5cd2a0958b488fc"}]},
        ],
        "tables": tables(),
        "state": {},
    }})
}

/// The list as the help page tells it: a total, and six properties of each.
fn page() -> Value {
    json!({"total": 1, "contracts": [{
        "id": CONTRACT,
        "name": "NDA - Acme",
        "createdDate": "2018-06-26T20:32:31.426Z",
        "updatedDate": "2018-06-26T20:32:32.494Z",
        "teamId": TEAM,
        "template": {"id": TEMPLATE, "name": "api documentation"},
    }]})
}

fn lists() -> Vec<Vector> {
    let templates = json!({"templates": [{"id": TEMPLATE, "name": "api documentation", "status": "published"}]});
    let filtered = json!({
        "template_id": TEMPLATE,
        "team_ids": [TEAM, "59787a66cb76170c303ab453"],
        "updated_since": "2023-11-14T22:13:20Z",
        "updated_before": 1_700_000_001,
        "limit": 200,
    });
    let since = || json!({"since": "2018-06-26T20:00:00Z"});
    let hydrated = json!({"since": "2018-06-26T20:00:00Z", "hydrate": true});
    vec![
        Vector::new("list_templates", json!({}), vec![Say::ok(templates)]),
        Vector::new("list_contracts", json!({}), vec![Say::ok(page())]),
        Vector::new("list_contracts", filtered, vec![Say::ok(page())]),
        Vector::new("sync_contracts", since(), vec![Say::ok(page())]),
        Vector::new("sync_contracts", hydrated, vec![Say::ok(page()), Say::ok(contract("draft"))]),
    ]
}

fn creates() -> Vec<Vector> {
    let create = json!({
        "template_id": TEMPLATE,
        "name": " NDA - Acme ",
        "fields": {"Counterparty Legal Name": "Acme", "1530037019988": "No"},
        "answers": {"What is the legal name of the other party?": "Acme"},
        "signing_sides": [{"side": "Counterparty", "name": "Acme Ltd", "signatures": [{"email": "a@acme.example"}]}],
        "tables": [{"uid": "1530036573718", "rows": [[{"value": "1st header"}, {"value": "2nd header"}]]}],
        "owner": {"username": "olive@juro.example"},
    });
    let upload = json!({"file": pdf(), "name": " NDA - Acme ", "template_id": TEMPLATE, "status": "fully signed", "owner": "olive@juro.example"});
    let register = json!({
        "team_id": TEAM,
        "title": "Engross",
        "url": "https://example.com/hooks/juro/token",
        "events": ["contract.signed", "contract.pdf_generated"],
    });
    vec![
        Vector::new("create_contract", create, vec![Say::ok(template()), Say::Json(201, contract("draft"))]),
        Vector::new("upload_contract", upload, vec![Say::Json(201, contract("fully signed"))]),
        Vector::new("create_webhook", register, vec![Say::with(201, "", b"")]),
    ]
}

pub(super) fn vectors() -> Vec<Vector> {
    let id = || json!({"contract_id": CONTRACT});
    let ok = || Say::ok(json!({"message": "ok"}));
    let update = json!({"contract_id": CONTRACT, "name": "NDA - Acme 2", "fields": {"Counterparty Legal Name": "Acme", "Yes or no?": "No"}});
    let sign = json!({"contract_id": CONTRACT, "signature_base64": SIGNATURE});
    let send = json!({"contract_id": CONTRACT, "message": "We have best contracts, you should sign them!"});
    let mut to_one = send.clone();
    to_one["signer"] = json!("pichael@mennington.example");
    let header =
        "content-disposition: attachment; filename=\"A + B contract.pdf\"\r\ncontent-type: application/pdf\r\n";
    let draft = || Say::ok(contract("draft"));
    let approved = || Say::ok(contract("approved"));
    let others = vec![
        Vector::new("health", json!({}), vec![ok()]),
        Vector::new("get_template", json!({"template_id": TEMPLATE}), vec![Say::ok(template())]),
        Vector::new("get_template", json!({"template_id": "t/1 ü"}), vec![Say::ok(template())]),
        Vector::new("get_contract", id(), vec![Say::ok(contract("FULLY_signed"))]),
        Vector::new("update_contract", update, vec![draft(), draft()]),
        Vector::new("delete_contract", id(), vec![ok()]),
        Vector::new("delete_contract", id(), vec![Say::with(204, "", b"")]),
        Vector::new("download_pdf", id(), vec![Say::with(200, header, PDF)]),
        Vector::new("sign", sign, vec![ok()]),
        Vector::new("send_for_signing", send, vec![approved(), ok()]),
        Vector::new("send_to_signer", to_one, vec![approved(), ok()]),
        Vector::new("await_approved", id(), vec![approved()]),
        Vector::new("await_fully_signed", id(), vec![Say::ok(contract("fully signed"))]),
        Vector::new("await_fully_signed", id(), vec![Say::ok(contract("rejected"))]),
    ];
    lists().into_iter().chain(creates()).chain(others).collect()
}
