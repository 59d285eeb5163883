//! Photos, materials and the room they take.

use std::path::Path;

use polevik_device::api::files::{Amount, MaterialRow, MaterialState, PhotoFileState, PhotoRow, Space, StorageView};
use polevik_device::api::view::{Screen, View};
use polevik_device::api::{Command, CommandDone, Push, Reply, Request};
use polevik_domain::ids::DocumentId;
use polevik_domain::photo::Scene;
use serde_json::{Value, json};

use crate::answer::{Answer, Problem, Status};
use crate::args::{Materials, Storage, VisitRef};
use crate::commands::{Core, execute, load, unexpected, wait_for_the_end, wrong_view};
use crate::print;

/// Keeps a photo of a file in a visit.
pub(crate) async fn take_photo<P: Fn(Push)>(
    core: &Core<P>,
    visit: VisitRef,
    file: &Path,
    scene: Scene,
    comment: String,
) -> Result<Answer, Problem> {
    let visit = match visit {
        VisitRef::Id(visit) => visit,
        VisitRef::Open => {
            let open = core.with_device(|device| device.open_visit())?;
            open.ok_or_else(|| Problem::new(Status::Other, "no visit is open"))?
        }
    };
    let picture = std::fs::read(file).map_err(|error| Problem::new(Status::Usage, format!("{}: {error}", file.display())))?;
    match core.request(Request::TakePhoto { visit, scene, comment, picture }).await {
        Reply::Done(CommandDone::Document(id)) => {
            let row = photos_of(core, visit).await?.into_iter().find(|row| row.id == id).ok_or_else(wrong_view)?;
            Ok(Answer::new(photo_in_words(&row), photo(Some(visit), &row)))
        }
        other => Err(unexpected(other)),
    }
}

/// The photos on this device, newest first, or those of one visit in the order they were taken.
pub(crate) async fn photos<P: Fn(Push)>(core: &Core<P>, visit: Option<DocumentId>, limit: u32) -> Result<Answer, Problem> {
    let rows: Vec<(DocumentId, PhotoRow)> = match visit {
        Some(visit) => photos_of(core, visit).await?.into_iter().map(|row| (visit, row)).collect(),
        None => core.with_device(|device| device.photos(limit))?,
    };
    let text = rows.iter().map(|(_, row)| photo_in_words(row)).collect::<Vec<_>>().join("\n");
    let rows: Vec<Value> = rows.iter().map(|(visit, row)| photo(Some(*visit), row)).collect();
    Ok(Answer::new(text, json!({ "photos": rows })))
}

async fn photos_of<P: Fn(Push)>(core: &Core<P>, visit: DocumentId) -> Result<Vec<PhotoRow>, Problem> {
    match load(core, Screen::Visit(visit)).await? {
        View::Visit(view) => Ok(view.photos),
        _ => Err(wrong_view()),
    }
}

/// The materials that are shown today; first does what is asked of one of them.
pub(crate) async fn materials<P: Fn(Push)>(
    core: &Core<P>,
    home: &Path,
    asked: &Materials,
    ended: &tokio::sync::Notify,
) -> Result<Answer, Problem> {
    for (material, pinned) in [(asked.pin, true), (asked.unpin, false)] {
        if let Some(material) = material {
            execute(core, Command::PinMaterial { material, pinned }).await?;
        }
    }
    if let Some(material) = asked.open {
        return open(core, home, material).await;
    }
    if let Some(material) = asked.fetch {
        match core.request(Request::FetchMaterial(material)).await {
            Reply::Taken => (),
            other => return Err(unexpected(other)),
        }
        let answer = wait_for_the_end(core, ended).await?;
        if answer.failure.is_some() {
            return Ok(answer);
        }
    }
    let view = materials_view(core).await?;
    let text = view.rows.iter().map(material_in_words).collect::<Vec<_>>().join("\n");
    let json = json!({
        "materials": view.rows.iter().map(material).collect::<Vec<_>>(),
        "bytes_here": view.bytes_here,
        "bytes_total": view.bytes_total,
        "budget": view.budget,
        "waiting": view.waiting.map(print::wait_reason),
    });
    Ok(Answer::new(text, json))
}

async fn materials_view<P: Fn(Push)>(core: &Core<P>) -> Result<polevik_device::api::files::MaterialsView, Problem> {
    match load(core, Screen::Materials).await? {
        View::Materials(view) => Ok(view),
        _ => Err(wrong_view()),
    }
}

/// Says where the file of a material is.
async fn open<P: Fn(Push)>(core: &Core<P>, home: &Path, id: i64) -> Result<Answer, Problem> {
    let rows = materials_view(core).await?.rows;
    let row =
        rows.iter().find(|row| row.id == id).ok_or_else(|| Problem::new(Status::Usage, format!("there is no material {id} today")))?;
    match core.request(Request::OpenFile(row.file.clone())).await {
        Reply::File(at) => {
            let path = home.join(&at.path);
            let json = json!({
                "path": path.display().to_string(),
                "hash": at.hash.as_str(),
                "bytes": at.bytes,
                "content_type": at.content_type,
                "file_name": at.file_name,
            });
            Ok(Answer::new(path.display().to_string(), json))
        }
        other => Err(unexpected(other)),
    }
}

/// What takes room; first makes some.
pub(crate) async fn storage<P: Fn(Push)>(core: &Core<P>, asked: &Storage) -> Result<Answer, Problem> {
    for (is_asked, command) in
        [(asked.remove_sent_photos, Command::RemoveSentPhotos), (asked.remove_unused_materials, Command::RemoveUnusedMaterials)]
    {
        if is_asked {
            execute(core, command).await?;
        }
    }
    let view = match load(core, Screen::Storage).await? {
        View::Storage(view) => view,
        _ => return Err(wrong_view()),
    };
    Ok(Answer::new(storage_in_words(&view), storage_as_json(&view)))
}

/// Switches «only over Wi-Fi».
pub(crate) async fn wifi_only<P: Fn(Push)>(core: &Core<P>, on: bool) -> Result<Answer, Problem> {
    execute(core, Command::SetWiFiOnly { on }).await?;
    let text =
        if on { "Photos, materials and the library wait for Wi-Fi." } else { "Photos, materials and the library go over any network." };
    Ok(Answer::new(text, json!({ "wifi_only": on })))
}

fn photo(visit: Option<DocumentId>, row: &PhotoRow) -> Value {
    let (place, refusal) = print::place(&row.place);
    let (state, sent, failure) = file_state(&row.file_state);
    json!({
        "id": row.id.to_string(),
        "visit_id": visit.map(|visit| visit.to_string()),
        "scene": row.scene.as_str(),
        "taken_at": print::time(row.taken_at),
        "file": row.file.as_str(),
        "bytes": row.bytes,
        "width": row.width,
        "height": row.height,
        "state": place,
        "refusal": refusal,
        "file_state": state,
        "sent": sent,
        "code": failure,
    })
}

fn file_state(state: &PhotoFileState) -> (&'static str, Option<u64>, Option<&'static str>) {
    match state {
        PhotoFileState::OnlyHere { sent, failure } => ("only_here", Some(*sent), failure.as_ref().map(|failure| failure.code.as_str())),
        PhotoFileState::OnServer { here: true } => ("on_server_and_here", None, None),
        PhotoFileState::OnServer { here: false } => ("on_server", None, None),
        PhotoFileState::Lost => ("lost", None, Some("L504")),
    }
}

fn photo_in_words(row: &PhotoRow) -> String {
    let (place, _) = print::place(&row.place);
    let (state, _, _) = file_state(&row.file_state);
    format!("{}  {:<8} {:>9} bytes  {:>4}×{:<4}  data {place}, file {state}", row.id, row.scene.as_str(), row.bytes, row.width, row.height)
}

fn material(row: &MaterialRow) -> Value {
    let (state, have, failure) = match &row.state {
        MaterialState::Here => ("here", row.bytes, None),
        MaterialState::Wanted { have } => ("wanted", *have, None),
        MaterialState::Left => ("left", 0, None),
        MaterialState::Failed(failure) => ("failed", 0, Some(failure)),
    };
    json!({
        "id": row.id,
        "title": row.title,
        "kind": row.kind,
        "folder": row.folder,
        "file": row.file.as_str(),
        "bytes": row.bytes,
        "content_type": row.content_type,
        "file_name": row.file_name,
        "version": row.version,
        "mandatory": row.mandatory,
        "new": row.is_new,
        "pinned": row.pinned,
        "valid_to": row.valid_to.map(|day| day.to_string()),
        "outlet_id": row.outlet,
        "product_id": row.product,
        "state": state,
        "have": have,
        "code": failure.map(|failure| failure.code.as_str()),
        "detail": failure.map(|failure| failure.detail.clone()),
    })
}

fn material_in_words(row: &MaterialRow) -> String {
    let state = match &row.state {
        MaterialState::Here => "here".to_owned(),
        MaterialState::Wanted { have: 0 } => "wanted".to_owned(),
        MaterialState::Wanted { have } => format!("{have} of it here"),
        MaterialState::Left => "left out".to_owned(),
        MaterialState::Failed(failure) => failure.code.to_string(),
    };
    let marks = [(row.mandatory, " mandatory"), (row.pinned, " kept"), (row.is_new, " new")];
    let marks: String = marks.iter().filter(|(is, _)| *is).map(|(_, word)| *word).collect();
    format!("{:>6}  {:<13} {:>10} bytes  {state:<9} {}{marks}", row.id, row.kind, row.bytes, row.title)
}

fn amount(amount: Amount) -> Value {
    json!({ "files": amount.files, "bytes": amount.bytes })
}

fn space(space: Space) -> &'static str {
    match space {
        Space::Enough => "enough",
        Space::Low => "low",
        Space::Full => "full",
    }
}

fn storage_as_json(view: &StorageView) -> Value {
    json!({
        "databases": view.databases,
        "queued_photos": amount(view.queued_photos),
        "sent_photos": amount(view.sent_photos),
        "materials": amount(view.materials),
        "unused_materials": amount(view.unused_materials),
        "library": amount(view.library),
        "logs": view.logs,
        "free": view.free,
        "persistent": view.persistent,
        "space": space(view.space),
    })
}

fn storage_in_words(view: &StorageView) -> String {
    let line = |name: &str, amount: Amount| format!("{name:<22} {:>12} bytes in {} files", amount.bytes, amount.files);
    let free = view.free.map_or_else(|| "not known".to_owned(), |free| format!("{free} bytes"));
    [
        format!("{:<22} {:>12} bytes", "databases", view.databases),
        line("photos to be sent", view.queued_photos),
        line("photos on the server", view.sent_photos),
        line("materials", view.materials),
        line("  of these unused", view.unused_materials),
        line("recognition library", view.library),
        format!("{:<22} {free} ({})", "free", space(view.space)),
    ]
    .join("\n")
}
