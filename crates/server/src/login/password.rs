//! Passwords: how they are hashed, checked, and what a new one must be.

use std::sync::{Mutex, OnceLock, PoisonError};

use argon2::password_hash::{Output, ParamsString, PasswordHash, Salt, SaltString};
use argon2::{Algorithm, Argon2, Block, Params, Version};

/// Memory of one hash, in KiB. With time 2 and one lane the floor of OWASP's advice for argon2id.
const MEMORY_KIB: u32 = 19_456;
const TIME: u32 = 2;
const LANES: u32 = 1;

/// Random bytes a hash needs.
pub const SALT_BYTES: usize = 16;

/// The shortest new password, in characters.
pub const MIN_CHARS: usize = 8;

/// The longest password taken, in bytes: long enough for any phrase, short enough that hashing it costs nothing more.
pub const MAX_BYTES: usize = 1_024;

/// A password that cannot be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Shorter than [`MIN_CHARS`].
    #[error("the password must have at least {MIN_CHARS} characters")]
    TooShort,
    /// Longer than [`MAX_BYTES`].
    #[error("the password must not be longer than {MAX_BYTES} bytes")]
    TooLong,
    /// Hashing failed: no memory.
    #[error("the password could not be hashed")]
    Hashing,
}

fn our_params() -> Result<Params, PasswordError> {
    Params::new(MEMORY_KIB, TIME, LANES, None).map_err(|_| PasswordError::Hashing)
}

/// Memory that hashes were made in, for the next ones. Without it the allocator would keep 19 MiB for every thread that ever made one.
static SCRATCH: Mutex<Vec<Vec<Block>>> = Mutex::new(Vec::new());

/// How many pieces of it are kept: as many as passwords are hashed at once.
const KEPT_SCRATCH: usize = 2;

/// argon2id of a password, as many bytes as `output` has.
fn argon2id(password: &str, salt: &[u8], params: Params, output: &mut [u8]) -> Result<(), PasswordError> {
    let scratch = || SCRATCH.lock().unwrap_or_else(PoisonError::into_inner);
    let mut memory = scratch().pop().unwrap_or_default();
    memory.resize(params.block_count(), Block::default());
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hashed = argon2.hash_password_into_with_memory(password.as_bytes(), salt, output, &mut memory);
    let mut kept = scratch();
    if kept.len() < KEPT_SCRATCH {
        kept.push(memory);
    }
    hashed.map_err(|_| PasswordError::Hashing)
}

/// The PHC string of a new password: argon2id, m = 19 MiB, t = 2, p = 1. Takes tens of milliseconds and 19 MiB.
///
/// # Errors
///
/// [`PasswordError`] for a password too short or too long.
pub fn hash(password: &str, salt: [u8; SALT_BYTES]) -> Result<String, PasswordError> {
    if password.chars().count() < MIN_CHARS {
        return Err(PasswordError::TooShort);
    }
    if password.len() > MAX_BYTES {
        return Err(PasswordError::TooLong);
    }
    hash_any(password, salt)
}

fn hash_any(password: &str, salt: [u8; SALT_BYTES]) -> Result<String, PasswordError> {
    let params = our_params()?;
    let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
    argon2id(password, &salt, params.clone(), &mut output)?;
    let salt = SaltString::encode_b64(&salt).map_err(|_| PasswordError::Hashing)?;
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&params).map_err(|_| PasswordError::Hashing)?,
        salt: Some(salt.as_salt()),
        hash: Some(Output::new(&output).map_err(|_| PasswordError::Hashing)?),
    };
    Ok(hash.to_string())
}

/// What came of checking a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checked {
    /// It is the password.
    Right,
    /// It is, and its hash was made with other parameters than ours: hash it again and store that.
    RightButOld,
    /// It is not.
    Wrong,
}

/// Whether `password` is the one of `stored`, a PHC string; without one, takes the same time and is wrong.
#[must_use]
pub fn check(password: &str, stored: Option<&str>) -> Checked {
    if password.len() > MAX_BYTES {
        return Checked::Wrong;
    }
    match matches(password, stored.unwrap_or_else(|| dummy())) {
        Some(_) if stored.is_none() => Checked::Wrong,
        Some(params) if is_current(&params) => Checked::Right,
        Some(_) => Checked::RightButOld,
        None => Checked::Wrong,
    }
}

/// The parameters of `stored` if it is a hash of `password`.
fn matches(password: &str, stored: &str) -> Option<Params> {
    let stored = PasswordHash::new(stored).ok()?;
    let is_ours = stored.algorithm == Algorithm::Argon2id.ident() && stored.version == Some(Version::V0x13.into());
    let (params, expected) = (Params::try_from(&stored).ok()?, stored.hash.filter(|_| is_ours)?);
    let mut salt = [0; Salt::MAX_LENGTH];
    let salt = stored.salt?.decode_b64(&mut salt).ok()?;
    let mut output = [0; Output::MAX_LENGTH];
    let output = output.get_mut(..expected.len())?;
    argon2id(password, salt, params.clone(), output).ok()?;
    // Outputs compare in constant time.
    (Output::new(output).ok()? == expected).then_some(params)
}

fn is_current(params: &Params) -> bool {
    (params.m_cost(), params.t_cost(), params.p_cost()) == (MEMORY_KIB, TIME, LANES)
}

/// A hash that an unknown login is checked against, so that it takes as long as a known one. Nobody can sign in by it: see [`check`].
fn dummy() -> &'static str {
    static DUMMY: OnceLock<String> = OnceLock::new();
    DUMMY.get_or_init(|| hash_any("", [0; SALT_BYTES]).unwrap_or_default())
}

/// Makes the dummy hash ahead of the first unknown login, which would otherwise take twice as long.
pub fn warm_up() {
    dummy();
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::{PasswordHasher, PasswordVerifier};

    use super::*;

    #[test]
    fn a_hash_has_the_parameters_we_promise_and_knows_its_password() {
        let hash = hash("correct horse", [7; SALT_BYTES]).unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_eq!(check("correct horse", Some(&hash)), Checked::Right);
        assert_eq!(check("correct horsf", Some(&hash)), Checked::Wrong);
        // The library's own way agrees.
        let parsed = PasswordHash::new(&hash).unwrap();
        Argon2::default().verify_password(b"correct horse", &parsed).unwrap();
    }

    #[test]
    fn nobody_signs_in_by_the_hash_of_nobody() {
        for password in ["", "x", "correct horse"] {
            assert_eq!(check(password, None), Checked::Wrong);
            assert_eq!(check(password, Some("not a hash")), Checked::Wrong);
        }
    }

    #[test]
    fn a_hash_with_older_parameters_is_right_but_old() {
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(1_024, 1, 1, None).unwrap());
        let salt = SaltString::encode_b64(&[7; SALT_BYTES]).unwrap();
        let hash = weak.hash_password(b"correct horse", &salt).unwrap().to_string();
        assert_eq!(check("correct horse", Some(&hash)), Checked::RightButOld);
        assert_eq!(check("wrong", Some(&hash)), Checked::Wrong);
    }

    /// Five hundred logins at once once made the server keep 19 MiB for each thread that had ever hashed a password.
    #[test]
    fn many_hashes_keep_the_memory_of_few() {
        let hashes: Vec<_> = (0..8).map(|n| std::thread::spawn(move || hash("correct horse", [n; SALT_BYTES]).unwrap())).collect();
        for hash in hashes {
            hash.join().unwrap();
        }
        let kept = SCRATCH.lock().unwrap();
        assert!((1..=KEPT_SCRATCH).contains(&kept.len()));
    }

    #[test]
    fn new_passwords_have_a_least_and_a_greatest_length_and_no_other_rule() {
        assert_eq!(hash("1234567", [0; SALT_BYTES]), Err(PasswordError::TooShort));
        assert_eq!(hash(&"x".repeat(MAX_BYTES + 1), [0; SALT_BYTES]), Err(PasswordError::TooLong));
        assert!(hash("пароль12", [0; SALT_BYTES]).is_ok());
        assert!(hash(&"длинная фраза ".repeat(5), [0; SALT_BYTES]).is_ok());
        assert_eq!(check(&"x".repeat(MAX_BYTES + 1), None), Checked::Wrong);
    }
}
