import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addressKey, formatAddress, parseAddress } from '../../src/transport/address.js'

const room = Buffer.from('ciscospark://us/ROOM/0b6f3a3e-1111-2222-3333-444455556666').toString('base64url')
const person = Buffer.from('ciscospark://us/PEOPLE/0b6f3a3e-1111-2222-3333-444455556666').toString('base64url')

describe('an address as text', () => {
  it.each([
    ['deploy-bot@example.com', 'webex', 'email', 'deploy-bot@example.com'],
    [room, 'webex', 'room', room],
    [person, 'webex', 'person', person],
    ['webex:room:ciscospark://us/ROOM/1', 'webex', 'room', 'ciscospark://us/ROOM/1'],
    ['room:0b6f3a3e', 'webex', 'room', '0b6f3a3e'],
    ['slack:C0123', 'slack', 'channel', 'C0123'],
    ['slack:U0123', 'slack', 'user', 'U0123'],
    ['slack:ann@example.com', 'slack', 'email', 'ann@example.com'],
    ['slack:channel:general', 'slack', 'channel', 'general'],
    ['discord:channel:1234', 'discord', 'channel', '1234'],
    ['discord:1234', 'discord', 'channel', '1234'],
    ['discord:user:1234', 'discord', 'user', '1234'],
    ['irc:#wgrok', 'irc', 'channel', '#wgrok'],
    ['#wgrok', 'irc', 'channel', '#wgrok'],
    ['irc:wgrok-bot', 'irc', 'nick', 'wgrok-bot'],
    ['irc:nick:slack', 'irc', 'nick', 'slack'],
    ['bridge:dingtalk', 'bridge', 'adapter', 'dingtalk'],
    ['123456789012345678', 'discord', 'channel', '123456789012345678'],
  ])('%s is a %s %s', (text, platform, kind, id) => {
    expect(parseAddress(text)).toEqual({ platform, kind, id })
  })

  it('means the default platform when it names none', () => {
    expect(parseAddress('wgrok-bot', 'irc')).toEqual({ platform: 'irc', kind: 'nick', id: 'wgrok-bot' })
    expect(parseAddress('1234', 'discord')).toEqual({ platform: 'discord', kind: 'channel', id: '1234' })
    expect(parseAddress('slack:C0123', 'discord')).toMatchObject({ platform: 'slack' })
  })

  it.each([
    '',
    'slack:',
    'nothing',
    'slack:channel:',
    'irc:two words',
    'irc:#a,#b',
    'irc:nick:#a',
    'irc:#wgrok\r\nQUIT',
    'webex:nick:a',
    'discord:general',
    'discord:user:me',
    'bridge:DingTalk',
    'bridge:channel:x',
    'email:nobody',
    `slack:${'C'.repeat(600)}`,
  ])('%j is refused without being repeated', text => {
    expect(() => parseAddress(text)).toThrow(expect.objectContaining({ code: 'target-invalid' }))
    try {
      parseAddress(text)
    } catch (error) {
      if (text.length > 12) expect(String(error)).not.toContain(text)
    }
  })

  it('reads back what it writes', () => {
    const irc = fc.stringMatching(/^[#a-z][a-z0-9_]{1,20}$/).map(id => `irc:${id}`)
    const mail = fc.emailAddress()
    const adapter = fc.stringMatching(/^[a-z0-9_-]{1,32}$/).map(id => `bridge:${id}`)
    const channel = fc.constantFrom(
      'slack:channel:general',
      'slack:C0123',
      'slack:ann@example.com',
      'discord:77',
      `webex:${room}`,
      'webex:room:x',
    )
    fc.assert(
      fc.property(fc.oneof(irc, mail, adapter, channel), text => {
        const address = parseAddress(text)
        expect(parseAddress(formatAddress(address))).toEqual(address)
        expect(parseAddress(addressKey(address)).platform).toBe(address.platform)
      }),
    )
  })

  it('has one key whatever the thread and the case', () => {
    const a = { ...parseAddress('A@Example.com'), thread: 't' }
    expect(addressKey(a)).toBe(addressKey(parseAddress('a@example.com')))
    expect(addressKey(parseAddress('irc:#A'))).toBe(addressKey(parseAddress('irc:#a')))
    expect(addressKey(parseAddress('slack:C01'))).not.toBe(addressKey(parseAddress('slack:C02')))
  })
})
