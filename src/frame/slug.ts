import { randomBytes } from 'node:crypto'
import { LIMITS } from '../../generated/limits.js'
import { WgrokError } from '../errors.js'
import { isWellFormed } from './unicode.js'

/** Stands in `from` when nobody is to be answered. */
export const ANONYMOUS = '-'

const INBOX_MARK = '~'
const NONCE_BYTES = 9
const NONCE_LENGTH_MIN = 4
const NONCE_LENGTH_MAX = 32

/**
 * Checks a slug that is about to be sent. Received slugs are not checked beyond what the frame needs.
 *
 * Of an inbox (`slug~nonce`) only the slug counts towards the length.
 *
 * @param field name of the slug in the error text
 * @param maxLength in code points. Default `LIMITS.slugLength`.
 * @throws WgrokError `slug-invalid` when it is empty, too long, starts with `./`, or holds a colon, white space, a
 *   control character or half a surrogate pair.
 */
export function checkSlug(slug: string, field: string, maxLength: number = LIMITS.slugLength): void {
  const problem = slugProblem(slug, maxLength)
  if (problem !== undefined) throw new WgrokError('slug-invalid', `${field} ${problem}`)
}

function slugProblem(slug: string, maxLength: number): string | undefined {
  if (slug === '') return 'is empty'
  // Relayed without its prefix, such a frame would read as a command.
  if (slug.startsWith('./')) return 'starts with "./"'
  for (let i = 0; i < slug.length; i++) {
    const code = slug.charCodeAt(i)
    if (code === 0x3a) return 'holds a colon'
    if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return 'holds a control character'
  }
  if (/\s/u.test(slug)) return 'holds white space'
  if (!isWellFormed(slug)) return 'holds half a surrogate pair'
  const owner = inboxOwner(slug) ?? slug
  if (owner.length > maxLength && [...owner].length > maxLength) return `is longer than ${maxLength} characters`
  return undefined
}

/** A fresh inbox of `slug`: a return address that only one request uses. Form `slug~nonce`, 72 random bits. */
export function newInbox(slug: string): string {
  return `${slug}${INBOX_MARK}${randomBytes(NONCE_BYTES).toString('base64url')}`
}

/** Whether a slug has the form of an inbox: `slug~nonce`, the nonce 4 to 32 of `A-Z a-z 0-9 _ -`. */
export function isInbox(to: string): boolean {
  return inboxOwner(to) !== undefined
}

/** The slug that an inbox belongs to; undefined when `to` is no inbox. */
export function inboxOwner(to: string): string | undefined {
  const mark = to.lastIndexOf(INBOX_MARK)
  const length = to.length - mark - 1
  if (mark < 1 || length < NONCE_LENGTH_MIN || length > NONCE_LENGTH_MAX) return undefined
  for (let i = mark + 1; i < to.length; i++) if (!isNonceUnit(to.charCodeAt(i))) return undefined
  return to.slice(0, mark)
}

function isNonceUnit(code: number): boolean {
  if (code >= 0x61 && code <= 0x7a) return true
  if (code >= 0x41 && code <= 0x5a) return true
  return (code >= 0x30 && code <= 0x39) || code === 0x2d || code === 0x5f
}
