//! Files that the core keeps on the origin's private storage, as the page shows them and hands them to others. No network is needed.
//!
//! The core says where a file is; its bytes go from the storage to the browser's decoder without passing through this module.

use std::cell::RefCell;
use std::collections::HashMap;

use leptos::prelude::*;
use polevik_device_api::files::FileAt;
use polevik_device_api::{Blake3Hex, Reply, Request};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, FileSystemDirectoryHandle, FileSystemFileHandle};

use crate::bridge;
use crate::browser;

thread_local! {
    /// Addresses of files that are on the screen, by hash. Kept while a screen is drawn anew, so that its pictures do not blink.
    static URLS: RefCell<HashMap<Blake3Hex, String>> = RefCell::new(HashMap::new());
}

/// Where a file is; remembers that it was opened.
///
/// # Errors
///
/// The core's failure or refusal, as it came.
pub async fn find(file: Blake3Hex) -> Result<FileAt, Reply> {
    match bridge::ask(Request::OpenFile(file)).await {
        Reply::File(at) => Ok(at),
        other => Err(other),
    }
}

/// The file with its type; `None` if the storage does not give it.
pub async fn blob(at: &FileAt) -> Option<Blob> {
    let root = JsFuture::from(browser::window().navigator().storage().get_directory()).await.ok()?;
    let mut folder: FileSystemDirectoryHandle = root.unchecked_into();
    let (folders, name) = at.path.rsplit_once('/')?;
    for part in folders.split('/') {
        folder = JsFuture::from(folder.get_directory_handle(part)).await.ok()?.unchecked_into();
    }
    let handle: FileSystemFileHandle = JsFuture::from(folder.get_file_handle(name)).await.ok()?.unchecked_into();
    let file: Blob = JsFuture::from(handle.get_file()).await.ok()?.unchecked_into();
    // The storage guesses a type by the name, and ours have no ending.
    file.slice_with_f64_and_f64_and_content_type(0.0, file.size(), &at.content_type).ok()
}

/// An address under which the browser shows the file until [`forget_urls`].
///
/// # Errors
///
/// What the core said, or `None` when the storage did not give the file.
pub async fn url(file: Blake3Hex) -> Result<String, Option<Reply>> {
    if let Some(known) = URLS.with_borrow(|urls| urls.get(&file).cloned()) {
        return Ok(known);
    }
    let at = find(file.clone()).await.map_err(Some)?;
    let blob = blob(&at).await.ok_or(None)?;
    let url = web_sys::Url::create_object_url_with_blob(&blob).map_err(|_| None)?;
    if let Some(earlier) = URLS.with_borrow_mut(|urls| urls.insert(file, url.clone())) {
        revoke(&earlier);
    }
    Ok(url)
}

/// Gives the addresses back: their screen is left.
pub fn forget_urls() {
    for url in URLS.take().into_values() {
        revoke(&url);
    }
}

fn revoke(url: &str) {
    // An address that is not known any more needs no revoking.
    let _ = web_sys::Url::revoke_object_url(url);
}

/// Hands a file over: to another application where the browser can, otherwise to the downloads. `false` if neither worked.
pub async fn hand_over(file: Blake3Hex) -> bool {
    let Ok(at) = find(file).await else { return false };
    let Some(blob) = blob(&at).await else { return false };
    share(&at, &blob).await || download(&at, &blob)
}

/// Offers the file to other applications. A person who closes that list has decided, too.
async fn share(at: &FileAt, blob: &Blob) -> bool {
    let navigator = browser::window().navigator();
    if !js_sys::Reflect::has(&navigator, &"canShare".into()).unwrap_or(false) {
        return false;
    }
    let kind = web_sys::FilePropertyBag::new();
    kind.set_type(&at.content_type);
    let Ok(file) = web_sys::File::new_with_blob_sequence_and_options(&js_sys::Array::of1(blob), &at.file_name, &kind) else {
        return false;
    };
    let data = web_sys::ShareData::new();
    data.set_files(&js_sys::Array::of1(&file));
    if !navigator.can_share_with_data(&data) {
        return false;
    }
    match JsFuture::from(navigator.share_with_data(&data)).await {
        Ok(_) => true,
        Err(error) => js_sys::Reflect::get(&error, &"name".into()).ok().is_some_and(|name| name == "AbortError"),
    }
}

/// Puts the file among the downloads.
fn download(at: &FileAt, blob: &Blob) -> bool {
    let Ok(url) = web_sys::Url::create_object_url_with_blob(blob) else { return false };
    let link = browser::document().create_element("a").ok().and_then(|link| link.dyn_into::<web_sys::HtmlAnchorElement>().ok());
    if let Some(link) = &link {
        link.set_href(&url);
        link.set_download(&at.file_name);
        link.click();
    }
    // The download has its own hold on the bytes by then.
    browser::after(60_000, move || revoke(&url));
    link.is_some()
}

/// Whether this browser shows PDF inside a page.
pub fn shows_pdf() -> bool {
    let shows = js_sys::Reflect::get(&browser::window().navigator(), &"pdfViewerEnabled".into());
    shows.is_ok_and(|shows| shows == JsValue::TRUE)
}

/// The bytes of a file that a person chose or took with the camera; `None` if they cannot be read.
pub async fn bytes_of(file: &web_sys::File) -> Option<Vec<u8>> {
    let buffer = JsFuture::from(file.array_buffer()).await.ok()?;
    Some(js_sys::Uint8Array::new(&buffer).to_vec())
}

/// A picture from the storage, in a box that keeps its place while it is loaded; `missing` stands there if it is not on this device.
#[component]
pub fn Picture(
    /// Its file.
    file: Blake3Hex,
    /// What it shows, for those who do not see it.
    alt: String,
    /// Class of the image.
    class: &'static str,
    /// What is shown instead when there is no file.
    missing: ViewFn,
) -> impl IntoView {
    let known = URLS.with_borrow(|urls| urls.get(&file).cloned());
    let shown = RwSignal::new(known.map(Some));
    if shown.read_untracked().is_none() {
        leptos::task::spawn_local(async move {
            let url = url(file).await.ok();
            // The screen may be gone by now.
            shown.try_set(Some(url));
        });
    }
    move || match shown.get() {
        None => view! { <span class=class aria-busy="true"></span> }.into_any(),
        Some(Some(url)) => {
            let failed = move |_| shown.set(Some(None));
            view! { <img class=class src=url alt=alt.clone() decoding="async" on:error=failed/> }.into_any()
        }
        Some(None) => missing.run(),
    }
}
