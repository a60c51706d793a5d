//! The seeded templates. They are data and never change: no API of Juro can create or edit a template.
//!
//! `mutual-nda` can be created with a name alone; `order-form` has a required question, a choice and a table, so that each
//! refusal of a create can be met.

/// The kinds of field the seeds use, of the seven Juro knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldKind {
    Text,
    Number,
    Calendar,
    Choice,
}

impl FieldKind {
    /// The `type` of a field on the wire.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "number",
            Self::Calendar => "calendar",
            Self::Choice => "choice",
        }
    }
}

/// A smart field.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) uid: &'static str,
    pub(super) title: &'static str,
    pub(super) kind: FieldKind,
    /// Allowed values; empty unless the kind is a choice. A new contract starts with the first.
    pub(super) choices: &'static [&'static str],
}

/// A question of the Q&A; the answer fills the field.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) uid: &'static str,
    pub(super) field_uid: Option<&'static str>,
    /// Who is asked.
    pub(super) side_uids: &'static [&'static str],
    pub(super) required: bool,
    pub(super) title: &'static str,
    pub(super) text: Option<&'static str>,
}

/// A party to the contract.
#[derive(Debug)]
pub(super) struct Side {
    pub(super) uid: &'static str,
    pub(super) name: &'static str,
    /// The side of the account that the API key belongs to.
    pub(super) is_owner: bool,
    /// The caption above the signatures (v2).
    pub(super) caption: &'static str,
    pub(super) signatures: &'static [Signature],
}

/// A place for one signature.
#[derive(Debug)]
pub(super) struct Signature {
    pub(super) uid: &'static str,
    pub(super) upper_text: &'static str,
    pub(super) lower_text: &'static str,
}

/// A table in the body: a grid without headers.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) uid: &'static str,
    pub(super) rows: &'static [&'static [&'static str]],
}

/// A template.
#[derive(Debug)]
pub(super) struct Template {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    /// The uid of the block that holds all signatures (v2).
    pub(super) signature_block_uid: &'static str,
    pub(super) fields: &'static [Field],
    pub(super) questions: &'static [Question],
    pub(super) sides: &'static [Side],
    pub(super) tables: &'static [Table],
}

impl Template {
    pub(super) fn field(&self, uid: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.uid == uid)
    }

    pub(super) fn question(&self, uid: &str) -> Option<&'static Question> {
        self.questions.iter().find(|question| question.uid == uid)
    }

    pub(super) fn table(&self, uid: &str) -> Option<&'static Table> {
        self.tables.iter().find(|table| table.uid == uid)
    }

    pub(super) fn side(&self, uid: &str) -> Option<&'static Side> {
        self.sides.iter().find(|side| side.uid == uid)
    }

    /// The side that a signature belongs to.
    pub(super) fn side_of(&self, signature_uid: &str) -> Option<&'static Side> {
        self.sides.iter().find(|side| side.signatures.iter().any(|signature| signature.uid == signature_uid))
    }

    /// Whether the owner's people are asked this question.
    pub(super) fn asks_owner(&self, question: &Question) -> bool {
        self.sides.iter().any(|side| side.is_owner && question.side_uids.contains(&side.uid))
    }

    /// Whether the counterparty's people are asked this question.
    pub(super) fn asks_counterparty(&self, question: &Question) -> bool {
        self.sides.iter().any(|side| !side.is_owner && question.side_uids.contains(&side.uid))
    }
}

/// The template of that id.
pub(super) fn find(id: &str) -> Option<&'static Template> {
    TEMPLATES.iter().find(|template| template.id == id)
}

/// What an uploaded contract has instead of a template: nothing. It is not listed, and cannot be asked for.
pub(super) static UPLOADED: Template = Template {
    id: "",
    name: "Uploaded contract",
    signature_block_uid: "uploaded-signatures",
    fields: &[],
    questions: &[],
    sides: &[],
    tables: &[],
};

/// All seeds, in the order they are listed.
pub(super) static TEMPLATES: [Template; 2] = [MUTUAL_NDA, ORDER_FORM];

/// When the seeds were made and last changed, as it is shown.
pub(super) const SEEDED: &str = "2026-01-05T09:00:00.000Z";

const MUTUAL_NDA: Template = Template {
    id: "mutual-nda",
    name: "Mutual NDA",
    signature_block_uid: "nda-block-signatures",
    fields: &[
        text_field("nda-field-legal-name", "Counterparty Legal Name"),
        text_field("nda-field-email", "Counterparty Email"),
        Field { uid: "nda-field-term", title: "Term", kind: FieldKind::Number, choices: &[] },
        Field { uid: "nda-field-effective-date", title: "Effective Date", kind: FieldKind::Calendar, choices: &[] },
    ],
    questions: &[
        Question {
            uid: "nda-question-legal-name",
            field_uid: Some("nda-field-legal-name"),
            side_uids: &["nda-side-us"],
            required: false,
            title: "What is the legal name of the other party?",
            text: None,
        },
        Question {
            uid: "nda-question-email",
            field_uid: Some("nda-field-email"),
            side_uids: &["nda-side-us"],
            required: false,
            title: "What is the e-mail address of the other party?",
            text: None,
        },
        Question {
            uid: "nda-question-term",
            field_uid: Some("nda-field-term"),
            side_uids: &["nda-side-us"],
            required: false,
            title: "For how many months does it run?",
            text: None,
        },
        Question {
            uid: "nda-question-effective-date",
            field_uid: Some("nda-field-effective-date"),
            side_uids: &["nda-side-us"],
            required: false,
            title: "From which day on?",
            text: None,
        },
        Question {
            uid: "nda-question-signatory-name",
            field_uid: None,
            side_uids: &["nda-side-counterparty"],
            required: true,
            title: "For access, please confirm your name",
            text: Some("The signing page asks for it."),
        },
    ],
    sides: &[
        Side {
            uid: "nda-side-us",
            name: "Us",
            is_owner: true,
            caption: "For us",
            signatures: &[Signature {
                uid: "nda-signature-us",
                upper_text: "Signed by",
                lower_text: "Authorised signatory",
            }],
        },
        Side {
            uid: "nda-side-counterparty",
            name: "Counterparty",
            is_owner: false,
            caption: "For the counterparty",
            signatures: &[Signature {
                uid: "nda-signature-counterparty",
                upper_text: "Signed by",
                lower_text: "Authorised signatory",
            }],
        },
    ],
    tables: &[],
};

const ORDER_FORM: Template = Template {
    id: "order-form",
    name: "Order Form",
    signature_block_uid: "order-block-signatures",
    fields: &[
        text_field("order-field-customer", "Customer Legal Name"),
        Field {
            uid: "order-field-billing",
            title: "Billing Period",
            kind: FieldKind::Choice,
            choices: &["Monthly", "Yearly"],
        },
        Field { uid: "order-field-seats", title: "Seats", kind: FieldKind::Number, choices: &[] },
    ],
    questions: &[
        Question {
            uid: "order-question-customer",
            field_uid: Some("order-field-customer"),
            side_uids: &["order-side-us"],
            required: true,
            title: "What is the legal name of the customer?",
            text: None,
        },
        Question {
            uid: "order-question-billing",
            field_uid: Some("order-field-billing"),
            side_uids: &["order-side-us"],
            required: false,
            title: "How is it billed?",
            text: None,
        },
    ],
    sides: &[
        Side {
            uid: "order-side-us",
            name: "Us",
            is_owner: true,
            caption: "For the supplier",
            signatures: &[Signature { uid: "order-signature-us", upper_text: "Signed by", lower_text: "Sales" }],
        },
        Side {
            uid: "order-side-counterparty",
            name: "Counterparty",
            is_owner: false,
            caption: "For the customer",
            signatures: &[
                Signature { uid: "order-signature-buyer", upper_text: "Signed by", lower_text: "Buyer" },
                Signature { uid: "order-signature-finance", upper_text: "Signed by", lower_text: "Finance" },
            ],
        },
    ],
    tables: &[Table { uid: "order-table-items", rows: &[&["Item", "Quantity", "Price"], &["Platform", "1", "1,000"]] }],
};

const fn text_field(uid: &'static str, title: &'static str) -> Field {
    Field { uid, title, kind: FieldKind::Text, choices: &[] }
}
