//! Territories, positions and the people of the demo company.

use polevik_domain::ids::{PositionId, TerritoryId};
use polevik_domain::position::Role;
use polevik_domain::time::UtcMillis;
use polevik_server_store::organisation::{self, NewPosition};
use polevik_server_store::part::Part;
use polevik_server_store::people::users::{self, NewUser};
use polevik_server_store::{StoreError, Transaction};

use super::PASSWORD;
use super::logins::{Login, LoginPosition};
use super::make::Making;
use super::names::person;

/// A position that was made.
struct Place {
    id: PositionId,
    code: String,
    name: String,
}

impl Making {
    /// Makes territories, positions and people, all with the one password that `password_hash` is of.
    pub(super) fn organisation(
        &self,
        tx: &Transaction<'_>,
        part: &Part,
        password_hash: &str,
        now: UtcMillis,
    ) -> Result<Vec<Login>, StoreError> {
        let mut territories = Vec::with_capacity(self.territories());
        for n in 0..self.territories() {
            let (code, name) = self.territory(n);
            territories.push((organisation::put_territory(tx, &part.id, &code, &name)?, name));
        }
        // The n-th of `count` positions of a role serves every count-th territory.
        let share = |n: usize, count: usize| -> Vec<TerritoryId> { territories.iter().skip(n).step_by(count).map(|(id, _)| *id).collect() };
        let make = |n: usize, role: Role, parent: Option<PositionId>, name: String, served: &[TerritoryId]| -> Result<Place, StoreError> {
            let code = format!("{}{:02}", code_of(role), n + 1);
            let position = NewPosition { code: &code, name: &name, role, distributor: part.distributor, parent, territories: served };
            Ok(Place { id: organisation::put_position(tx, &part.id, &position)?, code, name })
        };

        let size = &self.size;
        let mut supervisors = Vec::new();
        for n in 0..size.supervisors {
            let name = format!("Супервайзер {:02}", n + 1);
            supervisors.push(make(n, Role::Supervisor, None, name, &share(n, size.supervisors))?);
        }
        let leader = |n: usize| Some(supervisors[n % size.supervisors].id);
        let mut reps = Vec::new();
        for (n, (territory, territory_name)) in territories.iter().enumerate() {
            let name = format!("Торговый представитель {:02} ({territory_name})", n + 1);
            reps.push(make(n, Role::Rep, leader(n), name, &[*territory])?);
        }
        let mut others = Vec::new();
        for (role, title, count) in [(Role::Merchandiser, "Мерчендайзер", size.merchandisers), (Role::Van, "Вэн-селлер", size.vans)]
        {
            for n in 0..count {
                others.push((role, n, make(n, role, leader(n), format!("{title} {:02}", n + 1), &share(n, count))?));
            }
        }

        let mut logins = Vec::new();
        let mut hire = |login: &str, places: &[&Place]| -> Result<(), StoreError> {
            let mut draws = self.draws("person", logins.len());
            let login = Login {
                email: format!("{login}@{}", self.domain()),
                password: PASSWORD.to_owned(),
                name: person(&mut draws),
                positions: places.iter().map(|place| LoginPosition { code: place.code.clone(), name: place.name.clone() }).collect(),
            };
            let user = NewUser { email: &login.email, name: &login.name, password_hash };
            let user = users::insert(tx, &part.id, user, now)?.ok_or(StoreError::Corrupt("a demo login that is taken"))?;
            for place in places {
                users::assign_position(tx, &part.id, user, place.id)?;
            }
            logins.push(login);
            Ok(())
        };
        for (n, place) in reps.iter().enumerate() {
            hire(&format!("rep{:02}", n + 1), &[place])?;
        }
        for (role, n, place) in &others {
            let word = if *role == Role::Van { "van" } else { "merch" };
            hire(&format!("{word}{:02}", n + 1), &[place])?;
        }
        for (n, place) in supervisors.iter().enumerate() {
            hire(&format!("super{:02}", n + 1), &[place])?;
        }
        // Stands in for two colleagues, so is asked which position to take.
        let van = others.iter().find(|(role, _, _)| *role == Role::Van).map(|(_, _, place)| place);
        hire("double", &reps.get(1).into_iter().chain(van).collect::<Vec<_>>())?;
        Ok(logins)
    }

    /// The domain of its people's e-mails: reserved, so no mail ever reaches anyone.
    fn domain(&self) -> String {
        match self.part_no {
            0 => "demo.polevik.example".to_owned(),
            n => format!("d{:03}.demo.polevik.example", n + 1),
        }
    }
}

fn code_of(role: Role) -> &'static str {
    match role {
        Role::Rep => "TP",
        Role::Merchandiser => "MR",
        Role::Van => "VS",
        Role::Supervisor => "SV",
    }
}
