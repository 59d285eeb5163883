//! The addresses of the screens: a path names a screen, and back.
//!
//! The server and the service worker answer every such path with the same page, so a reload stays where it was.

use polevik_domain::ids::{DocumentId, OutletId};

/// A screen a person can be on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Route {
    /// «Маршрут».
    Day,
    /// «Точки».
    Outlets,
    /// «Торговая точка».
    Outlet(OutletId),
    /// «Визит».
    Visit(DocumentId),
    /// «Заказ»: the pad while it is a draft, then its card.
    Order(DocumentId),
    /// «Заказы».
    Orders,
    /// «Ещё».
    More,
    /// «Синхронизация».
    Sync,
    /// «Требуют внимания».
    Attention,
    /// One photo of a visit.
    Photo(DocumentId, DocumentId),
    /// «Материалы».
    Materials,
    /// One material, opened.
    Material(i64),
    /// «Память устройства».
    Storage,
    /// «Профиль».
    Profile,
    /// Signing in again while work is on the device.
    Login,
}

/// A tab of the bottom bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tab {
    /// «Маршрут».
    Day,
    /// «Точки».
    Outlets,
    /// «Заказы».
    Orders,
    /// «Ещё».
    More,
}

impl Route {
    /// The screen a path names; the day's route for a path nobody knows.
    #[must_use]
    pub fn parse(path: &str) -> Self {
        let mut parts = path.trim_matches('/').split('/');
        let (head, id) = (parts.next().unwrap_or_default(), parts.next());
        let within = (parts.next(), parts.next());
        let found = match (head, id) {
            ("visits", Some(id)) if within.0 == Some("photos") => {
                DocumentId::parse(id).zip(within.1.and_then(DocumentId::parse)).map(|(visit, photo)| Self::Photo(visit, photo))
            }
            ("outlets", None) => Some(Self::Outlets),
            ("outlets", Some(id)) => id.parse().ok().map(|id| Self::Outlet(OutletId(id))),
            ("visits", Some(id)) => DocumentId::parse(id).map(Self::Visit),
            ("orders", None) => Some(Self::Orders),
            ("orders", Some(id)) => DocumentId::parse(id).map(Self::Order),
            ("more", None) => Some(Self::More),
            ("sync", None) => Some(Self::Sync),
            ("attention", None) => Some(Self::Attention),
            ("materials", None) => Some(Self::Materials),
            ("materials", Some(id)) => id.parse().ok().map(Self::Material),
            ("storage", None) => Some(Self::Storage),
            ("profile", None) => Some(Self::Profile),
            ("login", None) => Some(Self::Login),
            _ => None,
        };
        found.unwrap_or(Self::Day)
    }

    /// The path of the screen.
    #[must_use]
    pub fn path(self) -> String {
        match self {
            Self::Day => "/route".to_owned(),
            Self::Outlets => "/outlets".to_owned(),
            Self::Outlet(id) => format!("/outlets/{id}"),
            Self::Visit(id) => format!("/visits/{id}"),
            Self::Order(id) => format!("/orders/{id}"),
            Self::Orders => "/orders".to_owned(),
            Self::More => "/more".to_owned(),
            Self::Sync => "/sync".to_owned(),
            Self::Attention => "/attention".to_owned(),
            Self::Photo(visit, photo) => format!("/visits/{visit}/photos/{photo}"),
            Self::Materials => "/materials".to_owned(),
            Self::Material(id) => format!("/materials/{id}"),
            Self::Storage => "/storage".to_owned(),
            Self::Profile => "/profile".to_owned(),
            Self::Login => "/login".to_owned(),
        }
    }

    /// The tab lit while the screen is shown.
    #[must_use]
    pub fn tab(self) -> Tab {
        match self {
            Self::Day | Self::Visit(_) | Self::Photo(..) | Self::Login => Tab::Day,
            Self::Outlets | Self::Outlet(_) => Tab::Outlets,
            Self::Orders | Self::Order(_) => Tab::Orders,
            Self::More | Self::Sync | Self::Attention | Self::Materials | Self::Material(_) | Self::Storage | Self::Profile => Tab::More,
        }
    }

    /// Where "back" leads when the screen was opened by its address.
    #[must_use]
    pub fn parent(self) -> Self {
        match self {
            Self::Day | Self::Outlets | Self::Orders | Self::More | Self::Visit(_) | Self::Login => Self::Day,
            Self::Outlet(_) => Self::Outlets,
            Self::Order(_) => Self::Orders,
            Self::Photo(visit, _) => Self::Visit(visit),
            Self::Material(_) => Self::Materials,
            Self::Attention => Self::Sync,
            Self::Sync | Self::Materials | Self::Storage | Self::Profile => Self::More,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_screen_is_found_again_under_its_path() {
        let document = DocumentId::parse("0193a000-0000-7000-8000-000000000001").unwrap();
        for route in [
            Route::Day,
            Route::Outlets,
            Route::Outlet(OutletId(17)),
            Route::Visit(document),
            Route::Order(document),
            Route::Orders,
            Route::More,
            Route::Sync,
            Route::Attention,
            Route::Photo(document, document),
            Route::Materials,
            Route::Material(7),
            Route::Storage,
            Route::Profile,
            Route::Login,
        ] {
            assert_eq!(Route::parse(&route.path()), route);
        }
    }

    #[test]
    fn a_path_nobody_knows_shows_the_route_of_the_day() {
        for path in ["/", "", "/nothing", "/orders/not-an-id", "/outlets/x", "/visits", "/materials/x", "/visits/x/photos/y"] {
            assert_eq!(Route::parse(path), Route::Day, "{path}");
        }
    }
}
