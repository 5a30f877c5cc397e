import { once } from 'node:events'
import { connect } from 'node:net'

/* Opens so many WebSocket connections as bare sockets, registers on each, and keeps them until told to go. */
const [port, count] = process.argv.slice(2).map(Number)
/** Under the backlog of a listening socket. */
const AT_ONCE = 100
const sockets = []
for (let i = 0; i < count; i += AT_ONCE) {
  const some = await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - i) }, () => join(port)))
  sockets.push(...some)
}
process.send(sockets.length)
process.on('disconnect', () => process.exit(0))

async function join(port) {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  const head = [
    'GET /bridge/v1/a0 HTTP/1.1',
    'host: localhost',
    'authorization: Bearer token',
    'connection: upgrade',
    'upgrade: websocket',
    'sec-websocket-version: 13',
    'sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==',
  ]
  socket.write(`${head.join('\r\n')}\r\n\r\n`)
  await once(socket, 'data')
  socket.write(textFrame(JSON.stringify({ type: 'register', platform: 'a0', capabilities: ['text'] })))
  const [answer] = await once(socket, 'data')
  if (!answer.includes('registered')) throw new Error('the registration was not confirmed')
  return socket
}

/** Masked with zeros, which leaves the bytes as they are. */
function textFrame(text) {
  return Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)])
}
