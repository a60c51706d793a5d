//! The types of events that providers send: how each is acknowledged, which wait it wakes, and how that wait ends. Data only; what
//! is done with them is in the module above.

/// A type of event, and what it does.
pub(super) struct Row {
    pub(super) provider: &'static str,
    pub(super) kind: &'static str,
    /// How its delivery is acknowledged.
    pub(super) status: u16,
    /// The wait that it wakes. Every type is about a contract, and wakes whatever waits for that contract, so that each has one.
    pub(super) wakes: Wakes,
    /// The type that tells of the end of that wait: it comes first when deliveries are out of order.
    pub(super) later: &'static str,
    /// Whether two deliveries of this type about one contract are one event even if two things have happened.
    pub(super) always_the_same: bool,
}

/// A wait, and how it ends.
#[derive(Clone, Copy)]
pub(super) struct Wakes {
    pub(super) uses: &'static str,
    /// Steps before it, the contract's creation first.
    pub(super) steps: &'static [&'static str],
    /// More of its inputs.
    pub(super) with: &'static str,
    /// What people do at the provider, by the sandbox's control endpoints, and so end it.
    pub(super) people: &'static [(&'static str, &'static str)],
    pub(super) outcome: &'static str,
}

const JURO_SIGNED: Wakes = Wakes {
    uses: "juro/await_fully_signed",
    steps: &[JURO, JURO_SEND],
    with: "",
    people: &[("contracts/{}/sign", "{}")],
    outcome: "fully_signed",
};
const JURO_APPROVED: Wakes = Wakes {
    uses: "juro/await_approved",
    steps: &[JURO],
    with: "",
    people: &[("contracts/{}/request_approval", "{}"), ("contracts/{}/approve", "{}")],
    outcome: "approved",
};
const JURO_REJECTED: Wakes = Wakes {
    people: &[("contracts/{}/request_approval", "{}"), ("contracts/{}/reject", "{}")],
    outcome: "rejected",
    ..JURO_APPROVED
};
const V2_SIGNED: Wakes = Wakes { uses: "juro_v2/await_fully_signed", steps: &[V2, V2_SEND], ..JURO_SIGNED };
const V2_APPROVED: Wakes = Wakes { uses: "juro_v2/await_approved", steps: &[V2], ..JURO_APPROVED };
const V2_REJECTED: Wakes = Wakes { uses: "juro_v2/await_approved", steps: &[V2], ..JURO_REJECTED };
const COMPLETED: Wakes = Wakes {
    uses: "docjuris/await_turn",
    steps: &[DOCJURIS],
    with: ", until: [completed]",
    people: &[("docjuris/contracts/{}/complete", r#"{"changes":1}"#)],
    outcome: "completed",
};
const TAGGED: Wakes = Wakes {
    with: ", until: [tagged]",
    people: &[("docjuris/contracts/{}/tag", r#"{"tags":["ImportedIsExecutionCopy"]}"#)],
    outcome: "tagged",
    ..COMPLETED
};
const CREATED: Wakes = Wakes {
    with: ", until: [created], after_turn_id: \"{{ steps.create.outputs.turn_id }}\"",
    people: &[("docjuris/contracts/{}/upload", r#"{"text":"Rather so."}"#)],
    outcome: "created",
    ..COMPLETED
};
const MENTION: Wakes = Wakes {
    steps: &[DOCJURIS, DOCJURIS_SUBSCRIBE],
    with: ", until: [mention], subscription_id: \"{{ steps.subscribe.outputs.subscription_id }}\"",
    people: &[("docjuris/contracts/{}/mention", r#"{"text":"@lena please look"}"#)],
    outcome: "mention",
    ..COMPLETED
};
const COLLECTED: Wakes = Wakes {
    uses: "contract_signatures/await_signed",
    steps: &[SIGNATURES],
    with: "",
    people: &[("contract_signatures/contracts/{}/sign", "{}")],
    outcome: "signed",
};
const PAPER_SIGNED: Wakes = Wakes {
    uses: "paperlex/await_signed",
    steps: &[PAPERLEX, PAPERLEX_SIGNER, PAPERLEX_SESSION],
    with: "",
    people: &[("paperlex/contracts/{}/sign", "{}")],
    outcome: "signed",
};

const fn row(provider: &'static str, kind: &'static str, status: u16, wakes: Wakes, later: &'static str) -> Row {
    Row { provider, kind, status, wakes, later, always_the_same: false }
}

/// One row for each type of event.
pub(super) const ROWS: &[Row] = &[
    row("juro", "contract.created", 200, JURO_SIGNED, "contract.signed"),
    row("juro", "contract.deleted", 200, JURO_SIGNED, "contract.signed"),
    row("juro", "contract.edit", 200, JURO_SIGNED, "contract.signed"),
    row("juro", "contract.commented", 200, JURO_SIGNED, "contract.signed"),
    row("juro", "contract.comment.deleted", 200, JURO_SIGNED, "contract.signed"),
    row("juro", "contract.viewed", 200, JURO_SIGNED, "contract.signed"),
    row("juro", "contract.pdf_generated", 200, JURO_SIGNED, "contract.signed"),
    row("juro", "contract.sent_link_to_counterparty", 200, JURO_SIGNED, "contract.signed"),
    row("juro", "contract.signed", 200, JURO_SIGNED, "contract.pdf_generated"),
    row("juro", "contract.approval_requested", 200, JURO_APPROVED, "contract.approval_process_finished"),
    row("juro", "contract.approval_in_progress", 200, JURO_APPROVED, "contract.approval_process_finished"),
    row("juro", "contract.approval_process_finished", 200, JURO_APPROVED, "contract.approval_process_finished"),
    row("juro", "contract.approval_denied", 200, JURO_REJECTED, "contract.approval_denied"),
    row("juro", "contract.approval_request_cancelled", 200, JURO_APPROVED, "contract.approval_process_finished"),
    row("juro_v2", "contract.created", 200, V2_SIGNED, "contract.signed"),
    row("juro_v2", "contract.deleted", 200, V2_SIGNED, "contract.signed"),
    row("juro_v2", "contract.edit", 200, V2_SIGNED, "contract.signed"),
    row("juro_v2", "contract.commented", 200, V2_SIGNED, "contract.signed"),
    row("juro_v2", "contract.comment.deleted", 200, V2_SIGNED, "contract.signed"),
    row("juro_v2", "contract.viewed", 200, V2_SIGNED, "contract.signed"),
    row("juro_v2", "contract.pdf_generated", 200, V2_SIGNED, "contract.signed"),
    row("juro_v2", "contract.sent_link_to_counterparty", 200, V2_SIGNED, "contract.signed"),
    row("juro_v2", "contract.signed", 200, V2_SIGNED, "contract.pdf_generated"),
    row("juro_v2", "contract.approval_requested", 200, V2_APPROVED, "contract.approval_process_finished"),
    row("juro_v2", "contract.approval_in_progress", 200, V2_APPROVED, "contract.approval_process_finished"),
    row("juro_v2", "contract.approval_process_finished", 200, V2_APPROVED, "contract.approval_process_finished"),
    row("juro_v2", "contract.approval_denied", 200, V2_REJECTED, "contract.approval_denied"),
    row("juro_v2", "contract.approval_request_cancelled", 200, V2_APPROVED, "contract.approval_process_finished"),
    row("docjuris", "turnCompleted", 200, COMPLETED, "turnCompleted"),
    row("docjuris", "turnTagged", 200, TAGGED, "turnTagged"),
    row("docjuris", "turnCreated", 200, CREATED, "turnCompleted"),
    row("docjuris", "turnMention", 200, MENTION, "turnCompleted"),
    row("contract_signatures", "creation", 202, COLLECTED, "completion"),
    row("contract_signatures", "signature", 202, COLLECTED, "completion"),
    row("contract_signatures", "completion", 202, COLLECTED, "completion"),
    row("paperlex", "signature", 200, PAPER_SIGNED, "signature"),
    // It has no id, so that its second delivery is taken for a repetition of the first.
    Row { always_the_same: true, ..row("paperlex", "contract.slaw_updated", 200, PAPER_SIGNED, "signature") },
];

const JURO: &str = r#"
  create:
    uses: juro/create_contract
    with: { template_id: mutual-nda, name: "NDA [{{ run.id }}]", fields: { "Counterparty Legal Name": Acme, "Counterparty Email": anna@acme.example } }"#;
const JURO_SEND: &str = r#"
  send:
    uses: juro/send_for_signing
    with: { contract_id: "{{ steps.create.outputs.contract_id }}", message: "Please sign." }"#;
const V2: &str = r#"
  create:
    uses: juro_v2/create_contract
    with: { template_id: mutual-nda, fields: { "Counterparty Legal Name": Acme, "Counterparty Email": anna@acme.example } }"#;
const V2_SEND: &str = r#"
  send:
    uses: juro_v2/send_for_signing
    with: { contract_id: "{{ steps.create.outputs.contract_id }}", message: "Please sign." }"#;
const DOCJURIS: &str = r#"
  draft: { uses: http, with: { method: GET, url: "DRAFT" } }
  create:
    uses: docjuris/create_contract
    with: { contract_type: MSA, counterparty: Acme, file: "{{ steps.draft.outputs.file }}" }"#;
const DOCJURIS_SUBSCRIBE: &str = r#"
  subscribe:
    uses: docjuris/create_subscription
    with: { type: turnMention, url: "HOOK" }"#;
const SIGNATURES: &str = r#"
  create:
    uses: contract_signatures/create_contract
    with:
      name: "NDA [{{ run.id }}]"
      template_id: "1234567"
      signers: [{ full_name: Anna Archer, email: anna@acme.example, access_kind: email }]"#;
const PAPERLEX: &str = r#"
  create:
    uses: paperlex/create_contract
    with: { subject: "NDA [{{ run.id }}]", slaw_id: 5d21c0de4a7be901, number_of_signers: 1 }"#;
const PAPERLEX_SIGNER: &str = r#"
  signer:
    uses: paperlex/add_signer
    with: { contract_id: "{{ steps.create.outputs.contract_id }}", email: anna@acme.example }"#;
const PAPERLEX_SESSION: &str = r#"
  session:
    uses: paperlex/create_review_session
    needs: [signer]
    with: { contract_id: "{{ steps.create.outputs.contract_id }}", email: anna@acme.example, expires_in: 86400 }"#;
