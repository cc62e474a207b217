//! What a request costs: whole numbers of nano-USD, a thousand-millionth of a dollar.

use sluicegate_plugin::exchange::Usage;

use crate::Ended;

/// A MiB is 2 to this power.
const MIB_BITS: u32 = 20;

/// Which requests it is for, where all that is given holds; and what they cost.
pub struct Price {
    pub route: Option<String>,
    pub upstream: Option<String>,
    pub consumer: Option<String>,
    pub status: Option<Status>,
    pub request: u64,
    pub request_mib: u64,
    pub reply_mib: u64,
}

/// A status or a class of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Exactly(u16),
    /// As [`class`] says, such as 2 for 200 to 299.
    Class(u16),
}

impl Price {
    /// What costs no call of the host is looked at first.
    pub fn matches(&self, ended: &Ended) -> bool {
        self.status.is_none_or(|status| status.holds(ended.usage.status))
            && self.upstream.as_ref().is_none_or(|name| *name == ended.usage.upstream)
            && self.route.as_ref().is_none_or(|name| name == ended.route())
            && self.consumer.as_ref().is_none_or(|name| ended.consumer() == Some(name))
    }

    /// Exact up to the end, where a begun nano-USD counts as a whole one; at most `u64::MAX`.
    pub fn of(&self, usage: &Usage) -> u64 {
        let bytes =
            product(usage.request_bytes, self.request_mib).saturating_add(product(usage.reply_bytes, self.reply_mib));
        let mib = u64::try_from(bytes.div_ceil(1 << MIB_BITS)).unwrap_or(u64::MAX);
        self.request.saturating_add(mib)
    }
}

/// Never too large.
fn product(bytes: u64, price: u64) -> u128 {
    u128::from(bytes) * u128::from(price)
}

/// The first digit of a status, 0 without one. A status above 599 is none that HTTP knows, and counts as 5xx (RFC 9110, 15).
pub fn class(status: u16) -> u16 {
    (status / 100).min(5)
}

impl Status {
    pub fn parse(text: &str) -> Option<Status> {
        let &[class @ b'1'..=b'5', tens, ones] = text.as_bytes() else { return None };
        let digit = |byte: u8| byte.is_ascii_digit().then(|| u16::from(byte - b'0'));
        let class = u16::from(class - b'0');
        match (tens, ones) {
            (b'x', b'x') => Some(Status::Class(class)),
            _ => Some(Status::Exactly(class * 100 + digit(tens)? * 10 + digit(ones)?)),
        }
    }

    fn holds(self, status: u16) -> bool {
        match self {
            Status::Exactly(this) => status == this,
            Status::Class(this) => class(status) == this,
        }
    }
}
