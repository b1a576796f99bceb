// A chat with Bun's native publish, as its documentation shows it. Run by bench/main.ts --peers.
const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch(request, server) {
    const name = new URL(request.url).searchParams.get("name");
    if (server.upgrade(request, { data: { name } })) return;
    return new Response("WebSocket only", { status: 426 });
  },
  websocket: {
    publishToSelf: true,
    open(ws) {
      ws.subscribe("room");
    },
    message(ws, message) {
      ws.publishText("room", `${ws.data.name}: ${message}`);
    },
    perMessageDeflate: false,
  },
});

console.log(`port ${server.port}`);
