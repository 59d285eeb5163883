//! «Требуют внимания»: documents that the office refused or that were set aside, why, and what the rep can do about each.
//!
//! The same red or amber box stands on the card of the order and of the visit.

use leptos::prelude::*;
use polevik_device_api::view::{Aftermath, AttentionRow, DocumentPlace, Screen, View};
use polevik_device_api::{Command, DocumentKind, ErrorCode, Failure};
use polevik_domain::ids::DocumentId;
use polevik_domain::time::UtcMillis;

use crate::app::Page;
use crate::components::{Empty, FailureBox, Sheet, TopBar, draw, load_screen};
use crate::icons::{self, icon_px};
use crate::router::Route;
use crate::screens::sync;
use crate::words::Words;

/// Most characters of a reason; the server takes no more.
const MOST_CHARACTERS: &str = "200";

/// The list.
#[component]
pub fn Attention() -> impl IntoView {
    let words = Words::here();
    let loaded = load_screen(
        || Screen::Attention,
        |view| match view {
            View::Attention(rows) => Some(rows),
            _ => None,
        },
    );
    view! {
        <TopBar title=words.t("attention-title") back=true/>
        <main class="scroll" data-testid="screen-attention">
            {draw(loaded, |rows| view! { <List rows/> }.into_any())}
        </main>
    }
}

#[component]
fn List(rows: Vec<AttentionRow>) -> impl IntoView {
    let words = Words::here();
    if rows.is_empty() {
        return view! { <Empty art=icons::CHECK title=words.t("attention-none") hint=words.t("attention-none-hint")/> }.into_any();
    }
    view! {
        <div class="page">
            <p class="sub">{words.t("attention-hint")}</p>
            {rows.into_iter().map(|row| view! { <Document row/> }).collect_view()}
        </div>
    }
    .into_any()
}

/// One document: what it is, what is wrong with it, what can be done.
#[component]
fn Document(row: AttentionRow) -> impl IntoView {
    let words = Words::here();
    let page: Page = expect_context();
    let (target, art, what, testid) = match row.kind {
        DocumentKind::Order => {
            let what = words.with_text("order-number", "number", &row.number);
            (Some(Route::Order(row.id)), icons::ORDERS, what, format!("attention-{}", row.number))
        }
        DocumentKind::Visit => (Some(Route::Visit(row.id)), icons::SHOP, words.t("visit-title"), format!("attention-{}", row.id)),
        DocumentKind::Photo => (None, icons::CAMERA, words.t("photo-title"), format!("attention-{}", row.id)),
        DocumentKind::Withdrawal => (None, icons::STOP, words.t("withdraw"), format!("attention-{}", row.id)),
    };
    // A photo that the office neither refused nor set aside is listed because its file is gone.
    let is_lost = row.kind == DocumentKind::Photo && !matches!(row.place, DocumentPlace::Rejected { .. } | DocumentPlace::Parked);
    let face = view! {
        <span class="glyph">{icon_px(art, 22)}</span>
        <span>
            <span class="name two-lines">{row.outlet_name}</span>
            <span class="sub num block">{what}</span>
            <span class="sub num block">{words.day_and_clock(row.at)}</span>
        </span>
    };
    view! {
        <section class="card" data-testid=testid>
            {match target {
                Some(target) => {
                    view! {
                        <a class="row" href=target.path() on:click=move |event| page.follow(&event, target)>
                            {face} {icon_px(icons::FORWARD, 20)}
                        </a>
                    }
                        .into_any()
                }
                None => view! { <div class="row">{face}</div> }.into_any(),
            }}
            <div class="card-foot">
                {is_lost.then(|| view! { <FailureBox failure=Failure::new(ErrorCode::PhotoMissing, "") calm=true testid="attention-lost".to_owned()/> })}
                <Trouble document=row.id place=row.place of="attention" since=Some(row.since)/>
            </div>
        </section>
    }
}

/// What is wrong with a document, and the buttons for it; nothing for one that is well.
#[component]
pub fn Trouble(
    /// Which.
    document: DocumentId,
    /// Where it stands.
    place: DocumentPlace,
    /// The screen it is shown on, for the names of tests.
    of: &'static str,
    /// Since when it stands so, where that is told.
    #[prop(optional_no_strip)]
    since: Option<UtcMillis>,
) -> impl IntoView {
    let words = Words::here();
    let page: Page = expect_context();
    let busy = RwSignal::new(false);
    let (code, reason, parked) = match place {
        DocumentPlace::Rejected { code, reason } => (code, reason, false),
        DocumentPlace::Parked => (ErrorCode::DocumentParked, String::new(), true),
        DocumentPlace::Draft
        | DocumentPlace::OnlyHere
        | DocumentPlace::OnServer
        | DocumentPlace::Office { .. }
        | DocumentPlace::Withdrawn { .. } => return ().into_any(),
    };
    let action = if reason.is_empty() { words.code_action(code) } else { reason };
    let said = Some((Signal::stored(words.code_title(code)), action));
    let since = since.map(|at| view! { <div class="do num">{words.with_text("attention-since", "time", &words.day_and_clock(at))}</div> });
    let resend = move |_| {
        page.act_once(busy, Command::Unpark { document: Some(document) }, move |_| {
            page.say(words.t("attention-resending"));
            sync::sync(None);
        });
    };
    let resend = parked.then(|| {
        view! {
            <button class="button outline narrow" data-testid="document-resend" disabled=move || busy.get() on:click=resend>
                {words.t("attention-resend")}
            </button>
        }
    });
    let testid = format!("{of}-{}", if parked { "parked" } else { "rejected" });
    view! {
        <FailureBox failure=Failure::new(code, "") said calm=parked testid>
            {since}
            <div class="line">
                {resend}
                <button class="button outline narrow" data-testid="document-withdraw" on:click=move |_| page.withdrawing.set(Some(document))>
                    {words.t("withdraw")}
                </button>
            </div>
        </FailureBox>
    }
    .into_any()
}

/// What came of a document besides: taken back and why, or offered again to a restored server.
#[component]
pub fn Story(
    /// Where it stands.
    place: DocumentPlace,
    /// What came of it.
    aftermath: Aftermath,
) -> impl IntoView {
    let words = Words::here();
    let withdrawn = match place {
        DocumentPlace::Withdrawn { on_server } => {
            let known = words.t(if on_server { "withdrawn-office-knows" } else { "withdrawn-only-here" });
            let because = aftermath.withdrawal_reason.map(|reason| words.with_text("withdrawn-because", "reason", &reason));
            Some(view! {
                <div class="note" data-testid="withdrawn">
                    {icon_px(icons::INFO, 20)}
                    <span class="grow anywhere">
                        <b class="block">{known}</b>
                        {because}
                    </span>
                </div>
            })
        }
        _ => None,
    };
    let offered = aftermath.re_offered.then(|| {
        view! {
            <div class="note" data-testid="re-offered">
                {icon_px(icons::INFO, 20)} <span class="grow">{words.t("re-offered")} " " {ErrorCode::ServerRestored.as_str()}</span>
            </div>
        }
    });
    view! { {withdrawn} {offered} }
}

/// Asks why a document is taken back. It stands beside the screens, so that news for a screen do not wipe out what is being written.
#[component]
pub fn WithdrawSheet() -> impl IntoView {
    let words = Words::here();
    let page: Page = expect_context();
    let open = RwSignal::new(false);
    Effect::new(move |_| open.set(page.withdrawing.get().is_some()));
    Effect::new(move |_| {
        if !open.get() && page.withdrawing.get_untracked().is_some() {
            page.withdrawing.set(None);
        }
    });
    view! {
        <Sheet open title=words.t("withdraw-ask") testid="sheet-withdraw">
            <WithdrawForm open/>
        </Sheet>
    }
}

/// The reason, and the two buttons.
#[component]
fn WithdrawForm(open: RwSignal<bool>) -> impl IntoView {
    let words = Words::here();
    let page: Page = expect_context();
    let busy = RwSignal::new(false);
    let reason = RwSignal::new(String::new());
    let empty = Memo::new(move |_| reason.read().trim().is_empty());
    let withdraw = move |_| {
        let Some(document) = page.withdrawing.get_untracked() else { return };
        page.act_once(busy, Command::Withdraw { document, reason: reason.get_untracked() }, move |_| {
            open.try_set(false);
            page.say(words.t("withdraw-done"));
        });
    };
    view! {
        <p>{words.t("withdraw-what")}</p>
        <div class="field">
            <label for="withdraw-reason">{words.t("withdraw-reason")}</label>
            <textarea
                id="withdraw-reason" class="input" rows="2" maxlength=MOST_CHARACTERS placeholder=words.t("withdraw-reason-hint")
                data-testid="withdraw-reason" prop:value=reason on:input=move |event| reason.set(event_target_value(&event))
            ></textarea>
        </div>
        <button class="button danger" data-testid="withdraw-confirm" disabled=move || busy.get() || empty.get() on:click=withdraw>
            {words.t("withdraw")}
        </button>
        <button class="button plain low" data-testid="withdraw-cancel" on:click=move |_| open.set(false)>{words.t("cancel")}</button>
    }
}
