// Keeps the files of one build, whole, so that the application opens without network.
//
// The list and the build's name are written in by `cargo xtask build-web`. A new build is fetched beside the old one
// and takes over only when no window uses the old one any more, or when the person asks for it: the core must never
// be changed under a running synchronisation.
"use strict";

const BUILD = "polevik-/*BUILD*/";
const FILES = [/*PRECACHE*/];

self.addEventListener("install", (event) => {
  event.waitUntil(fill());
});

// All files or none. What an older build already holds under the same name is the same bytes (names carry the hash)
// and is copied instead of fetched again.
async function fill() {
  const cache = await caches.open(BUILD);
  for (const path of FILES) {
    if (await cache.match(path)) continue;
    const kept = path.startsWith("/assets/") ? await caches.match(path) : undefined;
    if (kept) {
      await cache.put(path, kept);
      continue;
    }
    const answer = await fetch(path, { cache: path.startsWith("/assets/") ? "default" : "reload" });
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    await cache.put(path, answer);
  }
}

self.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      for (const name of await caches.keys()) {
        if (name.startsWith("polevik-") && name !== BUILD) await caches.delete(name);
      }
      await self.clients.claim();
    })(),
  );
});

self.addEventListener("message", (event) => {
  if (event.data === "update-now") self.skipWaiting();
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (isForServer(url.pathname)) return;
  if (request.mode === "navigate") {
    event.respondWith(fromBuild("/", request));
    return;
  }
  event.respondWith(fromBuild(url.pathname, request));
});

function isForServer(path) {
  return (
    path.startsWith("/v1/") ||
    path.startsWith("/api/") ||
    path === "/healthz" ||
    path === "/readyz" ||
    path === "/metrics" ||
    path === "/service_worker.js"
  );
}

async function fromBuild(path, request) {
  const cache = await caches.open(BUILD);
  return (await cache.match(path)) ?? fetch(request);
}
