//! Public keys of senders: read from what people copy, and used to check a signature. No key is ever made here.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey,
    VerificationAlgorithm,
};

/// What a key is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyKind {
    Ed25519,
    /// RSA with the padding of PKCS #1, over SHA-256; 2048 bits or more.
    Rsa,
    /// The same with the padding PSS.
    RsaPss,
    /// P-256 over SHA-256; the signature is in DER.
    EcdsaP256,
}

impl KeyKind {
    fn algorithm(self) -> &'static dyn VerificationAlgorithm {
        match self {
            Self::Ed25519 => &ED25519,
            Self::Rsa => &RSA_PKCS1_2048_8192_SHA256,
            Self::RsaPss => &RSA_PSS_2048_8192_SHA256,
            Self::EcdsaP256 => &ECDSA_P256_SHA256_ASN1,
        }
    }

    /// Whether bytes can be such a key: its point or number as `ring` takes it.
    fn fits(self, key: &[u8]) -> bool {
        match self {
            Self::Ed25519 => key.len() == 32,
            Self::EcdsaP256 => key.len() == 65 && key.first() == Some(&4),
            // A sequence of two numbers.
            Self::Rsa | Self::RsaPss => element(key, 0x30).and_then(|(inner, _)| element(inner, 0x02)).is_some(),
        }
    }

    fn named(self) -> &'static str {
        match self {
            Self::Ed25519 => "Ed25519",
            Self::Rsa | Self::RsaPss => "RSA",
            Self::EcdsaP256 => "P-256",
        }
    }
}

/// A sender's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublicKey {
    kind: KeyKind,
    bytes: Vec<u8>,
}

impl PublicKey {
    /// Reads a key: PEM, or the same in base64 or hex; wrapped as `SubjectPublicKeyInfo`, or bare.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence.
    pub(crate) fn parse(kind: KeyKind, text: &str) -> Result<Self, String> {
        let body: String =
            text.lines().filter(|line| !line.contains("-----")).flat_map(str::split_whitespace).collect();
        let bytes = hex::decode(&body).ok().or_else(|| STANDARD.decode(&body).ok());
        let bytes = bytes.ok_or_else(|| "is neither PEM nor base64 nor hex".to_string())?;
        let bytes = unwrapped(&bytes).map(<[u8]>::to_vec).unwrap_or(bytes);
        if kind.fits(&bytes) { Ok(Self { kind, bytes }) } else { Err(format!("is no {} key", kind.named())) }
    }

    /// Whether the key's owner has signed this.
    pub(crate) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(self.kind.algorithm(), &self.bytes).verify(message, signature).is_ok()
    }
}

/// The key inside of a `SubjectPublicKeyInfo`: a sequence of what the key is for, itself a sequence, and a bit string.
fn unwrapped(bytes: &[u8]) -> Option<&[u8]> {
    let (inner, _) = element(bytes, 0x30)?;
    let (_, rest) = element(inner, 0x30)?;
    let (bits, _) = element(rest, 0x03)?;
    bits.strip_prefix(&[0])
}

/// The content of the DER element with this tag that bytes begin with, and what comes after it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let rest = bytes.strip_prefix(&[tag])?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        // One or two bytes of length are enough for every key that is accepted.
        0x81 | 0x82 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}
