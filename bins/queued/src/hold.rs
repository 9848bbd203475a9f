//! Messages that are filed where nothing is delivered until the admin releases them.

use crate::LOG;
use stafett_envelope::Envelope;
use stafett_log::safe;
use stafett_queue_store::Id;

/// Says that a message is held, and why: nothing else will be heard of it.
pub fn tell(id: Id, envelope: &Envelope) {
    let reason = envelope.hold.as_deref().unwrap_or_default();
    LOG.line(format_args!("hold msg {id}: {}; qtool release {id} delivers it", safe(reason.as_bytes())));
}
