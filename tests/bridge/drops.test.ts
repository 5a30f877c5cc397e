import { describe, expect, it } from 'vitest'
import type { BridgeClient } from '../../src/bridge/client.js'
import { client, dial, join, type Plain, serve, until } from './support.js'

const RESUMING = 900
const PLAIN = 100
const DROPS = 200
const MESSAGES = 40
const OWN = 5
/** Deeper than what the first run sends, so that nobody who comes back in time misses anything. */
const WINDOW = 50
/** Sent at the end, so that the one who stays away misses the first. */
const MORE = 30

/** Reproducible randomness: mulberry32. */
function randomFrom(seed: number): () => number {
  let a = seed
  return () => {
    a = (a + 0x6d2b79f5) | 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

const inBatches = async <T>(count: number, make: (index: number) => Promise<T>): Promise<T[]> => {
  const made: T[] = []
  for (let start = 0; start < count; start += 50) {
    const size = Math.min(50, count - start)
    made.push(...(await Promise.all(Array.from({ length: size }, (_, n) => make(start + n)))))
  }
  return made
}

describe('a thousand connections with two hundred drops', () => {
  it('lose and repeat nothing with resume, report gaps beyond the window, and leave plain peers alone', async () => {
    const { server, url } = await serve({ limits: { window: WINDOW } })
    const random = randomFrom(5)
    const heard = new Map<string, number[]>()
    server.onMessage((message, session) => {
      const from = message.metadata?.user_id ?? ''
      if (!heard.has(from)) heard.set(from, [])
      heard.get(from)?.push(Number(message.content))
      // Which connection belongs to whom, for the drops.
      byUser.set(from, session.connection)
    })
    const byUser = new Map<string, string>()
    const got: number[][] = []
    const gaps: unknown[] = []
    const clients = await inBatches(RESUMING, async index => {
      const mine: number[] = []
      got[index] = mine
      const one: BridgeClient = client(url, { random })
        .onMessage(message => void mine.push(Number(message.content)))
        .onGap(gap => void gaps.push(gap))
      await one.connect()
      return one
    })
    const plain = await inBatches(PLAIN, () => join(url))
    // One that stays away for longer than the window is deep.
    const away = await dial(`${url}/bridge/v1/agents`)
    away.send({ type: 'register', platform: 'agents', resume: { epoch: 'away-from-keys', seq: 0 } })
    const { epoch } = (await away.next())['resume'] as { epoch: string }
    away.socket.terminate()
    expect(server.platforms()[0]?.connections).toBeGreaterThanOrEqual(RESUMING + PLAIN)

    // Everything goes on at once: messages in both directions, and a drop now and then.
    const start = performance.now()
    let dropped = 0
    for (let n = 0; n < MESSAGES; n += 1) {
      await server.send('agents', String(n))
      if (n % (MESSAGES / OWN) === 0) {
        const content = String(n / (MESSAGES / OWN))
        for (const [index, one] of clients.entries()) {
          void one.sendMessage({ content, metadata: { user_id: String(index) } })
        }
      }
      const end = Math.ceil(((n + 1) * DROPS) / MESSAGES)
      while (dropped < end) {
        const victim = byUser.get(String(Math.floor(random() * RESUMING)))
        dropped += server.dropConnections(connection => connection === victim)
        if (victim === undefined) break
      }
      await new Promise(resolve => setTimeout(resolve, 30))
    }

    const all = Array.from({ length: MESSAGES }, (_, n) => n)
    await until(() => got.every(mine => mine.length >= MESSAGES), 15_000)
    await until(() => heard.size === RESUMING && [...heard.values()].every(mine => mine.length >= OWN), 15_000)
    await until(() => plain.every((one: Plain) => one.got.length > MESSAGES), 15_000)
    const took = performance.now() - start
    for (const mine of got) expect(mine).toEqual(all)
    for (const mine of heard.values()) expect(mine).toEqual(all.slice(0, OWN))
    for (const one of plain) {
      expect(one.got.slice(1)).toEqual(all.map(n => ({ type: 'message', content: String(n) })))
    }
    expect(gaps).toEqual([])
    expect(dropped).toBe(DROPS)

    for (let n = MESSAGES; n < MESSAGES + MORE; n += 1) await server.send('agents', String(n))
    const back = await dial(`${url}/bridge/v1/agents`)
    back.send({
      type: 'register',
      platform: 'agents',
      resume: { epoch: 'away-from-keys', seq: 0, peer_epoch: epoch, ack: 0 },
    })
    const lost = MESSAGES + MORE - WINDOW
    expect(await back.next()).toMatchObject({ resume: { resumed: true, seq: lost, gap: { from: 1, to: lost } } })
    await until(() => back.got.length === 1 + WINDOW)
    const rest = Array.from({ length: WINDOW }, (_, n) => n + lost)
    expect(back.got.slice(1).map(({ content }) => Number(content))).toEqual(rest)
    if (process.env['WGROK_MEASURE'] !== undefined) {
      process.stdout.write(`drops: ${RESUMING}+${PLAIN} connections, ${dropped} drops, ${Math.round(took)} ms\n`)
    }
  }, 60_000)
})
