// The dedicated Worker of the core: loads the module and hands over. Everything else is in apps/mobile_core.
import init, { start } from "/assets/polevik_mobile_core.js";

await init({ module_or_path: "/assets/polevik_mobile_core_bg.wasm" });
start();
