//! Where operators connect, where the access log goes, and the gateway's own bounds.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::Path;
use std::thread::available_parallelism;
use std::time::Duration;

use super::Context;
use crate::config::diagnostic::Mistake;
use crate::config::model::{AccessLog, Admin, AdminAddress, Limits, Listener, ReplyHeads};
use crate::config::raw::RawAdmin;
use crate::config::raw::limits::RawLimits;
use crate::config::raw::spot::Span;
use crate::config::raw::text::AccessLogText;

/// `sun_path` has 108 bytes on Linux, the last of them zero.
const SOCKET_PATH_BYTES_MAX: usize = 107;

/// Whether the system refuses to listen on both: an unspecified address takes the port on every other of its family.
pub fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let covers = one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() == other.port() && one.port() != 0 && one.is_ipv4() == other.is_ipv4() && covers
}

pub fn admin(raw: &RawAdmin, data_dir: &Path, listeners: &[Listener], context: &mut Context<'_>) -> Option<Admin> {
    let span = &raw.address.span;
    let address = match raw.address.strip_prefix("unix:") {
        Some(path) => {
            let path = context.path(path);
            if path.as_os_str().len() > SOCKET_PATH_BYTES_MAX {
                let message = format!("the path of a socket must not be longer than {SOCKET_PATH_BYTES_MAX} bytes");
                let found = context.report.add(Mistake::Relation, span, message);
                found.help("choose a shorter one, such as `unix:/run/sluicegate.sock`");
            }
            AdminAddress::Unix(path)
        }
        None => AdminAddress::Tcp(address(&raw.address, span, context)?),
    };
    if let AdminAddress::Tcp(address) = address
        && listeners.iter().any(|listener| collide(listener.address, address))
    {
        let found = context.report.add(Mistake::Relation, span, "clients connect to this address under `listen`");
        found.help("give the admin interface a port of its own, such as `127.0.0.1:9901`");
    }
    let token_file = raw.token_file.as_ref().map_or_else(|| data_dir.join("admin.token"), |path| context.path(path));
    Some(Admin { address, token_file })
}

/// The pattern in the schema leaves nothing that does not parse; if it ever does, that is a mistake and no panic.
pub(super) fn address(text: &str, span: &Span, context: &mut Context<'_>) -> Option<SocketAddr> {
    let address = text.parse().ok();
    if address.is_none() {
        context.report.add(Mistake::Shape, span, "this is not an IP address with a port");
    }
    address
}

pub fn access_log(text: &AccessLogText, context: &Context<'_>) -> Option<AccessLog> {
    Some(match (&**text, text.strip_prefix("file:")) {
        (_, Some(path)) => AccessLog::File(context.path(path)),
        ("stdout", _) => AccessLog::Stdout,
        ("stderr", _) => AccessLog::Stderr,
        ("off", _) => AccessLog::Off,
        _ => return None,
    })
}

pub fn workers(raw: Option<u32>) -> usize {
    raw.map_or_else(|| available_parallelism().map_or(1, NonZeroUsize::get), |count| count as usize)
}

pub fn reply_heads(raw: &RawLimits) -> ReplyHeads {
    ReplyHeads { bytes_max: raw.reply_head_bytes_max as usize, fields_max: raw.reply_headers_max as usize }
}

pub fn limits(raw: &RawLimits) -> Limits {
    Limits {
        connections_max: raw.connections_max as usize,
        connections_per_address_max: raw.connections_per_address_max as usize,
        head_bytes_max: raw.head_bytes_max as usize,
        headers_max: raw.headers_max as usize,
        head_timeout: Duration::from_millis(raw.head_timeout_ms),
        http2_streams_max: raw.http2_streams_max,
        http2_idle_timeout: Duration::from_millis(raw.http2_idle_timeout_ms),
        body_bytes_max: raw.body_bytes_max,
        buffer_bytes_max: raw.buffer_bytes_max,
        decode_ratio_max: raw.decode_ratio_max,
        decoded_bytes_max: raw.decoded_bytes_max,
        body_idle_timeout: Duration::from_millis(raw.body_idle_timeout_ms),
        slow_bytes_per_second: u64::from(raw.slow_bytes_per_second),
        drain_delay: Duration::from_millis(raw.drain_delay_ms),
        drain_timeout: Duration::from_millis(raw.drain_timeout_ms),
        upgraded_max: raw.upgraded_max as usize,
        instances_max: raw.instances_max,
    }
}
