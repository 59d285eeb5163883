//! What happens in one world, as data: any part of it is a plan of its own, which is how a failure is made short.

use polevik_testkit::random::Random;
use serde::{Deserialize, Serialize};

/// One world: its seed, its size, and what happens when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// From which names, ids, delays and everything else that is drawn on the way follow.
    pub seed: u64,
    /// Phones that exist from the beginning.
    pub phones: usize,
    /// Server processes on the one database.
    pub servers: usize,
    /// The planted bug that is in; only a build with the feature `planted` has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bug: Option<String>,
    /// In the order of time.
    pub steps: Vec<Step>,
}

/// Something that happens at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Virtual milliseconds after the beginning.
    pub at_ms: u64,
    /// What.
    #[serde(flatten)]
    pub op: Op,
}

/// What can happen. `pick` is what the rest of the choice is drawn from, so that a step means the same whatever stands before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "op")]
pub enum Op {
    /// The rep starts a visit, orders in it, or finishes it.
    Visit { phone: usize, pick: u64 },
    /// The rep places an order, in the open visit or outside one.
    Order { phone: usize, pick: u64 },
    /// The rep takes a photo in the open visit.
    Photo { phone: usize, pick: u64 },
    /// The rep turns «только по Wi-Fi» on or off.
    SetWiFiOnly { phone: usize, pick: u64 },
    /// The phone comes into a network of another kind.
    SetNetwork { phone: usize, pick: u64 },
    /// The rep presses «Синхронизировать».
    Sync { phone: usize, pick: u64 },
    /// The rep stops the session.
    StopSync { phone: usize },
    /// The network may be another one, or the application is in front again.
    Wake { phone: usize },
    /// Somebody signs in on the phone: usually its own rep, sometimes a colleague.
    Login { phone: usize, pick: u64 },
    /// The rep signs out.
    Logout { phone: usize, keep_unsent: bool },

    /// The application is in front for a while: it hears of the office's changes by itself.
    Foreground { phone: usize, pick: u64 },
    /// The rep takes a document back.
    Withdraw { phone: usize, pick: u64 },
    /// The rep lets documents that were set aside go again.
    Unpark { phone: usize },
    /// The rep has the copy of the office checked.
    Check { phone: usize },

    /// The process of the phone is killed.
    KillPhone { phone: usize, pick: u64 },
    /// The battery is pulled out: what was not synced may be torn.
    PowerLoss { phone: usize, pick: u64 },
    /// The process dies after so many more changes of its disk.
    CrashPhoneAt { phone: usize, pick: u64 },
    /// For a while the phone's disk takes nothing more.
    DiskFull { phone: usize, pick: u64 },
    /// One operation of the phone's disk fails.
    DiskError { phone: usize, pick: u64 },
    /// A bit of the copy of the office is another one.
    FlipBit { phone: usize, pick: u64 },
    /// The copy of the office is gone.
    WipeReference { phone: usize },
    /// A backup of the phone is made.
    BackUpPhone { phone: usize },
    /// The phone is as its backup was.
    RestorePhone { phone: usize },
    /// The phone's backup, or the phone as it is, goes on on a second device too.
    ClonePhone { phone: usize, pick: u64 },
    /// The clock of the phone is set.
    SetClock { phone: usize, pick: u64 },
    /// The phone comes into another time zone.
    SetZone { phone: usize, pick: u64 },

    /// Something befalls one of the phone's next requests.
    Net { phone: usize, fault: NetFault, pick: u64 },
    /// The phone has no network for a while.
    Offline { phone: usize, pick: u64 },
    /// Behind a login page for a while.
    Portal { phone: usize, pick: u64 },
    /// The server turns everybody away for a while.
    Storm { pick: u64 },

    /// All server processes end; they come back after a while.
    KillServer { pick: u64 },
    /// The server's machine loses its power.
    ServerPowerLoss { pick: u64 },
    /// The server dies after so many more changes of its disk.
    CrashServerAt { pick: u64 },
    /// One operation of the server's disk fails.
    ServerDiskError { pick: u64 },
    /// A backup of the server is made.
    BackUpServer,
    /// The server is restored from its backup, and gets a new epoch.
    RestoreServer { pick: u64 },
    /// Whatever changed is sealed.
    Seal,
    /// The office collects what no manifest names any more.
    CollectGarbage,
    /// For a while the server breaks at every order of some products.
    Poison { pick: u64 },

    /// The office imports some rows that changed.
    Import { kind: ImportKind, pick: u64 },
    /// The office says something of documents it received.
    States { pick: u64 },
    /// The office gives a position to somebody else, or gives it back.
    ChangePosition { pick: u64 },
    /// The office gives a territory to another position.
    MoveTerritory { pick: u64 },
    /// The office blocks a device, or unblocks it.
    BlockDevice { phone: usize },
}

impl Op {
    /// Its name, as it stands in files.
    pub fn name(&self) -> String {
        let json = serde_json::to_value(self).unwrap_or_default();
        json["op"].as_str().unwrap_or_default().to_owned()
    }
}

/// What the office imports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportKind {
    /// Names, articles, prices of the list, activity.
    Products,
    /// Some prices.
    Prices,
    /// A whole price list; what it does not name is removed.
    FullPrices,
    /// Stock of a warehouse.
    Stock,
    /// Outlets change: names, price lists, territories.
    Outlets,
    /// Planned calls.
    Routes,
    /// Planned calls of a position; what is not named is removed.
    FullRoutes,
    /// Open invoices.
    Receivables,
    /// The matrix.
    Assortment,
    /// The last file once more.
    Again,
}

/// What befalls a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetFault {
    /// It never reaches the server.
    DropRequest,
    /// The server did it; the answer is lost.
    DropAnswer,
    /// It reaches the server a second time, later.
    Duplicate,
    /// It takes minutes.
    Delay,
    /// The answer takes minutes.
    DelayAnswer,
    /// The request with bytes of a photo ends early; what came counts.
    CutRequest,
    /// The answer ends early and the network says so.
    CutAnswer,
    /// The answer ends early and nobody says so.
    Truncate,
    /// A page of somebody else with status 200.
    CaptivePage,
    /// A proxy's page with status 502; the server never saw the request.
    BadGateway,
    /// A proxy's page with status 504; the server did it.
    GatewayTimeout,
    /// 429 from a proxy.
    TooManyRequests,
    /// 503 with our words and a time to come back.
    Busy,
    /// No address is found.
    Dns,
    /// No secure connection.
    Tls,
    /// A byte of a segment is another one.
    Garble,
    /// The server dies before it begins.
    ServerDiesBefore,
    /// The server dies when it has committed, before it answers.
    ServerDiesAfter,
}

const NET_FAULTS: [NetFault; 18] = [
    NetFault::CutRequest,
    NetFault::DropRequest,
    NetFault::DropAnswer,
    NetFault::Duplicate,
    NetFault::Delay,
    NetFault::DelayAnswer,
    NetFault::CutAnswer,
    NetFault::Truncate,
    NetFault::CaptivePage,
    NetFault::BadGateway,
    NetFault::GatewayTimeout,
    NetFault::TooManyRequests,
    NetFault::Busy,
    NetFault::Dns,
    NetFault::Tls,
    NetFault::Garble,
    NetFault::ServerDiesBefore,
    NetFault::ServerDiesAfter,
];

const IMPORTS: [ImportKind; 12] = [
    ImportKind::Products,
    ImportKind::Prices,
    ImportKind::Prices,
    ImportKind::FullPrices,
    ImportKind::Stock,
    ImportKind::Stock,
    ImportKind::Outlets,
    ImportKind::Routes,
    ImportKind::FullRoutes,
    ImportKind::Receivables,
    ImportKind::Assortment,
    ImportKind::Again,
];

/// Most worlds are small, because many small ones see more than few large ones; every so many seeds there is a large one.
const LARGE_EVERY: u64 = 10;

/// How many times as many steps a large world has.
const LARGE_STEPS: usize = 4;

/// Whether the phones of a world have had their first day: they are signed in and hold a copy of the office. In the other half they are new, or
/// installations of earlier versions.
pub fn begins_settled(seed: u64) -> bool {
    seed % 4 >= 2
}

/// How a plan is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draw {
    /// Steps of a small world.
    pub steps: usize,
    /// Phones; `None` = two to four, in a large world four to eight, as the seed wants.
    pub phones: Option<usize>,
    /// Whether anything goes wrong.
    pub faults: bool,
}

/// Makes a step of a phone's number and a pick.
type Make = fn(usize, u64) -> Op;

/// What people do: makers and weights.
const PEOPLE: [(Make, u64); 14] = [
    (|phone, pick| Op::Visit { phone, pick }, 60),
    (|phone, pick| Op::Order { phone, pick }, 60),
    (|phone, pick| Op::Photo { phone, pick }, 60),
    (|phone, pick| Op::SetWiFiOnly { phone, pick }, 5),
    (|phone, pick| Op::SetNetwork { phone, pick }, 15),
    (|phone, pick| Op::Sync { phone, pick }, 80),
    (|phone, _| Op::StopSync { phone }, 4),
    (|phone, _| Op::Wake { phone }, 12),
    (|phone, pick| Op::Login { phone, pick }, 10),
    (|phone, pick| Op::Logout { phone, keep_unsent: pick % 3 > 0 }, 4),
    (|phone, pick| Op::Foreground { phone, pick }, 5),
    (|phone, pick| Op::Withdraw { phone, pick }, 8),
    (|phone, _| Op::Unpark { phone }, 3),
    (|phone, _| Op::Check { phone }, 2),
];

/// What the office does: makers and weights.
const OFFICE: [(Make, u64); 7] = [
    (|_, pick| Op::Import { kind: IMPORTS[usize::try_from(pick % 12).unwrap_or(0)], pick: pick / 12 }, 45),
    (|_, pick| Op::States { pick }, 12),
    (|_, _| Op::Seal, 12),
    (|_, _| Op::CollectGarbage, 6),
    (|_, pick| Op::ChangePosition { pick }, 5),
    (|_, pick| Op::MoveTerritory { pick }, 5),
    (|phone, _| Op::BlockDevice { phone }, 2),
];

/// What goes wrong: makers and weights; each seed leaves about half of them out.
const FAULTS: [(Make, u64); 22] = [
    (|phone, pick| Op::Net { phone, fault: NET_FAULTS[usize::try_from(pick % 18).unwrap_or(0)], pick: pick / 18 }, 90),
    (|phone, pick| Op::Offline { phone, pick }, 10),
    (|phone, pick| Op::Portal { phone, pick }, 6),
    (|_, pick| Op::Storm { pick }, 4),
    (|phone, pick| Op::KillPhone { phone, pick }, 16),
    (|phone, pick| Op::PowerLoss { phone, pick }, 12),
    (|phone, pick| Op::CrashPhoneAt { phone, pick }, 16),
    (|phone, pick| Op::DiskFull { phone, pick }, 6),
    (|phone, pick| Op::DiskError { phone, pick }, 10),
    (|phone, pick| Op::FlipBit { phone, pick }, 8),
    (|phone, _| Op::WipeReference { phone }, 4),
    (|phone, _| Op::BackUpPhone { phone }, 6),
    (|phone, _| Op::RestorePhone { phone }, 4),
    (|phone, pick| Op::ClonePhone { phone, pick }, 2),
    (|phone, pick| Op::SetClock { phone, pick }, 10),
    (|phone, pick| Op::SetZone { phone, pick }, 4),
    (|_, pick| Op::KillServer { pick }, 8),
    (|_, pick| Op::ServerPowerLoss { pick }, 6),
    (|_, pick| Op::CrashServerAt { pick }, 8),
    (|_, pick| Op::ServerDiskError { pick }, 6),
    (|_, _| Op::BackUpServer, 4),
    (|_, pick| Op::RestoreServer { pick }, 3),
];

impl Plan {
    /// The world of a seed.
    pub fn draw(seed: u64, draw: Draw) -> Self {
        let mut random = Random::new(seed ^ 0x706c_616e);
        let is_large = seed.is_multiple_of(LARGE_EVERY);
        let size = random.index(5);
        let phones = draw.phones.unwrap_or(if is_large { 4 + size } else { [2, 2, 2, 3, 4][size] });
        let step_count = if is_large { draw.steps * LARGE_STEPS } else { draw.steps };
        let servers = if random.chance(250) { 2 } else { 1 };
        let mut makers: Vec<(Make, u64)> = PEOPLE.to_vec();
        makers.extend(OFFICE.map(|(make, weight)| (make, if random.chance(150) { 0 } else { weight })));
        if draw.faults {
            makers.extend(FAULTS.map(|(make, weight)| (make, [0, 0, weight, weight * 2][random.index(4)])));
            makers.push((|_, pick| Op::Poison { pick }, [0, 0, 0, 12][random.index(4)]));
        }
        let total: u64 = makers.iter().map(|(_, weight)| weight).sum();
        // Some worlds are in a hurry, others have time for every back-off to end.
        let longest_pause_ms = [2_000, 20_000, 120_000, 400_000][random.index(4)];
        let mut at_ms = 0;
        let mut steps = Vec::with_capacity(step_count + phones);
        for phone in (0..phones).filter(|_| !begins_settled(seed)) {
            at_ms += 200 + random.below(2_000);
            steps.push(Step { at_ms, op: Op::Login { phone, pick: 0 } });
        }
        for _ in 0..step_count {
            at_ms += if random.chance(300) { random.below(200) } else { random.below(longest_pause_ms) };
            let mut ticket = random.below(total);
            let (phone, pick) = (random.index(phones), random.bits());
            for (make, weight) in &makers {
                if ticket < *weight {
                    steps.push(Step { at_ms, op: make(phone, pick) });
                    break;
                }
                ticket -= weight;
            }
        }
        Self { seed, phones, servers, bug: None, steps }
    }
}
