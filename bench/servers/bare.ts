/**
 * What a connection costs the runtime itself: WebSockets that are accepted and left alone.
 *
 * @module
 */

const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
  const { socket, response } = Deno.upgradeWebSocket(request);
  socket.onerror = (event) => event.preventDefault();
  return response;
});

console.log(`port ${server.addr.port}`);
