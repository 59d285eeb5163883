//! What the page asks the browser for: time, place in the history, storage, the clipboard.

use polevik_domain::time::{CalendarDay, UtcMillis};
use polevik_texts::format::{LocalDate, LocalTime};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};

/// The window; there is one wherever this module runs.
pub fn window() -> web_sys::Window {
    web_sys::window().expect("the page's module runs in a window")
}

/// The page.
pub fn document() -> web_sys::Document {
    window().document().expect("a window has its document")
}

/// Now, by the device's clock.
pub fn now() -> UtcMillis {
    UtcMillis(whole(js_sys::Date::now()))
}

/// A moment as the device's clocks show it, with the zone's rules of that day.
pub fn local(moment: UtcMillis) -> LocalTime {
    #[expect(clippy::cast_precision_loss, reason = "moments of any calendar fit")]
    let date = js_sys::Date::new(&JsValue::from_f64(moment.0 as f64));
    LocalTime {
        date: LocalDate {
            year: i32::try_from(date.get_full_year()).unwrap_or_default(),
            month: date.get_month() + 1,
            day: date.get_date(),
            weekday: (date.get_day() + 6) % 7,
        },
        hour: date.get_hours(),
        minute: date.get_minutes(),
        second: date.get_seconds(),
    }
}

/// A day of the calendar, split.
pub fn date(day: CalendarDay) -> LocalDate {
    let (year, month, date) = day.year_month_day();
    LocalDate { year, month, day: date, weekday: day.weekday() }
}

/// A number of the browser as a whole one.
pub fn whole(number: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "clamped to what a double holds exactly")]
    let whole = number.clamp(-9e15, 9e15) as i64;
    whole
}

/// The language the browser asks for first.
pub fn language_tag() -> String {
    window().navigator().language().unwrap_or_default()
}

/// Listens to an event of the window for as long as the page lives.
pub fn on_window(event: &str, mut react: impl FnMut() + 'static) {
    let closure = Closure::<dyn FnMut(web_sys::Event)>::new(move |_| react());
    if window().add_event_listener_with_callback(event, closure.as_ref().unchecked_ref()).is_ok() {
        closure.forget();
    }
}

/// Whether a person can see the page.
pub fn is_visible() -> bool {
    document().visibility_state() == web_sys::VisibilityState::Visible
}

/// Calls `react` about every `millis` for as long as the page lives.
pub fn every(millis: i32, react: impl FnMut() + 'static) {
    let closure = Closure::<dyn FnMut()>::new(react);
    if window().set_interval_with_callback_and_timeout_and_arguments_0(closure.as_ref().unchecked_ref(), millis).is_ok() {
        closure.forget();
    }
}

/// Calls `react` once, after `millis`.
pub fn after(millis: i32, react: impl FnOnce() + 'static) {
    let closure = Closure::once_into_js(react);
    // Without a timer nothing passes later; there is no better answer.
    let _ = window().set_timeout_with_callback_and_timeout_and_arguments_0(closure.unchecked_ref(), millis);
}

/// Whether the browser promised not to clear what is stored; asks for the promise first.
pub async fn storage_is_kept() -> bool {
    let storage = window().navigator().storage();
    let Ok(asked) = storage.persist() else {
        return false;
    };
    wasm_bindgen_futures::JsFuture::from(asked).await.is_ok_and(|kept| kept.is_truthy())
}

/// Puts a text on the clipboard; `false` if the browser does not let us.
pub async fn copy(text: &str) -> bool {
    wasm_bindgen_futures::JsFuture::from(window().navigator().clipboard().write_text(text)).await.is_ok()
}

/// How many pixels one `rem` is: the person's font size.
pub fn rem_px() -> f64 {
    let root = document().document_element();
    root.and_then(|root| window().get_computed_style(&root).ok().flatten())
        .and_then(|style| style.get_property_value("font-size").ok())
        .and_then(|size| size.trim_end_matches("px").parse().ok())
        .unwrap_or(16.0)
}
