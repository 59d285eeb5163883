// Starts the two modules side by side: the core loads in its Worker while the page draws.
//
// The Worker waits for "open" before it touches the database: only the window that holds the lock may say so
// (src/leader.rs). The page finds the Worker under this name.
import init from "/assets/polevik_mobile.js";

const worker_path = "/assets/core_worker.js";

// A fresh Worker each time it is asked for; the page asks again after it took the work over from another window.
globalThis.polevikNewWorker = () => new Worker(worker_path, { type: "module", name: "polevik-core" });

try {
  await init({ module_or_path: "/assets/polevik_mobile_bg.wasm" });
} catch (cause) {
  console.error(cause);
  const box = document.querySelector(".boot");
  const russian = navigator.language.startsWith("ru");
  if (box) {
    const text = document.createElement("p");
    text.textContent = russian
      ? "Приложение не запустилось. Обновите страницу; если не поможет, обновите браузер."
      : "The application did not start. Reload the page; if that does not help, update the browser.";
    box.append(text);
  }
}

if ("serviceWorker" in navigator) {
  // After the page is up: the first visit should not fight for the line with its own copy.
  const registered = navigator.serviceWorker.register("/service_worker.js", { type: "classic" });
  registered.then(watchForUpdate).catch((cause) => {
    console.warn("The application is not available without network:", cause);
  });
}

// A new build waits beside the running one until the person says so (src/update.rs).
function watchForUpdate(registration) {
  const tell = () => {
    if (!registration.waiting || !navigator.serviceWorker.controller) return;
    globalThis.polevikUpdateWaits = true;
    globalThis.dispatchEvent(new Event("polevik-update"));
  };
  globalThis.polevikUpdateNow = () => {
    navigator.serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
    registration.waiting?.postMessage("update-now");
  };
  registration.addEventListener("updatefound", () => {
    registration.installing?.addEventListener("statechange", tell);
  });
  tell();
}
