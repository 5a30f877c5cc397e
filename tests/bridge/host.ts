/** A bridge server in a process of its own, so that its memory can be measured. Driven over IPC by the tests. */
import { BridgeServer } from '../../src/bridge/server.js'

/** What the tests ask for. */
export type HostCommand =
  | { readonly do: 'memory' }
  /** Sends `count` messages of `size` bytes to `agents`, `every` ms apart. */
  | { readonly do: 'flood'; readonly count: number; readonly size: number; readonly every: number }
  | { readonly do: 'stop' }

/** What they get. */
export interface HostReport {
  readonly url?: string
  /** Bytes of the heap and of buffers after a collection, or at the worst moment of a flood. */
  readonly bytes?: number
  readonly connections?: number
}

const server = new BridgeServer({
  tokens: ['agents:tokA', 'slow:tokB'],
  port: 0,
  limits: {
    payload: Number(process.env['PAYLOAD'] ?? 1_048_576),
    // Whoever reads again only when a flood is over must still find out why it was closed, however busy the machine is.
    closeTimeout: 60_000,
  },
}).onMessage(message => message.content)

const tell = (report: HostReport): void => void process.send?.(report)
/** What is in use when everything that can go has gone: sockets that are closing need a moment. */
async function collected(): Promise<number> {
  for (let round = 0; round < 3; round += 1) {
    await new Promise(resolve => setTimeout(resolve, 50))
    globalThis.gc?.()
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

async function flood(count: number, size: number, every: number): Promise<void> {
  const filler = 'x'.repeat(size)
  await collected()
  let peak = 0
  for (let n = 0; n < count; n += 1) {
    // The time goes first, so that a reader need not parse the filler.
    const message = { session_key: String(performance.timeOrigin + performance.now()), content: filler }
    // The same bytes to both, and the fast ones never wait for the slow one.
    server.send('agents', message).catch(() => {})
    server.send('slow', message).catch(() => {})
    peak = Math.max(peak, process.memoryUsage().arrayBuffers)
    await new Promise(resolve => setTimeout(resolve, every))
  }
  await new Promise(resolve => setTimeout(resolve, 100))
  tell({ bytes: peak, connections: server.platforms().reduce((sum, { connections }) => sum + connections, 0) })
}

process.on('message', (command: HostCommand) => {
  if (command.do === 'memory') void collected().then(bytes => tell({ bytes }))
  else if (command.do === 'flood') void flood(command.count, command.size, command.every)
  else void server.close().then(() => process.disconnect())
})
process.on('disconnect', () => process.exit())

const { url } = await server.listen()
tell({ url })
