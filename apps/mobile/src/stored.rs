//! Files that the core keeps on the origin's private storage, as the page shows them and hands them to others. No network is needed.
//!
//! The core says where a file is; its bytes go from the storage to the browser's decoder without passing through this module.

use std::cell::RefCell;
use std::collections::HashMap;

use futures::FutureExt;
use futures::future::{LocalBoxFuture, Shared};
use leptos::prelude::*;
use polevik_device_api::files::FileAt;
use polevik_device_api::{Blake3Hex, Reply, Request};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, FileSystemDirectoryHandle, FileSystemFileHandle};

use crate::bridge;
use crate::browser;

/// The address of a file, being made or made; `None` for one that cannot be shown.
type Address = Shared<LocalBoxFuture<'static, Option<String>>>;

thread_local! {
    /// Addresses of files that are on the screen, by hash. Kept while a screen is drawn anew, so that its pictures do not blink and nothing is
    /// asked twice.
    static ADDRESSES: RefCell<HashMap<Blake3Hex, Address>> = RefCell::new(HashMap::new());
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

/// How a file is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// A photo, among others: the core need not know.
    Photo,
    /// A material that a person opened: what is not opened for long may go.
    Material,
}

/// An address under which the browser shows the file until [`forget_addresses`]; `None` if it is not on this device.
pub async fn address(file: Blake3Hex, look: Look) -> Option<String> {
    of(file, look).await
}

fn of(file: Blake3Hex, look: Look) -> Address {
    ADDRESSES.with_borrow_mut(|addresses| addresses.entry(file.clone()).or_insert_with(|| make(file, look).boxed_local().shared()).clone())
}

async fn make(file: Blake3Hex, look: Look) -> Option<String> {
    let known = match look {
        Look::Photo => blob(&photo_at(&file)).await,
        Look::Material => None,
    };
    let blob = match known {
        Some(blob) => blob,
        // The core notes that it was opened, or that it is gone.
        None => blob(&find(file).await.ok()?).await?,
    };
    web_sys::Url::create_object_url_with_blob(&blob).ok()
}

/// Where the file of a photo is: the path follows from its hash.
fn photo_at(file: &Blake3Hex) -> FileAt {
    let path = format!("files/{}/{file}", &file.as_str()[..2]);
    FileAt { path, hash: file.clone(), bytes: 0, content_type: "image/jpeg".to_owned(), file_name: String::new() }
}

/// Gives the addresses back: their screen is left.
pub fn forget_addresses() {
    for address in ADDRESSES.take().into_values() {
        if let Some(Some(address)) = address.peek() {
            revoke(address);
        }
    }
}

fn revoke(address: &str) {
    // One that is not known any more needs no revoking.
    let _ = web_sys::Url::revoke_object_url(address);
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
    /// How it is looked at.
    look: Look,
    /// What it shows, for those who do not see it.
    alt: String,
    /// Class of the image.
    class: &'static str,
    /// What is shown instead when there is no file.
    missing: ViewFn,
) -> impl IntoView {
    let address = of(file, look);
    let shown = RwSignal::new(address.peek().cloned());
    if shown.read_untracked().is_none() {
        leptos::task::spawn_local(async move {
            let address = address.await;
            // The screen may be gone by now.
            shown.try_set(Some(address));
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
