//! Contract providers as data: the manifest interpreter and the manifests.
