import { describe, expect, it } from 'vitest'
import { compileAllowlist } from '../../src/access/allowlist.js'
import { Dedupe } from '../../src/bus/dedupe.js'
import { WgrokError } from '../../src/errors.js'
import type { Address, Platform } from '../../src/protocol.js'
import { type Arrival, arrivalOf } from '../../src/router/arrival.js'
import { Inboxes } from '../../src/router/inboxes.js'
import { Pipeline, type PipelineOptions } from '../../src/router/pipeline.js'
import { Registry } from '../../src/router/registry.js'
import type { SpoolEntry } from '../../src/spool/spool.js'
import { inbound, memoryLogger, turn } from '../bus/fakes.js'
import { fakeClock } from '../support/fake-clock.js'

const ROOM: Address = { platform: 'webex', kind: 'room', id: 'room-1' }

function setUp(routes: Record<string, string> = {}, options: Partial<PipelineOptions> = {}) {
  const clock = fakeClock()
  const logger = memoryLogger()
  const entries: SpoolEntry[] = []
  const holds: [string, boolean][] = []
  const pipeline = new Pipeline({
    rules: { allowlist: compileAllowlist(['example.com']), registry: new Registry(routes), apps: new Set() },
    dedupe: new Dedupe({ clock }),
    inboxes: new Inboxes(clock),
    clock,
    logger,
    accept: entry => {
      entries.push(entry)
      return 'accepted'
    },
    hold: (lane, held) => void holds.push([lane, held]),
    callerAddress: () => undefined,
    ...options,
  })
  const hear = (text: string, more: Partial<Parameters<typeof inbound>[0]> = {}) =>
    pipeline.take(arrivalOf(inbound({ text, ...more }), 'webex-1'))
  const post = (text: string, from = 'ci@example.com', id = 'post-1') => pipeline.take(posted(text, from, id))
  return { pipeline, clock, logger, entries, holds, hear, post }
}

function posted(text: string, from: string, id: string): Arrival {
  const sender = { principals: [from] }
  return {
    source: 'webhook',
    id,
    text,
    cards: [],
    sender,
    conversation: undefined,
    via: undefined,
    mentions: undefined,
  }
}

describe('an echo frame', () => {
  it('is cut at its prefix and goes back to its conversation, the sender mentioned (mode B)', async () => {
    const { hear, entries } = setUp()
    expect(await hear('./echo:deploy:ci:ze2/5: any:thing\n\u0000 ', { id: '7', cards: [{ a: 1 }] })).toEqual({
      status: 'accepted',
    })
    expect(entries).toMatchObject([
      {
        id: 'webex:7',
        lane: 'webex:room:room-1',
        to: ROOM,
        text: 'deploy:ci:ze2/5: any:thing\n\u0000 ',
        cards: [{ a: 1 }],
        mention: { platform: 'webex', kind: 'email', id: 'peer@example.com' },
        via: 'webex-1',
      },
    ])
  })

  it('goes to the registered address on any platform, and to nowhere else (mode C)', async () => {
    const { hear, entries } = setUp({ deploy: 'slack:C0123' })
    await hear('./echo:deploy:ci:-:x')
    expect(entries).toMatchObject([{ lane: 'slack:channel:C0123', text: 'deploy:ci:-:x' }])
    expect(entries[0]).not.toHaveProperty('mention')
    expect(entries[0]).not.toHaveProperty('via')
  })

  it('keeps both modes side by side', async () => {
    const { hear, entries } = setUp({ deploy: 'slack:C0123' })
    await hear('./echo:deploy:ci:-:x')
    await hear('./echo:status:ci:-:x')
    expect(entries.map(({ lane }) => lane)).toEqual(['slack:channel:C0123', 'webex:room:room-1'])
  })

  it('is heard behind a mention', async () => {
    const { hear, entries } = setUp()
    await hear('wgrok ./echo:deploy:ci:-:x', { mentions: ['wgrok'] })
    expect(entries.map(({ text }) => text)).toEqual(['deploy:ci:-:x'])
  })

  it.each([
    ['./echo:deploy:ci:x', 'frame-malformed'],
    ['./echo:', 'frame-malformed'],
    ['./echo:deploy', 'frame-malformed'],
    ['./echo::ci:-:x', 'frame-malformed'],
    ['./echo:./echo:deploy:ci:-:x', 'slug-invalid'],
    ['./echo:./jira:ci:-:x', 'slug-invalid'],
  ])('%j is refused: %s', async (text, code) => {
    const { hear, entries, logger } = setUp()
    expect(await hear(text)).toMatchObject({ status: 'refused', again: false, error: { code } })
    expect(entries).toEqual([])
    expect(logger.lines).toMatchObject([{ level: 'warn', fields: { code } }])
  })

  it('is relayed once per message id and platform', async () => {
    const { hear, entries } = setUp()
    await hear('./echo:deploy:ci:-:x', { id: '1' })
    expect(await hear('./echo:deploy:ci:-:x', { id: '1' })).toEqual({ status: 'duplicate' })
    await hear('./echo:deploy:ci:-:x', { id: '1', platform: 'slack' })
    expect(entries).toHaveLength(2)
  })

  it('that comes again while it is being written down shares the fate of the first', async () => {
    for (const fails of [false, true]) {
      let settle = (): void => {}
      const { post, pipeline } = setUp(
        { deploy: 'webex:email:bot@example.com' },
        {
          accept: () =>
            new Promise((resolve, reject) => {
              settle = () => (fails ? reject(new WgrokError('spool-full', 'full')) : resolve('accepted'))
            }),
        },
      )
      const first = post('./echo:deploy:ci:-:x')
      const again = Promise.resolve(pipeline.take(posted('./echo:deploy:ci:-:x', 'ci@example.com', 'post-1')))
      let answered = false
      void again.then(() => {
        answered = true
      })
      await turn()
      expect(answered).toBe(false)
      settle()
      const refused = { status: 'refused', error: { code: 'spool-full' } }
      expect(await first).toMatchObject(fails ? refused : { status: 'accepted' })
      expect(await again).toMatchObject(fails ? refused : { status: 'duplicate' })
    }
  })

  it('of a caller that was refused may come again under the same id, mended', async () => {
    const { post } = setUp({ deploy: 'webex:email:bot@example.com' })
    expect(await post('./echo:nobody:ci:-:x')).toMatchObject({ error: { code: 'target-invalid' } })
    expect(await post('./echo:nobody:ci:-:x')).toMatchObject({ error: { code: 'target-invalid' } })
    expect(await post('./echo:deploy:ci:-:x')).toEqual({ status: 'accepted' })
    expect(await post('./echo:deploy:ci:-:x')).toEqual({ status: 'duplicate' })
  })

  it('whose id was made up on arrival takes up no room among the ids to remember', async () => {
    const dedupe = new Dedupe({ clock: fakeClock() })
    const { hear, entries } = setUp({}, { dedupe })
    await hear('./echo:deploy:ci:-:x', { id: '1', freshId: true })
    expect(entries).toHaveLength(1)
    expect(dedupe.size).toBe(0)
  })

  it('of someone who is not on the allowlist is refused, with a warning that holds no content', async () => {
    const { hear, entries, logger } = setUp()
    const outcome = await hear('./echo:deploy:ci:-:secret', { sender: { principals: ['x@evil.example'] } })
    expect(outcome).toMatchObject({ status: 'refused', error: { code: 'not-allowed' } })
    expect(entries).toEqual([])
    expect(JSON.stringify(logger.lines)).not.toContain('secret')
  })

  it('may come again after the router could not take it', async () => {
    let full = true
    const { hear } = setUp(
      {},
      {
        accept: () => {
          if (full) throw new WgrokError('spool-full', 'no room')
          return 'accepted'
        },
      },
    )
    expect(await hear('./echo:a:b:-:x', { id: '1' })).toMatchObject({ status: 'refused', again: true })
    full = false
    expect(await hear('./echo:a:b:-:x', { id: '1' })).toEqual({ status: 'accepted' })
  })

  it('need not come again when no spool will ever take it', async () => {
    const { hear } = setUp({}, { accept: () => Promise.reject(new WgrokError('body-too-large', 'too large')) })
    expect(await hear('./echo:a:b:-:x')).toMatchObject({ status: 'refused', again: false })
  })

  it('may come again after the disk failed', async () => {
    const { hear } = setUp({}, { accept: () => Promise.reject(new WgrokError('internal', 'disk')) })
    expect(await hear('./echo:a:b:-:x', { id: '1' })).toMatchObject({ status: 'refused', again: true })
  })
})

describe('an inbox', () => {
  const ask = './echo:deploy:ci~abcd1234:-:x'
  const answer = './echo:ci~abcd1234:deploy:-:y'
  const elsewhere = {
    conversation: { platform: 'slack', kind: 'channel', id: 'C0009' } as Address,
    platform: 'slack' as Platform,
  }

  it('is answered where it spoke from, for ten minutes', async () => {
    const { hear, entries, clock } = setUp({ deploy: 'slack:C0009' })
    await hear(ask)
    await clock.advance(599_999)
    await hear(answer, elsewhere)
    await clock.advance(1)
    await hear(answer, elsewhere)
    expect(entries.map(({ lane }) => lane)).toEqual(['slack:channel:C0009', 'webex:room:room-1', 'slack:channel:C0009'])
    expect(entries[1]).toMatchObject({ via: 'webex-1', mention: { id: 'peer@example.com' } })
  })

  it('falls back to its owner when that one is registered', async () => {
    const { hear, entries } = setUp({ ci: 'slack:C0005' })
    await hear(answer)
    expect(entries.map(({ lane }) => lane)).toEqual(['slack:channel:C0005'])
  })

  it('cannot be taken over by somebody who saw its nonce', async () => {
    const { hear, entries, logger } = setUp()
    await hear(ask)
    await hear(ask, elsewhere)
    await hear(answer)
    expect(entries.at(-1)?.lane).toBe('webex:room:room-1')
    expect(logger.lines).toMatchObject([{ level: 'warn' }])
  })

  it('leaves the rule for plain slugs as it is', async () => {
    const { hear, entries } = setUp()
    await hear('./echo:deploy:ci:-:x')
    await hear('./echo:ci:deploy:-:y', elsewhere)
    expect(entries.at(-1)?.lane).toBe('slack:channel:C0009')
  })
})

describe('commands', () => {
  it.each(['./route:x', './broadcast:a:b', './store:k:v', './nobody:x'])('%j is ignored', async text => {
    const { hear, entries, logger } = setUp()
    expect(await hear(text)).toEqual({ status: 'ignored' })
    expect(entries).toEqual([])
    expect(logger.lines.map(({ level }) => level)).toEqual(['debug'])
  })

  it('./pause and ./resume hold and release the lanes of the peer', async () => {
    const { hear, holds } = setUp()
    await hear('./pause')
    await hear('./resume\n')
    expect(holds).toEqual([
      ['webex:room:room-1', true],
      ['webex:email:peer@example.com', true],
      ['webex:room:room-1', false],
      ['webex:email:peer@example.com', false],
    ])
  })

  it.each(['hello', '', ':', 'deploy:ci:-:x', './', './start.sh', 'echo:a:b:-:x'])('%j is chat', async text => {
    const { hear, entries } = setUp({ deploy: 'slack:C0123' })
    expect(await hear(text)).toEqual({ status: 'ignored' })
    expect(entries).toEqual([])
  })
})

describe('a posted frame', () => {
  it('goes to a registered slug', async () => {
    const { post, entries } = setUp({ deploy: 'slack:C0123' })
    expect(await post('./echo:deploy:ci:-:x')).toEqual({ status: 'accepted' })
    expect(entries).toMatchObject([{ id: 'webhook:post-1', lane: 'slack:channel:C0123' }])
  })

  it('goes to the caller for a slug that is not registered, where a platform can address him', async () => {
    const { post, entries } = setUp(
      {},
      {
        callerAddress: id => ({ platform: 'webex', kind: 'email', id }),
      },
    )
    await post('./echo:deploy:ci:-:x')
    expect(entries.map(({ lane }) => lane)).toEqual(['webex:email:ci@example.com'])
  })

  it.each([
    ['./echo:deploy:ci:-:x', 'ci@example.com', 'target-invalid'],
    ['./echo:deploy:ci', 'ci@example.com', 'frame-malformed'],
    ['hello', 'ci@example.com', 'not-a-frame'],
    ['./echo:deploy:ci:-:x', 'ci@evil.example', 'not-allowed'],
  ])('%j from %s is refused: %s', async (text, from, code) => {
    const { post } = setUp()
    expect(await post(text, from)).toMatchObject({ status: 'refused', error: { code } })
  })

  it('pauses nobody', async () => {
    const { post, holds } = setUp()
    expect(await post('./pause')).toEqual({ status: 'ignored' })
    expect(holds).toEqual([])
  })
})

describe('the registry', () => {
  it('names the slug whose target makes no sense', () => {
    expect(() => new Registry({ deploy: 'slack:' })).toThrow(/deploy/)
    expect(() => new Registry({ deploy: 'slack:C0123' }, new Set(['webex']))).toThrow(/no slack token/)
  })

  it('keeps colons in ids and reads the seed form', () => {
    const registry = new Registry({ deploy: 'deploy-bot@example.com', chat: 'irc:#a:b' })
    expect(registry.resolve('deploy')?.to).toEqual({ platform: 'webex', kind: 'email', id: 'deploy-bot@example.com' })
    expect(registry.resolve('chat')?.to).toEqual({ platform: 'irc', kind: 'channel', id: '#a:b' })
    expect(registry.resolve('nobody')).toBeUndefined()
  })
})
