import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { WebSocket, WebSocketServer } from 'ws'
import type { Control } from '../../../src/conformance/testee.js'

const JUNK = '{"type":"event","event":"nobody-asked"}'
const held = new Map<string, () => void>()
let count = 0

function keep(close: () => void): string {
  const handle = `b${++count}`
  held.set(handle, close)
  return handle
}

/** A server that lets everybody in and talks nonsense; as a client it is silent. */
export async function openDoor(control: Control): Promise<unknown> {
  if (control.cmd === 'close') return held.get(control.handle)?.()
  if (control.cmd !== 'serve') return junkClient(control)
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  server.on('connection', socket => {
    socket.on('error', () => {})
    socket.send(JUNK)
  })
  const handle = keep(() => {
    for (const socket of server.clients) socket.terminate()
    server.close()
  })
  return { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`, handle }
}

/** A client that says nonsense before it registers. */
export async function junkClient(control: Control): Promise<unknown> {
  if (control.cmd === 'close') return held.get(control.handle)?.()
  if (control.cmd !== 'connect') return openDoor(control)
  const socket = new WebSocket(control.url)
  socket.on('error', () => {})
  socket.on('open', () => socket.send(JUNK))
  return { handle: keep(() => socket.terminate()) }
}
