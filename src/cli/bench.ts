import { randomBytes } from 'node:crypto'
import { parseEcho, parseResponse } from '../../generated/frames.js'
import { WgrokReceiver } from '../bus/receiver.js'
import { WgrokSender } from '../bus/sender.js'
import { WgrokError } from '../errors.js'
import type { CompressMode } from '../protocol.js'
import { WgrokRouter } from '../router/router.js'
import { openTransport } from '../transport/open.js'
import { deadline } from './io.js'
import { AGENTS, localConfig } from './local.js'
import { newToken } from './state.js'
import { type Tapped, tap } from './tap.js'

/** One payload to send through the bus. */
export interface Exercise {
  readonly name: string
  readonly payload: string
  readonly compress: CompressMode
  readonly encrypt: boolean
  /** What the first frame's flags must be, so that an exercise cannot pass without having been one. */
  readonly flags: RegExp
}

/** What passed one hop. */
export interface Hop {
  readonly hop: string
  readonly frames: number
  /** Of the first frame, and of the last one when there are several. */
  readonly flags: string
  /** UTF-8 bytes of all frames. */
  readonly bytes: number
  /** From the call of `send` until the last frame had passed. */
  readonly ms: number
}

/** What became of one exercise. */
export interface Outcome {
  readonly name: string
  /** UTF-8 bytes of the payload. */
  readonly bytes: number
  readonly identical: boolean
  readonly hops: readonly Hop[]
  /** From the call of `send` until the handler had the payload. */
  readonly ms: number
  readonly error?: string
}

/** Router and receiver, ready for exercises. */
export interface Bench {
  /** Of the bridge. */
  readonly url: string
  run(exercise: Exercise): Promise<Outcome>
  close(): Promise<void>
}

const SLUG = 'drill'
const WAIT_MS = 15_000

/** Starts a router on a free port of 127.0.0.1 and a receiver on it. */
export async function openBench(interrupted: AbortSignal): Promise<Bench> {
  const token = newToken()
  const key = randomBytes(32).toString('base64')
  const router = new WgrokRouter(localConfig(0, token))
  await router.start()
  const url = router.bridgeUrl ?? ''
  const account = `ws://${AGENTS}:${token}@${new URL(url).host}`
  const peer = { platform: 'bridge', token: account, slug: SLUG } as const
  let heard: Tapped[] = []
  let settle: { resolve(payload: string): void; reject(error: Error): void } | undefined
  const receiver = new WgrokReceiver(
    { ...peer, domains: [`${AGENTS}.bridge`], encryptKeys: [key] },
    (_slug, payload) => settle?.resolve(payload),
    {
      transport: tap(await openTransport('bridge', account, { role: 'peer' }), frame => heard.push(frame)),
      onError: error => settle?.reject(error),
    },
  )

  async function run(exercise: Exercise): Promise<Outcome> {
    const sent: Tapped[] = []
    heard = []
    const transport = tap(await openTransport('bridge', account, { role: 'peer' }), frame => sent.push(frame))
    const config = { ...peer, from: '-', compress: exercise.compress }
    const sender = new WgrokSender(exercise.encrypt ? { ...config, encryptKeys: [key] } : config, { transport })
    const { release, signal } = deadline(interrupted, WAIT_MS)
    const start = performance.now()
    try {
      const arrival = new Promise<string>((resolve, reject) => {
        settle = { resolve, reject }
        signal.addEventListener('abort', () => reject(signal.reason), { once: true })
      })
      const [payload] = await Promise.all([arrival, sender.send(exercise.payload, { signal })])
      return outcome(exercise, { sent, heard, start, payload })
    } catch (error) {
      if (interrupted.aborted) throw WgrokError.from(error, 'aborted')
      return outcome(exercise, { sent, heard, start, error: WgrokError.from(error).message })
    } finally {
      release()
      await sender.close()
    }
  }

  async function close(): Promise<void> {
    await receiver.close()
    await router.close()
  }

  try {
    await receiver.listen()
    return { url, run, close }
  } catch (error) {
    await close()
    throw error
  }
}

function outcome(
  { name, payload, flags }: Exercise,
  run: { sent: readonly Tapped[]; heard: readonly Tapped[]; start: number; payload?: string; error?: string },
): Outcome {
  const hops = [hopOf('sender > router', run.sent, run.start), hopOf('router > receiver', run.heard, run.start)]
  const kept = run.payload !== undefined && Buffer.from(run.payload).equals(Buffer.from(payload))
  const first = flagsOf(run.heard[0])
  const error = run.error ?? (kept && !flags.test(first) ? `flags ${first} instead of ${flags.source}` : undefined)
  return {
    name,
    bytes: Buffer.byteLength(payload),
    identical: kept && error === undefined,
    hops,
    ms: performance.now() - run.start,
    ...(error === undefined ? {} : { error }),
  }
}

function hopOf(hop: string, frames: readonly Tapped[], start: number): Hop {
  const ends = frames.length > 1 ? [frames[0], frames.at(-1)] : [frames[0]]
  return {
    hop,
    frames: frames.length,
    flags: ends.map(flagsOf).join(' ... '),
    bytes: frames.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0),
    ms: (frames.at(-1)?.at ?? start) - start,
  }
}

function flagsOf(frame: Tapped | undefined): string {
  if (frame === undefined) return 'none'
  const parsed = frame.text.startsWith('./') ? parseEcho(frame.text) : parseResponse(frame.text)
  return typeof parsed === 'string' ? parsed : parsed.flags
}
