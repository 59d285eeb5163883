//! The commands: requests to the core, as any other face makes them.

use std::cell::Cell;
use std::path::Path;
use std::rc::Rc;

use polevik_device::api::frame::Refusal;
use polevik_device::api::sync::SessionResult;
use polevik_device::api::view::{OrderView, OutletView, Screen, View};
use polevik_device::api::{Command, CommandDone, ErrorCode, LineChange, Push, Reply, Request, RowId, TrafficClass};
use polevik_device::files::FileFolder;
use polevik_device::{Device, Driver, Outside};
use polevik_domain::ids::{DocumentId, OutletId};
use polevik_domain::time::CalendarDay;
use serde_json::{Value, json};

use crate::answer::{Answer, Problem, Status};
use crate::args::{Action, Line, Listing, Login, Order, Orders, OrdersAct, Photo, Queue, QueueAct, Switch, Visit};
use crate::files;
use crate::library;
use crate::machine::Machine;
use crate::network::Network;
use crate::order_file;
use crate::pictures::Decoder;
use crate::print;

pub(crate) type Core<P> = Driver<Network, Machine, FileFolder, Decoder, P>;

/// Carries out one command and gives its answer.
pub(crate) async fn carry_out(
    device: Device,
    outside: Outside<Network, Machine, FileFolder, Decoder>,
    home: &Path,
    action: Action,
) -> Answer {
    let ended = Rc::new(tokio::sync::Notify::new());
    let push = {
        let (ended, ran) = (Rc::clone(&ended), Cell::new(false));
        let tells = matches!(action, Action::Watch { .. });
        move |push: Push| {
            if tells {
                tell(&push);
            }
            if let Push::Sync(view) = push
                && ran.replace(view.running)
                && !view.running
            {
                ended.notify_one();
            }
        }
    };
    let machine = outside.host;
    let core = Driver::new(device, outside, push);
    let answer = async {
        match action {
            Action::Login(login) => sign_in(&core, login).await,
            Action::Logout { keep_unsent } => sign_out(&core, keep_unsent).await,
            Action::Sync { row, any_network } => {
                tokio::select! {
                    () = core.run() => Err(Problem::new(Status::Other, "the loop of the device ended")),
                    answer = synchronise(&core, row, any_network, &ended) => answer,
                }
            }
            Action::Photo(Photo::Take { visit, file, scene, comment }) => files::take_photo(&core, visit, &file, scene, comment).await,
            Action::Photos { listing, visit } => files::photos(&core, visit, listing.limit()).await,
            Action::Materials(asked) if asked.fetch.is_some() => {
                tokio::select! {
                    () = core.run() => Err(Problem::new(Status::Other, "the loop of the device ended")),
                    answer = files::materials(&core, home, &asked, &ended) => answer,
                }
            }
            Action::Materials(asked) => files::materials(&core, home, &asked, &ended).await,
            Action::Storage(asked) => files::storage(&core, &asked).await,
            Action::Library => library::in_use(&core).await,
            Action::Recognise { file, most } => library::recognise(&core, &file, most).await,
            Action::Option(Switch::WifiOnly { on }) => files::wifi_only(&core, on).await,
            Action::Status => status(&core).await,
            Action::Outlets(listing) => outlets(&core, &listing).await,
            Action::Products(listing) => products(&core, &listing).await,
            Action::Prices(listing) => prices(&core, &listing).await,
            Action::Visit(Visit::Start { outlet }) => start_visit(&core, &outlet).await,
            Action::Visit(Visit::Finish) => finish_visit(&core).await,
            Action::Order(Order::New { outlet, lines, delivery, comment, outside_visit }) => {
                new_order(&core, &outlet, &lines, delivery, comment, outside_visit).await
            }
            Action::Orders(Orders { act: Some(OrdersAct::Export(asked)), .. }) => order_file::export(&core, machine, &asked).await,
            Action::Orders(Orders { act: None, listing }) => orders(&core, &listing).await,
            Action::Queue(Queue { act: Some(QueueAct::Unpark { document, .. }), .. }) => unpark(&core, document).await,
            Action::Queue(Queue { act: Some(QueueAct::Withdraw { document, reason }), .. }) => withdraw(&core, document, reason).await,
            Action::Queue(Queue { act: Some(QueueAct::List(listing)), .. } | Queue { act: None, listing }) => queue(&core, &listing).await,
            Action::Verify { repair: false } => verify(&core).await,
            Action::Verify { repair: true } => {
                tokio::select! {
                    () = core.run() => Err(Problem::new(Status::Other, "the loop of the device ended")),
                    answer = repair(&core, &ended) => answer,
                }
            }
            Action::Watch { seconds } => {
                tokio::select! {
                    () = core.run() => Err(Problem::new(Status::Other, "the loop of the device ended")),
                    answer = watch(&core, seconds) => answer,
                }
            }
        }
    };
    answer.await.unwrap_or_else(Answer::from)
}

async fn sign_in<P: Fn(Push)>(core: &Core<P>, login: Login) -> Result<Answer, Problem> {
    let password = match login.password {
        Some(password) => password,
        None => {
            let mut line = String::new();
            std::io::stdin().read_line(&mut line).map_err(|error| Problem::new(Status::Usage, format!("no password: {error}")))?;
            line.trim_end_matches(['\r', '\n']).to_owned()
        }
    };
    match core.request(Request::Login { email: login.email, password, position: login.position }).await {
        Reply::SignedIn => {
            let profile = profile(core).await?;
            let text =
                format!("Signed in as {} ({}), orders are numbered {}-…", profile.user_name, profile.position, profile.number_prefix);
            Ok(Answer::new(text, json!({ "signed_in": true, "profile": print::profile(&profile) })))
        }
        Reply::ChoosePosition(positions) => {
            let mut text = "Say which position with --position:".to_owned();
            for position in &positions {
                text.push_str(&format!("\n  {:<10} {} · {}", position.code, position.name, position.territory));
            }
            let positions: Vec<Value> = positions
                .iter()
                .map(|position| json!({ "code": position.code, "name": position.name, "territory": position.territory }))
                .collect();
            Ok(Answer { text, json: json!({ "signed_in": false, "positions": positions }), failure: Some(Status::Usage), quiet: false })
        }
        Reply::Failed(failure) if failure.code == ErrorCode::LoginNeeded => {
            Err(Problem::from(failure).saying("the e-mail or the password is not right"))
        }
        other => Err(unexpected(other)),
    }
}

async fn sign_out<P: Fn(Push)>(core: &Core<P>, keep_unsent: bool) -> Result<Answer, Problem> {
    match core.request(Request::Logout { keep_unsent }).await {
        Reply::Taken => Ok(Answer::new("Signed out.", json!({ "signed_in": false }))),
        other => Err(unexpected(other)),
    }
}

async fn synchronise<P: Fn(Push)>(
    core: &Core<P>,
    row: Option<RowId>,
    any_network: bool,
    ended: &tokio::sync::Notify,
) -> Result<Answer, Problem> {
    if let View::Start(start) = load(core, Screen::Start).await?
        && !start.signed_in
    {
        return Err(Refusal::NotSignedIn.into());
    }
    core.request(Request::Sync(row)).await;
    if any_network {
        for allowed in RowId::ALL.into_iter().filter(|one| one.traffic() != TrafficClass::Mandatory && row.is_none_or(|row| row == *one)) {
            core.request(Request::AllowOnce(allowed)).await;
        }
    }
    wait_for_the_end(core, ended).await
}

pub(crate) async fn wait_for_the_end<P: Fn(Push)>(core: &Core<P>, ended: &tokio::sync::Notify) -> Result<Answer, Problem> {
    // A session that could not even begin has no end to wait for.
    if matches!(load(core, Screen::Sync).await?, View::Sync(view) if view.running) {
        ended.notified().await;
    }
    let View::Sync(view) = load(core, Screen::Sync).await? else { return Err(wrong_view()) };
    let failure = (view.result != Some(SessionResult::Success)).then_some(Status::NotComplete);
    Ok(Answer { text: print::sync_in_words(&view), json: print::sync(&view), failure, quiet: false })
}

async fn status<P: Fn(Push)>(core: &Core<P>) -> Result<Answer, Problem> {
    let View::Start(start) = load(core, Screen::Start).await? else { return Err(wrong_view()) };
    let View::Sync(view) = load(core, Screen::Sync).await? else { return Err(wrong_view()) };
    let mut json = print::sync(&view);
    json["signed_in"] = json!(start.signed_in);
    json["ready"] = json!(start.ready);
    let mut text = print::sync_in_words(&view);
    if start.signed_in {
        let profile = profile(core).await?;
        json["profile"] = print::profile(&profile);
        text.push_str(&format!("\n{} · {} · {}", profile.user_name, profile.position, profile.server));
    } else {
        json["profile"] = Value::Null;
        text.push_str("\nNobody is signed in.");
    }
    Ok(Answer::new(text, json))
}

async fn outlets<P: Fn(Push)>(core: &Core<P>, listing: &Listing) -> Result<Answer, Problem> {
    let screen = Screen::Outlets { search: String::new(), limit: listing.limit() };
    let View::Outlets(view) = load(core, screen).await? else { return Err(wrong_view()) };
    let text: Vec<String> =
        view.rows.iter().map(|row| format!("{:>8}  {:<12} {} · {}", row.id.0, row.code, row.name, row.address)).collect();
    let rows: Vec<Value> = view
        .rows
        .iter()
        .map(|row| {
            json!({
                "id": row.id, "code": row.code, "name": row.name, "address": row.address, "overdue": row.overdue, "stopped": row.stopped,
            })
        })
        .collect();
    Ok(Answer::new(text.join("\n"), json!({ "total": view.total, "outlets": rows })))
}

async fn products<P: Fn(Push)>(core: &Core<P>, listing: &Listing) -> Result<Answer, Problem> {
    signed_in(core).await?;
    let products = core.with_device(|device| device.products(listing.limit()))?;
    let price = |price: Option<polevik_domain::money::Money>| price.map_or_else(|| "-".to_owned(), |price| print::money(price.0));
    let text: Vec<String> = products
        .iter()
        .map(|product| format!("{:>8}  {:<16} {:>12}  {}", product.id.0, product.sku, price(product.list_price), product.name))
        .collect();
    let rows: Vec<Value> = products
        .iter()
        .map(|product| {
            json!({
                "id": product.id,
                "ext_code": product.ext_code,
                "sku": product.sku,
                "name": product.name,
                "brand": product.brand,
                "category": product.category,
                "barcode": product.barcode,
                "block_factor": product.factors.block,
                "box_factor": product.factors.box_,
                "vat_rate": product.vat_rate,
                "active": product.active,
                "list_price": product.list_price,
                "stock_total": product.stock_total,
            })
        })
        .collect();
    Ok(Answer::new(text.join("\n"), json!({ "products": rows })))
}

async fn prices<P: Fn(Push)>(core: &Core<P>, listing: &Listing) -> Result<Answer, Problem> {
    signed_in(core).await?;
    let prices = core.with_device(|device| device.prices(listing.limit()))?;
    let text: Vec<String> = prices
        .iter()
        .map(|price| {
            let value = print::money(price.entry.value.0);
            format!("{:<16} {:<16} {} {value:>12}  {}", price.price_type_name, price.sku, price.entry.valid_from, price.name)
        })
        .collect();
    let rows: Vec<Value> = prices
        .iter()
        .map(|price| {
            json!({
                "price_type_id": price.price_type,
                "price_type_code": price.price_type_code,
                "price_type": price.price_type_name,
                "product_id": price.product,
                "sku": price.sku,
                "name": price.name,
                "valid_from": price.entry.valid_from.to_string(),
                "value": price.entry.value,
            })
        })
        .collect();
    Ok(Answer::new(text.join("\n"), json!({ "prices": rows })))
}

async fn start_visit<P: Fn(Push)>(core: &Core<P>, outlet: &str) -> Result<Answer, Problem> {
    let outlet = find_outlet(core, outlet).await?;
    let view = outlet_view(core, outlet).await?;
    let command = Command::StartVisit { outlet, route_stop: view.planned_stop };
    let CommandDone::Document(visit) = execute(core, command).await? else { return Err(wrong_view()) };
    let text = format!("{visit}  visit started at {}", view.row.name);
    Ok(Answer::new(text, json!({ "id": visit.to_string(), "outlet_id": outlet, "planned": view.planned_stop.is_some() })))
}

async fn finish_visit<P: Fn(Push)>(core: &Core<P>) -> Result<Answer, Problem> {
    let open = core.with_device(Device::open_visit)?;
    let visit = open.ok_or_else(|| Problem::new(Status::Other, "no visit is open"))?;
    execute(core, Command::FinishVisit { visit }).await?;
    Ok(Answer::new(format!("{visit}  visit finished"), json!({ "id": visit.to_string() })))
}

async fn new_order<P: Fn(Push)>(
    core: &Core<P>,
    outlet: &str,
    lines: &[Line],
    delivery: Option<CalendarDay>,
    comment: Option<String>,
    outside_visit: Option<String>,
) -> Result<Answer, Problem> {
    let outlet = find_outlet(core, outlet).await?;
    let visit = match outside_visit {
        Some(_) => None,
        None => outlet_view(core, outlet).await?.open_visit,
    };
    if visit.is_none() && outside_visit.is_none() {
        let words = "no visit is open at this outlet: start one with `visit start`, or say why not with --outside-visit REASON";
        return Err(Problem::new(Status::Usage, words));
    }
    let begin = Command::NewOrder { outlet, visit, outside_visit };
    let mut order = begin_order(core, begin.clone()).await?;
    if order_view(core, order).await?.lines.is_empty() {
        // A draft of its own.
    } else {
        // Left behind by a command that was cut short: this order is about its own lines only.
        execute(core, Command::DiscardDraft { order }).await?;
        order = begin_order(core, begin).await?;
    }
    match fill_and_place(core, order, lines, delivery, comment).await {
        Ok(()) => {
            let view = order_view(core, order).await?;
            let text = format!("{order}  {}  {}", view.row.number, print::money(view.row.totals.sum.0));
            Ok(Answer::new(text, print::order(&view)))
        }
        Err(problem) => {
            execute(core, Command::DiscardDraft { order }).await?;
            Err(problem)
        }
    }
}

async fn begin_order<P: Fn(Push)>(core: &Core<P>, begin: Command) -> Result<DocumentId, Problem> {
    match execute(core, begin).await? {
        CommandDone::Document(order) => Ok(order),
        CommandDone::Done => Err(wrong_view()),
    }
}

async fn fill_and_place<P: Fn(Push)>(
    core: &Core<P>,
    order: DocumentId,
    lines: &[Line],
    delivery: Option<CalendarDay>,
    comment: Option<String>,
) -> Result<(), Problem> {
    for line in lines {
        let product = core.with_device(|device| device.product_by_code(&line.sku))?;
        let product = product.ok_or_else(|| Problem::new(Status::Usage, format!("there is no product {}", line.sku)))?;
        let change = LineChange { product, unit: line.unit, quantity: line.quantity };
        execute(core, Command::ChangeLine { order, change }).await.map_err(|problem| problem.about(&line.sku))?;
    }
    if let Some(day) = delivery {
        execute(core, Command::SetDelivery { order, day: Some(day) }).await?;
    }
    if let Some(comment) = comment {
        execute(core, Command::SetComment { order, comment }).await?;
    }
    execute(core, Command::PlaceOrder { order }).await?;
    Ok(())
}

async fn orders<P: Fn(Push)>(core: &Core<P>, listing: &Listing) -> Result<Answer, Problem> {
    let View::Orders(view) = load(core, Screen::Orders { limit: listing.limit() }).await? else { return Err(wrong_view()) };
    let (mut text, mut rows) = (Vec::new(), Vec::new());
    for row in &view.rows {
        let order = order_view(core, row.id).await?;
        text.push(print::order_in_words(&order));
        rows.push(print::order(&order));
    }
    Ok(Answer::new(text.join("\n"), json!({ "total": view.total, "orders": rows })))
}

async fn unpark<P: Fn(Push)>(core: &Core<P>, document: Option<DocumentId>) -> Result<Answer, Problem> {
    execute(core, Command::Unpark { document }).await?;
    Ok(Answer::new("It goes with the next sync.", json!({ "unparked": document.map(|id| id.to_string()) })))
}

async fn withdraw<P: Fn(Push)>(core: &Core<P>, document: DocumentId, reason: String) -> Result<Answer, Problem> {
    execute(core, Command::Withdraw { document, reason }).await?;
    Ok(Answer::new("Withdrawn; the office is told with the next sync.", json!({ "withdrawn": document.to_string() })))
}

/// Counts all rows here and now; nothing is asked of the server.
async fn verify<P: Fn(Push)>(core: &Core<P>) -> Result<Answer, Problem> {
    signed_in(core).await?;
    let wrong: Vec<String> = core.check_now().await?.iter().map(ToString::to_string).collect();
    let text = if wrong.is_empty() { "All rows are the office's.".to_owned() } else { format!("Wrong: {}", wrong.join(", ")) };
    let failure = (!wrong.is_empty()).then_some(Status::Other);
    Ok(Answer { text, json: json!({ "wrong": wrong }), failure, quiet: false })
}

/// Fetches news, counts all rows, and has what is wrong fetched again.
async fn repair<P: Fn(Push)>(core: &Core<P>, ended: &tokio::sync::Notify) -> Result<Answer, Problem> {
    signed_in(core).await?;
    core.request(Request::Check).await;
    wait_for_the_end(core, ended).await
}

/// Stays in front for a while.
async fn watch<P: Fn(Push)>(core: &Core<P>, seconds: Option<u64>) -> Result<Answer, Problem> {
    signed_in(core).await?;
    core.request(Request::Foreground(true)).await;
    match seconds {
        Some(seconds) => tokio::time::sleep(std::time::Duration::from_secs(seconds)).await,
        None => std::future::pending::<()>().await,
    }
    Ok(Answer { quiet: true, ..Answer::new("", json!({ "event": "end" })) })
}

/// One event as a line of JSON.
fn tell(push: &Push) {
    let line = match push {
        Push::Sync(view) => {
            let mut line = print::sync(view);
            line["event"] = json!("sync");
            line["running"] = json!(view.running);
            line
        }
        Push::Changed(tables) => json!({ "event": "changed", "tables": tables }),
        Push::Ready | Push::CannotStart { .. } => return,
    };
    println!("{line}");
}

async fn queue<P: Fn(Push)>(core: &Core<P>, listing: &Listing) -> Result<Answer, Problem> {
    let entries = core.with_device(|device| device.queue(listing.limit()))?;
    let (mut text, mut rows) = (Vec::new(), Vec::new());
    for queued in &entries {
        let entry = &queued.entry;
        let state = match (&queued.refusal, entry.parked_at, entry.re_offer) {
            (_, Some(_), _) => "parked",
            (_, None, true) => "offered_again",
            (Some(_), None, false) => "rejected",
            (None, None, false) if queued.held_back => "behind_parked",
            (None, None, false) => "waiting",
        };
        let why = queued.refusal.as_ref().map(|(code, reason)| format!("  {code} {reason}")).unwrap_or_default();
        text.push(format!(
            "{:>6}  {:<10} {} revision {}  {state}, {} attempts, lane {}{why}",
            entry.device_seq, entry.kind, entry.document_id, entry.revision, entry.attempts, entry.lane
        ));
        rows.push(json!({
            "device_seq": entry.device_seq,
            "id": entry.document_id.to_string(),
            "kind": entry.kind,
            "revision": entry.revision,
            "created_at": print::time(entry.created_at),
            "bytes": entry.body.len(),
            "state": state,
            "attempts": entry.attempts,
            "lane": entry.lane.to_string(),
            "parked_at": entry.parked_at.map_or(Value::Null, print::time),
            "code": queued.refusal.as_ref().map(|(code, _)| code),
            "reason": queued.refusal.as_ref().map(|(_, reason)| reason),
        }));
    }
    Ok(Answer::new(text.join("\n"), json!({ "queue": rows })))
}

/// The outlet that a person means: by the office's code or by its id.
async fn find_outlet<P: Fn(Push)>(core: &Core<P>, text: &str) -> Result<OutletId, Problem> {
    signed_in(core).await?;
    let by_code = core.with_device(|device| device.outlet_by_code(text))?;
    let by_id = match text.parse() {
        Ok(id) => core.with_device(|device| device.has_outlet(OutletId(id)))?.then_some(OutletId(id)),
        Err(_) => None,
    };
    match (by_id, by_code) {
        (Some(id), Some(code)) if id != code => {
            Err(Problem::new(Status::Usage, format!("{text} is the id of one outlet and the code of another (id {})", code.0)))
        }
        (Some(outlet), _) | (None, Some(outlet)) => Ok(outlet),
        (None, None) => Err(Problem::new(Status::Usage, format!("there is no outlet {text} on this device"))),
    }
}

pub(crate) async fn signed_in<P: Fn(Push)>(core: &Core<P>) -> Result<(), Problem> {
    match load(core, Screen::Start).await? {
        View::Start(start) if start.signed_in => Ok(()),
        _ => Err(Refusal::NotSignedIn.into()),
    }
}

async fn outlet_view<P: Fn(Push)>(core: &Core<P>, outlet: OutletId) -> Result<Box<OutletView>, Problem> {
    match load(core, Screen::Outlet(outlet)).await? {
        View::Outlet(view) => Ok(view),
        _ => Err(wrong_view()),
    }
}

async fn order_view<P: Fn(Push)>(core: &Core<P>, order: DocumentId) -> Result<Box<OrderView>, Problem> {
    match load(core, Screen::Order(order)).await? {
        View::Order(view) => Ok(view),
        _ => Err(wrong_view()),
    }
}

async fn profile<P: Fn(Push)>(core: &Core<P>) -> Result<polevik_device::api::view::ProfileView, Problem> {
    match load(core, Screen::Profile).await? {
        View::Profile(view) => Ok(*view),
        _ => Err(wrong_view()),
    }
}

pub(crate) async fn load<P: Fn(Push)>(core: &Core<P>, screen: Screen) -> Result<View, Problem> {
    match core.request(Request::Load(screen)).await {
        Reply::View(view) => Ok(*view),
        other => Err(unexpected(other)),
    }
}

pub(crate) async fn execute<P: Fn(Push)>(core: &Core<P>, command: Command) -> Result<CommandDone, Problem> {
    match core.request(Request::Execute(command)).await {
        Reply::Done(done) => Ok(done),
        other => Err(unexpected(other)),
    }
}

pub(crate) fn unexpected(reply: Reply) -> Problem {
    match reply {
        Reply::Failed(failure) => failure.into(),
        Reply::Refused(refusal) => refusal.into(),
        Reply::Done(_) | Reply::View(_) | Reply::ChoosePosition(_) | Reply::SignedIn | Reply::File(_) | Reply::Taken => wrong_view(),
    }
}

pub(crate) fn wrong_view() -> Problem {
    Problem::new(Status::Other, "the core answered something else")
}
