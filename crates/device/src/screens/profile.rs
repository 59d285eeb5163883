//! «Профиль»: who is signed in, and what support asks for.

use polevik_device_api::network::{NetworkClass, TrafficClass, TrafficRow};
use polevik_device_api::view::ProfileView;
use polevik_device_store::db::Both;
use polevik_device_store::reference;
use polevik_device_store::work::library::{self, Role};
use polevik_device_store::work::numbers::{self, Sequence};
use polevik_device_store::work::options::{self, OptionName};
use polevik_device_store::work::{outbox, traffic};

use crate::acting::{Moment, signed_in_position};
use crate::error::DeviceError;
use crate::sync::books::month_of;

pub(crate) fn load(both: &Both<'_>, app_version: &str, moment: &Moment) -> Result<ProfileView, DeviceError> {
    let position = signed_in_position(&both.work)?;
    let text = |name| options::get(&both.work, name).map(Option::unwrap_or_default);
    let number_prefix = text(OptionName::NumberPrefix)?;
    let last_number = numbers::last(&both.work, &Sequence::Number(&number_prefix))?;
    Ok(ProfileView {
        user_name: text(OptionName::UserName)?,
        email: text(OptionName::Email)?,
        position: position.name,
        position_code: position.code,
        role: position.role,
        territory: position.territory,
        distributor: position.distributor,
        server: text(OptionName::Server)?,
        device_id: text(OptionName::DeviceId)?,
        number_prefix,
        last_number: u32::try_from(last_number).unwrap_or(u32::MAX),
        app_version: app_version.to_owned(),
        clock_offset_ms: options::get_number(&both.work, OptionName::ClockOffset)?.unwrap_or(0),
        library_version: library::version(&both.work, Role::Active)?.map(|active| active.version),
        traffic: traffic_of(both, moment)?,
        row_counts: reference::row_counts(&both.reference)?.into_iter().map(|(table, count)| (table.to_owned(), count)).collect(),
        unsent: outbox::unsent(&both.work)?,
        language: options::get(&both.work, OptionName::Language)?,
    })
}

/// The bytes of this month; words of a later version are passed over.
fn traffic_of(both: &Both<'_>, moment: &Moment) -> Result<Vec<TrafficRow>, DeviceError> {
    let rows = traffic::of_month(&both.work, month_of(moment.today()))?.into_iter();
    let shown = rows.filter_map(|row| {
        let (class, network) = (TrafficClass::parse(&row.class)?, NetworkClass::parse(&row.network)?);
        Some(TrafficRow { class, network, bytes_up: row.up, bytes_down: row.down })
    });
    Ok(shown.collect())
}
