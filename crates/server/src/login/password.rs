//! Passwords: how they are hashed, checked, and what a new one must be.

use std::sync::OnceLock;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};

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

fn argon2() -> Result<Argon2<'static>, PasswordError> {
    let params = Params::new(MEMORY_KIB, TIME, LANES, None).map_err(|_| PasswordError::Hashing)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
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
    let salt = SaltString::encode_b64(&salt).map_err(|_| PasswordError::Hashing)?;
    let hash = argon2()?.hash_password(password.as_bytes(), &salt).map_err(|_| PasswordError::Hashing)?;
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
    let Some(hash) = PasswordHash::new(stored.unwrap_or_else(|| dummy())).ok() else { return Checked::Wrong };
    let Ok(argon2) = argon2() else { return Checked::Wrong };
    match argon2.verify_password(password.as_bytes(), &hash) {
        Ok(()) if stored.is_none() => Checked::Wrong,
        Ok(()) if Params::try_from(&hash).is_ok_and(|params| is_current(&params)) => Checked::Right,
        Ok(()) => Checked::RightButOld,
        Err(_) => Checked::Wrong,
    }
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
    use super::*;

    #[test]
    fn a_hash_has_the_parameters_we_promise_and_knows_its_password() {
        let hash = hash("correct horse", [7; SALT_BYTES]).unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_eq!(check("correct horse", Some(&hash)), Checked::Right);
        assert_eq!(check("correct horsf", Some(&hash)), Checked::Wrong);
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

    #[test]
    fn new_passwords_have_a_least_and_a_greatest_length_and_no_other_rule() {
        assert_eq!(hash("1234567", [0; SALT_BYTES]), Err(PasswordError::TooShort));
        assert_eq!(hash(&"x".repeat(MAX_BYTES + 1), [0; SALT_BYTES]), Err(PasswordError::TooLong));
        assert!(hash("пароль12", [0; SALT_BYTES]).is_ok());
        assert!(hash(&"длинная фраза ".repeat(5), [0; SALT_BYTES]).is_ok());
        assert_eq!(check(&"x".repeat(MAX_BYTES + 1), None), Checked::Wrong);
    }
}
