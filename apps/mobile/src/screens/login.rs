//! «Вход»: e-mail, password, then the position if there are several.

use leptos::html;
use leptos::prelude::*;
use polevik_device_api::sync::Failure;
use polevik_device_api::{ErrorCode, Reply, Request};
use polevik_domain::position::Role;

use crate::app::{Page, icon_path};
use crate::bridge;
use crate::browser;
use crate::components::FailureBox;
use crate::icons::{self, icon, icon_px};
use crate::router::Route;
use crate::words::Words;

/// A position to choose.
#[derive(Clone)]
struct Choice {
    code: String,
    name: String,
    role: Role,
    place: String,
}

/// Login, and after it the choice of the position.
#[component]
pub fn Login(
    /// Whether work is on the device already: the session ended, and there is a way back.
    again: bool,
) -> impl IntoView {
    let page: Page = expect_context();
    let words = Words::here();
    let email = RwSignal::new(String::new());
    let password = RwSignal::new(String::new());
    let choices = RwSignal::new(Vec::<Choice>::new());
    let busy = RwSignal::new(None::<String>);
    let failure = RwSignal::new(None::<Failure>);
    let incomplete = RwSignal::new(false);

    let sign_in = move |position: Option<String>| {
        if busy.read_untracked().is_some() {
            return;
        }
        incomplete.set(email.read_untracked().trim().is_empty() || password.read_untracked().is_empty());
        if incomplete.get_untracked() {
            return;
        }
        busy.set(Some(position.clone().unwrap_or_default()));
        failure.set(None);
        let request = Request::Login { email: email.get_untracked().trim().to_owned(), password: password.get_untracked(), position };
        leptos::task::spawn_local(async move {
            let reply = bridge::ask(request).await;
            busy.set(None);
            match reply {
                Reply::SignedIn | Reply::Taken => {
                    password.set(String::new());
                    if again {
                        page.replace(Route::Sync);
                        // Whatever waited for the login goes now.
                        bridge::ask(Request::Sync(None)).await;
                    } else {
                        page.replace(Route::Day);
                    }
                    page.start_again();
                }
                Reply::ChoosePosition(positions) => choices.set(
                    positions
                        .into_iter()
                        .map(|position| Choice {
                            place: [position.territory, position.distributor]
                                .into_iter()
                                .filter(|part| !part.is_empty())
                                .collect::<Vec<_>>()
                                .join(" · "),
                            code: position.code,
                            name: position.name,
                            role: position.role,
                        })
                        .collect(),
                ),
                Reply::Failed(why) => failure.set(Some(why)),
                Reply::Refused(_) | Reply::Done(_) | Reply::View(_) | Reply::File(_) => {
                    failure.set(Some(Failure::new(ErrorCode::Unexpected, "")));
                }
            }
        });
    };

    let failed = move || {
        failure.get().map(|failure| {
            let wrong = || (Signal::stored(words.t("login-wrong")), words.t("login-wrong-action"));
            let said = (failure.code == ErrorCode::LoginNeeded).then(wrong);
            view! { <FailureBox failure said testid="login-error".to_owned()/> }
        })
    };

    view! {
        <div class="welcome-scroll">
            <main class="welcome">
                <Show
                    when=move || choices.read().is_empty()
                    fallback=move || view! { <Positions choices busy choose=move |code| sign_in(Some(code))/> {failed} }
                >
                    <div class="brand">
                        <img src=icon_path() width="80" height="80" alt=""/>
                        <h1 class="brand-name">{words.t("app-name")}</h1>
                        <p class="sub">{words.t("app-promise")}</p>
                    </div>
                    <Credentials email password busy incomplete submit=move || sign_in(None)/>
                    {failed}
                    {again
                        .then(|| {
                            view! {
                                <button class="button plain" data-testid="login-cancel" on:click=move |_| page.back()>
                                    {words.t("cancel")}
                                </button>
                            }
                        })}
                    <p class="sub centre">{words.with_text("login-server", "server", &browser::window().location().host().unwrap_or_default())}</p>
                </Show>
            </main>
        </div>
    }
}

/// The two fields and the button.
#[component]
fn Credentials(
    email: RwSignal<String>,
    password: RwSignal<String>,
    busy: RwSignal<Option<String>>,
    incomplete: RwSignal<bool>,
    submit: impl Fn() + Copy + Send + 'static,
) -> impl IntoView {
    let words = Words::here();
    let shown = RwSignal::new(false);
    let password_field = NodeRef::<html::Input>::new();
    view! {
        <form
            class="form" novalidate=true
            on:submit=move |event| {
                event.prevent_default();
                submit();
            }
        >
            <div class="field">
                <label for="email">{words.t("login-email")}</label>
                <input
                    id="email" class="input" type="email" name="email" autocomplete="username" inputmode="email" autocapitalize="off" spellcheck="false"
                    enterkeyhint="next" data-testid="login-email" prop:value=email on:input=move |event| email.set(event_target_value(&event))
                />
            </div>
            <div class="field">
                <label for="password">{words.t("login-password")}</label>
                <div class="with-button">
                    <input
                        id="password" node_ref=password_field class="input" type=move || if shown.get() { "text" } else { "password" } name="password"
                        autocomplete="current-password" autocapitalize="off" spellcheck="false" enterkeyhint="go" data-testid="login-password"
                        prop:value=password on:input=move |event| password.set(event_target_value(&event))
                    />
                    <button
                        type="button" class="icon-button" data-testid="login-show-password" aria-pressed=move || shown.get().to_string()
                        aria-label=move || words.t(if shown.get() { "login-hide-password" } else { "login-show-password" })
                        on:click=move |_| shown.update(|shown| *shown = !*shown)
                    >
                        {move || if shown.get() { icon(icons::EYE_OFF).into_any() } else { icon(icons::EYE).into_any() }}
                    </button>
                </div>
            </div>
            <Show when=move || incomplete.get()>
                <div class="note warn" role="alert">{icon_px(icons::WARN, 20)} <span>{words.t("login-empty")}</span></div>
            </Show>
            <button class="button primary" type="submit" data-testid="login-submit" disabled=move || busy.read().is_some()>
                {move || words.t(if busy.read().is_some() { "login-busy" } else { "login-submit" })}
            </button>
        </form>
    }
}

/// The positions of the person.
#[component]
fn Positions(
    choices: RwSignal<Vec<Choice>>,
    busy: RwSignal<Option<String>>,
    choose: impl Fn(String) + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let words = Words::here();
    view! {
        <div class="brand">
            <h1 class="welcome-title">{words.t("position-title")}</h1>
            <p class="sub">{words.t("position-why")}</p>
        </div>
        <section class="card rows">
            {move || {
                choices
                    .get()
                    .into_iter()
                    .map(|choice| {
                        let code = choice.code.clone();
                        let testid = format!("position-{code}");
                        let role = format!("{} · {code}", words.role(choice.role));
                        view! {
                            <button
                                class="row" data-testid=testid disabled=move || busy.read().is_some()
                                on:click=move |_| choose(code.clone())
                            >
                                <span class="glyph round">{icon_px(icons::PERSON, 22)}</span>
                                <span>
                                    <span class="name two-lines">{choice.name}</span>
                                    <span class="sub">{role}</span>
                                    <span class="sub block">{choice.place}</span>
                                </span>
                                {icon_px(icons::FORWARD, 20)}
                            </button>
                        }
                    })
                    .collect_view()
            }}
        </section>
        <button class="button plain" data-testid="position-other-login" on:click=move |_| choices.set(Vec::new())>
            {words.t("position-other-login")}
        </button>
    }
}
