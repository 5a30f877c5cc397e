import type { Step } from '../suite.js'
import type { Answer, Testee } from '../testee.js'
import { ScriptPeer } from './script-peer.js'
import { acceptFrom, connectTo, type WireLog } from './wire.js'

/** Who may speak to a bridge server under test, and with what. */
const TOKENS = ['agents:tokA', 'agents:tokA2', 'dingtalk:tokB']

/** What a bridge client under test says of itself. */
const CLIENT = { platform: 'agents', token: 'tokA', capabilities: ['text', 'typing'] }

/** What came of a script. */
export type Played =
  | { readonly ok: true }
  | { readonly failed: string }
  | Exclude<Answer, { ok: unknown } | { error: unknown }>

/** Plays a script against a testee in a role, over a real loopback socket. */
export async function playScript(
  role: string,
  steps: readonly Step[],
  testee: Testee,
  options: { readonly patience: number; readonly log: WireLog },
): Promise<Played> {
  if (testee.control === undefined) return { failed: `declared ${role}, but cannot take a role` }
  return role === 'bridge.server' ? asServer(steps, testee, options) : asClient(steps, testee, options)
}

type Options = Parameters<typeof playScript>[3]

async function asServer(steps: readonly Step[], testee: Testee, { patience, log }: Options): Promise<Played> {
  const answer = await control(testee, { cmd: 'serve', role: 'bridge.server', config: { port: 0, tokens: TOKENS } })
  if (!('ok' in answer)) return answer
  const { url, handle } = answer.ok
  if (url === undefined) return { failed: 'serve gives no url' }
  return play(new ScriptPeer(connectTo(url, patience, log)), steps, testee, handle)
}

async function asClient(steps: readonly Step[], testee: Testee, { patience, log }: Options): Promise<Played> {
  const { url, accept, close } = await acceptFrom(patience, log)
  try {
    const answer = await control(testee, { cmd: 'connect', role: 'bridge.client', url, config: CLIENT })
    if (!('ok' in answer)) return answer
    return await play(new ScriptPeer(accept), steps, testee, answer.ok.handle)
  } finally {
    close()
  }
}

async function play(peer: ScriptPeer, steps: readonly Step[], testee: Testee, handle: string): Promise<Played> {
  let failed: string | undefined
  try {
    await peer.play(steps)
  } catch (error) {
    failed = (error as Error).message
  }
  peer.close()
  const closed = await testee.control?.({ cmd: 'close', handle })
  if (closed !== undefined && 'fault' in closed) return closed
  return failed === undefined ? { ok: true } : { failed }
}

type Begun = { readonly ok: { readonly url?: string; readonly handle: string } } | Exclude<Played, { ok: true }>

async function control(testee: Testee, request: Parameters<NonNullable<Testee['control']>>[0]): Promise<Begun> {
  const answer = await testee.control?.(request)
  if (answer === undefined) return { failed: 'cannot take a role' }
  if ('error' in answer) return { failed: `${request.cmd} ends with error ${answer.error.code}` }
  if (!('ok' in answer)) return answer
  const { handle, url } = (answer.ok ?? {}) as { readonly handle?: unknown; readonly url?: unknown }
  if (typeof handle !== 'string') return { failed: `${request.cmd} gives no handle` }
  return { ok: { handle, ...(typeof url === 'string' ? { url } : {}) } }
}
