/** A line of a client, as far as a server reads it. */
export interface ClientLine {
  readonly tags: ReadonlyMap<string, string>
  readonly command: string
  readonly params: readonly string[]
}

/** Reads a line without prefix, which clients do not send. */
export function readLine(line: string): ClientLine {
  let rest = line
  const tags = new Map<string, string>()
  if (rest.startsWith('@')) {
    const end = rest.indexOf(' ')
    for (const tag of rest.slice(1, end).split(';')) {
      const [name = '', value = ''] = tag.split('=', 2)
      tags.set(name, value)
    }
    rest = rest.slice(end + 1)
  }
  const colon = rest.indexOf(' :')
  const words = (colon === -1 ? rest : rest.slice(0, colon)).split(' ').filter(word => word !== '')
  const [command = '', ...params] = words
  return { tags, command: command.toUpperCase(), params: colon === -1 ? params : [...params, rest.slice(colon + 2)] }
}

/** A message as others see it: cut at the byte where the line is full, inside a character where it comes to that. */
export function relayed(mask: string, target: string, text: string, lineMax: number, command = 'PRIVMSG'): Buffer {
  return Buffer.from(`:${mask} ${command} ${target} :${text}`).subarray(0, lineMax - 2)
}

/** The same name under CASEMAPPING rfc1459. */
export function fold(name: string): string {
  return name.toLowerCase().replace(/[[\]\\~]/g, char => ({ '[': '{', ']': '}', '\\': '|', '~': '^' })[char] ?? char)
}
