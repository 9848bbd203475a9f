//! What there is to say of the file system that the queue lies on.

use crate::LOG;
use stafett_queue_store::Store;
use stafett_sys::ext4;
use std::fs::File;
use std::io::Write;

/// Warns of ext4 with fast_commit. Called while tmp/ is ours alone and before the sandbox closes /proc and /sys.
pub fn warn(store: &Store) {
    // The kernel may tell of the feature only after a sync.
    let probe = store.root().join("tmp/probe");
    let written = File::create(&probe).and_then(|mut file| file.write_all(b"\n").and_then(|()| file.sync_all()));
    let _ = std::fs::remove_file(&probe);
    if written.is_ok()
        && let Some(device) = ext4::fast_commit_device(store.root())
    {
        let (root, device) = (store.root().display(), device.display());
        LOG.warning(format_args!(
            "{root} lies on ext4 with fast_commit, which loses synced messages in a power cut; switch it off while the file system is not mounted: tune2fs -O ^fast_commit {device}"
        ));
    }
}
