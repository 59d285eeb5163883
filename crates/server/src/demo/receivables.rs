//! What the outlets of the demo company owe.

use serde_json::{Map, Value, json};

use super::make::Making;
use super::products::object;

impl Making {
    /// Rows of `receivables`.
    pub(super) fn receivables(&self) -> impl Iterator<Item = Map<String, Value>> {
        (0..self.size.receivables).map(|n| {
            let mut draws = self.draws("receivable", n);
            let outlet = draws.index(self.size.active_outlets);
            let day = self.day.plus_days(-i32::try_from(draws.between(1, 60)).unwrap_or(1));
            let due_day = day.plus_days(draws.pick(&[7, 14, 14, 21, 30]));
            let amount = draws.log_normal(1_200_000, 800);
            object(json!({
                "outlet": Self::outlet_code(outlet),
                "document": format!("УТ-{:06}", n + 1),
                "day": day.to_string(),
                "due_day": due_day.to_string(),
                "amount": amount,
                "rest": if draws.happens(700) { amount } else { amount * draws.between(5, 95) / 100 },
            }))
        })
    }
}
