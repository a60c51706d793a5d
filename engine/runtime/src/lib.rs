//! The shell around the core: commits, dispatch, timers and the webhook inbox.
