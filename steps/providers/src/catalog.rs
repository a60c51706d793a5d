//! The providers that come with Engross, and a team's own. A new one is a file in `manifests/` and a line here.

use crate::client::Client;
use crate::interpret::ManifestProvider;
use crate::manifest;
use engross_source::Diagnostic;
use engross_step_api::Provider;
use std::sync::Arc;

/// The embedded manifests, each with its path for messages.
const MANIFESTS: [(&str, &str); 2] = [
    ("manifests/juro.yaml", include_str!("../manifests/juro.yaml")),
    ("manifests/juro_v2.yaml", include_str!("../manifests/juro_v2.yaml")),
];

/// The providers that come with Engross. They share one HTTP client.
pub fn builtin() -> Vec<Arc<dyn Provider>> {
    let client = Client::new();
    let provider = |(path, text): (&str, &str)| -> Arc<dyn Provider> {
        let manifest = manifest::load(path, text).expect("a test loads every embedded manifest");
        Arc::new(ManifestProvider::new(manifest, client.clone()))
    };
    MANIFESTS.into_iter().map(provider).collect()
}

/// A team's own provider. `path` is what people are shown, `text` the manifest's YAML.
///
/// # Errors
/// Everything that is wrong with the manifest, with places: the loader's findings (E01xx) or those about manifests
/// (E05xx, [`crate::CODES`]), sorted.
pub fn from_yaml(path: &str, text: &str) -> Result<Arc<dyn Provider>, Vec<Diagnostic>> {
    let manifest = manifest::load(path, text)?;
    Ok(Arc::new(ManifestProvider::new(manifest, Client::new())))
}
