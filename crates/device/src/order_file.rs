//! «Ручная выгрузка заказов»: the orders of this position as a file for another program.
//!
//! Everything is read in one transaction, so a file never shows half of an act or of a checkpoint; it works without a network and while the
//! device synchronises, and changes nothing. Names of outlets and products are those that the order was written with; what else the office
//! knows of them is today's.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use polevik_device_api::view::DocumentPlace;
use polevik_device_store::StoreError;
use polevik_device_store::db::Both;
use polevik_device_store::reference::{outlets, prices, products, stock};
use polevik_device_store::work::options::{self, OptionName};
use polevik_device_store::work::orders::{self, OrderHead};
use polevik_device_store::work::{journal, outbox};
use polevik_domain::ids::{DeviceId, OutletId, PriceTypeId, ProductId, WarehouseId};
use polevik_domain::money::Money;
use polevik_domain::time::{UtcMillis, UtcOffsetMinutes};
use polevik_order_export::format::{Format, Options, file_name};
use polevik_order_export::making::{Made, MakeError, Making};
use polevik_order_export::moment::LocalMoment;
use polevik_order_export::selection::{Candidate, Counted, Invalid, NoOrders, Selection, Standing};
use polevik_order_export::snapshot::{Header, Line, Named, Occasion, Order, OrderState, Outlet, Product};
use polevik_protocol::ErrorCode;
use polevik_protocol::document::OrderBody;

use crate::acting::{Moment, signed_in_id, signed_in_position};
use crate::device::Device;
use crate::error::DeviceError;
use crate::host::Host;
use crate::screens::place_of;

/// What is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// Which orders.
    pub selection: Selection,
    /// As what.
    pub format: Format,
    /// How.
    pub options: Options,
}

/// A file of orders, in memory.
#[derive(Debug, Clone)]
pub struct OrderFile {
    /// What to call it.
    pub name: String,
    /// What the selection came to.
    pub counted: Counted,
    /// Its bytes, sums and hashes.
    pub made: Made,
}

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub enum OrderFileError {
    /// The selection cannot be carried out.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// There is nothing to put in.
    #[error(transparent)]
    NoOrders(#[from] NoOrders),
    /// It was stopped, or would be too large.
    #[error(transparent)]
    Make(#[from] MakeError),
    /// The databases could not be read, or nobody is signed in.
    #[error(transparent)]
    Device(#[from] DeviceError),
}

impl OrderFileError {
    /// Its code in the catalogue, if it has one.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Invalid(Invalid::StartAfterEnd(_)) => Some(ErrorCode::StartAfterEnd),
            Self::NoOrders(_) => Some(ErrorCode::NoOrders),
            Self::Device(DeviceError::Store(error)) => Some(error.code()),
            Self::Invalid(Invalid::NothingChosen) | Self::Make(_) | Self::Device(DeviceError::Refused(_)) => None,
        }
    }
}

/// Orders between two calls of the progress.
const ORDERS_PER_STEP: usize = 64;

impl Device {
    /// What a selection comes to: the line above «Сохранить».
    ///
    /// # Errors
    ///
    /// [`OrderFileError::Invalid`], [`OrderFileError::Device`].
    pub fn count_orders(&mut self, selection: Selection) -> Result<Counted, OrderFileError> {
        let both = self.store.read().map_err(DeviceError::from)?;
        Ok(Counted::of(selection, stored(&both)?.iter().map(Stored::candidate))?)
    }

    /// Makes a file of the orders of the position that is signed in.
    ///
    /// `progress` is told how many orders are written and how many there are, about every 64, and says whether to go on.
    ///
    /// # Errors
    ///
    /// [`OrderFileError`]; nothing was changed in any case.
    pub fn order_file(
        &mut self,
        wanted: &Wanted,
        host: &impl Host,
        mut progress: impl FnMut(usize, usize) -> ControlFlow<()>,
    ) -> Result<OrderFile, OrderFileError> {
        let moment = self.moment(host);
        let both = self.store.read().map_err(DeviceError::from)?;
        let stored = stored(&both)?;
        let counted = Counted::of(wanted.selection, stored.iter().map(Stored::candidate))?;
        counted.some()?;

        let header = header(&both, wanted.selection, &moment)?;
        let mut making = Making::new(&header, wanted.format, wanted.options);
        let mut reader = Reader { both: &both, utc_offset: moment.utc_offset, names: Names::default() };
        let chosen: Vec<&Stored> = stored.iter().filter(|order| order.is_chosen(wanted.selection)).collect();
        for (at, order) in chosen.iter().enumerate() {
            making.add(&reader.order(order)?)?;
            if (at + 1).is_multiple_of(ORDERS_PER_STEP) && progress(at + 1, chosen.len()).is_break() {
                return Err(MakeError::Stopped.into());
            }
        }
        Ok(OrderFile { name: file_name(&header, wanted.format), counted, made: making.finish()? })
    }
}

/// An order of this device, and where it stands.
struct Stored {
    head: OrderHead,
    place: DocumentPlace,
}

impl Stored {
    fn candidate(&self) -> Candidate {
        let standing = match &self.place {
            DocumentPlace::Draft => Standing::Draft,
            DocumentPlace::Withdrawn { .. } => Standing::Cancelled,
            DocumentPlace::OnServer | DocumentPlace::Office { .. } => Standing::Completed { on_server: true },
            DocumentPlace::OnlyHere | DocumentPlace::Rejected { .. } | DocumentPlace::Parked => Standing::Completed { on_server: false },
        };
        Candidate { standing, created: self.head.local_day, delivery: self.head.delivery_day, sum: self.head.totals.sum }
    }

    fn is_chosen(&self, selection: Selection) -> bool {
        matches!(self.candidate().standing, Standing::Completed { .. }) && selection.takes(self.head.local_day, self.head.delivery_day)
    }

    fn state(&self) -> OrderState {
        match &self.place {
            DocumentPlace::OnServer | DocumentPlace::Office { .. } => OrderState::Accepted,
            DocumentPlace::Rejected { .. } => OrderState::Rejected,
            DocumentPlace::Parked => OrderState::Parked,
            // The last two are never chosen.
            DocumentPlace::OnlyHere | DocumentPlace::Draft | DocumentPlace::Withdrawn { .. } => OrderState::Waiting,
        }
    }
}

/// All orders of the position, oldest first.
fn stored(both: &Both<'_>) -> Result<Vec<Stored>, DeviceError> {
    let position = signed_in_id(&both.work)?;
    let newest_first = orders::newest(&both.work, position, u32::MAX)?;
    newest_first.into_iter().rev().map(|head| Ok(Stored { place: place_of(both, head.id)?, head })).collect()
}

fn header(both: &Both<'_>, selection: Selection, moment: &Moment) -> Result<Header, DeviceError> {
    let position = signed_in_position(&both.work)?;
    let text = |name| options::get(&both.work, name).map(Option::unwrap_or_default);
    let device_id = DeviceId::parse(&text(OptionName::DeviceId)?).ok_or(StoreError::BadValue("the id of this device"))?;
    Ok(Header {
        made_at: LocalMoment { at: moment.now, offset: moment.utc_offset },
        device_id,
        number_prefix: text(OptionName::NumberPrefix)?,
        rep: text(OptionName::UserName)?,
        position: Named { id: position.id.0, code: position.code, name: position.name },
        distributor: Named { id: position.distributor_id.0, code: String::new(), name: position.distributor },
        currency: "RUB".to_owned(),
        selection,
    })
}

/// What was looked up already: one outlet, one price list and a hundred products serve many orders.
#[derive(Default)]
struct Names {
    outlets: HashMap<OutletId, Arc<Outlet>>,
    products: HashMap<(ProductId, String), Arc<Product>>,
    price_types: HashMap<PriceTypeId, Arc<Named>>,
    warehouses: HashMap<WarehouseId, Arc<Named>>,
}

struct Reader<'a, 'tx> {
    both: &'a Both<'tx>,
    utc_offset: UtcOffsetMinutes,
    names: Names,
}

impl Reader<'_, '_> {
    fn order(&mut self, stored: &Stored) -> Result<Order, DeviceError> {
        let (head, state) = (&stored.head, stored.state());
        let lines = orders::lines(&self.both.work, head.id)?
            .into_iter()
            .map(|stored| {
                let line = stored.line;
                Ok(Line {
                    product: self.product(line.product_id, stored.sku, stored.name)?,
                    unit: line.unit,
                    quantity: line.quantity,
                    base_quantity: line.base_quantity,
                    price_minor: line.price,
                    discount_rate: 0,
                    vat_rate: line.vat_rate,
                    sum_minor: line.sum,
                    vat_sum_minor: line.vat_sum,
                    promo: String::new(),
                })
            })
            .collect::<Result<Vec<Line>, DeviceError>>()?;
        let offset = self.offset_of(head)?;
        let local = |at: UtcMillis| LocalMoment { at, offset };
        let answered = if state == OrderState::Accepted { journal::story(&self.both.work, head.id)? } else { None };
        Ok(Order {
            id: head.id,
            number: head.number.clone().unwrap_or_default(),
            revision: 1,
            placed_at: local(head.at),
            local_day: head.local_day,
            delivery_day: head.delivery_day,
            outlet: self.outlet(head)?,
            warehouse: self.warehouse(head.warehouse)?,
            price_type: self.price_type(head.price_type)?,
            payment_form: String::new(),
            comment: head.comment.clone(),
            state,
            server_at: answered.map(|story| local(story.since)),
            occasion: match head.visit {
                Some(visit) => Occasion::Visit(visit),
                None => Occasion::Outside(head.outside_visit.clone().unwrap_or_default()),
            },
            sum_minor: head.totals.sum,
            vat_sum_minor: head.totals.vat_sum,
            discount_minor: Money::ZERO,
            lines,
        })
    }

    /// How far local clocks were ahead when it was placed: its document says so, until it is old and forgotten.
    fn offset_of(&self, head: &OrderHead) -> Result<UtcOffsetMinutes, DeviceError> {
        let body = outbox::body(&self.both.work, head.id, 1)?;
        let body = body.and_then(|body| serde_json::from_str::<OrderBody>(&body).ok());
        Ok(body.map_or(self.utc_offset, |body| body.utc_offset))
    }

    fn outlet(&mut self, head: &OrderHead) -> Result<Arc<Outlet>, DeviceError> {
        if let Some(known) = self.names.outlets.get(&head.outlet).filter(|known| known.name == head.outlet_name) {
            return Ok(Arc::clone(known));
        }
        let found = outlets::find(&self.both.reference, head.outlet)?;
        let text = |field: fn(&outlets::Outlet) -> &String| found.as_ref().map(field).cloned().unwrap_or_default();
        let outlet = Arc::new(Outlet {
            id: head.outlet.0,
            code: text(|outlet| &outlet.ext_code),
            name: head.outlet_name.clone(),
            address: text(|outlet| &outlet.address),
            legal_name: text(|outlet| &outlet.legal_name),
            inn: text(|outlet| &outlet.inn),
            kpp: text(|outlet| &outlet.kpp),
            contract: text(|outlet| &outlet.contract_number),
        });
        self.names.outlets.insert(head.outlet, Arc::clone(&outlet));
        Ok(outlet)
    }

    fn product(&mut self, id: ProductId, sku: String, name: String) -> Result<Arc<Product>, DeviceError> {
        let key = (id, name);
        if let Some(known) = self.names.products.get(&key).filter(|known| known.sku == sku) {
            return Ok(Arc::clone(known));
        }
        let found = products::find(&self.both.reference, id)?;
        let (code, ean) = found.map(|product| (product.ext_code, product.barcode)).unwrap_or_default();
        let product = Arc::new(Product { id: id.0, code, sku, ean, name: key.1.clone() });
        self.names.products.insert(key, Arc::clone(&product));
        Ok(product)
    }

    fn price_type(&mut self, id: Option<PriceTypeId>) -> Result<Option<Arc<Named>>, DeviceError> {
        let Some(id) = id else { return Ok(None) };
        if let Some(known) = self.names.price_types.get(&id) {
            return Ok(Some(Arc::clone(known)));
        }
        let (code, name) = prices::type_code_and_name(&self.both.reference, id)?.unwrap_or_default();
        let named = Arc::new(Named { id: id.0, code, name });
        self.names.price_types.insert(id, Arc::clone(&named));
        Ok(Some(named))
    }

    fn warehouse(&mut self, id: Option<WarehouseId>) -> Result<Option<Arc<Named>>, DeviceError> {
        let Some(id) = id else { return Ok(None) };
        if let Some(known) = self.names.warehouses.get(&id) {
            return Ok(Some(Arc::clone(known)));
        }
        let (code, name) = stock::warehouse_code_and_name(&self.both.reference, id)?.unwrap_or_default();
        let named = Arc::new(Named { id: id.0, code, name });
        self.names.warehouses.insert(id, Arc::clone(&named));
        Ok(Some(named))
    }
}
