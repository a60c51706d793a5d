//! The steps every workflow can use without a provider.
