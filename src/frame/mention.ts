/** A mention as Slack and Discord write it into the text: `<@U012>`, `<@U012|name>`, `<@!123>`. */
const TOKEN = /^<@!?[A-Za-z0-9_.|-]{1,128}>/

/**
 * Takes the mentions of ourselves off the front of a message, and nothing else: a frame keeps every character.
 *
 * Without `names`, mention tokens (`<@U012>`) are taken off. With `names`, also a name that the platform writes out, as
 * in `wgrok ./pause`, `@wgrok ./pause` and `wgrok: ./pause`; upper and lower case are the same. Text without a mention
 * comes back unchanged, white space included.
 */
export function stripMention(text: string, names: readonly string[] = []): string {
  let rest = text
  for (;;) {
    const start = skipSpace(rest, 0)
    const end = mentionEnd(rest, start, names)
    if (end === start) return rest
    rest = rest.slice(skipSpace(rest, end))
  }
}

/** Where the mention at `start` ends, its colon or comma included; `start` when there is none. */
function mentionEnd(text: string, start: number, names: readonly string[]): number {
  if (text.startsWith('<@', start)) {
    const token = TOKEN.exec(text.slice(start, start + 136))
    return token === null ? start : skipMark(text, start + token[0].length)
  }
  const at = text.startsWith('@', start) ? start + 1 : start
  let longest = start
  for (const name of names) {
    const end = at + name.length
    if (name === '' || end <= longest) continue
    if (text.slice(at, end).toLowerCase() !== name.toLowerCase()) continue
    const marked = skipMark(text, end)
    // A name is a whole word: `deploy:ci:-:x` is a frame, not a call for `deploy`.
    if (marked === text.length || isSpace(text, marked)) longest = marked
  }
  return longest
}

function skipMark(text: string, index: number): number {
  const mark = text[index]
  if (mark !== ':' && mark !== ',') return index
  return index + 1 === text.length || isSpace(text, index + 1) ? index + 1 : index
}

function skipSpace(text: string, from: number): number {
  let index = from
  while (index < text.length && isSpace(text, index)) index++
  return index
}

function isSpace(text: string, index: number): boolean {
  const code = text.charCodeAt(index)
  // Nearly every text begins with printable ASCII.
  if (code > 0x20 && code < 0x7f) return false
  return /\s/u.test(text[index] ?? '')
}
