//! The providers that come with Engross, and a team's own. A new one is a file in `manifests/` and a line here.

use crate::client::Client;
use crate::describe::ProviderDescription;
use crate::interpret::ManifestProvider;
use crate::manifest;
use engross_source::Diagnostic;
use engross_step_api::Provider;
use std::sync::Arc;

/// The embedded manifests, each with its path for messages.
const MANIFESTS: [(&str, &str); 5] = [
    ("manifests/contract_signatures.yaml", include_str!("../manifests/contract_signatures.yaml")),
    ("manifests/docjuris.yaml", include_str!("../manifests/docjuris.yaml")),
    ("manifests/juro.yaml", include_str!("../manifests/juro.yaml")),
    ("manifests/juro_v2.yaml", include_str!("../manifests/juro_v2.yaml")),
    ("manifests/paperlex.yaml", include_str!("../manifests/paperlex.yaml")),
];

/// The providers that come with Engross. They share one HTTP client.
pub fn builtin() -> Vec<Arc<dyn Provider>> {
    let shared = |provider| -> Arc<dyn Provider> { Arc::new(provider) };
    embedded().map(shared).collect()
}

/// What the providers that come with Engross offer, in the order of [`builtin`].
pub fn describe_builtin() -> Vec<ProviderDescription> {
    embedded().map(|provider| provider.describe()).collect()
}

fn embedded() -> impl Iterator<Item = ManifestProvider> {
    let client = Client::new();
    MANIFESTS.into_iter().map(move |(path, text)| {
        let manifest = manifest::load(path, text).expect("a test loads every embedded manifest");
        ManifestProvider::new(manifest, client.clone())
    })
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

/// What a team's own provider offers. Arguments and errors are those of [`from_yaml`].
///
/// # Errors
/// Everything that is wrong with the manifest.
pub fn describe_yaml(path: &str, text: &str) -> Result<ProviderDescription, Vec<Diagnostic>> {
    Ok(ManifestProvider::new(manifest::load(path, text)?, Client::new()).describe())
}

#[cfg(test)]
mod tests {
    use super::*;
    use engross_source::SourceFile;
    use engross_source::diagnostic::render_text;

    #[test]
    fn every_embedded_manifest_loads() {
        for (path, text) in MANIFESTS {
            if let Err(found) = manifest::load(path, text) {
                panic!("{}", render_text(&found, &[SourceFile::new(path, text)], false));
            }
        }
    }
}
