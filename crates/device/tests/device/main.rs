//! The whole core of a device on real databases, with an office behind the seam of the network that can be made bad.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod acts;
mod crash_points;
mod keeping;
mod materials;
mod mend;
mod office;
mod order_file;
mod outbox;
mod photos;
mod pictures;
mod road;
mod shelf;
mod speed;
mod support;
mod watch;
