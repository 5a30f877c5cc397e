import { readdirSync, readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { describe, expect, it } from 'vitest'
import { BOT_CONFIG, RECEIVER_CONFIG, SENDER_CONFIG } from '../../generated/config.js'
import { botConfigFromEnv, receiverConfigFromEnv, senderConfigFromEnv } from '../../src/config/from-env.js'
import { parseAddress } from '../../src/transport/address.js'

const FOLDER = new URL('../../docs/platforms/', import.meta.url)
const files = readdirSync(FOLDER).filter(name => name.endsWith('.env.example'))
const known = new Set([...BOT_CONFIG, ...RECEIVER_CONFIG, ...SENDER_CONFIG].map(row => row.env))

describe('the example configuration of', () => {
  it.each(files)('%s is read as it stands, once the tokens are filled in', name => {
    const text = readFileSync(new URL(name, FOLDER), 'utf8')
    const names = [...text.matchAll(/^#?(WGROK_[A-Z_]+)=/gm)].map(([, variable = '']) => variable)
    expect(names.filter(variable => !known.has(variable))).toEqual([])
    const [router = '', peer = ''] = text.split('# --- sender.env')
    const filled = (part: string) =>
      Object.fromEntries(Object.entries(parseEnv(part)).map(([key, value]) => [key, value === '' ? 'token' : value]))
    const { routes = {} } = botConfigFromEnv(filled(router))
    for (const target of Object.values(routes)) expect(parseAddress(target).platform).toBe(name.split('.')[0])
    expect(senderConfigFromEnv(filled(peer)).target).toBe(receiverConfigFromEnv(filled(peer)).target)
  })
})
