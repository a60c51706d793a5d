//! Planted bugs: a check of the checks. Each is a mistake of the shell or of the core's answer that an invariant must name.
//!
//! They are switches of the simulated node; product code has none.

/// Which mistake the simulated node makes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bug {
    /// None.
    #[default]
    None,
    /// The shell does not look for events that came before the wait.
    EarlyWebhookIgnored,
    /// The number of the attempt is in the idempotency key.
    AttemptInKey,
    /// A restart begins the next attempt at once.
    BackOffForgotten,
    /// A webhook is acknowledged before it is durable.
    AckBeforeDurable,
    /// A due timer is told twice.
    TimerFiredTwice,
    /// A restart repeats an unsafe effect that was under way.
    UnsafeRepeated,
    /// The row of a subscription is not written.
    SubscriptionLost,
    /// An attempt leaves before its intent is durable.
    EffectBeforeIntent,
    /// A look-up that finds nothing is believed before the request has settled.
    SettleIgnored,
    /// What a look-up saw is taken for as young as its answer, which was on its way for minutes.
    LookDatedByAnswer,
    /// Events that a crash left unmatched are not matched at the next start.
    UnmatchedForgotten,
}

impl Bug {
    /// All that can be planted.
    pub const ALL: &[Self] = &[
        Self::EarlyWebhookIgnored,
        Self::AttemptInKey,
        Self::BackOffForgotten,
        Self::AckBeforeDurable,
        Self::TimerFiredTwice,
        Self::UnsafeRepeated,
        Self::SubscriptionLost,
        Self::EffectBeforeIntent,
        Self::SettleIgnored,
        Self::LookDatedByAnswer,
        Self::UnmatchedForgotten,
    ];
}
