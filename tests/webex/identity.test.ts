import { describe, expect, it } from 'vitest'
import { rawId, readId, writeId } from '../../src/transport/webex/ids.js'
import { readActivity, readMessage } from '../../src/transport/webex/inbound.js'

const uuid = '0f14d0ab-9605-4a62-a9e4-5ed26688389b'
const self = { uuid, email: 'router@webex.bot', names: ['router'], bot: true }

describe('ids', () => {
  it.each([
    ['us', 'PEOPLE'],
    ['us', 'ATTACHMENT_ACTION'],
    ['urn:TEAM:eu-central-1_k', 'MESSAGE'],
  ])('of %s are written as the API does, and read again: %s', (cluster, type) => {
    const id = writeId({ cluster, type, uuid })
    expect(id).toMatch(/^[A-Za-z0-9_-]+$/)
    expect(readId(id)).toEqual({ cluster, type, uuid })
    expect(rawId(id)).toBe(uuid)
  })

  it('that are raw, padded or none stay comparable', () => {
    const padded = Buffer.from(`ciscospark://us/PEOPLE/${uuid}`).toString('base64')
    expect(padded).toContain('=')
    expect([rawId(uuid), rawId(padded), rawId('x'), rawId('')]).toEqual([uuid, uuid, 'x', ''])
  })
})

describe('our own messages', () => {
  const target = { id: 'c', url: 'https://conv-a.wbx2.com/conversation/api/v1/conversations/c' }
  const activity = { id: 'a', verb: 'post', target }

  it('are known whichever way the author is written', () => {
    for (const actor of [{ id: uuid }, { entryUUID: uuid }, { id: 'x', entryUUID: uuid }]) {
      expect(readActivity({ ...activity, actor }, self)).toBeUndefined()
    }
    const message = { id: 'm', roomId: 'r', personEmail: 'x@y.z', text: 'x' }
    expect(
      readMessage({ ...message, personId: writeId({ cluster: 'us', type: 'PEOPLE', uuid }) }, self),
    ).toBeUndefined()
    expect(readMessage({ ...message, personId: uuid }, self)).toBeUndefined()
  })

  it('are not those of other bots', () => {
    const actor = { entryUUID: 'b', type: 'BOT', emailAddress: 'other@webex.bot' }
    expect(readActivity({ ...activity, actor }, self)).toEqual({
      kind: 'message',
      uuid: 'a',
      room: 'c',
      host: 'conv-a.wbx2.com',
    })
  })
})
