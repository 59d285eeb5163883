# Тексты мобильного модуля. Ключи те же, что в en.ftl; подписи из справки стоят дословно.

app-name = Полевик
app-promise = Маршрут, визиты и заказы. Работает без сети.

# Общие слова
back = Назад
cancel = Отмена
retry = Повторить
done = Готово
clear = Очистить
loading = Загружаем…
today = Сегодня
tomorrow = Завтра
and-more = Показаны первые { $shown } из { $total }. Уточните поиск.
orders-count = { $n ->
    [one] { $text } заказ
    [few] { $text } заказа
   *[other] { $text } заказов
  }
visits-count = { $n ->
    [one] { $text } визит
    [few] { $text } визита
   *[other] { $text } визитов
  }
withdrawals-count = { $n ->
    [one] { $text } отзыв
    [few] { $text } отзыва
   *[other] { $text } отзывов
  }
documents-count = { $n ->
    [one] { $text } документ
    [few] { $text } документа
   *[other] { $text } документов
  }
lines-count = { $n ->
    [one] { $text } позиция
    [few] { $text } позиции
   *[other] { $text } позиций
  }
outlets-count = { $n ->
    [one] { $text } точка
    [few] { $text } точки
   *[other] { $text } точек
  }
days-count = { $n ->
    [one] { $text } день
    [few] { $text } дня
   *[other] { $text } дней
  }
photos-count = { $n ->
   *[other] { $text } фото
  }
files-count = { $n ->
    [one] { $text } файл
    [few] { $text } файла
   *[other] { $text } файлов
  }
pieces = { $n } шт
minutes = { $n } мин
seconds = { $n } с

# Вход
login-email = Электронная почта
login-password = Пароль
login-show-password = Показать пароль
login-hide-password = Скрыть пароль
login-submit = Войти
login-busy = Входим…
login-server = Сервер: { $server }
login-wrong = Почта или пароль не подходят
login-wrong-action = Проверьте раскладку и заглавные буквы. Пароль можно узнать у супервайзера.
login-empty = Введите почту и пароль
position-title = Выберите должность
position-why = От должности зависит, какие точки и цены загрузятся.
position-other-login = Войти под другой почтой

# Роли
role-rep = Торговый представитель
role-merchandiser = Мерчендайзер
role-van = Вэн-селлер
role-supervisor = Супервайзер

# Первая синхронизация
first-title = Первая загрузка
first-why = Загружаем точки, товары, цены и остатки. Дальше всё работает без сети.
first-stay = Не выходите с этого экрана, если интернет слабый.
first-step-connect = Соединяемся с сервером
first-step-fetch = Получаем справочники
first-step-apply = Готовим базу на телефоне
first-resume = Что уже загружено, остаётся на телефоне: продолжим с этого места.
first-continue = Продолжить загрузку
first-to-profile = Профиль

# Окна и запуск
other-window-title = Полевик открыт в другом окне
other-window-text = Данные ведёт одно окно, чтобы ничего не задвоить. Перейдите в него или продолжите здесь: работа в том окне остановится, данные сохранятся.
other-window-take = Продолжить здесь
other-window-lost-title = Работа продолжена в другом окне
other-window-lost-text = Все данные сохранены. Это окно можно закрыть.
core-failed-title = База на телефоне не открылась
core-failed-text = Закройте другие окна Полевика и попробуйте ещё раз. Данные на телефоне не удалены.
core-damaged-title = База на телефоне повреждена
core-damaged-text = Ничего не удалено: копия отложена для поддержки, неотправленные заказы и визиты прочитаем из неё. Нажмите «Повторить».
core-unsupported-title = Этот браузер не подходит
core-unsupported-text = Нужен Chrome 111 или новее, Safari 16.4 или новее, и защищённый адрес (https или localhost).
update-ready = Готова новая версия
update-now = Обновить

# Нижняя панель
tab-route = Маршрут
tab-outlets = Точки
tab-orders = Заказы
tab-more = Ещё
tabs-label = Разделы

# Значок состояния
chip-label = Синхронизация: { $state }
chip-never = Нет данных
chip-unsent = Не отправлено: { $n }
chip-busy = идёт синхронизация
chip-attention = требуют внимания: { $n }
chip-error = ошибка { $code }
chip-ok = выполнена { $time }
chip-waiting = ждут Wi-Fi: { $n }

# Маршрут
route-title = Маршрут
route-progress = { $done } из { $total ->
    [one] { $total } визита
   *[other] { $total } визитов
  }
route-progress-label = Выполнено визитов: { $done } из { $total }
route-empty = На этот день визитов нет
route-empty-hint = Точку вне маршрута можно открыть во вкладке «Точки».
route-continue = Продолжить визит
route-orders = { $orders } на { $sum }
route-no-orders = Заказов пока нет
visit-state-planned = План
visit-state-open-for = Идёт { $n } мин
visit-state-here-long = Только на этом устройстве
visit-state-server-long = Данные на сервере
visit-state-photos = Фото ждут
visit-unplanned = Вне маршрута
overdue = Просрочено

# Точки
outlets-title = Точки
outlets-search = Название, адрес или код
outlets-none = Ничего не нашлось
outlets-none-hint = Проверьте написание или ищите по части адреса.
outlets-empty = Точек пока нет
outlets-empty-hint = Выполните синхронизацию: точки приходят с сервера.

# Торговая точка
outlet-title = Торговая точка
outlet-start-visit = Начать визит
outlet-order-outside = Заказ вне визита
outlet-code = Код
outlet-details = Реквизиты
outlet-legal = Контрагент
outlet-inn = ИНН
outlet-contract = Договор
outlet-call = Позвонить
outlet-delivery-days = Дни доставки
outlet-price-type = Тип цены
outlet-class = Класс
outlet-debt-title = Дебиторская задолженность
outlet-debt-none = Долгов нет
outlet-debt-total = Всего
outlet-debt-overdue = Просрочено
outlet-doc = { $number } от { $date }
outlet-due = оплатить до { $date }
outlet-stop = Отгрузки остановлены
outlet-stop-hint = Заказ можно оформить, но офис может его отклонить.
outlet-orders-title = Последние заказы
outlet-fresh = Данные от { $time }
format-kiosk = Киоск
format-traditional = Традиционная
format-minimarket = Минимаркет
format-supermarket = Супермаркет
format-horeca = HoReCa
other-visit-open = Сначала завершите визит: { $outlet }
weekday-1 = пн
weekday-2 = вт
weekday-3 = ср
weekday-4 = чт
weekday-5 = пт
weekday-6 = сб
weekday-7 = вс

# Визит
visit-title = Визит
visit-started = Начат в { $time }
visit-lasts = { $n } мин
visit-finish = Завершить визит
visit-finish-ask = Завершить визит?
visit-finish-none = В этом визите нет заказов.
visit-finish-drafts = Не оформлен заказ: { $sum }. Черновик останется в разделе «Заказы».
visit-finish-saved = Визит завершён и сохранён на телефоне
visit-finished-from-to = { $from } – { $to }
visit-order-new = Новый заказ
visit-order-continue = Продолжить заказ
visit-orders-none = Заказов в этом визите пока нет
visit-photos-none = Фото пока нет
visit-photos-wait = Данные на сервере, фото ждут: { $n }
visit-materials = Материалы точки

# Фото
photos-title = Фото
photo-title = Фото
photo-scene = Что на фото?
photo-take = Снять
photo-choose = Выбрать из галереи
photo-saving = Сохраняем фото…
photo-saved = Фото сохранено на телефоне
photo-here = Только здесь
photo-server = На сервере
photo-lost = Не найдено
photo-failed = Не отправлено
photo-sent-part = Отправлено { $done } из { $total }
photo-removed = Фото на сервере. С телефона убрано, чтобы освободить место.
photo-not-shown = Не удалось показать файл
photo-taken-at = Снято
photo-size = Размер
photo-of = { $scene }, { $state }
scene-shelf = Полка
scene-cooler = Холодильник
scene-display = Выкладка
scene-posm = Реклама
scene-facade = Фасад
scene-other = Другое
space-low = На телефоне мало места. Освободите его, чтобы снимать дальше.
space-full = Снимать нельзя, пока на телефоне свободно меньше 100 МБ. Сделанные фото сохранены.
space-free-up = Освободить место

# Заказ
order-title = Заказ
order-new = Новый заказ
order-search = Товар, артикул или штрихкод
order-filter-all = Все товары
order-filter-chosen = В заказе
order-filter-matrix = Матрица
order-none = Ничего не нашлось
order-none-hint = Попробуйте часть названия или артикул.
order-none-chosen = В заказе пока пусто
order-none-chosen-hint = Добавьте товары кнопкой «плюс».
order-no-price = Цены нет
order-stock = остаток { $n }
order-stock-none = нет в наличии
order-stock-unknown = остаток не указан
order-total = Итого
order-vat = в том числе НДС { $sum }
order-place = Оформить
order-placing = Оформляем…
order-place-empty = Добавьте товары
order-review = Проверьте заказ
order-delivery = Дата доставки
order-delivery-none = Без даты
order-comment = Комментарий
order-comment-hint = Увидит офис
order-placed-short = Заказ сохранён на телефоне. Отправим при синхронизации
order-number = Заказ { $number }
order-draft = Черновик
order-discard = Удалить черновик
order-discard-ask = Удалить черновик? Товары из него будут убраны.
order-lines = Товары
order-outside-visit = Вне визита
order-outside-ask = Почему заказ вне визита?
order-outside-phone = Заказ по телефону
order-outside-messenger = Заказ в мессенджере
order-outside-repeat = Дозаказ после визита
order-outside-other = Другая причина
order-to-visit = К визиту
order-in-visit = В визите
order-price = Цена
order-sum = Сумма
order-vat-rate = НДС { $rate } %
order-more = Больше: { $name }
order-less = Меньше: { $name }
order-quantity-of = Количество: { $name }
order-quantity = Количество
order-unit = Единица
order-article = Артикул
order-brand = Бренд
order-category = Категория
order-stock-label = Остаток
unit-piece = шт
unit-block = блок
unit-box = короб
unit-block-of = блок · { $n }
unit-box-of = короб · { $n }
kind-must = обязательный
kind-focus = фокус
kind-new = новинка
kind-stop = стоп

# Заказы
orders-title = Заказы
orders-drafts = Черновики
orders-sum = { $orders } на { $sum }
orders-empty = Заказов пока нет
orders-empty-hint = Начните визит или откройте точку, чтобы оформить первый.
order-state-draft = Черновик
order-state-waiting = Только здесь
order-state-waiting-long = Только на этом устройстве. Отправим при синхронизации.
order-state-server = На сервере
order-state-accepted = Принят
order-state-shipped = Отгружен
order-state-changed = Изменён в офисе
order-state-delivered = Доставлен
order-state-rejected = Отклонён
order-state-rejected-long = Офис отклонил заказ
order-state-parked = Отложен
order-state-withdrawn = Отозван

# Ещё
more-title = Ещё
more-sync = Синхронизация
more-profile = Профиль

# Материалы
materials-title = Материалы
materials-here = На телефоне { $here } из { $total }
materials-none = Материалов пока нет
materials-none-hint = Планограммы, прайс-листы и презентации приходят из офиса при синхронизации.
materials-other = Без папки
materials-all = Все материалы
material-title = Материал
material-new = новый
material-mandatory = обязательный
material-pinned = закреплён
material-here = На телефоне
material-wanted = Загрузится
material-left = Не загружен
material-failed = Не загрузился
material-part = { $done } из { $total }
material-load = Загрузить сейчас
material-not-here = Файл ещё не на телефоне
material-left-hint = Не поместился в память, отведённую под материалы.
material-asked = Загрузим при первой возможности
material-pin = Всегда хранить на телефоне
material-open-in = Открыть в…
material-save = Сохранить файл
material-elsewhere = Этот файл откроет другое приложение
material-valid-to = Действует до { $date }
material-kind-planogram = Планограмма
material-kind-price_list = Прайс-лист
material-kind-presentation = Презентация
material-kind-picture = Фото товара
material-kind-video = Видео
material-kind-training = Обучение

# Память устройства
storage-title = Память устройства
storage-databases = База
storage-queued = Фото в очереди
storage-queued-kept = Не удаляются, пока не уйдут на сервер
storage-sent = Отправленные фото
storage-logs = Логи
storage-free = Свободно
storage-used = Занято
storage-remove-sent = Удалить отправленные фото ({ $size })
storage-remove-unused = Удалить материалы, не открытые { $days } дней ({ $size })
storage-removed = Место освобождено
storage-ask = Попросить браузер хранить данные
storage-asked-no = Браузер пока не обещает. Установите приложение на экран «Домой» и повторите.

# Синхронизация
sync-title = Синхронизация
sync-all = Синхронизировать все
sync-stop = Остановить
sync-download = Загрузка
sync-upload = Выгрузка
sync-mandatory = Обязательная информация
sync-materials = Материалы
sync-library = Библиотека IR
sync-library-version = вер. { $version }
sync-row-button = Синхронизировать: { $row }
sync-last-ok-label = Последняя успешная синхронизация
sync-never = Ещё не выполнялась
sync-last-try = Попытка { $dt } не удалась
sync-waiting-first = Ждёт первой загрузки
sync-failed = Не выполнена
sync-loaded = Данные обновлены
sync-queued = В очереди
sync-stopped = Остановлено вами
sync-running = Идёт синхронизация
sync-all-sent = Всё выгружено
sync-up-to-date = Изменений нет
sync-pending = Ждут выгрузки: { $list }
sync-pending-load = Ждут загрузки: { $list }
sync-set-aside = Выгружено всё, кроме отложенных: { $n }
sync-summary-ok = Все данные на сервере
sync-summary-never = Данные ещё не загружены
sync-summary-unsent = { $what } ещё не на сервере
sync-summary-unsent-hint = Сохранено на этом устройстве
sync-summary-running = Синхронизация идёт
sync-summary-error = Синхронизация не закончена
sync-summary-error-hint = Ваши данные сохранены на устройстве
sync-summary-attention = Требуют внимания: { $n }
sync-summary-attention-hint = Посмотреть причину
sync-stage-connect = Соединяемся
sync-stage-upload = Отправляем заказы и визиты
sync-stage-download = Получаем цены и остатки
sync-stage-apply = Обновляем базу на телефоне
sync-progress-rows = { $done } из { $total }
sync-progress-bytes = { $done } из { $total }
sync-next-try = Следующая попытка через { $t }
sync-next-try-soon = Сейчас повторим
sync-safe = Ваши данные на устройстве.
sync-support = Если ошибка повторится, передайте в поддержку код { $code }
sync-checked-again = Повторно проверяем документы: { $n }
server-queue = Сервер занят, ваша очередь ~{ $t }
server-queue-position = Перед вами в очереди: { $n }. Ничего делать не нужно, повторим сами.
sync-result-ok = Готово. Отправлено: { $sent }, получено: { $received }
sync-result-nothing = Готово. Изменений нет
sync-result-stopped = Синхронизация остановлена. Данные сохранены
sync-result-partial = Частично: не всё удалось. Причина указана в строке
sync-login = Войти

# Сеть и файлы
network-wifi = Wi-Fi
network-metered_wifi = Лимитный Wi-Fi
network-cellular = Мобильная сеть
network-roaming = Роуминг
network-offline = Нет сети
network-unknown = Тип сети не определён
sync-network = Сеть: { $network }
sync-wifi-only = Загрузка и выгрузка материалов только по Wi-Fi
sync-wifi-only-help = Фото, файлы и библиотека IR ждут Wi-Fi. Заказы и визиты отправляются по любой сети.
sync-wait-wifi = Ждём Wi-Fi: { $what }
sync-wait-consent = Ждём вашего согласия: { $what }
sync-wait-unknown = Ждём, какая это сеть: { $what }
sync-wait-visit = Новая версия загружена, включим после визита
sync-metered-wifi = Эта сеть Wi-Fi лимитная (например, точка доступа телефона). Материалы подождут.
sync-roaming = Вы в роуминге. Материалы не передаём без вашего согласия.
sync-unknown-net = Тип сети не определён. Считать её Wi-Fi до конца сеанса?
sync-unknown-yes = Считать Wi-Fi
sync-unknown-no = Подождать
sync-send-now = Отправить сейчас
sync-load-now = Загрузить сейчас
sync-send-mobile = Сейчас нет Wi-Fi. Передать { $size } по мобильной сети?
sync-send-here = Передать { $size } по этой сети?
sync-send-wait = Подождать Wi-Fi
sync-partial-loaded = Загружено { $done } из { $total ->
    [one] { $total } файла
   *[other] { $total } файлов
  }
sync-partial-sent = Отправлено { $done } из { $total } фото
sync-photos-lost = Не найдено на устройстве: { $what }
sync-files-loaded = Файлы загружены
sync-library-updated = Библиотека обновлена
sync-stage-photos = Отправляем фото
sync-stage-materials = Загружаем материалы
sync-stage-library = Обновляем библиотеку IR
sync-stage-library-check = Проверяем библиотеку IR
sync-eta = осталось ~{ $t }
sync-summary-waiting-hint = Заказы и визиты отправляются по любой сети
sync-result-part-photos = Частично. Обязательная информация выгружена, { $photos } не отправлено

# Требуют внимания
attention-title = Требуют внимания
attention-hint = Остальные документы отправляются как обычно.
attention-none = Всё в порядке
attention-none-hint = Отклонённых и отложенных документов нет.
attention-since = с { $time }
attention-resend = Отправить ещё раз
attention-resending = Отправляем ещё раз
withdraw = Отозвать
withdraw-ask = Отозвать документ?
withdraw-what = Для офиса его как будто не было. На телефоне он останется с пометкой и причиной. Отменить отзыв нельзя.
withdraw-reason = Причина
withdraw-reason-hint = Например: точка закрыта
withdraw-done = Документ отозван. Офис узнает при синхронизации
withdrawn-office-knows = Отозван, офис знает
withdrawn-only-here = Отозван. Офис узнает при синхронизации
withdrawn-because = Причина: { $reason }
re-offered = Сервер восстановлен из копии, документ повторно проверяется. Ничего делать не нужно.

# Профиль
profile-title = Профиль
profile-name = Имя
profile-position = Должность
profile-role = Роль
profile-territory = Территория
profile-distributor = Дистрибьютор
profile-device = Устройство
profile-prefix = Префикс номеров
profile-last-number = Последний заказ
profile-device-id = Код устройства
profile-server = Сервер
profile-version = Версия
profile-storage = Хранилище
profile-storage-safe = Защищено от очистки браузером
profile-storage-unsafe = Браузер может очистить. Установите приложение на экран «Домой»
profile-language = Язык
profile-traffic = Трафик за месяц
profile-traffic-none = В этом месяце обмена не было
profile-traffic-up = Отправлено
profile-traffic-down = Получено
profile-logout = Выйти
profile-logout-ask = Выйти из приложения?
profile-logout-clean = Всё выгружено. Чтобы войти снова, нужна сеть.
profile-logout-unsent = Не отправлено: { $list }. Отправить и выйти?
profile-logout-send = Отправить и выйти
profile-logout-anyway = Выйти без отправки
profile-logout-kept = Неотправленное останется на этом телефоне и уйдёт после следующего входа.
profile-logout-failed = Отправить не удалось. Вы не вышли, данные на месте.
profile-copy = Скопировать
profile-copied = Скопировано

# Отказы действий
act-signed-out = Сначала войдите
act-not-found = Такой записи уже нет. Возможно, она ушла из вашей территории.
act-other-visit = Сначала завершите открытый визит
act-visit-finished = Этот визит уже завершён
act-numbers = Номера заказов закончились. Обратитесь к супервайзеру.
act-picture = Снимок не читается или слишком велик. Снимите ещё раз.
act-empty-order = В заказе нет товаров
act-quantity = Количество от 1 до 100 000
act-no-unit = Товар не продаётся в этой единице
act-no-price = У товара нет цены
act-too-large = Слишком большая сумма
act-delivery-past = Дата доставки уже прошла
act-placed = Заказ уже оформлен
act-withdrawn = Документ уже отозван
act-failed = Не получилось. Повторите; если не поможет, передайте код { $code }

# Коды ошибок: что случилось и что делать
code-N101-title = Нет подключения к интернету
code-N101-action = Ничего делать не нужно: данные сохранены, продолжим сами, когда появится сеть.
code-N102-title = Включён режим полёта
code-N102-action = Выключите его, и синхронизация продолжится.
code-N103-title = Сервер не отвечает
code-N103-action = Работайте дальше: данные на устройстве, повторим сами.
code-N104-title = Сеть требует входа
code-N104-action = Войдите в сеть Wi-Fi или перейдите на мобильную.
code-N105-title = Соединение прервано
code-N105-action = Продолжим с места остановки.
code-N106-title = Нет защищённого соединения
code-N106-action = Проверьте дату и время на телефоне и повторите.
code-A201-title = Требуется вход
code-A201-action = Войдите снова: данные сохранены.
code-A202-title = Устройство отключено администратором
code-A202-action = Свяжитесь с супервайзером. Данные остаются на телефоне.
code-A203-title = Должность изменена
code-A203-action = Войдите снова и выберите должность.
code-A204-title = Превышено число устройств
code-A204-action = Отключите старое устройство или обратитесь к администратору.
code-S301-title = Технические работы
code-S301-action = Можно работать дальше, данные отправим позже.
code-S302-title = Ошибка на сервере
code-S302-action = Повторим автоматически. Данные на устройстве.
code-S303-title = Сервер занят
code-S303-action = Ваша очередь подойдёт, повторим сами.
code-S304-title = Нужно обновить приложение
code-S304-action = Закройте все окна приложения и откройте снова.
code-S305-title = Неполный ответ сервера
code-S305-action = Прежние данные сохранены, повторим сами.
code-S306-title = Сервер восстановлен
code-S306-action = Сверяем данные, ничего делать не нужно.
code-D401-title = Документ отклонён
code-D401-action = Исправьте по указанной причине и отправьте снова.
code-D402-title = Нет прав на торговую точку
code-D402-action = Обратитесь к супервайзеру.
code-D404-title = Документ изменён в офисе
code-D404-action = Сравните версии.
code-D405-title = Не найден связанный документ
code-D405-action = Отправим после него.
code-D406-title = Ошибка в данных для загрузки
code-D406-action = Работаем на прежних данных, повторим сами.
code-D407-title = Документ отложен
code-D407-action = Остальным он не мешает. Передайте код в поддержку.
code-D408-title = Документ с таким номером уже есть
code-D408-action = На сервере под этим номером другое содержание. Передайте код в поддержку.
code-L501-title = Недостаточно места
code-L501-action = Освободите место на телефоне и повторите.
code-L502-title = Файл повреждён при передаче
code-L502-action = Загрузим снова.
code-L503-title = Нет доступа к хранилищу
code-L503-action = Дайте приложению разрешение на хранение данных.
code-L504-title = Фото не найдено на устройстве
code-L504-action = Переснимите, если визит открыт.
code-L505-title = База повреждена
code-L505-action = Сохраним копию и загрузим заново. Неотправленные документы не трогаем.
code-L506-title = Приложение было закрыто
code-L506-action = Продолжаем.
code-L507-title = Библиотека IR не прошла проверку
code-L507-action = Работает прежняя.
code-T601-title = Неверное время на устройстве
code-T601-action = Включите автоматическое время.
code-P701-title = Есть незавершённый визит
code-P701-action = Завершите его.
code-P702-title = Есть неотправленные данные
code-P702-action = Сначала выполните выгрузку.
code-P703-title = Настройка закреплена администратором
code-P703-action = Изменить её может только администратор.
code-E801-title = Нет заказов за выбранные даты
code-E801-action = Измените даты.
code-E802-title = Начало периода позже конца
code-E802-action = Исправьте даты.
code-E803-title = Не удалось сохранить файл
code-E803-action = Проверьте свободное место и повторите.
code-E804-title = Нет приложения для открытия файла
code-E804-action = Сохраните файл или отправьте его.
code-G901-title = Логи не отправлены
code-G901-action = Поставлены в очередь.
code-G902-title = Логи слишком велики
code-G902-action = Выберите период короче.
code-X999-title = Непредвиденная ошибка
code-X999-action = Повторите. Если не поможет, передайте код в поддержку.

# Причины отказа: их пишет сервер на языке офиса, рядом с кодом D401, D402, D408.
rejected-kind = Сервер не знает документов этого вида. Обновите сервер или приложение.
rejected-body = Документ не читается: ошибка в поле.
rejected-size = Документ слишком велик.
rejected-revision = Номер редакции должен быть от 1.
rejected-text = Текст слишком длинный или содержит недопустимые символы.
rejected-outlet = Торговая точка не относится к вашей территории.
rejected-product = Такого товара нет в справочнике.
rejected-number = Номер заказа не принадлежит этому устройству.
rejected-outside-visit = Причина заказа вне визита нужна тогда и только тогда, когда визита нет.
rejected-visit-outlet = Визит относится к другой торговой точке.
rejected-visit-times = Визит не может закончиться раньше, чем начался.
rejected-no-reason = Укажите причину отзыва.
rejected-withdrawn = Документ уже отозван.
rejected-blocked = Устройство заблокировано офисом.
rejected-conflict = Под этим номером уже есть документ с другим содержанием.
note-number-taken = Номер { $wanted } уже занят; заказ записан под номером { $number }.
rejected-order-empty = В заказе нет строк.
rejected-order-too-many-lines = В заказе слишком много строк.
rejected-order-quantity = Количество вне допустимых пределов.
rejected-order-unit = Товар не продаётся в этих единицах.
rejected-order-price = У товара нет цены.
rejected-order-repeated = Один товар указан дважды.
rejected-order-sum = Суммы не сходятся с ценами и количествами.
rejected-order-comment = Комментарий слишком длинный.
