// The client's side of the chat work with native WebSockets instead of raw ones, as Bun's own
// benchmark client does it and counts it: messages received a second, all clients together. Run by
// bench/main.ts --peers: bun native_client.js PORT chat.v1|plain ROUNDS PER_FRAME, where PER_FRAME is
// how many messages a client sends in one frame.
const [port, wire, rounds, perFrame] = process.argv.slice(2);
const isChat = wire === "chat.v1";
const clients = 32;
const texts = Array.from({ length: 1600 }, (_, i) => `${i} Hello World!`);
const lines = texts.map((data) => isChat ? JSON.stringify({ messageType: "message", data }) : data);
const frames = [];
for (let i = 0; i < lines.length; i += Number(perFrame)) {
  frames.push(lines.slice(i, i + Number(perFrame)).join("\n"));
}

let received = 0;
let missed = 0;
let isCounting = false;
let roundIsOver = () => {};

function take({ data }) {
  if (!isCounting) return;
  // An event begins {"id": and a line is a message.
  if (isChat && !data.startsWith('{"id"')) missed += JSON.parse(data).count ?? 0;
  else if (isChat) { for (let at = -1; (at = data.indexOf("\n", at + 1)) >= 0;) received++; }
  received++;
  if (received >= clients * clients * texts.length) roundIsOver();
}

const sockets = await Promise.all(Array.from({ length: clients }, (_, i) => {
  const { promise, resolve } = Promise.withResolvers();
  const url = `ws://127.0.0.1:${port}/?name=c${i}`;
  const socket = new WebSocket(url, isChat ? ["chat.v1"] : []);
  socket.onmessage = take;
  socket.onopen = () => {
    if (isChat) socket.send(JSON.stringify({ messageType: "register" }));
    resolve(socket);
  };
  return promise;
}));
await new Promise((resolve) => setTimeout(resolve, 1000));
isCounting = true;

let seconds = 0;
for (let round = 0; round <= Number(rounds); round++) {
  const { promise, resolve } = Promise.withResolvers();
  [received, roundIsOver] = [0, resolve];
  const start = performance.now();
  for (const socket of sockets) for (const frame of frames) socket.send(frame);
  await promise;
  if (round > 0) seconds += (performance.now() - start) / 1000;
}
const deliveries = Number(rounds) * clients * clients * texts.length;
console.log(JSON.stringify({ deliveriesPerSecond: deliveries / seconds, missed }));
process.exit(0);
