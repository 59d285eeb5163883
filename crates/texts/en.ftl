# Texts of the mobile module. The keys are those of ru.ftl.

app-name = Polevik
app-promise = Route, visits and orders. Works without network.

# Common words
back = Back
cancel = Cancel
retry = Retry
done = Done
clear = Clear
loading = Loading…
today = Today
tomorrow = Tomorrow
and-more = Showing the first { $shown } of { $total }. Narrow the search.
orders-count = { $n ->
    [one] { $text } order
   *[other] { $text } orders
  }
visits-count = { $n ->
    [one] { $text } visit
   *[other] { $text } visits
  }
withdrawals-count = { $n ->
    [one] { $text } withdrawal
   *[other] { $text } withdrawals
  }
documents-count = { $n ->
    [one] { $text } document
   *[other] { $text } documents
  }
lines-count = { $n ->
    [one] { $text } item
   *[other] { $text } items
  }
outlets-count = { $n ->
    [one] { $text } outlet
   *[other] { $text } outlets
  }
days-count = { $n ->
    [one] { $text } day
   *[other] { $text } days
  }
photos-count = { $n ->
    [one] { $text } photo
   *[other] { $text } photos
  }
files-count = { $n ->
    [one] { $text } file
   *[other] { $text } files
  }
pieces = { $n } pcs
minutes = { $n } min
seconds = { $n } s

# Login
login-email = E-mail
login-password = Password
login-show-password = Show password
login-hide-password = Hide password
login-submit = Sign in
login-busy = Signing in…
login-server = Server: { $server }
login-wrong = E-mail or password is wrong
login-wrong-action = Check the keyboard layout and capital letters. Your supervisor can tell you the password.
login-empty = Enter e-mail and password
position-title = Choose your position
position-why = Outlets and prices are loaded for the position.
position-other-login = Sign in with another e-mail

# Roles
role-rep = Sales representative
role-merchandiser = Merchandiser
role-van = Van seller
role-supervisor = Supervisor

# First synchronisation
first-title = First download
first-why = Loading outlets, products, prices and stock. After that everything works without network.
first-stay = Stay on this screen if the connection is weak.
first-step-connect = Connecting to the server
first-step-fetch = Receiving reference data
first-step-apply = Preparing the database on the phone
first-resume = What has arrived stays on the phone: we go on from there.
first-continue = Continue the download
first-to-profile = Profile

# Windows and start
other-window-title = Polevik is open in another window
other-window-text = One window keeps the data, so that nothing is doubled. Go there, or continue here: work in that window stops, its data are kept.
other-window-take = Continue here
other-window-lost-title = Work goes on in another window
other-window-lost-text = All data are saved. You may close this window.
core-failed-title = The database on the phone did not open
core-failed-text = Close other windows of Polevik and try again. The data on the phone are not deleted.
core-damaged-title = The database on the phone is damaged
core-damaged-text = Nothing was deleted: a copy was put aside for support, and unsent orders and visits are read out of it. Press Retry.
core-unsupported-title = This browser will not do
core-unsupported-text = Chrome 111 or newer or Safari 16.4 or newer is needed, and a secure address (https or localhost).
update-ready = A new version is ready
update-now = Update

# Bottom bar
tab-route = Route
tab-outlets = Outlets
tab-orders = Orders
tab-more = More
tabs-label = Sections

# State chip
chip-label = Synchronisation: { $state }
chip-never = No data
chip-unsent = Not sent: { $n }
chip-busy = running
chip-attention = need attention: { $n }
chip-error = error { $code }
chip-ok = done at { $time }
chip-waiting = waiting for Wi-Fi: { $n }

# Route
route-title = Route
route-progress = { $done } of { $total ->
    [one] { $total } visit
   *[other] { $total } visits
  }
route-progress-label = Visits done: { $done } of { $total }
route-empty = No visits on this day
route-empty-hint = An outlet outside the route can be opened under Outlets.
route-continue = Continue the visit
route-orders = { $orders }, { $sum }
route-no-orders = No orders yet
visit-state-planned = Planned
visit-state-open-for = Open { $n } min
visit-state-here-long = Only on this device
visit-state-server-long = Data are on the server
visit-state-photos = Photos wait
visit-unplanned = Off route
overdue = Overdue

# Outlets
outlets-title = Outlets
outlets-search = Name, address or code
outlets-none = Nothing found
outlets-none-hint = Check the spelling or search for a part of the address.
outlets-empty = No outlets yet
outlets-empty-hint = Synchronise: outlets come from the server.

# Outlet
outlet-title = Outlet
outlet-start-visit = Start the visit
outlet-order-outside = Order outside a visit
outlet-code = Code
outlet-details = Details
outlet-legal = Legal entity
outlet-inn = Tax number (INN)
outlet-contract = Contract
outlet-call = Call
outlet-delivery-days = Delivery days
outlet-price-type = Price type
outlet-class = Class
outlet-debt-title = Receivables
outlet-debt-none = No debts
outlet-debt-total = Total
outlet-debt-overdue = Overdue
outlet-doc = { $number } of { $date }
outlet-due = due { $date }
outlet-stop = Shipments are stopped
outlet-stop-hint = You may place an order, but the office may reject it.
outlet-orders-title = Last orders
outlet-fresh = Data of { $time }
format-kiosk = Kiosk
format-traditional = Traditional
format-minimarket = Minimarket
format-supermarket = Supermarket
format-horeca = HoReCa
other-visit-open = Finish the visit first: { $outlet }
weekday-1 = Mon
weekday-2 = Tue
weekday-3 = Wed
weekday-4 = Thu
weekday-5 = Fri
weekday-6 = Sat
weekday-7 = Sun

# Visit
visit-title = Visit
visit-started = Started at { $time }
visit-lasts = { $n } min
visit-finish = Finish the visit
visit-finish-ask = Finish the visit?
visit-finish-none = There are no orders in this visit.
visit-finish-drafts = An order is not placed: { $sum }. The draft stays under Orders.
visit-finish-saved = The visit is finished and saved on the phone
visit-finished-from-to = { $from } – { $to }
visit-order-new = New order
visit-order-continue = Continue the order
visit-orders-none = No orders in this visit yet
visit-photos-none = No photos yet
visit-photos-wait = Data are on the server, photos wait: { $n }
visit-materials = Materials of this outlet

# Photos
photos-title = Photos
photo-title = Photo
photo-scene = What does it show?
photo-take = Take a photo
photo-choose = Choose from the gallery
photo-saving = Keeping the photo…
photo-saved = The photo is kept on the phone
photo-here = Only here
photo-server = On the server
photo-lost = Not found
photo-failed = Not sent
photo-sent-part = Sent { $done } of { $total }
photo-removed = The photo is on the server. It was removed from the phone to free space.
photo-not-shown = The file cannot be shown
photo-taken-at = Taken
photo-size = Size
photo-of = { $scene }, { $state }
scene-shelf = Shelf
scene-cooler = Cooler
scene-display = Display
scene-posm = Advertising
scene-facade = Front
scene-other = Other
space-low = The phone is low on space. Free some to go on taking photos.
space-full = No photos can be taken while less than 100 MB are free. Those taken are kept.
space-free-up = Free up space

# Order
order-title = Order
order-new = New order
order-search = Product, article or barcode
order-filter-all = All products
order-filter-chosen = In the order
order-filter-matrix = Matrix
order-none = Nothing found
order-none-hint = Try a part of the name or the article.
order-none-chosen = The order is empty
order-none-chosen-hint = Add products with the plus button.
order-no-price = No price
order-stock = stock { $n }
order-stock-none = out of stock
order-stock-unknown = stock unknown
order-total = Total
order-vat = including VAT { $sum }
order-place = Place order
order-placing = Placing…
order-place-empty = Add products
order-review = Check the order
order-delivery = Delivery date
order-delivery-none = No date
order-comment = Comment
order-comment-hint = The office will see it
order-placed-short = The order is saved on the phone. It goes with the next sync
order-number = Order { $number }
order-draft = Draft
order-discard = Delete the draft
order-discard-ask = Delete the draft? Its products will be removed.
order-lines = Products
order-outside-visit = Outside a visit
order-outside-ask = Why is the order outside a visit?
order-outside-phone = Order by phone
order-outside-messenger = Order by messenger
order-outside-repeat = Addition after a visit
order-outside-other = Another reason
order-to-visit = Back to the visit
order-in-visit = In a visit
order-price = Price
order-sum = Sum
order-vat-rate = VAT { $rate } %
order-more = More: { $name }
order-less = Less: { $name }
order-quantity-of = Quantity: { $name }
order-quantity = Quantity
order-unit = Unit
order-article = Article
order-brand = Brand
order-category = Category
order-stock-label = Stock
unit-piece = pcs
unit-block = block
unit-box = box
unit-block-of = block · { $n }
unit-box-of = box · { $n }
kind-must = must have
kind-focus = focus
kind-new = new
kind-stop = stop

# Orders
orders-title = Orders
orders-drafts = Drafts
orders-sum = { $orders }, { $sum }
orders-empty = No orders yet
orders-empty-hint = Start a visit or open an outlet to place the first one.
order-state-draft = Draft
order-state-waiting = Only here
order-state-waiting-long = Only on this device. It goes with the next synchronisation.
order-state-server = On server
order-state-accepted = Accepted
order-state-shipped = Shipped
order-state-changed = Changed in office
order-state-delivered = Delivered
order-state-rejected = Rejected
order-state-rejected-long = The office rejected the order
order-state-parked = Set aside
order-state-withdrawn = Withdrawn

# More
more-title = More
more-sync = Synchronisation
more-profile = Profile

# Materials
materials-title = Materials
materials-here = On the phone: { $here } of { $total }
materials-none = No materials yet
materials-none-hint = Planograms, price lists and presentations come from the office with synchronisation.
materials-other = No folder
materials-all = All materials
material-title = Material
material-new = new
material-mandatory = mandatory
material-pinned = kept
material-here = On the phone
material-wanted = Will be loaded
material-left = Not loaded
material-failed = Failed to load
material-part = { $done } of { $total }
material-load = Load now
material-not-here = The file is not on the phone yet
material-left-hint = It did not fit into the space for materials.
material-asked = It will be loaded as soon as possible
material-pin = Always keep on the phone
material-open-in = Open in…
material-save = Save the file
material-elsewhere = Another application opens this file
material-valid-to = Valid until { $date }
material-kind-planogram = Planogram
material-kind-price_list = Price list
material-kind-presentation = Presentation
material-kind-picture = Product picture
material-kind-video = Video
material-kind-training = Training

# Storage of the device
storage-title = Storage
storage-databases = Database
storage-queued = Photos to send
storage-queued-kept = Never removed before they are on the server
storage-sent = Sent photos
storage-logs = Logs
storage-free = Free
storage-used = Used
storage-remove-sent = Remove sent photos ({ $size })
storage-remove-unused = Remove materials not opened for { $days } days ({ $size })
storage-removed = Space is freed
storage-ask = Ask the browser to keep the data
storage-asked-no = The browser does not promise yet. Install the application to the home screen and try again.

# Synchronisation
sync-title = Synchronisation
sync-all = Sync all
sync-stop = Stop
sync-download = Download
sync-upload = Upload
sync-mandatory = Mandatory information
sync-materials = Materials
sync-library = IR library
sync-library-version = ver. { $version }
sync-row-button = Synchronise: { $row }
sync-last-ok-label = Last successful sync
sync-never = Not synced yet
sync-last-try = Attempt at { $dt } failed
sync-waiting-first = Waits for the first sync
sync-failed = Not done
sync-loaded = Data updated
sync-queued = Queued
sync-stopped = Stopped by you
sync-running = Sync is running
sync-all-sent = Everything is sent
sync-up-to-date = No changes
sync-pending = To send: { $list }
sync-pending-load = To load: { $list }
sync-set-aside = Everything is sent but what was set aside: { $n }
sync-summary-ok = All data are on the server
sync-summary-never = Data are not loaded yet
sync-summary-unsent = { $what } not on the server yet
sync-summary-unsent-hint = Saved on this device
sync-summary-running = Sync is running
sync-summary-error = Sync is not complete
sync-summary-error-hint = Your data are safe on this device
sync-summary-attention = Need attention: { $n }
sync-summary-attention-hint = See the reason
sync-stage-connect = Connecting
sync-stage-upload = Sending orders and visits
sync-stage-download = Receiving prices and stock
sync-stage-apply = Updating the database on the phone
sync-progress-rows = { $done } of { $total }
sync-progress-bytes = { $done } of { $total }
sync-next-try = Next attempt in { $t }
sync-next-try-soon = Retrying now
sync-safe = Your data are on the device.
sync-support = If it happens again, give support the code { $code }
sync-checked-again = Documents checked again: { $n }
server-queue = Server is busy, your turn in ~{ $t }
server-queue-position = Ahead of you in the queue: { $n }. Nothing to do, we try again by ourselves.
sync-result-ok = Done. Sent: { $sent }, received: { $received }
sync-result-nothing = Done. No changes
sync-result-stopped = Sync stopped. Data are saved
sync-result-partial = Partly done. The reason stands in the row
sync-login = Sign in

# Network and files
network-wifi = Wi-Fi
network-metered_wifi = Metered Wi-Fi
network-cellular = Mobile network
network-roaming = Roaming
network-offline = No network
network-unknown = Network type is unknown
sync-network = Network: { $network }
sync-wifi-only = Transfer materials over Wi-Fi only
sync-wifi-only-help = Photos, files and the IR library wait for Wi-Fi. Orders and visits use any network.
sync-wait-wifi = Waiting for Wi-Fi: { $what }
sync-wait-consent = Waiting for your consent: { $what }
sync-wait-unknown = Waiting to know the network: { $what }
sync-wait-visit = The new version is here; it starts after the visit
sync-metered-wifi = This Wi-Fi is metered (e.g. a hotspot). Materials will wait.
sync-roaming = You are roaming. Materials are not transferred without your consent.
sync-unknown-net = Network type is unknown. Treat it as Wi-Fi for this session?
sync-unknown-yes = Treat as Wi-Fi
sync-unknown-no = Wait
sync-send-now = Send now
sync-load-now = Load now
sync-send-mobile = No Wi-Fi. Transfer { $size } over the mobile network?
sync-send-here = Transfer { $size } over this network?
sync-send-wait = Wait for Wi-Fi
sync-partial-loaded = Loaded { $done } of { $total ->
    [one] { $total } file
   *[other] { $total } files
  }
sync-partial-sent = Sent { $done } of { $total } photos
sync-photos-lost = Not found on the device: { $what }
sync-files-loaded = Files are here
sync-library-updated = The library is updated
sync-stage-photos = Sending photos
sync-stage-materials = Loading materials
sync-stage-library = Updating the IR library
sync-stage-library-check = Checking the IR library
sync-eta = ~{ $t } left
sync-summary-waiting-hint = Orders and visits use any network
sync-result-part-photos = Partly done. Mandatory data sent, { $photos } not sent

# Need attention
attention-title = Need attention
attention-hint = All other documents are sent as usual.
attention-none = All is well
attention-none-hint = No document was rejected or set aside.
attention-since = since { $time }
attention-resend = Send again
attention-resending = Sending again
withdraw = Withdraw
withdraw-ask = Withdraw the document?
withdraw-what = For the office it counts as not made. On the phone it stays, marked and with the reason. A withdrawal cannot be undone.
withdraw-reason = Reason
withdraw-reason-hint = For example: the outlet is closed
withdraw-done = Withdrawn. The office hears of it with the next sync
withdrawn-office-knows = Withdrawn, the office knows
withdrawn-only-here = Withdrawn. The office hears of it with the next sync
withdrawn-because = Reason: { $reason }
re-offered = The server was restored from a copy; the document is being checked again. Nothing to do.

# Profile
profile-title = Profile
profile-name = Name
profile-position = Position
profile-role = Role
profile-territory = Territory
profile-distributor = Distributor
profile-device = Device
profile-prefix = Number prefix
profile-last-number = Last order
profile-device-id = Device id
profile-server = Server
profile-version = Version
profile-storage = Storage
profile-storage-safe = Protected from clearing by the browser
profile-storage-unsafe = The browser may clear it. Install the application on the home screen
profile-language = Language
profile-traffic = Traffic this month
profile-traffic-none = Nothing was transferred this month
profile-traffic-up = Sent
profile-traffic-down = Received
profile-logout = Log out
profile-logout-ask = Log out?
profile-logout-clean = Everything is sent. To log in again you need a network.
profile-logout-unsent = Not sent: { $list }. Send and log out?
profile-logout-send = Send and log out
profile-logout-anyway = Log out without sending
profile-logout-kept = What is not sent stays on this phone and goes after the next login.
profile-logout-failed = Sending failed. You are not logged out, your data are intact.
profile-copy = Copy
profile-copied = Copied

# Refusals of actions
act-signed-out = Sign in first
act-not-found = This record is gone. It may have left your territory.
act-other-visit = Finish the open visit first
act-visit-finished = This visit is finished already
act-numbers = Order numbers have run out. Ask your supervisor.
act-picture = The picture cannot be read, or is too large. Take it again.
act-empty-order = The order has no products
act-quantity = Quantity from 1 to 100,000
act-no-unit = The product is not sold in this unit
act-no-price = The product has no price
act-too-large = The sum is too large
act-delivery-past = The delivery date has passed
act-placed = The order is placed already
act-withdrawn = The document is withdrawn already
act-failed = It did not work. Try again; if that does not help, give support the code { $code }

# Error codes: what happened and what to do
code-N101-title = No internet connection
code-N101-action = Nothing to do: your data are saved, we continue when the network is back.
code-N102-title = Flight mode is on
code-N102-action = Switch it off and the sync goes on.
code-N103-title = Server does not respond
code-N103-action = Keep working: your data are on the device, we try again.
code-N104-title = Network needs sign-in
code-N104-action = Sign in to the Wi-Fi network or use mobile data.
code-N105-title = Connection lost
code-N105-action = We continue where it stopped.
code-N106-title = Secure connection failed
code-N106-action = Check date and time of the phone and try again.
code-A201-title = Sign in again
code-A201-action = Sign in again: your data are saved.
code-A202-title = Device disabled by the administrator
code-A202-action = Talk to your supervisor. The data stay on the phone.
code-A203-title = Position changed
code-A203-action = Sign in again and choose the position.
code-A204-title = Too many devices
code-A204-action = Disable the old device or ask the administrator.
code-S301-title = Maintenance
code-S301-action = Keep working, data go later.
code-S302-title = Server error
code-S302-action = We try again automatically. Your data are on the device.
code-S303-title = Server busy
code-S303-action = Your turn will come, we try again.
code-S304-title = Update the application
code-S304-action = Close all windows of the application and open it again.
code-S305-title = Incomplete reply of the server
code-S305-action = The previous data are kept, we try again.
code-S306-title = Server restored
code-S306-action = Re-checking data, nothing to do.
code-D401-title = Document rejected
code-D401-action = Correct it for the reason shown and send it again.
code-D402-title = No access to the outlet
code-D402-action = Talk to your supervisor.
code-D404-title = Document changed in the office
code-D404-action = Compare the versions.
code-D405-title = Related document not found
code-D405-action = It goes after that one.
code-D406-title = Error in the data to download
code-D406-action = The previous data stay in use, we try again.
code-D407-title = Document set aside
code-D407-action = It does not hold the others. Give support the code.
code-D408-title = A document of this number exists
code-D408-action = The server holds other content under this number. Give support the code.
code-L501-title = Not enough space
code-L501-action = Free some space on the phone and try again.
code-L502-title = File damaged in transit
code-L502-action = We load it again.
code-L503-title = No access to storage
code-L503-action = Allow the application to store data.
code-L504-title = Photo is missing on the device
code-L504-action = Take it again while the visit is open.
code-L505-title = Database damaged
code-L505-action = We keep a copy and load it again. Unsent documents are not touched.
code-L506-title = The application was closed
code-L506-action = Going on.
code-L507-title = IR library check failed
code-L507-action = The previous one stays in use.
code-T601-title = Wrong time on the device
code-T601-action = Turn on automatic time.
code-P701-title = A visit is not finished
code-P701-action = Finish it.
code-P702-title = There are unsent data
code-P702-action = Upload first.
code-P703-title = Setting locked by the administrator
code-P703-action = Only the administrator can change it.
code-E801-title = No orders in the chosen dates
code-E801-action = Change the dates.
code-E802-title = The period starts after its end
code-E802-action = Correct the dates.
code-E803-title = The file was not saved
code-E803-action = Check the free space and try again.
code-E804-title = No application opens this file
code-E804-action = Save the file or send it.
code-G901-title = Logs not sent
code-G901-action = They are queued.
code-G902-title = Logs are too large
code-G902-action = Choose a shorter period.
code-X999-title = Unexpected error
code-X999-action = Try again. If that does not help, give support the code.

# Reasons of a rejection: written by the server in the office's language, beside the code D401, D402, D408.
rejected-kind = The server knows no documents of this kind. Update the server or the application.
rejected-body = The document cannot be read: a field is wrong.
rejected-size = The document is too large.
rejected-revision = The revision must be 1 or more.
rejected-text = A text is too long or has characters that are not allowed.
rejected-outlet = The outlet is not in your territory.
rejected-product = There is no such product.
rejected-number = The order's number does not belong to this device.
rejected-outside-visit = A reason for an order outside a visit is needed exactly when there is no visit.
rejected-visit-outlet = The visit is at another outlet.
rejected-visit-times = A visit cannot end before it began.
rejected-no-reason = Give a reason for taking the document back.
rejected-withdrawn = The document was taken back before.
rejected-blocked = The office has blocked this device.
rejected-conflict = There is a document of this number with other content already.
note-number-taken = The number { $wanted } was taken; the order stands under { $number }.
rejected-order-empty = The order has no lines.
rejected-order-too-many-lines = The order has too many lines.
rejected-order-quantity = A quantity is out of its limits.
rejected-order-unit = The product is not sold in this unit.
rejected-order-price = A product has no price.
rejected-order-repeated = A product stands twice.
rejected-order-sum = The sums do not follow from prices and quantities.
rejected-order-comment = The comment is too long.
