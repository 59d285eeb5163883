//! What the office says of our documents.

use polevik_domain::ids::DocumentId;
use rusqlite::{OptionalExtension, Transaction, named_params};

use crate::error::{Result, StoreError};
use crate::reference::schema::Index;

pub(crate) const INDEX: Index = Index { table: "document_state", name: "document_state_by_document", columns: "document_id" };

/// The office's newest word on a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentState {
    /// Revision it speaks of.
    pub revision: u32,
    /// `received`, `rejected`, `accepted`, `shipped`, `delivered`, `changed`.
    pub state: String,
    /// In the office's words; may be empty.
    pub note: String,
}

/// The office's newest word on a document; `None` if it has said nothing.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn of_document(tx: &Transaction<'_>, document: DocumentId) -> Result<Option<DocumentState>> {
    let mut statement = tx.prepare_cached(OF_DOCUMENT)?;
    let found = statement
        .query_row(named_params! { ":document_id": document.as_bytes() }, |row| {
            Ok(DocumentState { revision: row.get("revision")?, state: row.get("state")?, note: row.get("note")? })
        })
        .optional()?;
    Ok(found)
}

const OF_DOCUMENT: &str = "
    -- document_states::of_document
    SELECT revision, state, note
      FROM document_state
     WHERE document_id = :document_id
     ORDER BY revision DESC, at_ms DESC, id DESC
     LIMIT 1";

/// Up to `limit` documents whose newest word from the office is a refusal, oldest word first.
///
/// # Errors
///
/// [`crate::StoreError`].
pub fn rejected(tx: &Transaction<'_>, limit: u32) -> Result<Vec<DocumentId>> {
    let mut statement = tx.prepare_cached(REJECTED)?;
    let ids = statement.query_map(named_params! { ":limit": limit }, |row| row.get::<_, Vec<u8>>("document_id"))?;
    let ids: Vec<Vec<u8>> = ids.collect::<rusqlite::Result<_>>()?;
    ids.iter().map(|id| DocumentId::from_slice(id).ok_or(StoreError::BadValue("document_state.document_id"))).collect()
}

const REJECTED: &str = "
    -- document_states::rejected
    SELECT document_id
      FROM document_state
     WHERE state = 'rejected'
       AND NOT EXISTS (SELECT 1 FROM document_state AS newer
                        WHERE newer.document_id = document_state.document_id
                          AND (newer.revision, newer.at_ms, newer.id) > (document_state.revision, document_state.at_ms, document_state.id))
     ORDER BY at_ms, id
     LIMIT :limit";
