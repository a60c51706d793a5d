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
    /// A request is taken for settled so long after it was meant to leave, not after its sender let go of it.
    SettleSinceIntent,
    /// What a look-up saw is taken for as young as its answer, which was on its way for minutes.
    LookDatedByAnswer,
    /// Events that a crash left unmatched are not matched at the next start.
    UnmatchedForgotten,
    /// The key of an item's effect is that of the step of which it is an item.
    ItemKeyForgotten,
    /// One more item begins than the file allows.
    OneItemTooMany,
    /// One more run of a group is admitted than may be at work.
    LimitIgnored,
    /// A start does not look who of a group may go to work.
    AdmissionForgotten,
    /// A start does not tell of ends that the last process left untold.
    EndUntold,
    /// A run that is given up leaves those alone that it started.
    EndNotPassedOn,
    /// A step whose run was stopped ends well.
    StoppedIsSuccess,
    /// The run of a firing has another id after every start of a process.
    FiringTwice,
    /// What was decided before a reset of an approval counts after it.
    ResetForgotten,
    /// The oldest effect is undone first.
    UndoneInFileOrder,
    /// What may have happened all the same is not told at the end of a run.
    LeftUnnamed,
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
        Self::SettleSinceIntent,
        Self::LookDatedByAnswer,
        Self::UnmatchedForgotten,
        Self::ItemKeyForgotten,
        Self::OneItemTooMany,
        Self::LimitIgnored,
        Self::AdmissionForgotten,
        Self::EndUntold,
        Self::EndNotPassedOn,
        Self::StoppedIsSuccess,
        Self::FiringTwice,
        Self::ResetForgotten,
        Self::UndoneInFileOrder,
        Self::LeftUnnamed,
    ];
}
