//! Contract Signatures: the examples of the vendor's page, put together.

use super::Vector;
use crate::support::Say;
use serde_json::{Value, json};

const ID: &str = "15f5b906-1076-4539-a9ac-0be80bdef973";
const SHA3: &str = "a69f73cca23a9ac5c8b567dc185a756e97c982164fe25859e0d1dcc1475c80a615b2123af1f5f94c11e3e9402c3ac558f500199d95b6d3e301758586281dcd26";

fn contract(status: &str) -> Value {
    let mut contract = listed(status);
    contract["signers"] = json!([
        {
            "fullName": "Janie Doe",
            "accessKind": "email",
            "email": "janie.doe@hotmail.com",
            "phone": "+33639987654",
            "decision": "signed",
            "decisionTimestamp": "2022-09-16T13:36:34.971644Z",
            "decisionIp": "198.51.100.123",
        },
        {
            "fullName": "Person A",
            "accessKind": "url",
            "accessUrl": "https://contract-signatures.com/sign/6a39cfb4-0cf8-4adf-a0fd-8a20052562eb/NDA?s=YouXiRodTgCZKHgJ5H3DkfkL6akHcDH3wnHEH9ZHR46C&no-otp&mode=sign&active=Person%20A",
        },
    ]);
    contract
}

fn listed(status: &str) -> Value {
    let attachment =
        |id: &str| json!({"id": id, "version": 1, "creationTimestamp": "2022-09-16T13:36:34.971644Z", "sha3": SHA3});
    json!({
        "id": ID,
        "templateId": "654321",
        "collectionId": "123456",
        "name": "NDA",
        "createdById": "123456:b84aeffd-32e5-4b4b-a012-89bf06cae06e",
        "creationTimestamp": "2022-09-16T13:28:37.4951Z",
        "expirationTimestamp": "2022-09-23T13:28:37.4951Z",
        "sequentialSigning": false,
        "status": status,
        "finalizedPdf": attachment("att87654321"),
        "certificatePdf": attachment("att87654322"),
    })
}

pub(super) fn vectors() -> Vec<Vector> {
    let id = || json!({"contract_id": ID});
    let create = json!({
        "template_id": "1234567",
        "name": "NDA",
        "sequential_signing": true,
        "signers": [
            {"full_name": "Richard Roe", "access_kind": "email", "email": "richard.roe@company.com", "phone": "+49 172-9973185"},
            {"full_name": "Jane Doe", "access_kind": "url", "receives_completed_contract": false},
        ],
    });
    let mut watched = create.clone();
    watched["watchers"] = json!([{"name": "Richard Roe", "email": "richard.roe@company.com", "notification_kinds": ["signed", "completed-contract"]}]);
    let search = json!({
        "template_id": "1234567",
        "statuses": ["rejected", "signed", "expired"],
        "substring": "Ä & B",
        "created_from": "2022-10-01",
        "created_to": "2022-10-31",
        "time_zone": "UTC+01:00",
    });
    let none = || vec![Say::ok(json!({"totalCount": 0}))];
    let page = || Say::ok(json!({"totalCount": 1, "contracts": [listed("signed")]}));
    let hydrated = json!({"since": "2022-09-16T00:00:00Z", "statuses": ["sent", "ongoing"], "hydrate": true});
    vec![
        Vector::new("get_contract", id(), vec![Say::ok(contract("signed"))]),
        Vector::new("search_contracts", search, vec![page()]),
        Vector::new("search_contracts", json!({"created_from": "2022-10-01"}), none()),
        Vector::new("search_contracts", json!({"created_to": "2022-10-31", "limit": 1}), none()),
        Vector::new("sync_contracts", json!({"since": "2022-09-16T00:00:00Z"}), vec![page()]),
        Vector::new("sync_contracts", hydrated, vec![page(), Say::ok(contract("ongoing"))]),
        Vector::new("create_contract", create, vec![Say::Json(201, contract("sent"))]),
        Vector::new("create_contract", watched, vec![Say::Json(201, contract("sent"))]),
        Vector::new("archive_contract", id(), vec![Say::with(204, "", b"")]),
        Vector::new("delete_contract", id(), vec![Say::with(204, "", b"")]),
        Vector::new("delete_contract", id(), vec![Say::with(404, "", b"")]),
        Vector::new("await_signed", id(), vec![Say::ok(contract("signed"))]),
        Vector::new("await_signed", id(), vec![Say::ok(contract("expired"))]),
    ]
}
