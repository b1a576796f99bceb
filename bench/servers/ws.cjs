// A chat with the package `ws` on Node, as its README shows a broadcast. Run by bench/main.ts
// --peers, which says in NODE_PATH where the package is.
const { WebSocketServer, WebSocket } = require("ws");

const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });

server.on("connection", (socket, request) => {
  const name = new URL(request.url, "http://127.0.0.1").searchParams.get("name");
  socket.on("error", () => {});
  socket.on("message", (data) => {
    const message = `${name}: ${data}`;
    server.clients.forEach((client) => {
      if (client.readyState === WebSocket.OPEN) client.send(message);
    });
  });
});

server.on("listening", () => console.log(`port ${server.address().port}`));
