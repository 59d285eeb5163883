//! Photos: what they show, and how large they are kept.

use serde::{Deserialize, Serialize};

/// What a photo shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scene {
    /// A shelf.
    Shelf,
    /// A refrigerator.
    Cooler,
    /// A display or a promotional stand.
    Display,
    /// Advertising in the shop.
    Posm,
    /// The shop from outside.
    Facade,
    /// Something else.
    Other,
}

impl Scene {
    /// All of them, in the order they are offered.
    pub const ALL: [Self; 6] = [Self::Shelf, Self::Cooler, Self::Display, Self::Posm, Self::Facade, Self::Other];

    /// The word on the wire and in the databases.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Shelf => "shelf",
            Self::Cooler => "cooler",
            Self::Display => "display",
            Self::Posm => "posm",
            Self::Facade => "facade",
            Self::Other => "other",
        }
    }

    /// Reads the word; `None` otherwise.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scene| scene.as_str() == text)
    }
}

/// How photos are made smaller on the device before they are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PicturePolicy {
    /// The longer side in pixels; smaller pictures are not enlarged.
    pub long_side: u32,
    /// JPEG quality, 1 to 100.
    pub quality: u8,
    /// Whether what the camera noted (time, place, model) stays in the file.
    pub keep_exif: bool,
}

impl Default for PicturePolicy {
    /// 1600 pixels, quality 80, without the camera's notes.
    fn default() -> Self {
        Self { long_side: 1_600, quality: 80, keep_exif: false }
    }
}

/// The size a picture is kept in: the longer side at most `long_side`, the other in proportion, never below one pixel.
#[must_use]
pub fn kept_size(width: u32, height: u32, policy: PicturePolicy) -> (u32, u32) {
    let longer = width.max(height);
    if longer <= policy.long_side {
        return (width, height);
    }
    let scaled = |side: u32| {
        let exact = (u64::from(side) * u64::from(policy.long_side) + u64::from(longer) / 2) / u64::from(longer);
        u32::try_from(exact).unwrap_or(policy.long_side).max(1)
    };
    (scaled(width), scaled(height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back() {
        for scene in Scene::ALL {
            assert_eq!(Scene::parse(scene.as_str()), Some(scene));
        }
        assert_eq!(Scene::parse("selfie"), None);
    }

    #[test]
    fn the_longer_side_is_cut_to_the_policy_and_small_pictures_stay() {
        let policy = PicturePolicy::default();
        for (given, kept) in [
            ((4000, 3000), (1600, 1200)),
            ((3000, 4000), (1200, 1600)),
            ((1600, 1200), (1600, 1200)),
            ((640, 480), (640, 480)),
            ((10_000, 1), (1600, 1)),
            ((4032, 3024), (1600, 1200)),
        ] {
            assert_eq!(kept_size(given.0, given.1, policy), kept, "{given:?}");
        }
    }
}
