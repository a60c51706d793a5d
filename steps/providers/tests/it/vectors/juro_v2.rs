//! Juro, API v2: the samples of the vendor's documents.

use super::{PDF, Vector};
use crate::support::Say;
use serde_json::{Value, json};

const CONTRACT: &str = "5b32a2dfbd38141b280b1f8e";
const TEMPLATE: &str = "5b328144e5cd2a0958b488a8";
const NAME: &str = "1530036548211_2cc498d4c72e442a81d0caeb709bbec3";
const CHOICE: &str = "1530037019988_3505bc35a96e4657a12a7cbecf304d9d";
const QUESTION: &str = "1530036548214_4e68c738a2dd45e984655bfc8f90cf88";
const TABLE: &str = "1530036573718_d2f6ee8fbd5d4476b10274abbd15c395";
const BLOCK: &str = "1530036577112_64154a741eba4b5e9cb054254f12d5ff";

/// The owner's signature of the documents, which is smaller than they ask for.
pub(super) const SIGNATURE: &str = "iVBORw0KGgoAAAANSUhEUgAAAGYAAAAdCAIAAADXWI43AAAAAXNSR0IArs4c6QAAAARnQU1BAACxjwv8YQUAAAAJcEhZcwAAEnQAABJ0Ad5mH3gAAAFISURBVGhD7ZnRDYMgEIaxT46gb7qdmziGbqEjuUVLvWtDRQzIHTTAl7RapD39+QKximd+LMvSdZ1QGIYBj1lQyRd+Lxvatt22DT+ItzS4Z8cDt6mzrmvf99WOmpf0C/esycWyg1nAvWtP2TKTWcANv4CULSM0SyVNy8AvQrNU0rTMc028Jh3LCNfEa9KxjGnm0qG07DvO8n2eZ2zlh3XmOkGOAxWHuxBANk7ThD14aJoGi+1gKxuUBcZxxLP+pa5r7EGHfp8ISLOwBxv0Y2IKTkJo3MEsAI8xw1tG+oVX88HHOJNZQAC/AN7ITo277VpEs1TClVSNc3Ut4sylEy4ynzku8Jp4Tejy+uwGmLzz/AeVg9CRXbhmA/5KVOKfhMk7neh+AfEjs/HuT8ICcnxc4kkuj0sIKZE5UyJzpkTmTInMmRKZI0K8ACrnnbIVcC8uAAAAAElFTkSuQmCC";

fn rows() -> Value {
    json!([[{"value": "first header"}, {"value": "second header"}, {"value": "third header"}]])
}

fn contract(status: &str) -> Value {
    json!({"contract": {
        "id": CONTRACT,
        "contractPreviewUrl": "http://localhost:3000/pdf/934d9046b549a8b2ce7da630dcb2424a",
        "contractUserUrl": format!("http://localhost:3000/sign/{CONTRACT}"),
        "createdDate": "2018-06-26T20:32:31.426Z",
        "pdfDownloadUrl": null,
        "state": {"isSigned": {"owner": "not_signed", "counterparty": "not_signed"}},
        "status": status,
        "statusFormatted": "Draft",
        "updatedDate": "2018-06-26T20:32:32.494Z",
        "fields": [{"uid": NAME, "value": "Pichael Mennington"}, {"uid": CHOICE, "value": "Yes"}],
        "blocks": [
            {"uid": TABLE, "type": "table", "rows": rows()},
            {
                "counterpartySignaturesCaption": "Counterparty block upper caption",
                "type": "signature",
                "uid": BLOCK,
                "userSignaturesCaption": "User block upper caption",
                "counterpartySignatures": [{
                    "lowerText": "Counterparty signature lower text",
                    "upperText": "Counterparty signature upper text",
                    "uid": "5b328177e5cd2a0958b488fc",
                    "email": "pichael@mennington.example",
                    "name": "Pichael Mennington",
                    "signingUrl": "http://localhost:3000/counterparty/sign/7710938ceae078446aa77d0785cb8303",
                }],
                "userSignatures": [{
                    "lowerText": "User signature lower text",
                    "upperText": "User signature upper text",
                    "uid": "5b328177e5cd2a0958b488fb",
                    "username": "olive@juro.example",
                }],
            },
        ],
    }})
}

fn template() -> Value {
    json!({"template": {
        "id": TEMPLATE,
        "createdDate": "2018-06-26T18:09:08.216Z",
        "name": "api documentation",
        "status": "published",
        "updatedDate": "2018-06-26T18:17:35.916Z",
        "blocks": [{"uid": TABLE, "type": "table", "rows": rows()}],
        "fields": [
            {"uid": NAME, "type": "text", "title": "Counterparty Legal Name"},
            {"uid": CHOICE, "type": "choice", "title": "Yes or no?", "choices": [{"value": "Yes"}, {"value": "No"}]},
        ],
        "questions": [
            {
                "uid": "1530036548215_44faed190f3c4bb4b191f48af588073e",
                "isCounterpartyQuestion": true,
                "isRequired": true,
                "isUserQuestion": false,
                "text": "This is to help us verify your identity and for security reasons",
                "title": "For access, please confirm your name",
            },
            {
                "uid": QUESTION,
                "fieldUid": NAME,
                "isCounterpartyQuestion": false,
                "isRequired": true,
                "isUserQuestion": true,
                "title": "What is the legal name of the other party?",
            },
        ],
    }})
}

pub(super) fn vectors() -> Vec<Vector> {
    let id = || json!({"contract_id": CONTRACT});
    let ok = || vec![Say::ok(json!({"message": "ok"}))];
    let templates = json!({"templates": [{
        "id": "5b30f658715eac2b48fff80b",
        "createdDate": "2018-06-25T14:04:08.804Z",
        "name": "api documentation",
        "status": "published",
        "updatedDate": "2018-06-25T14:20:39.564Z",
    }]});
    let create = json!({
        "template_id": TEMPLATE,
        "answers": {"What is the legal name of the other party?": "Pichael Mennington"},
    });
    let by_uid = json!({"template_id": TEMPLATE, "answers": {QUESTION: "Pichael Mennington"}});
    let update = json!({
        "contract_id": CONTRACT,
        "template_id": TEMPLATE,
        "fields": {"Counterparty Legal Name": "Pichael Mennington"},
        "blocks": [
            {"uid": TABLE, "type": "table", "rows": [[{"value": "1st header"}, {"value": "2nd header"}, {"value": "3rd header"}]]},
            {
                "counterpartySignaturesCaption": "Counterparty upper caption",
                "type": "signature",
                "uid": BLOCK,
                "userSignaturesCaption": "User upper caption",
                "counterpartySignatures": [{
                    "lowerText": "Counterparty lower text",
                    "upperText": "Counterparty upper text",
                    "uid": "5b328177e5cd2a0958b488fc",
                    "email": "pichael@mennington.example",
                }],
                "userSignatures": [{
                    "lowerText": "User lower text",
                    "upperText": "User upper text",
                    "uid": "5b328177e5cd2a0958b488fb",
                    "username": "olive@juro.example",
                }],
            },
        ],
    });
    let send = json!({"contract_id": CONTRACT, "message": "We have best contracts, you should sign them!"});
    let approval = json!({
        "contract_id": CONTRACT,
        "message": "We have best contracts, you should approve them!",
        "approvers": [{"username": "lena@juro.example"}, {"email": "omar@legal.example"}],
    });
    let sign = json!({"contract_id": CONTRACT, "signature_base64": SIGNATURE});
    let header = "content-disposition: attachment; filename=\"Pichael Mennington + Juro contract.pdf\"\r\n\
        content-type: application/pdf\r\n";
    let made = || Say::ok(contract("draft"));
    vec![
        Vector::new("health", json!({}), ok()),
        Vector::new("list_templates", json!({}), vec![Say::ok(templates)]),
        Vector::new("get_template", json!({"template_id": TEMPLATE}), vec![Say::ok(template())]),
        Vector::new("create_contract", create, vec![Say::ok(template()), made()]),
        Vector::new("create_contract", by_uid, vec![Say::ok(template()), made()]),
        Vector::new("get_contract", id(), vec![made()]),
        Vector::new("update_contract", update, vec![Say::ok(template()), made()]),
        Vector::new("delete_contract", id(), ok()),
        Vector::new("sign", sign, ok()),
        Vector::new("send_for_signing", send, ok()),
        Vector::new("download_pdf", id(), vec![Say::with(200, header, PDF)]),
        Vector::new("request_approval", approval, ok()),
        Vector::new("cancel_approval", id(), ok()),
        Vector::new("await_approved", id(), vec![Say::ok(contract("approved"))]),
        Vector::new("await_fully_signed", id(), vec![Say::ok(contract("fully_signed"))]),
        Vector::new("await_fully_signed", id(), vec![Say::ok(contract("rejected"))]),
    ]
}
