/**
 * The baseline: a chat as tutorials write it, with a loop over `socket.send()`. What it does not do
 * is what the benchmark is about: no ids, no times, no look at what is unsent.
 *
 * @module
 */

const sockets = new Set<WebSocket>();

const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
  const name = new URL(request.url).searchParams.get("name") ?? "";
  const { socket, response } = Deno.upgradeWebSocket(request);
  socket.onopen = () => sockets.add(socket);
  socket.onclose = () => sockets.delete(socket);
  socket.onerror = (event) => event.preventDefault();
  socket.onmessage = ({ data }) => {
    for (const each of sockets) {
      if (each.readyState === WebSocket.OPEN) each.send(`${name}: ${data}`);
    }
  };
  return response;
});

console.log(`port ${server.addr.port}`);
