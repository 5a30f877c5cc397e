import { WgrokError } from '../../errors.js'
import type { Address } from '../../protocol.js'
import type { OutboundMessage } from '../transport.js'

/** What must not stand in the middle of a line, or would make it another command. */
const TARGET = /^[^\s,:\p{Cc}][^\s,\p{Cc}]*$/u

/**
 * The nick or channel that a message goes to.
 *
 * @throws WgrokError `target-invalid` for what is no address on IRC.
 */
export function targetOf(to: Address): string {
  if (to.platform !== 'irc' || (to.kind !== 'channel' && to.kind !== 'nick')) {
    throw new WgrokError('target-invalid', `IRC cannot send to a ${to.platform} ${to.kind}`)
  }
  if (!TARGET.test(to.id)) throw new WgrokError('target-invalid', `the id is no IRC ${to.kind}`)
  return to.id
}

/**
 * The text of a message, which has to be one line. Cards are not shown on IRC.
 *
 * @throws WgrokError `payload-invalid` for what no line can hold.
 */
export function textOf(message: OutboundMessage): string {
  const { text } = message
  if (text === '') throw new WgrokError('payload-invalid', 'IRC has no empty messages')
  for (const char of ['\r', '\n', '\0']) {
    if (text.includes(char)) throw new WgrokError('payload-invalid', 'an IRC message holds no line break and no NUL')
  }
  if (text.startsWith('\u0001')) throw new WgrokError('payload-invalid', 'the text would be a CTCP command')
  return text
}

/** `PRIVMSG`, with the label that the server repeats in its answer. */
export function privmsg(target: string, text: string, label?: string): string {
  return `${label === undefined ? '' : `@label=${label} `}PRIVMSG ${target} :${text}`
}
