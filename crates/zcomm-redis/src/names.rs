//! The random names of servers and logs.

use data_encoding::BASE64URL_NOPAD;
use zcomm_core::Result;

/// 11 characters with 66 random bits: no two servers and no two logs get the same name.
pub(crate) fn random_name() -> Result<String> {
    let mut bytes = [0; 9];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    let mut name = BASE64URL_NOPAD.encode(&bytes);
    name.truncate(11);
    Ok(name)
}
