import { describe, expect, it } from 'vitest'
import { defaultInspection, type Inspected, openInspection } from '../../src/bridge/inspect.js'
import { join, serve } from './support.js'

const message = (content: string, more: object = {}): Inspected => ({
  platform: 'agents',
  envelope: { type: 'message', content, ...more },
})

describe('the default inspection', () => {
  it.each(['plain', 'tab\tline\nreturn\r', '你好 🙂', './echo:a:b:-:x'])('passes %j', content => {
    expect(defaultInspection(message(content))).toBe('pass')
  })

  it.each(['\u0000', 'bell\u0007', '\u001b[31mred', 'del\u007f'])('refuses %j wherever it stands', text => {
    expect(defaultInspection(message(text))).toBe('refuse')
    expect(defaultInspection(message('', { response: text }))).toBe('refuse')
    expect(defaultInspection(message('', { metadata: { user_id: text } }))).toBe('refuse')
    expect(defaultInspection(message('', { data: { cards: [{ body: [{ text }] }] } }))).toBe('refuse')
  })

  it('is what a server does', async () => {
    const { server, url } = await serve()
    server.onMessage(() => 'passed')
    const adapter = await join(url)
    adapter.send({ type: 'message', session_key: 's', content: 'a\u0000b' })
    expect(await adapter.next()).toEqual({
      type: 'error',
      code: 422,
      message: 'content-refused: the content was refused by inspection',
      session_key: 's',
    })
    adapter.send({ type: 'message', session_key: 's', content: 'ab' })
    expect(await adapter.next()).toMatchObject({ content: 'passed' })
  })
})

describe('an inspection policy', () => {
  it('counts content in bytes', async () => {
    const inspect = await openInspection({ contentBytes: 6 })
    expect(inspect(message('123456'))).toBe('pass')
    expect(inspect(message('你好'))).toBe('pass')
    expect(inspect(message('你好!'))).toBe('refuse')
  })

  it('can let control characters through', async () => {
    expect((await openInspection({ controls: true }))(message('\u001b'))).toBe('pass')
  })

  it('denies what the operator lists', async () => {
    const inspect = await openInspection({ deny: ['(?i)drop\\s+table', '^ignore all'] })
    expect(inspect(message('please DROP  TABLE users'))).toBe('refuse')
    expect(inspect(message('x', { data: { images: [{ url: 'u', alt: 'drop table' }] } }))).toBe('refuse')
    expect(inspect(message('do not ignore all of it'))).toBe('pass')
  })

  it('takes time that grows with the text only, whatever the pattern', async () => {
    const inspect = await openInspection({ deny: ['(a+)+$', '(a|aa)*b$', '(x*)*y'] })
    const start = performance.now()
    expect(inspect(message(`${'a'.repeat(20_000)}!`))).toBe('pass')
    expect(performance.now() - start).toBeLessThan(2000)
  })

  it('refuses a list that is not RE2, naming the pattern by its position', async () => {
    const opening = openInspection({ deny: ['fine', '(secret'] })
    await expect(opening).rejects.toMatchObject({
      code: 'pattern-invalid',
      message: expect.stringContaining('pattern 2'),
    })
    await expect(opening).rejects.not.toThrow(/secret/)
  })
})
