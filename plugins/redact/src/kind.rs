//! What can be looked for.

use serde::Deserialize;
use sluicegate_plugin::Schema;

pub const KINDS: usize = 7;

/// A kind of data, in the order in which they are tried where several could begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Schema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// `name@example.com`.
    Email,
    /// Keys with a well-known prefix such as `sk-` or `ghp_`, and private keys in PEM.
    Secret,
    /// Account numbers (ISO 13616) with valid check digits.
    Iban,
    /// International numbers (E.164), which begin with a plus sign.
    Phone,
    /// Payment card numbers (ISO/IEC 7812) with a valid check digit.
    Card,
    /// Addresses of IPv4 and IPv6.
    Ip,
    /// One of `words`.
    #[serde(skip)]
    Word,
}

impl Kind {
    pub const ALL: [Kind; KINDS] =
        [Kind::Email, Kind::Secret, Kind::Iban, Kind::Phone, Kind::Card, Kind::Ip, Kind::Word];

    pub fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// Name and help of each kind's counter.
pub const COUNTERS: [(&str, &str); KINDS] = [
    ("redacted_email", "Email addresses taken out of bodies"),
    ("redacted_secret", "Keys and private keys taken out of bodies"),
    ("redacted_iban", "IBANs taken out of bodies"),
    ("redacted_phone", "Phone numbers taken out of bodies"),
    ("redacted_card", "Card numbers taken out of bodies"),
    ("redacted_ip", "IP addresses taken out of bodies"),
    ("redacted_word", "Words taken out of bodies"),
];

/// What stands in the place of a match unless the config says otherwise.
pub const MASKS: [&str; KINDS] = ["[email]", "[secret]", "[iban]", "[phone]", "[card]", "[ip]", "[word]"];
