//! One file per screen: reads only, gives plain views, formats nothing.

pub(crate) mod attention;
pub(crate) mod materials;
pub(crate) mod order;
pub(crate) mod order_pad;
pub(crate) mod orders;
pub(crate) mod outlet;
pub(crate) mod outlets;
pub(crate) mod photos;
pub(crate) mod profile;
pub(crate) mod route;
pub(crate) mod start;
pub(crate) mod storage;
pub(crate) mod sync;
pub(crate) mod visit;

use polevik_device_api::view::{Aftermath, DocumentPlace, OrderRow, OutletRow};
use polevik_device_store::db::Both;
use polevik_device_store::reference::document_states;
use polevik_device_store::reference::outlets::Outlet;
use polevik_device_store::work::journal;
use polevik_device_store::work::orders::OrderHead;
use polevik_device_store::work::outbox::{self, Standing};
use polevik_domain::ids::DocumentId;
use polevik_domain::money::Money;
use polevik_protocol::ErrorCode;
use polevik_protocol::document::WithdrawalBody;

use crate::error::DeviceError;

/// Where a document stands: what the server answered, and what the office has said since.
pub(crate) fn place_of(both: &Both<'_>, document: DocumentId) -> Result<DocumentPlace, DeviceError> {
    let place = match outbox::standing(&both.work, document)? {
        None => return Ok(DocumentPlace::Draft),
        Some(Standing::Waiting) => return Ok(DocumentPlace::OnlyHere),
        Some(Standing::Parked) => return Ok(DocumentPlace::Parked),
        Some(Standing::Withdrawn { answered }) => return Ok(DocumentPlace::Withdrawn { on_server: answered }),
        Some(Standing::Refused { code, reason }) => {
            DocumentPlace::Rejected { code: ErrorCode::parse(&code).unwrap_or(ErrorCode::Unexpected), reason }
        }
        Some(Standing::Accepted) => DocumentPlace::OnServer,
    };
    Ok(match document_states::of_document(&both.reference, document)? {
        None => place,
        Some(word) => match word.state.as_str() {
            "received" => place,
            "withdrawn" => DocumentPlace::Withdrawn { on_server: true },
            "rejected" if matches!(place, DocumentPlace::Rejected { .. }) => place,
            "rejected" => DocumentPlace::Rejected { code: ErrorCode::DocumentRejected, reason: word.note },
            _ => DocumentPlace::Office { state: word.state },
        },
    })
}

/// What came of a document after it was promised to the server.
fn aftermath_of(both: &Both<'_>, document: DocumentId) -> Result<Aftermath, DeviceError> {
    let Some(story) = journal::story(&both.work, document)? else { return Ok(Aftermath::default()) };
    let withdrawal = story.withdrawal.and_then(|body| serde_json::from_str::<WithdrawalBody>(&body).ok());
    Ok(Aftermath { re_offered: story.re_offered, withdrawal_reason: withdrawal.map(|withdrawal| withdrawal.reason) })
}

fn order_row(both: &Both<'_>, head: &OrderHead) -> Result<OrderRow, DeviceError> {
    Ok(OrderRow {
        id: head.id,
        number: head.number.clone().unwrap_or_default(),
        outlet: head.outlet,
        outlet_name: head.outlet_name.clone(),
        at: head.at,
        local_day: head.local_day,
        delivery_day: head.delivery_day,
        totals: head.totals,
        place: place_of(both, head.id)?,
        in_visit: head.visit.is_some(),
    })
}

fn order_rows(both: &Both<'_>, heads: &[OrderHead]) -> Result<Vec<OrderRow>, DeviceError> {
    heads.iter().map(|head| order_row(both, head)).collect()
}

fn outlet_row(outlet: &Outlet, overdue: Money) -> OutletRow {
    OutletRow {
        id: outlet.id,
        code: outlet.ext_code.clone(),
        name: outlet.name.clone(),
        address: outlet.address.clone(),
        overdue,
        stopped: outlet.stopped,
    }
}
