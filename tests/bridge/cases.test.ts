import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { readSuite } from '../../src/conformance/load.js'
import { acceptFrom, connectTo, ScriptPeer, type Step } from './script.js'
import { client, later, serve } from './support.js'

const file = new URL('../cases/bridge_cases.json', import.meta.url)
const { cases } = readSuite(readFileSync(file, 'utf8'), 'bridge_cases.json')

/** Plays a case against our server. */
async function asServer(script: readonly Step[]): Promise<void> {
  const { server, url } = await serve({ tokens: ['agents:tokA', 'agents:tokA2', 'dingtalk:tokB'] })
  server.onMessage(async (message, session) => {
    if (message.to !== '*') return message.content
    const { session_key, content, data } = message
    await server.send(session.platform, {
      ...(session_key === undefined ? {} : { session_key }),
      ...(content === undefined ? {} : { content }),
      ...(data === undefined ? {} : { data }),
    })
    return undefined
  })
  await later(new ScriptPeer(connectTo(url))).play(script)
}

/** Plays a case against our client. */
async function asClient(script: readonly Step[]): Promise<void> {
  const { url, accept, close } = await acceptFrom()
  const adapter = client(url, { capabilities: ['text', 'typing'] }).onMessage(message => message.content)
  adapter.connect().catch(() => {})
  const peer = later(new ScriptPeer(accept))
  try {
    await peer.play(script)
  } finally {
    await adapter.close()
    peer.close()
    close()
  }
}

describe('bridge cases', () => {
  for (const { id, about, op, script = [] } of cases) {
    it(`${id}: ${about}`, () => (op === 'bridge.client' ? asClient : asServer)(script as Step[]))
  }
})

describe('the player of the cases', () => {
  it.each<[string, Step[]]>([
    [
      'a frame of another kind',
      [{ open: 'agents:tokA' }, { send: { type: 'launch' } }, { expectFrame: { type: 'reply' } }],
    ],
    ['an unexpected field', [{ open: 'agents:tokA' }, { sendRaw: '{' }, { expectFrame: { type: 'error', code: 400 } }]],
    ['a connection that should have been refused', [{ open: 'agents:tokA', expectClose: 401 }]],
    ['another refusal', [{ open: 'agents:nope', expectClose: 400 }]],
    ['noise', [{ open: 'agents:tokA' }, { sendRaw: '{' }, { expectSilence: 20 }]],
  ])('notices %s', async (_about, script) => {
    await expect(asServer(script)).rejects.toThrow(/step \d/)
  })
})
