//! Views as words and as JSON. Money is in kopecks in JSON, times are RFC 3339 in UTC, days are `YYYY-MM-DD`.

use polevik_device::api::sync::{RowState, RowView, SessionResult, SyncView, WaitReason};
use polevik_device::api::view::{DocumentPlace, OrderRow, OrderView, ProfileView};
use polevik_device::api::{ErrorCode, TrafficRow};
use polevik_domain::time::UtcMillis;
use polevik_texts::{Language, Texts, format};
use serde_json::{Value, json};

pub(crate) fn time(at: UtcMillis) -> Value {
    jiff::Timestamp::from_millisecond(at.0).map_or(Value::Null, |at| Value::String(format!("{at:.3}")))
}

fn time_or_null(at: Option<UtcMillis>) -> Value {
    at.map_or(Value::Null, time)
}

fn time_in_words(at: Option<UtcMillis>) -> String {
    match time_or_null(at) {
        Value::String(text) => text,
        _ => "never".to_owned(),
    }
}

pub(crate) fn money(kopecks: i64) -> String {
    format::money(Language::English, kopecks)
}

pub(crate) fn result(result: &SessionResult) -> &'static str {
    match result {
        SessionResult::Success => "success",
        SessionResult::Partial => "partial",
        SessionResult::Failed => "failed",
        SessionResult::Stopped => "stopped",
    }
}

fn state(row: &RowView) -> &'static str {
    match row.state {
        RowState::Never => "never",
        RowState::Queued => "queued",
        RowState::Running { .. } => "running",
        RowState::Waiting { .. } => "waiting",
        RowState::Ok => "ok",
        RowState::Partial { .. } => "partial",
        RowState::Failed { .. } => "failed",
        RowState::Stopped => "stopped",
    }
}

pub(crate) fn wait_reason(reason: WaitReason) -> &'static str {
    match reason {
        WaitReason::WiFi => "wifi",
        WaitReason::MeteredWiFi => "metered_wifi",
        WaitReason::Roaming => "roaming",
        WaitReason::UnknownNetwork => "unknown_network",
        WaitReason::OpenVisit => "open_visit",
    }
}

fn row(row: &RowView) -> Value {
    let waits_for = match row.state {
        RowState::Waiting { reason, .. } => Some(wait_reason(reason)),
        RowState::Never
        | RowState::Queued
        | RowState::Running { .. }
        | RowState::Ok
        | RowState::Partial { .. }
        | RowState::Failed { .. }
        | RowState::Stopped => None,
    };
    let failure = match &row.state {
        RowState::Failed { failure, next_try_at } => Some((failure, *next_try_at)),
        RowState::Partial { failure, .. } => Some((failure, None)),
        RowState::Never | RowState::Queued | RowState::Waiting { .. } | RowState::Running { .. } | RowState::Ok | RowState::Stopped => None,
    };
    json!({
        "row": row.id.as_str(),
        "state": state(row),
        "last_success": time_or_null(row.last_success),
        "last_success_ms": row.last_success,
        "last_attempt": time_or_null(row.last_attempt),
        "last_attempt_ms": row.last_attempt,
        "changed": row.changed,
        "code": failure.map(|(failure, _)| failure.code.as_str()),
        "tag": failure.and_then(|(failure, _)| failure.tag.clone()),
        "detail": failure.map(|(failure, _)| failure.detail.clone()),
        "next_try": time_or_null(failure.and_then(|(_, next_try)| next_try)),
        "waiting": { "orders": row.orders_waiting, "visits": row.visits_waiting, "files": row.files_waiting, "bytes": row.bytes_waiting },
        "waits_for": waits_for,
        "lost_photos": row.lost_photos,
        "library_version": row.library_version,
        "library_bytes": row.library_bytes,
        "need_attention": row.need_attention,
        "parked": row.parked,
        "re_offered": row.re_offered,
    })
}

/// Where synchronisation stands.
pub(crate) fn sync(view: &SyncView) -> Value {
    let counts = view.last_counts.map(
        |(sent, received, bytes, millis)| json!({ "documents_sent": sent, "rows_received": received, "bytes": bytes, "millis": millis }),
    );
    json!({
        "result": view.result.as_ref().map(result),
        "tag": view.tag,
        "counts": counts,
        "clock_offset_ms": view.clock_offset_ms,
        "network": view.network.as_str(),
        "wifi_only": view.wifi_only,
        "rows": view.rows.iter().map(row).collect::<Vec<_>>(),
    })
}

/// Where synchronisation stands, in words.
pub(crate) fn sync_in_words(view: &SyncView) -> String {
    let texts = Texts::new(Language::English);
    let mut lines = Vec::new();
    for row in &view.rows {
        lines.push(format!("{:<20} {:<8} last success {}", row.id.as_str(), state(row), time_in_words(row.last_success)));
        if row.orders_waiting + row.visits_waiting > 0 {
            lines.push(format!("  waiting: {} orders, {} visits", row.orders_waiting, row.visits_waiting));
        }
        if row.files_waiting > 0 {
            let reason = match row.state {
                RowState::Waiting { reason, .. } => format!(", for {}", wait_reason(reason).replace('_', " ")),
                _ => String::new(),
            };
            lines.push(format!("  waiting: {} files, {} bytes{reason}", row.files_waiting, row.bytes_waiting));
        }
        if row.lost_photos > 0 {
            lines.push(format!("  L504  {}: {}", texts.code_title(ErrorCode::PhotoMissing), row.lost_photos));
        }
        if let (Some(version), Some(bytes)) = (row.library_version, row.library_bytes) {
            lines.push(format!("  library version {version}, {bytes} bytes"));
        }
        if row.need_attention > 0 {
            let refused = row.need_attention - row.parked.min(row.need_attention);
            lines.push(format!("  need attention: {refused} refused by the office, {} set aside (see `queue list`)", row.parked));
        }
        if row.re_offered > 0 {
            let title = texts.code_title(ErrorCode::ServerRestored);
            lines.push(format!("  {}  {title}: {} documents", ErrorCode::ServerRestored, row.re_offered));
        }
        if let RowState::Failed { failure, .. } | RowState::Partial { failure, .. } = &row.state {
            let tag = failure.tag.as_deref().map(|tag| format!(" · {tag}")).unwrap_or_default();
            lines.push(format!("  {}{tag}  {}. {}", failure.code, texts.code_title(failure.code), texts.code_action(failure.code)));
            if !failure.detail.is_empty() {
                lines.push(format!("  ({})", failure.detail));
            }
        }
    }
    lines.join("\n")
}

fn traffic(row: &TrafficRow) -> Value {
    json!({ "class": row.class.as_str(), "network": row.network.as_str(), "up": row.bytes_up, "down": row.bytes_down })
}

/// Who is signed in, and what is on the device.
pub(crate) fn profile(profile: &ProfileView) -> Value {
    json!({
        "user": profile.user_name,
        "email": profile.email,
        "position": profile.position,
        "position_code": profile.position_code,
        "territory": profile.territory,
        "distributor": profile.distributor,
        "server": profile.server,
        "device_id": profile.device_id,
        "number_prefix": profile.number_prefix,
        "last_number": profile.last_number,
        "unsent": profile.unsent,
        "library_version": profile.library_version,
        "traffic": profile.traffic.iter().map(traffic).collect::<Vec<_>>(),
        "row_counts": profile.row_counts.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
    })
}

pub(crate) fn place(place: &DocumentPlace) -> (String, Value) {
    match place {
        DocumentPlace::Draft => ("draft".to_owned(), Value::Null),
        DocumentPlace::OnlyHere => ("waiting".to_owned(), Value::Null),
        DocumentPlace::OnServer => ("on_server".to_owned(), Value::Null),
        DocumentPlace::Office { state } => (state.clone(), Value::Null),
        DocumentPlace::Rejected { code, reason } => ("rejected".to_owned(), json!({ "code": code.as_str(), "reason": reason })),
        DocumentPlace::Parked => ("parked".to_owned(), json!({ "code": ErrorCode::DocumentParked.as_str(), "reason": Value::Null })),
        DocumentPlace::Withdrawn { on_server } => ("withdrawn".to_owned(), json!({ "on_server": on_server })),
    }
}

/// One order with its lines.
pub(crate) fn order(view: &OrderView) -> Value {
    let OrderRow { id, number, outlet, outlet_name, at, local_day, delivery_day, totals, place: stands, in_visit } = &view.row;
    let (state, refusal) = place(stands);
    let lines: Vec<Value> = view
        .lines
        .iter()
        .map(|line| {
            json!({
                "product_id": line.product,
                "sku": line.sku,
                "name": line.name,
                "unit": line.unit,
                "quantity": line.quantity,
                "base_quantity": line.base_quantity,
                "price": line.price,
                "vat_rate": line.vat_rate,
                "sum": line.sum,
            })
        })
        .collect();
    json!({
        "id": id.to_string(),
        "number": (!number.is_empty()).then_some(number),
        "state": state,
        "refusal": refusal,
        "outlet_id": outlet,
        "outlet": outlet_name,
        "visit_id": view.visit.map(|visit| visit.to_string()),
        "in_visit": in_visit,
        "outside_visit": view.outside_visit,
        "at": time(*at),
        "at_ms": at,
        "local_day": local_day.to_string(),
        "delivery_day": delivery_day.map(|day| day.to_string()),
        "price_type": view.price_type,
        "warehouse": view.warehouse,
        "comment": view.comment,
        "sum": totals.sum,
        "vat_sum": totals.vat_sum,
        "lines": lines,
    })
}

/// One order in a line of words.
pub(crate) fn order_in_words(view: &OrderView) -> String {
    let (state, _) = place(&view.row.place);
    let number = if view.row.number.is_empty() { "(draft)" } else { &view.row.number };
    format!("{number:<12} {state:<10} {:>14}  {}  {}", money(view.row.totals.sum.0), view.row.local_day, view.row.outlet_name)
}
