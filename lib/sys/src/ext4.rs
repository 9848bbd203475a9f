//! Whether an ext4 has the feature fast_commit, with which synced names can be lost in a power cut (stafett-queue(5)).
//!
//! How: the superblock tells, to whoever may read the device. To others the kernel tells under /proc/fs/ext4: by a word
//! among the options where it was built for debugging, else by its counters of fast commits, which stay at 0 without
//! the feature and with it until the first sync after the mount.
//! How it fails: what cannot be told counts as not so.

use crate::filesystem::FileSystem;
use rustix::fs::{major, minor};
use std::fs::File;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Where the superblock begins, and in it the magic number and the compatible features (ext4's super block, s_magic and
/// s_feature_compat).
const SUPERBLOCK: u64 = 1024;
const MAGIC: u64 = 0x38;
const FEATURES: u64 = 0x5c;
const FAST_COMMIT: u32 = 0x400;

/// The device of the ext4 with fast_commit that `path` lies on; `None` where there is none, or nothing tells.
pub fn fast_commit_device(path: &Path) -> Option<PathBuf> {
    if !FileSystem::of(path).ok()?.is_ext4() {
        return None;
    }
    let number = std::fs::metadata(path).ok()?.dev();
    let name = name(number)?;
    let device = Path::new("/dev").join(&name);
    let is_on = by_superblock(&device, number).unwrap_or_else(|| by_kernel(&Path::new("/proc/fs/ext4").join(&name)));
    is_on.then_some(device)
}

/// The kernel's name of a block device.
fn name(number: u64) -> Option<String> {
    let link = std::fs::read_link(format!("/sys/dev/block/{}:{}", major(number), minor(number))).ok()?;
    Some(link.file_name()?.to_str()?.to_owned())
}

fn by_superblock(device: &Path, number: u64) -> Option<bool> {
    let file = File::open(device).ok()?;
    let found = file.metadata().ok()?;
    if !found.file_type().is_block_device() || found.rdev() != number {
        return None;
    }
    let (mut magic, mut features) = ([0; 2], [0; 4]);
    file.read_exact_at(&mut magic, SUPERBLOCK + MAGIC).ok()?;
    file.read_exact_at(&mut features, SUPERBLOCK + FEATURES).ok()?;
    (u16::from_le_bytes(magic) == 0xEF53).then_some(u32::from_le_bytes(features) & FAST_COMMIT != 0)
}

fn by_kernel(directory: &Path) -> bool {
    let read = |name: &str| std::fs::read_to_string(directory.join(name)).unwrap_or_default();
    read("options").lines().any(|option| option == "fc_debug_force") || has_fast_commits(&read("fc_info"))
}

/// Whether the text of fc_info counts any: lines such as `12 commits`.
fn has_fast_commits(text: &str) -> bool {
    let counts = text.lines().filter_map(|line| line.split_once(' ')).filter(|(_, what)| matches!(*what, "commits" | "ineligible"));
    counts.filter_map(|(number, _)| number.parse::<u64>().ok()).any(|number| number > 0)
}

#[cfg(test)]
#[path = "ext4_test.rs"]
mod tests;
