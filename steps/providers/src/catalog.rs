//! The providers that come with Engross, and a team's own. A new one is a file in `manifests/` and a line here.

use crate::client::Client;
use crate::codes;
use crate::describe::ProviderDescription;
use crate::interpret::ManifestProvider;
use crate::manifest::{self, Loaded};
use engross_source::{Diagnostic, SourceFile};
use engross_step_api::Provider;
use serde_json::Value;
use std::collections::BTreeMap;
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
        let loaded = manifest::load_embedded(path, text).expect("a test loads every embedded manifest");
        ManifestProvider::new(loaded.manifest, client.clone())
    })
}

/// A team's own provider. `path` is what people are shown, `text` the manifest's YAML.
///
/// # Errors
/// Everything that is wrong with the manifest, with places: the loader's findings (E01xx) or those about manifests
/// (E05xx, [`crate::CODES`]), sorted.
pub fn from_yaml(path: &str, text: &str) -> Result<Arc<dyn Provider>, Vec<Diagnostic>> {
    let loaded = manifest::load(path, text)?;
    Ok(Arc::new(ManifestProvider::new(loaded.manifest, Client::new())))
}

/// What a team's own provider offers. Arguments and errors are those of [`from_yaml`].
///
/// # Errors
/// Everything that is wrong with the manifest.
pub fn describe_yaml(path: &str, text: &str) -> Result<ProviderDescription, Vec<Diagnostic>> {
    Ok(ManifestProvider::new(manifest::load(path, text)?.manifest, Client::new()).describe())
}

/// A team's own manifests, all together.
#[derive(Default)]
pub struct Own {
    /// Those that can be used, with what they offer, in the order of the files.
    pub providers: Vec<(Arc<dyn Provider>, ProviderDescription)>,
    /// Everything that is wrong or probably not meant, with places: the loader's findings (E01xx) or those about manifests
    /// ([`crate::CODES`]), among them names that the providers of Engross or an earlier file have.
    pub findings: Vec<Diagnostic>,
}

/// Reads all of a team's own manifests. One that has mistakes keeps no other from being used.
pub fn own(files: &[SourceFile]) -> Own {
    let comes_with = |(path, _): (&str, &str)| {
        let name = path.rsplit('/').next().and_then(|file| file.strip_suffix(".yaml")).unwrap_or(path);
        (name.to_string(), format!("{path}, which comes with Engross"))
    };
    let mut taken: BTreeMap<String, String> = MANIFESTS.into_iter().map(comes_with).collect();
    let mut own = Own::default();
    for file in files {
        let Loaded { manifest, warnings, name_span } = match manifest::load(file.path(), file.text()) {
            Ok(loaded) => loaded,
            Err(found) => {
                own.findings.extend(found);
                continue;
            }
        };
        own.findings.extend(warnings);
        if let Some(other) = taken.get(&manifest.name) {
            let message = format!("the name `{}` is taken by {other}", manifest.name);
            let finding = Diagnostic::error(codes::NAME_TAKEN, file.path(), name_span, message);
            own.findings.push(finding.hint("give this provider another name, in connections and in `uses` too"));
            continue;
        }
        taken.insert(manifest.name.clone(), file.path().to_string());
        let provider = ManifestProvider::new(manifest, Client::new());
        let described = provider.describe();
        own.providers.push((Arc::new(provider), described));
    }
    own
}

/// The JSON Schema of manifests, for editors. It lets through whatever the reader lets through, and is less strict.
///
/// # Panics
/// Never: a test reads it.
pub fn manifest_schema() -> Value {
    serde_json::from_str(include_str!("../../../schemas/manifest.schema.json")).expect("a test reads the schema")
}

#[cfg(test)]
mod tests {
    use super::*;
    use engross_source::diagnostic::render_text;

    #[test]
    fn files_are_called_as_their_providers_are() {
        let names: Vec<String> =
            builtin().iter().map(|provider| format!("manifests/{}.yaml", provider.name())).collect();
        assert_eq!(names, MANIFESTS.map(|(path, _)| path.to_string()));
        assert_eq!(manifest_schema()["type"], "object");
    }

    #[test]
    fn every_embedded_manifest_loads() {
        for (path, text) in MANIFESTS {
            if let Err(found) = manifest::load(path, text) {
                panic!("{}", render_text(&found, &[SourceFile::new(path, text)], false));
            }
        }
    }
}
