import { WgrokError } from '../errors.js'
import type { CliIo } from './io.js'

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what this is about.
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

/** Text from the network for a terminal: what could move the cursor or hide text is shown as an escape. */
export function printable(text: string): string {
  return text.replace(CONTROLS, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** `1 byte`, `2 bytes`. */
export function count(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString('en')} ${n === 1 ? one : many}`
}

/**
 * The payload of a command: its argument, or all of stdin, verbatim.
 *
 * @throws WgrokError `config-invalid` when there is neither, `utf8-invalid` when stdin is not UTF-8.
 */
export async function readPayload(argument: string | undefined, io: CliIo): Promise<string> {
  if (argument !== undefined && argument !== '-') return argument
  if (argument === undefined && io.stdinIsTerminal) {
    throw new WgrokError('config-invalid', 'no payload: pass it as an argument, or pipe it in')
  }
  const chunks: Uint8Array[] = []
  for await (const chunk of io.stdin) chunks.push(chunk)
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(chunks))
  } catch (cause) {
    throw new WgrokError('utf8-invalid', 'stdin is not UTF-8', { cause })
  }
}
