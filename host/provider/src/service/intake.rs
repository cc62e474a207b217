//! Reads a request's body under limits of size and time.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::ProviderOptions;
use crate::refusal::Refusal;

/// What is read and thrown away of a body that is too long: a client that is still writing when the connection is closed
/// would not see the answer.
const DISCARD_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// What has arrived of a body.
pub struct Intake {
    pub bytes: Bytes,
    /// As sent, also of a body that was too long.
    pub length: u64,
    pub refusal: Option<Refusal>,
}

pub async fn read_body(mut incoming: Incoming, options: &ProviderOptions) -> Intake {
    let mut body = Buffer { kept: BytesMut::new(), bytes: 0 };
    let bytes_max = options.body_bytes_max;
    let reading = body.fill(&mut incoming, bytes_max);
    let refusal = match tokio::time::timeout(options.body_timeout, reading).await {
        Ok(Ok(())) if body.bytes > bytes_max as u64 => Some(Refusal::BodyTooLong { bytes_max }),
        Ok(Ok(())) => None,
        Ok(Err(_)) => Some(Refusal::BodyBroken),
        Err(_) => Some(Refusal::BodyTooSlow),
    };
    Intake { bytes: body.kept.freeze(), length: body.bytes, refusal }
}

/// Outlives the reading, so that what arrived is known when the time is up.
struct Buffer {
    kept: BytesMut,
    bytes: u64,
}

impl Buffer {
    async fn fill(&mut self, incoming: &mut Incoming, kept_bytes_max: usize) -> Result<(), hyper::Error> {
        while let Some(frame) = incoming.frame().await {
            let Ok(data) = frame?.into_data() else { continue };
            self.bytes += data.len() as u64;
            let room = kept_bytes_max - self.kept.len();
            self.kept.extend_from_slice(data.get(..room).unwrap_or(&data));
            if self.bytes > kept_bytes_max as u64 + DISCARD_BYTES_MAX {
                break;
            }
        }
        Ok(())
    }
}
