//! What was created at a provider for one connection, as it is remembered: not every provider can be asked for it again.

use engross_step_api::{HookStanding, Provisioned};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Ids, each with the digest of the address that it leads to.
pub type Created = BTreeMap<String, String>;

/// What stands for the id of a set-up whose provider gives none.
const UNNAMED: &str = "unnamed-";

/// Digits of an address's digest that tell set-ups without an id apart.
const DIGITS: usize = 12;

/// Notes what a set-up has created and taken away.
pub fn remember(ours: &mut Created, provisioned: &Provisioned) {
    for hook in &provisioned.hooks {
        match (&hook.id, &hook.address, hook.standing) {
            (Some(id), Some(address), HookStanding::Created) => {
                ours.insert(id.clone(), address.clone());
            }
            (None, Some(address), HookStanding::Created) => {
                let digits: String = address.chars().take(DIGITS).collect();
                ours.insert(format!("{UNNAMED}{digits}"), address.clone());
            }
            (Some(id), _, HookStanding::Removed) => {
                ours.remove(id);
            }
            _ => {}
        }
    }
}

/// Whether something that was created leads to this address.
pub fn leads_to(ours: &Created, address: &str) -> bool {
    let digest: String = Sha256::digest(address).iter().map(|byte| format!("{byte:02x}")).collect();
    ours.values().any(|kept| *kept == digest)
}

/// Calls what a provider cannot list by what is remembered: created here, it is there.
pub fn recognise(ours: &Created, provisioned: &mut Provisioned) {
    for hook in provisioned.hooks.iter_mut().filter(|hook| hook.standing == HookStanding::Unlisted) {
        hook.standing = HookStanding::Present;
        hook.id = ours.keys().next().filter(|id| !id.starts_with(UNNAMED)).cloned();
    }
}
