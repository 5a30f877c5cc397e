/** How a text came in: typed by a person, or posted over the API, which takes escaped text with references. */
export type TextSource = 'typed' | 'posted'

const REFERENCE = /<(?:[@#!][^<>\s]+|(?:https?|mailto|tel):[^<>]+)>/
const ENTITY = /&(?:amp|lt|gt);/
const LINK = /https?:\/\/[^\s<>|]+/
const MAIL = /[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+/
const DOMAIN = /\b(?:[a-z0-9-]+\.)+(?:com|org|net|io|dev)\b/
const EMOJI = /\p{Extended_Pictographic}\uFE0F?/u

const POSTED = new RegExp([REFERENCE, ENTITY, LINK, EMOJI, /[&<>]/].map(part => part.source).join('|'), 'gu')
const TYPED = new RegExp([LINK, MAIL, DOMAIN, EMOJI, /[&<>]/].map(part => part.source).join('|'), 'gu')

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' }

/**
 * What Slack makes of a text before anybody gets to read it: white space at both ends gone, three characters escaped,
 * addresses turned into references in angle brackets, emoji into names.
 *
 * The names of emoji are made up, but they are as far from the text as Slack's own.
 */
export function storedText(text: string, source: TextSource): string {
  const trimmed = text.trim()
  return source === 'posted' ? trimmed.replace(POSTED, found => rewritePosted(found)) : trimmed.replace(TYPED, rewrite)
}

/** Slash commands get the three characters escaped and nothing else. */
export function commandText(text: string): string {
  return text.trim().replace(/[&<>]/g, char => ESCAPES[char] ?? char)
}

function rewritePosted(found: string): string {
  if (found.length > 1 && (found.startsWith('<') || found.startsWith('&'))) return found
  return rewrite(found)
}

function rewrite(found: string): string {
  const escaped = ESCAPES[found]
  if (escaped !== undefined) return escaped
  const first = found.codePointAt(0) ?? 0
  if (first > 0x7f) return `:u${first.toString(16)}:`
  if (/^https?:/.test(found)) return `<${found.replaceAll('&', '&amp;')}>`
  return found.includes('@') ? `<mailto:${found}|${found}>` : `<http://${found}|${found}>`
}

/** The pieces that Slack makes of a text that is longer than `size`, in UTF-16 units, never inside an entity. */
export function splitText(text: string, size: number): readonly string[] {
  const pieces: string[] = []
  for (let start = 0; start < text.length; ) {
    let end = Math.min(text.length, start + size)
    const entity = text.lastIndexOf('&', end - 1)
    if (end < text.length && entity > end - 5 && entity > start && text.indexOf(';', entity) >= end) end = entity
    pieces.push(text.slice(start, end))
    start = end
  }
  return pieces.length === 0 ? [''] : pieces
}
