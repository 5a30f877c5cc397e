/** `session_key` -> `['session', 'key']`, `BridgeMessage` -> `['Bridge', 'Message']`, `IRCLine` -> `['IRC', 'Line']`. */
export function words(name: string): string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1 $2')
    .split(/[^A-Za-z0-9]+/)
    .filter(word => word !== '')
}

/** `session_key` -> `SessionKey`. Upper-case runs are kept as written. */
export function pascal(name: string): string {
  const joined = words(name)
    .map(word => word.charAt(0).toUpperCase() + word.slice(1))
    .join('')
  return /^[0-9]/.test(joined) || joined === '' ? `N${joined}` : joined
}

/** `BridgeMessage` -> `bridgeMessage`. */
export function camel(name: string): string {
  const text = pascal(name)
  return text.charAt(0).toLowerCase() + text.slice(1)
}

/** `BridgeMessage` -> `BRIDGE_MESSAGE`. */
export function constant(name: string): string {
  return words(pascal(name)).join('_').toUpperCase()
}

/** `BridgeMessage` -> `bridge-message`. */
export function kebab(name: string): string {
  return words(name).join('-').toLowerCase()
}

/** `PLATFORM` -> `PLATFORMS`, `CAPABILITY` -> `CAPABILITIES`, `STATUS` -> `STATUSES`. */
export function plural(name: string): string {
  if (/[^AEIOU]Y$/.test(name)) return `${name.slice(0, -1)}IES`
  return name.endsWith('S') ? `${name}ES` : `${name}S`
}

/** True when `name` can stand after a dot or as an object key without quotes. */
export function isIdentifier(name: string): boolean {
  return /^[A-Za-z_$][\w$]*$/.test(name) && name !== '__proto__'
}

/** A property key as TypeScript source: bare when that is safe, else quoted. */
export function key(name: string): string {
  if (name === '__proto__') return "['__proto__']"
  return isIdentifier(name) ? name : quote(name)
}

/**
 * A string literal as source text, single-quoted. Escapes what would end the literal or the line, and the two line
 * separators that JSON leaves bare.
 */
export function quote(text: string): string {
  const body = JSON.stringify(text)
    .slice(1, -1)
    .replaceAll('\\"', '"')
    .replaceAll("'", "\\'")
    .replaceAll('\u2028', '\\u2028')
    .replaceAll('\u2029', '\\u2029')
  return `'${body}'`
}
