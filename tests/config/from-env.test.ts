import { describe, expect, it } from 'vitest'
import { CONFIG_TABLES } from '../../generated/config.js'
import { validateBotConfig, validateReceiverConfig, validateSenderConfig } from '../../generated/validators.js'
import { readEnv } from '../../src/config/env.js'
import { botConfigFromEnv, receiverConfigFromEnv, senderConfigFromEnv } from '../../src/config/from-env.js'
import { mutate, seeded } from '../support/random.js'

const KEY = Buffer.alloc(32).toString('base64')
const SENDER = { WGROK_TOKEN: 'tok', WGROK_TARGET: 'router@example.com', WGROK_SLUG: 'a' }
const RECEIVER = { WGROK_TOKEN: 'tok', WGROK_SLUG: 'a', WGROK_DOMAINS: 'example.com' }
const BOT = { WGROK_DOMAINS: 'example.com', WGROK_ROUTES: 'deploy:a@example.com', WGROK_BRIDGE_TOKENS: 'agents:tok' }

const ROLES = [
  ['sender', senderConfigFromEnv, validateSenderConfig, SENDER],
  ['receiver', receiverConfigFromEnv, validateReceiverConfig, RECEIVER],
  ['bot', botConfigFromEnv, validateBotConfig, BOT],
] as const

describe.each(ROLES)('%s config', (role, load, validate, env) => {
  it('is valid by the spec, frozen to the bottom, and has no undefined fields', () => {
    const config: unknown = load(env)
    expect(validate(config)).toBe(true)
    const walk = (value: unknown): void => {
      if (typeof value !== 'object' || value === null) return
      expect(Object.isFrozen(value)).toBe(true)
      for (const item of Object.values(value)) {
        expect(item).not.toBeUndefined()
        walk(item)
      }
    }
    walk(config)
  })

  it('names the variable that is missing', () => {
    for (const row of CONFIG_TABLES[role]) {
      if (!row.required || row.default !== undefined) continue
      expect(() => load({ ...env, [row.env]: undefined })).toThrow(`[config-missing] ${row.env} is not set`)
    }
  })

  it('never repeats a value, whatever is wrong with it', () => {
    const random = seeded(5)
    const values = [KEY, 'a:b', 'agents:hunter2hunter2', 'https://user:hunter2@proxy', '99999', 'true', 'a@b.c,d[e']
    let refused = 0
    for (const row of CONFIG_TABLES[role]) {
      for (let i = 0; i < 60; i++) {
        const value = `${mutate(values[i % values.length] ?? '', random)}hunter2`
        try {
          load({ ...env, [row.env]: value })
        } catch (error) {
          refused += 1
          expect(error).toMatchObject({ code: expect.stringMatching(/^config-(missing|invalid)$/) })
          expect((error as Error).message).toContain('WGROK_')
          expect((error as Error).message).not.toContain('hunter2')
        }
      }
    }
    expect(refused).toBeGreaterThan(100)
  })
})

describe('config', () => {
  it('reads the process environment by default', () => {
    const saved = { ...process.env }
    Object.assign(process.env, SENDER)
    try {
      expect(senderConfigFromEnv()).toMatchObject({ token: 'tok', slug: 'a', from: 'a' })
    } finally {
      for (const name of Object.keys(SENDER)) {
        if (saved[name] === undefined) delete process.env[name]
        else process.env[name] = saved[name]
      }
    }
  })

  it.each([
    [{ ...SENDER, WGROK_DEBUG: 'maybe' }, '[config-invalid] WGROK_DEBUG: expected true or false'],
    [{ ...SENDER, WGROK_MAX_CHUNKS: '0' }, 'WGROK_MAX_CHUNKS: expected a whole number, at least 1, at most 100000'],
    [{ ...SENDER, WGROK_PLATFORM: 'teams' }, 'WGROK_PLATFORM: expected one of webex, slack, discord, irc, bridge'],
    [{ ...SENDER, WGROK_ENCRYPT_KEY: `${KEY},x` }, 'WGROK_ENCRYPT_KEY: key 2 is not 32 bytes in base64'],
    [{ ...SENDER, WGROK_DOMAINS: 'a.b,c?.d' }, 'WGROK_DOMAINS: allowlist pattern 2 holds one of [ ] ?'],
    [{ ...SENDER, WGROK_SLUG: 's'.repeat(65) }, 'WGROK_SLUG: expected at most 64 characters'],
    [
      { ...SENDER, WGROK_PROXY: 'gopher://x' },
      'WGROK_PROXY: expected a URL that begins with http://, https://, socks5://',
    ],
  ])('says what was expected: %#', (env, message) => {
    expect(() => senderConfigFromEnv(env)).toThrow(message)
  })

  it('takes names that objects already have', () => {
    const config = botConfigFromEnv({ ...BOT, WGROK_ROUTES: '__proto__:a@b.c,toString:d@e.f' })
    expect(Object.entries(config.routes ?? {})).toEqual([
      ['__proto__', 'a@b.c'],
      ['toString', 'd@e.f'],
    ])
  })

  it('reads a table without knowing what it is for', () => {
    const row = { required: false, secret: false, doc: '' }
    const rows = [
      { ...row, field: 'count', env: 'COUNT', format: 'integer' as const, minimum: -5 },
      { ...row, field: 'list', env: 'LIST', format: 'csv' as const, values: ['a', 'b'] },
      { ...row, field: 'free', env: 'FREE', format: 'string' as const },
    ]
    expect(readEnv(rows, { COUNT: '-5', LIST: 'a,b', OTHER: 'x' })).toEqual({ count: -5, list: ['a', 'b'] })
    expect(() => readEnv(rows, { LIST: 'a,c' })).toThrow('LIST: expected one of a, b')
    expect(() => readEnv(rows, { COUNT: '-6' })).toThrow('COUNT: expected a whole number, at least -5')
  })
})
