//! Drawings in one line: 24 units wide, drawn with the colour of the text beside them, silent for screen readers.

use leptos::prelude::*;

/// One drawing: the inside of an `svg`.
#[derive(Clone, Copy)]
pub struct Icon(&'static str);

macro_rules! icons {
    ($($(#[$doc:meta])* $name:ident = $paths:literal;)*) => {$(
        $(#[$doc])*
        pub const $name: Icon = Icon($paths);
    )*};
}

icons! {
    /// A way with two ends.
    ROUTE = r#"<path d="M6 20c0-6 12-4 12-9.500s-6-3.500-12-3.500"/><circle cx="6" cy="7" r="2.500"/><circle cx="18" cy="20" r="2.500" transform="translate(0 -2)"/>"#;
    /// A shop.
    SHOP = r#"<path d="M5 10v10h14V10M3.500 9.500 5.500 4h13l2 5.500a2.700 2.700 0 0 1-5.300.5 2.700 2.700 0 0 1-5.300 0 2.700 2.700 0 0 1-5.300-.5zM10 20v-5h4v5"/>"#;
    /// A list on paper.
    ORDERS = r#"<path d="M6 3h12v18l-3-2-3 2-3-2-3 2zM9.500 8h5M9.500 12h5"/>"#;
    /// Three dots.
    MORE = r#"<g fill="currentColor" stroke="none"><circle cx="5" cy="12" r="2"/><circle cx="12" cy="12" r="2"/><circle cx="19" cy="12" r="2"/></g>"#;
    /// To the left.
    BACK = r#"<path d="M15 5l-7 7 7 7"/>"#;
    /// To the right.
    FORWARD = r#"<path d="M9 5l7 7-7 7"/>"#;
    /// Two arrows in a circle.
    SYNC = r#"<path d="M20 12a8 8 0 0 1-14.300 5M4 12a8 8 0 0 1 14.300-5M18.500 3v4h-4M5.500 21v-4h4"/>"#;
    /// Done.
    CHECK = r#"<path d="M5 12.500l4.500 4.500L19 7.500"/>"#;
    /// Up, out of the phone.
    UP = r#"<path d="M12 20V5M6 11l6-6 6 6"/>"#;
    /// Down, into the phone.
    DOWN = r#"<path d="M12 4v15M6 13l6 6 6-6"/>"#;
    /// A cross.
    CLOSE = r#"<path d="M6 6l12 12M18 6L6 18"/>"#;
    /// One more.
    PLUS = r#"<path d="M12 5v14M5 12h14"/>"#;
    /// One less.
    MINUS = r#"<path d="M5 12h14"/>"#;
    /// A glass to search with.
    SEARCH = r#"<circle cx="11" cy="11" r="6.500"/><path d="M16 16l4.500 4.500"/>"#;
    /// An octagon with a mark: a failure.
    FAIL = r#"<path d="M8.500 3h7L21 8.500v7L15.500 21h-7L3 15.500v-7z"/><path d="M12 8v5M12 16.300v.01"/>"#;
    /// A triangle with a mark: a warning.
    WARN = r#"<path d="M12 4L2.800 20h18.400zM12 10v4.500M12 17.300v.01"/>"#;
    /// A circle with an i.
    INFO = r#"<circle cx="12" cy="12" r="9"/><path d="M12 11v5M12 8v.01"/>"#;
    /// Hands of a clock.
    CLOCK = r#"<circle cx="12" cy="12" r="9"/><path d="M12 7v5l3.500 2"/>"#;
    /// An open eye.
    EYE = r#"<path d="M2.500 12S6 5.500 12 5.500 21.500 12 21.500 12 18 18.500 12 18.500 2.500 12 2.500 12z"/><circle cx="12" cy="12" r="2.800"/>"#;
    /// A closed eye.
    EYE_OFF = r#"<path d="M10 5.700a9 9 0 0 1 2-.2c6 0 9.500 6.500 9.500 6.500a16 16 0 0 1-3 3.800M6.500 7.300A15 15 0 0 0 2.500 12S6 18.500 12 18.500a9 9 0 0 0 4.500-1.200M4 4l16 16"/>"#;
    /// Head and shoulders.
    PERSON = r#"<circle cx="12" cy="8" r="4"/><path d="M4.500 20.500c1-4 4-5.500 7.500-5.500s6.500 1.500 7.500 5.500"/>"#;
    /// A receiver.
    PHONE = r#"<path d="M6.500 3.500h3l1.500 4.500-2 1.500a12 12 0 0 0 5.500 5.500l1.500-2 4.500 1.500v3c0 1.500-1 2.500-2.500 2.500C10.500 19.500 4.500 13.500 4 6c0-1.500 1-2.500 2.500-2.500z"/>"#;
    /// Two windows.
    WINDOWS = r#"<rect x="3" y="7" width="13" height="13" rx="2.500"/><path d="M8 7V6a2.500 2.500 0 0 1 2.500-2.500H18A2.500 2.500 0 0 1 20.500 6v7.500A2.500 2.500 0 0 1 18 16h-2"/>"#;
    /// A basket.
    BASKET = r#"<path d="M4 9h16l-1.500 10.500h-13zM8.500 9L11 4M15.500 9L13 4M10 13v3M14 13v3"/>"#;
    /// A place on the map.
    PLACE = r#"<path d="M12 21.500s7-6.300 7-11.500a7 7 0 0 0-14 0c0 5.200 7 11.500 7 11.500z"/><circle cx="12" cy="10" r="2.500"/>"#;
    /// Rows of data.
    ROWS = r#"<ellipse cx="12" cy="6" rx="7.500" ry="3"/><path d="M4.500 6v12c0 1.700 3.400 3 7.500 3s7.500-1.300 7.500-3V6M4.500 12c0 1.700 3.400 3 7.500 3s7.500-1.300 7.500-3"/>"#;
    /// A way out.
    EXIT = r#"<path d="M14 4h4a2 2 0 0 1 2 2v12a2 2 0 0 1-2 2h-4M4 12h11M8 8l-4 4 4 4"/>"#;
    /// A sheet to write on.
    NOTE = r#"<path d="M5 4h14v10l-6 6H5zM13 20v-6h6M9 9h6"/>"#;
    /// A camera.
    CAMERA = r#"<path d="M3.500 8.500A2 2 0 0 1 5.500 6.500h2L9 4h6l1.500 2.500h2a2 2 0 0 1 2 2V18a2 2 0 0 1-2 2h-13a2 2 0 0 1-2-2z"/><circle cx="12" cy="13" r="3.700"/>"#;
    /// Waves of a radio.
    WIFI = r#"<path d="M2.500 9.500a14 14 0 0 1 19 0M6 13.300a9 9 0 0 1 12 0M9.300 17a4.300 4.300 0 0 1 5.400 0M12 20v.01"/>"#;
    /// Bars of a mobile network.
    CELLS = r#"<path d="M5 20v-3M10 20v-6.500M15 20V10M20 20V5"/>"#;
    /// A folder.
    FOLDER = r#"<path d="M3 7a2 2 0 0 1 2-2h4.500l2 2.500H19a2 2 0 0 1 2 2V17a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2z"/>"#;
    /// A picture in a frame.
    PICTURE = r#"<rect x="3.500" y="4.500" width="17" height="15" rx="2.500"/><circle cx="9" cy="10" r="1.600"/><path d="M4 17l4.500-4 3.500 3 3-2.500 5 4"/>"#;
    /// Something to play.
    VIDEO = r#"<rect x="3.500" y="5" width="17" height="14" rx="2.500"/><path d="M10.500 9.200v5.600l4.500-2.800z"/>"#;
    /// A closed lock.
    LOCK = r#"<rect x="5" y="11" width="14" height="9.500" rx="2.500"/><path d="M8 11V8a4 4 0 0 1 8 0v3"/>"#;
    /// Out of here, to others.
    SHARE = r#"<path d="M12 15V4M8 7.500L12 3.500l4 4M6.500 11.500H5V20.500h14v-9h-1.500"/>"#;
    /// A drive.
    STORAGE = r#"<rect x="3.500" y="13" width="17" height="7" rx="2"/><path d="M4 13.500L6.500 5h11l2.500 8.500M16.500 16.500h.01"/>"#;
    /// An aim around a thing.
    SCAN = r#"<path d="M4 8V6a2 2 0 0 1 2-2h2M16 4h2a2 2 0 0 1 2 2v2M20 16v2a2 2 0 0 1-2 2h-2M8 20H6a2 2 0 0 1-2-2v-2"/><rect x="9" y="8" width="6" height="8" rx="1.500"/>"#;
    /// A hand that stops.
    STOP = r#"<circle cx="12" cy="12" r="9"/><path d="M5.800 5.800l12.400 12.400"/>"#;
}

/// The drawing, 24 px.
pub fn icon(icon: Icon) -> impl IntoView {
    icon_px(icon, 24)
}

/// The drawing, `px` wide and high.
pub fn icon_px(icon: Icon, px: u32) -> impl IntoView {
    view! {
        <svg
            width=px height=px viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round"
            stroke-linejoin="round" aria-hidden="true" inner_html=icon.0
        ></svg>
    }
}

/// The drawing, turning while something moves.
pub fn icon_spinning(icon: Icon, px: u32) -> impl IntoView {
    view! {
        <svg
            class="spin" width=px height=px viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round"
            stroke-linejoin="round" aria-hidden="true" inner_html=icon.0
        ></svg>
    }
}
