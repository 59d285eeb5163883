//! The recognition library: what is in use, and what it makes of a picture.

use std::path::Path;

use polevik_device::api::Push;
use polevik_device::error::DeviceError;
use polevik_device::sync::recognition_library::{Candidate, OpenLibrary};
use serde_json::{Value, json};

use crate::answer::{Answer, Problem, Status};
use crate::commands::Core;
use crate::pictures::pixels;

/// The library in use.
pub(crate) async fn in_use<P: Fn(Push)>(core: &Core<P>) -> Result<Answer, Problem> {
    let Some(library) = core.open_library().await? else {
        return Ok(Answer::new("No recognition library is in use.", json!({ "library": Value::Null })));
    };
    let bytes = core.with_device(|device| device.library_in_use()).map_err(DeviceError::from)?.map(|(_, bytes)| bytes);
    let (products, pictures) = (library.index.skus().len(), library.index.references().len());
    let text = format!("Version {}: {} bytes, {products} products, {pictures} reference pictures", library.version, bytes.unwrap_or(0));
    let json = json!({ "library": { "version": library.version, "bytes": bytes, "products": products, "pictures": pictures } });
    Ok(Answer::new(text, json))
}

/// What the library in use takes a picture for.
pub(crate) async fn recognise<P: Fn(Push)>(core: &Core<P>, file: &Path, most: usize) -> Result<Answer, Problem> {
    let library = opened(core).await?;
    let unreadable = |error: String| Problem::new(Status::Usage, format!("{}: {error}", file.display()));
    let bytes = std::fs::read(file).map_err(|error| unreadable(error.to_string()))?;
    let picture = pixels(&bytes).map_err(|error| unreadable(format!("{error:?}")))?;
    let found = library.index.recognise(&picture, most);
    let text = found.iter().map(in_words).collect::<Vec<_>>().join("\n");
    let rows: Vec<Value> = found.iter().map(candidate).collect();
    Ok(Answer::new(text, json!({ "version": library.version, "found": rows })))
}

async fn opened<P: Fn(Push)>(core: &Core<P>) -> Result<OpenLibrary, Problem> {
    core.open_library().await?.ok_or_else(|| Problem::new(Status::Other, "no recognition library is in use: synchronise first"))
}

fn in_words(candidate: &Candidate<'_>) -> String {
    let Candidate { sku, category, distance } = candidate;
    format!("{} · {} · {category} · {distance} away", sku.code, sku.name)
}

fn candidate(candidate: &Candidate<'_>) -> Value {
    let Candidate { sku, category, distance } = candidate;
    json!({ "product": sku.product, "sku": sku.code, "name": sku.name, "category": category, "distance": distance })
}
