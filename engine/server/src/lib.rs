//! The HTTP face of the runtime: API, webhook ingress, health.
