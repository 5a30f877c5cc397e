import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { isErrorCode } from '../../generated/errors.js'
import { formatFlags, parseAppCommand, parseFlags } from '../../generated/frames.js'
import { MESSAGE_NAMES, MESSAGES } from '../../generated/messages.js'
import { compileAllowlist } from '../../src/access/allowlist.js'
import { decode } from '../../src/codec/decode.js'
import { encode } from '../../src/codec/encode.js'
import { keyRing } from '../../src/codec/keys.js'
import { Reassembler } from '../../src/codec/reassembler.js'
import { WgrokError } from '../../src/errors.js'
import { readFlags } from '../../src/frame/flags.js'
import { echoFrame, responseFrame } from '../../src/frame/frame.js'
import { stripMention } from '../../src/frame/mention.js'
import { checkSlug, inboxOwner } from '../../src/frame/slug.js'
import { explain } from '../../src/validate.js'
import { mutate, seeded } from '../support/random.js'

const KEYS = keyRing([Buffer.alloc(32, 3).toString('base64')])
const LIMIT = { size: 100_000, unit: 'utf8-bytes' } as const

/** Runs what must either answer or throw an error of the registry. */
function survives<T>(run: () => T): T | undefined {
  try {
    return run()
  } catch (error) {
    listed(error)
    return undefined
  }
}

function listed(error: unknown): void {
  if (!(error instanceof WgrokError)) throw error
  if (!isErrorCode(error.code)) throw new Error(`code not listed: ${error.code}`)
}

describe('mutated input', () => {
  it('of 100,000 frames is read or refused with a listed code', async () => {
    const random = seeded(20_260_101)
    const sources = [
      './echo:deploy:ci~7Qm2xV:z2/5:H4sIAAAA',
      './echo:a:-:-:x',
      'w:r:ze:q83vEj==',
      './jira:list open',
      '<@U1> ./pause',
    ]
    const reassembler = new Reassembler({ onDrop: () => {} })
    const counts = { read: 0, refused: 0 }
    for (let i = 0; i < 100_000; i++) {
      const text = stripMention(mutate(sources[i % sources.length] ?? '', random), ['bot', ':', 'deploy'])
      const frame = survives(() => echoFrame(text)) ?? survives(() => responseFrame(text))
      parseAppCommand(text)
      if (frame === undefined) {
        counts.refused += 1
        continue
      }
      counts.read += 1
      inboxOwner(frame.from)
      survives(() => checkSlug(frame.to, 'to'))
      const flags = survives(() => readFlags(frame.flags))
      if (flags === undefined) continue
      expect(formatFlags(flags)).toBe(frame.flags)
      if (flags.chunk === undefined) continue
      const { compressed, encrypted } = flags
      const key = { platform: 'irc', conversation: 'c', sender: 's', to: frame.to, from: frame.from } as const
      const { chunk } = flags
      survives(() => reassembler.accept({ ...key, compressed, encrypted }, chunk, frame.payload))
    }
    reassembler.close()
    expect(counts.read).toBeGreaterThan(10_000)
    expect(counts.refused).toBeGreaterThan(10_000)
  })

  it('of 100,000 flags is read in one way only', () => {
    const random = seeded(7)
    for (let i = 0; i < 100_000; i++) {
      const text = mutate(['ze12/345', 'z', '-', '1/3'][i % 4] ?? '', random)
      const flags = parseFlags(text)
      if (flags !== undefined) expect(formatFlags(flags)).toBe(text)
    }
  })

  it('of 100,000 coded payloads decodes to the original, or is refused', async () => {
    const random = seeded(11)
    const text = 'some payload: €𝄞 '.repeat(8)
    const make = async (options: object): Promise<{ readonly payload: string; readonly flags: string }> => {
      const { frames } = await encode(text, { to: 'a', from: 'b', limit: LIMIT, ...options })
      return echoFrame(frames[0] ?? '')
    }
    const sources = [
      await make({ compress: 'always' }),
      await make({ keys: KEYS }),
      await make({ keys: KEYS, compress: 'always' }),
      await make({ keys: KEYS, compress: 'always', compact: true }),
    ]
    const refused = new Map<string, number>()
    for (let i = 0; i < 100_000; i++) {
      const source = sources[i % sources.length]
      if (source === undefined) throw new Error('no source')
      const payload = mutate(source.payload, random)
      const result = await decode(payload, readFlags(source.flags), { keys: KEYS, maxBytes: 10_000 }).catch(error => {
        listed(error)
        refused.set(error.code, (refused.get(error.code) ?? 0) + 1)
      })
      // A change may cancel itself out; then, and only then, the payload is what it was.
      if (result !== undefined) expect(payload === source.payload || source.flags === 'z').toBe(true)
    }
    expect([...refused.keys()].sort()).toEqual(['base64-invalid', 'decrypt-failed', 'gzip-invalid'])
  })

  it('of 100,000 envelopes is valid or explained', () => {
    const random = seeded(13)
    const fixtures = JSON.parse(readFileSync(new URL('../../generated/fixtures.json', import.meta.url), 'utf8'))
    const sources = MESSAGE_NAMES.flatMap(name =>
      (fixtures[name] ?? []).map((fixture: { payload: unknown }) => ({ name, text: JSON.stringify(fixture.payload) })),
    )
    let invalid = 0
    for (let i = 0; i < 100_000; i++) {
      const { name, text } = sources[i % sources.length]
      const changed = mutate(text, random)
      let value: unknown = changed
      try {
        value = JSON.parse(changed)
      } catch {
        // Not JSON any more: as a text it is still something to validate.
      }
      const { validate } = MESSAGES[name as keyof typeof MESSAGES]
      if (validate(value)) continue
      invalid += 1
      const explained = explain(validate.errors, value)
      expect(explained.length).toBeGreaterThan(0)
    }
    expect(invalid).toBeGreaterThan(10_000)
  })

  it('of 20,000 allowlist patterns is compiled or refused, and never lets a stranger in', () => {
    const random = seeded(17)
    const stranger = { principals: ['stranger@nowhere.test'] }
    for (let i = 0; i < 20_000; i++) {
      const pattern = mutate(['*@example.com', 'user@example.com', 'example.com', '*'][i % 4] ?? '', random)
      const allowlist = survives(() => compileAllowlist([pattern]))
      expect(allowlist?.allows(stranger) ?? false).toBe(false)
    }
  })
})
