// Answers a request with what another server says: the one that it is granted.
//
//   $ just build-js examples/edge-js/edge.js target/guests/edge-js.wasm
//   $ capsock serve --listen http://127.0.0.1:8080 --env API=https://api.example.com/v1 \
//         --limit memory=64MiB --allow-http 'GET https://api.example.com/v1/*' target/guests/edge-js.wasm
//
// http://127.0.0.1:8080/status is what https://api.example.com/v1/status says.

import { getEnvironment } from 'wasi:cli/environment@0.2.10';

addEventListener('fetch', (event) => event.respondWith(handle(event.request)));

async function handle(request) {
  const { pathname, search } = new URL(request.url);
  const api = new Map(getEnvironment()).get('API');
  try {
    const answer = await fetch(`${api}${pathname}${search}`);
    return new Response(answer.body, { status: answer.status });
  } catch (error) {
    return new Response(`${error}\n`, { status: 502 });
  }
}
