/** Why a text is not taken for an envelope. Names the rule, never what was found. */
export type JsonProblem = 'not JSON' | 'not an object' | 'nested too deeply' | 'a key is doubled' | 'a key is forbidden'

/** What {@link readJson} makes of a text. */
export type JsonResult =
  | { readonly ok: true; readonly value: Record<string, unknown> }
  | { readonly ok: false; readonly problem: JsonProblem }

/** Containers inside containers that an envelope may have. */
const DEPTH_MAX = 64

const QUOTE = 0x22
const COLON = 0x3a
const BACKSLASH = 0x5c

/**
 * Parses one JSON object and refuses what two readers could take for different things, or what could hurt whoever
 * passes it on: doubled keys, `__proto__`, nesting that overflows the stack when written again.
 */
export function readJson(text: string): JsonResult {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { ok: false, problem: 'not JSON' }
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { ok: false, problem: 'not an object' }
  const members = countMembers(value, 1)
  if (typeof members === 'string') return { ok: false, problem: members }
  // JSON.parse keeps the last of two equal keys, so the text has more members than the value.
  if (countColons(text) !== members) return { ok: false, problem: 'a key is doubled' }
  return { ok: true, value: value as Record<string, unknown> }
}

function countMembers(value: object, depth: number): number | JsonProblem {
  if (depth > DEPTH_MAX) return 'nested too deeply'
  const isArray = Array.isArray(value)
  let count = 0
  for (const key of Object.keys(value)) {
    if (!isArray) {
      if (key === '__proto__') return 'a key is forbidden'
      count += 1
    }
    const inner: unknown = (value as Record<string, unknown>)[key]
    if (typeof inner === 'object' && inner !== null) {
      const below = countMembers(inner, depth + 1)
      if (typeof below === 'string') return below
      count += below
    }
  }
  return count
}

/** Colons outside strings, that is members of objects, in a text that is known to be JSON. */
function countColons(text: string): number {
  let count = 0
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at)
    if (unit === COLON) count += 1
    else if (unit === QUOTE) at = endOfString(text, at)
  }
  return count
}

function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1)
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1)
  return end
}

function isEscaped(text: string, at: number): boolean {
  let slashes = 0
  while (text.charCodeAt(at - 1 - slashes) === BACKSLASH) slashes += 1
  return slashes % 2 === 1
}
