//! What may happen to a contract in which state, and what it is called when it did.
//!
//! Each method checks everything first and then changes everything, and returns the events that Juro would send. None of
//! them knows HTTP bodies, time sources or webhooks.
//!
//! ## The sandbox's reading
//!
//! - Fully signed: every signature of every counterparty side is there, and the owner's side is complete if any of its
//!   signatures was asked for or placed. So an owner who never takes part is not waited for, and an owner who signs first
//!   does not finish the contract alone.
//! - The status is the last action (v2 says so), so a send after our own signature reads "sent for signing".
//! - An edit of an approved contract asks the same approvers again; an edit of a rejected one makes it a draft. An edit
//!   after the send, while nobody has signed, changes nothing but the content.
//! - A signer who declines rejects the contract. Juro names no event for it, so `contract.edit` is sent.

use jiff::Timestamp;

use super::change::Change;
use super::state::{Approver, Contract, Signed, Status, Verdict};
use crate::wire::Problem;

/// The documented event types that the sandbox can cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EventType {
    Created,
    Deleted,
    Edit,
    PdfGenerated,
    SentLinkToCounterparty,
    Signed,
    ApprovalRequested,
    ApprovalInProgress,
    ApprovalProcessFinished,
    ApprovalDenied,
    ApprovalRequestCancelled,
}

impl EventType {
    /// The `event.type` on the wire.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Created => "contract.created",
            Self::Deleted => "contract.deleted",
            Self::Edit => "contract.edit",
            Self::PdfGenerated => "contract.pdf_generated",
            Self::SentLinkToCounterparty => "contract.sent_link_to_counterparty",
            Self::Signed => "contract.signed",
            Self::ApprovalRequested => "contract.approval_requested",
            Self::ApprovalInProgress => "contract.approval_in_progress",
            Self::ApprovalProcessFinished => "contract.approval_process_finished",
            Self::ApprovalDenied => "contract.approval_denied",
            Self::ApprovalRequestCancelled => "contract.approval_request_cancelled",
        }
    }
}

/// Every event name that a webhook may be registered for, whether the sandbox causes it or not (the union of the help page
/// and the client author's transcription).
pub(super) const EVENT_NAMES: [&str; 14] = [
    "contract.created",
    "contract.deleted",
    "contract.edit",
    "contract.commented",
    "contract.comment.deleted",
    "contract.viewed",
    "contract.pdf_generated",
    "contract.sent_link_to_counterparty",
    "contract.signed",
    "contract.approval_requested",
    "contract.approval_in_progress",
    "contract.approval_process_finished",
    "contract.approval_denied",
    "contract.approval_request_cancelled",
];

/// Who is asked to sign.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ask<'a> {
    /// Everyone of one side (v3).
    Side(&'a str),
    /// One person of one side (v3).
    Signature { side: &'a str, signature: &'a str },
    /// Everyone who is not of the owner's side (v2).
    Counterparties,
}

type Happened = Result<Vec<EventType>, Problem>;

impl Contract {
    /// Changes content, which nobody may do once anyone has signed.
    pub(super) fn edit(&mut self, change: Change) -> Happened {
        change.check(self.template)?;
        if self.is_signed_by_anyone() || self.status == Status::FullySigned {
            return Err(Problem::state("the contract has a signature: its content can no longer change"));
        }
        change.apply(self);
        Ok(match self.status {
            Status::Approved => {
                self.reopen_approval();
                vec![EventType::Edit, EventType::ApprovalRequested]
            }
            Status::SentForApproval => {
                self.reopen_approval();
                vec![EventType::Edit]
            }
            Status::Rejected => {
                self.status = Status::Draft;
                self.approvers.clear();
                for signature in self.sides.iter_mut().flat_map(|side| side.signatures.iter_mut()) {
                    signature.asked = false;
                }
                vec![EventType::Edit]
            }
            Status::Draft
            | Status::SentForSigning
            | Status::SignedByUs
            | Status::SignedByThem
            | Status::FullySigned
            | Status::Uploaded => vec![EventType::Edit],
        })
    }

    fn reopen_approval(&mut self) {
        self.status = Status::SentForApproval;
        for approver in &mut self.approvers {
            approver.verdict = Verdict::Waiting;
        }
    }

    /// Whether it may be deleted: a fully signed contract is immutable.
    pub(super) fn check_deletable(&self) -> Result<(), Problem> {
        match self.status {
            Status::FullySigned => Err(Problem::state("the contract is fully signed: it cannot be deleted")),
            _ => Ok(()),
        }
    }

    /// Whether signing is possible at all: 403 while an approval is pending, 412 when it is over.
    fn check_signable(&self) -> Result<(), Problem> {
        match self.status {
            Status::SentForApproval => Err(Problem::not_now()),
            Status::FullySigned => Err(Problem::state("the contract is fully signed")),
            Status::Uploaded => Err(Problem::state("the contract was uploaded: it cannot be signed here")),
            Status::Rejected => Err(Problem::state("the contract was rejected: change it before it is sent again")),
            Status::Draft | Status::Approved | Status::SentForSigning | Status::SignedByUs | Status::SignedByThem => {
                Ok(())
            }
        }
    }

    /// Sends the contract for signing. 412 when everyone it would reach was asked already.
    pub(super) fn send(&mut self, ask: Ask<'_>) -> Happened {
        match ask {
            Ask::Side(side) | Ask::Signature { side, .. } if !self.sides.iter().any(|known| known.seed.uid == side) => {
                return Err(Problem::missing("Signing side", side));
            }
            Ask::Signature { side, signature }
                if self.signature(signature).is_none_or(|(owner, _)| owner.seed.uid != side) =>
            {
                return Err(Problem::missing("Signature", signature));
            }
            Ask::Side(_) | Ask::Signature { .. } | Ask::Counterparties => {}
        }
        self.check_signable()?;
        let mut reached = 0_usize;
        for side in &mut self.sides {
            let whole_side = match ask {
                Ask::Side(uid) | Ask::Signature { side: uid, .. } => side.seed.uid == uid,
                Ask::Counterparties => !side.seed.is_owner,
            };
            for signature in side.signatures.iter_mut().filter(|_| whole_side) {
                let chosen = match ask {
                    Ask::Signature { signature: uid, .. } => signature.seed.uid == uid,
                    Ask::Side(_) | Ask::Counterparties => true,
                };
                if chosen && !signature.asked && signature.signed.is_none() {
                    signature.asked = true;
                    reached += 1;
                }
            }
        }
        if reached == 0 {
            return Err(Problem::state("the contract was already sent for signing to these people"));
        }
        self.status = Status::SentForSigning;
        Ok(vec![EventType::SentLinkToCounterparty])
    }

    /// Places one signature.
    pub(super) fn sign(&mut self, signature_uid: &str, name: &str, at: Timestamp) -> Happened {
        if self.signature(signature_uid).is_none() {
            return Err(Problem::missing("Signature", signature_uid));
        }
        self.check_signable()?;
        let ours = self.template.side_of(signature_uid).is_some_and(|side| side.is_owner);
        if let Some(signature) = self.signature_mut(signature_uid) {
            if signature.signed.is_some() {
                return Err(Problem::state("this signature is already there"));
            }
            signature.signed = Some(Signed { name: name.to_owned(), at });
        }
        if self.is_complete() {
            self.status = Status::FullySigned;
            return Ok(vec![EventType::Signed, EventType::PdfGenerated]);
        }
        self.status = if ours { Status::SignedByUs } else { Status::SignedByThem };
        Ok(vec![EventType::Signed])
    }

    /// Whether everyone who counts has signed; see the module's reading.
    fn is_complete(&self) -> bool {
        self.sides.iter().all(|side| side.is_signed() || (side.seed.is_owner && !side.takes_part()))
    }

    /// Whether the person behind a signature may act on it now: only people who were asked may.
    pub(super) fn check_asked(&self, signature_uid: &str) -> Result<(), Problem> {
        self.check_signable()?;
        match self.signature(signature_uid) {
            None => Err(Problem::missing("Signature", signature_uid)),
            Some((_, signature)) if signature.signed.is_some() => {
                Err(Problem::state("this signature is already there"))
            }
            Some((_, signature)) if !signature.asked => {
                Err(Problem::state("the contract has not been sent for this signature"))
            }
            Some(_) => Ok(()),
        }
    }

    /// A person who was asked to sign says no.
    pub(super) fn decline(&mut self, signature_uid: &str) -> Happened {
        self.check_asked(signature_uid)?;
        self.status = Status::Rejected;
        Ok(vec![EventType::Edit])
    }

    /// Starts an approval process. Only content that nobody has been asked to sign can be put up for approval.
    pub(super) fn request_approval(&mut self, approvers: Vec<String>) -> Happened {
        match self.status {
            Status::Draft | Status::Approved | Status::Rejected if !self.is_signed_by_anyone() => {
                let waiting = |who| Approver { who, verdict: Verdict::Waiting };
                self.approvers = approvers.into_iter().map(waiting).collect();
                self.status = Status::SentForApproval;
                Ok(vec![EventType::ApprovalRequested])
            }
            status => Err(Problem::state(format!("a contract that is {} cannot be sent for approval", status.words()))),
        }
    }

    /// Calls the approval process off.
    pub(super) fn cancel_approval(&mut self) -> Happened {
        self.check_approving()?;
        self.approvers.clear();
        self.status = Status::Draft;
        Ok(vec![EventType::ApprovalRequestCancelled])
    }

    /// One approver's verdict, or everyone's who still owes one. All must approve; one rejection ends it.
    pub(super) fn decide(&mut self, who: Option<&str>, verdict: Verdict) -> Happened {
        self.check_approving()?;
        let mut decided = 0_usize;
        for approver in &mut self.approvers {
            if approver.verdict == Verdict::Waiting && who.is_none_or(|who| who == approver.who) {
                approver.verdict = verdict;
                decided += 1;
            }
        }
        if decided == 0 {
            return Err(Problem::missing("Waiting approver", who.unwrap_or_default()));
        }
        if verdict == Verdict::Rejected {
            self.status = Status::Rejected;
            return Ok(vec![EventType::ApprovalDenied]);
        }
        if self.approvers.iter().any(|approver| approver.verdict == Verdict::Waiting) {
            return Ok(vec![EventType::ApprovalInProgress]);
        }
        self.status = Status::Approved;
        Ok(vec![EventType::ApprovalProcessFinished])
    }

    fn check_approving(&self) -> Result<(), Problem> {
        if self.status == Status::SentForApproval {
            return Ok(());
        }
        Err(Problem::state("no approval process is running"))
    }
}
