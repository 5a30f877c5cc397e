import { describe, expect, it } from 'vitest'
import { LIMITS } from '../../generated/limits.js'
import { checkSlug, inboxOwner, isInbox, newInbox } from '../../src/frame/slug.js'

describe('an inbox', () => {
  it('is a slug that names its owner, and is new every time', () => {
    const made = new Set<string>()
    for (let i = 0; i < 1000; i++) {
      const inbox = newInbox('ci')
      expect(isInbox(inbox)).toBe(true)
      expect(inboxOwner(inbox)).toBe('ci')
      checkSlug(inbox, 'from')
      made.add(inbox)
    }
    expect(made.size).toBe(1000)
  })

  it('can be made of the longest slug', () => {
    const inbox = newInbox('s'.repeat(LIMITS.slugLength))
    expect(() => checkSlug(inbox, 'from')).not.toThrow()
  })
})

describe('checkSlug', () => {
  it('names the field and not the slug', () => {
    expect(() => checkSlug('top secret', 'to')).toThrow('[slug-invalid] to holds white space')
  })

  it('takes a length of its own', () => {
    expect(() => checkSlug('abc', 'to', 2)).toThrow('longer than 2')
    expect(() => checkSlug('s'.repeat(1000), 'to', Number.POSITIVE_INFINITY)).not.toThrow()
  })
})
