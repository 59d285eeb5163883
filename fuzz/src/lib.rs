//! Every decoder, told to read anything: it gives a value or an error, never a panic, and never takes memory beyond a bound.
//!
//! [`targets`] says what each decoder must survive; [`mutations`] makes bad bytes of good ones. `cargo test -p polevik-fuzz` tries ten thousand
//! for each target (`POLEVIK_FUZZ_CASES` says how many instead); `cargo bolero test targets::NAME -p polevik-fuzz` lets libFuzzer search for
//! as long as one likes.

pub mod memory;
pub mod mutations;
pub mod targets;
